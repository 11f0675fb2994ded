"""Cookies: names and attributes."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.sessions import LIFE_SECONDS
from chatcomet.http.cookies import SessionCookie


def jar(**cookies: bytes) -> Callable[[bytes], bytes | None]:
    named = {name.replace("__Host_", "__Host-").encode(): value for name, value in cookies.items()}
    return named.get


class CookieTests(SynchronousTestCase):
    def test_over_a_plain_connection(self) -> None:
        name, value = SessionCookie("").header("a.b", secure=False)
        self.assertEqual(name, "Set-Cookie")
        self.assertEqual(value, f"chatcomet=a.b; Path=/; Max-Age={LIFE_SECONDS}; HttpOnly; SameSite=Lax")

    def test_over_tls(self) -> None:
        name, value = SessionCookie("").header("a.b", secure=True)
        self.assertEqual(name, "Set-Cookie")
        self.assertEqual(value, f"__Host-chatcomet=a.b; Path=/; Max-Age={LIFE_SECONDS}; HttpOnly; SameSite=Lax; Secure")

    def test_removed(self) -> None:
        for secure in (False, True):
            _, value = SessionCookie("").header(None, secure)
            self.assertIn("chatcomet=; Path=/; Max-Age=0; ", value)

    def test_under_a_prefix_two_chats_of_one_host_have_each_their_own(self) -> None:
        _, value = SessionCookie("/chat/ty").header("a.b", secure=False)
        self.assertTrue(value.startswith("chatcomet-chat-ty=a.b; Path=/; "))

    def test_is_read(self) -> None:
        cookie = SessionCookie("")
        self.assertEqual(cookie.read(jar(chatcomet=b"a.b"), secure=False), "a.b")
        self.assertEqual(cookie.read(jar(chatcomet=b"\xff"), secure=False), "\xff")
        self.assertIsNone(cookie.read(jar(other=b"a.b"), secure=False))

    def test_over_tls_only_the_one_that_nobody_else_can_have_set(self) -> None:
        cookie = SessionCookie("")
        self.assertIsNone(cookie.read(jar(chatcomet=b"a.b"), secure=True))
        self.assertEqual(cookie.read(jar(chatcomet=b"a.b", __Host_chatcomet=b"c.d"), secure=True), "c.d")
        self.assertIsNone(cookie.read(jar(__Host_chatcomet=b"c.d"), secure=False))
