"""Room: what it keeps of the log, what it forgets, and when it can be forgotten itself."""

from __future__ import annotations

from chatcomet.core import room as room_module
from chatcomet.core.message import DATA_BYTES, DEFAULT_LIMIT, Cursor, Message
from chatcomet.core.room import BACKLOG_BYTES
from chatcomet.core.store import Bounds
from chatcomet.errors import StoreUnavailable
from tests.unit.core.room_case import RoomTestCase, seqs_of
from tests.unit.core.slow_store import EPOCH


class BacklogTests(RoomTestCase):
    retain = 10

    def page(self, start: int, limit: int) -> list[int] | None:
        page = self.room.page(start, limit)
        return None if page is None else seqs_of(page)

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
        self.assertEqual((seqs_of(nothing), nothing.cursor), ([], Cursor(EPOCH, 2)))
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
        self.assertEqual(seqs_of(page), [2, 3])

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
