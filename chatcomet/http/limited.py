"""LimitedChannel: what is too long or too slow is refused before it is read.

Each limit stops somebody; those in small letters are the site's (`ConnectionLimits`):

=========================  =========================================  ==========
limit                      whom it stops                              answer
=========================  =========================================  ==========
`line_bytes`               a first line or header line without end    414, 431
`header_bytes`, `HEADERS`  headers without end                        431
`body_bytes`               a body larger than any message             413
`header_seconds` in all    one header byte now and then (slowloris)   408
`header_seconds` in all    who begins to agree on TLS, and does not   close
                           go on with it
`body_seconds` in all      one body byte now and then                 408
`idle_seconds`             a connection that asks for nothing, or     close
                           does not take its answers
=========================  =========================================  ==========

No more is read, and no other request begun, as long as more answers than the transport wants to keep are not
taken, nor more than a little behind a stream that is not: whoever pipelines and never listens would fill the memory
(`HTTPChannel` only intends to see to that).

A refusal is written while the peer may still be sending.  To close at once would make the kernel answer its
next segment with a reset, which destroys the answer on its way; so the channel stops talking, goes on
reading into the void for `LINGER_SECONDS`, and closes then (RFC 9112, 9.6).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from twisted.internet.interfaces import IHandshakeListener
from twisted.protocols import basic
from twisted.python.failure import Failure
from twisted.web import http
from zope.interface import implementer

from chatcomet.http import eager
from chatcomet.http.deadlines import NEVER
from chatcomet.http.query import in_ascii
from chatcomet.http.wire import encode, problem
from chatcomet.settings import ConnectionLimits

if TYPE_CHECKING:
    from chatcomet.http.site import ChatSite

HEADERS = 500
LINGER_SECONDS = 2.0
UNTAKEN_SECONDS = 15.0
"""A peer that was silent for `idle_seconds` has so long to take the rest."""


class Upgraded(Protocol):
    """What is spoken on a connection instead of HTTP."""

    def dataReceived(self, data: bytes) -> None:
        """Bytes of it."""

    def connectionLost(self, reason: Failure) -> None:
        """The connection is no more."""


@implementer(IHandshakeListener)
class LimitedChannel(http.HTTPChannel):
    """An `HTTPChannel` that keeps the limits on how requests arrive."""

    maxHeaders = HEADERS
    abortTimeout = None  # type: ignore[assignment]  # as it may be: `deadlines` sees to that, with one timer for all
    site: ChatSite
    _is_agreeing = False  # on TLS; what needs none adds nothing to its connection

    def __init__(self) -> None:
        super().__init__()
        self.deadline = self.looked_at = NEVER
        self._is_plain = False  # eager writes are for its transport
        self._arriving = False  # a request's header or body is on its way
        self._ended = False  # nothing is heard any more
        self._untaken: http.Request | None = None  # answered, and the peer has yet to take the answer
        self._upgraded: Upgraded | None = None  # what is spoken instead of HTTP

    @property
    def _limits(self) -> ConnectionLimits:
        return self.site.limits

    @property
    def MAX_LENGTH(self) -> int:  # type: ignore[override]  # so `LineReceiver` calls it
        """Of a line, in bytes."""
        return self._limits.line_bytes

    @property
    def totalHeadersSize(self) -> int:  # type: ignore[override]  # as above
        """Of a header, in bytes."""
        return self._limits.header_bytes

    def connectionMade(self) -> None:
        """The idle time-out begins, over TLS when that is agreed on."""
        super().connectionMade()
        self._is_plain = eager.is_plain(self.transport)
        self._negotiates = self.isSecure()  # by TLS, what is to be spoken
        if self._negotiates:
            self._is_agreeing = True
            self.setTimeout(self._limits.header_seconds)
        self.site.connected(self)

    def handshakeCompleted(self) -> None:
        """TLS is agreed on; nothing has been asked yet."""
        self._is_agreeing = False
        if not self._ended:
            self.setTimeout(self._limits.idle_seconds)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]  # Twisted's own is untyped
        """All requests of this connection have lost their peer."""
        super().connectionLost(reason)
        self.unregisterProducer()  # which keeps us as we would keep it: see `EventSink`
        # Klein leaves requests, and with them us, to the garbage collector, which looks seldom.
        eager.drop_unsent(self.transport)
        if self._upgraded is not None:
            self._upgraded.connectionLost(reason)
            self._upgraded = None
        self.site.deadlines.forget(self)
        self.site.disconnected(self)

    def setTimeout(self, period: float | None) -> float | None:
        """What the connection is at has `period` seconds; which it had before."""
        previous, self.timeOut = self.timeOut, period  # type: ignore[assignment]  # as above
        self.site.deadlines.set(self, period)
        return previous

    def upgrade(self, protocol: Upgraded) -> bytes:
        """From now on `protocol` is spoken here; what has come behind the request already.

        This channel stays the site's, which ends all its connections, and is never idle; it keeps no limits any more,
        nor the request, which weighs more than all the rest of a connection.
        """
        self.setTimeout(None)
        self._networkProducer.unregisterProducer()  # type: ignore[attr-defined]  # it is the transport
        self._networkProducer.resumeProducing()
        self._upgraded = protocol
        self.requests.clear()
        behind = b"".join(self._dataBuffer)
        self._dataBuffer.clear()
        return behind

    @property
    def idle(self) -> bool:
        """Whether no request is arriving, being answered, or queued behind one that is."""
        return not self.requests and not self._handlingRequest

    def dataReceived(self, data: bytes) -> None:
        """Bytes of a request; they do not prolong the time it has to arrive (as `HTTPChannel`'s would)."""
        if self._upgraded is not None:
            self._upgraded.dataReceived(data)
            return
        if self._ended:
            return
        if self._negotiates:  # which is over when the first bytes come
            self._negotiates = self._is_agreeing = False  # also where what lies between does not tell of the handshake
            if getattr(self.transport, "negotiatedProtocol", None) == b"h2":
                self.site.multiplex(self).dataReceived(data)
                return
        self._begin_to_arrive()
        basic.LineReceiver.dataReceived(self, data)

    def _begin_to_arrive(self) -> None:
        if not self._arriving and not self._handlingRequest:
            self._arriving = True
            self.setTimeout(self._limits.header_seconds)

    def lineReceived(self, line: bytes) -> None:
        """A first line, or one of the header."""
        if self._ended:
            return
        if self._receivedHeaderSize + len(line) > self.totalHeadersSize:
            self.refuse(431, "header-too-long", f"a request's header has {self.totalHeadersSize} bytes at most")
        else:
            super().lineReceived(line if self.requests else in_ascii(line))

    def headerReceived(self, line: bytes) -> bool:
        """A header, whose lines have been put together; whether the request can go on."""
        if self._receivedHeaderCount == self.maxHeaders:
            self.refuse(431, "header-too-long", f"a request has {HEADERS} headers at most")
            return False
        try:
            return bool(super().headerReceived(line))
        except ValueError:  # a Content-Length of more digits than Python reads
            self._respondToBadRequestAndDisconnect()
            return False

    def lineLengthExceeded(self, line: bytes) -> None:
        """A line has no end within its limit: the first one, if there is no request yet."""
        if self.requests:
            self.refuse(431, "header-too-long", f"a header line has {self.MAX_LENGTH} bytes at most")
        else:
            self.refuse(414, "uri-too-long", f"a request's first line has {self.MAX_LENGTH} bytes at most")

    def rawDataReceived(self, data: bytes) -> None:
        """A part of a body, or of what is pipelined behind the request that is being answered."""
        if self._upgraded is not None:
            self._upgraded.dataReceived(data)
        elif self._ended:
            return
        elif self._handlingRequest:
            self._keep(data)
        else:
            super().rawDataReceived(data)

    def _keep(self, data: bytes) -> None:
        """Keep what is pipelined; when that is much, hear no more, also while the peer does not take what is written.

        All in one piece: `HTTPChannel` looks at all pieces when another comes, and each may be a byte.
        """
        if not (self._dataBuffer and isinstance(self._dataBuffer[-1], bytearray)):
            self._dataBuffer.append(bytearray())  # behind what came in one piece with the request
        self._dataBuffer[-1] += data
        if sum(map(len, self._dataBuffer)) > self._optimisticEagerReadSize:
            self._networkProducer.pauseProducing()

    def setLineMode(self, extra: bytes = b"") -> None:
        """Go on with what was kept, apart from any burst that is going on: a stream has to know when it is slow."""
        with self.site.outbox.set_aside():
            super().setLineMode(extra)

    def allHeadersReceived(self) -> None:
        """The header is complete; a body may follow."""
        self.setTimeout(self._limits.body_seconds)
        super().allHeadersReceived()

    def allContentReceived(self) -> None:
        """The request is complete, unless its last part was refused."""
        if not self._ended:
            self._arriving = False
            super().allContentReceived()

    def requestDone(self, request: http.Request) -> None:
        """The request has been answered; when the answer is taken the connection is idle, or the next one begins."""
        if self._waitingForTransport and self.persistent:
            self._untaken = request
            self.setTimeout(self._limits.idle_seconds)
            self._networkProducer.pauseProducing()
            return
        self._savedTimeOut = self._limits.idle_seconds
        super().requestDone(request)
        if self._buffer:
            self._begin_to_arrive()
        self._end_if_closing()

    def _end_if_closing(self) -> None:
        """End the connection if the service stops, as soon as nothing more is asked."""
        if self.persistent and self.idle and self.site.closing:
            self.loseConnection()

    def resumeProducing(self) -> None:
        """The peer has taken all that was written."""
        super().resumeProducing()
        if self._untaken is not None:
            taken, self._untaken = self._untaken, None
            self.requestDone(taken)

    def loseConnection(self) -> None:
        """End the connection when all is sent; a peer that does not take it in `idle_seconds` is cut."""
        self.cut_after(self._limits.idle_seconds)
        self.site.outbox.flush()
        super().loseConnection()

    def cut(self) -> None:
        """End the connection now, whatever is on its way."""
        self.transport.abortConnection()  # type: ignore[union-attr]  # which every transport of a server has

    def send(self, data: bytes) -> None:
        """Write `data`, at once where that can be, or with all else that is written in this burst."""
        if not self._is_plain:
            self.write(data)
        elif self.site.outbox.is_open:
            self.site.outbox.put(self.transport, data)
        else:
            eager.write(self.transport, data)

    def unsent(self) -> int:
        """How many bytes were written that the system has not yet taken."""
        return eager.unsent(self.transport)

    def cut_after(self, seconds: float) -> None:
        """Hear no more, and cut the connection if it is still there in `seconds`, or sooner if that was said before."""
        if not self._ended:
            self._ended = True
            self.setTimeout(seconds)

    def timeoutConnection(self) -> None:
        """What arrives took too long, nothing came, or the peer takes no part in the end."""
        if self._ended or self._is_agreeing:
            self.cut()
        elif self._arriving:
            self.refuse(408, "too-slow", "the request did not arrive in time")
        else:
            self.cut_after(UNTAKEN_SECONDS)
            self.loseConnection()  # which `HTTPChannel` would log, each time and with the address

    def refuse(self, status: int, name: str, detail: str) -> None:
        """Answer what is arriving with a problem, and hear no more of this connection."""
        if self._ended:
            return
        transport = self.transport
        assert transport is not None
        self.cut_after(LINGER_SECONDS)
        answer = problem(status, name, HTTPStatus(status).phrase, detail)
        origin = self.requests[-1].origin if self.requests else None
        transport.write(encode(answer, self.site.date, closes=True, origin=origin))
        self._networkProducer.unregisterProducer()  # type: ignore[attr-defined]  # it is the transport
        if self.isSecure() or not hasattr(transport, "loseWriteConnection"):
            transport.loseConnection()  # over TLS this says so to the peer, and waits for its consent
        else:
            transport.loseWriteConnection()

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.refuse(400, "malformed", "this is no HTTP request")

    def _send100Continue(self) -> None:
        if not self._ended:
            super()._send100Continue()
