"""ChatResource: posts, and what else changes something."""

from __future__ import annotations

from chatcomet.errors import StoreUnavailable
from chatcomet.settings import Settings
from tests.unit.http.peer import Answer, PeerTransport, asking
from tests.unit.http.running_edge import HELLO, EdgeTestCase
from tests.unit.http.running_lane import JSON, ROOM

KEY = "0123456789abcdef"


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
