"""One server, measured once in one part of the bench; and all that was measured in a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measurement:
    """`server` in `part` at so many waiters, or such a rate, in one turn.

    A run with a fault has no figures: what lost, repeated or garbled one delivery is not compared with what did not.
    """

    part: str
    server: str
    at: int
    turn: int
    figures: Mapping[str, float] = field(default_factory=dict)
    fault: str = ""

    def __post_init__(self) -> None:
        if self.fault and self.figures:
            raise ValueError("a measurement has figures or a fault")


class Measurements:
    """All measurements of a run, in the order in which they were taken."""

    def __init__(self, taken: Iterable[Measurement] = ()) -> None:
        self._taken = list(taken)

    def __iter__(self) -> Iterator[Measurement]:
        return iter(self._taken)

    def add(self, measurement: Measurement) -> None:
        """One more."""
        self._taken.append(measurement)

    def of(self, part: str) -> Measurements:
        """Those of one part."""
        return Measurements(each for each in self if each.part == part)

    @property
    def servers(self) -> list[str]:
        """Who took part, in the order of their first turn."""
        return list(dict.fromkeys(each.server for each in self))

    @property
    def places(self) -> list[int]:
        """The numbers of waiters, or the rates, in order."""
        return sorted({each.at for each in self})

    @property
    def faults(self) -> list[Measurement]:
        """Those that have no figures."""
        return [each for each in self if each.fault]

    def failed(self, server: str, at: int) -> bool:
        """Whether any turn of this server went wrong there."""
        return any(each.fault for each in self if (each.server, each.at) == (server, at))

    def turns(self, server: str, at: int, figure: str) -> dict[int, float]:
        """One figure of one server, turn by turn."""
        return {
            each.turn: each.figures[figure]
            for each in self
            if (each.server, each.at) == (server, at) and figure in each.figures
        }

    def save(self, path: Path) -> None:
        """Write them as JSON."""
        path.write_text(json.dumps([asdict(each) for each in self], indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Measurements:
        """Those that `save` wrote."""
        return cls(Measurement(**each) for each in json.loads(path.read_text()))
