"""Policy: what is answered to who may not read or post, which tells nobody whether the room is there."""

from __future__ import annotations

from collections.abc import Iterator

from chatcomet.access.policy import Policy
from chatcomet.http.frames import FORBIDDEN, UNAUTHORIZED
from chatcomet.settings import Settings
from tests.unit.http.peer import Answer, PeerTransport, asking
from tests.unit.http.running_access import AccessTestCase, reads_of
from tests.unit.http.running_sockets import KEY, posting, texts

TEAM = """
[[rooms]]
name = "*"
read = "members"
"""


class ReadTests(AccessTestCase):
    def refusals(self, room: str, **headers: str) -> Iterator[Answer]:
        """What is answered to who may not read `room`, by each way to read it."""
        for target in (*reads_of(room), f"/rooms/{room}/events", f"/rooms/{room}/events?cursor=k3v9.0"):
            yield self.ask(target, **headers)
            yield self.ask(target, "HEAD", **headers)
        yield self.handshake(room, **headers)

    def assert_all_refused(self, status: int, problem: str, **headers: str) -> None:
        """In the same words before there is such a room and after, by each way, and with nothing left behind."""
        before = list(self.refusals("vault", **headers))
        for answer in before:
            if answer.body:
                self.assert_refused(status, problem, answer)
            self.assertEqual(answer.status, status)
        rooms = self.ask("/rooms", **headers)
        self.add("secret", room="vault")
        self.assertEqual(list(self.refusals("vault", **headers)), before)
        self.assertEqual(self.ask("/rooms", **headers), rooms)
        self.assertEqual((self.hub.waiting, len(self.chat.readers)), (0, 0))

    def test_a_stranger(self) -> None:
        self.assert_all_refused(401, "not-signed-in")

    def test_a_guest(self) -> None:
        self.assert_all_refused(401, "not-signed-in", Cookie=self.guest())

    def test_a_guest_by_the_name_of_a_member(self) -> None:
        self.policy.policy = Policy.parse('[[rooms]]\nname = "vault"\nread = ["mia"]\n')
        self.assert_all_refused(401, "not-signed-in", Cookie=self.guest("mia"))

    def test_another_member(self) -> None:
        self.policy.policy = Policy.parse('[[rooms]]\nname = "vault"\nread = ["mia"]\n')
        self.assert_all_refused(403, "not-allowed", Cookie=self.member("bob"))
        self.assertEqual(self.ask("/rooms/vault/messages", Cookie=self.member("MIA")).status, 200)

    def test_a_ticket_for_other_rooms(self) -> None:
        self.assert_all_refused(403, "not-allowed", Authorization=self.bearer(grants={"lobby": ["read"]}))
        self.assert_all_refused(403, "not-allowed", Authorization=self.bearer(grants={"vault": ["post", "moderate"]}))

    def test_who_is_banned(self) -> None:
        """To sign in does not help."""
        for name, headers in (
            *(("mia", {"Cookie": self.member()}), ("grace", {"Authorization": self.bearer()})),
            ("ada", {"Cookie": self.guest()}),
        ):
            self.rule("ban", "lobby", name)
            for answer in self.refusals("lobby", **headers):
                if answer.body:
                    self.assert_refused(403, "not-allowed", answer)
                self.assertEqual(answer.status, 403)
            self.assert_refused(403, "not-allowed", self.post("hello", **headers))
        self.assertEqual(self.ask("/rooms/lobby/messages").status, 200)

    def test_a_member(self) -> None:
        self.add("secret", room="vault")
        for target in reads_of("vault"):
            self.assertEqual(self.ask(target, Cookie=self.member()).status, 200)
        self.assert_begins("/rooms/vault/events", Cookie=self.member())
        self.assertTrue(self.socket_in("vault", Cookie=self.member()).is_open)

    def test_one_room_of_several(self) -> None:
        self.add("hello", room="lobby")
        answer = self.ask("/poll?at=lobby:k3v9.0&at=vault:k3v9.0")
        self.assert_not_known("not-signed-in", answer)
        self.assertNotIn(b"hello", answer.body)

    def test_which_rooms_there_are(self) -> None:
        for name in ("lobby", "vault", "box"):
            self.add("hello", room=name)
        for names, headers in (
            (["lobby"], {}),
            (["lobby"], {"Cookie": self.guest()}),
            (["lobby", "vault"], {"Cookie": self.member("bob")}),
            (["box", "lobby", "vault"], {"Cookie": self.member()}),
            (["vault"], {"Authorization": self.bearer(grants={"v*": ["read"], "b*": ["post"]})}),
        ):
            rooms = self.ask("/rooms", **headers).json["rooms"]
            self.assertEqual([room["room"] for room in rooms], names)


class ReadWithoutLaneTests(ReadTests):
    plain_transport = PeerTransport


class PostTests(AccessTestCase):
    def assert_cannot_post(self, status: int, problem: str, room: str, **headers: str) -> None:
        """Neither with a request nor over a socket, nor be shown to type; the same before there is such a room."""
        answers = []
        kept = len(self.kept(room))
        for _ in range(2):
            answers.append(self.post("mine", room, **headers))
            self.assert_refused(status, problem, answers[-1])
            self.assert_refused(status, problem, self.ask(f"/rooms/{room}/typing", "POST", **headers))
            self.add("there is one", room=room)
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(len(self.kept(room)), kept + 2)

    def test_to_who_may_only_read(self) -> None:
        self.assert_cannot_post(401, "not-signed-in", "board")
        self.assert_cannot_post(401, "not-signed-in", "board", Cookie=self.guest())
        self.assert_cannot_post(403, "not-allowed", "board", Cookie=self.member("bob"))
        reads = self.bearer(grants={"board": ["read", "as", "moderate"]})
        self.assert_cannot_post(403, "not-allowed", "board", Authorization=reads)
        self.assertEqual(self.ask("/rooms/board/messages").status, 200)
        self.assertEqual(self.post("hello", "board", Cookie=self.member()).status, 201)

    def test_to_who_may_neither(self) -> None:
        self.assert_cannot_post(401, "not-signed-in", "vault")
        self.assert_cannot_post(403, "not-allowed", "vault", Authorization=self.bearer(grants={"lobby": ["post"]}))

    def test_over_a_socket(self) -> None:
        for problem, headers in (("not-signed-in", {}), ("not-allowed", {"Cookie": self.member("bob")})):
            socket = self.socket_in("board", **headers)
            socket.say(posting(), {"typing": True})
            refused = socket.hear()[-1]["problem"]
            self.assertEqual((refused["type"], refused["key"]), (f"/problems/{problem}", KEY))
            self.assertTrue(socket.is_open)
        self.assertEqual(self.kept("board"), [])

    def test_who_may_post_and_not_read(self) -> None:
        answer = self.post("hello", "box")
        self.assertEqual((answer.status, answer.json["message"]["seq"]), (201, 0))
        self.assertEqual(self.ask("/rooms/box/typing", "POST").status, 204)
        self.assert_not_known("not-signed-in", self.ask("/rooms/box/messages"))
        self.assertEqual(texts(self.ask("/rooms/box/messages", Cookie=self.member()).json), ["hello"])

    def test_who_may_post_where_nobody_may_be_the_first(self) -> None:
        known = {"Cookie": self.member()}
        self.assert_refused(403, "not-allowed", self.post("hello", "board", **known))
        grants = self.bearer(grants={"board": ["post"]})
        self.assert_refused(403, "not-allowed", self.post("hello", "board", Authorization=grants))
        self.assertEqual(self.kept("board"), [])
        self.add("first", room="board")
        self.assertEqual(self.post("hello", "board", **known).status, 201)
        self.assertEqual(self.post("hello", "board", Authorization=grants).status, 201)

    def test_who_is_muted(self) -> None:
        for name, status, problem, headers in (
            ("mia", 403, "not-allowed", {"Cookie": self.member()}),
            ("grace", 403, "not-allowed", {"Authorization": self.bearer()}),
            ("ada", 403, "not-allowed", {"Cookie": self.guest()}),
        ):
            self.rule("mute", "lobby", name)
            self.assertEqual(self.ask("/rooms/lobby/messages", **headers).status, 200)
            self.assert_refused(status, problem, self.post("hello", **headers))
            self.assertEqual(self.post("hello", "kitchen", **headers).status, 201)
        self.assertEqual(self.texts(), [])


class PostWithoutLaneTests(PostTests):
    plain_transport = PeerTransport


class SeedTests(AccessTestCase):
    def test_the_lobby_may_be_closed(self) -> None:
        self.add("secret")
        self.policy.policy = Policy.parse(TEAM)
        for headers in ({}, {"Cookie": self.guest()}):
            for number in (0, 1, 2):
                self.assert_not_known("not-signed-in", self.ask(f"/chat/get/{number}", **headers))
            self.assert_not_known("not-signed-in", self.submit(**headers))
        self.assertEqual(self.ask("/chat/get/0", Cookie=self.member()).body, b"secret")
        self.assertEqual(self.submit(Cookie=self.member()).status, 200)
        self.assertEqual(self.ask("/chat/get/0", Authorization=self.bearer()).body, b"secret")


class SeedWithoutLaneTests(SeedTests):
    plain_transport = PeerTransport


class NoGuestsTests(AccessTestCase):
    settings = Settings(store="memory:", guests=False)

    def test_they_may_do_nothing(self) -> None:
        cookie = self.guest()
        for headers in ({}, {"Cookie": cookie}):
            for target in (*reads_of("lobby"), "/rooms/lobby/events", "/chat/get/0"):
                self.assert_not_known("not-signed-in", self.ask(target, **headers))
            self.assert_not_known("not-signed-in", self.handshake("lobby", **headers))
            self.assert_not_known("not-signed-in", self.post("hello", **headers))
            self.assert_not_known("not-signed-in", self.submit(**headers))
            self.assert_not_known("not-signed-in", self.post("hello", "box", **headers))
            grants = self.ask("/session", **headers).json["grants"]
            self.assertEqual(grants, {})
            self.assertEqual(self.ask("/session?room=lobby", **headers).json["grants"], {"lobby": []})
        self.assertEqual(self.ask("/rooms").json, {"rooms": []})

    def test_nor_become_one(self) -> None:
        answer = self.take_name("bob")
        self.assert_not_known("not-signed-in", answer)
        self.assertNotIn("set-cookie", answer.headers)

    def test_the_page_is_there(self) -> None:
        for target in ("/", "/page.js", "/openapi.yaml"):
            self.assertEqual(self.ask(target).status, 200)

    def test_others_may(self) -> None:
        for headers in ({"Cookie": self.member()}, {"Authorization": self.bearer()}):
            self.assertEqual(self.post("hello", **headers).status, 201)
            self.assertEqual(self.ask("/rooms/lobby/messages", **headers).status, 200)


class NoGuestsWithoutLaneTests(NoGuestsTests):
    plain_transport = PeerTransport


class ChangedTests(AccessTestCase):
    """The operator has another policy read, as the service does."""

    def change(self, text: str) -> None:
        self.policy.policy = Policy.parse(text)
        self.chat.gate.forget()
        self.chat.readers.check_all()

    def test_it_holds_at_once_for_who_asks(self) -> None:
        target = "/rooms/lobby/messages?cursor=k3v9.0&wait=0"
        self.assertEqual([self.ask(target).status for _ in range(2)], [200, 200])
        self.change(TEAM)
        self.assertEqual([self.ask(target).status for _ in range(2)], [401, 401])
        self.change("")
        self.assertEqual([self.ask(target).status for _ in range(2)], [200, 200])

    def test_and_for_who_waits_or_follows(self) -> None:
        polls = [self.connect() for _ in range(3)]
        for peer, cookie in zip(polls, ("", self.guest(), self.member()), strict=True):
            peer.send(asking("/rooms/lobby/messages?cursor=k3v9.0", Cookie=cookie))
        stream = self.assert_begins("/rooms/lobby/events")
        guest, member = self.socket_in("lobby"), self.socket_in("lobby", Cookie=self.member())
        self.assertTrue(guest.is_open and member.is_open)
        self.change(TEAM)
        for peer in polls[:2]:
            self.assert_not_known("not-signed-in", peer.answer())
        self.assertTrue(stream.taken().endswith(b"0\r\n\r\n"))
        self.assertEqual((guest.closed_with, len(self.chat.readers)), (UNAUTHORIZED, 2))
        self.add("hello")
        self.assertEqual(texts(polls[2].answer().json), ["hello"])
        self.assertEqual(texts(member.hear()[-1]), ["hello"])

    def test_who_is_known_hears_that_it_does_not_help(self) -> None:
        socket = self.socket_in("lobby", Cookie=self.member())
        poll = self.connect()
        poll.send(asking("/poll?at=lobby:k3v9.0&at=kitchen:k3v9.0", Cookie=self.member()))
        self.assertTrue(socket.is_open)
        self.change('[[rooms]]\nname = "lobby"\nread = ["bob"]\n')
        self.assert_refused(403, "not-allowed", poll.answer())
        self.assertEqual(socket.closed_with, FORBIDDEN)
        self.assertEqual(self.hub.waiting, 0)


class ChangedWithoutLaneTests(ChangedTests):
    plain_transport = PeerTransport
