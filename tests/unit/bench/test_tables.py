"""Tables: what a figure, a ratio and a failure look like."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.measurement import Measurement, Measurements
from bench.tables import FAILED, NOTHING, Column, cell, over_places, table, times
from tests.unit.bench.test_measurement import taken


class CellTests(SynchronousTestCase):
    def test_ours_is_a_figure(self) -> None:
        self.assertEqual(cell(taken().of("polls"), "chatcomet", Column("", 1000, "cpu_us")), "25.0")

    def test_another_has_our_ratio_to_it(self) -> None:
        self.assertEqual(cell(taken().of("polls"), "Nchan", Column("", 1000, "cpu_us", 0)), "45 (0.55)")

    def test_where_a_ratio_says_nothing(self) -> None:
        self.assertEqual(cell(taken().of("polls"), "Nchan", Column("", 1000, "cpu_us", 0, ratio=False)), "45")

    def test_a_failure_is_seen(self) -> None:
        self.assertEqual(cell(taken().of("polls"), "Nchan", Column("", 200, "cpu_us")), FAILED)

    def test_one_failed_turn_of_several_is_seen_too(self) -> None:
        polls = taken()
        polls.add(Measurement("polls", "chatcomet", 1000, 2, fault="one came twice"))
        column = Column("", 1000, "cpu_us")
        self.assertEqual(cell(polls.of("polls"), "chatcomet", column), FAILED)
        self.assertEqual(cell(polls.of("polls"), "Nchan", column), "45.0")

    def test_what_was_not_measured(self) -> None:
        self.assertEqual(cell(taken().of("polls"), "Klein", Column("", 1000, "cpu_us")), NOTHING)

    def test_ratios_are_short(self) -> None:
        self.assertEqual([times(0.926), times(9.99), times(27.4), times(1068.7)], ["0.93", "9.99", "27", "1,069"])


class TableTests(SynchronousTestCase):
    def test_over_places(self) -> None:
        self.assertEqual(
            over_places(taken().of("polls"), "waiters", "cpu_us"),
            "| waiters | 200 | 1,000 |\n"
            "| --- | ---: | ---: |\n"
            "| chatcomet | 10.0 | 25.0 |\n"
            f"| Nchan | {FAILED} | 45.0 (0.55) |\n",
        )

    def test_over_figures(self) -> None:
        posts = taken().of("posts")
        self.assertEqual(
            table(posts, "server", [Column("posts a second", 64, "per_second", 0), Column("p99", 64, "p99_ms")]),
            "| server | posts a second | p99 |\n| --- | ---: | ---: |\n| chatcomet | 9 | – |\n",
        )

    def test_of_nothing(self) -> None:
        self.assertEqual(over_places(Measurements(), "waiters", "cpu_us"), "| waiters |\n| --- |\n")
