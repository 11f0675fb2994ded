"""An edge at which somebody reads by all ways, and which ends that."""

from __future__ import annotations

from chatcomet.http.events import RETRY_MS
from chatcomet.http.frames import FORBIDDEN, UNAUTHORIZED
from tests.unit.http.peer import Peer, asking
from tests.unit.http.running_access import AccessTestCase

SECONDS = 1.0
"""Within which everything has ended."""
POLLS = (
    *("/rooms/lobby/messages?cursor=k3v9.0", "/poll?at=kitchen:k3v9.0&at=lobby:k3v9.0", "/chat/get/0"),
    "/rooms/lobby/messages?cursor=k3v9.0&roster=",
)
LAST_CHUNK = b"0\r\n\r\n"


class ReadersTestCase(AccessTestCase):
    """Somebody reads the lobby by all ways, until that ends."""

    def setUp(self) -> None:
        super().setUp()
        self.members = self.member("bob")

    def read_all(self, **headers: str) -> None:
        """Wait by polls, and follow by streams and a socket."""
        self.polls = [self.waiting(target, **headers) for target in POLLS]
        self.events = self.assert_begins("/rooms/lobby/events?cursor=k3v9.0", **headers)
        self.lines = self.assert_begins("/rooms/lobby/events?cursor=k3v9.0", Accept="application/x-ndjson", **headers)
        self.socket = self.socket_in("lobby", **headers)
        self.socket.hear()

    def waiting(self, target: str, **headers: str) -> Peer:
        """Somebody who waits."""
        peer = self.connect()
        version = self.hub.room("lobby").roster.look().version
        peer.send(asking(f"{target}{version}" if target.endswith("=") else target, "GET", b"", **headers))
        if said := peer.taken():
            self.assertTrue(target.endswith("="), said)  # who comes changes the roster
            return self.waiting(target, **headers)
        return peer

    def assert_goes_on(self, readers: int) -> None:
        """Nobody has heard anything, and so many wait or follow."""
        self.assertEqual([peer.taken() for peer in (*self.polls, self.events, self.lines)], [b""] * 6)
        self.assertEqual((self.socket.hear(), self.socket.is_open), ([], True))
        self.assertEqual(len(self.chat.readers), readers)

    def assert_ended(self, status: int, problem: str) -> None:
        """All has ended, by this word; the connections go on, but the socket's."""
        for peer in self.polls:
            self.assert_refused(status, problem, peer.answer())
            self.assertEqual(peer.ask("/session", Cookie=self.members).status, 200)
        self.assertEqual(self.events.taken().split(b"\r\n")[1], f"retry: {RETRY_MS}\n\n".encode())
        self.assertEqual(self.lines.taken(), LAST_CHUNK)
        for peer in (self.events, self.lines):
            self.assertEqual(peer.ask("/session", Cookie=self.members).status, 200)
        (said,) = self.socket.hear()
        self.assertEqual((said["problem"]["type"], said["problem"]["status"]), (f"/problems/{problem}", status))
        self.assertEqual(self.socket.closed_with, UNAUTHORIZED if status == 401 else FORBIDDEN)
        self.assertEqual((self.hub.waiting, len(self.chat.readers)), (0, 0))
        self.add("secret")
        self.assertEqual([peer.taken() for peer in (*self.polls, self.events, self.lines)], [b""] * 6)
        self.assertEqual(self.socket.hear(), [])

    def assert_none_begins(self, status: int, problem: str, **headers: str) -> None:
        """The same word is for who asks again."""
        for target in ("/rooms/lobby/messages?cursor=k3v9.0", "/rooms/lobby/events"):
            self.assert_refused(status, problem, self.ask(target, **headers))
        self.assert_refused(status, problem, self.handshake("lobby", **headers))
