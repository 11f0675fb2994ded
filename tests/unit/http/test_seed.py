"""The seed's protocol: its table, row by row."""

from __future__ import annotations

from dataclasses import replace

from chatcomet.core.message import TEXT_CHARACTERS
from chatcomet.errors import StoreUnavailable
from chatcomet.http.wire import TEXT
from chatcomet.settings import Settings
from tests.unit.http.peer import Answer, PeerTransport, asking
from tests.unit.http.running_edge import EdgeTestCase

FORM = "application/x-www-form-urlencoded"


class GetTests(EdgeTestCase):
    def test_a_message_that_is_there(self) -> None:
        self.add("one", "tü <b>")
        answer = self.peer.ask("/chat/get/1")
        self.assertEqual((answer.status, answer.body), (200, "tü <b>".encode()))
        self.assertEqual(answer.headers["content-type"], TEXT)
        self.assertEqual(self.peer.ask("/chat/get/0").body, b"one")

    def test_an_erased_one_is_empty(self) -> None:
        self.add("one", "two")
        self.assertEqual(self.peer.ask("/chat/get/0").body, b"one")
        self.store.erase("lobby", 0)
        answer = self.peer.ask("/chat/get/0")
        self.assertEqual((answer.status, answer.body, answer.headers["content-type"]), (200, b"", TEXT))
        self.assertEqual(self.peer.ask("/chat/get/1").body, b"two")

    def test_the_next_one_is_waited_for(self) -> None:
        self.peer.send(asking("/chat/get/0"))
        self.assertEqual((self.peer.answers(), self.hub.waiting), ([], 1))
        self.add("one", "two")
        answer = self.peer.answer()
        self.assertEqual((answer.status, answer.body, answer.headers["content-type"]), (200, b"one", TEXT))
        self.assertFalse(self.peer.ended)

    def test_at_the_end_of_the_hold(self) -> None:
        self.peer.send(asking("/chat/get/0"))
        self.clock.advance(24.9)
        self.assertEqual(self.peer.answers(), [])
        self.clock.advance(0.35)
        answer = self.peer.answer()
        self.assertEqual((answer.status, answer.body, answer.headers["connection"]), (408, b"", "close"))
        self.assertTrue(self.peer.ended)

    def test_ahead_of_the_head(self) -> None:
        for number in (1, 10**17):
            answer = self.peer.ask(f"/chat/get/{number}")
            self.assertEqual((answer.status, answer.body), (404, b""))

    def test_head_never_waits(self) -> None:
        answer = self.connect().ask("/chat/get/0", "HEAD")
        self.assertEqual((answer.status, self.hub.waiting), (408, 0))
        self.add("one")
        answer = self.peer.ask("/chat/get/0", "HEAD")
        self.assertEqual((answer.status, answer.body, answer.headers["content-length"]), (200, b"", "3"))

    def test_what_is_no_number_leads_home(self) -> None:
        for number in (
            "-1",
            "abc",
            "00",
            "1.0",
            "",
            "9" * 5_000,
            "%D9%A1",
            "%EF%BC%91",
            "%FF",
            "1/2",
            "1%2F2",
            "%0d%0aX:y",
        ):
            answer = self.peer.ask(f"/chat/get/{number}")
            self.assertEqual((answer.status, answer.headers["location"], answer.body), (302, "/", b""), number)

    def test_one_form_serves_all_who_wait(self) -> None:
        peers = [self.connect() for _ in range(3)]
        for peer in peers:
            peer.send(asking("/chat/get/0"))
        self.add("one")
        self.assertEqual([peer.answer().body for peer in peers], [b"one"] * 3)

    def test_both_protocols_read_the_same_page(self) -> None:
        peers = [self.connect() for _ in range(4)]
        for peer, target in zip(peers, ["/rooms/lobby/messages?cursor=k3v9.0", "/chat/get/0"] * 2, strict=True):
            peer.send(asking(target))
        self.add("one")
        for native, seed in (peers[:2], peers[2:]):
            self.assertEqual(seed.answer().body, b"one")
            self.assertEqual(native.answer().json["messages"][0]["text"], "one")

    def test_a_store_that_is_gone(self) -> None:
        self.store.close()
        answer = self.peer.ask("/chat/get/0")
        self.assertEqual((answer.status, answer.problem), (503, "store-unavailable"))


class GetWithoutLaneTests(GetTests):
    plain_transport = PeerTransport


class PrunedTests(EdgeTestCase):
    retain = 1

    def test_a_message_that_is_no_longer_kept(self) -> None:
        self.add("one", "two")
        answer = self.peer.ask("/chat/get/0")
        self.assertEqual((answer.status, answer.body), (410, b""))
        self.assertEqual(self.peer.ask("/chat/get/1").body, b"two")


class PostTests(EdgeTestCase):
    def submit(self, body: bytes, kind: str = FORM, **headers: str) -> Answer:
        return self.connect().ask("/chat/post", "POST", body, Content_Type=kind, **headers)

    def assert_refused(self, status: int, body: bytes, kind: str = FORM, **headers: str) -> None:
        answer = self.submit(body, kind, **headers)
        self.assertEqual((answer.status, bool(answer.problem)), (status, True))
        self.assertEqual(self.kept(), [])

    def test_a_message(self) -> None:
        answer = self.submit("message=ü+%26".encode())
        self.assertEqual((answer.status, answer.body, answer.headers["content-type"]), (200, b"", TEXT))
        self.assertEqual([(message.author, message.text) for message in self.kept()], [("guest", "ü &")])

    def test_as_multipart(self) -> None:
        body = b'--c\r\nContent-Disposition: form-data; name="message"\r\n\r\nhello\r\n--c--\r\n'
        self.assertEqual(self.submit(body, "multipart/form-data; boundary=c").status, 200)
        self.assertEqual(self.texts(), ["hello"])

    def test_it_is_told_to_all(self) -> None:
        self.peer.send(asking("/chat/get/0"))
        self.submit(b"message=hello")
        self.assertEqual(self.peer.answer().body, b"hello")

    def test_under_the_name_of_a_session(self) -> None:
        self.submit(b"message=hello", Cookie=self.take_name("ada").cookie)
        self.assertEqual(self.kept()[0].author, "ada")

    def test_what_is_wrong(self) -> None:
        for body in (
            b"",
            b"text=hello",
            b"message=",
            b"message",
            b"message=a&message=b",
            b"message=a&x=b",
            b"message=%FF",
        ):
            self.assert_refused(400, body)
        self.assert_refused(413, b"message=" + b"a" * (TEXT_CHARACTERS + 1))
        self.assert_refused(400, b"message=a", "multipart/form-data; boundary=c")
        for kind in ("text/plain", "application/json"):
            self.assert_refused(415, b"message=a", kind)

    def test_another_sites_form(self) -> None:
        self.assert_refused(403, b"message=a", Origin="https://evil.example")
        self.assert_refused(403, b"message=a", Sec_Fetch_Site="cross-site")

    def test_a_store_that_is_full(self) -> None:
        self.store.fault = StoreUnavailable("the disk is full", 5)
        answer = self.submit(b"message=hello")
        self.assertEqual((answer.status, answer.headers["retry-after"]), (503, "5"))


class PostWithoutLaneTests(PostTests):
    plain_transport = PeerTransport


class OtherTests(EdgeTestCase):
    def test_anything_else_leads_home(self) -> None:
        for target in (
            "/chat",
            "/chat/",
            "/chat/get",
            "/chat/get/",
            "/chat/post/",
            "/chat/x/y/z",
            "//chat/evil.example",
        ):
            for method in ("GET", "HEAD"):
                answer = self.peer.ask(target, method)
                self.assertEqual((answer.status, answer.headers["location"]), (302, "/"), target)

    def test_another_method(self) -> None:
        for target, method, allowed in (
            ("/chat/post", "GET", "POST"),
            ("/chat/post", "HEAD", "POST"),
            ("/chat/post", "DELETE", "POST"),
            ("/chat/get/0", "POST", "GET, HEAD"),
            ("/chat/get/0", "PUT", "GET, HEAD"),
            ("/chat", "POST", "GET, HEAD"),
        ):
            answer = self.connect().ask(target, method)
            self.assertEqual(answer.status, 405, (target, method))
            self.assertEqual(answer.headers["allow"], f"{allowed}, OPTIONS", (target, method))
        self.assertEqual(self.kept(), [])


class PrefixTests(EdgeTestCase):
    settings = replace(Settings(), prefix="/chatty")

    def test_home_is_under_it(self) -> None:
        self.assertEqual(self.peer.ask("/chatty/chat/x").headers["location"], "/chatty/")
        self.assertEqual(self.peer.ask("/chat/x").status, 404)

    def test_the_rest_too(self) -> None:
        self.connect().ask("/chatty/chat/post", "POST", b"message=hello", Content_Type=FORM)
        self.assertEqual(self.peer.ask("/chatty/chat/get/0").body, b"hello")
