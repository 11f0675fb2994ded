"""Query: parameters, each once, each in its form."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import parse_qs

from chatcomet.core.message import Cursor
from chatcomet.errors import Malformed
from chatcomet.http import query
from chatcomet.http.request import ChatRequest


def asked(text: str, method: bytes = b"GET") -> ChatRequest:
    """A request with the query `text`."""
    return cast(ChatRequest, SimpleNamespace(args=parse_qs(text.encode(), True), method=method))


class ParameterTests(SynchronousTestCase):
    def test_is_there_or_not(self) -> None:
        self.assertEqual(query.parameter(asked("cursor=a.1&x=2"), "cursor"), "a.1")
        self.assertEqual(query.parameter(asked("cursor="), "cursor"), "")
        self.assertIsNone(query.parameter(asked("x=2"), "cursor"))
        self.assertIsNone(query.parameter(asked(""), "cursor"))

    def test_may_not_be_repeated(self) -> None:
        for text in ("cursor=1&cursor=2", "cursor=1&cursor=1", "cursor=&cursor="):
            self.assertRaises(Malformed, query.parameter, asked(text), "cursor")

    def test_is_text(self) -> None:
        self.assertEqual(query.parameter(asked("x=%C3%BC+%2B"), "x"), "ü +")
        for text in ("x=%FF", "x=%ED%A0%80", "x=%C3"):
            self.assertRaises(Malformed, query.parameter, asked(text), "x")


class NumberTests(SynchronousTestCase):
    def test_has_a_pattern(self) -> None:
        for text, number in (("0", 0), ("7", 7), ("9" * 18, 10**18 - 1)):
            self.assertEqual(query.number(asked(f"n={text}"), "n"), number)
        self.assertIsNone(query.number(asked(""), "n"))

    def test_what_is_none(self) -> None:
        wrong = ["", "-1", "%2B1", "+1", "00", "01", "1.0", "1e3", "0x1", "1_0", "%20%31", "1%0A", "%D9%A1", "9" * 19]
        for text in [*wrong, "9" * 5_000, "abc", "%EF%BC%91"]:
            self.assertRaises(Malformed, query.number, asked(f"n={text}"), "n")

    @settings(deadline=None)
    @given(st.text())
    def test_is_never_anything_but_a_number(self, text: str) -> None:
        request = cast(ChatRequest, SimpleNamespace(args={b"n": [text.encode(errors="replace")]}))
        try:
            number = query.number(request, "n")
        except Malformed:
            return
        self.assertEqual(str(number), text)


class LimitTests(SynchronousTestCase):
    def test_has_a_default_and_an_end(self) -> None:
        for text, limit in (
            ("", 50),
            ("limit=1", 1),
            ("limit=200", 200),
            ("limit=201", 200),
            ("limit=" + "9" * 18, 200),
        ):
            self.assertEqual(query.limit(asked(text)), limit)

    def test_is_not_nothing(self) -> None:
        for text in ("limit=0", "limit=", "limit=-1", "limit=many", "limit=1&limit=1"):
            self.assertRaises(Malformed, query.limit, asked(text))


class WaitTests(SynchronousTestCase):
    def test_is_in_seconds(self) -> None:
        for text, seconds in (
            ("wait=0", 0.0),
            ("wait=2.5", 2.5),
            ("wait=000.125", 0.125),
            ("wait=999999999", 999999999.0),
        ):
            self.assertEqual(query.wait_seconds(asked(text)), seconds)
        self.assertIsNone(query.wait_seconds(asked("")))

    def test_what_is_none(self) -> None:
        for text in ("", "-1", "1e3", "inf", "nan", ".5", "1.", "1.2345", "1,5", "10s", "9" * 10, "%D9%A1", "1%0A"):
            self.assertRaises(Malformed, query.wait_seconds, asked(f"wait={text}"))

    def test_head_never_waits(self) -> None:
        for text in ("", "wait=10"):
            self.assertEqual(query.wait_seconds(asked(text, b"HEAD")), 0.0)
        self.assertRaises(Malformed, query.wait_seconds, asked("wait=long", b"HEAD"))


class CursorsTests(SynchronousTestCase):
    def test_each_room_and_its_cursor(self) -> None:
        found = query.cursors(asked("at=lobby:k3v9.41&at=a.b-c:k3v9.0&limit=3"))
        self.assertEqual(found, {"lobby": Cursor("k3v9", 41), "a.b-c": Cursor("k3v9", 0)})
        self.assertEqual(list(found), ["lobby", "a.b-c"])

    def test_none(self) -> None:
        self.assertEqual(query.cursors(asked("")), {})

    def test_what_is_none(self) -> None:
        for text in ("", "lobby", "lobby:", "lobby:7", "lobby:k3v9.01", "lobby::k3v9.0", "lobby%3Ak3v9.0%0A", "a:%FF"):
            self.assertRaises(Malformed, query.cursors, asked(f"at={text}"))

    def test_a_room_may_not_be_repeated(self) -> None:
        self.assertRaises(Malformed, query.cursors, asked("at=a:k3v9.0&at=b:k3v9.0&at=a:k3v9.0"))


class KeyTests(SynchronousTestCase):
    def test_bare_or_quoted(self) -> None:
        for header, key in (
            *((None, None), ("k1", "k1"), ('"k1"', "k1"), ('""', ""), ('"', '"'), ('"k1', '"k1'), ("", "")),
            *(('""k1""', '"k1"'),),
        ):
            self.assertEqual(query.read_key(header), key)
