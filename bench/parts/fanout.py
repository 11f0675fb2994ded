"""Fan-out to polls, streams and sockets: what a delivery costs, when it is there, what a waiter weighs.

A delivery is one answer and, of polls, the next request.  Its processor time is that of a whole round, from the post
until the server is at rest, by the number of waiters; the median of the rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.contenders import EVENTS, POLLS, SOCKETS, TICKETS, Contender
from bench.loading import Load
from bench.workbench import Workbench


def polls(bench: Workbench, turn: int) -> None:
    """Long polls as a program sends them."""
    _measure(bench, turn, "polls", POLLS)


def browser(bench: Workbench, turn: int) -> None:
    """Long polls with the headers of a browser, and a session's cookie."""
    _measure(bench, turn, "browser", POLLS)


def tickets(bench: Workbench, turn: int) -> None:
    """Long polls with a browser's headers, and a ticket for each: limits count them."""
    _measure(bench, turn, "tickets", TICKETS)


def events(bench: Workbench, turn: int) -> None:
    """Event streams."""
    _measure(bench, turn, "events", EVENTS)


def sockets(bench: Workbench, turn: int) -> None:
    """WebSockets."""
    _measure(bench, turn, "sockets", SOCKETS)


def _measure(bench: Workbench, turn: int, part: str, contenders: Sequence[Contender]) -> None:
    for waiters in bench.plan.waiters:
        for contender in bench.chosen(contenders, turn):
            rounds = bench.plan.rounds(waiters)

            def take(load: Load, waiters: int = waiters, rounds: int = rounds) -> dict[str, float]:
                return figures(load.fanout("lobby", waiters, rounds, *_headers(load, part, waiters)), waiters)

            bench.measure(part, contender, waiters, turn, take)


def _headers(load: Load, part: str, waiters: int) -> tuple[str, ...]:
    """What readers send besides what they must."""
    if part == "browser":
        return load.browsing()
    return ("--browser", *load.bearing(waiters)) if part == "tickets" else ()


def figures(told: dict[str, float | list[float]], waiters: int) -> dict[str, float]:
    """Of the rounds the median; of a waiter what all have used."""

    def of(name: str) -> float:
        value = told[name]
        return median(value) if isinstance(value, list) else value

    return {
        "cpu_us": of("cpu") / waiters * 1e6,
        "median_ms": of("median_ms"),
        "last_ms": of("last_ms"),
        "connect_us": of("connect_cpu") / waiters * 1e6,
        "waiting_kib": (of("kib_waiting") - of("kib_before")) / waiters,
        "after_kib": (of("kib_after") - of("kib_before")) / waiters,
    }
