"""Waiting: one request that may be suspended, from its beginning to its answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatcomet.access.asker import Asker
from chatcomet.api.readers import Readers
from chatcomet.core.message import Page
from chatcomet.core.roster import Roster
from chatcomet.core.waiters import Standing
from chatcomet.errors import AskerError

T = TypeVar("T")


class Wait(Standing):
    """`asker` waits in `rooms`, and is shown in their `rosters`.  A `Reader`.

    It waits for an answer (`until`), or is suspended in its room itself.  To whom that is enough it is a `Deferred`
    then, to which one callback is added, and which may be cancelled: to make a real one for each poll takes half as
    long again as all else that there is to do.
    """

    __slots__ = ("_answer", "_fault", "_heard", "_readers", "_rosters", "asker", "rooms")

    def __init__(self, readers: Readers, asker: Asker, rooms: Sequence[str], rosters: Sequence[Roster]) -> None:
        self.bucket = None
        self.asker = asker
        self.rooms = rooms
        self._readers = readers
        self._rosters = rosters
        self._answer: Deferred[Any] | None = None
        self._fault: AskerError | None = None
        self._heard: Callable[[Page | Failure], object] | None = None

    def enter(self) -> bool:
        """Whether one more may wait; if so, `until` is owed, or to be suspended."""
        if not self._readers.enter(self):
            return False
        for roster in self._rosters:
            roster.enter(self.asker.person)
        return True

    def until(self, answer: Deferred[T]) -> Deferred[T]:
        """Wait for `answer`.  Fails also with what it was dismissed for."""
        self._answer = answer
        return answer.addBoth(self._ended)

    def _ended(self, outcome: Any) -> Any:
        self._end()
        return outcome if self._fault is None else Failure(self._fault)

    def dismiss(self, fault: AskerError) -> None:
        """Wait no longer."""
        if self.bucket is not None:
            self.leave()
            self.told(Failure(fault))
        elif self._answer is not None and self._fault is None:
            self._fault = fault
            self._answer.cancel()

    # As one who is suspended

    def addBoth(self, heard: Callable[[Page | Failure], object]) -> None:
        """Call `heard` with what comes of it."""
        self._heard = heard

    def told(self, outcome: Page | Failure) -> None:
        """The page, or why there is none."""
        heard, self._heard = self._heard, None  # which knows this one
        self._end()
        if heard is not None:
            heard(outcome)

    def cancel(self) -> None:
        """The asker has gone, and is to hear nothing."""
        if self.bucket is not None:
            self.leave()
            self._heard = None
            self._end()

    def _end(self) -> None:
        self._readers.leave(self)
        for roster in self._rosters:
            roster.leave(self.asker.person)


Pending = Deferred[T] | Wait
"""A `Deferred`, or what is enough of one to who answers a connection."""


def deferred(pending: Pending[T]) -> Deferred[T]:
    """The same as a `Deferred`."""
    if isinstance(pending, Deferred):
        return pending
    answer: Deferred[Any] = Deferred(lambda _: pending.cancel())
    pending.addBoth(answer.callback)
    return answer
