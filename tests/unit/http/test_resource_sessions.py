"""ChatResource: signing in and out, through its routes."""

from __future__ import annotations

import json

from chatcomet.access.sessions import HOLD_NAME_SECONDS
from tests.unit.http.running_edge import EdgeTestCase

JSON = "application/json"


class SessionTests(EdgeTestCase):
    def test_without_one(self) -> None:
        answer = self.peer.ask("/session")
        grants = {"*": ["read", "post", "create"]}
        sign_in = {"password": False, "guest": True}
        limits = {"text": 4_000, "data": 16_384}
        who = {"name": "guest", "guest": True, "grants": grants, "sign_in": sign_in, "limits": limits}
        self.assertEqual(answer.json, who)
        self.assertNotIn("set-cookie", answer.headers)

    def test_in_a_room(self) -> None:
        answer = self.peer.ask("/session?room=lobby")
        self.assertEqual(answer.json["grants"], {"lobby": ["read", "post", "create"]})
        for room in ("Lobby", "", "*", "lobby&room=lobby"):
            self.assertEqual(self.peer.ask(f"/session?room={room}").problem, "malformed")

    def test_signed_in(self) -> None:
        answer = self.take_name("Ada")
        self.assertEqual((answer.status, answer.json["name"]), (200, "Ada"))
        self.assertTrue(answer.cookie.startswith("chatcomet="))
        self.assertEqual(self.peer.ask("/session", Cookie=f"x=y; {answer.cookie}").json["name"], "Ada")
        self.assertEqual(self.post("hello", Cookie=answer.cookie).json["message"]["author"], "Ada")

    def test_a_name_that_is_held(self) -> None:
        self.take_name("ada")
        answer = self.take_name("ADA")
        self.assertEqual((answer.status, answer.problem), (409, "name-taken"))
        self.assertNotIn("set-cookie", answer.headers)

    def test_a_name_that_was_lost(self) -> None:
        cookie = self.take_name("ada").cookie
        self.clock.advance(HOLD_NAME_SECONDS)
        self.take_name("ada")
        self.assertEqual(self.post("hello", Cookie=cookie).status, 409)
        self.assertEqual(self.connect().ask("/session", Cookie=cookie).json["name"], "guest")

    def test_whoever_only_reads_keeps_the_name(self) -> None:
        cookie = self.take_name("ada").cookie
        for target in ("/rooms/lobby/messages", "/rooms/lobby/messages?cursor=k3v9.0&wait=0"):
            self.clock.advance(HOLD_NAME_SECONDS - 1)
            answer = self.connect().ask(target, Cookie=cookie)
            self.assertNotIn("set-cookie", answer.headers)
        self.clock.advance(HOLD_NAME_SECONDS - 1)
        self.assertEqual(self.take_name("ada").status, 409)

    def test_signed_out(self) -> None:
        cookie = self.take_name("ada").cookie
        answer = self.peer.ask("/session", "DELETE", Cookie=cookie)
        self.assertEqual((answer.status, answer.body, answer.cookie), (204, b"", "chatcomet="))
        self.assertNotIn("content-length", answer.headers)
        self.assertEqual(self.peer.ask("/session", Cookie=cookie).json["name"], "guest")
        self.assertEqual(self.take_name("ada").status, 200)

    def test_a_forged_cookie(self) -> None:
        for cookie in ("chatcomet=forged", "chatcomet=", "chatcomet=\xff", f"chatcomet={'a' * 6_000}", "chatcomet"):
            self.assertEqual(self.peer.ask("/session", Cookie=cookie).json["name"], "guest")

    def test_what_is_no_name(self) -> None:
        for name in ("", "a\u202eb", "a" * 33):
            self.assertEqual(self.take_name(name).status, 400)
        self.assertEqual(self.connect().ask("/session", "POST", b"{}", Content_Type=JSON).status, 400)

    def test_a_slip_makes_nobody_a_guest(self) -> None:
        body = json.dumps({"name": "ada", "pasword": "secret"}).encode()
        answer = self.peer.ask("/session", "POST", body, Content_Type=JSON)
        self.assertEqual((answer.status, answer.problem), (400, "malformed"))
        self.assertIn("'pasword'", answer.json["detail"])
        self.assertEqual(self.take_name("ada").status, 200)

    def test_over_tls(self) -> None:
        body = json.dumps({"name": "ada"}).encode()
        answer = self.connect(secure=True).ask("/session", "POST", body, Content_Type=JSON)
        self.assertTrue(answer.cookie.startswith("__Host-chatcomet="))
        self.assertIn("Secure", answer.headers["set-cookie"])

    def test_another_site(self) -> None:
        self.assertEqual(self.take_name("ada", Origin="https://evil.example").status, 403)
        answer = self.peer.ask("/session", "DELETE", Origin="https://evil.example")
        self.assertEqual((answer.status, answer.problem), (403, "cross-site"))
