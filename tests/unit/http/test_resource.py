"""ChatResource: each route's answer for each method, and what becomes of a request whose peer drops."""

from __future__ import annotations

import json
from unittest.mock import patch

from chatcomet.api import polling
from chatcomet.core.hub import Hub
from chatcomet.errors import StoreUnavailable
from chatcomet.http.page import POLICY
from chatcomet.settings import Settings
from tests.unit.api.running_chat import NOON
from tests.unit.http.peer import Answer, Peer, PeerTransport, asking
from tests.unit.http.running_edge import EdgeTestCase

ROOM = "/rooms/lobby/messages"
HELLO = {"seq": 0, "author": "guest", "text": "hello", "at": NOON}
KEY = "0123456789abcdef"
JSON = "application/json"


class ReadTests(EdgeTestCase):
    def test_the_newest(self) -> None:
        self.add("one", "two", "three")
        page = self.peer.ask(f"{ROOM}?limit=2").json
        self.assertEqual([message["text"] for message in page["messages"]], ["two", "three"])
        self.assertEqual((page["room"], page["cursor"]), ("lobby", "k3v9.3"))

    def test_a_room_that_nobody_has_used(self) -> None:
        for target in (ROOM, f"{ROOM}?cursor=k3v9.0&wait=0", f"{ROOM}?before=7"):
            self.assertEqual(self.peer.ask(target).json, {"room": "lobby", "cursor": "k3v9.0", "messages": []})

    def test_after_a_cursor(self) -> None:
        self.add("one", "two")
        page = self.peer.ask(f"{ROOM}?cursor=k3v9.1").json
        self.assertEqual([message["seq"] for message in page["messages"]], [1])

    def test_before_a_message(self) -> None:
        self.add("one", "two")
        page = self.peer.ask(f"{ROOM}?before=1").json
        self.assertEqual([message["seq"] for message in page["messages"]], [0])

    def test_at_the_head_it_waits_for_the_next_message(self) -> None:
        self.peer.send(asking(f"{ROOM}?cursor=k3v9.0"))
        self.assertEqual((self.peer.taken(), self.hub.waiting), (b"", 1))
        self.post("hello")
        answer = self.peer.answer()
        self.assertEqual(answer.json, {"room": "lobby", "cursor": "k3v9.1", "messages": [HELLO]})
        self.assertNotIn("connection", answer.headers)

    def test_at_the_end_of_the_wait_it_is_an_empty_page(self) -> None:
        self.peer.send(asking(f"{ROOM}?cursor=k3v9.0&wait=3"))
        self.clock.advance(2.9)
        self.assertEqual(self.peer.taken(), b"")
        self.clock.advance(0.1)
        self.assertEqual(self.peer.answer().json["messages"], [])
        self.assertFalse(self.peer.ended)

    def test_a_cursor_that_leads_nowhere(self) -> None:
        self.add("one")
        for cursor in ("k3v9.2", "other.0"):
            answer = self.peer.ask(f"{ROOM}?cursor={cursor}")
            self.assertEqual((answer.status, answer.problem), (410, "cursor-expired"))
            self.assertEqual((answer.json["earliest"], answer.json["latest"]), ("k3v9.0", "k3v9.1"))

    def test_what_has_no_form(self) -> None:
        for query in (
            *("cursor=", "cursor=7", "cursor=k3v9.-1", "cursor=k3v9.00", "cursor=a.1&cursor=a.1", "cursor=%FF"),
            *("before=-1", "before=x", "limit=0", "limit=x", "wait=x", "wait=-1", "cursor=k3v9.0&before=1"),
            f"cursor=k3v9.{'9' * 5_000}",
        ):
            answer = self.peer.ask(f"{ROOM}?{query}")
            self.assertEqual((answer.status, answer.problem), (400, "malformed"), query)
        for room in ("Lobby", "-", "a" * 65, "%FF", "%20", "%0D%0A"):
            self.assertEqual(self.peer.ask(f"/rooms/{room}/messages").status, 400, room)

    def test_a_store_that_is_gone(self) -> None:
        self.store.close()
        for target in (ROOM, f"{ROOM}?cursor=k3v9.0"):
            answer = self.peer.ask(target)
            self.assertEqual(
                (answer.status, answer.problem, answer.headers["retry-after"]), (503, "store-unavailable", "1")
            )


class DroppedTests(EdgeTestCase):
    def test_a_reader_who_drops_is_forgotten_at_once(self) -> None:
        for target in (f"{ROOM}?cursor=k3v9.0", f"{ROOM}?cursor=k3v9.0&limit=1", "/chat/get/0"):
            peer = self.connect()
            peer.send(asking(target))
            self.assertEqual(self.hub.waiting, 1)
            peer.lose()
            self.assertEqual(self.hub.waiting, 0)
        self.post("hello")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_poster_who_hangs_up_still_has_posted(self) -> None:
        self.store.holding = True
        body = json.dumps({"text": "hello"}).encode()
        self.peer.send(asking(ROOM, "POST", body, Content_Type=JSON))
        self.peer.lose()
        self.store.release()
        self.assertEqual(self.texts(), ["hello"])
        self.assertEqual((self.peer.taken(), self.flushLoggedErrors()), (b"", []))


class DroppedWithoutLaneTests(DroppedTests):
    plain_transport = PeerTransport


class PollTests(EdgeTestCase):
    """One poll for several rooms."""

    def test_what_is_there(self) -> None:
        self.add("hello", room="a")
        answer = self.peer.ask("/poll?at=a:k3v9.0&at=b:k3v9.0")
        message = {**HELLO, "author": "ada"}
        self.assertEqual(answer.json, {"pages": [{"room": "a", "cursor": "k3v9.1", "messages": [message]}]})

    def test_it_waits_for_the_next_message_in_any(self) -> None:
        self.peer.send(asking("/poll?at=a:k3v9.0&at=b:k3v9.0"))
        self.assertEqual((self.peer.taken(), self.hub.waiting), (b"", 2))
        self.add("hello", room="b")
        (page,) = self.peer.answer().json["pages"]
        self.assertEqual((page["room"], page["cursor"], self.hub.waiting), ("b", "k3v9.1", 0))

    def test_at_the_end_of_the_wait_there_are_all(self) -> None:
        empty = [{"room": name, "cursor": "k3v9.0", "messages": []} for name in "ab"]
        target = "/poll?at=a:k3v9.0&at=b:k3v9.0"
        self.assertEqual(self.peer.ask(f"{target}&wait=0").json, {"pages": empty})
        self.peer.send(asking(f"{target}&wait=3"))
        self.clock.advance(3.0)
        self.assertEqual(self.peer.answer().json, {"pages": empty})
        self.assertEqual(self.peer.ask(target, "HEAD").status, 200)

    def test_an_expired_cursor_names_its_room(self) -> None:
        answer = self.peer.ask("/poll?at=a:k3v9.0&at=b:other.0")
        self.assertEqual((answer.status, answer.problem, answer.json["room"]), (410, "cursor-expired", "b"))

    def test_what_has_no_form(self) -> None:
        many = "&".join(f"at=room{number}:k3v9.0" for number in range(33))
        for text in ("", "at=a", "at=A:k3v9.0", "at=a:7", "at=a:k3v9.0&at=a:k3v9.0", "at=a:k3v9.0&limit=0", many):
            self.assertEqual(self.peer.ask(f"/poll?{text}").status, 400, text)
        self.assertEqual(self.hub.waiting, 0)

    def test_a_peer_that_drops(self) -> None:
        self.peer.send(asking("/poll?at=a:k3v9.0&at=b:k3v9.0"))
        self.peer.lose()
        self.assertEqual((self.hub.waiting, self.flushLoggedErrors()), (0, []))


class PollWithoutLaneTests(PollTests):
    plain_transport = PeerTransport


class RosterTests(EdgeTestCase):
    """Who is in a room, as polls and the room itself say."""

    def look(self, version: int, peer: Peer | None = None, **headers: str) -> None:
        (peer or self.peer).send(asking(f"{ROOM}?cursor=k3v9.0&roster={version}", "GET", b"", **headers))

    def version(self) -> int:
        return self.hub.room("lobby").roster.version

    def test_the_first_look(self) -> None:
        self.look(0, Cookie=self.take_name("ada").cookie)
        people = [{"name": "ada", "typing": False}]
        roster = {"version": self.version(), "count": 1, "people": people}
        page = {"room": "lobby", "cursor": "k3v9.0", "messages": []}
        self.assertEqual(self.peer.answer().json, {**page, "roster": roster})

    def test_a_change_wakes_who_looks(self) -> None:
        self.look(0)
        self.look(self.peer.answer().json["roster"]["version"])
        self.connect().send(asking(f"{ROOM}?cursor=k3v9.0", Cookie=self.take_name("ada").cookie))
        self.clock.advance(1.0)
        self.assertEqual(self.peer.answer().json["roster"]["people"], [{"name": "ada", "typing": False}])

    def test_typing(self) -> None:
        cookie = self.take_name("ada").cookie
        self.look(0, Cookie=cookie)
        self.peer.taken()
        answer = self.peer.ask("/rooms/lobby/typing", "POST", Cookie=cookie)
        self.assertEqual((answer.status, answer.body), (204, b""))
        room = self.peer.ask("/rooms/lobby").json
        self.assertEqual(room["roster"]["people"], [{"name": "ada", "typing": True}])
        self.clock.advance(5.0)
        room = self.peer.ask("/rooms/lobby").json
        self.assertEqual(room["roster"]["people"], [{"name": "ada", "typing": False}])

    def test_typing_is_for_our_own_pages(self) -> None:
        answer = self.peer.ask("/rooms/lobby/typing", "POST", Origin="https://evil.example")
        self.assertEqual((answer.status, answer.problem), (403, "cross-site"))
        self.assertEqual(self.peer.ask("/rooms/Lobby/typing", "POST").status, 400)

    def test_guests_of_one_address_are_one(self) -> None:
        for peer in (self.connect(), self.connect()):
            peer.send(asking(f"{ROOM}?cursor=k3v9.0"))
        room = self.peer.ask("/rooms/lobby").json
        self.assertEqual((room["readers"], room["roster"]["count"], room["roster"]["people"]), (2, 1, []))

    def test_only_the_last_roster_is_kept_with_the_page_of_a_quiet_room(self) -> None:
        for _ in range(20):
            self.look(0)
            self.peer.answer()
            self.clock.advance(20.0)
        self.assertLessEqual(len(self.hub.room("lobby").nothing().encodings), 2)

    def test_what_has_no_form(self) -> None:
        for version in ("", "x", "-1", "07"):
            self.assertEqual(self.peer.ask(f"{ROOM}?cursor=k3v9.0&roster={version}").status, 400, version)


class RosterWithoutLaneTests(RosterTests):
    plain_transport = PeerTransport


class RoomsTests(EdgeTestCase):
    def test_a_room(self) -> None:
        self.add("one", "two")
        roster = {"version": self.hub.room("lobby").roster.version, "count": 0, "people": []}
        room = {"room": "lobby", "cursor": "k3v9.2", "first": 0, "readers": 0, "roster": roster}
        self.assertEqual(self.peer.ask("/rooms/lobby").json, room)
        self.assertEqual(self.peer.ask("/rooms/unused").json["cursor"], "k3v9.0")
        self.assertEqual(self.peer.ask("/rooms/Lobby").status, 400)

    def test_rooms(self) -> None:
        self.assertEqual(self.peer.ask("/rooms").json, {"rooms": []})
        for name in ("b", "a"):
            self.add("hello", room=name)
        rooms = [{"room": name, "cursor": "k3v9.1", "first": 0, "readers": 0} for name in "ab"]
        self.assertEqual(self.peer.ask("/rooms").json, {"rooms": rooms})
        self.assertEqual(self.peer.ask("/rooms?after=a").json, {"rooms": rooms[1:]})
        with patch("chatcomet.api.rooms.ROOMS", 1):
            self.assertEqual(self.peer.ask("/rooms").json, {"rooms": rooms[:1], "next": "a"})
        for after in ("%FF", "a&after=b", "~", "~gAAAAA"):
            self.assertEqual(self.peer.ask(f"/rooms?after={after}").status, 400, after)

    def test_a_store_that_is_gone(self) -> None:
        self.store.close()
        for target in ("/rooms", "/rooms/lobby", "/poll?at=a:k3v9.0"):
            self.assertEqual(self.peer.ask(target).status, 503, target)


class EraseTests(EdgeTestCase):
    def test_nobody_may(self) -> None:
        self.add("hello")
        for cookie in ("", self.take_name("ada").cookie):
            answer = self.peer.ask(f"{ROOM}/0", "DELETE", Cookie=cookie)
            self.assertEqual((answer.status, answer.problem, self.texts()), (401, "not-signed-in", ["hello"]))

    def test_what_is_no_message(self) -> None:
        for target, status in ((f"{ROOM}/x", 404), (f"{ROOM}/-1", 404), ("/rooms/Lobby/messages/0", 400)):
            self.assertEqual(self.peer.ask(target, "DELETE").status, status, target)

    def test_another_site(self) -> None:
        answer = self.peer.ask(f"{ROOM}/0", "DELETE", Sec_Fetch_Site="cross-site")
        self.assertEqual(answer.problem, "cross-site")


class PostTests(EdgeTestCase):
    def assert_refused(self, status: int, answer: Answer) -> None:
        self.assertEqual((answer.status, bool(answer.problem)), (status, True))
        self.assertEqual(self.kept(), [])

    def test_a_text(self) -> None:
        answer = self.post("hello")
        self.assertEqual((answer.status, answer.json), (201, {"message": HELLO, "cursor": "k3v9.1"}))

    def test_data(self) -> None:
        answer = self.post_json({"data": {"a": [1, None, "ü"]}})
        self.assertEqual(answer.json["message"]["data"], {"a": [1, None, "ü"]})

    def test_a_form(self) -> None:
        kind = "application/x-www-form-urlencoded"
        self.assertEqual(self.connect().ask(ROOM, "POST", b"text=hello", Content_Type=kind).status, 201)
        self.assertEqual(self.texts(), ["hello"])

    def test_a_repeated_key(self) -> None:
        first = self.post("hello", Idempotency_Key=KEY)
        again = self.post("hello", Idempotency_Key=f'"{KEY}"')
        self.assertEqual((first.status, again.status), (201, 200))
        self.assertEqual(again.json, first.json)
        other = self.post("bye", Idempotency_Key=KEY)
        self.assertEqual((other.status, other.problem), (422, "key-reused"))
        self.assertEqual(self.texts(), ["hello"])

    def test_what_has_no_form(self) -> None:
        documents: list[object] = [{}, [], "text", {"text": 1}, {"text": ""}, {"text": "\ud800"}]
        for document in [*documents, {"text": "a", "data": "\udfff"}]:
            self.assert_refused(400, self.post_json(document))
        for body in (
            b"",
            b"{",
            b'{"text": "a", "data": 1e400}',
            b'{"text": "a", "data": NaN}',
            b"[" * 60_000,
            b'{"text":"\xff"}',
        ):
            self.assert_refused(400, self.connect().ask(ROOM, "POST", body, Content_Type=JSON))
        self.assert_refused(400, self.post("hello", Idempotency_Key="short"))
        self.assert_refused(400, self.post("hello", room="-"))

    def test_what_is_too_long(self) -> None:
        self.assert_refused(413, self.post("a" * 4_001))
        self.assert_refused(413, self.post_json({"data": "a" * 16_384}))

    def test_what_is_not_read(self) -> None:
        self.assert_refused(415, self.connect().ask(ROOM, "POST", b"hello", Content_Type="text/plain"))
        self.assert_refused(415, self.connect().ask(ROOM, "POST", b"hello"))

    def test_another_site(self) -> None:
        self.assert_refused(403, self.post("hello", Origin="https://evil.example"))
        self.assert_refused(403, self.post("hello", Sec_Fetch_Site="same-site", Origin="http://chat.example"))

    def test_our_own(self) -> None:
        self.assertEqual(self.post("hello", Origin="http://chat.example").status, 201)
        self.assertEqual(self.post("hello", Sec_Fetch_Site="same-origin").status, 201)

    def test_a_fault_of_the_store(self) -> None:
        self.store.fault = StoreUnavailable("the disk is full", 9)
        answer = self.post("hello")
        self.assert_refused(503, answer)
        self.assertEqual(answer.headers["retry-after"], "9")

    def test_it_has_been_told_before_it_is_answered(self) -> None:
        self.peer.send(asking(f"{ROOM}?cursor=k3v9.0"))
        self.post("hello")
        self.assertEqual(self.peer.answer().json["messages"], [HELLO])


class PostWithoutLaneTests(PostTests):
    plain_transport = PeerTransport


class OriginTests(EdgeTestCase):
    settings = Settings(origins=frozenset({"https://friend.example"}))

    def test_a_listed_one_may(self) -> None:
        self.assertEqual(self.post("hello", Origin="https://friend.example", Sec_Fetch_Site="cross-site").status, 201)
        self.assertEqual(self.post("hello", Origin="https://evil.example").status, 403)


class RouteTests(EdgeTestCase):
    def test_the_page(self) -> None:
        for target, kind in (("/", "text/html"), ("/?room=x", "text/html"), ("/page.js", "text/javascript")):
            answer = self.peer.ask(target)
            self.assertEqual((answer.status, answer.headers["content-type"]), (200, f"{kind}; charset=utf-8"))
            self.assertEqual(answer.headers["content-security-policy"], POLICY)

    def test_nothing_else(self) -> None:
        for target in (
            *(
                "/index.html",
                "/../setup.cfg",
                "/%2e%2e/setup.cfg",
                "/rooms/",
                "/rooms//messages",
            ),
            *("/rooms/a/b/messages", "/session/", "/page.js/", "/x", "/%FF", "/%00", "/rooms/lobby/messages/0/1"),
            *("session", "http://chat.example/session", "xsession", "?", "/\xa0"),
        ):
            answer = self.peer.ask(target)
            self.assertEqual((answer.status, answer.problem), (404, "not-found"), target)

    def test_methods(self) -> None:
        for target, allowed in (
            ("/", "GET, HEAD"),
            ("/page.js", "GET, HEAD"),
            (ROOM, "GET, HEAD, POST"),
            ("/session", "DELETE, GET, HEAD, POST"),
            ("/poll", "GET, HEAD"),
            ("/rooms", "GET, HEAD"),
            ("/rooms/lobby", "GET, HEAD"),
            ("/rooms/lobby/typing", "POST"),
            (f"{ROOM}/0", "DELETE"),
        ):
            for method in (
                "GET",
                "HEAD",
                "POST",
                "PUT",
                "DELETE",
                "PATCH",
                "TRACE",
                "CONNECT",
                "X-Y",
            ):
                answer = self.connect().ask(target, method)
                if method in allowed.split(", "):
                    self.assertNotEqual(answer.status, 405, (target, method))
                else:
                    self.assertEqual(answer.status, 405, (target, method))
                    self.assertEqual(answer.headers["allow"], f"{allowed}, OPTIONS", (target, method))
                    if method != "HEAD":
                        self.assertEqual(answer.problem, "method-not-allowed")

    def test_the_star(self) -> None:
        answer = self.peer.ask("*", "OPTIONS")
        self.assertEqual((answer.status, answer.body), (200, b""))
        answer = self.peer.ask("*")
        self.assertEqual((answer.status, answer.headers["allow"]), (405, "OPTIONS"))

    def test_letters_that_were_not_encoded_as_they_should_be(self) -> None:
        for path, status in (("/chat/get/ü", 302), ("/rooms/ü/messages", 400), ("/session?ü=ü", 200), ("/ü", 404)):
            self.peer.send(f"GET {path} HTTP/1.1\r\nHost: chat.example\r\n\r\n".encode())
            self.assertEqual(self.peer.answer().status, status, path)

    def test_head_answers_like_get_without_its_body_and_never_waits(self) -> None:
        self.add("one")
        targets = ("/", "/page.js", "/session", ROOM, f"{ROOM}?cursor=k3v9.0", f"{ROOM}?cursor=x", "/x", "/chat/get/0")
        for target in targets:
            get, head = self.peer.ask(target), self.peer.ask(target, "HEAD")
            self.assertEqual((head.status, head.headers, head.body), (get.status, get.headers, b""), target)
        head = self.peer.ask(f"{ROOM}?cursor=k3v9.1&wait=20", "HEAD")
        self.assertEqual((head.status, self.hub.waiting), (200, 0))

    def test_every_answer_has_these_headers_and_no_poll_a_cookie(self) -> None:
        cookie = self.take_name("ada").cookie
        for target in (
            "/",
            "/page.js",
            "/session",
            ROOM,
            f"{ROOM}?cursor=k3v9.0&wait=0",
            "/x",
            "/chat",
            "/chat/get/9",
            "*",
        ):
            for method in ("GET", "HEAD", "PUT", "OPTIONS"):
                answer = self.connect().ask(target, method, Cookie=cookie)
                self.assertEqual(answer.headers["cache-control"], "no-store", target)
                self.assertEqual(answer.headers["x-content-type-options"], "nosniff", target)
                self.assertEqual(answer.headers["server"], "chatcomet", target)
                self.assertIn("date", answer.headers)
                self.assertNotIn("set-cookie", answer.headers)

    def test_nothing_said_comes_back_as_a_header(self) -> None:
        for target in (
            "/chat/%0D%0AX-Evil:%201",
            "/rooms/%0D%0AX-Evil:%201/messages",
            "/%0D%0AX-Evil:%201?%0D%0AX-Evil:1",
        ):
            self.assertNotIn("x-evil", self.peer.ask(target).headers)
        self.assertNotIn("x-evil", self.take_name("a; Path=/\\r\\nX-Evil: 1").headers)


class FaultTests(EdgeTestCase):
    def test_is_a_problem_and_is_logged_and_the_connection_lives(self) -> None:
        with patch.object(Hub, "before", side_effect=ZeroDivisionError("a secret")):
            answer = self.peer.ask(ROOM)
        self.assertEqual((answer.status, answer.problem), (500, "fault"))
        self.assertNotIn(b"secret", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.peer.ask(ROOM).status, 200)

    def test_in_a_wake(self) -> None:
        self.peer.send(asking(f"{ROOM}?cursor=k3v9.0"))
        with patch("chatcomet.http.wire.page_json", side_effect=ZeroDivisionError):
            self.assertEqual(self.post("hello").status, 201)
        self.assertEqual(self.peer.answer().problem, "fault")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_every_poll_has_some_luck_of_its_own(self) -> None:
        self.assertGreater(polling.JITTER, 0)
        self.luck = 1.0
        self.peer.send(asking(f"{ROOM}?cursor=k3v9.0"))
        self.clock.advance(25.0 * (1 - polling.JITTER))
        self.assertEqual(self.peer.answer().json["messages"], [])
