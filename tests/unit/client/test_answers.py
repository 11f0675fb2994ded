"""What a server's answers hold."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.client import Cursor, Message, RoomState, parse_data
from chatcomet.client.answers import (
    message_json,
    parse_json,
    read_message,
    read_page,
    read_posted,
    read_problem,
    read_rooms,
)
from chatcomet.client.errors import Trouble
from tests.unit.client.scripted_server import message

PAGE = {"room": "lobby", "cursor": "k3v9.42", "messages": [message(41)]}
ROOM = {"room": "lobby", "cursor": "k3v9.42", "first": 2, "readers": 12}


class ReadingTests(SynchronousTestCase):
    def test_a_message(self) -> None:
        self.assertEqual(read_message(message(41)), Message(41, "ada", "text 41", 1795354155.125))
        self.assertEqual(read_message(message(41, at=7, later="unknown members are for others")).at, 7.0)

    def test_data_are_json_text_and_their_value_is_at_hand(self) -> None:
        for value, text in (({"a": ["ä", 1.5]}, '{"a":["ä",1.5]}'), (None, "null"), ("", '""')):
            read = read_message(message(41, data=value))
            self.assertEqual(read.data, text)
            self.assertEqual(parse_data(read), value)
        self.assertIsNone(parse_data(read_message(message(41))))

    def test_an_erased_message(self) -> None:
        wired = message(41, text="", erased=True)
        self.assertEqual(read_message(wired), Message(41, "ada", "", 1795354155.125, erased=True))
        self.assertEqual(json.loads(message_json(read_message(wired))), wired)
        self.assertFalse(read_message(message(41, erased="yes")).erased)

    def test_a_page(self) -> None:
        read = read_page("lobby")(PAGE)
        self.assertEqual((read.room, read.cursor, len(read.messages)), ("lobby", Cursor("k3v9", 42), 1))

    def test_a_page_with_what_was_not_asked_for(self) -> None:
        with_roster = {**PAGE, "roster": {"version": 7, "count": 0, "people": []}}
        self.assertEqual(read_page("lobby")(with_roster), read_page("lobby")(PAGE))

    def test_a_list_of_rooms(self) -> None:
        lobby = RoomState("lobby", Cursor("k3v9", 42), 2, 12)
        self.assertEqual(read_rooms({"rooms": [ROOM]}), ((lobby,), None))
        self.assertEqual(read_rooms({"rooms": [], "next": "~x"}), ((), "~x"))
        self.assertEqual(read_rooms({"rooms": [ROOM], "next": 7}), ((lobby,), None))

    def test_what_is_not_the_server_s_is_trouble(self) -> None:
        messages: list[object] = [
            message(-1),
            {**message(0), "seq": "0"},
            message(0, at=float("inf")),
            message(0, at=1e300),
            message(0, text=None),
            message(0, data=float("inf")),
            [],
            None,
        ]
        for bad in messages:
            self.assertRaises(Trouble, read_message, bad)
        pages: list[object] = [{}, {**PAGE, "cursor": "x"}, {**PAGE, "messages": {}}, {**PAGE, "messages": [1]}, []]
        for bad in pages:
            self.assertRaises(Trouble, read_page("lobby"), bad)
        for bad in ({}, {"rooms": 1}, {"rooms": [{**ROOM, "readers": None}]}, {"rooms": [{**ROOM, "cursor": "x"}]}):
            self.assertRaises(Trouble, read_rooms, bad)
        self.assertRaises(Trouble, read_posted, {"cursor": "k3v9.1"})

    def test_what_is_no_json_is_trouble(self) -> None:
        for body in (b"", b"{", b"NaN", b"\xff", b"[" * 100_000, b"9" * 5_000):
            self.assertRaises(Trouble, parse_json, body)

    def test_a_problem_may_be_anything(self) -> None:
        documents: list[object] = [None, [], {"type": 1, "detail": None}]
        for value in documents:
            self.assertEqual((read_problem(404, value).status, read_problem(404, value).detail), (404, ""))


class WritingTests(SynchronousTestCase):
    def test_a_message_is_one_line_of_ascii(self) -> None:
        wired = message(41, text="a\n\x9b31m\u202eb 😀", data={"n": None})
        written = message_json(read_message(wired))
        self.assertTrue(written.isascii() and written.isprintable())
        self.assertEqual(json.loads(written), wired)
