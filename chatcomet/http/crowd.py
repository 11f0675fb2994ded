"""Crowd: the connections of a server, polled together behind one descriptor of the reactor's.

A reactor treats all descriptors alike, in the order in which they became readable, and takes 3 µs for each before a
connection is asked to read.  Linux can poll a set of descriptors as one (epoll(7): sets may be nested): so to the
reactor a crowd is one reader, and to its connections it is their reactor.  That takes 1 µs for each, and leaves a
choice of whom to hear first:

* Whoever is served early in a large fan-out asks again at once, and to hear that takes as long as to serve another.  So
  they are *held back* until all have been served.
* Everybody else is heard first, in each turn, between the slices of the fan-out, and between those in which they who
  were held back are heard then (law 10).

The set is edge-triggered: it tells of what has come once, so that those who are held back cost nothing while they wait.
Whoever may have more to read than was read (a full buffer, or the peer's end behind what it sent) waits to be asked
again in the next turn, like those who are let in.
"""

from __future__ import annotations

import select
from collections.abc import Iterable
from typing import Any, Protocol

from twisted.internet import main, tcp
from twisted.internet.interfaces import IListeningPort, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

SLICE_SECONDS = 0.004
"""For how long, in one turn, those are heard who were held back."""

HELD_BACK_SECONDS = 0.5
"""At the longest, where one large fan-out follows the other."""

READABLE, NO_MORE, EDGES = 0x001, 0x2000, 1 << 31
"""``EPOLLIN``, ``EPOLLRDHUP`` and ``EPOLLET``, which only Linux's `select` has."""


class Poller(Protocol):
    """What `select.epoll` does, as far as it is used here."""

    def fileno(self) -> int: ...
    def register(self, fd: int, eventmask: int) -> None: ...
    def unregister(self, fd: int) -> None: ...
    def poll(self, timeout: float, maxevents: int) -> list[tuple[int, int]]: ...


@implementer(IReadDescriptor)
class Crowd:
    """Connections, and what they take for their `reactor`."""

    _log = Logger()

    def __init__(self, reactor: Any, poller: Poller) -> None:
        self._reactor = reactor
        self._poller = poller
        self._readers: dict[int, Any] = {}  # by descriptor
        self._waiting: dict[int, int] = {}  # the events of who was not asked to read yet, by descriptor
        self._letting_in = False  # they will be asked in a turn of their own
        self._held_back: set[Any] = set()
        self._holding_back = False  # some more were served since the last look
        self._held_since = 0.0

    def gather(self, port: IListeningPort) -> None:
        """From now on the connections that `port` accepts are in this crowd."""
        if type(port) is tcp.Port:  # of a UNIX socket less may be read than there is (messages are not put together)
            port.reactor = self  # type: ignore[assignment]  # by `__getattr__` it is one

    def hold_back(self, served: Iterable[Any]) -> None:
        """Do not hear these transports before their fan-out is over: before a turn in which nobody is held back."""
        if not self._held_back:
            self._held_since = self._reactor.seconds()
        self._held_back.update(served)
        self._holding_back = True
        self._let_in_soon()

    # What a connection asks of its reactor

    def __getattr__(self, name: str) -> Any:
        """All but to be told when it can read is the reactor's."""
        return getattr(self._reactor, name)

    def addReader(self, reader: Any) -> None:
        """Ask `reader` to read when it can."""
        fd = reader.fileno()
        if fd in self._readers:
            return
        self._poller.register(fd, READABLE | NO_MORE | EDGES)
        if not self._readers:
            self._reactor.addReader(self)
        self._readers[fd] = reader

    def removeReader(self, reader: Any) -> None:
        """Ask it no more.  Ports are the reactor's."""
        fd = reader.fileno()
        if self._readers.get(fd) is not reader:
            self._reactor.removeReader(reader)
            return
        self._poller.unregister(fd)
        del self._readers[fd]
        self._waiting.pop(fd, None)
        self._held_back.discard(reader)
        if not self._readers:
            self._reactor.removeReader(self)

    # What the reactor asks of a reader

    def fileno(self) -> int:
        """The set's own descriptor, which can be read when one in it can."""
        return self._poller.fileno()

    def logPrefix(self) -> str:
        """For what is logged by nobody else."""
        return "crowd"

    def doRead(self) -> None:
        """Ask all to read who can, except those that are held back."""
        for fd, event in self._poller.poll(0, len(self._readers)):
            reader = self._readers.get(fd)  # none, if another one has ended it meanwhile
            if reader in self._held_back:
                self._wait(fd, event)
            elif reader is not None:
                self._read(fd, reader, event)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor has ended, and with it all connections."""
        for reader in list(self._readers.values()):
            reader.connectionLost(reason)

    def _read(self, fd: int, reader: Any, event: int) -> None:
        try:
            if event & READABLE:
                data = reader.socket.recv(reader.bufferSize)
                if len(data) == reader.bufferSize or event & NO_MORE:
                    self._wait(fd, event)
                end = reader._dataReceived(data)
            else:
                end = main.CONNECTION_LOST
        except BlockingIOError:
            return
        except OSError:
            end = main.CONNECTION_LOST
        except Exception as fault:
            self._log.failure("a fault in reading from {reader}", reader=reader)
            end = fault
        if end is not None:
            self.removeReader(reader)
            # What every reactor on POSIX does then: half-closed connections are told apart.
            self._reactor._disconnectSelectable(reader, end, True)

    def _wait(self, fd: int, event: int) -> None:
        """Let the reader there be asked in a later turn."""
        self._waiting[fd] = self._waiting.get(fd, 0) | event
        self._let_in_soon()

    def _let_in_soon(self) -> None:
        if not self._letting_in:
            self._letting_in = True
            self._reactor.callLater(0, self._let_in)

    def _let_in(self) -> None:
        """Ask as many as there is time for of those who wait, unless a fan-out goes on."""
        now = self._reactor.seconds()
        if not self._holding_back or now - self._held_since > HELD_BACK_SECONDS:
            self._held_back.clear()
            self._ask_until(now + SLICE_SECONDS)
        self._holding_back = self._letting_in = False
        if self._waiting or self._held_back:
            self._let_in_soon()

    def _ask_until(self, until: float) -> None:
        for fd in list(self._waiting):
            event = self._waiting.pop(fd, None)  # none, if another one has ended it meanwhile
            if event is not None:
                self._read(fd, self._readers[fd], event)
                if self._reactor.seconds() >= until:
                    return


def crowd_of(reactor: Any) -> Crowd | None:
    """A crowd behind `reactor`, where the system can poll one."""
    return Crowd(reactor, select.epoll()) if hasattr(select, "epoll") else None
