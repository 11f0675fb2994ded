"""Room: what it reads of the store, where it was not told all."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from chatcomet.core.message import DEFAULT_LIMIT, Cursor, Message, Page
from chatcomet.core.room import RETRY_SECONDS
from chatcomet.errors import CursorExpired
from tests.unit.core.room_case import RoomTestCase, seqs_of
from tests.unit.core.slow_store import EPOCH


class GapTroubleTests(RoomTestCase):
    def test_pruned_gap(self) -> None:
        """Those who wait before it are told so, and what is kept after it is handed out."""
        self.begin(2)
        waiting = self.suspend()
        messages = self.add(5)
        self.store.lose("lobby", 5)
        self.room.deliver(messages[-1:])
        expired = self.failureResultOf(waiting, CursorExpired).value
        self.assertEqual((expired.epoch, expired.first, expired.head), (EPOCH, 5, 7))
        self.assertEqual(self.room.head, 7)
        page = self.room.page(5, DEFAULT_LIMIT)
        assert page is not None
        self.assertEqual(seqs_of(page), [5, 6])
        self.assertIsNone(self.room.page(2, DEFAULT_LIMIT))

    def test_those_who_resume_after_a_pruned_gap_see_what_follows(self) -> None:
        self.begin(2)
        resumed: list[Deferred[Page]] = []
        self.suspend().addErrback(lambda _: resumed.append(self.suspend()))
        messages = self.add(5)
        self.store.lose("lobby", 5)
        self.room.deliver(messages[-1:])
        self.assertEqual(self.seqs(resumed[0]), [5, 6])

    def test_all_pruned(self) -> None:
        self.begin(2)
        waiting = self.suspend()
        messages = self.add(5)
        self.store.lose("lobby", 7)
        self.room.deliver(messages[-1:])
        expired = self.failureResultOf(waiting, CursorExpired).value
        self.assertEqual((expired.first, expired.head), (7, 7))
        self.assertEqual(self.room.head, 7)

    def test_what_was_delivered_before_a_pruned_gap(self) -> None:
        """What is in memory is one run, and not two with a hole between them."""
        self.begin()
        self.room.deliver(self.add(3))
        messages = self.add(5)
        self.store.lose("lobby", 6)
        self.room.deliver(messages[-1:])
        for start in (0, 2, 3, 5):
            self.assertIsNone(self.room.page(start, DEFAULT_LIMIT))
        page = self.room.page(6, DEFAULT_LIMIT)
        assert page is not None
        self.assertEqual(seqs_of(page), [6, 7])

    def test_appended_while_a_pruned_gap_is_read(self) -> None:
        """What came after the read was begun is not taken for pruned."""
        self.begin(2)
        waiting = self.suspend()
        self.store.hold_reads = True
        messages = self.add(3)
        self.store.lose("lobby", 5)
        self.room.deliver(messages[-1:])
        self.store.reads[0].look()
        self.room.deliver(self.add(1))
        expired: list[int] = []
        resumed: list[Deferred[Page]] = []

        def resume(failure: Failure) -> None:
            assert isinstance(failure.value, CursorExpired)
            expired.append(failure.value.first)
            resumed.append(self.suspend())

        waiting.addErrback(resume)
        self.store.answer_all()
        self.assertEqual(expired, [5])
        self.assertEqual(self.seqs(resumed[0]), [5])

    def test_pruned_beyond_what_was_told(self) -> None:
        """What is kept never ends before it begins."""
        self.begin(2)
        waiting = self.suspend()
        messages = self.add(6)
        self.store.lose("lobby", 6)
        self.room.deliver(messages[1:2])
        expired = self.failureResultOf(waiting, CursorExpired).value
        self.assertEqual((expired.first, expired.head), (6, 8))
        self.assertEqual(self.room.head, 8)

    def test_store_fails_and_recovers(self) -> None:
        self.begin()
        seen = self.gather()
        self.store.down = True
        self.room.deliver(self.add(2)[1:])
        self.assertEqual((seen, self.room.idle), ([], False))
        self.clock.pump([RETRY_SECONDS] * 3)
        self.assertEqual((seen, len(self.store.asked)), ([], 4))
        self.store.down = False
        self.clock.advance(RETRY_SECONDS)
        self.assertEqual((seen, self.room.head), ([0, 1], 2))

    def test_told_of_more_while_the_store_fails(self) -> None:
        self.begin()
        seen = self.gather()
        self.store.down = True
        messages = self.add(2)
        self.room.deliver(messages[1:])
        self.room.deliver(messages[:1])
        self.room.deliver(self.add(1))
        self.assertEqual(seen, [])
        self.store.down = False
        self.clock.advance(RETRY_SECONDS)
        self.assertEqual(seen, [0, 1, 2])

    def test_waiting_goes_on_while_the_store_fails(self) -> None:
        self.begin()
        soon, late = self.suspend(2.0), self.suspend(30.0)
        self.store.down = True
        self.room.deliver(self.add(2)[1:])
        self.clock.pump([RETRY_SECONDS] * 4)
        self.assertEqual(self.successResultOf(soon), Page("lobby", (), Cursor(EPOCH, 0)))
        self.assertNoResult(late)
        late.cancel()
        self.failureResultOf(late, CancelledError)
        self.assertFalse(self.room.idle)

    def test_a_fault_in_the_store_does_not_stop_the_room(self) -> None:
        """What a store may not fail with is logged; the next telling tries again."""
        self.begin()
        seen = self.gather()
        self.store.hold_reads = True
        messages = self.add(3)
        self.room.deliver(messages[1:2])
        self.store.reads.pop().asker.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.room.deliver(messages[2:])
        self.store.answer_all()
        self.assertEqual(seen, [0, 1, 2])


class ReadTests(RoomTestCase):
    def test_shared(self) -> None:
        self.begin(5)
        self.store.hold_reads = True
        asking = [self.room.read(1, 2), self.room.read(1, 2), self.room.read(1, 3), self.room.read(2, 2)]
        self.assertEqual(len(self.store.reads), 3)
        asking[0].cancel()
        self.failureResultOf(asking[0], CancelledError)
        self.store.answer_all()
        results: list[Sequence[Message]] = [self.successResultOf(each) for each in asking[1:]]
        self.assertEqual([[message.seq for message in result] for result in results], [[1, 2], [1, 2, 3], [2, 3]])
