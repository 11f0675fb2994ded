"""Resets: how often a peer may still take back what it has asked (CVE-2023-44487)."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

RESETS = 200
RESETS_A_SECOND = 20.0


class Resets:
    """Those of one connection: `RESETS`, and then `RESETS_A_SECOND`."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._left = float(RESETS)
        self._at = clock.seconds()

    def count(self) -> bool:
        """One more; whether it may be."""
        since, self._at = self._clock.seconds() - self._at, self._clock.seconds()
        self._left = min(RESETS, self._left + since * RESETS_A_SECOND) - 1
        return self._left >= 0
