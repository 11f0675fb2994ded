"""The short of it, and its place in the README."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.summary import BEGIN, END, put_into, summary
from tests.unit.bench.test_measurement import taken

MACHINE = {"processors": "2 × Abacus", "kernel": "Linux 6.1", "date": "2026-11-23"}


class SummaryTests(SynchronousTestCase):
    def test_the_largest_of_each_part(self) -> None:
        text = summary(taken(), MACHINE, Path("docs/bench"))
        self.assertIn(
            "| 1,000 long polls: CPU of a delivery and the next poll (µs) | 25.0 | 45.0 (0.55) | – | – |", text
        )
        self.assertIn("| durable posts a second, acknowledged, over 64 connections | 9 | – | – | – |", text)
        self.assertIn("2 × Abacus, Linux 6.1, 2026-11-23", text)

    def test_only_what_was_measured(self) -> None:
        self.assertNotIn("idle", summary(taken(), MACHINE, Path("docs/bench")))


class PlaceTests(SynchronousTestCase):
    def test_what_stood_there_goes(self) -> None:
        readme = f"before\n{BEGIN}old\n{END}after\n"
        self.assertEqual(put_into(readme, "new\n"), f"before\n{BEGIN}\nnew\n\n{END}after\n")
        self.assertEqual(put_into(put_into(readme, "one\n"), "two\n"), put_into(readme, "two\n"))

    def test_without_a_place(self) -> None:
        self.assertRaises(ValueError, put_into, "before\n", "new\n")
        self.assertRaises(ValueError, put_into, f"{BEGIN}before\n", "new\n")

    def test_the_readme_has_one(self) -> None:
        readme = Path(__file__).parents[3] / "README.md"
        self.assertIn("new", put_into(readme.read_text(), "new"))
