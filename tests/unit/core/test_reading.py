"""Reading: each outcome of asking with a cursor."""

from __future__ import annotations

from chatcomet.core import reading
from chatcomet.core import waiters as waiters_module
from chatcomet.core.message import DATA_BYTES, DEFAULT_LIMIT, PAGE_BYTES, PAGE_MESSAGES, Cursor, Page
from chatcomet.errors import StoreUnavailable
from tests.unit.core.reading_case import ReadingTestCase
from tests.unit.core.room_case import seqs_of
from tests.unit.core.slow_store import EPOCH


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
        self.assertEqual([seqs_of(page) for page in pages], [[1], [1, 2], [1, 2, 3], [1, 2, 3]])
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
            seen[which].extend(seqs_of(page))
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
