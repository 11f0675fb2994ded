"""Waiting: one request that may be suspended, from its beginning to its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatcomet.access.asker import Asker
from chatcomet.api.readers import Readers
from chatcomet.core.roster import Roster
from chatcomet.errors import AskerError

T = TypeVar("T")


class Wait:
    """`asker` waits in `rooms`, and is shown in their `rosters`.  A `Reader`."""

    __slots__ = ("_answer", "_fault", "_readers", "_rosters", "asker", "rooms")

    def __init__(self, readers: Readers, asker: Asker, rooms: Sequence[str], rosters: Sequence[Roster]) -> None:
        self.asker = asker
        self.rooms = rooms
        self._readers = readers
        self._rosters = rosters
        self._answer: Deferred[Any] | None = None
        self._fault: AskerError | None = None

    def enter(self) -> bool:
        """Whether one more may wait; if so, `until` is owed."""
        if not self._readers.enter(self):
            return False
        for roster in self._rosters:
            roster.enter(self.asker.person)
        return True

    def until(self, answer: Deferred[T]) -> Deferred[T]:
        """Wait for `answer`.  Fails also with what it was dismissed for."""
        self._answer = answer
        return answer.addBoth(self._leave)

    def dismiss(self, fault: AskerError) -> None:
        """Wait no longer."""
        if self._answer is not None and self._fault is None:
            self._fault = fault
            self._answer.cancel()

    def _leave(self, outcome: Any) -> Any:
        self._readers.leave(self)
        for roster in self._rosters:
            roster.leave(self.asker.person)
        return outcome if self._fault is None else Failure(self._fault)
