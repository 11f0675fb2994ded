"""Connections: those that a site has, and who goes where there are too many.

Readers are counted, and put off where there are too many (`api.readers`).  But whoever only knocks and asks for
nothing takes a descriptor, too, and has 75 s to do so: with no descriptor left nobody else would be let in.  So where
there are more connections than there may be, for each that comes one is cut: of those that wait for their peer, and
not their peer for them, the one that came first.  An honest peer asks as soon as it has come, before it is its turn.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, MutableSet
from typing import Protocol, TypeVar

from chatcomet.http.deadlines import NEVER

LOOKS = 100
"""Among so many one to be cut is looked for: those that are being answered may be many, and stand in the way."""

ROUNDS = 200
"""Where there are very many, among this part of them: after so many looks each was looked at, so that about so many are
too many at the most."""


class Port(Protocol):
    """Where connections are accepted, as Twisted does that."""

    numberAccepts: int
    """In one turn; each turn that has seen so many adds some more."""

    def doRead(self) -> object:
        """Accept those who knock."""


class Connection(Protocol):
    """One of them."""

    deadline: float
    """Until when its peer has to do something; `NEVER` while it is its turn to wait."""

    def cut(self) -> None:
        """End it now, whatever is on its way."""


def pace(port: Port, most: int) -> None:
    """Let `port` accept `most` connections in a turn of the reactor, and the others in the next.

    Those that are cut for them have gone only then: of a burst of hundreds all descriptors would be used up before.
    """
    accept = port.doRead

    def accept_some() -> object:
        port.numberAccepts = min(port.numberAccepts, most)
        return accept()

    port.doRead = accept_some  # type: ignore[method-assign]


C = TypeVar("C", bound=Connection)


class Connections(MutableSet[C]):
    """`most`: how many there may be; 0 is no limit.  `refused` is called for each that is cut for another.

    One that is cut is none any more, though it will only have gone in the reactor's next turn.
    """

    def __init__(self, most: int = 0, refused: Callable[[], None] = lambda: None) -> None:
        self._most = most
        self._refused = refused
        self._all: OrderedDict[C, None] = OrderedDict()  # who came first stands first, of those not looked at

    def __contains__(self, connection: object) -> bool:
        return connection in self._all

    def __iter__(self) -> Iterator[C]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def add(self, connection: C) -> None:
        """One more; another one is cut if that is too many, and one that can be is found."""
        self._all[connection] = None
        if self._most and len(self._all) > self._most:
            self._make_room()

    def discard(self, connection: C) -> None:
        """One less, or none: it was cut before."""
        self._all.pop(connection, None)

    def _make_room(self) -> None:
        """Cut as many as there are too many: for some, before, there was none to be found so soon."""
        for _ in range(min(max(LOOKS, len(self._all) // ROUNDS), len(self._all))):
            if len(self._all) <= self._most:
                return
            connection, _ = self._all.popitem(last=False)
            if connection.deadline < NEVER:
                connection.cut()
                self._refused()
            else:
                self._all[connection] = None
