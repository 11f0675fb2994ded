"""WaiterSet: the suspended requests of one room.

A waiter is fired with a page: of messages when the room has some, or an empty one when its hold ends (law 7: that is
an answer, not an error).  It is a `Deferred`, or a `Standing`, of which there may be many.  Cancelling it, as happens
when its peer drops, forgets it in O(1) (law 5).

* Waking swaps the whole set for an empty one and then fires, so that whoever asks again from inside its
  callback waits for the next page and is not fired twice.
* Firing many goes in slices, one a turn of the reactor, so that other rooms are served in between (law 10).  A slice
  is as many bursts as fit in `SLICE_SECONDS`; up to `AT_ONE_GO` are one slice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatcomet.core.holds import Holds, tick_at
from chatcomet.core.message import Page

SLICE_SECONDS = 0.004
"""Each message of another room waits for two slices at the least: one until its post is read, and one while it is
written to the disk.  With 0.015, messages that came every 20 ms waited for one another, 300 ms in the end."""

AT_ONE_GO = 2_000
"""Who are no more than these are fired in one slice: it takes 40 ms, in which others may wait, and turns in between
would make it a tenth more."""

BURST = 250
"""How many are fired at one time: so many sockets' memory stays in the processor's caches until they are written to."""

Burst = Callable[[bool], AbstractContextManager[object]]
"""Makes what those who are fired at one time write to, maybe: it is entered before, and left after them.  It is told
whether others of the same fan-out come after these."""

NO_BURST: Burst = lambda _: nullcontext()  # noqa: E731  # by its type it is one of those


class Waiter(Deferred[Page]):
    """One suspended request.  It knows the bucket it is in, so that it can leave it at once."""

    bucket: Bucket

    def fire(self, outcome: Page | Failure) -> None:
        """Answer it, who has left its bucket."""
        self.callback(outcome)


class Standing:
    """A waiter that is no `Deferred`: one for each poll, or each page of a stream, would double what these cost.

    Whoever inherits it is `told` what it has waited for.  It may be suspended while it does not wait.
    """

    __slots__ = ("bucket",)
    _log = Logger()

    def __init__(self) -> None:
        self.bucket: Bucket | None = None
        """While it waits."""

    def leave(self) -> None:
        """Wait no more."""
        if self.bucket is not None:
            self.bucket.pop(self, None)
            self.bucket = None

    def fire(self, outcome: Page | Failure) -> None:
        """Tell it, who has left its bucket."""
        self.bucket = None
        try:
            self.told(outcome)
        except Exception:  # which is no reason not to fire the others
            self._log.failure("a fault in telling one who waits")

    def told(self, outcome: Page | Failure) -> None:
        """A page, or the failure that it can't be had."""
        raise NotImplementedError


Bucket = dict[Waiter | Standing, None]


def _forget(waiter: Deferred[Page]) -> None:
    assert isinstance(waiter, Waiter)
    waiter.bucket.pop(waiter, None)


def _leaving(buckets: Iterable[Bucket]) -> Iterator[Waiter | Standing]:
    """All who are in `buckets`, in their order; each leaves when it comes to it, and may have left before by itself."""
    for bucket in buckets:
        for waiter in list(bucket):
            if waiter in bucket:
                del bucket[waiter]  # or they would keep each other for the garbage collector to find: thousands a wake
                yield waiter


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
        self._buckets: dict[int, Bucket] = {}  # by the tick at which their hold ends
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
        if not self.add(waiter, until):
            waiter.callback(self._nothing())
        return waiter

    def add(self, waiter: Waiter | Standing, until: float) -> bool:
        """Suspend `waiter`, until `until` at the longest; False if that is now."""
        if self._holds.over or until <= self._clock.seconds():
            return False
        tick = tick_at(until)
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = {}
            self._holds.begin(tick, self)
        bucket[waiter] = None
        waiter.bucket = bucket
        return True

    def wake(self, outcome: Page | Failure) -> None:
        """Fire all who are suspended with `outcome`: a page, or the failure that it can't be had."""
        self.fire(self.take(), outcome)

    def take(self) -> list[Bucket]:
        """All who are suspended, to be fired; whoever comes now waits for the next page."""
        taken, self._buckets = self._buckets, {}
        return list(taken.values())

    def expire(self, tick: int) -> None:
        """Fire those whose hold ends at `tick` with an empty page."""
        bucket = self._buckets.pop(tick, None)
        if bucket:
            self.fire([bucket], self._nothing())

    def fire(self, taken: list[Bucket], outcome: Page | Failure) -> None:
        """Fire those who were `taken` and have not been cancelled."""
        if any(taken):
            self._firing += 1
            seconds = SLICE_SECONDS if sum(map(len, taken)) > AT_ONE_GO else math.inf
            self._fire_slice(taken, _leaving(taken), outcome, seconds)

    def _fire_slice(
        self, taken: list[Bucket], leaving: Iterator[Waiter | Standing], outcome: Page | Failure, seconds: float
    ) -> None:
        until = self._clock.seconds() + seconds
        try:
            while any(taken):
                with self._burst(sum(map(len, taken)) > BURST):
                    for waiter in islice(leaving, BURST):
                        waiter.fire(outcome)
                if self._clock.seconds() >= until:
                    break
        finally:  # a burst that can't be written is no reason to forget the others
            if any(taken):
                self._clock.callLater(0, self._fire_slice, taken, leaving, outcome, seconds)
            else:
                self._firing -= 1
