"""KnownRooms: which rooms are known to be there, so that not each post is asked whether it makes one."""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatcomet.core.flights import Flights
from chatcomet.core.store import Bounds, MessageStore

_REMEMBERED = 100_000

T = TypeVar("T")


class KnownRooms:
    """Those of `store`.  A room that has had a message stays, also when none of them is kept."""

    def __init__(self, store: MessageStore) -> None:
        self._store = store
        self._known: dict[str, None] = {}  # the oldest first
        self._flights: Flights[Bounds] = Flights()

    def knows(self, name: str) -> bool:
        """Whether the room `name` is known to be there; where it is not, it may be all the same."""
        return name in self._known

    def ask(self, name: str) -> Deferred[bool]:
        """Whether anybody has posted in the room `name`, as the store says.  Fails with `ServerFault`.

        Those who ask for one room are answered in the order in which they asked.
        """
        return self._flights.join(name, lambda: self._store.bounds(name)).addCallback(self._learn, name)

    def making(self, name: str, made: Deferred[T]) -> Deferred[T]:
        """The room `name` is there from now on, unless it fails to be `made`: who posts meanwhile does not make it.

        Fires and fails like `made`.
        """
        self._remember(name)
        return made.addErrback(self._not_made, name)

    def _learn(self, bounds: Bounds, name: str) -> bool:
        if bounds.head:
            self._remember(name)
        return name in self._known

    def _remember(self, name: str) -> None:
        if len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[name] = None

    def _not_made(self, failure: Failure, name: str) -> Failure:
        self._known.pop(name, None)
        return failure
