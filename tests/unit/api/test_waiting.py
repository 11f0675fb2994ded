"""Waiting: who is counted and shown while a request is suspended, and no longer than that."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.python.failure import Failure

from chatcomet.access.asker import Asker, stranger
from chatcomet.api.readers import Reader
from chatcomet.api.waiting import Wait, deferred
from chatcomet.core.message import Cursor, Page
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


class SuspendedTests(WaitingTestCase):
    """One that is suspended in a room itself."""

    def setUp(self) -> None:
        super().setUp()
        self.successResultOf(self.hub.latest("a"))  # or nobody knows where its head is
        self.heard: list[Page | Failure] = []

    def suspended(self) -> Wait:
        waiting = self.entered()
        self.assertTrue(self.hub.wait(waiting, self.hub.room("a"), Cursor(self.store.epoch, 0), 25.0))
        return waiting

    def test_hears_what_comes_once(self) -> None:
        self.suspended().addBoth(self.heard.append)
        self.assertEqual((self.hub.waiting, len(self.chat.readers), self.here("a")), (1, 1, 1))
        self.add("hello", room="a")
        self.add("hello", room="a")
        (page,) = self.heard
        assert isinstance(page, Page)
        self.assertEqual([message.seq for message in page.messages], [0])
        self.assertEqual(self.hub.waiting, 0)
        self.assert_gone()

    def test_hears_of_the_end_of_its_hold(self) -> None:
        self.suspended().addBoth(self.heard.append)
        self.clock.advance(30)
        (page,) = self.heard
        assert isinstance(page, Page)
        self.assertEqual(page.messages, ())
        self.assert_gone()

    def test_hears_nothing_when_it_is_cancelled(self) -> None:
        waiting = self.suspended()
        waiting.addBoth(self.heard.append)
        waiting.cancel()
        waiting.cancel()
        self.assertEqual((self.heard, self.hub.waiting), ([], 0))
        self.assert_gone()

    def test_hears_for_what_it_is_dismissed(self) -> None:
        waiting = self.suspended()
        waiting.addBoth(self.heard.append)
        fault = NotAllowed("you may not read this room")
        waiting.dismiss(fault)
        waiting.dismiss(BadTicket("this ticket has expired"))
        (failure,) = self.heard
        assert isinstance(failure, Failure)
        self.assertIs(failure.value, fault)
        self.assertEqual(self.hub.waiting, 0)
        self.assert_gone()

    def test_nobody_has_to_hear(self) -> None:
        self.suspended()
        self.add("hello", room="a")
        self.assert_gone()


class DeferredTests(SuspendedTests):
    """The same as a `Deferred`."""

    def test_is_itself_if_it_is_one(self) -> None:
        answer: Deferred[int] = Deferred()
        self.assertIs(deferred(answer), answer)

    def test_fires(self) -> None:
        answer: Deferred[Page] = deferred(self.suspended())
        self.assertNoResult(answer)
        self.add("hello", room="a")
        self.assertEqual(len(self.successResultOf(answer).messages), 1)

    def test_fails_with_what_it_was_dismissed_for(self) -> None:
        waiting = self.suspended()
        answer: Deferred[Page] = deferred(waiting)
        waiting.dismiss(NotAllowed("no"))
        self.failureResultOf(answer, NotAllowed)

    def test_may_be_cancelled(self) -> None:
        answer: Deferred[Page] = deferred(self.suspended())
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.hub.waiting, 0)
        self.assert_gone()
