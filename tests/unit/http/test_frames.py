"""Socket: what is no message, how long one may be, how a connection begins, lives and ends."""

from __future__ import annotations

import gc
import json
from typing import Any

from twisted.internet.defer import fail
from websockets.frames import Opcode

from chatcomet.api.streaming import ALIVE_SECONDS, Stream
from chatcomet.core.roster import GRACE_SECONDS
from chatcomet.errors import StoreUnavailable
from chatcomet.http import socket as socket_module
from chatcomet.http.frames import UNANSWERED
from chatcomet.http.limited import LINGER_SECONDS
from chatcomet.http.socket import SocketSink
from chatcomet.settings import BODY_BYTES, IDLE_SECONDS
from tests.unit.http.peer import PeerTransport
from tests.unit.http.running_sockets import KEY, SocketTestCase, keys_of, posting
from tests.unit.http.socket_peer import SocketPeer, text_frame


def _kept() -> int:
    """How much there is of sockets, garbage that was not found yet included."""
    return sum(type(each) in (SocketSink, Stream) for each in gc.get_objects())


class LimitTests(SocketTestCase):
    def test_what_is_no_text(self) -> None:
        for opcode, data, code in (
            (Opcode.BINARY, b"{}", 1003),
            (Opcode.TEXT, b'{"typing": "\xff"}', 1007),
            (Opcode.TEXT, b"hello", 1008),
            (Opcode.TEXT, b"", 1008),
            (Opcode.TEXT, b"[]", 1008),
            (Opcode.TEXT, b'{"a": NaN}', 1008),
            (Opcode.TEXT, b'{"a":' * 10_000, 1008),
            (Opcode.CONT, b"{}", 1002),
        ):
            peer = self.begun()
            peer.send(text_frame(data, opcode=opcode))
            self.assert_closes(peer, code)

    def test_what_is_no_websocket(self) -> None:
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x81\x02{}", b"\x83\x82aaaa{}", b"\xc1\x82aaaa{}"):
            peer = self.begun()
            peer.send(data)
            self.assert_closes(peer, 1002)

    def test_the_longest_message(self) -> None:
        peer = self.begun()
        start, end = b'{"post": {"key": "0123456789abcdef", "text": "hello"', b"}}"
        padded = start + b" " * (BODY_BYTES - len(start) - len(end)) + end
        peer.say_texts(padded)
        self.assertIn("posted", peer.hear()[-1])
        peer.send(text_frame(padded, fin=False), text_frame(b"", fin=True, opcode=Opcode.CONT))
        self.assertIn("posted", peer.hear()[-1])

    def test_a_longer_one_is_refused_by_its_header(self) -> None:
        peer = self.begun()
        peer.send(b"\x81\xff" + (BODY_BYTES + 1).to_bytes(8, "big") + b"mask")
        self.assertEqual(peer.closed_with, 1009)
        self.assert_hears_no_more(peer)

    def test_one_in_many_frames(self) -> None:
        peer = self.begun()
        peer.send(text_frame(b" " * 1_000, fin=False))
        for _ in range(BODY_BYTES // 1_000 - 1):
            peer.send(text_frame(b" " * 1_000, fin=False, opcode=Opcode.CONT), text_frame(b"", False, Opcode.CONT))
        self.assertTrue(peer.is_open)
        peer.send(text_frame(b" " * 1_000, fin=False, opcode=Opcode.CONT))
        self.assertEqual(peer.closed_with, 1009)
        self.assert_hears_no_more(peer)

    def assert_hears_no_more(self, peer: SocketPeer) -> None:
        """Nothing is kept of what is sent, and the end comes in a while."""
        for _ in range(10):
            peer.send(b" " * 100_000, text_frame(json.dumps(posting()).encode()))
        channel: Any = peer.protocol
        self.assertIsNone(channel._upgraded._incoming)
        self.clock.advance(LINGER_SECONDS - 0.1)
        self.assertFalse(peer.transport.aborted)
        self.clock.advance(0.1)
        self.assertTrue(peer.transport.aborted)
        self.assertEqual((self.texts(), peer.hear()), ([], []))

    def test_a_control_frame_without_end(self) -> None:
        peer = self.begun()
        peer.send(b"\x89\xff" + (1 << 40).to_bytes(8, "big") + b"mask")
        self.assertEqual(peer.closed_with, 1009)
        self.assert_hears_no_more(peer)


class LifeTests(SocketTestCase):
    def test_a_ping_is_answered(self) -> None:
        peer = self.begun()
        peer.send(text_frame(b"there?", opcode=Opcode.PING))
        peer.take_in()
        self.assertEqual([(frame.opcode, frame.data) for frame in peer.frames], [(Opcode.PONG, b"there?")])

    def test_who_answers_stays(self) -> None:
        peer = self.begun()
        for _ in range(int(3 * IDLE_SECONDS)):
            self.clock.advance(1)
            self.assertTrue(peer.is_open)
        self.assertGreater(len([1 for frame in peer.frames if frame.opcode is Opcode.PING]), 10)
        self.assertEqual(self.hub.waiting, 1)

    def test_nothing_is_kept_of_what_was_heard(self) -> None:
        peer = self.begun()
        channel: Any = peer.protocol
        for frame in (text_frame(b"", opcode=Opcode.PONG), text_frame(b'{"typing": true}')):
            peer.send(frame[:3])
            self.assertIsNotNone(channel._upgraded._incoming)
            peer.send(frame[3:])
            self.assertIsNone(channel._upgraded._incoming)

    def test_nothing_is_left_for_the_garbage_collector(self) -> None:
        gc.disable()
        try:
            before = _kept()
            peer = self.begun()
            self.assertEqual(_kept(), before + 2)
            peer.lose()
            self.assertEqual(_kept(), before)
        finally:
            gc.enable()

    def test_who_does_not_answer_is_cut_off(self) -> None:
        peer = self.begun()
        peer.answering = False
        self.clock.pump([1] * int(UNANSWERED * ALIVE_SECONDS + 1))
        self.assertFalse(peer.transport.aborted)
        self.clock.pump([1] * int(ALIVE_SECONDS + 1))
        self.assertTrue(peer.lost)
        self.assertEqual(self.hub.waiting, 0)

    def test_the_peer_closes(self) -> None:
        peer = self.begun()
        peer.send(text_frame((1001).to_bytes(2, "big"), opcode=Opcode.CLOSE))
        self.clock.advance(0)
        self.assertEqual((peer.closed_with, peer.lost, peer.transport.aborted), (1000, True, False))
        self.assertEqual(self.hub.waiting, 0)

    def test_the_peer_closes_within_a_message(self) -> None:
        peer = self.begun()
        peer.send(text_frame(b'{"typing": ', fin=False), text_frame(b"", opcode=Opcode.CLOSE))
        self.clock.advance(0)
        self.assertEqual((peer.closed_with, peer.lost, peer.transport.aborted), (1002, True, False))
        self.assertEqual((self.hub.waiting, self.texts()), (0, []))

    def test_the_peer_closes_and_takes_nothing(self) -> None:
        peer = self.begun()
        peer.transport.taking = False
        peer.send(text_frame(b"", opcode=Opcode.CLOSE))
        peer.send(b"x" * 1_000)
        self.clock.advance(LINGER_SECONDS)
        self.assertTrue(peer.transport.aborted)

    def test_the_peer_vanishes(self) -> None:
        peer = self.begun()
        peer.lose()
        self.assertEqual((self.hub.waiting, peer.protocol in self.site.channels), (0, False))
        self.add("hello")

    def test_the_server_stops(self) -> None:
        peers = [self.begun(), self.begun("?cursor=k3v9.0")]
        closed = self.site.close(1.5)
        self.hub.drain()
        self.assertEqual([peer.closed_with for peer in peers], [1012, 1012])
        self.clock.advance(0)
        self.successResultOf(closed)
        self.assertEqual([peer.transport.aborted for peer in peers], [False, False])

    def test_the_server_stops_and_the_peer_does_not_answer(self) -> None:
        peer = self.begun()
        peer.answering = False
        closed = self.site.close(1.5)
        self.hub.drain()
        self.assertEqual(peer.closed_with, 1012)
        self.clock.advance(1.5)
        self.clock.advance(0)
        self.successResultOf(closed)

    def test_the_server_stops_when_posts_are_answered(self) -> None:
        peer = self.begun()
        self.store.holding = True
        peer.say(posting())
        closed = self.site.close(1.5)
        self.hub.drain()
        self.assertIsNone(peer.closed_with)
        self.assertEqual(peer.transport.producerState, "paused")
        self.store.release()
        self.assertEqual(keys_of(peer.hear()), [KEY])
        self.clock.advance(0)
        self.assertEqual(peer.closed_with, 1012)
        self.successResultOf(closed)

    def test_a_fault_before_it_begins(self) -> None:
        self.patch(socket_module, "page_frame", lambda page: 1 / 0)
        peer = self.ask_for()
        self.assertEqual(peer.answer().status, 500)
        self.assertEqual((self.hub.waiting, len(self.flushLoggedErrors(ZeroDivisionError))), (0, 1))
        self.clock.advance(GRACE_SECONDS + 1)
        self.assertEqual(len(self.hub.room("lobby").roster), 0)

    def test_a_fault_as_it_begins(self) -> None:
        self.patch(Stream, "resumeProducing", lambda stream: 1 / 0)
        peer = self.ask_for()
        self.clock.advance(0)
        self.assertTrue(peer.lost)
        self.assertEqual((self.hub.waiting, len(self.flushLoggedErrors(ZeroDivisionError))), (0, 1))

    def test_a_socket_asked_for_while_the_server_stops(self) -> None:
        self.hub.drain()
        self.assertEqual(self.ask_for().closed_with, 1012)

    def test_a_store_that_cannot_be_read_any_more(self) -> None:
        self.add("hello")
        peer = self.begun()
        self.patch(self.hub, "wait", lambda *asked: False)
        self.patch(self.hub, "after", lambda *asked: fail(StoreUnavailable("gone", retry_after=7)))
        self.add("more")
        self.assertEqual(peer.closed_with, 1013)
        assert peer.spoken.close_rcvd is not None
        self.assertEqual(peer.spoken.close_rcvd.reason, "come again in 7 s")


class LimitWithoutLaneTests(LimitTests):
    plain_transport = PeerTransport


class LifeWithoutLaneTests(LifeTests):
    plain_transport = PeerTransport
