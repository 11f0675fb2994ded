"""Socket, and whatever may come: it hears and closes as `websockets` itself does when it is given the same."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from websockets.client import ClientProtocol
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.protocol import SERVER, Protocol, State
from websockets.uri import parse_uri
from zope.interface import implementer

from chatcomet.http.frames import BINARY, NORMAL, Socket
from chatcomet.http.site import ChatSite
from chatcomet.settings import BODY_BYTES
from tests.unit.http.peer import Peer
from tests.unit.http.running_edge import HOSTS
from tests.unit.http.running_sockets import HANDSHAKE

EXAMPLES = 500
BYTES = st.one_of(st.binary(max_size=8), st.binary(min_size=120, max_size=140), st.just(b"\x03\xe8bye"))
FRAMES = st.builds(Frame, st.sampled_from(Opcode), BYTES, st.sampled_from([True, True, False]), st.booleans())


class Ear(Socket):
    """A socket whose messages are kept."""

    def __init__(self, channel: Any) -> None:
        super().__init__(channel)
        self.texts: list[bytes] = []

    def heard(self, message: bytes) -> None:
        self.texts.append(message)


@implementer(IPushProducer)
class Silent:
    """Says nothing."""

    def resumeProducing(self) -> None: ...

    def pauseProducing(self) -> None: ...

    def stopProducing(self) -> None: ...


@st.composite
def segments(draw: st.DrawFn) -> list[bytes]:
    """Frames, most of them right, with something changed in their bytes or not, and cut anywhere."""
    frames = draw(st.lists(FRAMES, max_size=6))
    data = bytearray()
    for frame in frames:
        odd = draw(st.integers(0, 9))
        data += _written(frame if odd == 0 else _proper(frame), masked=odd != 1)
    for _ in range(draw(st.sampled_from([0, 0, 1, 3]))):
        if data:
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    cuts = sorted({0, len(data), *draw(st.lists(st.integers(0, len(data)), max_size=6))})
    return [bytes(data[start:end]) for start, end in pairwise(cuts)]


def _proper(frame: Frame) -> Frame:
    if frame.opcode in DATA_OPCODES:
        return Frame(frame.opcode, frame.data, frame.fin)
    return Frame(frame.opcode, frame.data[:125])


def _written(frame: Frame, masked: bool) -> bytes:
    """`frame`, with all that is wrong with it; by a mask that changes nothing."""
    length = len(frame.data)
    head = bytes([frame.opcode | frame.fin << 7 | frame.rsv1 << 6, masked << 7 | (length if length < 126 else 126)])
    return head + (length.to_bytes(2, "big") if length > 125 else b"") + b"\0\0\0\0" * masked + bytes(frame.data)


def by_websockets(data: list[bytes]) -> tuple[list[bytes], int | None]:
    """The texts that `websockets` hears, and what is then closed with, a message that is no text included."""
    protocol = Protocol(SERVER, max_size=BODY_BYTES)
    for segment in data:
        protocol.receive_data(segment)
    texts: list[bytes] = []
    message: list[Frame] = []
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        if frame.opcode is Opcode.CLOSE:
            return texts, NORMAL
        if frame.opcode in DATA_OPCODES:
            message.append(frame)
            if frame.fin and message[0].opcode is Opcode.BINARY:
                return texts, BINARY
            if frame.fin:
                texts.append(b"".join(bytes(part.data) for part in message))
                message = []
    return texts, protocol.close_sent.code if protocol.close_sent else None


class MutatedTests(SynchronousTestCase):
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(segments())
    def test_it_hears_what_websockets_hears(self, data: list[bytes]) -> None:
        clock = Clock()
        peer = Peer(ChatSite("", HOSTS, frozenset(), clock), clock)
        ear = Ear(peer.protocol)
        ear.begin(HANDSHAKE["Sec_WebSocket_Key"], b"", Silent())
        peer.taken()
        peer.send(*data)
        self.assertEqual((ear.texts, closed_with(peer.taken())), by_websockets(data))


def closed_with(said: bytes) -> int | None:
    """The code in the last frame of `said`, if that is a closing; what was said before is right, too."""
    client = ClientProtocol(parse_uri("ws://chat.example/"), state=State.OPEN)
    client.receive_data(said)
    assert client.close_sent is None or client.close_sent == client.close_rcvd
    return client.close_rcvd.code if client.close_rcvd else None
