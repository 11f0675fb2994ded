"""Reading: the pages before, and whole walks; and that nothing is written by it."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from chatcomet.core import reading
from chatcomet.core.message import DATA_BYTES, DEFAULT_LIMIT, PAGE_BYTES, PAGE_MESSAGES, Cursor, Page
from chatcomet.errors import CursorExpired, StoreUnavailable
from tests.unit.core.reading_case import ReadingTestCase
from tests.unit.core.room_case import seqs_of
from tests.unit.core.slow_store import EPOCH


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
        self.assertEqual(seqs_of(page), [0, 1, 2, 3, 4, 5])
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
