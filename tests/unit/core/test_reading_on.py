"""Reading: what happens while one reads or waits, and each moment at which the asker may go."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from chatcomet.core.message import DEFAULT_LIMIT, Cursor, Page
from chatcomet.core.room import RETRY_SECONDS
from tests.unit.core.reading_case import ReadingTestCase
from tests.unit.core.slow_store import EPOCH


class ReadingOnTests(ReadingTestCase):
    """A cursor that is good, at a room which the store has not let come so far yet."""

    def setUp(self) -> None:
        super().setUp()
        self.post(3)
        self.store.hold_reads = True
        self.room.deliver(self.add(2)[1:])
        self.assertEqual((self.room.head, self.store.head("lobby")), (3, 5))

    def test_at_the_head_of_the_store(self) -> None:
        """It waits as those at the head do, and is not told that its cursor has expired."""
        asking = self.after(5)
        self.assertNoResult(asking)
        self.assertEqual(len(self.room.waiters), 1)
        self.store.answer_all()
        self.assertNoResult(asking)
        self.assertEqual(len(self.room.waiters), 1)
        self.post()
        self.assertEqual(self.seqs(asking), [5])

    def test_the_hold_ends(self) -> None:
        """Its cursor does not go back to where the room is."""
        asking = self.after(5, hold_seconds=2.0)
        self.clock.advance(3.0)
        self.assertEqual(self.successResultOf(asking), Page("lobby", (), Cursor(EPOCH, 5)))

    def test_no_hold(self) -> None:
        self.assertEqual(self.successResultOf(self.after(5, hold_seconds=0.0)), Page("lobby", (), Cursor(EPOCH, 5)))

    def test_the_hold_is_one_however_often_the_room_moves(self) -> None:
        self.add(2 * DEFAULT_LIMIT)
        end = 5 + 2 * DEFAULT_LIMIT
        asking = self.after(end, hold_seconds=10.0)
        for _ in range(2):
            self.clock.advance(4.0)
            self.store.reads.pop().answer()
        self.assertLess(3 + DEFAULT_LIMIT, self.room.head or 0)
        self.clock.advance(1.75)
        self.assertNoResult(asking)
        self.clock.advance(0.25)
        self.assertEqual(self.successResultOf(asking), Page("lobby", (), Cursor(EPOCH, end)))

    def test_before_the_head_of_the_store(self) -> None:
        asking = self.after(4)
        self.store.answer_all()
        self.assertEqual(self.seqs(asking), [4])

    def test_a_gap_filled_in_several_reads(self) -> None:
        self.add(3 * DEFAULT_LIMIT)
        asking = self.after(5 + 3 * DEFAULT_LIMIT)
        self.store.answer_all()
        self.assertNoResult(asking)
        self.post()
        self.assertEqual(self.seqs(asking), [5 + 3 * DEFAULT_LIMIT])

    def test_told_of_more(self) -> None:
        asking = self.after(5)
        self.post()
        self.store.answer_all()
        self.assertEqual(self.seqs(asking), [5])

    def test_the_gap_is_pruned(self) -> None:
        """What is told to those who wait before the gap does not concern who has seen it."""
        behind, asking = self.after(3), self.after(5)
        self.store.lose("lobby", 5)
        self.store.answer_all()
        self.assertEqual(self.expired(behind), (EPOCH, 5, 5))
        self.assertNoResult(asking)
        self.post()
        self.assertEqual(self.seqs(asking), [5])

    def test_the_store_fails(self) -> None:
        asking = self.after(5)
        self.store.reads.pop().fail()
        self.assertNoResult(asking)
        self.store.hold_reads = False
        self.clock.advance(RETRY_SECONDS)
        self.assertNoResult(asking)
        self.post()
        self.assertEqual(self.seqs(asking), [5])

    def test_truly_ahead(self) -> None:
        self.assertEqual(self.expired(self.after(6)), (EPOCH, 0, 5))

    def test_cancelled(self) -> None:
        asking = self.after(5)
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.store.answer_all()
        self.assertTrue(self.room.idle)

    def test_drained(self) -> None:
        asking = self.after(5)
        self.holds.end_all()
        self.assertEqual(self.successResultOf(asking), Page("lobby", (), Cursor(EPOCH, 5)))


class FromInsideAWakeTests(ReadingTestCase):
    def test_who_posts_in_answer_reads_on_from_there(self) -> None:
        self.post(3)
        asking: list[Deferred[Page]] = []

        def answer(page: Page) -> None:
            (message,) = self.post()
            asking.append(self.after(message.seq + 1))

        self.after(3).addCallback(answer)
        other = self.after(3)
        self.post()
        self.assertNoResult(asking[0])
        self.assertEqual((self.seqs(other), self.room.head), ([3], 5))
        self.post()
        self.assertEqual(self.seqs(asking[0]), [5])


class CancellingTests(ReadingTestCase):
    """Whoever goes is forgotten, at each moment at which something is awaited."""

    def check_cancelled(self, asking: Deferred[Page]) -> None:
        self.assertFalse(self.room.idle)
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertEqual((self.room.idle, len(self.room.waiters)), (True, 0))
        self.store.answer_all()
        self.assertTrue(self.room.idle)

    def test_while_suspended(self) -> None:
        self.post(3)
        self.check_cancelled(self.after(3))
        self.check_cancelled(self.after(3, 1))

    def test_while_the_bounds_are_read(self) -> None:
        self.store.hold_bounds = True
        self.check_cancelled(self.after(0))

    def test_while_the_bounds_are_read_because_it_is_ahead(self) -> None:
        self.post(3)
        self.store.hold_bounds = True
        self.check_cancelled(self.after(5))

    def test_while_the_bounds_are_read_to_tell_what_is_here(self) -> None:
        self.post(30)
        self.store.lose("lobby", 5)
        self.store.hold_bounds = True
        self.check_cancelled(self.after(2))

    def test_while_suspended_after_the_bounds_were_read(self) -> None:
        self.add(3)
        self.check_cancelled(self.after(3))

    def test_while_the_store_is_read(self) -> None:
        self.post(30)
        self.store.hold_reads = True
        self.check_cancelled(self.after(2))

    def test_while_the_bounds_are_read_to_read_before(self) -> None:
        self.store.hold_bounds = True
        self.check_cancelled(self.before(None))

    def test_while_the_store_is_read_before(self) -> None:
        self.post(30)
        self.store.hold_reads = True
        self.check_cancelled(self.before(None))

    def test_others_stay(self) -> None:
        self.post(30)
        self.store.hold_reads = True
        one, other = self.after(2, 2), self.after(2, 2)
        one.cancel()
        self.failureResultOf(one, CancelledError)
        self.assertFalse(self.room.idle)
        self.store.answer_all()
        self.assertEqual(self.seqs(other), [2, 3])
