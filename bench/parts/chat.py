"""A mixed chat: many rooms with few readers each, short messages at rising rates.

It is the case that CometD publishes: 100 rooms, 10 members each, 50 bytes.  A rate that a server falls behind at shows
by its latency, and by fewer deliveries than ten times the rate.
"""

from __future__ import annotations

from bench.contenders import ROOMS
from bench.loading import Load
from bench.workbench import Workbench


def chat(bench: Workbench, turn: int) -> None:
    """Each rate with a server of its own, or one that fell behind would spoil the next."""
    plan = bench.plan
    for rate in plan.chat_rates:
        for contender in bench.chosen(ROOMS, turn):

            def take(load: Load, rate: int = rate) -> dict[str, float]:
                told = load.chat("room", plan.chat_rooms, plan.chat_readers, rate, plan.chat_seconds)
                return {
                    "per_second": told["delivered"] / told["seconds"],
                    "cpu_us": told["cpu"] / told["delivered"] * 1e6,
                    "median_ms": told["median_ms"],
                    "p99_ms": told["p99_ms"],
                    "last_ms": told["last_ms"],
                    "unsent": told["unsent"],
                }

            bench.measure("chat", contender, rate, turn, take)
