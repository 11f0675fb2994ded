"""Rest: gives back, when there is little to do, what a busy time has left behind.

* What was remembered of people and requests, so as not to find it out for each of their polls, is forgotten when nobody
  has used it for some minutes, to twice as long; also when there is much to do: it takes a millisecond for 4,000.
* Memory: garbage in cycles, which Python is told to look for seldom (see `process.GARBAGE_THRESHOLDS`), and what the C
  library keeps free for itself.  After 900 hostile connections over HTTP/2 these were 50 MiB of 155.

To look at all objects for garbage stops all else, for 50 ms where 15,000 wait with a ticket each.  So memory is given
back in quiet, and only where there is more of it than there was at the least; and where that brought little, because
it is in use, it is done again after twice as long.
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
"""Memory has grown if it is more by this part."""

LITTLE = 0.01
"""To give back a smaller part of it was not worth it."""

LONGEST_SECONDS = 300.0
"""Between two tries, where they bring little."""


class Rest:
    """`ages`: each forgets what was not used since it was called last.  `tidy`: gives memory back.  `worked` tells how
    many seconds of a processor this process has used, `resident` how many bytes of memory it has.  `clock` does not
    jump.  `hold_seconds`: for so long somebody may be here and use nothing of what is remembered.
    """

    _log = Logger()

    def __init__(
        self,
        ages: Sequence[Callable[[], None]],
        tidy: Callable[[], object],
        worked: Callable[[], float],
        resident: Callable[[], int],
        clock: IReactorTime,
        hold_seconds: float = 0.0,
    ) -> None:
        self._ages = ages
        self._tidy = tidy
        self._worked = worked
        self._resident = resident
        self._clock = clock
        self._age_seconds = max(AGE_SECONDS, 2 * hold_seconds)
        self._next: IDelayedCall | None = None
        self._next_age = 0.0
        self._worked_before = 0.0
        self._least = 0  # bytes of memory that there ever were after it was given back
        self._left = 0  # when that was done last
        self._pause = LOOK_SECONDS
        self._next_try = 0.0

    def start(self) -> None:
        """Look from now on; what there is now is where memory goes back to."""
        self._next_age = self._clock.seconds() + self._age_seconds
        self._least = self._left = self._resident()
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
            self._forget()
            if self._worked() - self._worked_before <= QUIET * LOOK_SECONDS:
                self._give_back()
        except Exception:
            self._log.failure("a fault in giving memory back")
        finally:
            self._look_later()

    def _forget(self) -> None:
        if self._clock.seconds() >= self._next_age:
            self._next_age = self._clock.seconds() + self._age_seconds
            for age in self._ages:
                age()

    def _give_back(self) -> None:
        before, now = self._resident(), self._clock.seconds()
        is_waiting = now < self._next_try and before <= (1 + GROWN) * self._left
        if before <= (1 + GROWN) * self._least or is_waiting:
            return
        self._tidy()
        self._left = after = self._resident()
        self._least = min(self._least, after)
        self._pause = min(2 * self._pause, LONGEST_SECONDS) if before - after < LITTLE * before else LOOK_SECONDS
        self._next_try = now + self._pause
