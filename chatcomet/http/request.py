"""ChatRequest: a `Request` whose body has a limit, and which is answered with an `Answer`: the slow lane's."""

from __future__ import annotations

from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING

from twisted.python.failure import Failure
from twisted.web import http, server

from chatcomet.errors import ChatcometError
from chatcomet.http.cors import listed_origin, sharing
from chatcomet.http.hosts import STRICT
from chatcomet.http.limited import LimitedChannel
from chatcomet.http.wire import BASICS, FAULT, Answer, problem, problem_answer

if TYPE_CHECKING:
    from chatcomet.http.exchange import Exchange


class ChatRequest(server.Request):
    """A `Request` whose body has a limit, and which is answered with an `Answer`."""

    content: BytesIO
    channel: LimitedChannel | Exchange  # type: ignore[assignment]  # Twisted has more than its HTTPChannel, too

    def __repr__(self) -> str:
        """What a log may say of it: not the query, in which a ticket may be."""
        path = self.uri.partition(b"?")[0].decode("latin-1")
        return f"{self.method.decode('latin-1')} {path}"

    def gotLength(self, length: int | None) -> None:
        """The header is complete; a body that is said to be too long is refused before it is read."""
        self.content = BytesIO()
        if length is not None and length > self._most_bytes:
            self._too_long()

    def handleContentChunk(self, data: bytes) -> None:
        """A part of the body."""
        if self.content.tell() + len(data) > self._most_bytes:
            self._too_long()
        else:
            self.content.write(data)

    @property
    def _most_bytes(self) -> int:
        return self.channel.site.limits.body_bytes

    def _too_long(self) -> None:
        self.channel.refuse(413, "too-long", f"a body has {self._most_bytes} bytes at most")

    def process(self) -> None:
        """Answer, by the site's resource if this server is meant."""
        try:
            self.channel.site.hosts.check(self.values("Host"), self.clientproto)
        except ChatcometError as error:
            self.write(self.begin(problem_answer(error)))
            self.finish()
        else:
            super().process()

    def getRequestHostname(self) -> bytes:
        """Nothing that the asker says: routes are the same for every host, and werkzeug fails at some."""
        return b"localhost"

    def header(self, name: str) -> str | None:
        """A header of the request, as Latin-1 text; the last one where there are several."""
        values = self.values(name)
        return values[-1] if values else None

    def values(self, name: str) -> list[str]:
        """All that the request has of a header, as Latin-1 text."""
        return [value.decode("latin-1") for value in self.requestHeaders.getRawHeaders(name.encode(), [])]

    @property
    def origin(self) -> str | None:
        """The origin of the page that asks, if it is a listed one."""
        return listed_origin(self, self.channel.site.origins)

    def _handleStar(self) -> None:
        """``OPTIONS *`` asks whether there is a server at all; nothing else can be asked of ``*``."""
        answer = Answer(200)
        if self.method != b"OPTIONS":
            answer = problem(
                405, "method-not-allowed", "Method not allowed", "OPTIONS is", headers=(("Allow", "OPTIONS"),)
            )
        self.write(self.begin(answer))
        self.finish()

    def processingFailed(self, reason: Failure) -> Failure:
        """Answer for a resource that raised: whoever asked is told no more than that."""
        self._log.failure("a fault in answering {request}", reason, request=self)
        self.write(self.begin(FAULT))
        self.finish()
        return reason

    def begin(self, answer: Answer) -> bytes:
        """Set everything that goes before the body of `answer`, which is returned for Klein to write."""
        self.begin_stream(answer)
        headers = self.responseHeaders
        if answer.status != http.NO_CONTENT:
            headers.setRawHeaders("Content-Length", [str(len(answer.body))])
        channel = self.channel
        if isinstance(channel, LimitedChannel) and (answer.close or channel.site.closing):
            headers.setRawHeaders("Connection", ["close"])
            channel.persistent = False
        return answer.body

    def begin_stream(self, answer: Answer) -> None:
        """Set what goes before a body of no known length, of which `answer` has all but the body."""
        self.setResponseCode(answer.status, HTTPStatus(answer.status).phrase.encode())
        headers = self.responseHeaders
        headers.setRawHeaders("Server", ["chatcomet"])
        headers.setRawHeaders("Date", [self.channel.site.date])  # Twisted's is of when the request came
        for name, value in BASICS:
            headers.setRawHeaders(name, [value])
        if answer.content_type is not None:
            headers.setRawHeaders("Content-Type", [answer.content_type])
        for name, value in (*answer.headers, *sharing(self.origin)):
            headers.addRawHeader(name, value)
        if self.isSecure() and self.channel.site.hosts.names(self.header("Host") or ""):
            headers.addRawHeader(*STRICT)
