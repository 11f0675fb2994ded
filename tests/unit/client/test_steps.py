"""What a page means to a reader."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.client.steps import Gap, steps
from chatcomet.core.message import Cursor, Message, Page

HERE = Cursor("k3v9", 5)


def page_of(seqs: list[int], cursor: Cursor) -> Page:
    """A page of such messages."""
    return Page("lobby", tuple(Message(seq, "ada", "hello", 0.0) for seq in seqs), cursor)


def walk(seqs: list[int], cursor: Cursor) -> list[int | Gap]:
    """What a reader at `HERE` makes of it: seqs and gaps."""
    walked = steps(HERE, page_of(seqs, cursor))
    return [step.item.seq if isinstance(step.item, Message) else step.item for step in walked]


class StepsTests(SynchronousTestCase):
    def test_a_page_that_follows(self) -> None:
        walked = steps(HERE, page_of([5, 6], Cursor("k3v9", 7)))
        self.assertEqual([step.cursor.next for step in walked], [6, 7])

    def test_an_empty_page_is_no_step(self) -> None:
        self.assertEqual(walk([], HERE), [])

    def test_order_and_repetition_do_not_matter(self) -> None:
        self.assertEqual(walk([7, 5, 6, 5, 3, 7], Cursor("k3v9", 8)), [5, 6, 7])

    def test_what_is_old_is_no_news(self) -> None:
        self.assertEqual(walk([3, 4], HERE), [])
        self.assertEqual(walk([], Cursor("k3v9", 2)), [])

    def test_a_hole_is_a_gap(self) -> None:
        gap = Gap(Cursor("k3v9", 6), Cursor("k3v9", 8))
        self.assertEqual(walk([5, 8], Cursor("k3v9", 9)), [5, gap, 8])
        self.assertEqual(gap.lost, 2)

    def test_a_hole_at_the_end_is_a_gap(self) -> None:
        self.assertEqual(walk([5], Cursor("k3v9", 9)), [5, Gap(Cursor("k3v9", 6), Cursor("k3v9", 9))])

    def test_another_log_is_a_gap_of_unknown_size(self) -> None:
        gap = Gap(HERE, Cursor("m7q2", 0))
        self.assertEqual(walk([0, 1], Cursor("m7q2", 2)), [gap, 0, 1])
        self.assertIsNone(gap.lost)
        self.assertEqual(walk([], Cursor("m7q2", 3)), [Gap(HERE, Cursor("m7q2", 3))])

    def test_a_log_that_begins_before_what_was_seen_is_another(self) -> None:
        self.assertIsNone(Gap(HERE, Cursor("k3v9", 2)).lost)

    @given(st.lists(st.integers(0, 20), max_size=12), st.integers(0, 22))
    def test_whatever_comes_the_walk_is_whole_and_leads_onward(self, seqs: list[int], end: int) -> None:
        position = HERE
        for item, cursor in steps(HERE, page_of(seqs, Cursor("k3v9", end))):
            if isinstance(item, Message):
                self.assertEqual((item.seq, cursor.next), (position.next, position.next + 1))
            else:
                self.assertEqual((item.before, item.after), (position, cursor))
                self.assertGreater(cursor.next, position.next)
            position = cursor
        self.assertEqual(position.next, max(HERE.next, end, *(seq + 1 for seq in seqs), 0))
