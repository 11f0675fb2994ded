"""A whole edge over a chat in memory, with both its lanes, as the service has it."""

from __future__ import annotations

import json

from chatcomet.core.waiters import Burst
from chatcomet.http import eager
from chatcomet.http.hosts import Hosts
from chatcomet.http.lane import Lane
from chatcomet.http.outbox import Outbox
from chatcomet.http.resource import ChatResource
from chatcomet.http.site import ChatSite
from tests.unit.api.running_chat import NOON, ChatTestCase
from tests.unit.http.peer import Answer, Peer, PeerTransport, PlainTransport, SecureTransport

HOSTS = Hosts(("chat.example",), "")
HELLO = {"seq": 0, "author": "guest", "text": "hello", "at": NOON}
"""The first message, on the wire, where somebody has said so."""


class EdgeTestCase(ChatTestCase):
    """`self.peer` is connected to `self.site`, in plain TCP: what it asks takes the fast lane where it can."""

    plain_transport: type[PeerTransport] = PlainTransport
    """What connects a peer that is not `secure`."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(eager, "PLAIN_TRANSPORTS", {*eager.PLAIN_TRANSPORTS, PlainTransport})
        origins = self.settings.origins
        limits = self.settings.connections
        self.site = ChatSite(
            self.settings.prefix, HOSTS, origins, self.clock, lambda: self.now, self.outbox, limits=limits
        )
        self.serve()
        self.peer = self.connect()

    def serve(self) -> None:
        """Let the site serve the chat."""
        self.site.serve(ChatResource(self.chat).resource(), Lane(self.chat, HOSTS))

    def burst(self) -> Burst:
        """The site's."""
        self.outbox = Outbox()
        return self.outbox

    def tearDown(self) -> None:
        for channel in list(self.site.channels):
            channel.cut()
        self.clock.advance(0)
        self.assertEqual(self.site.channels, set())

    def connect(self, secure: bool = False) -> Peer:
        """Another peer."""
        return Peer(self.site, self.clock, (SecureTransport if secure else self.plain_transport)(self.clock))

    def post(self, text: str, room: str = "lobby", **headers: str) -> Answer:
        """What comes of posting `text`, from a connection of its own."""
        return self.post_json({"text": text}, room, **headers)

    def post_json(self, document: object, room: str = "lobby", **headers: str) -> Answer:
        """What comes of posting `document`."""
        body = json.dumps(document).encode()
        return self.connect().ask(f"/rooms/{room}/messages", "POST", body, Content_Type="application/json", **headers)

    def take_name(self, name: str, **headers: str) -> Answer:
        """What comes of asking for `name`."""
        body = json.dumps({"name": name}).encode()
        return self.connect().ask("/session", "POST", body, Content_Type="application/json", **headers)
