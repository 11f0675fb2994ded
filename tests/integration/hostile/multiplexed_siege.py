"""A siege over TLS, by those who have agreed on HTTP/2 and then do next to nothing, or take nothing that they are sent.

What they send is made by hand, of frames: a client's library would not do such things.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from tests.integration.hostile.crowd import Crowd
from tests.integration.plain_client import HOST, NAME, PATIENCE_SECONDS

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CALM = 11
"""The error code ENHANCE_YOUR_CALM (RFC 9113, 7)."""

ASKED = 10
"""So much at once is asked for by who opens no window for it."""

MUCH = 60
"""And so much by who opens all windows, and takes nothing: more than the systems at both ends take in."""

_CHUNK = 65_536
_LARGE = 2**31 - 1
_SMALL = 4_096  # what the system of who reads nothing takes in
_SEGMENT = 1_400  # as on a real network: over loopback they are large, and the server's system takes in more
_HEAD = 9  # bytes of each frame

Trickle = Callable[[], bytes]


def greeting(window: int = 65_535) -> bytes:
    """How a connection begins; `window`: how much of an answer may come before more is asked for."""
    return PREFACE + SettingsFrame(settings={SettingsFrame.INITIAL_WINDOW_SIZE: window}).serialize()


def header(stream: int, path: str, method: str = "GET", ends: Sequence[str] = ("END_HEADERS", "END_STREAM")) -> bytes:
    """A request's; the flags in `ends` say what is complete with it."""
    fields = [(":method", method), (":scheme", "https"), (":authority", NAME), (":path", path)]
    return HeadersFrame(stream, Encoder().encode(fields, huffman=False), flags=list(ends)).serialize()


def taken_back(stream: int, path: str) -> bytes:
    """A request that is taken back at once."""
    return header(stream, path) + RstStreamFrame(stream, error_code=8).serialize()


def _silent(cursor: str) -> tuple[bytes, Trickle]:
    return greeting(), bytes


def _pings(cursor: str) -> tuple[bytes, Trickle]:
    """It says something, and asks for nothing."""
    return greeting(), PingFrame(0, b"12345678").serialize


def _windows(cursor: str) -> tuple[bytes, Trickle]:
    return greeting(), WindowUpdateFrame(0, 1).serialize


def _frame(cursor: str) -> tuple[bytes, Trickle]:
    """A frame that comes byte by byte."""
    frame = iter(DataFrame(1, bytes(10_000)).serialize())
    return greeting() + header(1, "/chat/post", "POST", ["END_HEADERS"]), lambda: bytes([next(frame)])


def _header(cursor: str) -> tuple[bytes, Trickle]:
    """A header that comes byte by byte, each in a frame."""
    return greeting() + header(1, "/chat/get/0", ends=["END_STREAM"]), ContinuationFrame(1, b"\x00").serialize


def _body(cursor: str) -> tuple[bytes, Trickle]:
    return greeting() + header(1, "/chat/post", "POST", ["END_HEADERS"]), DataFrame(1, b"x").serialize


def _deaf(cursor: str) -> tuple[bytes, Trickle]:
    """It asks for much, and takes nothing."""
    return greeting(0) + b"".join(header(1 + 2 * each, "/openapi.yaml") for each in range(ASKED)), bytes


def _stream(cursor: str) -> tuple[bytes, Trickle]:
    """The same with streams of a room in which there is much."""
    path = f"/rooms/full/events?cursor={cursor}"
    return greeting(0) + b"".join(header(1 + 2 * each, path) for each in range(ASKED)), bytes


def _choked(cursor: str) -> tuple[bytes, Trickle]:
    """It opens the windows, and then reads nothing."""
    asked = (header(1 + 2 * each, "/openapi.yaml") for each in range(MUCH))
    return greeting(_LARGE) + WindowUpdateFrame(0, _LARGE - 65_535).serialize() + b"".join(asked), bytes


KINDS: dict[str, Callable[[str], tuple[bytes, Trickle]]] = {
    "silent": _silent,
    "pings": _pings,
    "windows": _windows,
    "frame": _frame,
    "header": _header,
    "body": _body,
    "deaf": _deaf,
    "stream": _stream,
    "choked": _choked,
}
"""What each sends at first, and then now and then."""


@dataclass(slots=True)
class Sender:
    """One of them."""

    kind: str
    connection: ssl.SSLSocket
    trickle: Trickle
    got: bytearray = field(default_factory=bytearray)

    @property
    def goodbye(self) -> int | None:
        """The error with which the server has said goodbye, if it has."""
        at = 0
        while at + _HEAD <= len(self.got):
            frame, length = Frame.parse_frame_header(memoryview(bytes(self.got[at : at + _HEAD])))
            body = memoryview(bytes(self.got[at + _HEAD : at + _HEAD + length]))
            at += _HEAD + length
            if isinstance(frame, GoAwayFrame) and len(body) == length:
                frame.parse_body(body)
                return frame.error_code
        return None


class MultiplexedSiege(Crowd[Sender]):
    """`count` of them at a `port` with TLS, as many of each of `kinds`; `cursor`: of the beginning of a full room."""

    def __init__(self, port: int, count: int, cursor: str, kinds: Sequence[str] = tuple(KINDS)) -> None:
        super().__init__()
        self.kinds = kinds
        self.ends: Counter[tuple[str, int | None]] = Counter()
        """How many of each kind have ended, by the error with which the server has said goodbye."""
        for number in range(count):
            self._come(port, kinds[number % len(kinds)], cursor)

    def trickle(self) -> None:
        """A little more of each that trickles."""
        for sender in list(self._senders.values()):
            with suppress(OSError):
                sender.connection.send(sender.trickle())

    def send_all(self, data: bytes) -> None:
        """The same of each, as much as is taken of it."""
        for sender in self._senders.values():
            with suppress(OSError):
                sender.connection.send(data)

    def _come(self, port: int, kind: str, cursor: str) -> None:
        first, trickle = KINDS[kind](cursor)
        connection = connect(port, _SMALL if kind == "choked" else None)
        connection.sendall(first)
        events = select.EPOLLRDHUP | (0 if kind == "choked" else select.EPOLLIN)
        self._join(Sender(kind, connection, trickle), events)

    def _hear(self, sender: Sender) -> None:
        try:
            data = b"" if sender.kind == "choked" else sender.connection.recv(_CHUNK)
        except ssl.SSLWantReadError:
            return
        except OSError:
            data = b""
        sender.got += data
        if not data:
            self.ends[sender.kind, sender.goodbye] += 1
            self._go(sender)


def connect(port: int, receive_bytes: int | None = None) -> ssl.SSLSocket:
    """A connection on which HTTP/2 was agreed on.  `receive_bytes`: what our system takes in of it."""
    context = ssl._create_unverified_context()
    context.set_alpn_protocols(["h2"])
    plain = socket.socket()
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT)
    if receive_bytes is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    plain.settimeout(PATIENCE_SECONDS)
    plain.connect((HOST, port))
    connection = context.wrap_socket(plain)
    assert connection.selected_alpn_protocol() == "h2"
    return connection
