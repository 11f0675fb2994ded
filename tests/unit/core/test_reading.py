"""Reading: each outcome of asking with a cursor, and each moment at which the asker may go."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core import reading
from chatcomet.core import waiters as waiters_module
from chatcomet.core.holds import Holds
from chatcomet.core.message import DATA_BYTES, DEFAULT_LIMIT, PAGE_BYTES, PAGE_MESSAGES, Cursor, Message, Page
from chatcomet.core.room import RETRY_SECONDS, Room
from chatcomet.errors import CursorExpired, StoreUnavailable
from tests.unit.core.slow_store import EPOCH, SlowStore
from tests.unit.core.turning_clock import TurningClock


def _seqs(page: Page) -> list[int]:
    return [message.seq for message in page.messages]


class ReadingTestCase(SynchronousTestCase):
    """A room `lobby` over a slow store, which tells the room of all that is posted."""

    retain = 20

    def setUp(self) -> None:
        self.clock = TurningClock()
        self.store = SlowStore()
        self.holds = Holds(self.clock)
        self.room = Room("lobby", self.store, self.clock, self.holds, lambda room: self.retain)
        self.store.subscribe(lambda _, messages: self.room.deliver(messages))

    def post(self, count: int = 1) -> list[Message]:
        return [self.store.post("lobby") for _ in range(count)]

    def add(self, count: int = 1) -> list[Message]:
        """Append, and tell nobody."""
        return [self.store.add("lobby") for _ in range(count)]

    def after(self, seq: int, limit: int = DEFAULT_LIMIT, hold_seconds: float = 30.0) -> Deferred[Page]:
        return reading.after(self.room, EPOCH, Cursor(EPOCH, seq), limit, self.clock.seconds() + hold_seconds)

    def before(self, seq: int | None, limit: int = DEFAULT_LIMIT) -> Deferred[Page]:
        return reading.before(self.room, seq, limit)

    def seqs(self, asking: Deferred[Page]) -> list[int]:
        """What `asking` came to: seqs without a hole, and the cursor after them."""
        page = self.successResultOf(asking)
        if page.messages:
            self.assertEqual(page.cursor, Cursor(EPOCH, page.messages[-1].seq + 1))
        return _seqs(page)

    def expired(self, asking: Deferred[Page]) -> tuple[str, int, int]:
        error = self.failureResultOf(asking, CursorExpired).value
        return error.epoch, error.first, error.head


class AtTheHeadTests(ReadingTestCase):
    def test_suspended(self) -> None:
        self.post(3)
        asking = self.after(3)
        self.assertNoResult(asking)
        self.assertEqual((len(self.room.waiters), self.store.asked), (1, []))
        self.post()
        self.assertEqual(self.seqs(asking), [3])

    def test_hold_ends(self) -> None:
        self.post(3)
        asking = self.after(3, hold_seconds=5.0)
        self.clock.advance(5.25)
        self.assertEqual(self.successResultOf(asking), Page("lobby", (), Cursor(EPOCH, 3)))

    def test_no_hold(self) -> None:
        self.post(3)
        asking = self.after(3, hold_seconds=0.0)
        self.assertEqual(self.successResultOf(asking), Page("lobby", (), Cursor(EPOCH, 3)))

    def test_room_that_is_not_known_yet(self) -> None:
        self.add(3)
        asking = self.after(3)
        self.assertNoResult(asking)
        self.assertEqual(self.store.asked, [("bounds", "lobby")])
        self.post()
        self.assertEqual(self.seqs(asking), [3])

    def test_room_that_nobody_has_used(self) -> None:
        """Law 8: it answers as an empty one, and nothing is written."""
        asking = self.after(0)
        self.assertNoResult(asking)
        self.assertEqual(self.seqs(self.after(0, hold_seconds=0.0)), [])
        self.assertEqual(self.store.asked, [("bounds", "lobby")])
        self.post()
        self.assertEqual(self.seqs(asking), [0])

    def test_the_hold_begins_before_the_bounds_are_read(self) -> None:
        self.store.hold_bounds = True
        asking, longer = self.after(0, hold_seconds=3.0), self.after(0, hold_seconds=5.0)
        self.clock.advance(4.0)
        self.store.answer_all()
        self.assertEqual(self.successResultOf(asking), Page("lobby", (), Cursor(EPOCH, 0)))
        self.assertNoResult(longer)
        self.clock.advance(1.0)
        self.assertEqual(self.successResultOf(longer), Page("lobby", (), Cursor(EPOCH, 0)))

    def test_posted_while_the_bounds_are_read(self) -> None:
        """Law 1: what comes between looking and waiting is not missed."""
        self.add(3)
        self.store.hold_bounds = True
        asking = self.after(3)
        self.store.bounds_asked[0].look()
        self.post()
        self.store.answer_all()
        self.assertEqual(self.seqs(asking), [3])

    def test_all_get_the_same_page(self) -> None:
        """One encoding for all (law 11), also for those who come a little later."""
        self.post(3)
        early = [self.after(3), self.after(3, PAGE_MESSAGES)]
        self.post()
        late = self.after(3)
        self.assertEqual(len({id(self.successResultOf(asking)) for asking in (*early, late)}), 1)

    def test_empty_page_is_shared(self) -> None:
        self.post(3)
        asking = [self.after(3, hold_seconds=1.0), self.after(3, hold_seconds=2.0), self.after(3, hold_seconds=0.0)]
        self.clock.advance(3.0)
        self.assertEqual(len({id(self.successResultOf(each)) for each in asking}), 1)

    def test_limit_cuts_what_wakes(self) -> None:
        self.post(1)
        asking = [self.after(1, 1), self.after(1, 2), self.after(1, 4), self.after(1, DEFAULT_LIMIT)]
        self.room.deliver(self.add(3))
        pages = [self.successResultOf(each) for each in asking]
        self.assertEqual([_seqs(page) for page in pages], [[1], [1, 2], [1, 2, 3], [1, 2, 3]])
        self.assertEqual([page.cursor.next for page in pages], [2, 3, 4, 4])
        self.assertIs(pages[2], pages[3])
        self.assertEqual(self.seqs(self.after(2, 1)), [2])

    def test_limit_beyond_the_default_does_not_hurt(self) -> None:
        self.post(1)
        asking = self.after(1, PAGE_MESSAGES)
        self.room.deliver(self.add(DEFAULT_LIMIT + 10))
        self.assertEqual(self.seqs(asking), list(range(1, 1 + DEFAULT_LIMIT)))

    def test_limit_and_the_end_of_the_hold(self) -> None:
        self.post(3)
        asking = self.after(3, 1, hold_seconds=1.0)
        self.clock.advance(2.0)
        self.assertEqual(self.successResultOf(asking).cursor, Cursor(EPOCH, 3))

    def test_slices_and_asking_again(self) -> None:
        """Who is fired late has missed nothing: it catches up by asking."""
        self.patch(waiters_module, "BURST", 1)
        self.patch(waiters_module, "AT_ONE_GO", 0)
        self.patch(waiters_module, "SLICE_SECONDS", 0.0)
        self.post(1)
        seen: list[list[int]] = [[] for _ in range(4)]

        def got(page: Page, which: int) -> None:
            seen[which].extend(_seqs(page))
            self.after(page.cursor.next).addCallback(got, which)

        for which in range(4):
            self.after(1).addCallback(got, which)
        for _ in range(3):
            self.post()
            self.clock.turn()
        self.assertNotEqual(seen, [[1, 2, 3]] * 4)
        for _ in range(5):
            self.clock.turn()
        self.assertEqual(seen, [[1, 2, 3]] * 4)


class BehindTests(ReadingTestCase):
    def test_in_the_backlog(self) -> None:
        self.post(5)
        self.assertEqual(self.seqs(self.after(2)), [2, 3, 4])
        self.assertEqual(self.seqs(self.after(2, 1)), [2])
        self.assertEqual(self.store.asked, [])

    def test_in_the_backlog_is_shared(self) -> None:
        self.post(5)
        self.assertIs(self.successResultOf(self.after(2)), self.successResultOf(self.after(2)))

    def test_behind_the_backlog(self) -> None:
        self.post(30)
        self.assertEqual(self.seqs(self.after(2, 5)), [2, 3, 4, 5, 6])
        self.assertEqual(self.store.asked, [("read", "lobby", "2", "5")])

    def test_bounded_in_bytes(self) -> None:
        for _ in range(40):
            self.store.post("lobby", data="0" * DATA_BYTES)
        for start in (0, 25):
            page = self.successResultOf(self.after(start))
            self.assertTrue(10 < len(page.messages) <= PAGE_BYTES // DATA_BYTES)
            self.assertEqual(page.cursor.next, start + len(page.messages))

    def test_from_the_beginning_of_a_room_that_is_not_known_yet(self) -> None:
        self.add(5)
        self.assertEqual(self.seqs(self.after(0)), [0, 1, 2, 3, 4])
        self.assertEqual(self.store.asked, [("bounds", "lobby"), ("read", "lobby", "0", "50")])

    def test_askers_share_one_read(self) -> None:
        self.post(30)
        self.store.hold_reads = True
        asking = [self.after(2) for _ in range(5)]
        self.assertEqual(len(self.store.reads), 1)
        self.store.answer_all()
        for each in asking:
            self.assertEqual(self.seqs(each), list(range(2, 30)))

    def test_posted_while_it_is_read(self) -> None:
        self.post(30)
        self.store.hold_reads = True
        asking = self.after(2)
        self.store.reads[0].look()
        self.post()
        self.store.answer_all()
        self.assertEqual(self.seqs(asking), list(range(2, 30)))

    def test_pruned(self) -> None:
        self.post(30)
        self.store.lose("lobby", 5)
        self.assertEqual(self.expired(self.after(2)), (EPOCH, 5, 30))
        self.assertEqual(self.seqs(self.after(5, 2)), [5, 6])

    def test_all_pruned(self) -> None:
        self.post(30)
        self.store.lose("lobby", 30)
        self.assertEqual(self.expired(self.after(2)), (EPOCH, 30, 30))

    def test_pruned_while_it_is_read(self) -> None:
        self.post(30)
        self.store.hold_reads = True
        asking = self.after(2)
        self.store.lose("lobby", 5)
        self.store.answer_all()
        self.assertEqual(self.expired(asking), (EPOCH, 5, 30))

    def test_pruned_after_others_began_to_read_the_bounds(self) -> None:
        """What is said to be here begins after what was just found missing, whatever an older answer says."""
        for known, pruned in ((30, 5), (30, 30), (1, 5), (1, 30)):
            with self.subTest(known=known, pruned=pruned):
                self.setUp()
                self.post(known)
                self.store.hold_bounds = True
                other = self.before(None)
                self.store.bounds_asked[0].look()
                self.post(30 - known)
                self.store.lose("lobby", pruned)
                asking = self.after(2)
                self.assertNoResult(asking)
                self.store.answer_all()
                self.successResultOf(other)
                self.assertEqual(self.expired(asking), (EPOCH, pruned, 30))

    def test_pruned_after_it_was_read(self) -> None:
        self.post(30)
        self.store.hold_reads = True
        asking = self.after(2, 3)
        self.store.reads[0].look()
        self.store.lose("lobby", 5)
        self.store.answer_all()
        self.assertEqual(self.seqs(asking), [2, 3, 4])

    def test_store_fails(self) -> None:
        self.post(30)
        self.store.down = True
        self.failureResultOf(self.after(2), StoreUnavailable)
        self.assertTrue(self.room.idle)
        self.store.down = False
        self.assertEqual(self.seqs(self.after(2, 1)), [2])

    def test_store_fails_for_all_who_share_the_read(self) -> None:
        self.post(30)
        self.store.hold_reads = True
        asking = [self.after(2) for _ in range(3)]
        self.store.reads.pop().fail()
        for each in asking:
            self.failureResultOf(each, StoreUnavailable)
        self.assertTrue(self.room.idle)


class AheadTests(ReadingTestCase):
    def test_this_process_was_not_told_yet(self) -> None:
        """Another process posted; its poster asks here."""
        self.post(3)
        self.add(2)
        asking = self.after(5)
        self.assertNoResult(asking)
        self.assertEqual(len(self.room.waiters), 1)
        self.post()
        self.assertEqual(self.seqs(asking), [5])

    def test_this_process_was_not_told_yet_and_there_is_more(self) -> None:
        self.post(3)
        self.add(4)
        self.assertEqual(self.seqs(self.after(5)), [5, 6])

    def test_those_who_wait_profit(self) -> None:
        """What an asker's cursor makes known to be there is handed out."""
        self.post(3)
        waiting = self.after(3)
        self.add(2)
        self.after(5)
        self.assertEqual(self.seqs(waiting), [3, 4])

    def test_truly_ahead(self) -> None:
        self.post(3)
        for seq in (4, 10**17):
            self.assertEqual(self.expired(self.after(seq)), (EPOCH, 0, 3))
        self.assertTrue(self.room.idle)

    def test_truly_ahead_costs_little(self) -> None:
        """Who makes up cursors makes the store count a few times, and all who do so at once share that."""
        self.post(3)
        self.store.hold_bounds = True
        asking = [self.after(4) for _ in range(50)]
        self.store.answer_all()
        for each in asking:
            self.expired(each)
        self.assertLessEqual(len(self.store.asked), 4)

    def test_joined_a_read_that_began_before(self) -> None:
        """The answer of a read that others asked for may be older than the cursor."""
        self.post(3)
        self.store.hold_bounds = True
        other = self.after(99)
        self.store.bounds_asked[0].look()
        self.add(2)
        asking = self.after(5)
        self.store.answer_all()
        self.assertNoResult(asking)
        self.expired(other)
        self.post()
        self.assertEqual(self.seqs(asking), [5])

    def test_store_fails(self) -> None:
        self.post(3)
        self.store.down = True
        self.failureResultOf(self.after(5), StoreUnavailable)
        self.assertTrue(self.room.idle)


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


class OtherEpochTests(ReadingTestCase):
    def test_known_room(self) -> None:
        self.post(3)
        for seq in (0, 3, 7):
            asking = reading.after(self.room, EPOCH, Cursor("another", seq), DEFAULT_LIMIT, 30.0)
            self.assertEqual(self.expired(asking), (EPOCH, 0, 3))
        self.assertTrue(self.room.idle)

    def test_unknown_room(self) -> None:
        self.add(3)
        self.store.lose("lobby", 1)
        asking = reading.after(self.room, EPOCH, Cursor("another", 2), DEFAULT_LIMIT, 30.0)
        self.assertEqual(self.expired(asking), (EPOCH, 1, 3))


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


class BeforeTests(ReadingTestCase):
    def test_newest(self) -> None:
        self.post(30)
        self.assertEqual(self.seqs(self.before(None, 3)), [27, 28, 29])
        self.assertEqual(self.seqs(self.before(None, PAGE_MESSAGES)), list(range(30)))

    def test_newest_of_an_empty_room(self) -> None:
        self.assertEqual(self.successResultOf(self.before(None)), Page("lobby", (), Cursor(EPOCH, 0)))
        self.assertEqual(self.store.asked, [("bounds", "lobby")])

    def test_newest_where_all_is_pruned(self) -> None:
        self.post(5)
        self.store.lose("lobby", 5)
        self.assertEqual(self.successResultOf(self.before(None)), Page("lobby", (), Cursor(EPOCH, 5)))

    def test_newest_leads_on(self) -> None:
        """From the newest page a reader goes on without a hole, whatever is posted meanwhile."""
        self.add(5)
        self.store.hold_bounds = True
        asking = self.before(None)
        self.store.bounds_asked[0].look()
        self.post()
        self.store.answer_all()
        page = self.successResultOf(asking)
        self.assertEqual(_seqs(page), [0, 1, 2, 3, 4, 5])
        self.post()
        self.assertEqual(self.seqs(self.after(page.cursor.next)), [6])

    def test_before(self) -> None:
        self.post(30)
        self.assertEqual(self.seqs(self.before(10, 3)), [7, 8, 9])
        self.assertEqual(self.seqs(self.before(2, 3)), [0, 1])
        self.assertEqual(self.seqs(self.before(99, 3)), [27, 28, 29])
        self.assertEqual(self.successResultOf(self.before(0, 3)), Page("lobby", (), Cursor(EPOCH, 0)))

    def test_before_what_was_pruned(self) -> None:
        self.post(30)
        self.store.lose("lobby", 5)
        self.assertEqual(self.seqs(self.before(7, 3)), [5, 6])
        for seq in (5, 3, 0):
            self.assertEqual(self.successResultOf(self.before(seq)), Page("lobby", (), Cursor(EPOCH, 5)))

    def test_bounded_in_bytes(self) -> None:
        for _ in range(40):
            self.store.post("lobby", data="0" * DATA_BYTES)
        page = self.successResultOf(self.before(30))
        self.assertTrue(10 < len(page.messages) <= PAGE_BYTES // DATA_BYTES)
        self.assertEqual(page.messages[-1].seq, 29)

    def test_pruned_between_its_two_reads(self) -> None:
        """Nothing that is not before the seq, which the asker has already, comes instead of what has gone."""
        self.post(30)
        self.store.hold_reads = True
        asking = self.before(10, 5)
        self.store.lose("lobby", 8)
        self.store.answer_all()
        self.assertEqual(self.seqs(asking), [8, 9])

    def test_all_pruned_between_its_two_reads(self) -> None:
        self.post(30)
        self.store.hold_reads = True
        asking = self.before(10, 5)
        self.store.lose("lobby", 20)
        self.store.answer_all()
        self.assertEqual(self.seqs(asking), [])

    def test_store_fails(self) -> None:
        self.store.down = True
        self.failureResultOf(self.before(None), StoreUnavailable)
        self.store.down = False
        self.post(3)
        self.store.hold_reads = True
        asking = self.before(None)
        self.store.reads.pop().fail()
        self.failureResultOf(asking, StoreUnavailable)
        self.assertTrue(self.room.idle)


class NothingIsWrittenTests(ReadingTestCase):
    def test_reading_never_writes(self) -> None:
        """Law 8."""
        asks: list[Callable[[], Deferred[Page]]] = [
            lambda: self.after(0, hold_seconds=0.0),
            lambda: self.after(7),
            lambda: self.before(None),
            lambda: self.before(3),
            lambda: reading.after(self.room, EPOCH, Cursor("another", 0), DEFAULT_LIMIT, 30.0),
        ]
        for ask in asks:
            ask().addErrback(lambda failure: failure.trap(CursorExpired))
        self.assertNotIn("append", {question[0] for question in self.store.asked})
        self.assertEqual(self.store.head("lobby"), 0)


class WalkTests(ReadingTestCase):
    @given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 70), st.integers(0, 60), st.booleans())
    def test_each_message_once(self, posted: int, pruned: int, limit: int, start: int, known: bool) -> None:
        """From wherever one begins, the pages of any limit are the whole log from there, once and in order."""
        self.setUp()
        self.post(posted) if known else self.add(posted)
        self.store.lose("lobby", pruned)
        first, head = self.store.kept_bounds("lobby")
        seen: list[int] = []
        at = min(max(start, first), head)
        while page := self.successResultOf(self.after(at, limit, 0.0)).messages:
            self.assertLessEqual(len(page), limit)
            seen.extend(message.seq for message in page)
            at = seen[-1] + 1
        self.assertEqual(seen, list(range(min(max(start, first), head), head)))

    @given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 70))
    def test_scrolling_back(self, posted: int, pruned: int, limit: int) -> None:
        self.setUp()
        self.post(posted)
        self.store.lose("lobby", pruned)
        first, head = self.store.kept_bounds("lobby")
        seen: list[int] = []
        page = self.successResultOf(self.before(None, limit)).messages
        while page:
            self.assertLessEqual(len(page), limit)
            seen[:0] = [message.seq for message in page]
            page = self.successResultOf(self.before(seen[0], limit)).messages
        self.assertEqual(seen, list(range(first, head)))
