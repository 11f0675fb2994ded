"""Another room's latency while a large one is answered: a poster and a reader aside, and thousands in the lobby.

The small room's messages fall due at a steady rate.  Those due in the quiet before each fan-out are compared with those
due while it goes on, until the server is at rest again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from statistics import median

from bench.contenders import CHATCOMET_ROOMS, OURS, POLLS
from bench.loading import Figures, Load, LoadFault
from bench.workbench import Workbench

POSTS_A_SECOND = 50
QUIET_SECONDS = 1.0
AT_REST = 0.3
"""The server's share of a processor below which only the small room is busy."""
ROUNDS = 3


def aside(bench: Workbench, turn: int) -> None:
    """The lobby is read by the seed's protocol, the small room by the server's own."""
    for contender in bench.chosen((each for each in POLLS if each.name in _SERVERS), turn):
        bench.measure("aside", contender, bench.plan.aside_waiters, turn, lambda load: _take(bench, load))


_SERVERS = (OURS, "Nchan", "Tornado", "Klein")


def _take(bench: Workbench, load: Load) -> dict[str, float]:
    route = CHATCOMET_ROOMS.route if load.route.room else load.route
    probe = dataclasses.replace(load, route=route).probe("aside", POSTS_A_SECOND)
    try:
        more = ("--pause", str(QUIET_SECONDS), "--still", str(AT_REST))
        told = load.fanout("lobby", bench.plan.aside_waiters, ROUNDS, *more)
        seen = probe.seen()
    finally:
        probe.end()
    quiet = [(begin - QUIET_SECONDS, begin) for begin in told["from"]]
    busy = list(zip(told["from"], told["rest"], strict=True))
    return {
        "quiet_median_ms": median(due_in(seen, quiet)),
        "quiet_last_ms": max(due_in(seen, quiet)),
        "median_ms": median(due_in(seen, busy)),
        "last_ms": max(due_in(seen, busy)),
    }


def due_in(seen: Figures, spans: Iterable[tuple[float, float]]) -> list[float]:
    """The latencies, in milliseconds, of what was due in one of these spans of time."""
    samples = list(zip(seen["dues"], seen["latencies"], strict=True))
    inside = [late * 1e3 for begin, end in spans for due, late in samples if begin <= due < end]
    if not inside:
        raise LoadFault("the small room saw nothing of the fan-out")
    return inside
