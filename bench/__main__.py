"""``python -m bench``: measure what is planned, and write the report."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path
from tempfile import mkdtemp
from types import FrameType
from typing import NoReturn

from bench.loading import build
from bench.machine import describe
from bench.measurement import Measurements
from bench.options import Options, read_options
from bench.parts import MEASURE
from bench.progress import say
from bench.report import Report
from bench.server import raise_descriptor_limit
from bench.workbench import Workbench

SPARE_DESCRIPTORS = 500


def main(words: list[str]) -> int:
    """0 if all went well, 1 if a measurement failed (the report says which), 2 if it can't be measured here."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    options = read_options(words)
    if options.report_only:
        report = Report.load(options.into)
    else:
        limit = raise_descriptor_limit()
        if options.plan.most_waiters + SPARE_DESCRIPTORS > limit:
            say(
                f"bench: {options.plan.most_waiters} waiters need more than the {limit} descriptors that a process "
                "may have here (ulimit -Hn); ask for fewer, or be root"
            )
            return 2
        report = _run(options)
    report.write(options.into)
    say(f"bench: the report is {options.into / 'README.md'}")
    for failed in report.measurements.faults:
        say(f"bench: FAILED: {failed.part} {failed.at} {failed.server}: {failed.fault}")
    return 1 if report.measurements.faults else 0


def _end(number: int, _: FrameType | None) -> NoReturn:
    """End as by an exception, so that the server ends, too, that runs now."""
    signal.signal(number, signal.SIG_IGN)
    say("bench: ended by a signal")
    sys.exit(128 + number)


def _run(options: Options) -> Report:
    """On the disk of this checkout: a folder for temporary files is often none, but memory."""
    Path("build").mkdir(exist_ok=True)
    work = Path(mkdtemp(prefix="bench-", dir="build")).resolve()
    try:
        machine = describe(work)
        bench = Workbench(options.plan, build(work), work)
        for part in options.plan.parts:
            for turn in range(options.plan.repeats):
                MEASURE[part](bench, turn)
        return Report(Measurements(bench.taken), machine, options.plan)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
