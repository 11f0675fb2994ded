"""Polling: how long a poll waits, and what comes of it."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from chatcomet.api.polling import JITTER, History, Poll, history, poll
from chatcomet.core.holds import TICK_SECONDS
from chatcomet.core.message import Cursor, Page
from chatcomet.errors import CursorExpired, Malformed
from tests.unit.api.running_chat import EPOCH, ChatTestCase

HEAD = Cursor(EPOCH, 0)


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
        self.assertEqual(self.ends_after(poll(self.chat, Poll("lobby", HEAD))), 25.0)

    def test_is_shortened_by_luck_and_never_by_more_than_the_jitter(self) -> None:
        for luck in (0.0, 0.25, 0.5, 0.999999):
            self.luck = luck
            seconds = self.ends_after(poll(self.chat, Poll("lobby", HEAD)))
            self.assertLessEqual(seconds, 25.0)
            self.assertGreaterEqual(seconds, 25.0 * (1 - JITTER))
            self.assertLessEqual(abs(seconds - 25.0 * (1 - JITTER * luck)), TICK_SECONDS)

    def test_a_wait_shortens_it(self) -> None:
        self.assertEqual(self.ends_after(poll(self.chat, Poll("lobby", HEAD, wait_seconds=10.0))), 10.0)

    def test_no_wait_prolongs_it(self) -> None:
        self.assertEqual(self.ends_after(poll(self.chat, Poll("lobby", HEAD, wait_seconds=1e9))), 25.0)

    def test_a_wait_of_nothing_is_answered_at_once(self) -> None:
        self.assertEqual(self.ends_after(poll(self.chat, Poll("lobby", HEAD, wait_seconds=0.0))), 0.0)
        self.assertEqual(self.hub.waiting, 0)


class PollTests(PollingTestCase):
    def test_fires_with_what_is_there(self) -> None:
        messages = self.add("one", "two")
        page = self.successResultOf(poll(self.chat, Poll("lobby", HEAD)))
        self.assertEqual(page, Page("lobby", tuple(messages), Cursor(EPOCH, 2)))

    def test_has_no_more_than_its_limit(self) -> None:
        messages = self.add("one", "two")
        page = self.successResultOf(poll(self.chat, Poll("lobby", HEAD, limit=1)))
        self.assertEqual(page, Page("lobby", tuple(messages[:1]), Cursor(EPOCH, 1)))

    def test_fires_with_the_next_message(self) -> None:
        waiting = poll(self.chat, Poll("lobby", HEAD))
        self.assertNoResult(waiting)
        self.assertEqual(self.hub.waiting, 1)
        messages = self.add("hello")
        self.assertEqual(self.successResultOf(waiting).messages, tuple(messages))
        self.assertEqual(self.hub.waiting, 0)

    def test_another_room_does_not_end_it(self) -> None:
        waiting = poll(self.chat, Poll("lobby", HEAD))
        self.add("hello", room="kitchen")
        self.assertNoResult(waiting)

    def test_a_cancelled_one_is_forgotten(self) -> None:
        waiting = poll(self.chat, Poll("lobby", HEAD))
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.hub.waiting, 0)

    def test_fails_for_a_cursor_of_another_log(self) -> None:
        for cursor in (Cursor("other", 0), Cursor(EPOCH, 7)):
            self.failureResultOf(poll(self.chat, Poll("lobby", cursor)), CursorExpired)

    def test_raises_for_what_is_no_room(self) -> None:
        for name in ("", "Lobby", "-a", "a/b", "a" * 65, "lobby\n", "löbby"):
            self.assertRaises(Malformed, poll, self.chat, Poll(name, HEAD))
        self.assertEqual(len(self.hub), 0)


class HistoryTests(PollingTestCase):
    def test_is_the_newest_at_first(self) -> None:
        messages = self.add("one", "two", "three")
        page = self.successResultOf(history(self.chat, History("lobby", limit=2)))
        self.assertEqual(page, Page("lobby", tuple(messages[1:]), Cursor(EPOCH, 3)))

    def test_goes_back_from_a_message(self) -> None:
        messages = self.add("one", "two", "three")
        page = self.successResultOf(history(self.chat, History("lobby", before=2, limit=5)))
        self.assertEqual(page.messages, tuple(messages[:2]))

    def test_is_empty_where_there_is_nothing(self) -> None:
        for before in (None, 0, 10**17):
            page = self.successResultOf(history(self.chat, History("lobby", before)))
            self.assertEqual(page, Page("lobby", (), Cursor(EPOCH, 0)))

    def test_never_waits(self) -> None:
        self.successResultOf(history(self.chat, History("lobby")))
        self.assertEqual(self.hub.waiting, 0)

    def test_raises_for_what_is_no_room(self) -> None:
        self.assertRaises(Malformed, history, self.chat, History("../lobby"))
