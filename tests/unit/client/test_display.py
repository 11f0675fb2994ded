"""How messages look."""

from __future__ import annotations

import time
import unicodedata
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.client import Cursor, Message, RoomState
from chatcomet.client.display import for_pipe, for_terminal, rooms_for_pipe, rooms_for_terminal

HEAD = "22:43 ada: "


def said(text: str, author: str = "ada") -> Message:
    """A message of 22:43 UTC."""
    return Message(0, author, text, 1795387381.467)


def terminal(text: str) -> str:
    """How it looks on a terminal."""
    return for_terminal(said(text), time.gmtime)


def pipe(text: str) -> str:
    """How it looks on a pipe."""
    return for_pipe(said(text), time.gmtime)


class MessageTests(SynchronousTestCase):
    def test_plain_text_stays_as_it_is(self) -> None:
        for text in ("hello", "", "grüße 😀 👨‍👩‍👧 مرحبا", " spaces  "):
            self.assertEqual(terminal(text), HEAD + text)
            self.assertEqual(pipe(text), HEAD + text)

    def test_what_was_erased_is_said_to_people_and_is_nothing_to_programs(self) -> None:
        erased = replace(said(""), erased=True)
        self.assertEqual(for_terminal(erased, time.gmtime), HEAD + "(erased)")
        self.assertEqual(for_pipe(erased, time.gmtime), HEAD)

    def test_no_line_of_a_text_passes_for_a_message_on_a_terminal(self) -> None:
        self.assertEqual(terminal("a\n12:00 root: b\r\nc\rd"), HEAD + "a\n      12:00 root: b\n      c\n      d")

    def test_a_message_is_a_line_on_a_pipe(self) -> None:
        self.assertEqual(pipe("a\n12:00 root: b\r\tc"), HEAD + r"a\n12:00 root: b\r\tc")

    def test_what_a_terminal_would_obey_is_escaped(self) -> None:
        for show in (terminal, pipe):
            self.assertEqual(show("\x1b[2J\x07\x9b1m\x7f"), HEAD + r"\x1b[2J\x07\x9b1m\x7f")
            self.assertEqual(show("\u202etxt.exe\u2066\ud800"), HEAD + r"\u202etxt.exe\u2066\ud800")

    def test_authors_too(self) -> None:
        self.assertEqual(for_terminal(said("hello", "a\x1b\nb"), time.gmtime), r"22:43 a\x1b\nb: hello")
        self.assertEqual(for_pipe(said("hello", "a\x1b\nb"), time.gmtime), r"22:43 a\x1b\nb: hello")

    @given(st.text())
    def test_on_a_pipe_it_is_one_line_that_can_be_undone(self, text: str) -> None:
        line = pipe(text).removeprefix(HEAD)
        self.assertEqual(len(line.splitlines()), 1 if text else 0)
        self.assertEqual({unicodedata.category(each) for each in line} & {"Cc", "Cs", "Zl", "Zp"}, set())
        undone = line.encode("latin-1", "backslashreplace").decode("unicode_escape")
        self.assertEqual(undone, text)

    @given(st.text(st.characters(categories=["Cc", "Cs", "Lu"])))
    def test_no_control_character_but_the_line_break_reaches_a_terminal(self, text: str) -> None:
        self.assertEqual(
            {each for each in terminal(text) if unicodedata.category(each) in ("Cc", "Cs")} - {"\n"}, set()
        )


class RoomsTests(SynchronousTestCase):
    ROOMS = (RoomState("lobby", Cursor("k3v9", 42), 2, 12), RoomState("quiet-room", Cursor("k3v9", 0), 0, 0))

    def test_a_table_on_a_terminal(self) -> None:
        self.assertEqual(
            rooms_for_terminal(self.ROOMS),
            [
                "ROOM        MESSAGES  READERS",
                "lobby             40       12",
                "quiet-room         0        0",
            ],
        )
        self.assertEqual(rooms_for_terminal(()), ["ROOM  MESSAGES  READERS"])

    def test_tabs_on_a_pipe(self) -> None:
        self.assertEqual(rooms_for_pipe(self.ROOMS), ["lobby\t40\t12", "quiet-room\t0\t0"])
        self.assertEqual(rooms_for_pipe(()), [])
