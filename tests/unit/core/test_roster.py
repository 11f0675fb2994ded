"""Roster: who is here, across polls, and how often the others hear of it."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.hub import IDLE_SECONDS, Hub
from chatcomet.core.message import DEFAULT_LIMIT, Cursor, Message, Page
from chatcomet.core.roster import (
    GRACE_SECONDS,
    NAMES,
    TYPING_SECONDS,
    VERSIONS_A_SECOND,
    WAKE_SECONDS,
    WAKES_A_SECOND,
    Listed,
    Person,
    Roster,
)
from tests.unit.core.slow_store import EPOCH, SlowStore

ADA, BOB, GUEST = Person("a", "ada"), Person("b", "bob"), Person("203.0.113.7", None)


class RosterTestCase(SynchronousTestCase):
    """A roster that somebody looks at, and when that was told of a change."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(100.0)
        self.looking = True
        self.told: list[float] = []
        self.roster = self.make()

    def make(self) -> Roster:
        return Roster(self.clock, lambda: self.looking, lambda: self.told.append(self.clock.seconds()))

    def names(self) -> list[str]:
        return [listed.name for listed in self.roster.state.people]

    def typists(self) -> list[str]:
        return [listed.name for listed in self.roster.state.people if listed.typing]


class PresenceTests(RosterTestCase):
    def test_nobody(self) -> None:
        state = self.roster.state
        self.assertEqual((state.version, state.count, state.people), (self.roster.version, 0, ()))
        self.assertEqual((len(self.roster), self.clock.getDelayedCalls()), (0, []))

    def test_by_name_and_a_guest_is_only_counted(self) -> None:
        for person in (BOB, GUEST, ADA):
            self.roster.enter(person)
        self.assertEqual(self.roster.state.people, (Listed("ada", False), Listed("bob", False)))
        self.assertEqual((self.roster.state.count, len(self.roster)), (3, 3))

    def test_one_state_for_all_until_it_changes(self) -> None:
        self.roster.enter(ADA)
        before = self.roster.state
        self.roster.enter(ADA)
        self.assertIs(self.roster.state, before)
        self.roster.enter(BOB)
        self.assertEqual((before.count, self.roster.state.count), (1, 2))
        self.assertGreater(self.roster.state.version, before.version)

    def test_here_while_one_of_its_readers_is(self) -> None:
        self.roster.enter(ADA)
        self.roster.enter(ADA)
        self.roster.leave(ADA)
        self.clock.advance(10 * GRACE_SECONDS)
        self.assertEqual(self.names(), ["ada"])

    def test_here_for_the_grace_after_and_not_longer(self) -> None:
        self.roster.enter(ADA)
        self.roster.leave(ADA)
        self.clock.advance(GRACE_SECONDS - 0.01)
        self.assertEqual(self.names(), ["ada"])
        self.clock.advance(0.01)
        self.assertEqual((self.names(), len(self.roster)), ([], 0))

    def test_coming_back_within_the_grace_changes_nothing(self) -> None:
        self.roster.enter(ADA)
        version = self.roster.version
        for _ in range(20):
            self.roster.leave(ADA)
            self.clock.advance(GRACE_SECONDS - 0.5)
            self.roster.enter(ADA)
            self.clock.advance(5.0)
        self.assertEqual((self.roster.version, self.names()), (version, ["ada"]))
        self.roster.leave(ADA)
        self.clock.advance(GRACE_SECONDS)
        self.assertEqual((self.roster.version, self.names()), (version + 1, []))

    def test_each_has_a_grace_of_its_own(self) -> None:
        for person in (ADA, BOB, GUEST):
            self.roster.enter(person)
        self.roster.leave(ADA)
        self.clock.advance(4.0)
        self.roster.leave(BOB)
        self.clock.advance(1.0)
        self.roster.enter(ADA)
        self.roster.leave(ADA)  # at 5: after bob
        self.clock.advance(8.9)
        self.assertEqual(self.names(), ["ada", "bob"])
        self.clock.advance(0.1)
        self.assertEqual(self.names(), ["ada"])
        self.clock.advance(0.9)
        self.assertEqual(self.names(), ["ada"])
        self.clock.advance(0.1)
        self.assertEqual((self.names(), len(self.roster)), ([], 1))

    def test_the_grace_ends_at_times_that_do_not_add_up_exactly(self) -> None:
        self.looking = False
        for tenths in range(1, 60):  # (0.1 + 10) - 10 is less than 0.1
            self.clock = Clock()
            self.clock.advance(tenths / 10)
            self.roster = self.make()
            self.roster.enter(ADA)
            self.roster.leave(ADA)
            self.clock.advance(GRACE_SECONDS)
            self.assertEqual((len(self.roster), self.clock.getDelayedCalls()), (0, []))

    def test_who_left_and_came_back_leaves_no_timer_running_on(self) -> None:
        self.looking = False
        self.roster.enter(ADA)
        self.roster.leave(ADA)
        self.clock.advance(1.0)
        self.roster.enter(ADA)
        self.clock.advance(GRACE_SECONDS)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_renamed_person_is_one_person(self) -> None:
        self.roster.enter(ADA)
        version = self.roster.version
        self.roster.enter(Person(ADA.id, "lovelace"))
        self.assertEqual((self.names(), self.roster.version), (["lovelace"], version + 1))
        self.roster.leave(ADA)
        self.clock.advance(GRACE_SECONDS)
        self.assertEqual(self.names(), ["lovelace"])
        self.roster.leave(Person(ADA.id, "lovelace"))
        self.clock.advance(GRACE_SECONDS)
        self.assertEqual(len(self.roster), 0)

    def test_a_hundred_names_and_a_count(self) -> None:
        for number in range(NAMES + 50, 0, -1):
            self.roster.enter(Person(str(number), f"{number:04}"))
        self.assertEqual(self.names(), [f"{number:04}" for number in range(1, NAMES + 1)])
        self.assertEqual(self.roster.state.count, NAMES + 50)

    def test_one_made_anew_does_not_show_an_old_version(self) -> None:
        for number in range(500):
            self.roster.enter(Person(str(number), None))
        self.clock.advance(500 / VERSIONS_A_SECOND + 0.001)
        self.assertGreater(self.make().version, self.roster.version)


class TypingTests(RosterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.roster.enter(ADA)

    def test_shows_for_a_while(self) -> None:
        version = self.roster.version
        self.roster.type(ADA)
        self.assertEqual((self.typists(), self.roster.version), (["ada"], version + 1))
        self.clock.advance(TYPING_SECONDS - 0.01)
        self.assertEqual(self.typists(), ["ada"])
        self.clock.advance(0.01)
        self.assertEqual((self.typists(), self.names(), self.roster.version), ([], ["ada"], version + 2))

    def test_typing_on_prolongs_it_and_changes_nothing(self) -> None:
        self.roster.type(ADA)
        version = self.roster.version
        for _ in range(5):
            self.clock.advance(TYPING_SECONDS - 1)
            self.roster.type(ADA)
        self.assertEqual((self.typists(), self.roster.version), (["ada"], version))
        self.clock.advance(TYPING_SECONDS)
        self.assertEqual((self.typists(), self.roster.version), ([], version + 1))

    def test_who_is_not_here_or_has_no_name_does_not_type(self) -> None:
        self.roster.enter(GUEST)
        version = self.roster.version
        for person in (BOB, GUEST):
            self.roster.type(person)
        self.assertEqual((self.roster.version, self.typists()), (version, []))

    def test_who_is_gone_does_not_stop_typing(self) -> None:
        self.looking = False
        self.roster.leave(ADA)
        self.clock.advance(GRACE_SECONDS - 1)
        self.roster.type(ADA)
        self.assertEqual(self.typists(), ["ada"])
        self.clock.advance(1.0)
        version = self.roster.version
        self.assertEqual((len(self.roster), self.clock.getDelayedCalls()), (0, []))
        self.clock.advance(TYPING_SECONDS)
        self.assertEqual(self.roster.version, version)


class WakingTests(RosterTestCase):
    def test_a_change_is_told_at_once_after_a_quiet_time(self) -> None:
        self.roster.enter(ADA)
        self.assertEqual(self.told, [])  # not from inside the one who enters
        self.clock.advance(0)
        self.assertEqual(self.told, [100.0])
        self.clock.advance(50.0)
        self.roster.enter(BOB)
        self.clock.advance(0)
        self.assertEqual(self.told, [100.0, 150.0])

    def test_many_changes_are_told_once_a_second(self) -> None:
        for number in range(40):
            self.roster.enter(Person(str(number), None))
            self.clock.advance(0.1)
        self.assertEqual([round(at - 100.0) for at in self.told], [0, 1, 2, 3])
        self.clock.pump([0.1] * 50)
        self.assertEqual([round(at - 100.0) for at in self.told], [0, 1, 2, 3, 4])

    def test_the_more_are_here_the_more_seldom(self) -> None:
        count = 5 * WAKES_A_SECOND
        for number in range(count):
            self.roster.enter(Person(str(number), None))
        self.clock.pump([20.0] * 2)
        self.told.clear()
        self.roster.enter(ADA)
        self.clock.advance(0)
        self.roster.enter(BOB)
        self.clock.advance(5.0)
        self.assertEqual(len(self.told), 1)
        self.clock.advance(0.03)
        self.assertEqual(len(self.told), 2)
        self.assertGreater(self.told[1] - self.told[0], 5 * WAKE_SECONDS)

    def test_nobody_looks(self) -> None:
        self.looking = False
        self.roster.enter(ADA)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.names(), ["ada"])


class InARoomTests(SynchronousTestCase):
    """A room's own roster."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = SlowStore()
        self.hub = Hub(self.store, self.clock)

    def test_a_room_stays_while_somebody_is_here_and_goes_afterwards(self) -> None:
        room = self.hub.room("lobby")
        room.roster.enter(ADA)
        self.clock.pump([IDLE_SECONDS] * 10)
        self.assertIs(self.hub.room("lobby"), room)
        room.roster.leave(ADA)
        self.clock.advance(GRACE_SECONDS - 1)
        self.assertFalse(room.idle)
        self.clock.pump([IDLE_SECONDS] * 3)
        self.assertEqual((len(self.hub), self.clock.getDelayedCalls()), (0, []))

    def test_a_change_wakes_who_looks_and_nobody_else(self) -> None:
        looks = self.look()
        reads = self.hub.after("lobby", Cursor(EPOCH, 0), DEFAULT_LIMIT, 30.0)
        self.assertEqual((self.hub.readers("lobby"), self.hub.readers("other")), (2, 0))
        self.hub.room("lobby").roster.enter(ADA)
        self.clock.advance(0)
        self.assertEqual(self.successResultOf(looks).messages, ())
        self.assertNoResult(reads)
        self.assertEqual(self.hub.waiting, 1)

    def look(self, seq: int = 0, hold_seconds: float = 30.0) -> Deferred[Page]:
        """Asks with the version of now."""
        seen = self.hub.room("lobby").roster.look().version
        return self.hub.after("lobby", Cursor(EPOCH, seq), DEFAULT_LIMIT, hold_seconds, seen)

    def check_told_in_time(self, looking: Deferred[Page], seq: int = 0) -> None:
        """`looking` is told of a second change when its time has come."""
        self.assertNoResult(looking)
        self.clock.advance(WAKE_SECONDS - 0.1)
        self.assertNoResult(looking)
        self.clock.advance(0.1)
        self.assertEqual(self.successResultOf(looking), Page("lobby", (), Cursor(EPOCH, seq)))

    def test_a_change_while_the_store_is_asked_is_told_when_it_has_answered(self) -> None:
        self.store.hold_bounds = True
        looking = self.look()
        self.hub.room("lobby").roster.enter(ADA)
        self.clock.advance(WAKE_SECONDS)
        self.store.answer_all()
        self.assertEqual(self.successResultOf(looking), Page("lobby", (), Cursor(EPOCH, 0)))

    def test_another_one_while_the_store_is_asked_is_told_at_its_time(self) -> None:
        self.store.hold_bounds = True
        self.hub.room("lobby").roster.enter(ADA)
        looking = self.look()
        self.hub.room("lobby").roster.enter(BOB)
        self.store.answer_all()
        self.check_told_in_time(looking)

    def add_three(self) -> Sequence[Message]:
        """In the store; nobody is told."""
        return [self.store.add("lobby") for _ in range(3)]

    def test_a_change_while_the_room_reads_on_is_told(self) -> None:
        self.successResultOf(self.look(hold_seconds=0.0))
        self.store.hold_reads = True
        self.store.tell("lobby", self.add_three()[2])
        self.hub.room("lobby").roster.enter(ADA)
        looking = self.look(3)
        self.hub.room("lobby").roster.enter(BOB)
        self.check_told_in_time(looking, 3)

    def test_a_change_before_who_looks_waits_for_a_room_that_reads_on_is_told(self) -> None:
        self.store.hold_bounds = self.store.hold_reads = True
        looking = self.look(3)
        (question,) = self.store.bounds_asked
        question.look()
        self.hub.room("lobby").roster.enter(ADA)
        first, _, last = self.add_three()
        self.store.tell("lobby", first)
        self.store.tell("lobby", last)
        question.answer()
        self.assertEqual((self.hub.room("lobby").head, self.hub.room("lobby").reach), (1, 3))
        self.assertEqual(self.successResultOf(looking), Page("lobby", (), Cursor(EPOCH, 3)))

    def test_who_has_gone_when_it_is_told_is_not_woken(self) -> None:
        looks = self.look()
        self.hub.room("lobby").roster.enter(ADA)
        looks.addErrback(lambda _: None)
        looks.cancel()
        self.clock.advance(0)
        self.assertEqual(self.hub.waiting, 0)


class LookTests(RosterTestCase):
    """What who looks is shown, when nobody else does."""

    def setUp(self) -> None:
        super().setUp()
        self.looking = False

    def test_the_first_change_is_shown_at_once(self) -> None:
        self.roster.enter(ADA)
        self.assertEqual(self.roster.look(), self.roster.state)

    def test_the_next_one_at_its_time(self) -> None:
        self.roster.enter(ADA)
        shown = self.roster.look()
        self.roster.enter(BOB)
        self.assertIs(self.roster.look(), shown)
        self.assertIs(self.roster.look(), shown)
        self.clock.advance(WAKE_SECONDS)
        self.assertEqual(self.told, [100.0 + WAKE_SECONDS])
        self.assertEqual(self.roster.look().count, 2)

    def test_nothing_is_scheduled_where_nothing_has_changed(self) -> None:
        self.roster.enter(ADA)
        self.assertIs(self.roster.look(), self.roster.look())
        self.assertEqual(self.clock.getDelayedCalls(), [])
