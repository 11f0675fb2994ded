"""An edge to which people come with tickets, and in which not every room is for everybody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chatcomet.access.policy import Policy
from chatcomet.access.tickets import Tickets
from chatcomet.core.rulings import Kind, Ruling
from tests.unit.access.forge import keys, ticket
from tests.unit.api.running_chat import NOON
from tests.unit.http.peer import Answer, Peer, asking
from tests.unit.http.running_lane import FORM, JSON
from tests.unit.http.running_sockets import HANDSHAKE, SocketTestCase
from tests.unit.http.socket_peer import SocketPeer

POLICY = """
[[rooms]]
name = "vault"
read = "members"
moderate = ["mia"]

[[rooms]]
name = "board"
post = ["mia"]
create = "nobody"

[[rooms]]
name = "box"
read = ["mia"]
post = "everyone"
"""
ALL = {"*": ["read", "post"]}
CHALLENGE = 'Bearer realm="chatcomet"'


def reads_of(room: str) -> Iterator[str]:
    """Targets by which `room` is read at once; the streams are others."""
    messages = f"/rooms/{room}/messages"
    yield from (messages, f"{messages}?before=9", f"{messages}?cursor=k3v9.0&wait=0", f"/rooms/{room}")
    yield from (f"{messages}?cursor=k3v9.0&wait=0&roster=0", f"/poll?at=kitchen:k3v9.0&at={room}:k3v9.0&wait=0")


class AccessTestCase(SocketTestCase):
    """`lobby` is open to all, `vault` to members, `board` to readers, and `box` to posters."""

    def setUp(self) -> None:
        super().setUp()
        self.policy.policy = Policy.parse(POLICY)

    def tickets(self) -> Tickets:
        return Tickets(keys(), None, lambda: self.now)

    def bearer(self, **claims: Any) -> str:
        """The `Authorization` of who has a good ticket, except for these claims; for an hour."""
        return f"Bearer {self.ticket(**claims)}"

    def ticket(self, **claims: Any) -> str:
        """Such a ticket."""
        return ticket(**{"sub": "grace", "exp": int(NOON) + 3_600, "grants": ALL, **claims})

    def member(self, name: str = "mia") -> str:
        """The `Cookie` of who has signed in with a password."""
        return f"chatcomet={self.sessions.cookie(self.sessions.admit(name, None))}"

    def guest(self, name: str = "ada") -> str:
        """The `Cookie` of a guest."""
        return f"chatcomet={self.sessions.cookie(self.sessions.sign_in(name, None))}"

    def rule(self, kind: Kind, room: str, subject: str, seconds: float = 60.0) -> None:
        """Rule, by a moderator."""
        self.successResultOf(self.rulings.rule(Ruling(kind, room, subject, self.now + seconds, "mia", self.now)))

    def submit(self, text: str = "hello", **headers: str) -> Answer:
        """What comes of posting to the lobby in the seed's protocol."""
        body = f"message={text}".encode()
        return self.connect().ask("/chat/post", "POST", body, Content_Type=FORM, **headers)

    def put(self, target: str, text: str = "", **headers: str) -> Answer:
        """What comes of putting `text`."""
        return self.connect().ask(target, "PUT", text.encode("latin-1"), Content_Type=JSON, **headers)

    def ask(self, target: str, method: str = "GET", **headers: str) -> Answer:
        """What is answered at once, over a connection of its own."""
        return self.connect().ask(target, method, b"", **headers)

    def socket_in(self, room: str, query: str = "", **headers: str) -> SocketPeer:
        """A peer that has asked for a socket in `room`."""
        transport = self.plain_transport(self.clock)
        return SocketPeer(self.site, self.clock, transport, f"/rooms/{room}/socket{query}", **headers)

    def handshake(self, room: str, query: str = "", **headers: str) -> Answer:
        """The refusal of a socket."""
        return self.connect().ask(f"/rooms/{room}/socket{query}", "GET", b"", **HANDSHAKE, **headers)

    def assert_begins(self, target: str, **headers: str) -> Peer:
        """A stream begins; its reader."""
        peer = self.connect()
        peer.send(asking(target, "GET", b"", **headers))
        self.assertIn(b"HTTP/1.1 200 OK\r\n", peer.taken())
        return peer

    def assert_not_known(self, problem: str, answer: Answer) -> None:
        """401, and by what one would be known."""
        self.assertEqual((answer.status, answer.problem), (401, problem), answer)
        self.assertEqual(answer.headers["www-authenticate"], CHALLENGE)

    def assert_refused(self, status: int, problem: str, answer: Answer) -> None:
        """Refused so, without a challenge where to be known does not help."""
        self.assertEqual((answer.status, answer.problem), (status, problem), answer)
        self.assertEqual("www-authenticate" in answer.headers, status == 401)
