"""Crowd: those who lay siege, each on a connection of its own, as far as that is the same for all."""

from __future__ import annotations

import select
import socket
import time
from typing import Generic, Protocol, TypeVar


class Sender(Protocol):
    """One of them: of what kind it is, and its connection."""

    @property
    def kind(self) -> str: ...

    @property
    def connection(self) -> socket.socket: ...


S = TypeVar("S", bound=Sender)


class Crowd(Generic[S]):
    """Those who are there."""

    def __init__(self) -> None:
        self._poller = select.epoll()
        self._senders: dict[int, S] = {}

    def __len__(self) -> int:
        """How many are there."""
        return len(self._senders)

    def left(self, kind: str) -> int:
        """How many of a kind are there."""
        return sum(sender.kind == kind for sender in self._senders.values())

    def look(self, seconds: float) -> None:
        """Hear who is told something, for so long at least."""
        end = time.monotonic() + seconds
        while True:
            for fd, _ in self._poller.poll(max(0.0, end - time.monotonic()), 1_000):
                self._hear(self._senders[fd])
            if time.monotonic() >= end:
                return

    def end(self) -> None:
        """All go."""
        for sender in self._senders.values():
            sender.connection.close()
        self._senders.clear()
        self._poller.close()

    def _join(self, sender: S, events: int) -> None:
        """It is there, and heard when one of `events` (of epoll) happens."""
        sender.connection.setblocking(False)
        self._poller.register(sender.connection, events)
        self._senders[sender.connection.fileno()] = sender

    def _hear(self, sender: S) -> None:
        """Something has happened on its connection."""
        raise NotImplementedError

    def _go(self, sender: S) -> None:
        """It has been cut off."""
        del self._senders[sender.connection.fileno()]
        sender.connection.close()
