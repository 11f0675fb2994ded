"""What is plain is read as `HTTPChannel` reads it, and the rest is not."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.http.plain import MOST_BYTES, most_bytes, read_head, read_line, read_upgrade
from chatcomet.settings import DEFAULT_LIMITS, HEADER_BYTES, LINE_BYTES


class MostBytesTests(SynchronousTestCase):
    def test_of_the_usual_limits(self) -> None:
        self.assertEqual(most_bytes(DEFAULT_LIMITS), MOST_BYTES)

    def test_of_what_a_plain_request_could_break(self) -> None:
        for limits, most in (
            (replace(DEFAULT_LIMITS, line_bytes=8 * 1024 - 1), 8 * 1024 - 1),
            (replace(DEFAULT_LIMITS, header_bytes=12 * 1024 - 1), 12 * 1024 - 1),
            (replace(DEFAULT_LIMITS, header_bytes=12 * 1024), MOST_BYTES),
            (replace(DEFAULT_LIMITS, body_bytes=9_000), 9_000),
            (replace(DEFAULT_LIMITS, line_bytes=3_000, header_bytes=4_000, body_bytes=2_000), 2_000),
        ):
            self.assertEqual(most_bytes(limits), most, limits)


class LineTests(SynchronousTestCase):
    def test_of_polls_and_posts(self) -> None:
        line = read_line(b"GET /rooms/a.b_c-~9/messages?cursor=k3v9.0&limit=5 HTTP/1.1")
        assert line is not None
        self.assertEqual((line.method, line.path), (b"GET", "/rooms/a.b_c-~9/messages"))
        self.assertEqual(line.args, {b"cursor": [b"k3v9.0"], b"limit": [b"5"]})
        line = read_line(b"POST /chat/post HTTP/1.1")
        assert line is not None
        self.assertEqual((line.method, line.path, line.args), (b"POST", "/chat/post", {}))

    def test_arguments(self) -> None:
        for query, args in (
            (b"", {}),
            (b"a", {}),
            (b"a=", {b"a": [b""]}),
            (b"=b", {b"": [b"b"]}),
            (b"a=b=c", {b"a": [b"b=c"]}),
            (b"a=1&a=2&b=3&", {b"a": [b"1", b"2"], b"b": [b"3"]}),
            (b"&&at=x:k3v9.0", {b"at": [b"x:k3v9.0"]}),
        ):
            line = read_line(b"GET /poll?" + query + b" HTTP/1.1")
            assert line is not None
            self.assertEqual(line.args, args, query)

    def test_what_is_not_plain(self) -> None:
        for line in (
            *(
                b"",
                b"GET / HTTP/1.0",
                b"GET / HTTP/2.0",
                b"GET / http/1.1",
                b"GET / HTTP/1.1 ",
                b"GET / HTTP/1.1\n",
                b"GET /",
            ),
            *(b"get / HTTP/1.1", b"HEAD / HTTP/1.1", b"PUT / HTTP/1.1", b" GET / HTTP/1.1", b"\r\nGET / HTTP/1.1"),
            *(b"GET  / HTTP/1.1", b"GET /  HTTP/1.1", b"GET\t/ HTTP/1.1", b"GET x HTTP/1.1", b"GET * HTTP/1.1"),
            *(
                b"GET http://a/ HTTP/1.1",
                b"GET /%41 HTTP/1.1",
                b"GET /a+b HTTP/1.1",
                b"GET /a;b HTTP/1.1",
                b"GET /a#b HTTP/1.1",
            ),
            *(
                b"GET /?a+b HTTP/1.1",
                b"GET /?a;b HTTP/1.1",
                b"GET /?a%41 HTTP/1.1",
                b"GET /?a?b HTTP/1.1",
                b"GET /?? HTTP/1.1",
            ),
            *(
                b"GET /?a#b HTTP/1.1",
                b"GET /?a/b HTTP/1.1",
                b"GET /\xfc HTTP/1.1",
                b"GET /\x00 HTTP/1.1",
                b"GET /?\x7f HTTP/1.1",
            ),
        ):
            self.assertIsNone(read_line(line), line)

    def test_what_is_long(self) -> None:
        self.assertIsNotNone(read_line(b"GET /" + b"a" * 4_000 + b" HTTP/1.1"))
        self.assertIsNone(read_line(b"GET /" + b"a" * (LINE_BYTES - 14) + b" HTTP/1.1"))


class HeadTests(SynchronousTestCase):
    def test_of_a_browser(self) -> None:
        head = read_head(
            b"Host: chat.example\r\nX-EMPTY:\r\nX-Odd: \t a \t b \t\r\nCookie:a=b\xe9\r\nContent-Length: 007\r\n\r\n"
        )
        assert head is not None
        self.assertEqual(head.length, 7)
        self.assertEqual(head.headers[b"x-empty"], b"")
        self.assertEqual(head.headers[b"x-odd"], b"a \t b")
        self.assertEqual(
            (head.header("Host"), head.header("COOKIE"), head.header("X")), ("chat.example", "a=b\xe9", None)
        )

    def test_of_nothing(self) -> None:
        head = read_head(b"\r\n")
        assert head is not None
        self.assertEqual((head.headers, head.length), ({}, 0))

    def test_keep_alive(self) -> None:
        for value in (b"keep-alive", b"Keep-Alive", b" keep-alive\t"):
            self.assertIsNotNone(read_head(b"Connection:" + value + b"\r\n\r\n"), value)

    def test_without_its_end(self) -> None:
        whole = b"Host: x\r\nX: y\r\n\r\n"
        for at in range(len(whole)):
            self.assertIsNone(read_head(whole[:at]), whole[:at])

    def test_with_something_behind(self) -> None:
        for behind in (b"x", b"\r\n", b"GET / HTTP/1.1\r\n\r\n", b"X: y\r\n\r\n"):
            self.assertIsNone(read_head(b"Host: x\r\n\r\n" + behind), behind)

    def test_lines_that_are_none(self) -> None:
        for line in (
            *(b"no colon", b": nameless", b"X : y", b" X: y", b"\tX: y", b"X(: y", b"X\xe9: y", b"X\x00: y", b"\r"),
            *(
                b"X: \x00",
                b"X: a\rb",
                b"X: a\nb",
                b"X: y\r",
                b"X: \x7f",
                b"X: \x0b",
                b"X: a\r\n folded",
                b"X: a\r\n\tfolded",
            ),
        ):
            self.assertIsNone(read_head(b"Host: x\r\n" + line + b"\r\n\r\n"), line)
            self.assertIsNone(read_head(line + b"\r\nHost: x\r\n\r\n"), line)

    def test_what_stands_there_twice(self) -> None:
        for name in (b"Host", b"Cookie", b"Content-Length", b"Content-Type", b"X"):
            for again in (name, name.lower(), name.upper()):
                self.assertIsNone(read_head(name + b": 1\r\nA: b\r\n" + again + b": 1\r\n\r\n"), again)

    def test_what_asks_for_more_than_an_answer(self) -> None:
        for line in (
            *(
                b"Expect: 100-continue",
                b"Upgrade: websocket",
                b"TE: trailers",
                b"Trailer: X",
                b"Transfer-Encoding: chunked",
            ),
            *(b"Transfer-Encoding: identity", b"transfer-encoding:", b"Connection: close", b"Connection: Close"),
            *(b"Connection: keep-alive, close", b"Connection: upgrade", b"Connection:", b"connection: te"),
        ):
            self.assertIsNone(read_head(b"Host: x\r\n" + line + b"\r\n\r\n"), line)

    def test_lengths(self) -> None:
        for value, length in ((b"0", 0), (b"12", 12), (b"0012", 12)):
            head = read_head(b"Content-Length: " + value + b"\r\n\r\n")
            assert head is not None
            self.assertEqual(head.length, length)
        for value in (b"", b"+1", b"-1", b"1, 1", b"1 1", b"0x1", b"1.0", b"\xb2", b"1_0", b"9" * 7, b"9" * 5_000):
            self.assertIsNone(read_head(b"Content-Length: " + value + b"\r\n\r\n"), value)

    def test_what_the_other_lane_would_refuse_as_too_long(self) -> None:
        for length in (LINE_BYTES - len(b"X: ") + 1, HEADER_BYTES):
            self.assertIsNone(read_head(b"X: " + b"a" * length + b"\r\n\r\n"), length)
        self.assertIsNone(read_head(b"".join(b"X%d: y\r\n" % number for number in range(501)) + b"\r\n"))


class UpgradeTests(SynchronousTestCase):
    def test_another_protocol(self) -> None:
        for connection in (b"Upgrade", b"upgrade", b"keep-alive, Upgrade", b"Keep-Alive, upgrade"):
            head = read_upgrade(b"Upgrade: websocket\r\nConnection: " + connection + b"\r\nX: y\r\n\r\n")
            assert head is not None
            self.assertEqual((head.values("upgrade"), head.values("X"), head.values("Z")), (["websocket"], ["y"], []))

    def test_what_is_not_plain(self) -> None:
        for lines in (
            *(b"", b"Upgrade: websocket", b"Connection: Upgrade", b"Upgrade: websocket\r\nConnection: keep-alive"),
            *(
                b"Upgrade: websocket\r\nConnection: " + value
                for value in (b"close", b"close, Upgrade", b"Upgrade, close", b"Upgrade, TE", b"Upgrade close", b"")
            ),
            *(
                b"Upgrade: websocket\r\nConnection: Upgrade\r\n" + line
                for line in (b"Content-Length: 0", b"Transfer-Encoding: chunked", b"Expect: 100-continue", b"TE: x")
            ),
            *(
                b"Upgrade: websocket\r\nConnection: Upgrade\r\n" + line
                for line in (b"upgrade: h2c", b"X : y", b"X: \x00", b"no colon", b"\r\nx")
            ),
        ):
            self.assertIsNone(read_upgrade(b"Host: x\r\n" + lines + b"\r\n\r\n"), lines)
