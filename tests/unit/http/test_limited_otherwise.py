"""Limits that are not the usual ones, and hold all the same: for both lanes, for sockets, and over HTTP/2."""

from __future__ import annotations

import json

from h2.errors import ErrorCodes
from hyperframe.frame import HeadersFrame

from chatcomet.http.arrival import FRAME_BYTES
from chatcomet.http.limited import UNTAKEN_SECONDS
from chatcomet.settings import BODY_BYTES, ConnectionLimits, Settings
from tests.unit.http.peer import PeerTransport, asking
from tests.unit.http.refusals import FORM, POLL, SESSION, RefusalTestCase
from tests.unit.http.running_multiplexed import MultiplexedTestCase
from tests.unit.http.running_sockets import SocketTestCase
from tests.unit.http.socket_peer import text_frame

ROOM = "/rooms/lobby/messages"
JSON = "application/json"
SMALL = Settings(store="memory:", connections=ConnectionLimits(300, 1_000, 500, 3.0, 5.0, 7.0))
LARGE = Settings(store="memory:", connections=ConnectionLimits(20_000, 60_000, 200_000, 30.0, 90.0, 200.0))


def posting(length: int) -> bytes:
    """A post whose body has this length."""
    body = json.dumps({"text": "hello"}).encode()
    return asking(ROOM, "POST", body + b" " * (length - len(body)), Content_Type=JSON)


class SmallTests(RefusalTestCase):
    settings = SMALL

    def test_a_first_line(self) -> None:
        poll = f"{ROOM}?cursor=k3v9.0&wait=0&x="
        pad = "a" * (300 - len(f"GET {poll} HTTP/1.1"))
        self.assertEqual(self.peer.ask(poll + pad).status, 200)
        self.peer.send(asking(poll + pad + "a"))
        self.assert_refused(414, "uri-too-long")

    def test_a_header_line(self) -> None:
        self.assertEqual(self.peer.ask(f"{ROOM}?cursor=k3v9.0&wait=0", X="a" * 297).status, 200)
        self.peer.send(asking(f"{ROOM}?cursor=k3v9.0&wait=0", X="a" * 298))
        self.assert_refused(431, "header-too-long")

    def test_a_header(self) -> None:
        lines = {f"X{number}": "a" * 200 for number in range(4)}
        self.assertEqual(self.peer.ask(f"{ROOM}?cursor=k3v9.0&wait=0", "GET", b"", **lines).status, 200)
        self.peer.send(asking(f"{ROOM}?cursor=k3v9.0&wait=0", "GET", b"", **lines, Y="a" * 200))
        self.assert_refused(431, "header-too-long")

    def test_a_body(self) -> None:
        self.peer.send(posting(501))
        self.assert_refused(413, "too-long")
        peer = self.connect()
        peer.send(posting(500))
        self.assertEqual(peer.answer().status, 201)

    def test_a_body_of_a_form(self) -> None:
        self.peer.send(asking("/chat/post", "POST", b"message=" + b"a" * 493, Content_Type=FORM))
        self.assert_refused(413, "too-long")

    def test_a_refusal_says_what_holds(self) -> None:
        self.peer.send(posting(501))
        answer = self.peer.answer()
        self.assertEqual(answer.json["detail"], "a body has 500 bytes at most")
        self.assertNotIn("retry-after", answer.headers)

    def test_a_slow_header(self) -> None:
        self.assertEqual(self.drip([b"G"] * 20), 3)
        self.assert_refused(408, "too-slow")

    def test_a_slow_body(self) -> None:
        self.peer.send(b"POST /chat/post HTTP/1.1\r\nContent-Length: 100\r\n\r\n")
        self.assertEqual(self.drip([b"a"] * 20), 5)
        self.assert_refused(408, "too-slow")

    def assert_idle_for(self, seconds: float) -> None:
        self.clock.advance(seconds - 0.1)
        self.assertFalse(self.peer.ended)
        self.clock.advance(0.1)
        self.assertTrue(self.peer.transport.disconnecting)

    def test_idle_from_the_beginning(self) -> None:
        self.assert_idle_for(7)

    def test_idle_after_an_answer(self) -> None:
        self.clock.advance(5)
        self.peer.ask("/session")
        self.assert_idle_for(7)

    def test_idle_after_a_poll(self) -> None:
        self.peer.send(POLL)
        self.clock.advance(20)
        self.hub.drain()
        self.assertEqual(self.peer.answer().status, 200)
        self.assert_idle_for(7)

    def test_an_answer_that_is_not_taken(self) -> None:
        self.add(*["x" * 4_000] * 40)
        self.peer.transport.take(False)
        self.peer.send(asking(f"{ROOM}?cursor=k3v9.0"))
        self.clock.advance(7)
        self.clock.advance(UNTAKEN_SECONDS - 0.1)
        self.assertFalse(self.peer.transport.aborted)
        self.clock.advance(0.1)
        self.assertTrue(self.peer.transport.aborted)


class SmallWithoutLaneTests(SmallTests):
    plain_transport = PeerTransport


class LargeTests(RefusalTestCase):
    settings = LARGE

    def test_what_would_be_too_long_elsewhere(self) -> None:
        self.assertEqual(self.peer.ask("/session?" + "a" * 19_000).status, 200)
        self.assertEqual(self.peer.ask("/session", X="a" * 19_000, Y="a" * 19_000).status, 200)
        self.peer.send(posting(200_000))
        self.assertEqual(self.peer.answer().status, 201)

    def test_what_is(self) -> None:
        for request, status, problem in (
            (asking("/session?" + "a" * 20_000), 414, "uri-too-long"),
            (asking("/session", X="a" * 20_000), 431, "header-too-long"),
            (
                asking("/session", "GET", b"", **{f"X{number}": "a" * 19_000 for number in range(4)}),
                431,
                "header-too-long",
            ),
            (asking("/session", "POST", b"a" * 200_001), 413, "too-long"),
        ):
            peer = self.connect()
            peer.send(request)
            answer = peer.answer()
            self.assertEqual((answer.status, answer.problem), (status, problem))

    def test_what_would_be_too_slow(self) -> None:
        self.clock.advance(199)
        self.peer.send(SESSION[:5])
        self.clock.advance(29)
        self.peer.send(SESSION[5:])
        self.assertEqual(self.peer.answer().status, 200)
        request = posting(100)
        self.peer.send(request[:-50])
        self.clock.advance(89)
        self.peer.send(request[-50:])
        self.assertEqual(self.peer.answer().status, 201)


class LargeWithoutLaneTests(LargeTests):
    plain_transport = PeerTransport


class SocketTests(SocketTestCase):
    settings = SMALL

    def test_a_message(self) -> None:
        peer = self.begun()
        start, end = b'{"post": {"key": "0123456789abcdef", "text": "hello"', b"}}"
        peer.say_texts(start + b" " * (500 - len(start) - len(end)) + end)
        self.assertIn("posted", peer.hear()[-1])
        peer.send(text_frame(b" " * 501))
        self.assertEqual(peer.closed_with, 1009)


class MultiplexedTests(MultiplexedTestCase):
    settings = SMALL

    def assert_refused(self, number: int, status: int, problem: str) -> None:
        answer = self.peer.heard[number].answer
        self.assertEqual((answer.status, answer.problem), (status, problem))
        self.assertEqual(self.peer.ask("/session").status, 200)

    def test_what_is_too_long(self) -> None:
        self.assertEqual(self.peer.ask("/" + "a" * 299).status, 404)
        self.assert_refused(self.peer.begin("/" + "a" * 300), 414, "uri-too-long")
        self.assert_refused(self.peer.begin("/session", X="a" * 300), 431, "header-too-long")
        lines = {f"x{number}": "a" * 250 for number in range(4)}
        self.assert_refused(self.peer.begin("/session", "GET", True, **lines), 431, "header-too-long")
        self.assert_refused(self.peer.begin(ROOM, "POST", False, Content_Length="501"), 413, "too-long")

    def test_a_header_too_long_in_all_its_frames(self) -> None:
        self.poll()
        self.peer.send(HeadersFrame(3, b"\x00" * FRAME_BYTES).serialize())
        more = FRAME_BYTES.to_bytes(3, "big") + b"\x09\x00\x00\x00\x00\x03" + b"\x00" * FRAME_BYTES
        self.peer.send(more)
        self.assertFalse(self.peer.ended)
        self.peer.send(more[:9])
        self.peer.hear()
        self.assertEqual(self.peer.goodbye, ErrorCodes.FRAME_SIZE_ERROR)

    def test_a_slow_body(self) -> None:
        number = self.peer.begin(ROOM, "POST", False, Content_Type=FORM)
        self.pass_time(5.25)
        self.assert_refused(number, 408, "too-slow")

    def test_a_slow_frame(self) -> None:
        self.poll()
        self.peer.send(b"\x00")
        self.pass_time(2.75)
        self.assertFalse(self.peer.ended)
        self.pass_time(0.5)
        self.assertTrue(self.peer.ended)

    def test_idle(self) -> None:
        self.peer.ask("/session")
        self.pass_time(6.75)
        self.assertFalse(self.peer.ended)
        self.pass_time(0.5)
        self.assertTrue(self.peer.ended)


class LargeMultiplexedTests(MultiplexedTestCase):
    settings = LARGE

    def test_what_would_be_too_long_elsewhere(self) -> None:
        self.assertEqual(self.peer.ask("/session?" + "a" * 19_000).status, 200)
        lines = {f"x{number}": "a" * 19_000 for number in range(3)}
        self.assertEqual(self.peer.ask("/session", "GET", b"", **lines).status, 200)
        body = json.dumps({"text": "hello"}).encode()
        answer = self.peer.ask(ROOM, "POST", body + b" " * (2 * BODY_BYTES), Content_Type=JSON)
        self.assertEqual(answer.status, 201)


class LargestMultiplexedTests(MultiplexedTestCase):
    settings = Settings(store="memory:", connections=ConnectionLimits(header_bytes=131_072))

    def test_a_header_as_long_as_may_be(self) -> None:
        lines = {f"x{number:02}": "a" * 8_000 for number in range(16)}
        self.assertEqual(self.peer.ask("/session", "GET", b"", **lines).status, 200)
        self.assertEqual(self.peer.ask("/session", "GET", b"", **lines, more="a" * 8_000).status, 431)
        self.assertIsNone(self.peer.goodbye)
