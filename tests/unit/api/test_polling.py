"""Polling: how long a poll waits, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

from twisted.internet.defer import CancelledError, Deferred

from chatcomet.access.asker import Asker, holder
from chatcomet.access.identity import Session
from chatcomet.api.polling import JITTER, ROOMS, History, Poll, Polled, PollRooms, history, look, poll, poll_rooms
from chatcomet.core.holds import TICK_SECONDS
from chatcomet.core.hub import CROWD
from chatcomet.core.message import Cursor, Page
from chatcomet.core.roster import GRACE_SECONDS, Listed
from chatcomet.core.store import Bounds
from chatcomet.errors import CursorExpired, Malformed, StoreUnavailable
from tests.unit.api.running_chat import EPOCH, NOON, SOMEBODY, ChatTestCase

HEAD = Cursor(EPOCH, 0)
ADA, BOB = (holder(Session(name[0], name, NOON), None) for name in ("ada", "bob"))


class PollingTestCase(ChatTestCase):
    def ends_after(self, waiting: Deferred[Page]) -> float:
        """After how many seconds `waiting` fires, in steps of a tick."""
        began = self.clock.seconds()
        while not waiting.called:
            self.assertLess(self.clock.seconds() - began, 100)
            self.clock.advance(TICK_SECONDS)
        self.assertEqual(self.successResultOf(waiting).messages, ())
        return self.clock.seconds() - began


class HoldTests(PollingTestCase):
    def test_is_the_hold_when_nothing_else_is_asked(self) -> None:
        self.assertEqual(self.ends_after(poll(self.chat, Poll("lobby", HEAD), SOMEBODY)), 25.0)

    def test_is_shortened_by_luck_and_never_by_more_than_the_jitter(self) -> None:
        for luck in (0.0, 0.25, 0.5, 0.999999):
            self.luck = luck
            seconds = self.ends_after(poll(self.chat, Poll("lobby", HEAD), SOMEBODY))
            self.assertLessEqual(seconds, 25.0)
            self.assertGreaterEqual(seconds, 25.0 * (1 - JITTER))
            self.assertLessEqual(abs(seconds - 25.0 * (1 - JITTER * luck)), TICK_SECONDS)

    def test_a_wait_shortens_it(self) -> None:
        self.assertEqual(self.ends_after(poll(self.chat, Poll("lobby", HEAD, wait_seconds=10.0), SOMEBODY)), 10.0)

    def test_no_wait_prolongs_it(self) -> None:
        self.assertEqual(self.ends_after(poll(self.chat, Poll("lobby", HEAD, wait_seconds=1e9), SOMEBODY)), 25.0)

    def test_a_wait_of_nothing_is_answered_at_once(self) -> None:
        self.assertEqual(self.ends_after(poll(self.chat, Poll("lobby", HEAD, wait_seconds=0.0), SOMEBODY)), 0.0)
        self.assertEqual(self.hub.waiting, 0)


class PollTests(PollingTestCase):
    def test_fires_with_what_is_there(self) -> None:
        messages = self.add("one", "two")
        page = self.successResultOf(poll(self.chat, Poll("lobby", HEAD), SOMEBODY))
        self.assertEqual(page, Page("lobby", tuple(messages), Cursor(EPOCH, 2)))

    def test_has_no_more_than_its_limit(self) -> None:
        messages = self.add("one", "two")
        page = self.successResultOf(poll(self.chat, Poll("lobby", HEAD, limit=1), SOMEBODY))
        self.assertEqual(page, Page("lobby", tuple(messages[:1]), Cursor(EPOCH, 1)))

    def test_fires_with_the_next_message(self) -> None:
        waiting = poll(self.chat, Poll("lobby", HEAD), SOMEBODY)
        self.assertNoResult(waiting)
        self.assertEqual(self.hub.waiting, 1)
        messages = self.add("hello")
        self.assertEqual(self.successResultOf(waiting).messages, tuple(messages))
        self.assertEqual(self.hub.waiting, 0)

    def test_another_room_does_not_end_it(self) -> None:
        waiting = poll(self.chat, Poll("lobby", HEAD), SOMEBODY)
        self.add("hello", room="kitchen")
        self.assertNoResult(waiting)

    def test_a_cancelled_one_is_forgotten(self) -> None:
        waiting = poll(self.chat, Poll("lobby", HEAD), SOMEBODY)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.hub.waiting, 0)

    def test_fails_for_a_cursor_of_another_log(self) -> None:
        for cursor in (Cursor("other", 0), Cursor(EPOCH, 7)):
            self.failureResultOf(poll(self.chat, Poll("lobby", cursor), SOMEBODY), CursorExpired)

    def test_raises_for_what_is_no_room(self) -> None:
        for name in ("", "Lobby", "-a", "a/b", "a" * 65, "lobby\n", "löbby"):
            self.assertRaises(Malformed, Poll, name, HEAD)
        self.assertEqual(len(self.hub), 0)


class PresenceTests(PollingTestCase):
    def here(self, room: str = "lobby") -> int:
        return len(self.hub.room(room).roster)

    def test_between_two_polls_too(self) -> None:
        version = 0
        for _ in range(5):
            polling = poll(self.chat, Poll("lobby", HEAD), ADA)
            version = version or self.hub.room("lobby").roster.version
            self.ends_after(polling)
            self.clock.advance(GRACE_SECONDS - 1)
            self.assertEqual((self.here(), self.hub.room("lobby").roster.version), (1, version))
        self.clock.advance(1.0)
        self.assertEqual(self.here(), 0)

    def test_however_the_poll_ends(self) -> None:
        self.add("hello")
        polls = [
            poll(self.chat, Poll("lobby", HEAD), ADA),
            poll(self.chat, Poll("lobby", Cursor("other", 0)), ADA),
            poll(self.chat, Poll("lobby", Cursor(EPOCH, 1)), ADA),
        ]
        polls[2].cancel()
        self.successResultOf(polls[0])
        self.failureResultOf(polls[1], CursorExpired)
        self.failureResultOf(polls[2], CancelledError)
        self.clock.advance(GRACE_SECONDS)
        self.assertEqual(self.here(), 0)

    def test_when_the_store_is_gone(self) -> None:
        self.store.close()
        self.failureResultOf(poll(self.chat, Poll("lobby", HEAD), ADA), StoreUnavailable)
        self.clock.advance(GRACE_SECONDS)
        self.assertEqual(self.here(), 0)

    def test_in_each_room_that_is_asked_for(self) -> None:
        polling = poll_rooms(self.chat, PollRooms({"a": HEAD, "b": HEAD}), ADA)
        self.assertEqual((self.here("a"), self.here("b"), self.here("c")), (1, 1, 0))
        polling.cancel()
        self.failureResultOf(polling, CancelledError)
        self.clock.advance(GRACE_SECONDS)
        self.assertEqual((self.here("a"), self.here("b")), (0, 0))


class LookingTests(PollingTestCase):
    """Polls that look at the roster."""

    def look(self, version: int, seq: int = 0, asker: Asker = ADA) -> Deferred[Polled]:
        return look(self.chat, Poll("lobby", Cursor(EPOCH, seq)), version, asker)

    def seen(self, asker: Asker = ADA) -> int:
        """Looks for the first time, and says which version it saw."""
        roster = self.successResultOf(self.look(0, asker=asker)).roster
        assert roster is not None
        return roster.version

    def test_the_first_look_is_answered_at_once_and_shows_the_looker(self) -> None:
        page, roster = self.successResultOf(self.look(0))
        assert roster is not None
        self.assertEqual((page, roster.count, roster.people), (Page("lobby", (), HEAD), 1, (Listed("ada", False),)))

    def test_what_was_seen_is_not_shown_again(self) -> None:
        version = self.seen()
        looking = self.look(version)
        self.assertNoResult(looking)
        self.add("hello")
        page, roster = self.successResultOf(looking)
        self.assertEqual((len(page.messages), roster), (1, None))

    def test_at_the_end_of_the_hold_it_is_empty(self) -> None:
        looking = self.look(self.seen())
        self.assertEqual(self.ends_after(looking.addCallback(lambda polled: polled.page)), 25.0)

    def test_a_change_wakes(self) -> None:
        looking = self.look(self.seen())
        poll(self.chat, Poll("lobby", HEAD), BOB)
        self.assertNoResult(looking)
        self.clock.advance(1.0)
        page, roster = self.successResultOf(looking)
        assert roster is not None
        self.assertEqual((page.messages, [listed.name for listed in roster.people]), ((), ["ada", "bob"]))

    def test_a_message_that_comes_first_does_not_hasten_the_change(self) -> None:
        version = self.seen()
        looking = self.look(version)
        poll(self.chat, Poll("lobby", HEAD), BOB)
        messages = self.add("hello")
        page, roster = self.successResultOf(looking)
        self.assertEqual((page.messages, roster), (tuple(messages), None))
        looking = look(self.chat, Poll("lobby", page.cursor), version, ADA)
        self.assertNoResult(looking)
        self.clock.advance(1.0)
        roster = self.successResultOf(looking).roster
        assert roster is not None
        self.assertEqual(roster.count, 2)

    def test_a_change_while_the_store_is_asked_is_shown_when_it_has_answered(self) -> None:
        version = self.seen()
        self.hub.room("lobby").head = None  # as in a room that has just been made
        answer: Deferred[Bounds] = Deferred()
        with patch.object(self.store, "bounds", return_value=answer):
            looking = self.look(version)
        poll(self.chat, Poll("lobby", HEAD), BOB)
        self.clock.advance(1.0)
        answer.callback(Bounds(0, 0))
        roster = self.successResultOf(looking).roster
        assert roster is not None
        self.assertEqual(roster.count, 2)

    def test_whoever_keeps_looking_is_answered_once_a_second_at_the_most(self) -> None:
        version, answers = self.seen(), 0
        looking = self.look(version)
        for number in range(32):
            poll(self.chat, Poll("lobby", HEAD), holder(Session(str(number), f"guest {number}", NOON), None))
            self.clock.advance(0.125)
            if looking.called:
                roster = self.successResultOf(looking).roster
                assert roster is not None
                answers, looking = answers + 1, self.look(roster.version)
        self.assertEqual(answers, 4)

    def test_all_who_look_are_shown_one_state(self) -> None:
        version = self.seen()
        looking = [self.look(version) for _ in range(3)]
        poll(self.chat, Poll("lobby", HEAD), BOB)
        self.clock.advance(1.0)
        shown = [self.successResultOf(each) for each in looking]
        self.assertEqual(len({(id(page), id(roster)) for page, roster in shown}), 1)

    def test_who_drops_is_forgotten(self) -> None:
        looking = self.look(self.seen())
        looking.cancel()
        self.failureResultOf(looking, CancelledError)
        self.assertEqual(self.hub.waiting, 0)


class PollRoomsTests(PollingTestCase):
    def ask(self, *names: str, wait_seconds: float | None = None, limit: int = 50) -> Deferred[Sequence[Page]]:
        return poll_rooms(self.chat, PollRooms(dict.fromkeys(names, HEAD), limit, wait_seconds), SOMEBODY)

    def test_fires_with_what_is_there(self) -> None:
        self.add("one", "two", room="a")
        pages = self.successResultOf(self.ask("a", "b", limit=1))
        self.assertEqual([(page.room, len(page.messages)) for page in pages], [("a", 1)])

    def test_fires_with_the_next_message(self) -> None:
        polling = self.ask("a", "b")
        self.assertEqual(self.hub.waiting, 2)
        self.add("hello", room="b")
        self.assertEqual([page.room for page in self.successResultOf(polling)], ["b"])
        self.assertEqual(self.hub.waiting, 0)

    def test_at_the_end_of_the_wait_there_are_all_rooms(self) -> None:
        polling = self.ask("a", "b", wait_seconds=3.0)
        self.clock.advance(2.9)
        self.assertNoResult(polling)
        self.clock.advance(0.1)
        pages = self.successResultOf(polling)
        self.assertEqual([(page.room, page.messages) for page in pages], [("a", ()), ("b", ())])
        self.assertEqual(len(self.successResultOf(self.ask("a", "b", wait_seconds=0.0))), 2)

    def test_no_wait_is_longer_than_the_hold(self) -> None:
        self.luck = 1.0
        polling = self.ask("a", wait_seconds=1e9)
        self.clock.advance(25.0 * (1 - JITTER))
        self.successResultOf(polling)

    def test_how_many_rooms(self) -> None:
        names = [f"room{number}" for number in range(ROOMS + 1)]
        self.assertRaises(Malformed, self.ask)
        self.assertRaises(Malformed, self.ask, *names)
        self.assertEqual(len(self.hub), 0)
        self.assertEqual(len(self.successResultOf(self.ask(*names[1:], wait_seconds=0.0))), ROOMS)

    def test_raises_for_what_is_no_room(self) -> None:
        self.assertRaises(Malformed, PollRooms, {"a": HEAD, "Lobby": HEAD})
        self.assertEqual(len(self.hub), 0)

    def test_names_the_room_of_an_expired_cursor(self) -> None:
        asked = PollRooms({"a": HEAD, "b": Cursor(EPOCH, 7)})
        self.assertEqual(self.failureResultOf(poll_rooms(self.chat, asked, SOMEBODY), CursorExpired).value.room, "b")

    def test_where_there_are_many_rooms_each_still_has_its_person(self) -> None:
        for number in range(CROWD - 1):
            self.hub.room(f"room{number}")
        polling = poll_rooms(self.chat, PollRooms(dict.fromkeys("abc", HEAD)), ADA)
        for name in "abc":
            self.assertEqual((len(self.hub.room(name).roster), self.hub.readers(name)), (1, 1), name)
        self.hub.drain()
        self.successResultOf(polling)


class HistoryTests(PollingTestCase):
    def test_is_the_newest_at_first(self) -> None:
        messages = self.add("one", "two", "three")
        page = self.successResultOf(history(self.chat, History("lobby", limit=2), SOMEBODY))
        self.assertEqual(page, Page("lobby", tuple(messages[1:]), Cursor(EPOCH, 3)))

    def test_goes_back_from_a_message(self) -> None:
        messages = self.add("one", "two", "three")
        page = self.successResultOf(history(self.chat, History("lobby", before=2, limit=5), SOMEBODY))
        self.assertEqual(page.messages, tuple(messages[:2]))

    def test_is_empty_where_there_is_nothing(self) -> None:
        for before in (None, 0, 10**17):
            page = self.successResultOf(history(self.chat, History("lobby", before), SOMEBODY))
            self.assertEqual(page, Page("lobby", (), Cursor(EPOCH, 0)))

    def test_never_waits(self) -> None:
        self.successResultOf(history(self.chat, History("lobby"), SOMEBODY))
        self.assertEqual(self.hub.waiting, 0)

    def test_raises_for_what_is_no_room(self) -> None:
        self.assertRaises(Malformed, history, self.chat, History("../lobby"), SOMEBODY)
