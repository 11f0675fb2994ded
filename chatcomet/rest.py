"""Rest: gives back, when there is little to do, what a busy time has left behind.

* What was remembered of people and requests, so as not to find it out for each of their polls, is forgotten when nobody
  has used it for some minutes, to twice as long; also when there is much to do: it takes a millisecond for 4,000.
* Memory: garbage in cycles, which Python is told to look for seldom (see `process.GARBAGE_THRESHOLDS`), and what the C
  library keeps free for itself.  After 900 hostile connections over HTTP/2 these were 50 MiB of 155.

To look at all objects for garbage stops all else, for 50 ms where 15,000 wait with a ticket each.  So memory is given
back in quiet, and only where it has grown, or much was forgotten, since that was done last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

LOOK_SECONDS = 10.0
"""Between two looks at whether it is quiet."""

QUIET = 0.05
"""It is, if the process has used no more than this part of a processor since the last look."""

AGE_SECONDS = 300.0
"""What nobody has used for so long is forgotten, at the earliest."""

GROWN = 0.05
"""Memory has grown if it is more by this part than after the last time that it was given back."""

MUCH = 1_000
"""So many that were forgotten are worth to give back what they took."""


class Rest:
    """`ages`: each forgets what was not used since it was called last, and tells how many that were.  `tidy`: gives
    memory back.  `worked` tells how many seconds of a processor this process has used, `resident` how many bytes of
    memory it has.  `clock` does not jump.  `hold_seconds`: for so long somebody may be here and use nothing of that.
    """

    _log = Logger()

    def __init__(
        self,
        ages: Sequence[Callable[[], int]],
        tidy: Callable[[], object],
        worked: Callable[[], float],
        resident: Callable[[], int],
        clock: IReactorTime,
        hold_seconds: float = 0.0,
    ) -> None:
        self._age_seconds = max(AGE_SECONDS, 2 * hold_seconds)
        self._ages = ages
        self._tidy = tidy
        self._worked = worked
        self._resident = resident
        self._clock = clock
        self._next: IDelayedCall | None = None
        self._worked_before = 0.0
        self._resident_before = 0
        self._forgotten = 0
        self._next_age = 0.0

    def start(self) -> None:
        """Look from now on; what there is now is where memory goes back to."""
        self._next_age = self._clock.seconds() + self._age_seconds
        self._forgotten = 0
        self._resident_before = self._resident()
        self._look_later()

    def stop(self) -> None:
        """Look no more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _look_later(self) -> None:
        self._worked_before = self._worked()
        self._next = self._clock.callLater(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._next = None
        try:
            self._rest()
        except Exception:
            self._log.failure("a fault in giving memory back")
        finally:
            self._look_later()

    def _rest(self) -> None:
        if self._clock.seconds() >= self._next_age:
            self._next_age = self._clock.seconds() + self._age_seconds
            self._forgotten += sum(age() for age in self._ages)
        is_quiet = self._worked() - self._worked_before <= QUIET * LOOK_SECONDS
        has_grown = self._resident() > (1 + GROWN) * self._resident_before
        if is_quiet and (has_grown or self._forgotten >= MUCH):
            self._forgotten = 0
            self._tidy()
            self._resident_before = self._resident()
