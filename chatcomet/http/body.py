"""Bodies: those of answers that go on, such as event streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.internet.interfaces import IPushProducer

from chatcomet.http.request import ChatRequest
from chatcomet.http.wire import Answer, encode_head

if TYPE_CHECKING:
    from chatcomet.http.channel import PollChannel

_CHUNKED = (("Transfer-Encoding", "chunked"),)
LAST_CHUNK = b"0\r\n\r\n"


class Body(Protocol):
    """Where what belongs to one answer is written, as it comes."""

    @property
    def framing(self) -> str:
        """The name of the way in which `frame` frames."""

    def begin(self, answer: Answer) -> None:
        """Write all that comes before the body, which is no part of `answer` yet."""

    def frame(self, data: bytes) -> bytes:
        """`data` as a part of the body: the same for all bodies of this `framing`."""

    def write(self, framed: bytes) -> None:
        """Write what was framed."""

    def register(self, producer: IPushProducer) -> None:
        """From now on tell `producer` whether the peer keeps up."""

    def unregister(self) -> None:
        """Nothing more will be written."""

    def unsent(self) -> int:
        """How many bytes were written that the system has not yet taken."""

    def cut(self) -> None:
        """End the connection, with what is unsent."""


class RequestBody:
    """What a `Request` writes: it frames by itself, as its version of HTTP has it."""

    framing = ""

    def __init__(self, request: ChatRequest) -> None:
        self._request = request
        self.begin = request.begin_stream
        self.write = request.write
        self.unregister = request.unregisterProducer
        self.unsent = request.channel.unsent
        self.cut = request.channel.cut

    def frame(self, data: bytes) -> bytes:
        return data

    def register(self, producer: IPushProducer) -> None:
        self._request.registerProducer(producer, True)


class ChunkedBody:
    """What is written in the fast lane, in chunks (RFC 9112, 7.1), and at once."""

    __slots__ = ("_channel", "_head")
    framing = "chunked"

    def __init__(self, channel: PollChannel) -> None:
        self._channel = channel
        self._head = b""  # goes out with the first chunk

    def begin(self, answer: Answer) -> None:
        self._head = encode_head(answer, self._channel.site.date, _CHUNKED, self._channel.origin)

    def frame(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if data else b""

    def write(self, framed: bytes) -> None:
        if self._head:
            framed, self._head = self._head + framed, b""
        self._channel.send(framed)

    def register(self, producer: IPushProducer) -> None:
        self._channel.registerProducer(producer, True)

    def unregister(self) -> None:
        self._channel.unregisterProducer()

    def unsent(self) -> int:
        return self._channel.unsent()

    def cut(self) -> None:
        self._channel.cut()
