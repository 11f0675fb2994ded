"""Requests that are too long or too slow: refused before they are read, and nothing is heard after that."""

from __future__ import annotations

from twisted.logger import capturedLogs

from chatcomet.core.roster import GRACE_SECONDS
from chatcomet.http.limited import HEADERS
from chatcomet.settings import BODY_BYTES, BODY_SECONDS, HEADER_BYTES, HEADER_SECONDS, IDLE_SECONDS, LINE_BYTES
from tests.unit.http.peer import Peer, PeerTransport, SecureTransport, asking
from tests.unit.http.refusals import CHUNKED, FORM, POLL, POST, SESSION, RefusalTestCase, chunk
from tests.unit.http.running_edge import EdgeTestCase


class LengthTests(RefusalTestCase):
    def test_a_first_line(self) -> None:
        room = "a" * (LINE_BYTES - len("GET / HTTP/1.1"))
        self.assertEqual(self.peer.ask(f"/{room}").status, 404)
        self.peer.send(f"GET /{room}a HTTP/1.1\r\n\r\n".encode())
        self.assert_refused(414, "uri-too-long")

    def test_a_first_line_without_end(self) -> None:
        self.peer.send(*[b"a" * 1_000] * 20)
        self.assert_refused(414, "uri-too-long")

    def test_a_header_line(self) -> None:
        self.assertEqual(self.peer.ask("/session", X="a" * (LINE_BYTES - len("X: "))).status, 200)
        self.peer.send(asking("/session", X="a" * LINE_BYTES))
        self.assert_refused(431, "header-too-long")

    def test_a_header_line_without_end(self) -> None:
        self.peer.send(b"GET / HTTP/1.1\r\n", *[b"a" * 1_000] * 20)
        self.assert_refused(431, "header-too-long")

    def test_a_header(self) -> None:
        lines = [f"X{number}: ".ljust(1_000, "a") for number in range(HEADER_BYTES // 1_000)]
        request = "\r\n".join(["GET /session HTTP/1.1", "Host: chat.example", *lines]).encode()
        self.peer.send(request + b"\r\n\r\n")
        self.assertEqual(self.peer.answer().status, 200)
        self.peer.send(request + b"\r\nX: " + b"a" * 1_000 + b"\r\n\r\n")
        self.assert_refused(431, "header-too-long")

    def test_a_header_of_one_line_in_many(self) -> None:
        self.peer.send(b"GET / HTTP/1.1\r\nX: a\r\n", b" a\r\n" * 20_000)
        self.assert_refused(431, "header-too-long")

    def test_header_lines_without_end(self) -> None:
        for lines in (b"X:\r\n" * (HEADERS + 1) + b"\r\n", b"X:\r\n" * 2_000):
            peer = self.connect()
            peer.send(b"GET / HTTP/1.1\r\n", lines)
            self.assert_refused(431, "header-too-long", peer)

    def test_header_lines_that_just_fit(self) -> None:
        self.peer.send(b"GET /session HTTP/1.1\r\nHost: chat.example\r\n", b"X:\r\n" * (HEADERS - 1), b"\r\n")
        self.assertEqual(self.peer.answer().status, 200)

    def test_a_body_that_just_fits(self) -> None:
        body = b"message=" + b"%61" * 4_000
        body += b"&x=" + b"a" * (BODY_BYTES - len(body) - 3)
        for request in (asking("/chat/post", "POST", body, Content_Type=FORM), CHUNKED + chunk(body) + chunk(b"")):
            peer = self.connect()
            peer.send(request)
            self.assertEqual(peer.answer().status, 400)  # it was read, and has two fields

    def test_a_body_that_says_it_is_too_long_is_refused_before_it_comes(self) -> None:
        self.peer.send(b"POST /chat/post HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES + 1))
        self.assert_refused(413, "too-long")

    def test_however_long(self) -> None:
        self.peer.send(b"POST /chat/post HTTP/1.1\r\nContent-Length: " + b"9" * 4_000 + b"\r\n\r\n")
        self.assert_refused(413, "too-long")

    def test_a_length_that_is_too_long_itself(self) -> None:
        for more in (b"", b"Host: x\r\n"):
            peer = self.connect()
            peer.send(b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5_000 + b"\r\n" + more + b"\r\n")
            self.assert_refused(400, "malformed", peer)

    def test_a_chunked_body(self) -> None:
        self.peer.send(CHUNKED, chunk(b"message=") * 8_192)
        self.assertEqual(self.peer.taken(), b"")
        self.peer.send(chunk(b"a"))
        self.assert_refused(413, "too-long")

    def test_a_chunk_that_says_it_is_too_long(self) -> None:
        self.peer.send(CHUNKED, b"f" * 500 + b"\r\n", b"a" * BODY_BYTES)
        self.assertEqual(self.peer.taken(), b"")
        self.peer.send(b"a")
        self.assert_refused(413, "too-long")

    def test_what_came_before_the_refusal_is_not_taken_for_the_whole(self) -> None:
        begun = CHUNKED + chunk(b"message=begun")
        rest = chunk(b"a" * BODY_BYTES)
        for parts in ([begun + rest + chunk(b"")], [begun, rest + chunk(b"") + POST], [begun, rest + rest, chunk(b"")]):
            peer = self.connect()
            peer.send(*parts)
            self.assert_refused(413, "too-long", peer)


class ExpectTests(RefusalTestCase):
    def test_a_body_that_fits_is_welcome(self) -> None:
        lines = b"Host: chat.example\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"
        self.peer.send(b"POST /chat/post HTTP/1.1\r\n" + lines)
        self.assertEqual(self.peer.taken(), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.peer.send(b"message=a")
        self.assertEqual(self.peer.answer().status, 415)

    def test_one_that_does_not_is_not(self) -> None:
        self.peer.send(b"POST /chat/post HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 65537\r\n\r\n")
        self.assert_refused(413, "too-long")


class TimeTests(RefusalTestCase):
    def test_a_slow_first_line(self) -> None:
        self.assertEqual(self.drip([b"G", b"E"] * 20), HEADER_SECONDS)
        self.assert_refused(408, "too-slow")

    def test_a_slow_header(self) -> None:
        self.peer.send(b"GET / HTTP/1.1\r\n")
        self.assertEqual(self.drip([b"X: y\r\n"] * 20), HEADER_SECONDS)
        self.assert_refused(408, "too-slow")

    def test_a_slow_header_after_another_request(self) -> None:
        self.peer.ask("/session")
        self.assertEqual(self.drip([b"G"] * 20), HEADER_SECONDS)
        self.assert_refused(408, "too-slow")

    def test_a_slow_header_that_began_behind_another_request(self) -> None:
        for begun in (b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nX: y"):
            self.peer = self.connect()
            self.peer.send(SESSION + begun)
            self.assertEqual(self.peer.answer().status, 200)
            self.clock.advance(HEADER_SECONDS - 3)
            self.assertEqual(self.drip([b"a"] * 20), 3)
            self.assert_refused(408, "too-slow")

    def test_a_slow_header_that_began_behind_a_suspended_one(self) -> None:
        self.peer.send(POLL, b"GET /")
        self.clock.advance(20)
        self.hub.drain()
        self.assertEqual(self.peer.answer().status, 200)
        self.clock.advance(HEADER_SECONDS - 3)
        self.assertEqual(self.drip([b"a"] * 20), 3)
        self.assert_refused(408, "too-slow")

    def test_a_slow_body(self) -> None:
        self.peer.send(b"POST /chat/post HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
        self.assertEqual(self.drip([b"a"] * 100), BODY_SECONDS)
        self.assert_refused(408, "too-slow")

    def test_a_slow_chunked_body(self) -> None:
        self.peer.send(CHUNKED)
        self.assertEqual(self.drip([chunk(b"a")] * 100), BODY_SECONDS)
        self.assert_refused(408, "too-slow")

    def test_a_slow_trailer(self) -> None:
        self.peer.send(CHUNKED, b"0\r\n")
        self.assertEqual(self.drip([b"X: y\r\n"] * 100), BODY_SECONDS)
        self.assert_refused(408, "too-slow")

    def test_a_request_after_a_slow_one_has_its_own_time(self) -> None:
        for _ in range(3):
            self.peer.send(b"GET /session HTTP/1.1\r\nHost: chat.example\r\n")
            self.clock.advance(HEADER_SECONDS - 0.1)
            self.peer.send(b"\r\n")
            self.assertEqual(self.peer.answer().status, 200)
            self.peer.send(b"POST /chat/post HTTP/1.1\r\nHost: chat.example\r\nContent-Length: 2\r\n\r\n")
            self.clock.advance(BODY_SECONDS - 0.1)
            self.peer.send(b"xy")
            self.assertEqual(self.peer.answer().status, 415)
            self.clock.advance(IDLE_SECONDS - 0.1)
        self.assertFalse(self.peer.ended)

    def test_a_suspended_poll_has_all_its_time(self) -> None:
        for _ in range(5):
            self.peer.send(POLL)
            self.clock.advance(24.9)
            self.assertEqual(self.peer.taken(), b"")
            self.clock.advance(0.35)
            self.assertEqual(self.peer.answer().status, 200)
        self.assertFalse(self.peer.ended)

    def test_a_slow_store_has_all_its_time(self) -> None:
        self.store.holding = True
        self.peer.send(POST)
        self.clock.advance(1_000)
        self.store.release()
        self.assertEqual(self.peer.answer().status, 200)


class TimeWithoutLaneTests(TimeTests):
    plain_transport = PeerTransport


class IdleTests(RefusalTestCase):
    def assert_closed_after(self, seconds: float) -> None:
        self.clock.advance(seconds - 0.1)
        self.assertFalse(self.peer.ended)
        self.clock.advance(0.1)
        self.assertTrue(self.peer.transport.disconnecting)
        self.assertEqual(self.peer.taken(), b"")

    def test_from_the_beginning(self) -> None:
        self.assert_closed_after(IDLE_SECONDS)

    def test_is_nothing_to_log(self) -> None:
        with capturedLogs() as events:
            self.assert_closed_after(IDLE_SECONDS)
        self.assertEqual(events, [])

    def test_after_an_answer(self) -> None:
        self.clock.advance(50)
        self.peer.ask("/session")
        self.assert_closed_after(IDLE_SECONDS)

    def test_after_a_suspended_poll(self) -> None:
        self.peer.send(POLL)
        self.clock.advance(20)
        self.hub.drain()
        self.peer.answers()
        self.assert_closed_after(IDLE_SECONDS)

    def test_a_peer_that_does_not_notice_is_cut(self) -> None:
        self.peer = self.connect(secure=True)
        self.assert_closed_after(IDLE_SECONDS)
        self.peer.send(POST)
        self.clock.advance(15)
        self.assertTrue(self.peer.transport.aborted)
        self.assertEqual((self.peer.taken(), self.texts()), (b"", []))

    def test_nothing_is_scheduled_for_a_connection_that_has_gone(self) -> None:
        beginnings = [b"", b"G", b"GET / HTTP/1.1\r\n", SESSION, POLL, b"\x00\r\n\r\n", asking("/", Connection="close")]
        self.peer.lose()
        scheduled = len(self.clock.getDelayedCalls())
        for sent in [*beginnings, CHUNKED + chunk(b"a" * BODY_BYTES) * 3]:
            peer = self.connect(secure=True)
            peer.send(sent)
            peer.lose()
            self.hub.drain()
            self.clock.advance(GRACE_SECONDS)
            self.assertLessEqual(len(self.clock.getDelayedCalls()), scheduled + 1, sent)  # rooms are swept
        self.clock.advance(1_000)


class HandshakeTests(EdgeTestCase):
    """TLS is agreed on in so many seconds; until then no request can have come."""

    def shaking(self) -> Peer:
        """A peer that has not completed its handshake."""
        transport = SecureTransport(self.clock)
        transport.agrees = False
        return Peer(self.site, self.clock, transport)

    def test_it_has_its_time(self) -> None:
        peer = self.shaking()
        with capturedLogs() as events:
            self.clock.advance(HEADER_SECONDS - 0.1)
            self.assertFalse(peer.transport.aborted)
            self.clock.advance(0.1)
        self.assertTrue(peer.transport.aborted)
        self.assertEqual((peer.taken(), events), (b"", []))

    def test_then_the_connection_is_idle(self) -> None:
        peer = self.shaking()
        self.clock.advance(HEADER_SECONDS - 1)
        peer.protocol.handshakeCompleted()
        self.clock.advance(IDLE_SECONDS - 0.1)
        self.assertFalse(peer.ended)
        self.clock.advance(0.1)
        self.assertTrue(peer.transport.disconnecting)
        self.assertFalse(peer.transport.aborted, "it is told of the end")

    def test_and_what_is_asked_has_its_time(self) -> None:
        peer = self.shaking()
        self.clock.advance(HEADER_SECONDS - 1)
        peer.protocol.handshakeCompleted()
        peer.send(SESSION[:9])
        self.clock.advance(HEADER_SECONDS - 1)
        peer.send(SESSION[9:])
        self.assertEqual(peer.answer().status, 200)

    def test_who_asks_has_completed_it(self) -> None:
        """Where something lies between TLS and us, such as what reads the PROXY protocol, nobody else says so."""
        peer = self.shaking()
        self.assertEqual(peer.ask("/session").status, 200)
        self.clock.advance(IDLE_SECONDS)
        self.assertEqual((peer.transport.disconnecting, peer.transport.aborted), (True, False))

    def test_one_that_completes_it_when_the_server_stops_is_ended(self) -> None:
        peer = self.shaking()
        self.site.close(60.0)
        peer.protocol.handshakeCompleted()
        self.clock.advance(HEADER_SECONDS)
        self.assertTrue(peer.ended)


class IdleWithoutLaneTests(IdleTests):
    plain_transport = PeerTransport
