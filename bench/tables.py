"""Tables in Markdown: medians, and in parentheses chatcomet's paired ratio to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.contenders import OURS
from bench.measurement import Measurements
from bench.ratios import median_of, paired_ratio

FAILED = "**failed**"
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Column:
    """One figure at one place, under a title."""

    title: str
    at: int
    figure: str
    digits: int = 1
    ratio: bool = True


def cell(measurements: Measurements, server: str, column: Column) -> str:
    """``18.4 (0.93)``: the median, and how many times as much chatcomet's is; or that it failed, if only once."""
    if measurements.failed(server, column.at):
        return FAILED
    turns = measurements.turns(server, column.at, column.figure)
    figure = median_of(turns)
    if figure is None:
        return NOTHING
    text = f"{figure:,.{column.digits}f}"
    if server == OURS or not column.ratio or measurements.failed(OURS, column.at):
        return text
    ours = paired_ratio(measurements.turns(OURS, column.at, column.figure), turns)
    return text if ours is None else f"{text} ({times(ours)})"


def times(ratio: float) -> str:
    """A ratio, to two digits or three."""
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"


def table(measurements: Measurements, corner: str, columns: Sequence[Column]) -> str:
    """A row for each server."""
    rows = [[server, *(cell(measurements, server, column) for column in columns)] for server in measurements.servers]
    return markdown([corner, *(column.title for column in columns)], rows)


def over_places(measurements: Measurements, corner: str, figure: str, digits: int = 1) -> str:
    """A row for each server, a column for each number of waiters, or each rate."""
    columns = [Column(f"{place:,}", place, figure, digits) for place in measurements.places]
    return table(measurements, corner, columns)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the first column to the left, the others, which are numbers, to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
