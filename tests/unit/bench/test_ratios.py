"""Medians, and ratios taken turn by turn."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.ratios import median_of, paired_ratio


class MedianTests(SynchronousTestCase):
    def test_the_middle(self) -> None:
        self.assertEqual(median_of({0: 9.0, 1: 1.0, 2: 2.0}), 2.0)

    def test_between_the_middle_two(self) -> None:
        self.assertEqual(median_of({0: 1.0, 1: 4.0}), 2.5)

    def test_of_nothing(self) -> None:
        self.assertIsNone(median_of({}))


class PairedRatioTests(SynchronousTestCase):
    def test_each_turn_with_its_own(self) -> None:
        """In the second turn the machine was three times as slow for both: that is no difference between them."""
        ours, theirs = {0: 10.0, 1: 30.0, 2: 12.0}, {0: 20.0, 1: 60.0, 2: 20.0}
        self.assertEqual(paired_ratio(ours, theirs), 0.5)

    def test_it_is_not_the_ratio_of_the_medians(self) -> None:
        ours, theirs = {0: 1.0, 1: 20.0, 2: 300.0}, {0: 10.0, 1: 100.0, 2: 10.0}
        self.assertEqual(paired_ratio(ours, theirs), 0.2)

    def test_only_turns_that_both_have(self) -> None:
        self.assertEqual(paired_ratio({0: 1.0, 1: 9.0}, {1: 3.0, 2: 1.0}), 3.0)

    def test_nothing_is_divided_by_nothing(self) -> None:
        self.assertEqual(paired_ratio({0: 1.0, 1: 2.0}, {0: 0.0, 1: 1.0}), 2.0)
        self.assertIsNone(paired_ratio({0: 1.0}, {0: 0.0}))

    def test_without_a_pair(self) -> None:
        self.assertIsNone(paired_ratio({0: 1.0}, {1: 1.0}))
