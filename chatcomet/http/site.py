"""ChatSite: what listens, the connections it has, and how they end."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.web import http
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from chatcomet.http import wire
from chatcomet.http.channel import PollChannel
from chatcomet.http.connections import Connection, Connections, Unloading
from chatcomet.http.deadlines import Deadlines
from chatcomet.http.hosts import Hosts
from chatcomet.http.lane import Lane
from chatcomet.http.limited import LimitedChannel
from chatcomet.http.multiplexed import Multiplexed
from chatcomet.http.outbox import Outbox
from chatcomet.http.request import ChatRequest
from chatcomet.http.turns import Turns
from chatcomet.http.wire import Answer
from chatcomet.settings import DEFAULT_LIMITS, ConnectionLimits


class _Always(Resource):
    """Gives the same answer to whatever is asked of it."""

    isLeaf = True

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer

    def render(self, request: IRequest) -> int:
        # Were the body returned, Twisted would log the whole URI of each HEAD, and what is secret in it.
        assert isinstance(request, ChatRequest)
        request.write(request.begin(self._answer))
        request.finish()
        return NOT_DONE_YET


_NOWHERE = wire.problem(404, "not-found", "There is no such thing here", "nothing is served here")


class Closable(Connection, Protocol):
    """A connection, for the site that closes."""

    @property
    def idle(self) -> bool:
        """Whether nothing is asked, or being answered."""

    def loseConnection(self) -> None:
        """End it when all is sent."""


class ChatSite(Site):
    """Serves one resource, a leaf, under `prefix` ("" or ``/like/this``), to whoever calls it one of `hosts`.

    `origins`: the other sites whose pages may see its answers.  `channels`: where those that it has are kept.
    `limits`: what holds on each of them.

    It keeps no access log: the line would be written by wall time, at each answer, and hold what is secret in URIs.
    """

    # Twisted's own would be wrapped in what negotiates HTTP/2, for all connections and without our limits.
    protocol = PollChannel  # type: ignore[assignment]
    requestFactory = ChatRequest

    def __init__(
        self,
        prefix: str,
        hosts: Hosts,
        origins: AbstractSet[str],
        reactor: IReactorTime,
        wall: Callable[[], float] = time.time,
        outbox: Outbox | None = None,
        channels: Connections[Closable] | None = None,
        limits: ConnectionLimits = DEFAULT_LIMITS,
    ) -> None:
        self._served: IResource = _Always(_NOWHERE)
        idle = limits.idle_seconds
        super().__init__(self._served, timeout=idle, reactor=reactor, parsePOSTFormSubmission=False)
        self.limits = limits
        self.hosts = hosts
        self.origins = origins
        self.channels = Connections() if channels is None else channels
        self.deadlines = Deadlines(reactor)
        self.turns = Turns(reactor)
        self._unloading = Unloading(self.channels, self.deadlines)
        self.outbox = outbox or Outbox()
        self.closing = False
        """While True every answer ends its connection."""
        self.lane: Lane | None = None
        self._wall = wall
        self._second = 0
        self._date = b""
        self._emptied: Deferred[None] = Deferred()
        self._prefix = prefix.encode().split(b"/")[1:]
        self._page = prefix + "/"

    def serve(self, resource: IResource, lane: Lane | None = None) -> None:
        """From now on, answer by `resource`, and what `lane` knows by that."""
        self._served = resource
        self.lane = lane

    @property
    def date(self) -> bytes:
        """The value of a `Date` header: one object in each second."""
        second = int(self._wall())
        if second != self._second:
            self._second, self._date = second, http.datetimeToString(second)
        return self._date

    def getResourceFor(self, request: Request) -> IResource:
        """The resource, for what lies under the prefix.  The prefix alone leads to the page: its links are relative."""
        request.site = self
        # What is no UTF-8 is nobody's name; Klein would answer it by itself, and log it.
        path = [segment.decode(errors="replace").encode() for segment in request.postpath or []]
        depth = len(self._prefix)
        if path[:depth] != self._prefix or not request.path.startswith(b"/"):
            return _Always(_NOWHERE)
        if len(path) == depth:
            _, question, query = request.uri.decode("latin-1").partition("?")
            return _Always(Answer(302, headers=(("Location", f"{self._page}{question}{query}"),)))
        request.prepath, request.postpath = path[:depth], path[depth:]
        return self._served

    def startFactory(self) -> None:
        """No access log."""

    def stopFactory(self) -> None:
        """No access log."""

    def log(self, request: Any) -> None:
        """No access log."""

    def acceptableProtocols(self) -> list[bytes]:
        """What TLS may negotiate."""
        return [b"h2", b"http/1.1"]

    def multiplex(self, channel: LimitedChannel) -> Multiplexed:
        """Speak HTTP/2 from now on, in the place of `channel`, which only passes on what comes."""
        multiplexed = Multiplexed(self)
        channel.upgrade(multiplexed)
        self.channels.discard(channel)
        multiplexed.makeConnection(channel.transport)
        return multiplexed

    def connected(self, channel: Closable) -> None:
        """`channel` has a peer."""
        self.channels.add(channel)
        self._unloading.begin()

    def disconnected(self, channel: Closable) -> None:
        """`channel` has none any more."""
        self.channels.discard(channel)
        if self.closing and not self.channels and not self._emptied.called:
            self._stop_deadlines()
            self._emptied.callback(None)

    def close(self, seconds: float) -> Deferred[None]:
        """End each connection when all it was asked has been answered and sent; after `seconds` cut what is left.

        Fires when no connection is left.
        """
        self.closing = True
        if not self.channels:
            self._stop_deadlines()
            return succeed(None)
        cut = self.reactor.callLater(seconds, self._cut)
        self._emptied.addCallback(lambda _: cut.cancel() if cut.active() else None)
        for channel in list(self.channels):
            if channel.idle:
                channel.loseConnection()
        return self._emptied

    def _stop_deadlines(self) -> None:
        self._unloading.stop()
        self.deadlines.stop()

    def _cut(self) -> None:
        for channel in list(self.channels):
            channel.cut()
