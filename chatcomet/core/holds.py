"""Holds: when suspended requests have waited long enough.

One timer serves all of a process's waiters, however many there are: time is cut into ticks, a waiter's
hold ends at a tick, and whoever keeps waiters is called once for each tick at which some of them end
(law 7: no timer per waiter).  The idea is Varghese and Lauck's timing wheel (SOSP 1987), with a dict for
a wheel since holds are of any length.
"""

from __future__ import annotations

import math
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

TICK_SECONDS = 0.25


def tick_at(until: float) -> int:
    """The tick that comes at `until`, by the clock, or soon after."""
    return math.ceil(until / TICK_SECONDS)


class Expirer(Protocol):
    """Whoever keeps waiters by the tick at which their hold ends."""

    def expire(self, tick: int) -> None:
        """Answer those whose hold ends at `tick`; there may be none left."""


class Holds:
    """Calls `Expirer.expire` for each tick that was asked for, at its time or up to one tick later.

    One that raises is logged: the others' holds end, too, and those of later ticks.
    """

    _log = Logger()
    __slots__ = ("_call", "_clock", "_due", "over")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._due: dict[int, set[Expirer]] = {}
        self._call: IDelayedCall | None = None
        self.over = False
        """True after `end_all`: nothing is to be suspended any more."""

    def begin(self, tick: int, expirer: Expirer) -> None:
        """`expirer` will be called for `tick`; to say so once is enough for all who end then."""
        due = self._due.get(tick)
        if due is None:
            due = self._due[tick] = set()
            self._schedule()
        due.add(expirer)

    def end_all(self) -> None:
        """End every hold now, and let no other begin: the server is going to stop."""
        self.over = True
        for tick in sorted(self._due):
            self._expire(tick)
        self._schedule()

    def _expire(self, tick: int) -> None:
        for expirer in self._due.pop(tick, ()):  # another end may have led to `end_all` meanwhile
            try:
                expirer.expire(tick)
            except Exception:
                self._log.failure("a fault in ending holds")

    def _ring(self) -> None:
        self._call = None
        now = self._clock.seconds() / TICK_SECONDS
        for tick in sorted(tick for tick in self._due if tick <= now):
            self._expire(tick)
        self._schedule()

    def _schedule(self) -> None:
        """See to it that the timer is set for the first tick that is due, if there is one."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._due:
            delay = min(self._due) * TICK_SECONDS - self._clock.seconds()
            self._call = self._clock.callLater(max(0.0, delay), self._ring)
