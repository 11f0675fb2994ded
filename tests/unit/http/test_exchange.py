"""Exchange: a request over HTTP/2 is answered as it would be over HTTP/1.1, and has the same limits."""

from __future__ import annotations

import json
from dataclasses import replace

from h2.errors import ErrorCodes

from chatcomet.http.limited import HEADERS, LINGER_SECONDS
from chatcomet.settings import BODY_BYTES, BODY_SECONDS, HEADER_BYTES, LINE_BYTES, Settings
from tests.unit.http.multiplexed_peer import HOST, Heard
from tests.unit.http.peer import Answer, asking
from tests.unit.http.running_multiplexed import MultiplexedTestCase

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
FRIEND = "https://friend.example"
ROOM = "/rooms/lobby/messages"
ASKED: list[tuple[str, str, bytes, dict[str, str]]] = [
    *(
        (target, "GET", b"", {})
        for target in ("/", "/session", ROOM, "/rooms", "/openapi.yaml", "/chat/get/0", "/chat")
    ),
    *((target, "GET", b"", {}) for target in ("/nowhere", f"{ROOM}?cursor=x", f"{ROOM}?cursor=other.0", "/chat")),
    ("/chat/get/9", "GET", b"", {}),
    *((target, "GET", b"", {}) for target in ("/chat/get/ü", "/session?ü=ü", "*", "session", "//", "/chat/get/%30")),
    *((target, "HEAD", b"", {}) for target in ("/session", f"{ROOM}?cursor=k3v9.1", "/chat/get/1", "/nowhere")),
    *((target, "OPTIONS", b"", {}) for target in (ROOM, "*", "/nowhere")),
    *((ROOM, method, b"", {}) for method in ("PUT", "DELETE", "X-Y", "TRACE")),
    (ROOM, "POST", b"text=hello", {"Content_Type": FORM}),
    (ROOM, "POST", b'{"text": "hello"}', {"Content_Type": JSON}),
    (ROOM, "POST", b'{"text": 1}', {"Content_Type": JSON}),
    (ROOM, "POST", b"hello", {"Content_Type": "text/plain"}),
    ("/chat/post", "POST", b"message=hello", {"Content_Type": FORM}),
    ("/chat/post", "POST", b"", {"Content_Type": FORM}),
    ("/rooms/lobby/typing", "POST", b"", {}),
    ("/session", "POST", b'{"name": "guest"}', {"Content_Type": JSON}),
    ("/session", "DELETE", b"", {}),
    (ROOM, "POST", b"text=x", {"Content_Type": FORM, "Origin": "https://evil.example"}),
    (ROOM, "POST", b"text=x", {"Content_Type": FORM, "Origin": FRIEND}),
    (ROOM, "OPTIONS", b"", {"Origin": FRIEND, "Access_Control_Request_Method": "POST"}),
    (f"{ROOM}?cursor=k3v9.0", "GET", b"", {"Origin": FRIEND}),
    (f"{ROOM}?cursor=k3v9.9&wait=0", "GET", b"", {"Origin": FRIEND}),
    ("/chat/get/1?wait=0", "GET", b"", {}),
]


class EqualityTests(MultiplexedTestCase):
    settings = replace(Settings(store="memory:"), origins=frozenset({FRIEND}))

    def test_the_answers_are_those_of_http_1(self) -> None:
        self.add("one")
        for target, method, body, headers in ASKED:
            peer = self.connect(secure=True)
            peer.send(asking(target.encode().decode("latin-1"), method, body, **headers))
            older = peer.answer(to_head=method == "HEAD")
            newer = self.peer.ask(target.encode().decode("latin-1"), method, body, **headers)
            self.assertEqual(self.comparable(newer), self.comparable(older), (method, target))

    def comparable(self, answer: Answer) -> object:
        """What has to be the same: not what is of one connection, nor of one message."""
        headers = {name: value for name, value in answer.headers.items() if name != "connection"}
        if answer.status != 201:
            return answer.status, headers, answer.body
        return answer.status, headers, sorted(json.loads(answer.body))

    def test_a_stream_is_that_of_http_1(self) -> None:
        self.add("one")
        heard = self.follow()
        self.tell("two")
        self.assertEqual((heard.status, heard.headers["content-type"]), (200, "text/event-stream"))
        self.assertNotIn("transfer-encoding", heard.headers)
        blocks = heard.body.decode().split("\n\n")
        self.assertEqual(
            [block.split("\n")[0] for block in blocks], ["id: k3v9.0", "retry: 2000", "id: k3v9.1", "id: k3v9.2", ""]
        )
        self.assertFalse(heard.ended)

    def test_the_end_of_a_seeds_hold_ends_no_connection(self) -> None:
        heard = self.peer.heard[self.peer.begin("/chat/get/0?wait=1")]
        self.pass_time(1.25)
        self.assertEqual((heard.answer.status, heard.body), (408, b""))
        self.assertNotIn("connection", heard.headers)
        self.assertFalse(self.peer.ended)
        self.assertEqual(self.peer.ask("/session").status, 200)

    def test_no_socket_is_opened(self) -> None:
        answer = self.peer.ask("/rooms/lobby/socket")
        self.assertEqual((answer.status, answer.problem), (426, "upgrade-required"))
        self.assertNotIn("upgrade", answer.headers)

    def test_a_session_is_kept_in_the_cookie_of_tls(self) -> None:
        signed_in = self.peer.ask("/session", "POST", b'{"name": "ada"}', Content_Type=JSON)
        self.assertTrue(signed_in.cookie.startswith("__Host-chatcomet="))
        self.assertEqual(self.peer.ask("/session", Cookie=signed_in.cookie).json["name"], "ada")

    def test_cookies_in_several_fields(self) -> None:
        cookie = self.peer.ask("/session", "POST", b'{"name": "ada"}', Content_Type=JSON).cookie
        fields = [(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/session")]
        fields += [("cookie", "a=b"), ("cookie", cookie), ("cookie", "c=d")]
        number = self.peer.begin_with(self.peer.spoken.get_next_available_stream_id(), fields)
        self.assertEqual(self.peer.heard[number].answer.json["name"], "ada")


class HostTests(MultiplexedTestCase):
    def ask_for(self, *fields: tuple[str, str]) -> Answer:
        """What is answered to a request with these fields for a host."""
        number = self.peer.spoken.get_next_available_stream_id()
        path = (":path", "/session")
        self.peer.begin_with(number, [(":method", "GET"), (":scheme", "https"), path, *sorted(fields)])
        return self.peer.heard[number].answer

    def test_its_own_names(self) -> None:
        for host in (HOST, f"{HOST}:8443", "localhost", "127.0.0.1:443", "[::1]"):
            self.assertEqual(self.ask_for((":authority", host)).status, 200)
            self.assertEqual(self.ask_for(("host", host)).status, 200)
            self.assertEqual(self.ask_for((":authority", host), ("host", host)).status, 200)

    def test_another_name(self) -> None:
        for fields in ([(":authority", "evil.example")], [("host", "evil.example")]):
            answer = self.ask_for(*fields)
            self.assertEqual((answer.status, answer.problem), (421, "misdirected"))
        self.assertEqual(self.ask_for((":authority", f"user@{HOST}")).problem, "malformed")


class StrictTests(MultiplexedTestCase):
    """Whoever has come by TLS shall not come without it."""

    def strict(self, host: str, secure: bool = True, status: int = 200) -> str | None:
        """What is said of that over HTTP/1.1."""
        peer = self.connect(secure)
        peer.send(asking("/session").replace(HOST.encode(), host.encode()))
        answer = peer.answer()
        self.assertEqual(answer.status, status)
        return answer.headers.get("strict-transport-security")

    def test_under_its_names(self) -> None:
        self.assertEqual(self.peer.ask("/session").headers["strict-transport-security"], "max-age=31536000")
        for host in (HOST, f"{HOST}:8443", f"{HOST.upper()}."):
            self.assertEqual(self.strict(host), "max-age=31536000")

    def test_not_without_tls(self) -> None:
        self.assertIsNone(self.strict(HOST, secure=False))

    def test_not_of_what_many_have(self) -> None:
        for host in (
            "localhost",
            "localhost.:1",
            "chat.localhost",
            "127.0.0.1",
            "127.0.0.1:8443",
            "[::1]",
            "[::1]:8443",
        ):
            self.assertIsNone(self.strict(host), host)

    def test_not_of_what_is_another_ones(self) -> None:
        self.assertIsNone(self.strict("evil.example", status=421))


class LimitTests(MultiplexedTestCase):
    settings = replace(Settings(store="memory:"), origins=frozenset({FRIEND}))

    def assert_refused(self, number: int, status: int, problem: str) -> Heard:
        """That request was refused, and the connection goes on."""
        heard = self.peer.heard[number]
        self.assertEqual((heard.answer.status, heard.answer.problem), (status, problem))
        self.assertEqual((heard.headers["cache-control"], self.texts()), ("no-store", []))
        self.assertNotIn("connection", heard.headers)
        self.assertEqual(self.peer.ask("/session").status, 200)
        return heard

    def test_a_target(self) -> None:
        fits = "/" + "a" * (LINE_BYTES - 1)
        self.assertEqual(self.peer.ask(fits).status, 404)
        self.assert_refused(self.peer.begin(fits + "a"), 414, "uri-too-long")
        self.assert_refused(self.peer.begin("/" + "\xfc" * (LINE_BYTES // 3)), 414, "uri-too-long")

    def test_a_header(self) -> None:
        self.assertEqual(self.peer.ask("/session", X="a" * (LINE_BYTES - 1)).status, 200)
        self.assert_refused(self.peer.begin("/session", X="a" * LINE_BYTES), 431, "header-too-long")

    def test_headers(self) -> None:
        fit = {f"x{number}": "a" * 1_000 for number in range(HEADER_BYTES // 1_000 - 1)}
        self.assertEqual(self.peer.ask("/session", "GET", b"", **fit).status, 200)
        number = self.peer.begin("/session", "GET", True, **fit, more="a" * 2_000)
        self.assert_refused(number, 431, "header-too-long")
        many = {f"x{number}": "" for number in range(HEADERS - 4)}
        self.assertEqual(self.peer.ask("/session", "GET", b"", **many).status, 200)
        self.assert_refused(self.peer.begin("/session", "GET", True, **many, more=""), 431, "header-too-long")

    def test_a_refusal_is_shown_to_listed_pages(self) -> None:
        heard = self.assert_refused(self.peer.begin("/session", X="a" * 9_000, Origin=FRIEND), 431, "header-too-long")
        self.assertEqual(heard.headers["access-control-allow-origin"], FRIEND)

    def test_a_body_that_just_fits(self) -> None:
        body = b"text=" + b"%61" * 4_000
        body += b"&x=" + b"a" * (BODY_BYTES - len(body) - 3)
        self.assertEqual(self.peer.ask(ROOM, "POST", body, Content_Type=FORM).status, 201)

    def test_a_body_that_says_it_is_too_long(self) -> None:
        number = self.peer.begin(ROOM, "POST", False, Content_Length=str(BODY_BYTES + 1))
        self.assert_refused(number, 413, "too-long")

    def test_a_body_that_does_not(self) -> None:
        number = self.peer.begin(ROOM, "POST", False, Content_Type=FORM)
        self.peer.body(number, b"x" * BODY_BYTES, ends=False)
        self.assertEqual(self.peer.heard[number].status, 0)
        self.peer.body(number, b"x", ends=False)
        self.assert_refused(number, 413, "too-long")

    def test_what_comes_behind_a_refusal_is_passed_over(self) -> None:
        number = self.peer.begin(ROOM, "POST", False, Content_Type=FORM)
        for _ in range(20):
            self.peer.body(number, b"x" * BODY_BYTES, ends=False)
        self.assert_refused(number, 413, "too-long")
        self.peer.body(number, b"x")
        self.assertIsNone(self.peer.heard[number].reset)
        self.assertEqual(self.peer.ask("/session").status, 200)

    def test_but_not_for_ever(self) -> None:
        number = self.peer.begin(ROOM, "POST", False, Content_Length=str(BODY_BYTES + 1))
        self.pass_time(LINGER_SECONDS - 0.25)
        self.assertIsNone(self.peer.heard[number].reset)
        self.pass_time(0.5)
        self.assertEqual(self.peer.heard[number].reset, ErrorCodes.NO_ERROR)
        self.assert_refused(number, 413, "too-long")

    def test_a_body_that_comes_slowly(self) -> None:
        number = self.peer.begin(ROOM, "POST", False, Content_Type=FORM)
        for _ in range(int(BODY_SECONDS) - 1):
            self.pass_time(1)
            self.peer.body(number, b"x", ends=False)
        self.assertEqual(self.peer.heard[number].status, 0)
        self.pass_time(1.25)
        self.assert_refused(number, 408, "too-slow")

    def test_a_request_that_does_not_end(self) -> None:
        number = self.peer.begin("/session", ends=False)
        self.pass_time(BODY_SECONDS + 0.25)
        self.assert_refused(number, 408, "too-slow")

    def test_what_is_no_request(self) -> None:
        for method, path in (("G T", "/session"), ("GET", "/a b"), ("GET", ""), ("(", "/"), ("GET", "/\x7f")):
            self.peer.lose()
            self.peer = self.multiplex()
            self.peer.spoken.config.validate_outbound_headers = False
            fields = [(":method", method), (":scheme", "https"), (":authority", HOST), (":path", path)]
            number = self.peer.begin_with(1, fields)
            if self.peer.goodbye is None:  # what `h2` lets pass
                self.assert_refused(number, 400, "malformed")
        self.assertEqual(self.texts(), [])

    def test_connect_is_nothing_here(self) -> None:
        number = self.peer.begin_with(1, [(":method", "CONNECT"), (":authority", HOST)])
        self.assert_refused(number, 400, "malformed")

    def test_who_waits_to_be_told_to_go_on(self) -> None:
        number = self.peer.begin(ROOM, "POST", False, Content_Type=FORM, Expect="100-continue")
        self.assertEqual(self.peer.heard[number].interim, [100])
        self.peer.body(number, b"text=hello")
        self.assertEqual(self.peer.heard[number].answer.status, 201)
        number = self.peer.begin(ROOM, "POST", False, Content_Length="70000", Expect="100-continue")
        self.assertEqual((self.peer.heard[number].interim, self.peer.heard[number].status), ([], 413))
