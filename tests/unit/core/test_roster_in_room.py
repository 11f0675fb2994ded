"""Roster in a room: who waits there for a change, wherever it is on its way to that, and until when the room stays."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.hub import IDLE_SECONDS, Hub
from chatcomet.core.message import DEFAULT_LIMIT, Cursor, Message, Page
from chatcomet.core.roster import GRACE_SECONDS, WAKE_SECONDS, Person
from chatcomet.core.waiters import WaiterSet
from tests.unit.core.slow_store import EPOCH, SlowStore

ADA, BOB = Person("a", "ada"), Person("b", "bob")


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

    def test_whether_somebody_looks_is_seen_without_a_count_of_all(self) -> None:
        looks = self.look()
        with patch.object(WaiterSet, "__len__", side_effect=AssertionError):
            self.hub.room("lobby").roster.enter(ADA)
            self.clock.advance(0)
        self.assertEqual(self.successResultOf(looks).messages, ())

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
