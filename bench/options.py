"""The command line, as a plan."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.plan import PARTS, QUICK, Plan

PUBLISHED = Path("docs/bench")
UNPUBLISHED = Path("build/bench")


@dataclass(frozen=True, slots=True)
class Options:
    """A plan, and where its report goes."""

    plan: Plan
    into: Path
    report_only: bool


def read_options(words: Sequence[str]) -> Options:
    """Only a full run goes into docs/ by itself: figures of a part would stand beside old ones of the rest."""
    parser = argparse.ArgumentParser(
        prog="make bench",
        usage='make bench ARGS="[options]"',
        description="Measure chatcomet beside Nchan, Tornado and Klein.",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, one turn: to see that it works")
    parser.add_argument("--only", type=_parts, metavar="PART,…", help=", ".join(PARTS))
    parser.add_argument("--servers", type=_names, metavar="NAME,…", help="chatcomet, Nchan, Tornado, Klein")
    parser.add_argument(
        "--waiters", type=_numbers, metavar="N,…", help="how many wait, in polls, browser, events, sockets"
    )
    parser.add_argument("--repeats", type=int, metavar="N", help="how many turns every server takes")
    parser.add_argument("--slow-repeats", type=int, metavar="N", help="and Tornado and Klein at the most")
    parser.add_argument("--rates", type=_numbers, metavar="N,…", help="posts a second, in chat")
    parser.add_argument("--idle-waiters", type=int, metavar="N")
    parser.add_argument("--idle-seconds", type=float, metavar="S")
    parser.add_argument("--aside-waiters", type=int, metavar="N")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="where the report goes")
    parser.add_argument("--report-only", action="store_true", help="write the report again from the figures in FOLDER")
    chosen = parser.parse_args(words)
    changes = {
        "parts": chosen.only,
        "servers": chosen.servers,
        "waiters": chosen.waiters,
        "repeats": chosen.repeats,
        "slow_repeats": chosen.slow_repeats,
        "chat_rates": chosen.rates,
        "idle_waiters": chosen.idle_waiters,
        "idle_seconds": chosen.idle_seconds,
        "aside_waiters": chosen.aside_waiters,
    }
    plan = replace(QUICK if chosen.quick else Plan(), **{name: value for name, value in changes.items() if value})
    partial = chosen.quick or chosen.only or chosen.servers
    return Options(plan, chosen.into or (UNPUBLISHED if partial else PUBLISHED), chosen.report_only)


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _parts(text: str) -> tuple[str, ...]:
    if unknown := set(text.split(",")) - set(PARTS):
        raise argparse.ArgumentTypeError(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return tuple(text.split(","))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))
