"""Medians, and ratios of two servers that took turns.

The speed of a machine drifts while one measures.  Two runs side by side see nearly the same machine, so their ratio
travels further than either figure: ratios are taken turn by turn, and the median of those is what is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median


def median_of(figures: Mapping[int, float]) -> float | None:
    """The median over the turns; None if there was none."""
    return median(figures.values()) if figures else None


def paired_ratio(ours: Mapping[int, float], theirs: Mapping[int, float]) -> float | None:
    """The median of ours / theirs over the turns in which both have a figure, and theirs is not 0; None without one."""
    pairs = [ours[turn] / theirs[turn] for turn in ours.keys() & theirs.keys() if theirs[turn]]
    return median(pairs) if pairs else None
