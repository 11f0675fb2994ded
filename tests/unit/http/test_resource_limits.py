"""Limits: how often and how many, and what who is too many is told."""

from __future__ import annotations

from chatcomet.access.policy import Policy
from chatcomet.api.polling import CROWDED_SECONDS
from chatcomet.http.events import RETRY_MS
from chatcomet.settings import Rate, Settings
from tests.unit.http.peer import Answer, Peer, PeerTransport, asking
from tests.unit.http.running_access import AccessTestCase
from tests.unit.http.running_sockets import posting, texts

HERE, THERE = "198.51.100.7", "198.51.100.8"
POLL = "/rooms/lobby/messages?cursor=k3v9.0"


class PostTests(AccessTestCase):
    settings = Settings(store="memory:", post_rate=Rate(0.5, 2))

    def assert_limited(self, answer: Answer, problem: str = "too-many-posts", seconds: int = 2) -> None:
        self.assert_refused(429, problem, answer)
        self.assertEqual(answer.headers["retry-after"], str(seconds))

    def assert_two(self, **headers: str) -> None:
        """Two at once, and then one every two seconds."""
        self.assertEqual([self.post("hello", **headers).status for _ in range(2)], [201, 201])
        kept = len(self.kept())
        for _ in range(3):
            self.assert_limited(self.post("too many", **headers))
            self.assert_limited(self.submit("too many", **headers))
        self.assertEqual(len(self.kept()), kept)
        self.clock.advance(2.0)
        self.assertEqual(self.submit(**headers).status, 200)
        self.assert_limited(self.post("too many", **headers))

    def test_of_a_session_wherever_it_is(self) -> None:
        cookie = self.guest()
        self.assert_two(Cookie=cookie)
        self.assert_limited(self.post("too many", Cookie=cookie, X_Forwarded_For=HERE))

    def test_of_a_member_whatever_the_session(self) -> None:
        cookies = [self.member(), self.member()]
        self.assert_two(Cookie=cookies[0])
        self.assert_limited(self.post("too many", Cookie=cookies[1]))

    def test_of_a_ticket_and_those_that_follow_it(self) -> None:
        self.assert_two(Authorization=self.bearer(jti="a"))
        self.assert_limited(self.post("too many", Authorization=self.bearer(jti="b")))
        self.assertEqual(self.post("hello", Authorization=self.bearer(sub="hedy")).status, 201)

    def test_of_an_address(self) -> None:
        self.assert_two(X_Forwarded_For=HERE)
        self.assert_limited(self.post("too many", Forwarded=f"for={HERE}"))
        self.assert_two(X_Forwarded_For=THERE)
        self.assertEqual(self.post("hello", X_Forwarded_For=HERE, Cookie=self.guest()).status, 201)

    def test_not_of_this_machine(self) -> None:
        self.assertEqual([self.post("hello").status for _ in range(9)], [201] * 9)

    def test_not_of_who_names_authors(self) -> None:
        known = {"Authorization": self.bearer(grants={"lobby": ["post", "as"]})}
        self.assertEqual([self.post("hello", **known).status for _ in range(9)], [201] * 9)

    def test_over_a_socket(self) -> None:
        socket = self.socket_in("lobby", Cookie=self.guest())
        socket.hear()
        for number in range(3):
            socket.say(posting(f"k{number}"))
        refused = socket.hear()[-1]["problem"]
        self.assertEqual((refused["type"], refused["status"]), ("/problems/too-many-posts", 429))
        self.assertEqual((refused["key"], refused["retry_after"]), ("k2", 2))
        self.assertTrue(socket.is_open)
        self.clock.advance(2.0)
        socket.say(posting("k2"))
        self.assertEqual(socket.hear()[-1]["posted"]["key"], "k2")

    def test_typing(self) -> None:
        cookie = self.guest()
        for headers in ({"Cookie": cookie}, {"X_Forwarded_For": HERE}):
            answers = [self.ask("/rooms/lobby/typing", "POST", **headers) for _ in range(3)]
            self.assertEqual([answer.status for answer in answers], [204, 204, 429])
            self.assert_limited(answers[2])
            self.assert_two(**headers)
            self.assertEqual(self.ask("/rooms/lobby/typing", "POST", **headers).status, 204)
        self.assertEqual(self.ask("/rooms/lobby/typing", "POST", X_Forwarded_For=THERE).status, 204)
        self.assertEqual([self.ask("/rooms/lobby/typing", "POST").status for _ in range(9)], [204] * 9)

    def test_typing_over_a_socket(self) -> None:
        socket = self.socket_in("lobby", Cookie=self.guest())
        socket.hear()
        for heard in (0, 0, 1, 1):
            socket.say({"typing": True})
            problems = [said["problem"] for said in socket.hear()]
            self.assertEqual(
                [(each["type"], each["retry_after"]) for each in problems], [("/problems/too-many-posts", 2)] * heard
            )
        self.assertTrue(socket.is_open)
        socket.say(posting("k1"))
        self.assertEqual(socket.hear()[-1]["posted"]["key"], "k1")
        self.clock.advance(2.0)
        socket.say({"typing": True})
        self.assertEqual(socket.hear(), [])

    def test_what_is_refused_for_something_else_does_not_count(self) -> None:
        cookie = self.guest()
        for text in ("", "x" * 4_001):
            for _ in range(5):
                self.assertIn(self.post(text, Cookie=cookie).status, (400, 413))
                self.assertEqual(self.post("hello", "vault", Cookie=cookie).status, 401)
        self.assert_two(Cookie=cookie)

    def test_in_a_room_that_has_its_own(self) -> None:
        self.policy.policy = Policy.parse('[[rooms]]\nname = "slow"\nposts_per_second = 0.1\npost_burst = 1\n')
        cookie = self.guest()
        self.assertEqual(self.post("hello", "slow", Cookie=cookie).status, 201)
        self.assert_limited(self.post("hello", "slow", Cookie=cookie), seconds=10)
        self.assert_two(Cookie=cookie)


class PostWithoutLaneTests(PostTests):
    plain_transport = PeerTransport


class MadeTests(AccessTestCase):
    settings = Settings(store="memory:", session_rate=Rate(1 / 60, 2), room_rate=Rate(1 / 60, 2))

    def test_sessions_of_an_address(self) -> None:
        answers = [self.take_name(f"ada{number}", X_Forwarded_For=HERE) for number in range(3)]
        self.assertEqual([answer.status for answer in answers], [200, 200, 429])
        self.assert_refused(429, "too-many-sessions", answers[2])
        self.assertEqual(answers[2].headers["retry-after"], "60")
        self.assertNotIn("set-cookie", answers[2].headers)
        self.assertEqual(self.take_name("bob", X_Forwarded_For=THERE).status, 200)
        for name, status in (("ADA0", 200), ("ada9", 429)):  # the same one, and another
            self.assertEqual(self.take_name(name, X_Forwarded_For=HERE, Cookie=answers[0].cookie).status, status)

    def test_rooms(self) -> None:
        for headers in ({"X_Forwarded_For": HERE}, {"Cookie": self.guest()}, {"Authorization": self.bearer()}):
            name = "".join(headers)[0].lower()
            answers = [self.post("hello", f"{name}{number}", **headers) for number in range(3)]
            self.assertEqual([answer.status for answer in answers], [201, 201, 429])
            self.assert_refused(429, "too-many-rooms", answers[2])
            self.assertEqual((answers[2].headers["retry-after"], self.kept(f"{name}2")), ("60", []))
            self.assertEqual(self.post("hello", f"{name}0", **headers).status, 201)
            self.clock.advance(60.0)
            self.assertEqual(self.post("hello", f"{name}2", **headers).status, 201)


class MadeWithoutLaneTests(MadeTests):
    plain_transport = PeerTransport


class ReadersTests(AccessTestCase):
    """There are as many as there may be, in all."""

    settings = Settings(store="memory:", readers=2)
    problem = "too-many-readers"
    address = ""

    def setUp(self) -> None:
        super().setUp()
        self.headers = {"X_Forwarded_For": self.address}
        self.readers = [self.waiting(), self.waiting()]

    def waiting(self) -> Peer:
        """One that waits."""
        peer = self.connect()
        peer.send(asking("/rooms/lobby/messages?cursor=k3v9.0", "GET", b"", **self.headers))
        self.assertEqual(peer.taken(), b"")
        return peer

    def assert_put_off(self, answer: Answer) -> None:
        self.assertEqual(answer.headers["retry-after"], str(CROWDED_SECONDS))
        self.assertEqual((len(self.chat.readers), self.hub.waiting), (2, 2))

    def test_a_poll_is_answered_at_once_and_told_when_to_come_again(self) -> None:
        for query in ("", "&wait=20", "&roster=0", "&limit=5"):
            answer = self.ask(POLL + query, **self.headers)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.json, {"room": "lobby", "cursor": "k3v9.0", "messages": []})
            self.assert_put_off(answer)

    def test_one_of_several_rooms(self) -> None:
        answer = self.ask("/poll?at=lobby:k3v9.0&at=kitchen:k3v9.0", **self.headers)
        empty: list[object] = [{"room": room, "cursor": "k3v9.0", "messages": []} for room in ("lobby", "kitchen")]
        self.assertEqual((answer.status, answer.json), (200, {"pages": empty}))
        self.assert_put_off(answer)

    def test_where_there_is_something_it_is_answered_as_always(self) -> None:
        self.add("hello", room="kitchen")
        for target in ("/rooms/kitchen/messages?cursor=k3v9.0", "/poll?at=lobby:k3v9.0&at=kitchen:k3v9.0"):
            answer = self.ask(target, **self.headers)
            self.assertIn(b"hello", answer.body)
            self.assertNotIn("retry-after", answer.headers)
        self.assertEqual(self.ask("/rooms/kitchen/messages", **self.headers).status, 200)

    def test_what_was_wrong_still_is(self) -> None:
        self.assert_refused(410, "cursor-expired", self.ask("/rooms/lobby/messages?cursor=other.0", **self.headers))
        self.assert_not_known("not-signed-in", self.ask("/rooms/vault/messages?cursor=k3v9.0", **self.headers))

    def test_the_seeds(self) -> None:
        answer = self.ask("/chat/get/0", **self.headers)
        self.assertEqual((answer.status, answer.body, answer.headers["connection"]), (408, b"", "close"))
        self.assert_put_off(answer)
        self.assertEqual(self.ask("/chat/get/1", **self.headers).status, 404)

    def test_a_stream_is_told_when_to_come_again(self) -> None:
        retry = max(RETRY_MS, CROWDED_SECONDS * 1_000)
        for accept, said in (("text/event-stream", f"retry: {retry}\n\n"), ("application/x-ndjson", "")):
            for query in ("", "?cursor=k3v9.0"):
                peer = self.connect()
                peer.send(asking(f"/rooms/lobby/events{query}", "GET", b"", Accept=accept, **self.headers))
                head, _, body = peer.taken().partition(b"\r\n\r\n")
                self.assertTrue(head.startswith(b"HTTP/1.1 200 "))
                chunk = f"{len(said):x}\r\n{said}\r\n" if said else ""
                self.assertEqual(body, f"{chunk}0\r\n\r\n".encode())
                self.assertEqual(peer.ask("/session").status, 200)
        self.assertEqual(len(self.chat.readers), 2)

    def test_a_socket_is_refused(self) -> None:
        for query in ("", "?cursor=k3v9.0"):
            answer = self.handshake("lobby", query, **self.headers)
            self.assert_refused(503, self.problem, answer)
            self.assert_put_off(answer)

    def test_posts_are_not(self) -> None:
        self.assertEqual(self.post("hello", **self.headers).status, 201)
        self.assertEqual([texts(peer.answer().json) for peer in self.readers], [["hello"]] * 2)

    def test_when_there_is_room_again(self) -> None:
        self.readers.pop().lose()
        self.readers.append(self.waiting())
        self.assert_put_off(self.ask(POLL, **self.headers))
        self.add("hello")
        self.assertEqual([texts(peer.answer().json) for peer in self.readers], [["hello"]] * 2)
        self.assertEqual(len(self.chat.readers), 0)
        socket = self.socket_in("lobby", **self.headers)
        self.assertTrue(socket.is_open)
        self.assert_begins("/rooms/lobby/events", **self.headers)
        self.assert_put_off(self.handshake("lobby", **self.headers))
        socket.lose()
        self.assertTrue(self.socket_in("lobby", **self.headers).is_open)


class ReadersWithoutLaneTests(ReadersTests):
    plain_transport = PeerTransport


class ReadersOfAnAddressTests(ReadersTests):
    """There are as many as there may be from one address."""

    settings = Settings(store="memory:", readers_per_address=2)
    problem = "too-many-readers-of-address"
    address = HERE

    def test_others_wait_as_always(self) -> None:
        for peer, headers in ((self.connect(), {"X_Forwarded_For": THERE}), (self.connect(), {})):
            peer.send(asking(POLL, "GET", b"", **headers))
            self.assertEqual(peer.taken(), b"")
        self.assertEqual(len(self.chat.readers), 4)

    def test_whoever_it_is(self) -> None:
        for known in ({"Cookie": self.guest()}, {"Authorization": self.bearer()}):
            self.assert_put_off(self.ask(POLL, **self.headers, **known))


class ReadersOfAnAddressWithoutLaneTests(ReadersOfAnAddressTests):
    plain_transport = PeerTransport
