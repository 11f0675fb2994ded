"""Plots, as SVG."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from bench.measurement import Measurements
from bench.ratios import median_of

# The same picture from the same figures, byte for byte; and words that stay words.
mpl.rcParams.update({"svg.hashsalt": "chatcomet", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10})

# Colours that stay apart for the colour-blind (Okabe and Ito's), one for a server in every plot.
COLOURS = {
    "chatcomet": "#d55e00",
    "chatcomet, JSON pages": "#e69f00",
    "Nchan": "#0072b2",
    "Tornado": "#009e73",
    "Klein": "#7f7f7f",
}
SIZE = (7.0, 3.8)


def lines(path: Path, measurements: Measurements, figure: str, title: str, across: str, up: str) -> bool:
    """How a figure grows with the waiters, or the rate, on logarithmic axes; False if there is nothing to draw."""
    picture, axes = _axes(title)
    for server in measurements.servers:
        points = {
            at: middle
            for at in measurements.places
            if not measurements.failed(server, at)
            and (middle := median_of(measurements.turns(server, at, figure))) is not None
        }
        if points:
            colour = COLOURS.get(server, "black")
            axes.plot(list(points), list(points.values()), marker="o", markersize=4, label=server, color=colour)
    axes.set(xscale="log", yscale="log", xlabel=across, ylabel=up)
    axes.set_xticks(measurements.places, [f"{place:,}" for place in measurements.places], minor=False)
    axes.xaxis.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.4g}")
    return _saved(path, picture, axes)


def bars(path: Path, measurements: Measurements, figure: str, title: str, up: str) -> bool:
    """One figure of each server, at the largest number of waiters; False if there is nothing to draw."""
    picture, axes = _axes(title)
    for server in measurements.servers:
        at = measurements.places[-1]
        middle = median_of(measurements.turns(server, at, figure))
        if middle is not None and not measurements.failed(server, at):
            shape = axes.bar(server, middle, width=0.6, label=server, color=COLOURS.get(server, "black"))
            axes.bar_label(shape, fmt="{:,.4g}")
    axes.set_ylabel(up)
    return _saved(path, picture, axes, legend=False)


def _axes(title: str) -> tuple[Figure, Axes]:
    picture = Figure(figsize=SIZE, layout="constrained")
    axes = picture.subplots()
    axes.set_title(title, fontsize=11, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    return picture, axes


def _saved(path: Path, picture: Figure, axes: Axes, legend: bool = True) -> bool:
    if not axes.has_data():
        return False
    if legend:
        axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    picture.savefig(path, format="svg", metadata={"Date": None})
    return True
