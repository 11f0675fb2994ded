"""KnownRooms: which rooms are known to be there, so that not each post is asked whether it makes one."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed

from chatcomet.core.flights import Flights
from chatcomet.core.store import Bounds, MessageStore

_REMEMBERED = 100_000


class KnownRooms:
    """Those of `store`.  A room that has had a message stays, also when none of them is kept."""

    def __init__(self, store: MessageStore) -> None:
        self._store = store
        self._known: dict[str, None] = {}  # the oldest first
        self._flights: Flights[Bounds] = Flights()

    def has(self, name: str) -> Deferred[bool]:
        """Whether anybody has posted in the room `name`.  Fails with `ServerFault`.

        Those who ask for one room are answered in the order in which they asked.
        """
        if name in self._known:
            return succeed(True)
        return self._flights.join(name, lambda: self._store.bounds(name)).addCallback(self._learn, name)

    def _learn(self, bounds: Bounds, name: str) -> bool:
        if not bounds.head:
            return False
        if len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[name] = None
        return True
