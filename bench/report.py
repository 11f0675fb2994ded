"""The report: tables, plots and the figures they are made of, in one folder; and the short of it, for the README."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import plots
from bench.measurement import Measurements
from bench.options import PUBLISHED
from bench.plan import Plan
from bench.sections import SECTIONS, Section
from bench.summary import put_into, summary

README = Path("README.md")


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, where, and by which plan."""

    measurements: Measurements
    machine: dict[str, str]
    plan: Plan

    @classmethod
    def load(cls, folder: Path) -> Report:
        """The one that `write` left there."""
        about = json.loads((folder / "run.json").read_text())
        values: dict[str, Any] = about["plan"]
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return cls(Measurements.load(folder / "measurements.json"), about["machine"], Plan(**values))

    def write(self, folder: Path) -> None:
        """Into a folder; what is published also changes the README."""
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.svg"):
            old.unlink()
        self.measurements.save(folder / "measurements.json")
        about = {"machine": self.machine, "plan": dataclasses.asdict(self.plan)}
        (folder / "run.json").write_text(json.dumps(about, indent=1) + "\n")
        (folder / "README.md").write_text("\n".join(self._text(folder)))
        if folder == PUBLISHED:
            short = summary(self.measurements, self.machine, folder)
            README.write_text(put_into(README.read_text(), short))

    def _text(self, folder: Path) -> Iterator[str]:
        yield "# What it costs: chatcomet beside Nchan, Tornado and Klein\n"
        yield "Written by `make bench`; [bench/README.md](../../bench/README.md) tells what is measured, and how.\n"
        turns, slow = self.plan.repeats, min(self.plan.repeats, self.plan.slow_repeats)
        yield f"Medians of the turns that each server took: {turns}; Tornado and Klein, which take far longer, {slow}."
        yield "In parentheses: chatcomet's figure"
        yield "divided by this one, turn by turn, and of these ratios the median; below 1, chatcomet's is smaller.\n"
        for section in SECTIONS:
            if taken := list(self.measurements.of(section.part)):
                yield from self._section(section, Measurements(taken), folder)
        yield from self._faults()
        yield "## The machine\n"
        yield "\n".join(f"- {name}: {value}" for name, value in self.machine.items()) + "\n"

    def _section(self, section: Section, taken: Measurements, folder: Path) -> Iterator[str]:
        yield f"## {section.title}\n"
        yield section.told(self.plan) + "\n"
        for subtitle, text in section.tables(taken):
            yield f"**{subtitle}**\n"
            yield text
        for plot in section.plots:
            path = folder / plot.file
            if plot.bars:
                drawn = plots.bars(path, taken, plot.figure, plot.title, plot.up)
            else:
                drawn = plots.lines(path, taken, plot.figure, plot.title, plot.across, plot.up)
            if drawn:
                yield f"![{plot.title}]({plot.file})\n"

    def _faults(self) -> Iterator[str]:
        if self.measurements.faults:
            yield "## What failed\n"
            for failed in self.measurements.faults:
                yield f"- {failed.part}, {failed.at:,}, turn {failed.turn + 1}, {failed.server}: `{failed.fault}`"
            yield ""
