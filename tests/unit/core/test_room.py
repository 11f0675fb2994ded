"""Room: following the log, whatever it is told, and in whichever order."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from chatcomet.core import waiters as waiters_module
from chatcomet.core.message import DATA_BYTES, DEFAULT_LIMIT, Cursor, Page
from chatcomet.core.store import Bounds
from chatcomet.errors import StoreUnavailable
from tests.unit.core.room_case import RoomTestCase, seqs_of
from tests.unit.core.slow_store import EPOCH


class BeginningTests(RoomTestCase):
    def test_knows_nothing_at_first(self) -> None:
        self.assertIsNone(self.room.head)
        self.assertIsNone(self.room.page(0, DEFAULT_LIMIT))
        self.assertTrue(self.room.idle)
        self.assertEqual(self.store.asked, [])

    def test_begins_at_the_head_of_the_store(self) -> None:
        self.add(7)
        self.store.lose("lobby", 2)
        self.assertEqual(self.successResultOf(self.room.bounds()), Bounds(2, 7))
        self.assertEqual(self.room.head, 7)
        self.assertEqual(self.store.asked, [("bounds", "lobby")])

    def test_one_such_read_at_a_time(self) -> None:
        self.store.hold_bounds = True
        asking = [self.room.bounds() for _ in range(3)]
        self.assertEqual(len(self.store.bounds_asked), 1)
        self.store.answer_all()
        self.assertEqual([self.successResultOf(each) for each in asking], [Bounds(0, 0)] * 3)

    def test_told_before_bounds_come_back(self) -> None:
        """What the bounds say is older then than what the room knows."""
        self.add(5)
        self.store.hold_bounds = True
        asking = self.room.bounds()
        self.store.bounds_asked[0].look()
        self.room.deliver(self.add(1))
        self.assertEqual(self.room.head, 6)
        self.store.answer_all()
        self.assertEqual(self.successResultOf(asking), Bounds(0, 5))
        self.assertEqual(self.room.head, 6)
        self.assertEqual(self.store.asked, [("bounds", "lobby")])

    def test_told_late_before_bounds_come_back(self) -> None:
        """What the bounds say is newer then: the room reads on to there."""
        messages = self.add(5)
        self.store.hold_bounds = True
        asking = self.room.bounds()
        self.room.deliver(messages[2:3])
        self.assertEqual(self.room.head, 3)
        waiting = self.suspend()
        self.store.answer_all()
        self.successResultOf(asking)
        self.assertEqual(self.seqs(waiting), [3, 4])
        self.assertEqual(self.room.head, 5)

    def test_bounds_unavailable(self) -> None:
        self.store.down = True
        self.failureResultOf(self.room.bounds(), StoreUnavailable)
        self.assertIsNone(self.room.head)
        self.store.down = False
        self.successResultOf(self.room.bounds())
        self.assertEqual(self.room.head, 0)

    def test_bounds_cancelled(self) -> None:
        self.store.hold_bounds = True
        one, other = self.room.bounds(), self.room.bounds()
        one.cancel()
        self.failureResultOf(one, CancelledError)
        self.store.answer_all()
        self.successResultOf(other)
        self.assertEqual(self.room.head, 0)


class DeliverTests(RoomTestCase):
    def test_in_order(self) -> None:
        self.begin(3)
        waiting = self.suspend()
        self.room.deliver(self.add(2))
        page = self.successResultOf(waiting)
        self.assertEqual((seqs_of(page), page.cursor, page.room), ([3, 4], Cursor(EPOCH, 5), "lobby"))
        self.assertEqual(self.room.head, 5)
        self.assertEqual(self.store.asked, [])

    def test_one_page_for_all(self) -> None:
        self.begin()
        waiting = [self.suspend() for _ in range(3)]
        self.room.deliver(self.add(1))
        pages = {id(self.successResultOf(each)) for each in waiting}
        self.assertEqual(pages, {id(self.room.page(0, DEFAULT_LIMIT))})

    def test_twice(self) -> None:
        self.begin()
        seen = self.gather()
        messages = self.add(2)
        self.room.deliver(messages)
        self.room.deliver(messages)
        self.room.deliver(messages[:1])
        self.assertEqual((seen, self.room.head), ([0, 1], 2))
        self.assertEqual(self.store.asked, [])

    def test_overlapping(self) -> None:
        self.begin()
        seen = self.gather()
        messages = self.add(5)
        self.room.deliver(messages[:3])
        self.room.deliver(messages[1:5])
        self.assertEqual((seen, self.room.head), ([0, 1, 2, 3, 4], 5))
        self.assertEqual(self.store.asked, [])

    def test_late(self) -> None:
        """What was told already by what was read meanwhile."""
        self.begin()
        seen = self.gather()
        messages = self.add(3)
        self.room.deliver(messages[2:])
        self.room.deliver(messages[:1])
        self.room.deliver(messages[1:2])
        self.assertEqual((seen, self.room.head), ([0, 1, 2], 3))

    def test_with_a_gap(self) -> None:
        """Law 3: a gap is filled from the store before anything after it is delivered."""
        self.begin(2)
        self.store.hold_reads = True
        seen = self.gather()
        messages = self.add(4)
        self.room.deliver(messages[2:3])
        self.assertEqual((seen, self.room.head, self.room.idle), ([], 2, False))
        self.room.deliver(messages[3:])
        self.assertEqual(len(self.store.reads), 1)
        self.store.answer_all()
        self.assertEqual((seen, self.room.head), ([2, 3, 4, 5], 6))

    def test_what_fills_a_gap_is_told_while_it_is_read(self) -> None:
        self.begin()
        self.store.hold_reads = True
        seen = self.gather()
        messages = self.add(3)
        self.room.deliver(messages[2:])
        self.store.reads[0].look()
        self.room.deliver(messages[:2])
        self.room.deliver(self.add(1))
        self.store.answer_all()
        self.assertEqual((seen, self.room.head, len(self.room.waiters)), ([0, 1, 2, 3], 4, 1))

    def test_long_gap(self) -> None:
        self.begin()
        seen = self.gather()
        self.room.deliver(self.add(3 * DEFAULT_LIMIT + 7)[-1:])
        self.assertEqual(seen, list(range(3 * DEFAULT_LIMIT + 7)))
        self.assertEqual(len(self.store.asked), 4)

    def test_long_run(self) -> None:
        """The wake carries a page's worth; the rest is there for those who ask again."""
        self.begin()
        waiting = self.suspend()
        self.room.deliver(self.add(DEFAULT_LIMIT + 30))
        self.assertEqual(self.seqs(waiting), list(range(DEFAULT_LIMIT)))
        rest = self.room.page(DEFAULT_LIMIT, DEFAULT_LIMIT)
        assert rest is not None
        self.assertEqual(seqs_of(rest), list(range(DEFAULT_LIMIT, DEFAULT_LIMIT + 30)))

    def test_run_longer_than_a_page_in_bytes(self) -> None:
        self.begin()
        waiting = self.suspend()
        self.room.deliver([self.store.add("lobby", data="0" * DATA_BYTES) for _ in range(30)])
        page = self.successResultOf(waiting)
        self.assertTrue(0 < len(page.messages) < 17)
        self.assertEqual(page.cursor.next, len(page.messages))

    def test_from_inside_a_wake(self) -> None:
        """Law 3: it never re-enters itself.  All see the same order, also those who were not fired yet."""
        self.begin()
        first, second = [], []  # type: list[int], list[int]

        def post(page: Page) -> None:
            first.extend(seqs_of(page))
            if len(first) < 4:
                self.suspend().addCallback(post)
                self.room.deliver(self.add(1))
                self.assertEqual(self.room.head, first[-1] + 1)

        def look_on(page: Page) -> None:
            second.extend(seqs_of(page))
            self.suspend().addCallback(look_on)

        posting = self.suspend().addCallback(post)
        self.suspend().addCallback(look_on)
        self.room.deliver(self.add(1))
        self.successResultOf(posting)
        self.assertEqual((first, second, self.room.head), ([0, 1, 2, 3], [0, 1, 2, 3], 4))

    def test_from_inside_a_wake_while_reading_on(self) -> None:
        self.begin()
        self.store.hold_reads = True
        seen: list[int] = []

        def post(page: Page) -> None:
            seen.extend(seqs_of(page))
            self.suspend().addCallback(post)
            if len(seen) < 6:
                self.room.deliver(self.add(1))

        self.suspend().addCallback(post)
        self.room.deliver(self.add(2)[1:])
        self.store.answer_all()
        self.assertEqual((seen, self.room.head), ([0, 1, 2, 3, 4, 5], 6))

    def test_from_inside_a_later_slice(self) -> None:
        self.patch(waiters_module, "BURST", 1)
        self.patch(waiters_module, "AT_ONE_GO", 0)
        self.patch(waiters_module, "SLICE_SECONDS", 0.0)
        self.begin()
        seen = self.gather()
        others = self.gather()
        self.suspend().addCallback(lambda _: self.room.deliver(self.add(1)))
        self.room.deliver(self.add(1))
        self.assertEqual((seen, others, self.room.idle), ([0], [], False))
        for _ in range(3):
            self.clock.turn()
        self.assertEqual((seen, others), ([0, 1], [0, 1]))


class WatcherTests(RoomTestCase):
    """Who waits for the roster, too, is woken with all others, and no page comes twice."""

    def test_woken_with_the_same_page(self) -> None:
        self.begin()
        waiting, watching = self.suspend(), self.room.watchers.suspend(self.clock.seconds() + 30.0)
        self.assertEqual(self.room.readers, 2)
        self.room.deliver(self.add(1))
        self.assertIs(self.successResultOf(waiting), self.successResultOf(watching))
        self.assertEqual(self.room.readers, 0)

    def test_who_asks_again_as_the_other_when_woken_waits_for_the_next_page(self) -> None:
        self.begin()
        again: list[Deferred[Page]] = []
        self.room.waiters.suspend(self.clock.seconds() + 30.0).addCallback(
            lambda _: again.append(self.room.watchers.suspend(self.clock.seconds() + 30.0))
        )
        self.room.watchers.suspend(self.clock.seconds() + 30.0).addCallback(
            lambda _: again.append(self.room.waiters.suspend(self.clock.seconds() + 30.0))
        )
        self.room.deliver(self.add(1))
        for each in again:
            self.assertNoResult(each)
        self.room.deliver(self.add(1))
        self.assertEqual([self.seqs(each) for each in again], [[1], [1]])
