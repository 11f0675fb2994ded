"""A peer that speaks HTTP/2 to a `ChatSite`, in memory: by `h2`, as its client."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from twisted.internet.task import Clock

from chatcomet.http.site import ChatSite
from tests.unit.http.peer import Answer, Peer, SecureTransport

HOST = "chat.example"


class NegotiatedTransport(SecureTransport):
    """A TLS connection on which HTTP/2 was agreed on."""

    negotiatedProtocol = b"h2"


@dataclass
class Heard:
    """What has come back on one stream."""

    status: int = 0
    interim: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False
    reset: int | None = None

    @property
    def answer(self) -> Answer:
        """The answer, which is complete."""
        assert self.ended, self
        return Answer(self.status, self.headers, self.body)


class MultiplexedPeer(Peer):
    """One connection; what comes is `taken` (the windows stay open) unless the test says otherwise."""

    def __init__(self, site: ChatSite, clock: Clock) -> None:
        super().__init__(site, clock, NegotiatedTransport(clock))
        self.clock = clock
        self.spoken = H2Connection(H2Configuration(client_side=True, header_encoding="latin-1"))
        self.taking = True
        """Whether the windows are opened again by what has come."""
        self.heard: dict[int, Heard] = {}
        self.ended_in_turn: list[int] = []
        """The streams whose answers are complete."""
        self.goodbye: int | None = None
        """The error with which the server has said goodbye."""
        self.spoken.initiate_connection()
        self.flush()

    def flush(self) -> None:
        """Send what is to be sent, and hear what comes of it."""
        self._send()
        self.hear()

    def hear(self) -> None:
        """Let the server say what it will in this turn, and take it in."""
        for _ in range(1_000):
            if not self.lost:
                self.clock.advance(0)
            data = self.taken()
            if not data:
                return
            for event in self.spoken.receive_data(data):
                self._note(event)
            self._send()
        raise AssertionError("it does not come to an end")

    def _send(self) -> None:
        data = self.spoken.data_to_send()
        if data:
            self.send(data)

    def begin(self, target: str, method: str = "GET", ends: bool = True, **headers: str) -> int:
        """Begin a request; its stream.  `some_header=` stands for ``some-header:``."""
        number = self.spoken.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "https"), (":authority", HOST), (":path", target)]
        fields += [(name.replace("_", "-").lower(), value) for name, value in headers.items()]
        return self.begin_with(number, fields, ends)

    def begin_with(self, number: int, fields: Sequence[tuple[str, str]], ends: bool = True) -> int:
        """Begin a request with exactly these fields."""
        self.heard[number] = Heard()
        self.spoken.send_headers(number, list(fields), end_stream=ends)
        self.flush()
        return number

    def body(self, number: int, data: bytes, ends: bool = True) -> None:
        """Send a part of a body, as the server lets us."""
        while data:
            size = min(len(data), self.spoken.local_flow_control_window(number), 16_384)
            assert size, "the server does not take it"
            self.spoken.send_data(number, data[:size], end_stream=ends and size == len(data))
            data = data[size:]
            self.flush()

    def reset(self, number: int) -> None:
        """Take a request back."""
        self.spoken.reset_stream(number)
        self.flush()

    def ask(self, target: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        """What is answered at once."""
        if body:
            headers["content_length"] = str(len(body))
        number = self.begin(target, method, ends=not body, **headers)
        self.body(number, body)
        return self.heard[number].answer

    def _note(self, event: events.Event) -> None:
        heard = self.heard.setdefault(getattr(event, "stream_id", None) or 0, Heard())
        if isinstance(event, events.InformationalResponseReceived):
            heard.interim.append(int(_fields(event.headers)[":status"]))
        elif isinstance(event, events.ResponseReceived):
            heard.headers = _fields(event.headers)
            heard.status = int(heard.headers.pop(":status"))
        elif isinstance(event, events.DataReceived):
            heard.body += event.data
            if self.taking:
                self.spoken.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, events.StreamEnded):
            heard.ended = True
            self.ended_in_turn.append(event.stream_id or 0)
        elif isinstance(event, events.StreamReset):
            heard.reset = int(event.error_code or 0)
        elif isinstance(event, events.ConnectionTerminated):
            self.goodbye = int(event.error_code or 0)


def _fields(headers: Iterable[Any]) -> dict[str, str]:
    """A header's fields, of which each stands there once."""
    fields: dict[str, str] = {}
    for name, value in headers:
        assert name not in fields, f"{name} stands there twice"
        fields[name] = value
    return fields
