"""ChatResource: what is served where, and what is made of a fault."""

from __future__ import annotations

from unittest.mock import patch

from chatcomet.api import polling
from chatcomet.core.hub import Hub
from chatcomet.http.page import POLICY
from tests.unit.http.peer import asking
from tests.unit.http.running_edge import EdgeTestCase
from tests.unit.http.running_lane import ROOM


class RouteTests(EdgeTestCase):
    def test_the_page(self) -> None:
        for target, kind in (("/", "text/html"), ("/?room=x", "text/html"), ("/page.js", "text/javascript")):
            answer = self.peer.ask(target)
            self.assertEqual((answer.status, answer.headers["content-type"]), (200, f"{kind}; charset=utf-8"))
            self.assertEqual(answer.headers["content-security-policy"], POLICY)

    def test_nothing_else(self) -> None:
        for target in (
            *(
                "/index.html",
                "/../setup.cfg",
                "/%2e%2e/setup.cfg",
                "/rooms/",
                "/rooms//messages",
            ),
            *("/rooms/a/b/messages", "/session/", "/page.js/", "/x", "/%FF", "/%00", "/rooms/lobby/messages/0/1"),
            *("session", "http://chat.example/session", "xsession", "?", "/\xa0"),
        ):
            answer = self.peer.ask(target)
            self.assertEqual((answer.status, answer.problem), (404, "not-found"), target)

    def test_methods(self) -> None:
        for target, allowed in (
            ("/", "GET, HEAD"),
            ("/page.js", "GET, HEAD"),
            (ROOM, "GET, HEAD, POST"),
            ("/session", "DELETE, GET, HEAD, POST"),
            ("/poll", "GET, HEAD"),
            ("/rooms", "GET, HEAD"),
            ("/rooms/lobby", "GET, HEAD"),
            ("/rooms/lobby/typing", "POST"),
            (f"{ROOM}/0", "DELETE"),
        ):
            for method in (
                "GET",
                "HEAD",
                "POST",
                "PUT",
                "DELETE",
                "PATCH",
                "TRACE",
                "CONNECT",
                "X-Y",
            ):
                answer = self.connect().ask(target, method)
                if method in allowed.split(", "):
                    self.assertNotEqual(answer.status, 405, (target, method))
                else:
                    self.assertEqual(answer.status, 405, (target, method))
                    self.assertEqual(answer.headers["allow"], f"{allowed}, OPTIONS", (target, method))
                    if method != "HEAD":
                        self.assertEqual(answer.problem, "method-not-allowed")

    def test_the_star(self) -> None:
        answer = self.peer.ask("*", "OPTIONS")
        self.assertEqual((answer.status, answer.body), (200, b""))
        answer = self.peer.ask("*")
        self.assertEqual((answer.status, answer.headers["allow"]), (405, "OPTIONS"))

    def test_letters_that_were_not_encoded_as_they_should_be(self) -> None:
        for path, status in (("/chat/get/ü", 302), ("/rooms/ü/messages", 400), ("/session?ü=ü", 200), ("/ü", 404)):
            self.peer.send(f"GET {path} HTTP/1.1\r\nHost: chat.example\r\n\r\n".encode())
            self.assertEqual(self.peer.answer().status, status, path)

    def test_head_answers_like_get_without_its_body_and_never_waits(self) -> None:
        self.add("one")
        targets = ("/", "/page.js", "/session", ROOM, f"{ROOM}?cursor=k3v9.0", f"{ROOM}?cursor=x", "/x", "/chat/get/0")
        for target in targets:
            get, head = self.peer.ask(target), self.peer.ask(target, "HEAD")
            self.assertEqual((head.status, head.headers, head.body), (get.status, get.headers, b""), target)
        head = self.peer.ask(f"{ROOM}?cursor=k3v9.1&wait=20", "HEAD")
        self.assertEqual((head.status, self.hub.waiting), (200, 0))

    def test_every_answer_has_these_headers_and_no_poll_a_cookie(self) -> None:
        cookie = self.take_name("ada").cookie
        for target in (
            "/",
            "/page.js",
            "/session",
            ROOM,
            f"{ROOM}?cursor=k3v9.0&wait=0",
            "/x",
            "/chat",
            "/chat/get/9",
            "*",
        ):
            for method in ("GET", "HEAD", "PUT", "OPTIONS"):
                answer = self.connect().ask(target, method, Cookie=cookie)
                self.assertEqual(answer.headers["cache-control"], "no-store", target)
                self.assertEqual(answer.headers["x-content-type-options"], "nosniff", target)
                self.assertEqual(answer.headers["server"], "chatcomet", target)
                self.assertIn("date", answer.headers)
                self.assertNotIn("set-cookie", answer.headers)

    def test_nothing_said_comes_back_as_a_header(self) -> None:
        for target in (
            "/chat/%0D%0AX-Evil:%201",
            "/rooms/%0D%0AX-Evil:%201/messages",
            "/%0D%0AX-Evil:%201?%0D%0AX-Evil:1",
        ):
            self.assertNotIn("x-evil", self.peer.ask(target).headers)
        self.assertNotIn("x-evil", self.take_name("a; Path=/\\r\\nX-Evil: 1").headers)


class FaultTests(EdgeTestCase):
    def test_is_a_problem_and_is_logged_and_the_connection_lives(self) -> None:
        with patch.object(Hub, "before", side_effect=ZeroDivisionError("a secret")):
            answer = self.peer.ask(ROOM)
        self.assertEqual((answer.status, answer.problem), (500, "fault"))
        self.assertNotIn(b"secret", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.peer.ask(ROOM).status, 200)

    def test_in_a_wake(self) -> None:
        self.peer.send(asking(f"{ROOM}?cursor=k3v9.0"))
        with patch("chatcomet.http.wire.page_json", side_effect=ZeroDivisionError):
            self.assertEqual(self.post("hello").status, 201)
        self.assertEqual(self.peer.answer().problem, "fault")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_every_poll_has_some_luck_of_its_own(self) -> None:
        self.assertGreater(polling.JITTER, 0)
        self.luck = 1.0
        self.peer.send(asking(f"{ROOM}?cursor=k3v9.0"))
        self.clock.advance(25.0 * (1 - polling.JITTER))
        self.assertEqual(self.peer.answer().json["messages"], [])
