"""Retention: what rooms keep no longer is pruned, a few rooms at a time.

Nobody waits for it: appends and reads go on between two steps.  A message may be kept for a little longer than it has
to be, by a minute, or by a hundredth of the shortest time for which any room keeps messages, whichever is less.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

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
    """Prunes what is older than `seconds` says, by a room's name; `inf`: it keeps messages for ever.

    `seconds` may say something else the next time, and is asked in any thread.  `wall` is the clock that the store's
    messages have their `at` from.
    """

    _log = Logger()

    def __init__(
        self,
        store: MessageStore,
        wall: Callable[[], float],
        seconds: Callable[[str], float],
        scheduler: IReactorTime,
    ) -> None:
        self._store = store
        self._wall = wall
        self._seconds = seconds
        self._scheduler = scheduler
        self._rounds: LoopingCall | None = None

    def start(self, shortest: float) -> None:
        """Begin with what is too much or too old already; again, when rooms have come to keep less or more.

        `shortest`: the fewest seconds for which any room keeps messages; `inf`: all do for ever, so once is enough.
        """
        self.stop()
        rounds = LoopingCall(lambda: self._round(rounds, again=shortest < math.inf))
        rounds.clock = self._scheduler
        self._rounds = rounds
        rounds.start(min(60.0, max(1.0, shortest / 100)))

    def stop(self) -> None:
        """Take no step after the one that is being taken."""
        if self._rounds is not None and self._rounds.running:
            self._rounds.stop()

    def _round(self, rounds: LoopingCall, again: bool) -> Deferred[None]:
        return Deferred.fromCoroutine(self._prune(rounds, again)).addErrback(self._failed)

    async def _prune(self, rounds: LoopingCall, again: bool) -> None:
        after: str | None = ""
        while after is not None and rounds.running:
            after = await self._store.prune(partial(self._before, self._wall()), after, STEP_ROOMS)
            if after is not None:
                await deferLater(self._scheduler, PAUSE_SECONDS)
        if not again and rounds.running:
            rounds.stop()

    def _before(self, now: float, room: str) -> float:
        return now - self._seconds(room)

    def _failed(self, failure: Failure) -> None:
        """The next round tries again."""
        if isinstance(failure.value, ServerFault):
            self._log.warn("old messages can't be pruned now: {fault}", fault=failure.value)
        else:
            self._log.failure("a fault in pruning old messages", failure)
