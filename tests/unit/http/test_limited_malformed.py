"""What is no request, and connections that do not end as they should: nothing behind them is heard."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from chatcomet.http.limited import LINGER_SECONDS
from chatcomet.settings import IDLE_SECONDS
from tests.unit.http.refusals import CHUNKED, POST, SESSION, RefusalTestCase


class NoRequestTests(RefusalTestCase):
    """What is no HTTP, or might be taken for something else by somebody on the way."""

    def test_is_refused(self) -> None:
        length = b"Content-Length: 4\r\n"
        chunked = b"Transfer-Encoding: chunked\r\n"
        for lines in (
            *(b"\x16\x03\x01\x02", b"GET /\r\n", b"GET / HTTP/2.0\r\n", b"GET  / HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n"),
            *(
                b"GET / HTTP/1.1 x\r\n",
                b"G(T / HTTP/1.1\r\n",
                b"GET /\x00 HTTP/1.1\r\n",
                b"\r\n\r\n",
                b" GET / HTTP/1.1\r\n",
            ),
        ):
            peer = self.connect()
            peer.send(lines + b"\r\n\r\n" + POST)
            self.assert_refused(400, "malformed", peer)
        for lines in (
            *(
                length + chunked,
                chunked + length,
                length + length,
                chunked + chunked,
                length + b"Content-Length: 5\r\n",
            ),
            *(
                b"Content-Length: +4\r\n",
                b"Content-Length: -4\r\n",
                b"Content-Length: 4, 4\r\n",
                b"Content-Length: 0x4\r\n",
            ),
            *(b"Content-Length:\r\n", b"Content-Length: \xb2\r\n", b"Transfer-Encoding: gzip, chunked\r\n"),
            *(
                b"Transfer-Encoding: xchunked\r\n",
                b"Transfer-Encoding: chunked, identity\r\n",
                b"Content-Length : 4\r\n",
            ),
            *(
                b"X\x00: y\r\n",
                b"X: y\x00\r\n",
                b"no colon\r\n",
                b": nameless\r\n",
                b"X: a\nContent-Length: 4\r\n",
                b"X: a\rb\r\n",
            ),
        ):
            peer = self.connect()
            peer.send(b"POST /chat/post HTTP/1.1\r\nHost: chat.example\r\n" + lines + b"\r\n" + POST)
            self.assert_refused(400, "malformed", peer)

    def test_a_chunk_that_is_none(self) -> None:
        for data in (
            b"x\r\n",
            b"-1\r\n",
            b"0x1\r\n",
            b"1\r\nab\r\n",
            b"1 \r\n",
            b"+1\r\n",
            b"1;\x00\r\n",
            b"1" * 2_000,
        ):
            peer = self.connect()
            peer.send(CHUNKED + data + POST)
            self.assert_refused(400, "malformed", peer)

    def test_behind_a_good_one(self) -> None:
        self.peer.send(SESSION + b"\x16\x03\x01\r\n\r\n" + POST)
        first, second = self.peer.answers()
        self.assertEqual((first.status, second.status), (200, 400))
        self.peer.send(POST)
        self.assertEqual((self.peer.taken(), self.texts()), (b"", []))

    def test_what_begins_behind_it_gives_it_no_more_time(self) -> None:
        for behind in (b"G", b"GET / HTTP/1.1\r\nX"):
            self.peer = self.connect()
            self.peer.send(SESSION + b"\x16\x03\x01\r\n\r\n" + behind)
            self.peer.answers()
            self.clock.advance(LINGER_SECONDS)
            self.assertTrue(self.peer.transport.aborted)

    @settings(deadline=None)
    @given(st.binary(max_size=60), st.sampled_from([b"", b"GET ", b"GET / HTTP/1.1\r\n", CHUNKED, CHUNKED + b"1\r\n"]))
    def test_whatever_comes_is_answered_by_whole_answers(self, noise: bytes, begun: bytes) -> None:
        peer = self.connect()
        peer.send(begun + noise, b"\r\n\r\n")
        peer.answers()
        peer.lose()
        self.assertEqual((self.texts(), self.flushLoggedErrors()), ([], []))


class TlsTests(RefusalTestCase):
    """TLS ends in two steps, and the second is the peer's: it may never come."""

    def test_a_refusal(self) -> None:
        peer = self.connect(secure=True)
        peer.send(b"\x16\x03\x01\r\n\r\n")
        self.assertEqual(peer.answer().status, 400)
        self.assertTrue(peer.transport.disconnecting)
        peer.send(POST)
        self.clock.advance(LINGER_SECONDS)
        self.assertTrue(peer.transport.aborted)
        self.assertEqual((peer.taken(), self.texts()), (b"", []))

    def test_a_last_answer(self) -> None:
        peer = self.connect(secure=True)
        self.assertEqual(peer.ask("/session", Connection="close").headers["connection"], "close")
        self.assertTrue(peer.transport.disconnecting)
        peer.send(POST)
        self.clock.advance(IDLE_SECONDS)
        self.assertTrue(peer.transport.aborted)
        self.assertEqual((peer.taken(), self.texts()), (b"", []))
