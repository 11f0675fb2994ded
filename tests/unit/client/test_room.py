"""Posting to a room, and looking back in it."""

from __future__ import annotations

import json

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.client import Cursor, Posted, Refused, Room, Unreachable
from chatcomet.errors import Malformed
from tests.unit.client.scripted_server import DOWN, ScriptedServer, page, posted, problem, start


class RoomCase(SynchronousTestCase):
    """A room of a scripted server."""

    def setUp(self) -> None:
        self.server = ScriptedServer()
        self.room: Room = self.server.client().room("lobby")

    def keys(self) -> set[str]:
        """The idempotency keys that were used."""
        return {asked.headers["idempotency-key"] for asked in self.server.asked}


class PostTests(RoomCase):
    def test_a_post(self) -> None:
        self.server.replies.append(posted(41))
        result = self.successResultOf(start(self.room.post("grüße\n")))
        self.assertEqual((result.message.seq, result.cursor), (41, Cursor("k3v9", 42)))
        (asked,) = self.server.asked
        self.assertEqual((asked.method, asked.path), ("POST", "/chatty/rooms/lobby/messages"))
        self.assertEqual(asked.headers["content-type"], "application/json")
        self.assertEqual(json.loads(asked.body), {"text": "grüße\n"})

    def test_data(self) -> None:
        for data in ({"a": [1]}, None, ""):
            self.server.replies.append(posted(41))
            self.successResultOf(start(self.room.post("", data=data)))
            self.assertEqual(json.loads(self.server.asked[-1].body), {"text": "", "data": data})

    def test_what_is_no_json_is_the_caller_s_fault(self) -> None:
        self.failureResultOf(start(self.room.post("", data=float("nan"))), ValueError)
        self.failureResultOf(start(self.room.post("", data=object())), TypeError)

    def test_it_is_sent_again_with_the_same_key(self) -> None:
        self.server.replies.extend([DOWN, problem(503, retry_after=1), problem(429), posted(41)])
        result: Deferred[Posted] = start(self.room.post("hello"))
        for _ in range(3):
            self.server.wait(5)
        self.assertEqual(self.successResultOf(result).message.seq, 41)
        self.assertEqual(len(self.server.asked), 4)
        self.assertEqual(len({asked.body for asked in self.server.asked}), 1)
        (key,) = self.keys()
        self.assertGreaterEqual(len(key), 32)

    def test_each_post_has_its_key(self) -> None:
        for seq in range(3):
            self.server.replies.append(posted(seq))
            self.successResultOf(start(self.room.post("hello")))
        self.assertEqual(len(self.keys()), 3)

    def test_a_key_that_was_kept(self) -> None:
        self.server.replies.append(posted(41))
        self.successResultOf(start(self.room.post("hello", key="kept-from-yesterday")))
        self.assertEqual(self.keys(), {"kept-from-yesterday"})

    def test_a_refusal_is_not_tried_again(self) -> None:
        self.server.replies.append(problem(413, "too-long"))
        self.failureResultOf(start(self.room.post("x" * 5_000)), Refused)
        self.assertEqual(len(self.server.asked), 1)

    def test_without_an_answer_it_is_unreachable(self) -> None:
        self.server.answer = lambda _: DOWN
        result: Deferred[Posted] = start(self.room.post("hello"))
        for _ in range(30):
            self.server.wait(1)
        self.failureResultOf(result, Unreachable)
        self.assertEqual(len(self.keys()), 1)


class HistoryTests(RoomCase):
    def test_the_newest(self) -> None:
        self.server.replies.append(page(40, 41))
        newest = self.successResultOf(start(self.room.history()))
        self.assertEqual(([message.seq for message in newest.messages], newest.room), ([40, 41], "lobby"))
        self.assertEqual(self.server.asked[0].params, {"limit": "50"})

    def test_before(self) -> None:
        self.server.replies.append(page(cursor="k3v9.42"))
        self.assertEqual(self.successResultOf(start(self.room.history(before=0, limit=7))).messages, ())
        self.assertEqual(self.server.asked[0].params, {"limit": "7", "before": "0"})


class NameTests(RoomCase):
    def test_a_name_that_no_room_has(self) -> None:
        for name in ("", "Lobby", "../session", "a/b", "a?b", "x" * 65):
            with self.assertRaises(Malformed):
                self.server.client().room(name)
