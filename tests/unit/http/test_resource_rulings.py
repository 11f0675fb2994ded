"""Rulings: a right that ends ends what was begun by it, within a second, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

from twisted.internet.defer import Deferred

from chatcomet.core.store import Bounds
from chatcomet.http.frames import UNAUTHORIZED
from tests.unit.access.forge import NOON
from tests.unit.http.peer import Peer, PeerTransport, asking
from tests.unit.http.running_access import AccessTestCase
from tests.unit.http.running_readers import SECONDS, ReadersTestCase
from tests.unit.http.running_sockets import posting


class EndedTests(ReadersTestCase):
    """Somebody reads by all ways, and loses the right to."""

    def test_a_guest_who_signs_out(self) -> None:
        cookie = self.guest()
        self.read_all(Cookie=cookie)
        self.clock.advance(SECONDS)
        self.assert_goes_on(7)
        self.assertEqual(self.ask("/session", "DELETE", Cookie=cookie).status, 204)
        self.assert_ended(401, "not-signed-in")

    def test_a_member_who_signs_out(self) -> None:
        cookie = self.member()
        self.read_all(Cookie=cookie)
        self.assertEqual(self.ask("/session", "DELETE", Cookie=cookie).status, 204)
        self.assert_ended(401, "not-signed-in")
        self.assert_not_known("not-signed-in", self.ask("/rooms/vault/messages", Cookie=cookie))

    def test_a_ticket_that_is_revoked(self) -> None:
        known = {"Authorization": self.bearer()}
        self.read_all(**known)
        self.assertEqual(self.ask("/session", "DELETE", **known).status, 204)
        self.assert_ended(401, "not-signed-in")
        self.assert_none_begins(401, "bad-ticket", **known)

    def test_a_ticket_that_expires(self) -> None:
        known = {"Authorization": self.bearer(exp=NOON + 10)}
        self.now = float(NOON)
        self.read_all(**known)
        for _ in range(19):
            self.now += 0.5
            self.clock.advance(0.5)
        self.assert_goes_on(7)
        self.now += SECONDS
        self.clock.advance(SECONDS)
        self.assert_ended(401, "bad-ticket")
        self.assert_none_begins(401, "bad-ticket", **known)

    def test_who_is_banned(self) -> None:
        self.read_all(Authorization=self.bearer())
        self.rule("ban", "lobby", "grace")
        self.assert_ended(403, "not-allowed")
        self.assert_none_begins(403, "not-allowed", Authorization=self.bearer())

    def test_a_guest_who_is_banned(self) -> None:
        cookie = self.guest()
        self.read_all(Cookie=cookie)
        moderator = self.bearer(grants={"lobby": ["moderate"]})
        self.assertEqual(self.put("/rooms/lobby/bans/ADA", Authorization=moderator).status, 200)
        self.assert_ended(403, "not-allowed")
        self.assert_none_begins(403, "not-allowed", Cookie=cookie)

    def test_who_is_muted_reads_on(self) -> None:
        self.read_all(Authorization=self.bearer())
        self.rule("mute", "lobby", "grace")
        self.clock.advance(SECONDS)
        self.assert_goes_on(7)

    def test_others_are_not_concerned(self) -> None:
        self.read_all(Authorization=self.bearer(jti="a", exp=NOON + 3_600))
        for kind, room, subject in (
            *(("ban", "lobby", "mia"), ("ban", "kitchen", "eve"), ("ban", "vault", "grace")),
            *(("revoked", "", "jti:b"), ("ended", "", "another session")),
        ):
            self.rule(kind, room, subject)  # type: ignore[arg-type]  # each of them is a kind
        self.assertEqual(self.ask("/session", "DELETE", Authorization=self.bearer(jti="b")).status, 401)
        self.clock.advance(SECONDS)
        self.assert_goes_on(7)


class EndedWithoutLaneTests(EndedTests):
    plain_transport = PeerTransport


class MeanwhileTests(AccessTestCase):
    """The right ends while the store is asked where a stream begins, as it is in a room that nobody has used."""

    rooms = 0

    def begin(self, begun: Callable[[str], Peer], ended: Callable[[str], object]) -> None:
        """Somebody asks for a stream in some room, `ended` happens, and then the store answers."""
        self.rooms += 1
        room = f"room-{self.rooms}"
        answer: Deferred[Bounds] = Deferred()
        with patch.object(self.store, "bounds", return_value=answer):
            self.asked = begun(room)
        self.assertEqual(self.asked.taken(), b"")
        ended(room)
        answer.callback(Bounds(0, 0))

    def assert_refused_late(self, status: int) -> None:
        self.assertEqual(self.asked.taken()[:13], b"HTTP/1.1 %d " % status)
        self.assertEqual(len(self.chat.readers), 0)

    def ways(self, **headers: str) -> tuple[Callable[[str], Peer], ...]:
        """Of asking for a stream."""

        def follow(room: str) -> Peer:
            peer = self.connect()
            peer.send(asking(f"/rooms/{room}/events", "GET", b"", **headers))
            return peer

        return follow, lambda room: self.socket_in(room, **headers)

    def test_by_a_ban(self) -> None:
        for way in self.ways(Authorization=self.bearer()):
            self.begin(way, lambda room: self.rule("ban", room, "grace"))
            self.assert_refused_late(403)

    def test_by_its_end(self) -> None:
        for number in range(2):
            for headers in (
                {"Cookie": self.guest("ada")},
                {"Cookie": self.member()},
                {"Authorization": self.bearer(jti=str(number))},
            ):
                way = self.ways(**headers)[number]
                self.begin(way, lambda _, headers=headers: self.ask("/session", "DELETE", **headers))  # type: ignore[misc]
                self.assert_refused_late(401)

    def test_or_it_does_not(self) -> None:
        for way, begun in zip(self.ways(Authorization=self.bearer()), (b"HTTP/1.1 200", b"HTTP/1.1 101"), strict=True):
            self.begin(way, lambda room: self.rule("ban", room, "eve"))
            self.assertTrue(self.asked.taken().startswith(begun))
        self.assertEqual(len(self.chat.readers), 2)


class MeanwhileWithoutLaneTests(MeanwhileTests):
    plain_transport = PeerTransport


class SocketTests(AccessTestCase):
    def test_posts_of_who_has_been_muted_and_of_who_may_again(self) -> None:
        socket = self.socket_in("lobby", Authorization=self.bearer())
        socket.hear()
        self.rule("mute", "lobby", "grace")
        socket.say(posting(key="k1"), {"typing": True})
        (refused,) = socket.hear()
        self.assertEqual((refused["problem"]["type"], refused["problem"]["key"]), ("/problems/not-allowed", "k1"))
        self.successResultOf(self.rulings.lift("mute", "lobby", "grace"))
        socket.say(posting(key="k1"))
        self.assertEqual([list(document) for document in socket.hear()][-1], ["posted"])
        self.assertEqual(self.texts(), ["hello"])

    def test_a_ticket_of_the_query_that_has_expired_posts_nothing(self) -> None:
        """Also before it is found that its reader has to go."""
        socket = self.socket_in("lobby", f"?ticket={self.ticket(exp=NOON + 10)}")
        socket.hear()
        self.now = NOON + 10.0
        socket.say(posting())
        self.assertEqual(socket.hear()[0]["problem"]["type"], "/problems/bad-ticket")
        self.clock.advance(SECONDS)
        self.assertEqual((self.texts(), socket.closed_with), ([], UNAUTHORIZED))

    def test_what_comes_behind_the_end_is_not_heard(self) -> None:
        socket = self.socket_in("lobby", Authorization=self.bearer())
        self.rule("ban", "lobby", "grace")
        self.successResultOf(self.rulings.lift("ban", "lobby", "grace"))
        socket.answering = False
        socket.say(posting())
        self.assertEqual(self.texts(), [])


class SocketWithoutLaneTests(SocketTests):
    plain_transport = PeerTransport
