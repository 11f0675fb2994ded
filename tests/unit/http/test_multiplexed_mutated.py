"""Whatever a peer says in HTTP/2, and whatever happens meanwhile: nothing breaks, and nothing of it stays."""

from __future__ import annotations

from collections.abc import Callable

from hpack import Encoder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.message import Draft
from chatcomet.http.arrival import PREFACE
from tests.unit.http.multiplexed_peer import NegotiatedTransport
from tests.unit.http.peer import Peer
from tests.unit.http.twins import CLOSE_SECONDS, Twin

EXAMPLES = 300
DATA, HEADERS, PRIORITY, RESET, SETTINGS, PUSH, PING, GOODBYE, WINDOW, CONTINUATION = range(10)
END_STREAM, END_HEADERS, PADDED = 0x1, 0x4, 0x8
TARGETS = [
    *(b"/rooms/lobby/messages?cursor=k3v9.0", b"/rooms/lobby/messages", b"/rooms/lobby/events", b"/session"),
    *(b"/chat/post", b"/chat/get/0", b"*", b"nowhere", b"/\xff", b"/rooms/lobby/socket"),
]
MORE = [
    *((b"content-length", b"5"), (b"content-length", b"70000"), (b"content-length", b"-1"), (b"content-length", b"x")),
    *((b"content-type", b"application/x-www-form-urlencoded"), (b"expect", b"100-continue"), (b"cookie", b"\xff=\xff")),
    *((b"connection", b"close"), (b"te", b"trailers"), (b"host", b"evil.example"), (b"X", b"y"), (b"x", b"a" * 9_000)),
    *((b"", b""), (b":path", b"/"), (b":odd", b""), (b"a\nb", b"c"), (b"x", b"a\r\nb"), (b"origin", b"null")),
]
PSEUDO = [(b":scheme", b"https"), (b":authority", b"chat.example")]
ODD_STREAMS = st.sampled_from([0, 1, 2, 3, 2**31 - 1])
NUMBERS = st.sampled_from([0, 1, 1, 10, 10, 1_000, 1_000, 65_535, 65_535, 2**31 - 1, 2**32 - 1])
FLAGS = st.sampled_from([0, 0, END_STREAM, END_HEADERS, PADDED, 0xFF])


def frame(kind: int, stream: int, payload: bytes, flags: int = 0) -> bytes:
    """A frame as it is sent."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


@st.composite
def blocks(draw: st.DrawFn) -> bytes:
    """A header, as it is compressed, or not quite."""
    fields = [(b":method", draw(st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"CONNECT", b"X-Y"])))]
    fields += [*PSEUDO, (b":path", draw(st.sampled_from(TARGETS)))]
    if draw(st.integers(0, 3)) == 0:
        fields += draw(st.lists(st.sampled_from(MORE), max_size=3))
    if draw(st.integers(0, 9)) == 0:
        fields.remove(draw(st.sampled_from(fields)))
    block: bytes = Encoder().encode(fields, huffman=draw(st.booleans()))
    return block if draw(st.integers(0, 9)) else draw(st.binary(max_size=20)) + block


BLOCKS = blocks()
KINDS = st.sampled_from([*range(12), *[DATA, RESET, WINDOW, SETTINGS, PING] * 4])


def request(draw: st.DrawFn, stream: int) -> bytes:
    """A header, in one frame or more, and maybe a body."""
    block = draw(BLOCKS)
    ends = draw(st.sampled_from([0, END_STREAM]))
    cut = draw(st.integers(0, len(block))) if draw(st.integers(0, 5)) == 0 else len(block)
    said = frame(HEADERS, stream, block[:cut], ends | (END_HEADERS if cut == len(block) else 0))
    if cut < len(block):
        said += frame(CONTINUATION, draw(st.sampled_from([stream, stream, 9])), block[cut:], END_HEADERS)
    if not ends and draw(st.booleans()):
        said += frame(DATA, stream, draw(st.sampled_from([b"", b"text=x", b"x" * 16_384])), draw(FLAGS))
    return said


def other_frame(draw: st.DrawFn, stream: int) -> bytes:
    """Any other frame, or one in another form than it should have."""
    kind, number = draw(KINDS), draw(NUMBERS).to_bytes(4, "big")
    payloads = {
        DATA: b"x" * draw(st.sampled_from([0, 1, 16_384, 16_385])),
        PRIORITY: number + b"\x05",
        SETTINGS: draw(st.sampled_from([b"", draw(st.integers(0, 9)).to_bytes(2, "big") + number])),
        PUSH: b"\x00\x00\x00\x02",
        PING: b"12345678",
        GOODBYE: number + number,
        CONTINUATION: b"\x82",
    }
    if kind in (SETTINGS, PING, GOODBYE):
        stream = 0
    said = frame(kind, stream, payloads.get(kind, number), draw(FLAGS))
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, min(len(said), 20) - 1))
        said = said[:at] + bytes([draw(st.integers(0, 255))]) + said[at + 1 :]
    return said


Step = Callable[[Twin, Peer], None]


def say(data: bytes) -> Step:
    def said(_: Twin, peer: Peer) -> None:
        if data and peer.transport.producerState == "producing":
            peer.send(data)

    return said


def tell(twin: Twin, _: Peer) -> None:
    twin.store.append("lobby", Draft("eve", "told " * 100)).addErrback(lambda _: None)


def wait(seconds: float) -> Step:
    return lambda twin, _: twin.clock.pump([seconds / 20] * 20)


def choke(_: Twin, peer: Peer) -> None:
    peer.transport.taking = False


def take(_: Twin, peer: Peer) -> None:
    if not peer.lost:
        peer.transport.take()


def stop(twin: Twin, _: Peer) -> None:
    if not twin.site.closing:
        twin.site.close(CLOSE_SECONDS)
        twin.hub.drain()


EVENTS = [tell, tell, wait(0), wait(1), wait(11), wait(31), wait(80), choke, take, stop]


@st.composite
def conversations(draw: st.DrawFn) -> list[Step]:
    """What a peer says, mostly on streams as they should be, and what happens between."""
    steps: list[Step] = []
    begun, said = 0, b""
    for _ in range(draw(st.integers(1, 12))):
        kind, odd = draw(st.integers(0, 9)), draw(st.integers(0, 19)) == 0
        if kind < 4:
            said += request(draw, draw(ODD_STREAMS) if odd else 2 * begun + 1)
            begun += 1
        elif kind < 8 and begun:
            said += other_frame(draw, draw(ODD_STREAMS) if odd else 2 * draw(st.integers(0, begun - 1)) + 1)
        elif odd:
            said += draw(st.binary(max_size=30))
        if kind > 7 or draw(st.booleans()):
            steps += [say(said), draw(st.sampled_from(EVENTS))]
            said = b""
    return [*steps, say(said)]


class MutatedTests(SynchronousTestCase):
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(conversations())
    def test_nothing_breaks_and_nothing_stays(self, steps: list[Step]) -> None:
        twin = Twin(NegotiatedTransport)
        peer = twin.peers[0]
        peer.send(PREFACE + frame(SETTINGS, 0, b""))
        for step in steps:
            step(twin, peer)
            twin.clock.advance(0)
        for each in twin.peers:
            each.lose()
        twin.clock.advance(0)
        self.assertEqual((twin.hub.waiting, twin.site.channels), (0, set()))
        self.assertEqual([call for call in twin.clock.getDelayedCalls() if "_send_now" in str(call)], [])
        self.assertEqual(self.flushLoggedErrors(), [])
        twin.end()
