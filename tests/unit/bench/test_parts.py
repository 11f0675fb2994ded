"""From what the load tells to the figures of a part."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.contenders import POLLS
from bench.loading import LoadFault
from bench.parts.aside import due_in
from bench.parts.fanout import figures
from bench.plan import Plan
from bench.workbench import Workbench

TOLD: dict[str, float | list[float]] = {
    "cpu": [0.09, 0.02, 0.04],
    "median_ms": [3.0, 1.0, 2.0],
    "last_ms": [30.0, 10.0, 20.0],
    "connect_cpu": 0.05,
    "kib_before": 1_000.0,
    "kib_waiting": 3_000.0,
    "kib_after": 4_000.0,
}


class FanoutTests(SynchronousTestCase):
    def test_of_one_waiter_and_the_middle_round(self) -> None:
        expected = {"cpu_us": 40.0, "median_ms": 2.0, "last_ms": 20.0, "connect_us": 50.0}
        expected |= {"waiting_kib": 2.0, "after_kib": 3.0}
        told = figures(TOLD, waiters=1_000)
        self.assertEqual({name: round(value, 6) for name, value in told.items()}, expected)


class AsideTests(SynchronousTestCase):
    def test_what_fell_due_in_these_spans(self) -> None:
        seen = {"dues": [1.0, 2.0, 3.0, 4.0], "latencies": [0.001, 0.002, 0.004, 0.008]}
        self.assertEqual(due_in(seen, [(0.0, 1.5), (3.0, 4.0)]), [1.0, 4.0])

    def test_who_saw_nothing_has_no_figure(self) -> None:
        self.assertRaises(LoadFault, due_in, {"dues": [1.0], "latencies": [1.0]}, [(2.0, 3.0)])


class TurnTests(SynchronousTestCase):
    def names(self, plan: Plan, turn: int) -> list[str]:
        bench = Workbench(plan, Path("load"), Path("work"))
        return [each.name for each in bench.chosen(POLLS, turn)]

    def test_slow_servers_take_fewer(self) -> None:
        plan = Plan(servers=("chatcomet", "Nchan", "Tornado", "Klein"))
        self.assertEqual(self.names(plan, 0), ["chatcomet", "Nchan", "Tornado", "Klein"])
        self.assertEqual(self.names(plan, 1), ["chatcomet", "Nchan"])
