"""ChatSite: what listens, the connections it has, and how they end."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.web import http
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from chatcomet.http import wire
from chatcomet.http.request import IDLE_SECONDS, ChatRequest, LimitedChannel


def _channel(site: http.HTTPFactory) -> http._GenericHTTPChannelProtocol:
    """What `HTTPFactory` makes itself, around our channel: HTTP/2 is negotiated by it where there is TLS."""
    return http._GenericHTTPChannelProtocol(LimitedChannel())


class _Nowhere(Resource):
    """What is outside of the prefix, and everything before the server is ready."""

    isLeaf = True

    def render(self, request: IRequest) -> bytes:
        assert isinstance(request, ChatRequest)
        return request.begin(wire.problem(404, "not-found", "There is no such thing here", "nothing is served here"))


class ChatSite(Site):
    """Serves one resource, a leaf, under `prefix` ("" or ``/like/this``).

    It keeps no access log: the line would be written by wall time, at each answer, and hold what is secret in URIs.
    """

    protocol = _channel
    requestFactory = ChatRequest

    def __init__(self, prefix: str, reactor: IReactorTime) -> None:
        self._served: IResource = _Nowhere()
        super().__init__(self._served, timeout=IDLE_SECONDS, reactor=reactor, parsePOSTFormSubmission=False)
        self.channels: set[LimitedChannel] = set()
        self.closing = False
        """While True every answer ends its connection."""
        self._emptied: Deferred[None] = Deferred()
        self._prefix = prefix.encode().split(b"/")[1:]

    def serve(self, resource: IResource) -> None:
        """From now on, answer by `resource`."""
        self._served = resource

    def getResourceFor(self, request: Request) -> IResource:
        """The resource, for what lies under the prefix."""
        request.site = self
        path = request.postpath or []
        depth = len(self._prefix)
        if path[:depth] != self._prefix:
            return _Nowhere()
        request.prepath, request.postpath = path[:depth], path[depth:]
        return self._served

    def startFactory(self) -> None:
        """No access log."""

    def stopFactory(self) -> None:
        """No access log."""

    def log(self, request: Any) -> None:
        """No access log."""

    def connected(self, channel: LimitedChannel) -> None:
        """`channel` has a peer."""
        self.channels.add(channel)

    def disconnected(self, channel: LimitedChannel) -> None:
        """`channel` has none any more."""
        self.channels.discard(channel)
        if self.closing and not self.channels:
            self._emptied.callback(None)

    def close(self, seconds: float) -> Deferred[None]:
        """End each connection when all it was asked has been answered and sent; after `seconds` cut what is left.

        Fires when no connection is left.
        """
        self.closing = True
        if not self.channels:
            return succeed(None)
        cut = self.reactor.callLater(seconds, self._cut)
        self._emptied.addCallback(lambda _: cut.cancel() if cut.active() else None)
        for channel in list(self.channels):
            if channel.idle:
                channel.loseConnection()
        return self._emptied

    def _cut(self) -> None:
        for channel in list(self.channels):
            channel.forceAbortClient()
