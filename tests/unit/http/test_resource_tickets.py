"""Tickets: where they are taken, which ones, and whose word it is that counts."""

from __future__ import annotations

import json

from chatcomet.access.tickets import Tickets
from tests.unit.access.forge import NOON, hs256, signed, ticket, with_header
from tests.unit.http.peer import Answer, PeerTransport, asking
from tests.unit.http.running_access import ALL, AccessTestCase, reads_of
from tests.unit.http.running_lane import JSON, LaneTestCase
from tests.unit.http.running_sockets import HANDSHAKE, KEY, posting, texts

ROOM = "/rooms/vault/messages"


class GoodTests(AccessTestCase):
    def test_what_is_read(self) -> None:
        self.add("secret", room="vault")
        for target in reads_of("vault"):
            answer = self.ask(target, Authorization=self.bearer())
            self.assertEqual(answer.status, 200, target)
            self.assertNotIn("set-cookie", answer.headers)
        self.assertIn(b"secret", self.ask(ROOM, Authorization=self.bearer()).body)

    def test_what_is_waited_for(self) -> None:
        self.peer.send(asking(f"{ROOM}?cursor=k3v9.0", Authorization=self.bearer()))
        self.assertEqual((self.peer.taken(), self.hub.readers("vault")), (b"", 1))
        self.add("secret", room="vault")
        self.assertEqual(texts(self.peer.answer().json), ["secret"])

    def test_what_is_followed(self) -> None:
        for query, headers in ((f"?ticket={self.ticket()}", {}), ("", {"Authorization": self.bearer()})):
            stream = self.assert_begins(f"/rooms/vault/events{query}", **headers)
            socket = self.socket_in("vault", query, **headers)
            self.assertTrue(socket.is_open)
            self.add("secret", room="vault")
            self.assertIn(b"secret", stream.taken())
            self.assertEqual(texts(socket.hear()[-1]), ["secret"])

    def test_what_is_posted(self) -> None:
        answer = self.post("hello", "vault", Authorization=self.bearer())
        self.assertEqual((answer.status, answer.json["message"]["author"]), (201, "grace"))
        self.assertEqual(self.submit(Authorization=self.bearer()).status, 200)
        self.assertEqual(self.kept()[-1].author, "grace")
        socket = self.socket_in("vault", f"?ticket={self.ticket()}")
        socket.say(posting())
        self.assertEqual(socket.hear()[-1]["posted"]["message"]["author"], "grace")
        self.assertEqual(self.ask("/rooms/vault/typing", "POST", Authorization=self.bearer()).status, 204)

    def test_who_that_is(self) -> None:
        grants = {"team-*": ["read"], "lobby": ["read", "as"]}
        who = self.ask("/session", Authorization=self.bearer(grants=grants)).json
        del who["sign_in"], who["limits"]
        self.assertEqual(who, {"name": "grace", "guest": False, "grants": grants})

    def test_who_is_in_the_room(self) -> None:
        """One person, whatever ticket: under its name."""
        for number in range(2):
            poll = asking(f"{ROOM}?cursor=k3v9.0", Authorization=self.bearer(jti=str(number)))
            self.connect().send(poll)
        roster = self.ask("/rooms/vault", Authorization=self.bearer()).json["roster"]
        self.assertEqual((roster["count"], roster["people"]), (1, [{"name": "grace", "typing": False}]))

    def test_it_counts_in_the_place_of_a_cookie(self) -> None:
        cookie = self.member()
        headers = {"Cookie": cookie, "Authorization": self.bearer(grants={})}
        self.assert_refused(403, "not-allowed", self.ask(ROOM, **headers))
        self.assert_refused(
            403, "not-allowed", self.handshake("vault", f"?ticket={self.ticket(grants={})}", Cookie=cookie)
        )
        self.assertEqual(self.ask("/session", Cookie=cookie, Authorization=self.bearer()).json["name"], "grace")

    def test_a_key_is_its_bearers_also_with_the_next_ticket(self) -> None:
        posts = [
            self.post(text, Idempotency_Key="k1", Authorization=self.bearer(sub=name, jti=jti))
            for name, jti, text in (("grace", "a", "hello"), ("grace", "b", "hello"), ("hedy", "c", "bye"))
        ]
        self.assertEqual([answer.status for answer in posts], [201, 200, 201])
        self.assertEqual(self.texts(), ["hello", "bye"])

    def test_its_grants_are_all_that_counts(self) -> None:
        reads, posts = self.bearer(grants={"vault": ["read"]}), self.bearer(grants={"vault": ["post"]})
        self.assertEqual(self.ask(ROOM, Authorization=reads).status, 200)
        self.assert_refused(403, "not-allowed", self.post("hello", "vault", Authorization=reads))
        self.assertEqual(self.post("hello", "vault", Authorization=posts).status, 201)
        self.assert_refused(403, "not-allowed", self.ask(ROOM, Authorization=posts))
        for answer in (self.ask("/rooms/lobby/messages", Authorization=reads), self.submit(Authorization=posts)):
            self.assert_refused(403, "not-allowed", answer)


class GoodWithoutLaneTests(GoodTests):
    plain_transport = PeerTransport


class InTheLaneTests(AccessTestCase, LaneTestCase):
    def test_all_that_may_take_it_does(self) -> None:
        self.add("secret", room="vault")
        known = {"Authorization": self.bearer(), "X_Forwarded_For": "198.51.100.7"}
        for target in (f"{ROOM}?cursor=k3v9.0", f"{ROOM}?cursor=k3v9.0&roster=0", "/poll?at=vault:k3v9.0"):
            self.assertEqual(self.ask(target, **known).status, 200)
        self.assertEqual(self.post("hello", "vault", **known).status, 201)
        self.assertEqual(self.submit(**known).status, 200)
        for query in ("", f"?ticket={self.ticket()}"):
            headers = {} if query else known
            self.assert_begins(f"/rooms/vault/events{query}", **headers)
            self.assertTrue(self.socket_in("vault", query, **headers).is_open)
        self.assert_in_lane()

    def test_also_what_is_refused(self) -> None:
        for headers in ({}, {"Authorization": "Bearer none"}):
            for target in (f"{ROOM}?cursor=k3v9.0", "/poll?at=vault:k3v9.0", "/rooms/vault/events"):
                self.assertEqual(self.ask(target, **headers).status, 401)
            self.assertEqual(self.post("hello", "vault", **headers).status, 401)
            self.assertEqual(self.handshake("vault", **headers).status, 401)
        self.assert_in_lane()


class OfTheQueryTests(AccessTestCase):
    """``?ticket=`` is for what a browser opens without headers; anywhere else it is refused."""

    def assert_refused_for_it(self, answer: Answer) -> None:
        """Whoever asked is told where the ticket belongs."""
        self.assert_refused(400, "malformed", answer)
        self.assertIn("Authorization", answer.json["detail"])

    def test_what_is_read(self) -> None:
        targets = (*reads_of("vault"), *reads_of("lobby"), "/rooms", "/session", "/rooms/lobby/bans", "/chat/get/0")
        for target in targets:
            for tickets in (f"ticket={self.ticket()}", "ticket=none&ticket=none", "ticket="):
                asked = f"{target}{'&' if '?' in target else '?'}{tickets}"
                self.assert_refused_for_it(self.ask(asked))
                self.assert_refused_for_it(self.ask(asked, Authorization=self.bearer()))

    def test_what_is_changed(self) -> None:
        said, form = json.dumps({"text": "hello"}).encode(), "application/x-www-form-urlencoded"
        for method, target, body, kind in (
            ("POST", "/rooms/lobby/messages", said, JSON),
            ("POST", "/chat/post", b"message=hello", form),
            ("POST", "/rooms/lobby/typing", b"", form),
            ("DELETE", "/rooms/lobby/messages/0", b"", form),
            ("PUT", "/rooms/lobby/bans/eve", b"", form),
            ("DELETE", "/rooms/lobby/mutes/eve", b"", form),
            ("POST", "/session", b'{"name": "ada"}', JSON),
            ("DELETE", "/session", b"", form),
        ):
            answer = self.connect().ask(f"{target}?ticket={self.ticket()}", method, body, Content_Type=kind)
            self.assert_refused_for_it(answer)
            self.assertNotIn("set-cookie", answer.headers)
        self.assertEqual(self.kept("lobby"), [])
        self.assertEqual(self.chat.rulings.of("lobby"), [])

    def test_one_of_another_spelling(self) -> None:
        for asked in (f"%74icket={self.ticket()}", f"TICKET=none&ticket={self.ticket()}"):
            self.assert_refused_for_it(self.ask(f"/rooms/lobby/messages?cursor=k3v9.0&wait=0&{asked}"))
        self.assertEqual(self.ask("/rooms/lobby/messages?cursor=k3v9.0&wait=0&tickets=none&ticket").status, 200)

    def test_what_asks_nobody_who_it_is(self) -> None:
        for target in ("/", "/chatcomet.js", "/openapi.yaml"):
            self.assertEqual(self.ask(f"{target}?ticket={self.ticket()}").status, 200)
        self.assertEqual(self.ask(f"/chat?ticket={self.ticket()}").status, 302)

    def test_both_at_once(self) -> None:
        query = f"?ticket={self.ticket()}"
        for authorization in (self.bearer(), "Bearer none", "Basic YWRhOng="):
            for room in ("lobby", "vault"):
                answer = self.ask(f"/rooms/{room}/events{query}", Authorization=authorization)
                self.assert_refused(400, "malformed", answer)
                self.assert_refused(400, "malformed", self.handshake(room, query, Authorization=authorization))

    def test_several(self) -> None:
        query = f"?ticket={self.ticket()}&ticket={self.ticket()}"
        self.assert_refused(400, "malformed", self.ask(f"/rooms/lobby/events{query}"))
        self.assert_refused(400, "malformed", self.handshake("lobby", query))

    def test_head(self) -> None:
        for query, status in ((f"?ticket={self.ticket()}", 200), ("?ticket=none", 401), ("", 401)):
            peer = self.connect()
            peer.send(asking(f"/rooms/vault/events{query}", "HEAD"))
            head, _, body = peer.taken().partition(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"HTTP/1.1 %d " % status), head)
            self.assertEqual((body, len(self.chat.readers)), (b"", 0))


class OfTheQueryWithoutLaneTests(OfTheQueryTests):
    plain_transport = PeerTransport


class NotGoodTests(AccessTestCase):
    """Whoever comes with a ticket that is not good is told so, wherever none is needed, too."""

    def bad(self) -> dict[str, str]:
        good = {"exp": NOON + 3_600, "grants": ALL}
        return {
            "none": "none",
            "empty": "",
            "expired": ticket(exp=NOON),
            "long": "a" * 5_000,
            "two": f"{ticket()} x",
            "forged": signed(hs256(b"x" * 32), **good),
            "unsigned": signed(lambda _: b"", "none", **good),
            "of another algorithm": signed(hs256(), "HS512", **good),
            "not yet": ticket(nbf=NOON + 60),
            "for others": ticket(aud="others"),
            "nobody": ticket(sub=...),
            "for ever": ticket(exp=...),
            "critical": with_header(crit=["x"]),
            "cut": self.ticket()[:-1],
            "more": self.ticket() + "A",
        }

    def test_in_the_header(self) -> None:
        self.add("one")
        for text in self.bad().values():
            known = {"Authorization": f"Bearer {text}"}
            for room in ("lobby", "vault"):
                for target in (*reads_of(room), f"/rooms/{room}/events", "/chat/get/0", "/session", "/rooms"):
                    self.assert_not_known("bad-ticket", self.ask(target, **known))
                self.assert_not_known("bad-ticket", self.post("hello", room, **known))
                self.assert_not_known("bad-ticket", self.handshake(room, **known))
            self.assert_not_known("bad-ticket", self.submit(**known))
        self.assertEqual((self.texts(), len(self.chat.readers)), (["one"], 0))

    def test_in_the_query(self) -> None:
        for text in self.bad().values():
            for room in ("lobby", "vault"):
                query = f"?ticket={text.replace(' ', '%20')}"
                self.assert_not_known("bad-ticket", self.ask(f"/rooms/{room}/events{query}"))
                self.assert_not_known("bad-ticket", self.handshake(room, query))

    def test_it_is_no_part_of_the_answer(self) -> None:
        for text in self.bad().values():
            if len(text) > 10:
                known = {"Authorization": f"Bearer {text}"}
                said = [self.ask("/rooms/lobby/messages", **known), self.ask(f"/rooms/lobby/events?ticket={text}")]
                for answer in said:
                    self.assertNotIn(text[-10:].encode(), repr(answer).encode())

    def test_expired_since(self) -> None:
        """What is remembered of it does not outlive it, nor what is remembered of the header."""
        known = {"Authorization": self.bearer(exp=NOON + 60)}
        for target in (f"{ROOM}?cursor=k3v9.0&wait=0", ROOM):
            self.now = NOON
            self.assertEqual([self.ask(target, **known).status for _ in range(2)], [200, 200])
            self.now = NOON + 60
            self.assert_not_known("bad-ticket", self.ask(target, **known))

    def test_revoked(self) -> None:
        known = {"Authorization": self.bearer()}
        other = {"Authorization": self.bearer(jti="another")}
        self.assertEqual(self.ask(ROOM, **known).status, 200)
        answer = self.ask("/session", "DELETE", **known)
        self.assertEqual((answer.status, answer.body), (204, b""))
        for target in (ROOM, f"{ROOM}?cursor=k3v9.0&wait=0", "/session", "/rooms/vault/events"):
            self.assert_not_known("bad-ticket", self.ask(target, **known))
        self.assert_not_known("bad-ticket", self.ask("/session", "DELETE", **known))
        self.assert_not_known("bad-ticket", self.post("hello", **known))
        self.assertEqual(self.ask(ROOM, **other).status, 200)

    def test_revoked_by_the_operators_word(self) -> None:
        known = {"Authorization": self.bearer(jti="of grace")}
        self.rule("revoked", "", "jti:of grace")
        self.assert_not_known("bad-ticket", self.ask(ROOM, **known))

    def test_a_cookie_beside_it_does_not_help(self) -> None:
        self.assert_not_known("bad-ticket", self.ask(ROOM, Cookie=self.member(), Authorization="Bearer none"))


class NotGoodWithoutLaneTests(NotGoodTests):
    plain_transport = PeerTransport


class NotTakenTests(LaneTestCase):
    """Where the operator has given no key."""

    def tickets(self) -> Tickets | None:
        return None

    def test_none_is_good(self) -> None:
        for text in (ticket(), "none"):
            for answer in (
                self.connect().ask("/rooms/lobby/messages?cursor=k3v9.0&wait=0", Authorization=f"Bearer {text}"),
                self.connect().ask(f"/rooms/lobby/events?ticket={text}"),
                self.connect().ask(f"/rooms/lobby/socket?ticket={text}", "GET", b"", **HANDSHAKE),
            ):
                self.assertEqual((answer.status, answer.problem), (401, "bad-ticket"))
        self.assert_in_lane()


class AuthorTests(AccessTestCase):
    """A back end may say who the author is."""

    def test_with_a_grant(self) -> None:
        known = {"Authorization": self.bearer(grants={"lobby": ["post", "as"]})}
        answer = self.post_json({"text": "hello", "author": " Bob "}, **known)
        self.assertEqual((answer.status, answer.json["message"]["author"]), (201, "Bob"))
        answer = self.connect().ask(
            "/rooms/lobby/messages",
            "POST",
            b"text=hello&author=Eve",
            Content_Type="application/x-www-form-urlencoded",
            **known,
        )
        self.assertEqual((answer.status, answer.json["message"]["author"]), (201, "Eve"))
        for document in ({"text": "hello"}, {"text": "hello", "author": None}):
            self.assertEqual(self.post_json(document, **known).json["message"]["author"], "grace")

    def test_over_a_socket(self) -> None:
        socket = self.socket_in("lobby", f"?ticket={self.ticket(grants={'lobby': ['read', 'post', 'as']})}")
        socket.say(posting(author="bob"))
        self.assertEqual(socket.hear()[-1]["posted"]["message"]["author"], "bob")

    def test_without(self) -> None:
        for known in (
            *({}, {"Cookie": self.guest()}, {"Cookie": self.member()}, {"Authorization": self.bearer()}),
            {"Authorization": self.bearer(grants={"lobby": ["post", "moderate"], "vault": ["as"]})},
        ):
            answer = self.post_json({"text": "hello", "author": "mia"}, **known)
            self.assert_refused(403, "not-allowed", answer)
            socket = self.socket_in("lobby", **known)
            if socket.is_open:
                socket.say(posting(author="mia"))
                refused = socket.hear()[-1]["problem"]
                self.assertEqual((refused["type"], refused["key"]), ("/problems/not-allowed", KEY))
        self.assertEqual(self.texts(), [])

    def test_to_name_is_not_to_post(self) -> None:
        known = {"Authorization": self.bearer(grants={"lobby": ["as"]})}
        self.assert_refused(403, "not-allowed", self.post_json({"text": "hello", "author": "bob"}, **known))

    def test_what_is_no_name(self) -> None:
        known = {"Authorization": self.bearer(grants={"lobby": ["post", "as"]})}
        authors: list[object] = ["", " ", "a" * 33, "a\u202eb", "a\nb", 1, [], {}, True]
        for author in authors:
            self.assert_refused(400, "malformed", self.post_json({"text": "hello", "author": author}, **known))
        self.assertEqual(self.texts(), [])


class AuthorWithoutLaneTests(AuthorTests):
    plain_transport = PeerTransport
