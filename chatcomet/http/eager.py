"""Eager writes: what is written goes to the socket at once, if all before it has gone there.

To leave it to the reactor, as `transport.write` does, takes two changes of what epoll watches and a turn of the
reactor.  The transport's own `writeSomeData` is five times as long at it as the socket.  Only connections of plain TCP
and UNIX sockets may be written to like this: beneath a TLS connection, too, lies a socket, and the bytes would go out
*unencrypted*.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import tcp, unix

PLAIN_TRANSPORTS: set[type] = {tcp.Server, unix.Server}
"""No subclasses: they may do anything with what they are given."""


def is_plain(transport: object) -> bool:
    """Whether `transport` may be written to eagerly."""
    return type(transport) in PLAIN_TRANSPORTS


def unsent(transport: Any) -> int:
    """How many bytes were written to `transport`, of whatever kind, that the system has not yet taken."""
    keeper = _keeper(transport)
    count: int = len(keeper.dataBuffer) - keeper.offset + keeper._tempDataLen
    return count


def drop_unsent(transport: Any) -> None:
    """Let go of that, when it can't be sent any more."""
    keeper = _keeper(transport)
    keeper.dataBuffer, keeper.offset = b"", 0
    keeper._tempDataBuffer, keeper._tempDataLen = [], 0


def _keeper(transport: Any) -> Any:
    """The transport that keeps what is unsent: TLS lies on top of it."""
    while hasattr(transport, "transport"):
        transport = transport.transport
    return transport


def write(transport: Any, data: bytes) -> None:
    """Send as much of `data` as the socket takes, and leave the rest to the transport.

    `transport` is plain.  A connection that is found lost is left to it, too: the reactor will find the same.
    """
    if transport.connected and not transport.dataBuffer and not transport._tempDataBuffer:
        try:
            sent = transport.socket.send(data)
        except OSError:
            sent = 0
        if sent == len(data):
            return
        data = data[sent:]
    transport.write(data)
