"""The command line: which plan, and where its report goes."""

from __future__ import annotations

import sys
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from bench.options import PUBLISHED, UNPUBLISHED, read_options
from bench.plan import QUICK, Plan


class OptionsTests(SynchronousTestCase):
    def test_all_of_it_is_published(self) -> None:
        options = read_options([])
        self.assertEqual((options.plan, options.into), (Plan(), PUBLISHED))

    def test_a_part_is_not(self) -> None:
        for words in (["--quick"], ["--only", "polls"], ["--servers", "Nchan"]):
            self.assertEqual(read_options(words).into, UNPUBLISHED)
        self.assertEqual(read_options(["--quick"]).plan, QUICK)

    def test_what_is_asked_for(self) -> None:
        plan = read_options(["--only", "polls,chat", "--waiters", "10,20", "--repeats", "2", "--rates", "5"]).plan
        self.assertEqual(
            (plan.parts, plan.waiters, plan.repeats, plan.chat_rates), (("polls", "chat"), (10, 20), 2, (5,))
        )

    def test_a_part_that_there_is_not(self) -> None:
        said = StringIO()
        self.patch(sys, "stderr", said)
        self.assertRaises(SystemExit, read_options, ["--only", "pools"])
        self.assertIn("there is no part pools", said.getvalue())


class PlanTests(SynchronousTestCase):
    def test_fewer_rounds_of_large_ones(self) -> None:
        self.assertEqual([Plan().rounds(waiters) for waiters in (100, 1_000, 5_000, 15_000)], [15, 15, 4, 3])

    def test_the_most_connections(self) -> None:
        self.assertEqual(Plan().most_waiters, 15_000)
        self.assertEqual(Plan(parts=("idle", "posts")).most_waiters, 10_000)
        self.assertEqual(Plan(parts=("posts",)).most_waiters, 2_000)
