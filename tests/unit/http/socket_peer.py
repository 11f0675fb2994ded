"""A peer that speaks WebSocket to a `ChatSite`, in memory: by `ClientProtocol` of `websockets`."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.task import Clock
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from chatcomet.http.site import ChatSite
from tests.unit.http.peer import Peer, PeerTransport


class SocketPeer(Peer):
    """Asks for a socket as soon as it is connected and sends what is `behind`; `headers` come on top."""

    def __init__(
        self, site: ChatSite, clock: Clock, transport: PeerTransport, target: str, *behind: bytes, **headers: str
    ) -> None:
        super().__init__(site, clock, transport)
        uri = parse_uri(f"ws://chat.example{target}")
        self.spoken = ClientProtocol(uri, extensions=[ClientPerMessageDeflateFactory()])
        self.answering = True
        """Whether it answers what is to be answered: pings, and the closing."""
        self.frames: list[Frame] = []
        self.response: Response | None = None
        request = self.spoken.connect()
        for name, value in headers.items():
            request.headers[name.replace("_", "-")] = value
        self.spoken.send_request(request)
        self.send(b"".join([*self.spoken.data_to_send(), *behind]))

    def say(self, *documents: object) -> None:
        """Send each document as a text."""
        self.say_texts(*(json.dumps(document).encode() for document in documents))

    def say_texts(self, *texts: bytes) -> None:
        """Send each text, all in one segment."""
        self.send(b"".join(text_frame(text) for text in texts))

    def hear(self) -> list[Any]:
        """The documents that have come since the last time."""
        self.take_in()
        texts = [frame.data for frame in self.frames if frame.opcode is Opcode.TEXT]
        self.frames = []
        return [json.loads(bytes(text)) for text in texts]

    def take_in(self) -> None:
        """Read what has come, and answer what is to be answered."""
        self.spoken.receive_data(self.taken())
        for event in self.spoken.events_received():
            if isinstance(event, Frame):
                self.frames.append(event)
            elif isinstance(event, Response):
                self.response = event
        answers = b"".join(self.spoken.data_to_send())
        if self.answering and answers:
            self.send(answers)

    @property
    def is_open(self) -> bool:
        """Whether the handshake is complete and no closing has begun."""
        self.take_in()
        return self.spoken.state is State.OPEN

    @property
    def closed_with(self) -> int | None:
        """The code that the server closes with, if it does."""
        self.take_in()
        return self.spoken.close_rcvd.code if self.spoken.close_rcvd else None


def text_frame(text: bytes, fin: bool = True, opcode: Opcode = Opcode.TEXT) -> bytes:
    """A frame as a client sends it."""
    return Frame(opcode, text, fin).serialize(mask=True)
