"""Resets: so many at once, and then some each second."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.http.resets import RESETS, RESETS_A_SECOND, Resets


class ResetsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.resets = Resets(self.clock)

    def count(self, times: int) -> bool:
        """Whether so many may be, all of them."""
        return all(self.resets.count() for _ in range(times))

    def test_so_many_may_be_at_once(self) -> None:
        self.assertTrue(self.count(RESETS))
        self.assertFalse(self.resets.count())

    def test_and_then_some_each_second(self) -> None:
        self.assertTrue(self.count(RESETS))
        self.clock.advance(1)
        self.assertTrue(self.count(int(RESETS_A_SECOND)))
        self.assertFalse(self.resets.count())

    def test_who_waits_long_may_make_no_more_than_at_first(self) -> None:
        self.clock.advance(1_000)
        self.assertTrue(self.count(RESETS))
        self.assertFalse(self.resets.count())
