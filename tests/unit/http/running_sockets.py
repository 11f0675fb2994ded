"""An edge with sockets."""

from __future__ import annotations

from typing import Any

from chatcomet.http.limited import LINGER_SECONDS
from tests.unit.http.running_edge import EdgeTestCase
from tests.unit.http.socket_peer import SocketPeer

SOCKET = "/rooms/lobby/socket"
KEY = "0123456789abcdef"
HANDSHAKE: dict[str, Any] = {
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def posting(key: object = KEY, text: object = "hello", **more: object) -> dict[str, object]:
    """A post as a client says it."""
    return {"post": {"key": key, "text": text, **more}}


def texts(document: Any) -> list[str]:
    """What the messages of a page say."""
    return [message["text"] for message in document["messages"]]


def keys_of(documents: list[Any]) -> list[str]:
    """The keys of the posts that were answered."""
    answers = [document.get("posted") or document.get("problem") for document in documents]
    return [answer["key"] for answer in answers if answer]


class SocketTestCase(EdgeTestCase):
    def open(self, query: str = "", **headers: str) -> SocketPeer:
        """A socket that is open."""
        peer = self.ask_for(query, **headers)
        self.assertTrue(peer.is_open)
        return peer

    def ask_for(self, query: str = "", *behind: bytes, **headers: str) -> SocketPeer:
        """A peer that has asked for a socket, and sent what is `behind` in the same segment."""
        transport = self.plain_transport(self.clock)
        return SocketPeer(self.site, self.clock, transport, SOCKET + query, *behind, **headers)

    def begun(self, query: str = "") -> SocketPeer:
        """A socket that has said from where it goes on."""
        peer = self.open(query)
        peer.hear()
        return peer

    def assert_closes(self, peer: SocketPeer, code: int) -> None:
        """It closes with `code` and a reason, ends when the peer agrees, and leaves nothing behind."""
        self.assertEqual(peer.closed_with, code)
        assert peer.spoken.close_rcvd is not None
        self.assertTrue(peer.spoken.close_rcvd.reason)
        self.clock.advance(LINGER_SECONDS)
        self.clock.advance(0)
        self.assertTrue(peer.lost)
        self.assertEqual(self.hub.waiting, 0)
