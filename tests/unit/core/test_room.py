"""Room: following the log, whatever it is told, and in whichever order."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core import room as room_module
from chatcomet.core import waiters as waiters_module
from chatcomet.core.holds import Holds
from chatcomet.core.message import DATA_BYTES, DEFAULT_LIMIT, Cursor, Message, Page
from chatcomet.core.room import BACKLOG_BYTES, RETRY_SECONDS, Room
from chatcomet.core.store import Bounds
from chatcomet.errors import CursorExpired, StoreUnavailable
from tests.unit.core.slow_store import EPOCH, SlowStore
from tests.unit.core.turning_clock import TurningClock


def _seqs(page: Page) -> list[int]:
    return [message.seq for message in page.messages]


class RoomTestCase(SynchronousTestCase):
    """A room `lobby` over a slow store that tells it nothing by itself."""

    retain = 256

    def setUp(self) -> None:
        self.clock = TurningClock()
        self.store = SlowStore()
        self.holds = Holds(self.clock)
        self.room = Room("lobby", self.store, self.clock, self.holds, lambda room: self.retain)

    def add(self, count: int) -> list[Message]:
        return [self.store.add("lobby") for _ in range(count)]

    def begin(self, count: int = 0) -> list[Message]:
        """`count` messages are in the store, and the room knows where its head is."""
        messages = self.add(count)
        self.successResultOf(self.room.bounds())
        self.store.asked.clear()
        return messages

    def suspend(self, seconds: float = 30.0) -> Deferred[Page]:
        return self.room.waiters.suspend(self.clock.seconds() + seconds)

    def gather(self) -> list[int]:
        """Where the seqs go that somebody sees who waits for the next page again and again, from inside the wake."""
        seen: list[int] = []

        def ask_again(page: Page) -> None:
            seen.extend(_seqs(page))
            self.suspend().addCallback(ask_again)

        self.suspend().addCallback(ask_again)
        return seen

    def seqs(self, waiting: Deferred[Page]) -> list[int]:
        return _seqs(self.successResultOf(waiting))


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
        self.assertEqual((_seqs(page), page.cursor, page.room), ([3, 4], Cursor(EPOCH, 5), "lobby"))
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
        self.assertEqual(_seqs(rest), list(range(DEFAULT_LIMIT, DEFAULT_LIMIT + 30)))

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
            first.extend(_seqs(page))
            if len(first) < 4:
                self.suspend().addCallback(post)
                self.room.deliver(self.add(1))
                self.assertEqual(self.room.head, first[-1] + 1)

        def look_on(page: Page) -> None:
            second.extend(_seqs(page))
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
            seen.extend(_seqs(page))
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
        self.assertEqual(_seqs(page), [5, 6])
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
        self.assertEqual(_seqs(page), [6, 7])

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


class BacklogTests(RoomTestCase):
    retain = 10

    def page(self, start: int, limit: int) -> list[int] | None:
        page = self.room.page(start, limit)
        return None if page is None else _seqs(page)

    def test_where_the_store_has_to_be_asked(self) -> None:
        self.begin(5)
        self.assertIsNone(self.room.page(4, DEFAULT_LIMIT))
        self.room.deliver(self.add(3))
        self.assertIsNone(self.room.page(4, DEFAULT_LIMIT))
        self.assertEqual(self.page(5, DEFAULT_LIMIT), [5, 6, 7])
        self.assertEqual(self.page(7, DEFAULT_LIMIT), [7])
        self.assertIsNone(self.room.page(8, DEFAULT_LIMIT))
        self.assertIsNone(self.room.page(9, DEFAULT_LIMIT))

    def test_limits(self) -> None:
        self.begin()
        self.room.deliver(self.add(10))
        self.assertEqual(self.page(2, 3), [2, 3, 4])
        self.assertEqual(self.page(0, 200), list(range(10)))

    def test_shared_until_the_next_delivery(self) -> None:
        self.begin()
        self.room.deliver(self.add(2))
        one, other = self.room.page(0, DEFAULT_LIMIT), self.room.page(0, DEFAULT_LIMIT)
        self.assertIs(one, other)
        self.assertIs(self.room.nothing(), self.room.nothing())
        nothing = self.room.nothing()
        self.assertEqual((_seqs(nothing), nothing.cursor), ([], Cursor(EPOCH, 2)))
        self.room.deliver(self.add(1))
        self.assertEqual(self.page(0, DEFAULT_LIMIT), [0, 1, 2])
        self.assertEqual(self.page(2, DEFAULT_LIMIT), [2])
        self.assertEqual(self.room.nothing().cursor.next, 3)

    def test_few_pages_are_kept_for_sharing(self) -> None:
        """They carry what they were encoded to, and a reader may ask for each cursor in turn."""
        self.patch(room_module, "SHARED_PAGES", 4)
        self.begin()
        self.room.deliver(self.add(10))
        for start in (*range(10), *range(10)):
            self.assertEqual(self.page(start, DEFAULT_LIMIT), list(range(start, 10)))
            self.assertLessEqual(len(self.room._pages), 4)

    def test_keeps_the_last(self) -> None:
        self.begin()
        for _ in range(4):
            self.room.deliver(self.add(4))
        self.assertIsNone(self.room.page(5, DEFAULT_LIMIT))
        self.assertEqual(self.page(6, DEFAULT_LIMIT), list(range(6, 16)))

    def test_a_run_longer_than_the_backlog(self) -> None:
        """The page that woke those who waited is not given to who asks later, for it may be pruned by then."""
        self.begin()
        self.room.deliver(self.add(14))
        self.assertIsNone(self.room.page(0, DEFAULT_LIMIT))
        self.assertEqual(self.page(4, DEFAULT_LIMIT), list(range(4, 14)))

    def test_limited_in_bytes(self) -> None:
        self.patch(room_module, "BACKLOG_BYTES", 3 * DATA_BYTES)
        self.begin()
        self.room.deliver([self.store.add("lobby", data="0" * DATA_BYTES) for _ in range(6)])
        self.assertIsNone(self.room.page(3, DEFAULT_LIMIT))
        self.assertEqual(self.page(4, DEFAULT_LIMIT), [4, 5])
        self.room.deliver([self.store.add("lobby") for _ in range(2)])
        self.assertEqual(self.page(4, DEFAULT_LIMIT), [4, 5, 6, 7])
        self.assertGreater(BACKLOG_BYTES, 3 * DATA_BYTES)

    def test_limited_where_the_store_keeps_all_or_more(self) -> None:
        self.patch(room_module, "BACKLOG_MESSAGES", 4)
        self.begin()
        for self.retain in (0, 5, 1_000):
            messages = self.add(6)
            self.room.deliver(messages)
            self.assertIsNone(self.room.page(messages[1].seq, DEFAULT_LIMIT))
            self.assertEqual(len(self.page(messages[2].seq, DEFAULT_LIMIT) or ()), 4)

    def test_as_soon_as_the_store_keeps_less_so_does_the_room(self) -> None:
        self.begin()
        self.room.deliver(self.add(8))
        self.retain = 3
        self.room.deliver(self.add(1))
        self.assertIsNone(self.room.page(5, DEFAULT_LIMIT))
        self.assertEqual(self.page(6, DEFAULT_LIMIT), [6, 7, 8])
        self.retain = 1
        self.room.forget(8)  # what the store tells, when it has pruned a room where nobody posts
        self.assertIsNone(self.room.page(7, DEFAULT_LIMIT))
        self.assertEqual(self.page(8, DEFAULT_LIMIT), [8])


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


class IdleTests(RoomTestCase):
    def test_idle(self) -> None:
        self.begin()
        self.assertTrue(self.room.idle)
        waiting = self.suspend()
        self.assertFalse(self.room.idle)
        waiting.addErrback(lambda _: None).cancel()
        self.assertTrue(self.room.idle)

    def test_in_use(self) -> None:
        with self.room.in_use():
            self.assertFalse(self.room.idle)
            with self.room.in_use():
                self.clock.advance(7)
            self.assertFalse(self.room.idle)
        self.assertTrue(self.room.idle)
        self.assertEqual(self.room.last_used, 7.0)

    def test_in_use_ends_with_a_failure(self) -> None:
        def fail() -> None:
            with self.room.in_use():
                raise StoreUnavailable("gone")

        self.assertRaises(StoreUnavailable, fail)
        self.assertTrue(self.room.idle)

    def test_not_idle_while_delivering(self) -> None:
        self.begin()
        seen: list[bool] = []
        self.suspend().addCallback(lambda _: seen.append(self.room.idle))
        self.room.deliver(self.add(1))
        self.assertEqual((seen, self.room.idle), ([False], True))

    def test_not_idle_while_reading_on(self) -> None:
        self.begin()
        self.store.hold_reads = True
        self.room.deliver(self.add(2)[1:])
        self.assertFalse(self.room.idle)
        self.store.answer_all()
        self.assertTrue(self.room.idle)


class ForgettingTests(RoomTestCase):
    """What the store lets go of is not handed out of memory."""

    def deliver(self, count: int) -> list[Message]:
        self.begin()
        messages = self.add(count)
        self.room.deliver(messages)
        return messages

    def test_what_was_pruned_is_left_to_the_store(self) -> None:
        messages = self.deliver(5)
        self.assertIsNotNone(self.room.page(0, DEFAULT_LIMIT))
        self.room.forget(3)
        for start in range(3):
            self.assertIsNone(self.room.page(start, DEFAULT_LIMIT))
            self.assertIsNone(self.room.page(start, 1))
        page = self.room.page(3, DEFAULT_LIMIT)
        assert page is not None
        self.assertEqual(page.messages, tuple(messages[3:]))

    def test_all_may_be_pruned_and_who_waits_at_the_head_goes_on_waiting(self) -> None:
        self.deliver(5)
        waiting = self.suspend()
        self.room.forget(5)
        self.assertNoResult(waiting)
        self.assertIsNone(self.room.page(4, DEFAULT_LIMIT))
        self.room.deliver(self.add(1))
        self.assertEqual(self.seqs(waiting), [5])

    def test_an_older_word_of_it_changes_nothing(self) -> None:
        self.deliver(5)
        self.room.forget(3)
        self.room.forget(1)
        self.assertIsNone(self.room.page(2, DEFAULT_LIMIT))
        self.assertIsNotNone(self.room.page(3, DEFAULT_LIMIT))

    def test_what_a_read_brings_that_began_before_does_not_come_back(self) -> None:
        self.begin()
        self.store.hold_reads = True
        self.room.deliver(self.add(4)[3:])
        self.store.reads[0].look()
        self.store.lose("lobby", 2)
        self.room.forget(2)
        self.store.answer_all()
        self.assertEqual(self.room.head, 4)
        self.assertIsNone(self.room.page(1, DEFAULT_LIMIT))
        self.assertIsNotNone(self.room.page(2, DEFAULT_LIMIT))

    def test_a_room_that_knows_nothing_has_nothing_to_forget(self) -> None:
        self.room.forget(7)
        self.add(9)
        self.assertEqual(self.successResultOf(self.room.bounds()), Bounds(0, 9))


class ErasingTests(RoomTestCase):
    """What was erased is given to nobody who asks afterwards."""

    def setUp(self) -> None:
        super().setUp()
        self.begin()

    def erase(self, seq: int) -> None:
        self.assertTrue(self.successResultOf(self.store.erase("lobby", seq)))
        self.room.forget(seq + 1)

    def test_the_backlog_is_without_it_and_what_came_before_it(self) -> None:
        self.room.deliver(self.add(4))
        self.assertIsNotNone(self.room.page(1, DEFAULT_LIMIT))
        self.erase(1)
        self.assertEqual([self.room.page(start, DEFAULT_LIMIT) for start in (0, 1)], [None, None])
        page = self.room.page(2, DEFAULT_LIMIT)
        assert page is not None
        self.assertEqual(_seqs(page), [2, 3])

    def test_nobody_is_woken(self) -> None:
        self.room.deliver(self.add(2))
        waiting = self.suspend()
        self.erase(1)
        self.assertNoResult(waiting)
        self.room.deliver(self.add(1))
        self.assertEqual(self.seqs(waiting), [2])

    def test_a_read_that_saw_it_before_is_made_again_for_all_who_share_it(self) -> None:
        self.room.deliver(self.add(4))
        self.store.hold_reads = True
        reading = self.room.read(0, 3)
        self.store.reads[0].look()
        self.erase(1)
        newcomer = self.room.read(0, 3)
        self.assertEqual(len(self.store.reads), 1)
        self.store.answer_all()
        for each in (reading, newcomer):
            self.assertEqual([message.erased for message in self.successResultOf(each)], [False, True, False])
        self.assertEqual(self.store.asked, [("read", "lobby", "0", "3")] * 2)

    def test_a_read_of_what_lies_behind_it_is_not(self) -> None:
        self.room.deliver(self.add(4))
        self.store.hold_reads = True
        reading = self.room.read(2, 3)
        self.store.reads[0].look()
        self.erase(1)
        self.store.answer_all()
        self.successResultOf(reading)
        self.assertEqual(len(self.store.asked), 1)

    def test_while_the_room_reads_on(self) -> None:
        self.store.hold_reads = True
        self.room.deliver(self.add(3)[2:])
        self.store.reads[0].look()
        self.erase(1)
        waiting = self.suspend()
        self.store.answer_all()
        self.assertEqual([message.erased for message in self.successResultOf(waiting).messages], [False, True, False])
        self.assertEqual(self.room.head, 3)
        self.assertIsNone(self.room.page(0, DEFAULT_LIMIT))
