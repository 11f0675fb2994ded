"""Refusals: what limits have refused, told to the operator by reason, at most a line a minute for each."""

from __future__ import annotations

from typing import Literal

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from chatcomet.errors import Limited

INTERVAL_SECONDS = 60.0

Reason = (
    Limited
    | Literal[
        "passwords", "readers", "readers of one address", "connections", "connections that take nothing", "sign-outs"
    ]
)
"""Of what there was too much; readers are not refused, but put off, and connections are cut for others.  `passwords`:
those that wait to be checked."""


class Refusals:
    """Counts them.  The first of a reason is logged at once; then, as long as there are more, how many a minute."""

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._counts: dict[Reason, int] = {}  # since the last line, for each reason that has had one within a minute
        self._calls: dict[Reason, IDelayedCall] = {}  # for the next line, of the same

    def count(self, name: Reason) -> None:
        """Something was refused, or put off, since there were too many of `name`."""
        if name in self._counts:
            self._counts[name] += 1
        else:
            self._counts[name] = 1
            self._tell(name)

    def stop(self) -> None:
        """Say what has not been said, and leave no timer behind."""
        for name, call in self._calls.items():
            call.cancel()
            if self._counts[name]:
                self._say(name)
        self._calls.clear()
        self._counts.clear()

    def _tell(self, name: Reason) -> None:
        """Say how many there were, and how many come in a minute from now; or, if there were none, nothing more."""
        if not self._counts[name]:
            del self._counts[name], self._calls[name]
            return
        self._say(name)
        self._counts[name] = 0
        self._calls[name] = self._clock.callLater(INTERVAL_SECONDS, self._tell, name)

    def _say(self, name: Reason) -> None:
        self._log.warn("too many {name}: {count} refused", name=name, count=self._counts[name])
