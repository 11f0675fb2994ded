"""Exchange: one request and its answer on a connection that has several of them at once (HTTP/2's word is stream).

A `Request` takes it for its channel.  The limits are those of `http.limited`, and what a refusal says is the same;
but it ends no more than this exchange.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from h2.errors import ErrorCodes
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IAddress, IPushProducer
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers

from chatcomet.http import eager
from chatcomet.http.deadlines import NEVER
from chatcomet.http.limited import HEADERS, LINGER_SECONDS
from chatcomet.http.query import in_ascii
from chatcomet.http.request import ChatRequest
from chatcomet.http.wire import problem

if TYPE_CHECKING:
    from chatcomet.http.multiplexed import Multiplexed

BUFFER_BYTES = 64 * 1024
"""So much is kept of an answer that is not taken before its producer is asked to pause, as a TCP connection does."""

VERSION = b"HTTP/2"

Fields = Sequence[tuple[bytes, bytes]]

_METHOD = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TARGET = re.compile(rb"[\x21-\x7e]+")


class Exchange:
    """The request that has come under `number`, its stream's, on `connection`."""

    transport = None  # which a `Request` asks for

    def __init__(self, connection: Multiplexed, number: int) -> None:
        self.number = number
        self.site = connection.site
        self.deadline = self.looked_at = NEVER
        self._connection = connection
        self._request = ChatRequest(self)
        self._is_whole = False  # the request
        self.is_arriving = True
        """Whether the request is not complete yet, or waits in the backlog, and has not been refused."""
        self._is_answered = False
        self._lingers = False  # to be heard, though all has been said
        self._queue: deque[bytes] = deque()  # of the answer, what is not sent
        self.queued_bytes = 0
        """How many bytes of the answer are not sent."""
        self._producer: IPushProducer | None = None
        self._is_paused = False  # the producer

    # What the connection tells

    def begin(self, fields: Fields, ends: bool) -> None:
        """The header has come; `ends`: without a body."""
        pseudo = {name: value for name, value in fields if name.startswith(b":")}
        target = in_ascii(pseudo.get(b":path", b""))
        request = self._request
        request.method, request.uri, request.clientproto = pseudo.get(b":method", b""), target, VERSION
        self.site.deadlines.set(self, self.site.limits.body_seconds)
        headers = request.requestHeaders
        if b":authority" in pseudo:
            headers.setRawHeaders(b"host", [pseudo[b":authority"]])
        for name, value in fields:
            if not name.startswith(b":") and not (name == b"host" and b":authority" in pseudo):
                headers.addRawHeader(name, value)
        if not self._is_too_long(target, fields):
            length = headers.getRawHeaders(b"content-length")
            request.gotLength(int(length[0]) if length else 0 if ends else None)
            request.parseCookies()
        if self.is_arriving and headers.getRawHeaders(b"expect") == [b"100-continue"]:
            self._connection.send_header(self, [(b":status", b"100")])

    def _is_too_long(self, target: bytes, fields: Fields) -> bool:
        """Whether the header was refused."""
        line_bytes, header_bytes = self.site.limits.line_bytes, self.site.limits.header_bytes
        sizes = [len(name) + len(value) for name, value in fields if name != b":path"]
        if len(target) > line_bytes:
            self.refuse(414, "uri-too-long", f"a request's target has {line_bytes} bytes at most")
        elif max(sizes, default=0) > line_bytes:
            self.refuse(431, "header-too-long", f"a header has {line_bytes} bytes at most")
        elif sum(sizes) + len(target) > header_bytes:
            self.refuse(431, "header-too-long", f"a request's headers have {header_bytes} bytes at most")
        elif len(fields) > HEADERS:
            self.refuse(431, "header-too-long", f"a request has {HEADERS} headers at most")
        elif not (_METHOD.fullmatch(self._request.method) and _TARGET.fullmatch(target)):
            self.refuse(400, "malformed", "this is no HTTP request")
        return not self.is_arriving

    @property
    def held_bytes(self) -> int:
        """How much there is of a body that is not complete."""
        return self._request.content.tell() if self.is_arriving else 0

    def hear(self, data: bytes) -> None:
        """A part of the body."""
        if self.is_arriving:
            self._request.handleContentChunk(data)

    def complete(self) -> None:
        """The request has come to its end."""
        self._is_whole = True
        if self._lingers:
            self._connection.release(self)
        elif self.is_arriving:
            self.site.deadlines.set(self, None)
            self._connection.backlog.put(self)

    def ask(self) -> None:
        """Let it be answered."""
        self.is_arriving = False
        request = self._request
        request.requestReceived(request.method, request.uri, VERSION)

    def lose(self) -> None:
        """There is nobody to answer any more."""
        self.is_arriving, self._producer = False, None
        self._queue.clear()
        self.queued_bytes = 0
        self.site.deadlines.forget(self)
        if not self._is_answered:
            self._is_answered = True
            self._request.connectionLost(Failure(ConnectionLost()))

    def timeoutConnection(self) -> None:
        """The request took too long to arrive, or its answer is not taken."""
        if self.is_arriving:
            self.refuse(408, "too-slow", "the request did not arrive in time")
        else:
            error = ErrorCodes.NO_ERROR if self._lingers else ErrorCodes.CANCEL
            self._connection.cut_exchange(self, error)

    # How it is sent

    def next_part(self, most: int) -> tuple[bytes, bool] | None:
        """What is to be sent now, `most` bytes if it has any, and whether that is the end; None for nothing."""
        if not self._queue:
            return (b"", True) if self._is_answered and not self._lingers else None
        if most <= 0:
            return None
        part = self._queue.popleft()
        if len(part) > most:
            self._queue.appendleft(part[most:])
            part = part[:most]
        self.queued_bytes -= len(part)
        return part, self._is_answered and not self._queue

    def sent(self) -> None:
        """What could be sent for now was: let the producer go on if there is no more."""
        if self._is_paused and not self._queue:
            self._is_paused = False
            if self._producer is not None:
                self._producer.resumeProducing()

    def linger(self) -> None:
        """The answer has been sent.

        Whoever is still sending a request that was refused may see the answer only behind that; so what comes is
        passed over for `LINGER_SECONDS`, as on a connection of its own (RFC 9113, 8.1, would let us say stop at once).
        """
        self._lingers = True
        if self._is_whole or self.site.closing:
            self._connection.release(self)
        else:
            self.site.deadlines.set(self, LINGER_SECONDS)

    # What a `Request` asks of its channel

    def getPeer(self) -> IAddress:
        address: IAddress = self._connection.transport.getPeer()
        return address

    def getHost(self) -> IAddress:
        address: IAddress = self._connection.transport.getHost()
        return address

    def isSecure(self) -> bool:
        return self._connection.is_secure

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        """Begin the answer; the version and the reason are not told in HTTP/2."""
        fields = [(name.lower(), value) for name, values in headers.getAllRawHeaders() for value in values]
        self._connection.send_header(self, [(b":status", code), *fields])

    def write(self, data: bytes) -> None:
        """Send `data` when it can be; with much that can't, the producer pauses."""
        if self._is_answered:
            return
        self._queue.append(data)
        self.queued_bytes += len(data)
        self._connection.send_soon(self)
        if self.queued_bytes > BUFFER_BYTES and not self._is_paused and self._producer is not None:
            self._is_paused = True
            self._producer.pauseProducing()

    def requestDone(self, request: ChatRequest) -> None:
        """The answer is complete: the peer has `idle_seconds` to take it."""
        self._is_answered = True
        self.site.deadlines.set(self, self.site.limits.idle_seconds)
        self._connection.send_soon(self)

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """From now on tell `producer`, which pushes, whether the peer keeps up."""
        assert streaming, "nothing here is pulled"
        self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer = None

    # What a `ChatRequest` and its `Body` ask besides

    def refuse(self, status: int, name: str, detail: str) -> None:
        """Answer what is arriving with a problem; what still comes of it is passed over."""
        if self.is_arriving:
            self.is_arriving = False
            request = self._request
            request.write(request.begin(problem(status, name, HTTPStatus(status).phrase, detail)))
            request.finish()

    def unsent(self) -> int:
        """How many bytes were written that the system has not yet taken."""
        return self.queued_bytes + eager.unsent(self._connection.transport)

    def cut(self) -> None:
        """End this exchange now, whatever is on its way."""
        self._connection.cut_exchange(self, ErrorCodes.CANCEL)
