"""Idle polls: what it costs to hold them while nobody says anything; each is asked again when its hold ends."""

from __future__ import annotations

from bench.contenders import ROOMS
from bench.loading import Load
from bench.workbench import Workbench


def idle(bench: Workbench, turn: int) -> None:
    """All servers hold for 25 seconds, which is chatcomet's default."""
    plan = bench.plan

    def take(load: Load) -> dict[str, float]:
        told = load.idle("quiet", plan.idle_waiters, plan.idle_seconds)
        return {
            "cpu_percent": told["cpu"] / told["seconds"] * 100,
            "empty_per_second": told["empty_answers"] / told["seconds"],
        }

    for contender in bench.chosen(ROOMS, turn):
        bench.measure("idle", contender, plan.idle_waiters, turn, take)
