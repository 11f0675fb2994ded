"""Readers: how many there are, when there are too many, and when they may read no more."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.asker import Asker, bearer, holder, stranger
from chatcomet.access.grants import Grants
from chatcomet.access.identity import Session
from chatcomet.access.refusals import Refusals
from chatcomet.access.sessions import LIFE_SECONDS
from chatcomet.access.tickets import Ticket
from chatcomet.api.readers import EXPIRY_SECONDS, Readers
from chatcomet.core.rulings import Kind, Ruling
from chatcomet.errors import AskerError, BadTicket, NotAllowed, NotSignedIn

NOON = 1_795_354_155.0
ADDRESSES = [None, "192.0.2.1", "192.0.2.2", "2001:db8::/64"]


def with_session(session: str, address: str | None = None, seconds: float = LIFE_SECONDS) -> Asker:
    """Whose cookie is too old in so many seconds from noon."""
    return holder(Session(session, f"name of {session}", NOON + seconds - LIFE_SECONDS), address)


def with_ticket(jti: str, seconds: float = 60.0) -> Asker:
    """Whose ticket expires in so many seconds from noon."""
    return bearer(Ticket("ada", Grants(), NOON + seconds, f"jti:{jti}"), None)


class Waiting:
    """A reader that leaves when it is dismissed, as all do; and does something then, if the test says so."""

    def __init__(self, readers: Readers, asker: Asker, *rooms: str) -> None:
        self.asker = asker
        self.rooms = rooms or ("lobby",)
        self.faults: list[AskerError] = []
        self.then: Callable[[], None] = lambda: None
        self._readers = readers

    def dismiss(self, fault: AskerError) -> None:
        self.faults.append(fault)
        self._readers.leave(self)
        self.then()


class ReadersTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.now = NOON
        self.closed: set[tuple[str, str]] = set()
        """Who may not read which room: names and rooms."""
        self.readers = self.limited(0, 0)

    def limited(self, most: int, most_each: int) -> Readers:
        return Readers(most, most_each, Refusals(Clock()), self.check, lambda: self.now, self.clock)

    def check(self, asker: Asker, room: str) -> None:
        if (asker.name, room) in self.closed:
            raise NotAllowed(f"not {room}")

    def enter(self, asker: Asker, *rooms: str) -> Waiting:
        """One that is let in."""
        waiting = Waiting(self.readers, asker, *rooms)
        self.assertTrue(self.readers.enter(waiting))
        return waiting

    def pass_seconds(self, seconds: float) -> None:
        """On both clocks."""
        for _ in range(round(seconds / 0.125)):
            self.now += 0.125
            self.clock.advance(0.125)

    def assert_dismissed(self, waiting: Waiting, kind: type[AskerError]) -> None:
        """Once, and for this reason."""
        self.assertEqual([type(fault) for fault in waiting.faults], [kind])

    def assert_waits(self, *waiting: Waiting) -> None:
        self.assertEqual([each.faults for each in waiting], [[] for _ in waiting])


class LimitTests(ReadersTestCase):
    def entered(self, readers: Readers, address: str | None, tries: int = 10) -> list[Waiting]:
        """Those of so many that are let in."""
        waiting = [Waiting(readers, stranger(address)) for _ in range(tries)]
        return [each for each in waiting if readers.enter(each)]

    def test_in_all(self) -> None:
        readers = self.limited(3, 0)
        first, _ = self.entered(readers, "192.0.2.1", 2)
        self.assertEqual(len(self.entered(readers, None)), 1)
        self.assertEqual(self.entered(readers, "192.0.2.2"), [])
        self.assertEqual(len(readers), 3)
        readers.leave(first)
        self.assertEqual(len(self.entered(readers, "192.0.2.2")), 1)

    def test_from_each_address(self) -> None:
        readers = self.limited(0, 2)
        let_in = [self.entered(readers, address) for address in ADDRESSES[1:]]
        self.assertEqual([len(each) for each in let_in], [2, 2, 2])
        readers.leave(let_in[0][0])
        self.assertEqual(len(self.entered(readers, "192.0.2.1")), 1)
        self.assertEqual(len(self.entered(readers, None)), 10)

    def test_an_address_is_one_whoever_is_there(self) -> None:
        self.readers = self.limited(0, 2)
        self.enter(with_session("a", "192.0.2.1"))
        self.enter(stranger("192.0.2.1"))
        self.assertFalse(self.readers.enter(Waiting(self.readers, with_session("b", "192.0.2.1"))))

    def test_without_limits(self) -> None:
        for address in ADDRESSES:
            self.assertEqual(len(self.entered(self.readers, address, 1_000)), 1_000)

    def test_whoever_was_put_off_is_not_there(self) -> None:
        for readers in (self.limited(1, 0), self.limited(0, 1)):
            (one,) = self.entered(readers, "192.0.2.1")
            readers.leave(one)
            (one,) = self.entered(readers, "192.0.2.1")
            self.assertEqual(len(readers), 1)
            readers.heed(Ruling("ban", "lobby", "guest", inf, "ada", NOON))
            self.assertEqual(one.faults, [])

    def test_whoever_is_put_off_is_counted_for_the_operator(self) -> None:
        for readers, reason in (
            (self.limited(1, 0), "readers"),
            (self.limited(0, 1), "readers of one address"),
            (self.limited(1, 1), "readers"),
        ):
            self.entered(readers, "192.0.2.1", 1)
            with capturedLogs() as events:
                self.entered(readers, "192.0.2.1", 1)
            self.assertEqual([event["name"] for event in events], [reason])

    @settings(deadline=None)
    @given(
        st.integers(0, 6),
        st.integers(0, 3),
        st.lists(st.tuples(st.booleans(), st.sampled_from(ADDRESSES), st.sampled_from([None, "a", "b", "ticket"]))),
    )
    def test_as_a_list_of_them_would(
        self, most: int, most_each: int, steps: list[tuple[bool, str | None, str | None]]
    ) -> None:
        readers = self.limited(most, most_each)
        listed: list[Waiting] = []
        for enters, address, right in steps:
            if enters:
                full = bool(most) and len(listed) >= most
                there = [each for each in listed if each.asker.address == address]
                greedy = address is not None and bool(most_each) and len(there) >= most_each
                waiting = Waiting(readers, self.asker(address, right))
                self.assertEqual(readers.enter(waiting), not full and not greedy)
                if not full and not greedy:
                    listed.append(waiting)
            else:
                gone = next((each for each in listed if each.asker == self.asker(address, right)), None)
                if gone is not None:
                    readers.leave(gone)
                    listed.remove(gone)
            self.assertEqual(len(readers), len(listed))
        for each in listed:
            readers.leave(each)
        self.assertEqual((len(readers), readers._by_address), (0, {}))
        self.clock.advance(EXPIRY_SECONDS)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def asker(self, address: str | None, right: str | None) -> Asker:
        if right == "ticket":
            return bearer(Ticket("ada", Grants(), NOON + 60, "jti:1"), address)
        return stranger(address) if right is None else with_session(right, address)


class EndedTests(ReadersTestCase):
    """A right that ends, ends what was begun by it."""

    def end(self, kind: Kind, subject: str) -> None:
        self.readers.heed(Ruling(kind, "", subject, inf, "ada", self.now))

    def test_of_a_session_and_of_no_other(self) -> None:
        first, second = self.enter(with_session("a")), self.enter(with_session("a", "192.0.2.1"))
        others = [self.enter(each) for each in (with_session("b"), stranger(None), with_ticket("a"))]
        self.end("ended", "a")
        self.assert_dismissed(first, NotSignedIn)
        self.assert_dismissed(second, NotSignedIn)
        self.assert_waits(*others)
        self.assertEqual(len(self.readers), 3)

    def test_of_a_ticket_and_of_no_other(self) -> None:
        first, second = self.enter(with_ticket("1")), self.enter(with_ticket("1", 90.0))
        others = [self.enter(each) for each in (with_ticket("2"), with_session("1"), with_session("jti"))]
        self.end("revoked", "jti:1")
        self.assert_dismissed(first, NotSignedIn)
        self.assert_dismissed(second, NotSignedIn)
        self.assert_waits(*others)

    def test_of_who_is_not_here(self) -> None:
        waiting = self.enter(with_session("a"))
        self.readers.leave(waiting)
        self.end("ended", "a")
        self.assert_waits(waiting)

    def test_one_that_raises_keeps_it_from_nobody(self) -> None:
        first, second = self.enter(with_session("a")), self.enter(with_session("a"))
        first.then = self.stumble
        self.end("ended", "a")
        self.assert_dismissed(second, NotSignedIn)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def stumble(self) -> None:
        raise ZeroDivisionError


class CheckTests(ReadersTestCase):
    """Who may not read any more what they read."""

    def test_all_that_each_reads(self) -> None:
        ada, bob = with_session("a"), with_session("b")
        lobby, other = self.enter(ada, "lobby"), self.enter(ada, "kitchen")
        both, three = self.enter(ada, "kitchen", "lobby"), self.enter(bob, "lobby", "kitchen", "attic")
        self.readers.check_all()
        self.assert_waits(lobby, other, both, three)
        self.closed = {(ada.name, "lobby"), (bob.name, "attic")}
        self.readers.check_all()
        for each in (lobby, both, three):
            self.assert_dismissed(each, NotAllowed)
        self.assertEqual(str(three.faults[0]), "not attic")
        self.assert_waits(other)
        self.assertEqual(len(self.readers), 1)

    def test_a_ban_is_a_reason_to_look(self) -> None:
        waiting = self.enter(with_session("a"))
        self.closed = {(waiting.asker.name, "lobby")}
        self.readers.heed(Ruling("ban", "lobby", "whoever", inf, "ada", NOON))
        self.assert_dismissed(waiting, NotAllowed)

    def test_a_mute_is_none(self) -> None:
        waiting = self.enter(with_session("a"))
        self.closed = {(waiting.asker.name, "lobby")}
        self.readers.heed(Ruling("mute", "lobby", waiting.asker.name, inf, "ada", NOON))
        self.assert_waits(waiting)

    def test_one_who_comes_meanwhile_is_let_in(self) -> None:
        first = self.enter(with_session("a"))
        self.closed = {(first.asker.name, "lobby")}
        came: list[Waiting] = []
        first.then = lambda: came.append(self.enter(with_session("b")))
        self.readers.check_all()
        self.assert_dismissed(first, NotAllowed)
        self.assert_waits(*came)
        self.assertEqual(len(self.readers), 1)

    def test_one_who_leaves_meanwhile_is_not_dismissed(self) -> None:
        for end in (self.readers.check_all, lambda: self.readers.heed(Ruling("ended", "", "a", inf, "ada", NOON))):
            first, second = self.enter(with_session("a")), self.enter(with_session("a"))
            self.closed = {(first.asker.name, "lobby")}
            first.then = lambda gone=second: self.readers.leave(gone)  # type: ignore[misc]
            end()
            self.assertEqual((len(first.faults), len(second.faults), len(self.readers)), (1, 0, 0))
        self.assertEqual(self.flushLoggedErrors(), [])


class ExpiryTests(ReadersTestCase):
    def test_an_expired_ticket_ends_what_was_begun_by_it_within_a_second(self) -> None:
        first, second = self.enter(with_ticket("1", 10.0)), self.enter(with_ticket("2", 20.0))
        others = [self.enter(with_session("a")), self.enter(stranger(None))]
        self.pass_seconds(9.875)
        self.assert_waits(first, second, *others)
        self.pass_seconds(0.125 + EXPIRY_SECONDS)
        self.assert_dismissed(first, BadTicket)
        self.assert_waits(second)
        self.pass_seconds(10.0)
        self.assert_dismissed(second, BadTicket)
        self.assert_waits(*others)
        self.assertEqual(len(self.readers), 2)

    def test_by_the_wall_clock(self) -> None:
        waiting = self.enter(with_ticket("1", 10.0))
        self.clock.pump([EXPIRY_SECONDS] * 100)
        self.assert_waits(waiting)
        self.now += 10.0
        self.clock.advance(EXPIRY_SECONDS)
        self.assert_dismissed(waiting, BadTicket)

    def test_all_of_one_ticket(self) -> None:
        ada = with_ticket("1", 1.0)
        all_of_it = [self.enter(ada) for _ in range(3)]
        self.pass_seconds(1.0 + EXPIRY_SECONDS)
        for each in all_of_it:
            self.assert_dismissed(each, BadTicket)

    def test_each_at_its_time_where_several_have_one_jti(self) -> None:
        long, short, longer = (self.enter(with_ticket("1", seconds)) for seconds in (20.0, 10.0, 30.0))
        self.pass_seconds(10.0 + EXPIRY_SECONDS)
        self.assert_dismissed(short, BadTicket)
        self.assert_waits(long, longer)
        self.pass_seconds(10.0)
        self.assert_dismissed(long, BadTicket)
        self.assert_waits(longer)

    def test_one_that_takes_another_with_it_stops_nothing(self) -> None:
        first, second = self.enter(with_ticket("1", 1.0)), self.enter(with_ticket("2", 1.0))
        third = self.enter(with_ticket("3", 2.0))
        first.then = lambda: self.readers.leave(second)
        self.pass_seconds(2.0 + EXPIRY_SECONDS)
        self.assert_dismissed(first, BadTicket)
        self.assert_waits(second)
        self.assert_dismissed(third, BadTicket)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_session_whose_cookie_is_too_old_does_so_too(self) -> None:
        first, second = self.enter(with_session("a", seconds=10.0)), self.enter(with_session("a", seconds=20.0))
        others = [self.enter(stranger(None)), self.enter(with_ticket("1"))]
        self.pass_seconds(9.875)
        self.assert_waits(first, second, *others)
        self.pass_seconds(0.125 + EXPIRY_SECONDS)
        self.assert_dismissed(first, NotSignedIn)
        self.assert_waits(second, *others)
        self.pass_seconds(10.0)
        self.assert_dismissed(second, NotSignedIn)
        self.assert_waits(*others)

    def test_one_that_comes_while_others_wait_and_ends_before_them(self) -> None:
        waiting = self.enter(with_ticket("1", 30.0))
        self.pass_seconds(1.0)
        sooner, soonest = self.enter(with_session("a", seconds=20.0)), self.enter(with_ticket("2", 5.0))
        for seconds, ended in ((5.0, soonest), (15.0, sooner), (10.0, waiting)):
            self.assert_waits(ended)
            self.pass_seconds(seconds)
            self.assertEqual(len(ended.faults), 1)

    def test_one_that_comes_as_another_is_dismissed(self) -> None:
        came: list[Waiting] = []
        first = self.enter(with_ticket("1", 1.0))
        first.then = lambda: came.append(self.enter(with_ticket("2", 3.0)))
        self.pass_seconds(1.0 + EXPIRY_SECONDS)
        self.assert_waits(*came)
        self.pass_seconds(2.0)
        self.assert_dismissed(came[0], BadTicket)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_looks_only_while_there_is_something_that_may_expire(self) -> None:
        self.enter(stranger(None))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        waiting = self.enter(with_ticket("1", 10.0))
        self.enter(with_ticket("2", 10.0))
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.readers.leave(waiting)
        self.pass_seconds(10.0 + 3 * EXPIRY_SECONDS)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        another = self.enter(with_ticket("3", 20.0))
        self.pass_seconds(10.0)
        self.assert_dismissed(another, BadTicket)

    def test_stopped_it_looks_no_more(self) -> None:
        waiting = self.enter(with_ticket("1", 10.0))
        self.readers.stop()
        self.pass_seconds(20.0)
        self.assert_waits(waiting)
        self.readers.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
