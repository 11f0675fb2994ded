"""A peer of a `ChatSite`, in memory: whole requests in, whole answers out, and a network that can be slow or break."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import directlyProvides

from chatcomet.http.site import ChatSite

BUFFER_BYTES = 64 * 1024
"""How much a transport keeps before it asks its producer to pause, as a TCP connection of Twisted's."""


class PeerTransport(StringTransport):
    """What a TCP connection does, as far as the edge sees it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(IPv4Address("TCP", "127.0.0.1", 8080), IPv4Address("TCP", "127.0.0.1", 54321))
        self.clock = clock
        self.peer: Peer | None = None
        self.taking = True
        """Whether the peer takes what is written."""
        self.untaken = 0
        self.buffer_bytes = BUFFER_BYTES
        self.half_closed = False
        self.aborted = False
        self.dataBuffer = b""
        self.offset = 0
        self._tempDataBuffer: list[bytes] = []
        self._tempDataLen = 0

    def write(self, data: bytes) -> None:
        super().write(data)
        self._fill(len(data))

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def resumeProducing(self) -> None:
        if not self.disconnecting:
            super().resumeProducing()

    def _fill(self, count: int) -> None:
        if not self.taking:
            self.untaken += count
            self._tempDataBuffer.append(b"x" * count)
            self._tempDataLen += count
        if self.untaken > self.buffer_bytes and self.producer is not None:
            self.producer.pauseProducing()

    def unregisterProducer(self) -> None:
        self.producer = None

    def take(self, all_that_follows: bool = True) -> None:
        """The peer takes all that was written, and maybe what will be."""
        self.taking, self.untaken = all_that_follows, 0
        self._tempDataBuffer, self._tempDataLen = [], 0
        if self.producer is not None:
            self.producer.resumeProducing()
        if self.disconnecting:
            self.loseConnection()

    def loseConnection(self) -> None:
        self.disconnecting = True
        if self.taking:
            self._lose(ConnectionDone())

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def abortConnection(self) -> None:
        self.aborted = True
        self._lose(ConnectionAborted())

    def _lose(self, reason: Exception) -> None:
        assert self.peer is not None
        self.clock.callLater(0, self.peer.lose, reason)


class PlainTransport(PeerTransport):
    """What a plain TCP connection does besides: it can be written to at once, as far as the system takes that.

    `chatcomet.http.eager` knows it where a test has put it among the `PLAIN_TRANSPORTS`.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.socket = self
        self.system_bytes: int | None = None
        """How many bytes at once the system takes from `send`; None: all."""
        self.found_lost = False
        """Whether the next write finds that the connection is lost."""
        self.sent_at_once: list[bytes] = []
        """What the system took from `send`."""

    def send(self, data: bytes) -> int:
        if self.found_lost:
            raise ConnectionResetError
        taken = data[: self.system_bytes] if self.taking else b""
        if not taken:
            raise BlockingIOError
        self.sent_at_once.append(taken)
        self.io.write(taken)
        return len(taken)


class SecureTransport(PeerTransport):
    """What a TLS connection does: it ends only when the peer agrees."""

    agrees = True
    """Whether the peer completes the handshake."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        directlyProvides(self, ISSLTransport)

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def loseConnection(self) -> None:
        self.disconnecting = True


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """What the body says, if it is a JSON document."""
        assert self.headers["content-type"] in ("application/json", "application/problem+json"), self
        assert int(self.headers["content-length"]) == len(self.body)
        return json.loads(self.body.decode())

    @property
    def problem(self) -> str:
        """The name of the problem that the body is."""
        document = self.json
        assert self.headers["content-type"] == "application/problem+json"
        assert document["status"] == self.status
        assert document["title"]
        assert document["detail"]
        name: str = document["type"]
        return name.removeprefix("/problems/")

    @property
    def cookie(self) -> str:
        """The name and value of the cookie that is set."""
        return self.headers["set-cookie"].partition(";")[0]


def asking(target: str, method: str = "GET", body: bytes = b"", **headers: str) -> bytes:
    """A request; `some_header=` stands for ``some-header:``.  A body has a Content-Length."""
    lines = [f"{method} {target} HTTP/1.1", "Host: chat.example"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Peer:
    """One connection, and whoever is at its other end."""

    def __init__(self, site: ChatSite, clock: Clock, transport: PeerTransport | None = None) -> None:
        protocol = site.buildProtocol(None)
        assert protocol is not None
        self.protocol = protocol
        self.transport = PeerTransport(clock) if transport is None else transport
        self.transport.peer = self
        self.lost = False
        self.protocol.makeConnection(self.transport)
        if isinstance(self.transport, SecureTransport) and self.transport.agrees:
            self.protocol.handshakeCompleted()

    def send(self, *parts: bytes) -> None:
        """Send `parts`, each in a segment of its own."""
        for part in parts:
            if not self.lost:
                self.protocol.dataReceived(part)

    def lose(self, reason: Exception | None = None) -> None:
        """The connection is no more."""
        if not self.lost:
            self.lost = True
            self.transport.unregisterProducer()
            self.protocol.connectionLost(Failure(reason or ConnectionLost()))

    @property
    def ended(self) -> bool:
        """Whether the server has said all that it will say."""
        return self.lost or self.transport.disconnecting or self.transport.half_closed

    def taken(self) -> bytes:
        """All that has come back since the last time."""
        data: bytes = self.transport.value()
        self.transport.clear()
        return data

    def answers(self, to_head: bool = False) -> list[Answer]:
        """All answers that have come back since the last time, and nothing else."""
        data, answers = self.taken(), []
        while data:
            answer, data = _first_answer(data, to_head)
            answers.append(answer)
        return answers

    def answer(self, to_head: bool = False) -> Answer:
        """The one answer that has come back since the last time."""
        (answer,) = self.answers(to_head)
        return answer

    def ask(self, target: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        """What is answered at once."""
        self.send(asking(target, method, body, **headers))
        return self.answer(to_head=method == "HEAD")


def _first_answer(data: bytes, to_head: bool) -> tuple[Answer, bytes]:
    head, blank, rest = data.partition(b"\r\n\r\n")
    assert blank, data
    status_line, *lines = head.decode("latin-1").split("\r\n")
    version, status, _ = status_line.split(" ", 2)
    assert version in ("HTTP/1.0", "HTTP/1.1"), status_line
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        assert name.lower() not in headers, f"{name} stands there twice"
        headers[name.lower()] = value
    assert "transfer-encoding" not in headers, "every answer has a length"
    has_body = not to_head and status not in ("100", "204")
    length = int(headers["content-length"]) if has_body else 0
    assert len(rest) >= length, "the answer is whole"
    return Answer(int(status), headers, rest[:length]), rest[length:]
