"""Waiting: who is counted and shown while a request is suspended, and no longer than that."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, fail, succeed

from chatcomet.access.asker import Asker, stranger
from chatcomet.api.readers import Reader
from chatcomet.api.waiting import Wait
from chatcomet.core.roster import GRACE_SECONDS
from chatcomet.errors import BadTicket, NotAllowed, StoreUnavailable
from chatcomet.settings import Settings
from tests.unit.api.running_chat import ChatTestCase


class WaitingTestCase(ChatTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.ada = self.sign_in("ada")

    def wait(self, asker: Asker, *rooms: str) -> Wait:
        return Wait(self.chat.readers, asker, rooms, [room.roster for room in self.hub.rooms(rooms)])

    def entered(self) -> Wait:
        """One of ada's that has been let in."""
        waiting = self.wait(self.ada, "a", "b")
        self.assertTrue(waiting.enter())
        return waiting

    def here(self, room: str) -> int:
        """How many are in `room`, who are not just about to leave it."""
        self.clock.advance(GRACE_SECONDS)
        return len(self.hub.room(room).roster)

    def assert_gone(self) -> None:
        self.assertEqual((len(self.chat.readers), self.here("a"), self.here("b")), (0, 0, 0))


class EnterTests(WaitingTestCase):
    def test_is_counted_and_shown_in_each_room(self) -> None:
        waiting = self.entered()
        self.assertEqual((len(self.chat.readers), self.here("a"), self.here("b"), self.here("c")), (1, 1, 1, 0))
        self.assertEqual(self.hub.room("b").roster.state.people[0].name, "ada")
        waiting.until(succeed(None))
        self.assert_gone()

    def test_is_a_reader(self) -> None:
        reader: Reader = self.wait(self.ada, "a", "b")
        self.assertEqual((reader.asker, reader.rooms), (self.ada, ("a", "b")))

    def test_may_be_shown_nowhere(self) -> None:
        waiting = Wait(self.chat.readers, self.ada, ("a",), ())
        self.assertTrue(waiting.enter())
        self.assertEqual((len(self.chat.readers), self.here("a")), (1, 0))
        self.assertEqual(self.successResultOf(waiting.until(succeed(7))), 7)
        self.assert_gone()


class CrowdTests(WaitingTestCase):
    settings = Settings(readers_per_address=1)

    def test_who_is_put_off_is_neither_counted_nor_shown(self) -> None:
        first, second = (self.wait(stranger("192.0.2.1"), room) for room in "ab")
        self.assertEqual((first.enter(), second.enter()), (True, False))
        self.assertEqual((len(self.chat.readers), self.here("a"), self.here("b")), (1, 1, 0))
        first.until(succeed(None))
        self.assertTrue(second.enter())


class EndTests(WaitingTestCase):
    def test_whatever_comes_of_it(self) -> None:
        page = object()
        self.assertIs(self.successResultOf(self.entered().until(succeed(page))), page)
        self.assert_gone()
        self.failureResultOf(self.entered().until(fail(StoreUnavailable("the disk is gone"))), StoreUnavailable)
        self.assert_gone()

    def test_when_it_comes(self) -> None:
        answer: Deferred[int] = Deferred()
        waited = self.entered().until(answer)
        self.assertNoResult(waited)
        self.assertEqual((len(self.chat.readers), self.here("a")), (1, 1))
        answer.callback(7)
        self.assertEqual(self.successResultOf(waited), 7)
        self.assert_gone()

    def test_when_nobody_waits_any_more(self) -> None:
        cancelled: list[Deferred[int]] = []
        waited: Deferred[int] = self.entered().until(Deferred(cancelled.append))
        waited.cancel()
        self.failureResultOf(waited, CancelledError)
        self.assertEqual(len(cancelled), 1)
        self.assert_gone()


class DismissTests(WaitingTestCase):
    def test_is_what_it_fails_with(self) -> None:
        cancelled: list[Deferred[int]] = []
        waiting = self.entered()
        waited: Deferred[int] = waiting.until(Deferred(cancelled.append))
        fault = NotAllowed("you may not read this room")
        waiting.dismiss(fault)
        self.assertIs(self.failureResultOf(waited, NotAllowed).value, fault)
        self.assertEqual(len(cancelled), 1)
        self.assert_gone()

    def test_whatever_cancelling_brings(self) -> None:
        for late in (lambda answer: answer.callback(7), lambda answer: answer.errback(StoreUnavailable("gone"))):
            waiting = self.entered()
            waited: Deferred[int] = waiting.until(Deferred(late))
            waiting.dismiss(NotAllowed("no"))
            self.failureResultOf(waited, NotAllowed)
            self.assert_gone()

    def test_the_first_reason_counts(self) -> None:
        waiting = self.entered()

        def again(answer: Deferred[int]) -> None:
            waiting.dismiss(BadTicket("this ticket has expired"))

        waited: Deferred[int] = waiting.until(Deferred(again))
        waiting.dismiss(NotAllowed("no"))
        self.failureResultOf(waited, NotAllowed)
        self.assert_gone()
