"""Buckets: how often something may be done by each of many, without a timer and without a list of what each did.

This is the generic cell rate algorithm (GCRA; ITU-T I.371, in the form of virtual scheduling): of each key is
kept only the moment at which its next one would come if all came evenly.  What comes up to `burst` - 1 intervals
before that moment is let in and puts it off by one interval; so it is a token bucket of `burst` tokens, and a moment
that has passed is a full one, which need not be kept.
"""

from __future__ import annotations

from collections import OrderedDict

from twisted.internet.interfaces import IReactorTime

from chatcomet.settings import Rate

KEYS = 100_000
_SLACK_SECONDS = 1e-6  # whoever comes exactly in time is not too early by a rounding


class Buckets:
    """One bucket for each key.

    `clock`: does not jump.  `keys`: how many are kept at most; then those go first that were not taken from for the
    longest time, and are full when they come again.
    """

    __slots__ = ("_clock", "_due", "_keys")

    def __init__(self, clock: IReactorTime, keys: int = KEYS) -> None:
        self._clock = clock
        self._keys = keys
        self._due: OrderedDict[str, float] = OrderedDict()  # when the next one is due; the one taken last stands last

    def __len__(self) -> int:
        return len(self._due)

    def take(self, key: str, rate: Rate) -> float:
        """0.0: one was taken; else none was, and in so many seconds one can be.

        `rate`: how often it may be taken from; another one than before holds at once.
        """
        interval = 1 / rate.per_second
        now = self._clock.seconds()
        due = min(max(self._due.get(key, now), now), now + rate.burst * interval)
        wait = due - (rate.burst - 1) * interval - now
        if wait > _SLACK_SECONDS:
            self._due[key] = due  # which the rate may have brought nearer
            return wait
        self._due[key] = due + interval
        self._due.move_to_end(key)
        self._forget(now)
        return 0.0

    def give_back(self, key: str, rate: Rate) -> None:
        """One that was taken was not used."""
        due = self._due.get(key)
        if due is not None:
            self._due[key] = due - 1 / rate.per_second

    def _forget(self, now: float) -> None:
        """Let go of the full ones among the first two: there is one more at most, so they never pile up."""
        for _ in range(2):
            key, due = next(iter(self._due.items()))
            if due > now and len(self._due) <= self._keys:
                return
            del self._due[key]
