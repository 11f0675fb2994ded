"""The short of a report, between two marks in the README."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.measurement import Measurements
from bench.tables import Column, cell, markdown

BEGIN, END = "<!-- bench: written by make bench -->\n", "<!-- bench: end -->\n"
SERVERS = ("chatcomet", "Nchan", "Tornado", "Klein")
PLOTS = ("polls-cpu.svg", "polls-last.svg")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one part, at the largest number of waiters; {at} in the title is that number."""

    part: str
    figure: str
    title: str
    digits: int = 1


ROWS = (
    Row("polls", "cpu_us", "{at} long polls: CPU of a delivery and the next poll (µs)"),
    Row("polls", "last_ms", "… the last delivery (ms)", 0),
    Row("polls", "waiting_kib", "… memory of a waiter (KiB)"),
    Row("polls", "connect_us", "… CPU to connect and suspend (µs)"),
    Row("browser", "cpu_us", "with a browser's headers and a session: CPU of a delivery (µs)"),
    Row("tickets", "cpu_us", "with a browser's headers and a ticket: CPU of a delivery (µs)"),
    Row("events", "cpu_us", "{at} event streams: CPU of a delivery (µs)"),
    Row("sockets", "cpu_us", "{at} WebSockets: CPU of a delivery (µs)"),
    Row("idle", "cpu_percent", "{at} idle polls: % of one processor", 2),
    Row("aside", "last_ms", "another room's worst latency during a fan-out to {at} (ms)", 0),
    Row("posts", "per_second", "durable posts a second, acknowledged, over {at} connections", 0),
)


def summary(measurements: Measurements, machine: dict[str, str], folder: Path) -> str:
    """A table, plots, and where they are from."""
    rows = []
    for row in ROWS:
        taken = measurements.of(row.part)
        if taken.places:
            column = Column("", taken.places[-1], row.figure, row.digits)
            cells = [cell(taken, server, column) for server in SERVERS]
            rows.append([row.title.format(at=f"{column.at:,}"), *cells])
    pictures = "\n".join(f"![{plot}]({folder / plot})" for plot in PLOTS if (folder / plot).exists())
    return (
        f"{markdown(['', *SERVERS], rows)}\n"
        "In parentheses: chatcomet's figure divided by this one, turn by turn; below 1, chatcomet's is smaller. "
        f"One processor for the server ({machine['processors']}, Linux {machine['kernel'].partition(' ')[2]}, "
        f"{machine['date']}). [All figures, all versions]({folder}/README.md).\n\n"
        f"{pictures}\n"
    )


def put_into(readme: str, text: str) -> str:
    """The README with `text` between its marks.  Raises `ValueError` if they are not there."""
    before, begun, rest = readme.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise ValueError("the README has no place for the figures")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"
