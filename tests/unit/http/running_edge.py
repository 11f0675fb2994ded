"""A whole edge over a chat in memory."""

from __future__ import annotations

import json

from chatcomet.http.outbox import Outbox
from chatcomet.http.resource import ChatResource
from chatcomet.http.site import ChatSite
from tests.unit.api.running_chat import ChatTestCase
from tests.unit.http.peer import Answer, Peer


class EdgeTestCase(ChatTestCase):
    """`self.peer` is connected to `self.site`."""

    def setUp(self) -> None:
        outbox = self.burst = Outbox()
        super().setUp()
        self.site = ChatSite(self.settings.prefix, self.clock)
        self.site.outbox = outbox
        self.site.serve(ChatResource(self.chat).resource())
        self.peer = self.connect()

    def tearDown(self) -> None:
        for channel in list(self.site.channels):
            channel.cut()
        self.clock.advance(0)
        self.assertEqual(self.site.channels, set())

    def connect(self, secure: bool = False) -> Peer:
        """Another peer."""
        return Peer(self.site, self.clock, secure)

    def post(self, text: str, room: str = "lobby", **headers: str) -> Answer:
        """What comes of posting `text`, from a connection of its own."""
        return self.post_json({"text": text}, room, **headers)

    def post_json(self, document: object, room: str = "lobby", **headers: str) -> Answer:
        """What comes of posting `document`."""
        body = json.dumps(document).encode()
        return self.connect().ask(f"/rooms/{room}/messages", "POST", body, Content_Type="application/json", **headers)

    def sign_in(self, name: str, **headers: str) -> Answer:
        """What comes of asking for `name`."""
        body = json.dumps({"name": name}).encode()
        return self.connect().ask("/session", "POST", body, Content_Type="application/json", **headers)
