"""Deadlines: when what a connection is at has taken too long.

One timer serves all connections (law 7), in buckets like `core.holds`.  Moving a deadline is cheap, since that
happens at every request: a connection stays in the bucket it is in until that one is due, and only then is it seen
whether its deadline has moved on.
"""

from __future__ import annotations

import math
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from chatcomet.core.holds import TICK_SECONDS, Holds, tick_at

NEVER = math.inf


class Timed(Protocol):
    """Whoever has a deadline."""

    deadline: float
    """When it is late, by the clock; `NEVER` for nothing that could be."""

    looked_at: float
    """When its bucket is due; `NEVER` while it is in none."""

    def timeoutConnection(self) -> None:
        """It is late."""


class Deadlines:
    """Calls `Timed.timeoutConnection` when a deadline has passed, up to `TICK_SECONDS` after it.

    One that raises is logged: those behind it in its bucket have deadlines, too.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._ticks = Holds(clock)
        self._buckets: dict[int, set[Timed]] = {}

    def set(self, timed: Timed, seconds: float | None) -> None:
        """`timed` is late in `seconds` from now; with None, never."""
        if seconds is None:
            timed.deadline = NEVER
            return
        timed.deadline = self._clock.seconds() + seconds
        if timed.deadline < timed.looked_at:
            self._put(timed)

    def forget(self, timed: Timed) -> None:
        """`timed` is gone."""
        if timed.looked_at < NEVER:
            self._buckets[round(timed.looked_at / TICK_SECONDS)].discard(timed)

    def _put(self, timed: Timed) -> None:
        self.forget(timed)
        tick = tick_at(timed.deadline)
        self._ticks.begin(tick, self)
        timed.looked_at = tick * TICK_SECONDS
        self._buckets.setdefault(tick, set()).add(timed)

    def stop(self) -> None:
        """Nobody is left: look at nothing any more."""
        self._ticks.end_all()

    def expire(self, tick: int) -> None:
        """Look at those in the bucket that is due."""
        now = self._clock.seconds()
        bucket = self._buckets.pop(tick, set())
        for timed in bucket:
            timed.looked_at = NEVER
        for timed in bucket:
            if timed.deadline <= now:
                timed.deadline = NEVER
                self._time_out(timed)
            elif timed.deadline < NEVER:
                self._put(timed)

    def _time_out(self, timed: Timed) -> None:
        try:
            timed.timeoutConnection()
        except Exception:
            self._log.failure("a fault in ending a connection that is late")
