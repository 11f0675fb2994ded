"""Retention: messages that are too old are pruned, a few rooms at a time.

Nobody waits for it: appends and reads go on between two steps.  A message may be kept for a little longer than it has
to be, by a hundredth of that time or a minute, whichever is less.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatcomet.core.store import MessageStore
from chatcomet.errors import ServerFault

STEP_ROOMS = 100
PAUSE_SECONDS = 0.02
"""Between two steps."""


class Retention:
    """Prunes what is older than `seconds`, by the clock `wall` that the store's messages have their `at` from."""

    _log = Logger()

    def __init__(self, store: MessageStore, wall: Callable[[], float], seconds: float, scheduler: IReactorTime) -> None:
        self._store = store
        self._wall = wall
        self._seconds = seconds
        self._scheduler = scheduler
        self._rounds = LoopingCall(self._round)
        self._rounds.clock = scheduler

    def start(self) -> None:
        """Begin with what is too old already."""
        self._rounds.start(min(60.0, max(1.0, self._seconds / 100)))

    def stop(self) -> None:
        """Take no step after the one that is being taken."""
        if self._rounds.running:
            self._rounds.stop()

    def _round(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._prune()).addErrback(self._failed)

    async def _prune(self) -> None:
        after: str | None = ""
        while after is not None and self._rounds.running:
            after = await self._store.prune(self._wall() - self._seconds, after, STEP_ROOMS)
            if after is not None:
                await deferLater(self._scheduler, PAUSE_SECONDS)

    def _failed(self, failure: Failure) -> None:
        """The next round tries again."""
        if isinstance(failure.value, ServerFault):
            self._log.warn("old messages can't be pruned now: {fault}", fault=failure.value)
        else:
            self._log.failure("a fault in pruning old messages", failure)
