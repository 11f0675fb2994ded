"""Where the server is, and who asks."""

from __future__ import annotations

import json

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.client import Client, Cursor, Refused, RoomState
from chatcomet.errors import Malformed
from tests.unit.client.scripted_server import Reply, ScriptedServer, page, posted, problem, start

COOKIE = {"Set-Cookie": "chatcomet=signed; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"}


class ClientTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = ScriptedServer()
        self.client = self.server.client()

    def test_the_rooms(self) -> None:
        room = {"room": "lobby", "cursor": "k3v9.42", "first": 2, "readers": 12}
        self.server.replies.append(Reply(value={"rooms": [room]}))
        listed = self.successResultOf(start(self.client.rooms()))
        self.assertEqual(listed, (RoomState("lobby", Cursor("k3v9", 42), 2, 12),))
        self.assertEqual(self.server.asked[0].path, "/chatty/rooms")

    def test_all_the_rooms(self) -> None:
        room = {"room": "lobby", "cursor": "k3v9.42", "first": 2, "readers": 12}
        for rooms, following in (([room], "lobby"), ([], "~x&y"), ([{**room, "room": "zoo"}, room], None)):
            self.server.replies.append(Reply(value={"rooms": rooms, **({"next": following} if following else {})}))
        listed = self.successResultOf(start(self.client.rooms()))
        self.assertEqual([each.room for each in listed], ["lobby", "zoo"], "each once")
        self.assertEqual([asked.params for asked in self.server.asked], [{}, {"after": "lobby"}, {"after": "~x&y"}])

    def test_a_session_goes_with_all_that_follows(self) -> None:
        self.server.replies.append(Reply(value={"name": "Ada", "guest": True, "grants": {}}, headers=COOKIE))
        self.assertEqual(self.successResultOf(start(self.client.sign_in("Ada"))), "Ada")
        self.assertEqual(json.loads(self.server.asked[0].body), {"name": "Ada"})
        self.server.replies.extend([Reply(value={"rooms": []}), Reply(204, body="")])
        self.successResultOf(start(self.client.rooms()))
        self.successResultOf(start(self.client.sign_out()))
        self.assertEqual([asked.method for asked in self.server.asked], ["POST", "GET", "DELETE"])
        self.assertEqual({asked.headers.get("cookie") for asked in self.server.asked[1:]}, {"chatcomet=signed"})

    def test_a_name_that_is_taken(self) -> None:
        self.server.replies.append(problem(409, "name-taken"))
        self.failureResultOf(start(self.client.sign_in("ada")), Refused)

    def test_a_ticket_or_an_account_goes_with_all(self) -> None:
        for options, shown in (
            ({"ticket": "a.b.c"}, "Bearer a.b.c"),
            ({"ticket": lambda: "d"}, "Bearer d"),
            ({"auth": ("ada", "s3cret")}, "Basic YWRhOnMzY3JldA=="),
        ):
            client = self.server.client(**options)
            self.server.asked.clear()
            self.server.replies.extend([Reply(value={"rooms": []}), posted(0), page(0), Reply(204, body="")])
            for asked in (
                client.rooms(),
                client.room("lobby").post("hello"),
                client.room("lobby").history(),
                client.sign_out(),
            ):
                self.successResultOf(start(asked))
            self.assertEqual({asked.headers.get("authorization") for asked in self.server.asked}, {shown})

    def test_what_is_no_ticket_or_account(self) -> None:
        for options in ({"ticket": "a\nb"}, {"auth": ("a:b", "x")}, {"ticket": "a", "auth": ("ada", "x")}):
            self.assertRaises(Malformed, self.server.client, **options)

    def test_a_url_may_end_with_a_slash_or_not(self) -> None:
        for url in ("http://chat.example", "HTTPS://chat.example:8443/chatty/", "http://[::1]:8080"):
            Client(url, clock=Clock())

    def test_what_is_no_url_of_a_server(self) -> None:
        for url in (
            "",
            "chat.example",
            "ftp://chat.example",
            "http://",
            "http://a:99999",
            "http://a/?b=c",
            "http://[a",
        ):
            with self.assertRaises(Malformed):
                Client(url, clock=Clock())

    def test_it_can_be_closed(self) -> None:
        self.successResultOf(self.client.close())
        self.successResultOf(Client("http://chat.example", clock=Clock()).close())
