"""Durable posts: how many a second are acknowledged, which means that they are on disk."""

from __future__ import annotations

from bench.contenders import CHATCOMET_ROOMS
from bench.loading import Load, LoadFault
from bench.workbench import Workbench


def posts(bench: Workbench, turn: int) -> None:
    """Only chatcomet's: the others keep nothing on disk."""
    plan = bench.plan

    def take(load: Load) -> dict[str, float]:
        told = load.posts("posts", plan.post_connections, plan.post_seconds)
        if (head := load.server.head("posts")) != told["acknowledged"]:
            raise LoadFault(f"{told['acknowledged']} posts were acknowledged, and {head} are kept")
        return {
            "per_second": told["posts"] / told["seconds"],
            "cpu_us": told["cpu"] / told["posts"] * 1e6,
            "median_ms": told["median_ms"],
            "p99_ms": told["p99_ms"],
            "last_ms": told["last_ms"],
        }

    for contender in bench.chosen([CHATCOMET_ROOMS], turn):
        bench.measure("posts", contender, plan.post_connections, turn, take)
