"""WaiterSet: the suspended requests of one room.

A waiter is a `Deferred` that fires with a page: of messages when the room has some, or an empty one when
its hold ends (law 7: that is an answer, not an error).  Cancelling it, as happens when its peer drops,
forgets it in O(1) (law 5).

* Waking swaps the whole set for an empty one and then fires, so that whoever asks again from inside its
  callback waits for the next page and is not fired twice.
* Firing many goes in slices, one a turn of the reactor, so that other rooms are served in between (law 10).  A slice
  is as many bursts as fit in `SLICE_SECONDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from chatcomet.core.holds import Holds, tick_at
from chatcomet.core.message import Page

SLICE_SECONDS = 0.004
"""Each message of another room waits for two slices at the least: one until its post is read, and one while it is
written to the disk.  With 0.015, messages that came every 20 ms waited for one another, 300 ms in the end."""

BURST = 250
"""How many are fired at one time: so many sockets' memory stays in the processor's caches until they are written to."""

Burst = Callable[[bool], AbstractContextManager[object]]
"""Makes what those who are fired at one time write to, maybe: it is entered before, and left after them.  It is told
whether others of the same fan-out come after these."""

NO_BURST: Burst = lambda _: nullcontext()  # noqa: E731  # by its type it is one of those


class Waiter(Deferred[Page]):
    """One suspended request.  It knows the bucket it is in, so that it can leave it at once."""

    bucket: dict[Waiter, None]


def _forget(waiter: Deferred[Page]) -> None:
    assert isinstance(waiter, Waiter)
    waiter.bucket.pop(waiter, None)


def _emptied(bucket: dict[Waiter, None]) -> list[Waiter]:
    """Who was in `bucket`.  It and they would keep each other for the garbage collector to find: thousands a wake."""
    waiters = list(bucket)
    bucket.clear()
    return waiters


class WaiterSet:
    """Suspend, wake, expire, forget.

    `nothing` makes the page for those whose hold ends.  `burst`: see `Burst`.
    """

    __slots__ = ("_buckets", "_burst", "_clock", "_firing", "_holds", "_nothing")

    def __init__(self, clock: IReactorTime, holds: Holds, nothing: Callable[[], Page], burst: Burst = NO_BURST) -> None:
        self._clock = clock
        self._holds = holds
        self._nothing = nothing
        self._burst = burst
        self._buckets: dict[int, dict[Waiter, None]] = {}  # by the tick at which their hold ends
        self._firing = 0

    def __len__(self) -> int:
        """How many are suspended now."""
        return sum(map(len, self._buckets.values()))

    @property
    def idle(self) -> bool:
        """Whether nobody is suspended and nobody remains to be fired."""
        return not self._firing and not any(self._buckets.values())

    def suspend(self, until: float) -> Deferred[Page]:
        """Fires with the next page, or with an empty one at `until`, by the clock; that may be now."""
        waiter = Waiter(_forget)
        if self._holds.over or until <= self._clock.seconds():
            waiter.callback(self._nothing())
            return waiter
        tick = tick_at(until)
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = {}
            self._holds.begin(tick, self)
        bucket[waiter] = None
        waiter.bucket = bucket
        return waiter

    def wake(self, outcome: Page | Failure) -> None:
        """Fire all who are suspended with `outcome`: a page, or the failure that it can't be had."""
        self.fire(self.take(), outcome)

    def take(self) -> list[Waiter]:
        """All who are suspended, to be fired; whoever comes now waits for the next page."""
        taken, self._buckets = self._buckets, {}
        return [waiter for bucket in taken.values() for waiter in _emptied(bucket)]

    def expire(self, tick: int) -> None:
        """Fire those whose hold ends at `tick` with an empty page."""
        self.fire(_emptied(self._buckets.pop(tick, {})), self._nothing())

    def fire(self, waiters: list[Waiter], outcome: Page | Failure) -> None:
        """Fire those of `waiters` who have not been cancelled."""
        if waiters:
            self._firing += 1
            self._fire_slice(waiters, 0, outcome)

    def _fire_slice(self, waiters: list[Waiter], start: int, outcome: Page | Failure) -> None:
        until = self._clock.seconds() + SLICE_SECONDS
        try:
            while start < len(waiters):
                burst, start = waiters[start : start + BURST], start + BURST
                self._fire_burst(burst, outcome, start < len(waiters))
                if self._clock.seconds() >= until:
                    break
        finally:  # a burst that can't be written is no reason to forget the others
            if start < len(waiters):
                self._clock.callLater(0, self._fire_slice, waiters, start, outcome)
            else:
                self._firing -= 1

    def _fire_burst(self, waiters: list[Waiter], outcome: Page | Failure, more: bool) -> None:
        with self._burst(more):
            for waiter in waiters:
                if not waiter.called:  # it may have been cancelled since
                    waiter.callback(outcome)
