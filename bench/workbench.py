"""Where measurements are taken: servers start here one at a time, and what goes wrong is written down."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bench.contenders import Contender
from bench.loading import Load, LoadFault
from bench.measurement import Measurement, Measurements
from bench.plan import Plan
from bench.progress import say
from bench.server import ServerFault, running

WARM_UP_READERS = 50
WARM_UP_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Workbench:
    """One run: what is planned, what the load is, where files may lie, what was measured."""

    plan: Plan
    program: Path
    work: Path
    taken: Measurements = field(default_factory=Measurements)
    _began: float = field(default_factory=time.monotonic)

    def _say(self, text: str) -> None:
        """Progress, and how long it took so far."""
        passed = int(time.monotonic() - self._began)
        say(f"{passed // 60:3}:{passed % 60:02}  {text}")

    def chosen(self, contenders: Iterable[Contender], turn: int) -> list[Contender]:
        """Those that take this turn, by the plan."""
        wanted = [each for each in contenders if not self.plan.servers or each.name in self.plan.servers]
        return [each for each in wanted if turn < self.plan.slow_repeats or not each.is_slow]

    def measure(
        self, part: str, contender: Contender, at: int, turn: int, take: Callable[[Load], dict[str, float]]
    ) -> None:
        """Start a server, warm it up, take its figures, end it."""
        try:
            with running(contender.program, self.work) as server:
                load = Load(self.program, server, contender.route)
                warm_up(load)
                measurement = Measurement(part, contender.name, at, turn, take(load))
        except (LoadFault, ServerFault, OSError) as fault:
            measurement = Measurement(part, contender.name, at, turn, fault=" ".join(str(fault).split()))
        self.taken.add(measurement)
        self._tell(measurement)

    def _tell(self, taken: Measurement) -> None:
        figures = "  ".join(f"{name} {value:.4g}" for name, value in taken.figures.items())
        told = f"FAILED: {taken.fault}" if taken.fault else figures
        self._say(f"{taken.part} {taken.at} turn {taken.turn + 1}  {taken.server:24} {told}")


def warm_up(load: Load) -> None:
    """So that no later figure holds what a server does only once: imports, caches, its first memory."""
    if load.route.read:
        load.fanout("warm", WARM_UP_READERS, WARM_UP_ROUNDS)
