"""Multiplexed: what is too much, or too slow, on one connection, and how it ends then."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hyperframe.frame import HeadersFrame, PingFrame, WindowUpdateFrame

from chatcomet.http.arrival import FRAME_BYTES, MORE_BYTES
from chatcomet.http.deadlines import NEVER
from chatcomet.http.limited import UNTAKEN_SECONDS
from chatcomet.http.multiplexed import (
    HELD_BYTES,
    RESETS,
    Multiplexed,
)
from chatcomet.http.spoken import EXCHANGES, TABLE_BYTES
from chatcomet.settings import BODY_SECONDS, HEADER_BYTES, HEADER_SECONDS, IDLE_SECONDS, Settings
from tests.unit.http.multiplexed_peer import MultiplexedPeer, NegotiatedTransport
from tests.unit.http.peer import Peer
from tests.unit.http.running_multiplexed import MultiplexedTestCase


class LimitTests(MultiplexedTestCase):
    settings = replace(Settings(store="memory:"), hold_seconds=200.0)

    def assert_ended(self, error: ErrorCodes, peer: MultiplexedPeer | None = None) -> None:
        """The server has said goodbye, and forgotten all that waited."""
        peer = peer or self.peer
        peer.hear()
        self.assertEqual(peer.goodbye, error)
        self.assertTrue(peer.transport.disconnecting)
        self.assertEqual(self.hub.waiting, 0)
        peer.lose()

    def test_too_many_at_once(self) -> None:
        for _ in range(EXCHANGES):
            self.poll()
        self.peer.spoken.remote_settings.acknowledge()
        self.peer.spoken.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = EXCHANGES + 1
        self.peer.spoken.remote_settings.acknowledge()
        self.poll()
        self.assert_ended(ErrorCodes.PROTOCOL_ERROR)

    def test_an_idle_connection(self) -> None:
        self.peer.ask("/session")
        self.pass_time(IDLE_SECONDS - 0.5)
        self.assertFalse(self.peer.ended)
        self.pass_time(0.5)
        self.assert_ended(ErrorCodes.NO_ERROR)

    def test_one_that_does_not_answer_the_end(self) -> None:
        self.pass_time(IDLE_SECONDS + 0.25)
        self.assertTrue(self.peer.transport.disconnecting)
        self.pass_time(UNTAKEN_SECONDS)
        self.assertTrue(self.peer.transport.aborted)

    def test_pings_are_no_use_of_it(self) -> None:
        for _ in range(75):
            self.peer.spoken.ping(b"12345678")
            self.peer.flush()
            self.pass_time(1)
        self.pass_time(0.25)
        self.assert_ended(ErrorCodes.NO_ERROR)

    def test_one_with_something_suspended_is_not_idle(self) -> None:
        poll = self.poll()
        self.pass_time(150)
        self.assertFalse(self.peer.ended)
        self.tell("hello")
        self.assertEqual(poll.answer.json["messages"][0]["text"], "hello")
        self.pass_time(IDLE_SECONDS - 0.5)
        self.assertFalse(self.peer.ended)
        self.pass_time(0.75)
        self.assert_ended(ErrorCodes.NO_ERROR)

    def test_one_with_a_part_of_a_body_has_to_go_on(self) -> None:
        """So it may be cut where there are too many connections; but not sooner for what was before."""
        (mux,) = self.site.channels
        self.pass_time(70)
        number = self.peer.begin("/chat/post", "POST", False)
        self.assertEqual(mux.deadline, self.clock.seconds() + IDLE_SECONDS)
        self.pass_time(BODY_SECONDS + 0.25)
        self.assertEqual(self.peer.heard[number].answer.status, 408)
        self.poll()
        self.assertEqual(mux.deadline, NEVER)

    def test_a_quiet_stream_is_not_idle(self) -> None:
        follow = self.follow()
        self.pass_time(200)
        self.assertGreater(follow.body.count(b": alive"), 10)
        self.tell("hello")
        self.assertIn(b"hello", follow.body)

    def test_a_frame_that_comes_byte_by_byte(self) -> None:
        self.poll()
        for byte in PingFrame(0, b"12345678").serialize()[:-1]:
            self.peer.send(bytes([byte]))
            self.pass_time(0.5)
        self.assertFalse(self.peer.ended)
        self.pass_time(HEADER_SECONDS - 7.75)
        self.assert_ended(ErrorCodes.NO_ERROR)

    def test_a_header_that_comes_frame_by_frame(self) -> None:
        self.poll()
        self.peer.send(HeadersFrame(3, b"").serialize())
        for _ in range(9):
            self.pass_time(1)
            self.peer.send(b"\x00\x00\x00\x09\x00\x00\x00\x00\x03")
        self.assertFalse(self.peer.ended)
        self.pass_time(1.25)
        self.assert_ended(ErrorCodes.NO_ERROR)

    def test_frames_whose_ends_never_come_together(self) -> None:
        """Whoever says much is cut anywhere; as long as it goes on, nothing is late."""
        self.poll()
        ping = PingFrame(0, b"12345678").serialize()
        self.peer.send(ping[:5])
        for _ in range(30):
            self.pass_time(1)
            self.peer.send(ping[5:] + ping[:5])
        self.assertFalse(self.peer.ended)

    def test_a_frame_too_long_is_refused_when_it_says_so(self) -> None:
        self.poll()
        self.peer.send((FRAME_BYTES + 1).to_bytes(3, "big") + b"\x00\x00\x00\x00\x00\x01")
        self.assert_ended(ErrorCodes.FRAME_SIZE_ERROR)

    def test_a_header_too_long_in_all_its_frames(self) -> None:
        self.poll()
        self.peer.send(HeadersFrame(3, b"\x00" * FRAME_BYTES).serialize())
        more = FRAME_BYTES.to_bytes(3, "big") + b"\x09\x00\x00\x00\x00\x03" + b"\x00" * FRAME_BYTES
        for _ in range((HEADER_BYTES + MORE_BYTES) // FRAME_BYTES - 1):
            self.peer.send(more)
            self.assertFalse(self.peer.ended)
        self.peer.send(more[:9])
        self.assert_ended(ErrorCodes.FRAME_SIZE_ERROR)

    def test_what_is_no_http_2(self) -> None:
        for said in (b"GET / HTTP/1.1\r\n\r\n" * 3, b"\x16\x03\x01" + b"\x00" * 30):
            peer = Peer(self.site, self.clock, NegotiatedTransport(self.clock))
            peer.send(said)
            self.assertTrue(peer.ended)
            peer.lose()
        self.poll()
        self.peer.send(WindowUpdateFrame(0, 2**31 - 1).serialize() * 2)
        self.assert_ended(ErrorCodes.FLOW_CONTROL_ERROR)

    def test_a_peer_that_says_goodbye(self) -> None:
        self.poll()
        self.peer.spoken.close_connection()
        self.peer.flush()
        self.assertEqual(self.hub.waiting, 0)
        self.assertTrue(self.peer.ended)

    def test_who_asks_and_takes_it_back(self) -> None:
        for _ in range(RESETS.burst):
            self.poll()
            self.peer.reset(max(self.peer.heard))
        self.assertFalse(self.peer.ended)
        self.pass_time(1)
        for _ in range(int(RESETS.per_second)):
            self.poll()
            self.peer.reset(max(self.peer.heard))
        self.assertFalse(self.peer.ended)
        with patch.object(self.peer, "flush"):
            last = self.poll()
            self.poll()
            self.peer.reset(max(self.peer.heard))
            self.peer.begin("/session")
        self.peer.flush()
        self.assertEqual(last.status, 0)
        self.assert_ended(ErrorCodes.ENHANCE_YOUR_CALM)

    def test_who_makes_the_server_take_it_back(self) -> None:
        """A window that is opened too far is an error of that stream alone."""
        for _ in range(RESETS.burst):
            self.poll()
            self.peer.send(WindowUpdateFrame(max(self.peer.heard), 2**31 - 1).serialize())
        self.assertFalse(self.peer.ended)
        self.poll()
        self.peer.send(WindowUpdateFrame(max(self.peer.heard), 2**31 - 1).serialize())
        self.assert_ended(ErrorCodes.ENHANCE_YOUR_CALM)

    def test_bodies_of_which_none_is_complete(self) -> None:
        numbers = []
        for _ in range(16):
            numbers.append(self.peer.begin("/rooms/lobby/messages", "POST", False))
            self.peer.body(numbers[-1], b"x" * 65_000, ends=False)
        self.assertEqual([self.peer.heard[number].reset for number in numbers], [None] * 16)
        last = self.peer.begin("/rooms/lobby/messages", "POST", False)
        self.peer.body(last, b"x" * (HELD_BYTES - 16 * 65_000), ends=False)
        self.assertIsNone(self.peer.heard[last].reset)
        self.peer.body(last, b"x", ends=False)
        self.assertEqual(self.peer.heard[last].reset, ErrorCodes.REFUSED_STREAM)
        self.peer.body(numbers[0], b"x")
        self.assertEqual(self.peer.heard[numbers[0]].status, 415)

    def test_a_table_as_large_as_the_peer_likes(self) -> None:
        self.peer.spoken.update_settings({SettingCodes.HEADER_TABLE_SIZE: 2**30})
        self.peer.flush()
        for number in range(100):
            self.peer.ask(f"/chat/{number:08}{'x' * 1_000}")
        (mux,) = self.site.channels
        assert isinstance(mux, Multiplexed)
        self.assertLessEqual(mux._spoken.encoder.header_table_size, TABLE_BYTES)
