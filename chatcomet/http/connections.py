"""Connections: those that a site has, and who goes where there are too many.

Readers are counted, and put off where there are too many (`api.readers`).  But whoever only knocks and asks for
nothing takes a descriptor, too, for `idle_seconds`: with no descriptor left nobody else would be let in.  So where
there are more connections than there may be, for each that comes one is cut: of those that wait for their peer, and
not their peer for them, the one that came first.  An honest peer asks as soon as it has come, before it is its turn.

What is written to a connection lies here until its peer takes it, for which that has a minute or so: a page of 256 KiB
or, over HTTP/2, a hundred of them.  Some hundreds that take nothing would fill the memory.  So all of that is looked at
every `LOOK_SECONDS`, and where it is more than `UNTAKEN_BYTES` those are cut that leave the most.  When much of it has
gone, the process is told: what it held all that in is not the system's again by itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, MutableSet
from typing import Protocol, TypeVar

from chatcomet.http.deadlines import NEVER, Deadlines

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


UNTAKEN_BYTES = 256 * 1024 * 1024
MUCH_BYTES = UNTAKEN_BYTES // 4
LOOK_SECONDS = 2.0


class Connection(Protocol):
    """One of them."""

    deadline: float
    """Until when its peer has to do something; `NEVER` while it is its turn to wait."""

    def unsent(self) -> int:
        """How many bytes are to be sent on it that the system has not yet taken."""

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

    port.doRead = accept_some  # type: ignore[method-assign]  # there is no other way between the reactor and it


C = TypeVar("C", bound=Connection)


class Connections(MutableSet[C]):
    """`most`: how many there may be; 0 is no limit.  `refused` is called for each that is cut for another, `unloaded`
    for each that is cut for what it does not take, `lightened` when `MUCH_BYTES` have gone that lay here.

    One that is cut is none any more, though it will only have gone in the reactor's next turn.
    """

    def __init__(
        self,
        most: int = 0,
        refused: Callable[[], None] = lambda: None,
        unloaded: Callable[[], None] = lambda: None,
        lightened: Callable[[], None] = lambda: None,
    ) -> None:
        self._most = most
        self._refused = refused
        self._unloaded = unloaded
        self._lightened = lightened
        self._heaviest = 0  # bytes untaken, since that was said
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

    def unload(self) -> None:
        """Cut those that leave the most untaken, as long as all together leave more than `UNTAKEN_BYTES`."""
        left = {connection: unsent for connection in self._all if (unsent := connection.unsent())}
        self._weigh(sum(left.values()))
        too_much = sum(left.values()) - UNTAKEN_BYTES
        if too_much <= 0:
            return
        for connection in sorted(left, key=left.__getitem__, reverse=True):
            self.discard(connection)
            connection.cut()
            self._unloaded()
            too_much -= left[connection]
            if too_much <= 0:
                return

    def _weigh(self, untaken: int) -> None:
        """So much lies here now: those that were cut since the last look have gone by this one."""
        if self._heaviest - untaken < MUCH_BYTES:
            self._heaviest = max(self._heaviest, untaken)
        else:
            self._heaviest = untaken
            self._lightened()

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


class Unloading:
    """Has `connections` unloaded every `LOOK_SECONDS`, from `begin` on for as long as there are some."""

    def __init__(self, connections: Connections[C], deadlines: Deadlines) -> None:
        self.deadline = self.looked_at = NEVER
        self._connections = connections
        self._deadlines = deadlines

    def begin(self) -> None:
        """There is a connection."""
        if self.deadline == NEVER:
            self._deadlines.set(self, LOOK_SECONDS)

    def timeoutConnection(self) -> None:
        """It is time to look."""
        if self._connections:
            self._deadlines.set(self, LOOK_SECONDS)
        self._connections.unload()

    def stop(self) -> None:
        """There will be no connection any more."""
        self._deadlines.forget(self)
