"""SocketSink, Socket and the handshake: what is refused and why, what is said and heard, how it begins and ends."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred, fail
from websockets.frames import Opcode

from chatcomet.api.streaming import ALIVE_SECONDS
from chatcomet.core.message import Cursor, Page
from chatcomet.core.roster import GRACE_SECONDS, TYPING_SECONDS, WAKE_SECONDS
from chatcomet.errors import StoreUnavailable
from chatcomet.http.frames import MESSAGE_BYTES, UNANSWERED, SocketFactory
from chatcomet.http.request import IDLE_SECONDS, LINGER_SECONDS
from chatcomet.http.socket import IN_FLIGHT, Sockets
from chatcomet.settings import Settings
from tests.unit.http.peer import BUFFER_BYTES, asking
from tests.unit.http.running_edge import EdgeTestCase
from tests.unit.http.socket_peer import SocketPeer, text_frame

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


class SocketTestCase(EdgeTestCase):
    def open(self, query: str = "", **headers: str) -> SocketPeer:
        """A socket that is open."""
        peer = self.ask_for(query, **headers)
        self.assertTrue(peer.is_open)
        return peer

    def ask_for(self, query: str = "", *behind: bytes, **headers: str) -> SocketPeer:
        """A peer that has asked for a socket, and sent what is `behind` in the same segment."""
        return SocketPeer(self.site, self.clock, SOCKET + query, *behind, **headers)

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


class HandshakeTests(SocketTestCase):
    settings = Settings(store="memory:", origins=frozenset({"https://friend.example"}))

    def assert_refused(self, status: int, problem: str, target: str = SOCKET, **headers: Any) -> dict[str, str]:
        """What is asked for is refused by HTTP, and the connection goes on."""
        answer = self.peer.ask(target, **headers)
        self.assertEqual((answer.status, answer.problem), (status, problem))
        self.assertEqual(self.peer.ask("/session").status, 200)
        self.assertEqual(self.hub.waiting, 0)
        return answer.headers

    def test_what_opens_no_socket(self) -> None:
        for name, value in (
            ("Upgrade", "h2c"),
            ("Connection", "keep-alive"),
            ("Sec_WebSocket_Version", "8"),
            ("Sec_WebSocket_Version", "13, 8"),
        ):
            headers = self.assert_refused(426, "upgrade-required", **{**HANDSHAKE, name: value})
            self.assertEqual((headers["upgrade"], headers["connection"]), ("websocket", "Upgrade"))
            self.assertEqual(headers["sec-websocket-version"], "13")
        self.assert_refused(426, "upgrade-required")

    def test_head_opens_no_socket(self) -> None:
        self.peer.send(asking(SOCKET, "HEAD", **HANDSHAKE))
        self.assertEqual(self.peer.answer(to_head=True).status, 426)

    def test_an_old_http_opens_no_socket(self) -> None:
        self.peer.send(asking(SOCKET, **HANDSHAKE).replace(b"HTTP/1.1", b"HTTP/1.0"))
        self.assertEqual(self.peer.answer().status, 426)

    def test_another_method_opens_no_socket(self) -> None:
        self.assertEqual(self.peer.ask(SOCKET, "POST", **HANDSHAKE).status, 405)

    def test_a_key_that_is_none(self) -> None:
        for key in ("", "short==", "!" * 22 + "==", "a" * 24):
            self.assert_refused(400, "malformed", **{**HANDSHAKE, "Sec_WebSocket_Key": key})
        headers = {name: value for name, value in HANDSHAKE.items() if name != "Sec_WebSocket_Key"}
        self.assert_refused(400, "malformed", **headers)

    def test_two_keys(self) -> None:
        twice = f"Sec-WebSocket-Key: {HANDSHAKE['Sec_WebSocket_Key']}\r\n\r\n".encode()
        self.peer.send(asking(SOCKET, **HANDSHAKE).replace(b"\r\n\r\n", b"\r\n" + twice))
        self.assertEqual(self.peer.answer().problem, "malformed")

    def test_what_has_not_its_form(self) -> None:
        for query in ("?cursor=x", "?cursor=k3v9.0&cursor=k3v9.1", "?roster=x", f"?cursor=k3v9.{'9' * 9_00}"):
            self.assert_refused(400, "malformed", SOCKET + query, **HANDSHAKE)
        self.assert_refused(400, "malformed", "/rooms/No%20Room/socket", **HANDSHAKE)

    def test_other_sites(self) -> None:
        for headers in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://chat.example", "Sec_Fetch_Site": "cross-site"},
        ):
            self.assert_refused(403, "cross-site", **HANDSHAKE, **headers)

    def test_this_site_and_its_friends(self) -> None:
        for origin in ("http://chat.example", "https://chat.example", "https://friend.example"):
            self.open(Origin=origin)
        self.open(Origin="https://friend.example", Sec_Fetch_Site="cross-site")
        self.open(Sec_Fetch_Site="same-origin")

    def test_a_store_that_cannot_be_read(self) -> None:
        self.patch(self.hub, "latest", lambda room: fail(StoreUnavailable("gone", retry_after=7)))
        self.assertEqual(self.assert_refused(503, "store-unavailable", **HANDSHAKE)["retry-after"], "7")

    def test_nothing_is_compressed(self) -> None:
        peer = self.open()
        assert peer.response is not None
        self.assertNotIn("Sec-WebSocket-Extensions", peer.response.headers)
        self.assertEqual(peer.response.headers["Server"], "chatcomet")

    def test_a_peer_that_leaves_before_it_is_answered(self) -> None:
        latest: Deferred[Cursor] = Deferred()
        self.patch(self.hub, "latest", lambda room: latest)
        peer = self.ask_for()
        peer.lose()
        self.assertTrue(latest.called)
        self.assertEqual((peer.taken(), self.hub.waiting), (b"", 0))

    def test_what_comes_behind_the_handshake(self) -> None:
        latest: Deferred[Cursor] = Deferred()
        peer = self.ask_for("", text_frame(json.dumps(posting(text="at once")).encode()))
        self.assertEqual([*peer.hear()[2]], ["posted"])
        self.patch(self.hub, "latest", lambda room: latest)
        peer = self.ask_for()
        peer.send(text_frame(b'{"post": {"key": "0123456789abcdeg", ', fin=False))
        peer.send(text_frame(b'"text": "too soon"}}', opcode=Opcode.CONT))
        self.assertEqual((self.texts(), peer.taken()), (["at once"], b""))
        latest.callback(Cursor("k3v9", 1))
        self.assertEqual([*peer.hear()[2]], ["posted"])
        self.assertEqual(self.texts(), ["at once", "too soon"])

    def test_a_socket_on_a_connection_that_was_used_before(self) -> None:
        self.assertEqual(self.peer.ask("/session").status, 200)
        self.peer.send(asking("/session") + asking(SOCKET, **HANDSHAKE))
        self.assertIn(b"HTTP/1.1 101 Switching Protocols\r\n", self.peer.taken())


class PageTests(SocketTestCase):
    def test_from_now_on(self) -> None:
        self.add("before")
        peer = self.open()
        self.assertEqual(peer.hear(), [{"room": "lobby", "cursor": "k3v9.1", "messages": []}])
        self.add("hello")
        (page,) = peer.hear()
        self.assertEqual((page["cursor"], texts(page)), ("k3v9.2", ["hello"]))

    def test_from_a_cursor_on(self) -> None:
        self.add("one", "two")
        start, page = self.open("?cursor=k3v9.1").hear()
        self.assertEqual((start["cursor"], texts(start)), ("k3v9.1", []))
        self.assertEqual((page["cursor"], texts(page)), ("k3v9.2", ["two"]))

    def test_a_cursor_that_leads_nowhere(self) -> None:
        self.add("one")
        for cursor in ("0000.5", "k3v9.7"):
            _, lost, page = self.open(f"?cursor={cursor}").hear()
            self.assertEqual(lost["problem"]["type"], "/problems/cursor-expired")
            self.assertEqual((lost["problem"]["earliest"], lost["problem"]["latest"]), ("k3v9.0", "k3v9.1"))
            self.assertEqual(texts(page), ["one"])

    def test_a_page_is_framed_once(self) -> None:
        page = Page("lobby", (), Cursor("k3v9", 0))
        sockets = Sockets(self.chat)
        self.assertIs(sockets.page(page), sockets.page(page))
        self.assertEqual(len(page.encodings), 2)

    def test_who_does_not_take_what_is_written(self) -> None:
        peer = self.begun()
        peer.transport.taking = False
        for _ in range(8):
            self.add("x" * 4_000, "x" * 4_000, "x" * 4_000, "x" * 4_000)
        self.assertLess(len(peer.transport.value()), BUFFER_BYTES + 20_000)
        self.assertEqual((self.hub.waiting, peer.transport.producerState), (0, "paused"))
        peer.say(posting())
        self.assertNotIn("hello", self.texts())
        peer.transport.take()
        self.assertEqual(peer.transport.producerState, "producing")
        self.assertEqual(sum(len(document.get("messages", ())) for document in peer.hear()), 33)

    def test_who_takes_nothing_is_cut_off(self) -> None:
        peer = self.begun()
        peer.transport.taking = False
        for _ in range(20):
            self.add("x" * 4_000)
        self.clock.pump([1.0] * 29)
        self.assertFalse(peer.transport.aborted)
        self.clock.pump([1.0] * 2)
        self.assertTrue(peer.transport.aborted)


class PostTests(SocketTestCase):
    def test_a_post_is_answered_when_it_is_durable(self) -> None:
        peer = self.begun()
        self.store.holding = True
        peer.say(posting(data={"a": 1}))
        self.assertEqual(peer.hear(), [])
        self.store.release()
        page, posted = peer.hear()
        self.assertEqual(texts(page), ["hello"])
        self.assertEqual(posted, {"posted": {"key": KEY, "cursor": "k3v9.1", "message": page["messages"][0]}})
        self.assertEqual(posted["posted"]["message"]["data"], {"a": 1})

    def test_a_repeated_key(self) -> None:
        peer = self.begun()
        peer.say(posting(), posting())
        first, second = (document for document in peer.hear() if "posted" in document)
        self.assertEqual((first, self.texts()), (second, ["hello"]))
        self.assertEqual(self.post("hello", Idempotency_Key=KEY).status, 200)

    def test_a_key_that_was_used_for_another_message(self) -> None:
        peer = self.begun()
        peer.say(posting(), posting(text="other"))
        problem = peer.hear()[-1]["problem"]
        self.assertEqual((problem["type"], problem["key"]), ("/problems/key-reused", KEY))

    def test_who_posts(self) -> None:
        cookie = self.sign_in("ada").cookie
        peer = self.open(Cookie=cookie)
        peer.say(posting(key="k1"))
        self.assertEqual(self.kept()[-1].author, "ada")
        self.assertEqual(self.connect().ask("/session", "DELETE", Cookie=cookie).status, 204)
        peer.say(posting(key="k2"))
        self.assertEqual(peer.hear()[-1]["problem"]["key"], "k2")
        peer.say(posting())
        self.assertEqual(self.kept()[-1].author, "guest")

    def test_answers_come_in_the_order_of_the_posts(self) -> None:
        peer = self.begun()
        self.store.holding = True
        keys = [f"{number:016}" for number in range(4)]
        peer.say(posting(keys[0]), posting(keys[1], text=""), posting(keys[2], "two"), posting(keys[3], other=1))
        self.assertEqual(peer.hear(), [])
        held, self.store.held = self.store.held, self.store.held[:1]
        self.store.release()
        self.assertEqual(_keys(peer.hear()), keys[:2])
        self.store.held = held[1:]
        self.store.release()
        self.assertEqual(_keys(peer.hear()), keys[2:])

    def test_what_is_refused(self) -> None:
        for document, problem, key in (
            (posting(text="x" * 4_001), "too-long", KEY),
            (posting(text="\ud800"), "malformed", KEY),
            (posting(text=7), "malformed", KEY),
            (posting(other=1), "malformed", KEY),
            ({**posting(), "typing": True}, "malformed", KEY),
            (posting(key="guessable"), "malformed", "guessable"),
            (posting(key="x" * 129), "malformed", None),
            (posting(key="\ud800"), "malformed", None),
            (posting(key=7), "malformed", None),
            ({"post": {"text": "hello"}}, "malformed", None),
            ({"post": "hello"}, "malformed", None),
            ({"typing": 1}, "malformed", None),
            ({"typing": False}, "malformed", None),
            ({}, "malformed", None),
        ):
            peer = self.begun()
            peer.say(document)
            (refused,) = peer.hear()
            self.assertEqual(refused["problem"]["type"], f"/problems/{problem}", document)
            self.assertEqual(refused["problem"].get("key"), key)
            self.assertTrue(peer.is_open)
        self.assertEqual(self.texts(), [])

    def test_a_store_that_is_not_there(self) -> None:
        peer = self.begun()
        self.store.fault = StoreUnavailable("gone", retry_after=7)
        peer.say(posting())
        (refused,) = peer.hear()
        self.assertEqual((refused["problem"]["status"], refused["problem"]["retry_after"]), (503, 7))

    def test_a_fault(self) -> None:
        peer = self.begun()
        self.patch(self.store, "append", lambda room, draft: 1 / 0)
        peer.say(posting())
        (refused,) = peer.hear()
        self.assertEqual((refused["problem"]["status"], refused["problem"]["key"]), (500, KEY))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_so_many_at_once_and_no_more(self) -> None:
        peer = self.begun()
        self.store.holding = True
        keys = [f"{number:016}" for number in range(IN_FLIGHT + 8)]
        peer.send(b"".join(text_frame(json.dumps(posting(key, key)).encode()) for key in keys))
        self.assertEqual((len(self.store.held), peer.transport.producerState), (IN_FLIGHT, "paused"))
        self.store.release()
        self.assertEqual(sorted(self.texts()), keys)
        self.assertEqual(_keys(peer.hear()), keys)

    def test_a_closing_does_not_overtake_the_posts_before_it(self) -> None:
        peer = self.begun()
        self.store.holding = True
        keys = [f"{number:016}" for number in range(IN_FLIGHT + 8)]
        bye = text_frame(b"", opcode=Opcode.CLOSE)
        peer.send(b"".join(text_frame(json.dumps(posting(key)).encode()) for key in keys) + bye)
        self.assertIsNone(peer.closed_with)
        self.store.release()
        self.assertEqual((len(self.texts()), peer.closed_with), (len(keys), 1000))

    def test_a_post_goes_on_when_its_socket_closes(self) -> None:
        for polite in (True, False):
            peer = self.begun()
            self.store.holding = True
            peer.say(posting(f"{polite:016}"))
            if polite:
                peer.send(text_frame(b"", opcode=Opcode.CLOSE))
            else:
                peer.lose()
            self.store.release()
        self.assertEqual(self.texts(), ["hello", "hello"])


class RosterTests(SocketTestCase):
    def test_who_does_not_ask_is_not_told(self) -> None:
        peer = self.begun()
        self.open(Cookie=self.sign_in("ada").cookie)
        self.clock.advance(WAKE_SECONDS)
        self.assertEqual(peer.hear(), [])

    def test_who_asks_is_told_at_first_and_when_it_changes(self) -> None:
        peer = self.open("?roster=0")
        _, first = peer.hear()
        self.assertEqual((first["roster"]["count"], first["roster"]["people"]), (1, []))
        other = self.open(Cookie=self.sign_in("ada").cookie)
        self.clock.advance(WAKE_SECONDS)
        (second,) = peer.hear()
        self.assertEqual((second["roster"]["count"], second["roster"]["people"][0]["name"]), (2, "ada"))
        self.assertGreater(second["roster"]["version"], first["roster"]["version"])
        other.lose()
        self.clock.pump([1] * int(GRACE_SECONDS + WAKE_SECONDS))
        self.assertEqual(peer.hear()[-1]["roster"]["count"], 1)

    def test_it_is_framed_once_for_all_who_look(self) -> None:
        for _ in range(3):
            self.open("?roster=0")
        self.clock.advance(WAKE_SECONDS)
        with patch.object(SocketFactory, "frame", autospec=True, side_effect=SocketFactory.frame) as frame:
            self.open(Cookie=self.sign_in("ada").cookie)
            frame.reset_mock()
            self.clock.advance(WAKE_SECONDS)
        self.assertEqual(frame.call_count, 1)

    def test_a_version_that_is_known_is_not_told_again(self) -> None:
        version = self.open("?roster=0").hear()[1]["roster"]["version"]
        self.assertEqual(len(self.open(f"?roster={version}").hear()), 1)

    def test_typing(self) -> None:
        peer = self.open("?roster=0", Cookie=self.sign_in("ada").cookie)
        peer.hear()
        peer.say({"typing": True})
        self.clock.advance(WAKE_SECONDS)
        self.assertEqual(peer.hear()[-1]["roster"]["people"], [{"name": "ada", "typing": True}])
        self.clock.pump([1] * int(TYPING_SECONDS + WAKE_SECONDS))
        self.assertEqual(peer.hear()[-1]["roster"]["people"], [{"name": "ada", "typing": False}])

    def test_a_reader_that_did_not_keep_up_is_told_when_it_does(self) -> None:
        peer = self.begun("?roster=0")
        peer.transport.taking = False
        self.add(*["x" * 4_000] * 20)
        self.open(Cookie=self.sign_in("ada").cookie)
        self.clock.advance(WAKE_SECONDS)
        peer.transport.take()
        self.assertEqual([document["roster"]["count"] for document in peer.hear() if "roster" in document], [2])


class LimitTests(SocketTestCase):
    def test_what_is_no_text(self) -> None:
        for opcode, data, code in (
            (Opcode.BINARY, b"{}", 1003),
            (Opcode.TEXT, b'{"typing": "\xff"}', 1007),
            (Opcode.TEXT, b"hello", 1008),
            (Opcode.TEXT, b"", 1008),
            (Opcode.TEXT, b"[]", 1008),
            (Opcode.TEXT, b'{"a": NaN}', 1008),
            (Opcode.TEXT, b'{"a":' * 10_000, 1008),
            (Opcode.CONT, b"{}", 1002),
        ):
            peer = self.begun()
            peer.send(text_frame(data, opcode=opcode))
            self.assert_closes(peer, code)

    def test_what_is_no_websocket(self) -> None:
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x81\x02{}", b"\x83\x82aaaa{}", b"\xc1\x82aaaa{}"):
            peer = self.begun()
            peer.send(data)
            self.assert_closes(peer, 1002)

    def test_the_longest_message(self) -> None:
        peer = self.begun()
        start, end = b'{"post": {"key": "0123456789abcdef", "text": "hello"', b"}}"
        padded = start + b" " * (MESSAGE_BYTES - len(start) - len(end)) + end
        peer.say_texts(padded)
        self.assertIn("posted", peer.hear()[-1])
        peer.send(text_frame(padded, fin=False), text_frame(b"", fin=True, opcode=Opcode.CONT))
        self.assertIn("posted", peer.hear()[-1])

    def test_a_longer_one_is_refused_by_its_header(self) -> None:
        peer = self.begun()
        peer.send(b"\x81\xff" + (MESSAGE_BYTES + 1).to_bytes(8, "big") + b"mask")
        self.assertEqual(peer.closed_with, 1009)
        self.assert_hears_no_more(peer)

    def test_one_in_many_frames(self) -> None:
        peer = self.begun()
        peer.send(text_frame(b" " * 1_000, fin=False))
        for _ in range(MESSAGE_BYTES // 1_000 - 1):
            peer.send(text_frame(b" " * 1_000, fin=False, opcode=Opcode.CONT), text_frame(b"", False, Opcode.CONT))
        self.assertTrue(peer.is_open)
        peer.send(text_frame(b" " * 1_000, fin=False, opcode=Opcode.CONT))
        self.assertEqual(peer.closed_with, 1009)
        self.assert_hears_no_more(peer)

    def assert_hears_no_more(self, peer: SocketPeer) -> None:
        """Nothing is kept of what is sent, and the end comes in a while."""
        for _ in range(10):
            peer.send(b" " * 100_000, text_frame(json.dumps(posting()).encode()))
        channel: Any = peer.protocol
        self.assertLess(len(channel._upgraded.data), 100_000)
        self.clock.advance(LINGER_SECONDS - 0.1)
        self.assertFalse(peer.transport.aborted)
        self.clock.advance(0.1)
        self.assertTrue(peer.transport.aborted)
        self.assertEqual((self.texts(), peer.hear()), ([], []))

    def test_a_control_frame_without_end(self) -> None:
        peer = self.begun()
        peer.send(b"\x89\xff" + (1 << 40).to_bytes(8, "big") + b"mask")
        self.assertEqual(peer.closed_with, 1002)
        self.assert_hears_no_more(peer)


class LifeTests(SocketTestCase):
    def test_a_ping_is_answered(self) -> None:
        peer = self.begun()
        peer.send(text_frame(b"there?", opcode=Opcode.PING))
        peer.take_in()
        self.assertEqual([(frame.opcode, frame.data) for frame in peer.frames], [(Opcode.PONG, b"there?")])

    def test_who_answers_stays(self) -> None:
        peer = self.begun()
        for _ in range(int(3 * IDLE_SECONDS)):
            self.clock.advance(1)
            self.assertTrue(peer.is_open)
        self.assertGreater(len([1 for frame in peer.frames if frame.opcode is Opcode.PING]), 10)
        self.assertEqual(self.hub.waiting, 1)

    def test_who_does_not_answer_is_cut_off(self) -> None:
        peer = self.begun()
        peer.answering = False
        self.clock.pump([1] * int(UNANSWERED * ALIVE_SECONDS + 1))
        self.assertFalse(peer.transport.aborted)
        self.clock.pump([1] * int(ALIVE_SECONDS + 1))
        self.assertTrue(peer.lost)
        self.assertEqual(self.hub.waiting, 0)

    def test_the_peer_closes(self) -> None:
        peer = self.begun()
        peer.send(text_frame((1001).to_bytes(2, "big"), opcode=Opcode.CLOSE))
        self.clock.advance(0)
        self.assertEqual((peer.closed_with, peer.lost, peer.transport.aborted), (1000, True, False))
        self.assertEqual(self.hub.waiting, 0)

    def test_the_peer_closes_and_takes_nothing(self) -> None:
        peer = self.begun()
        peer.transport.taking = False
        peer.send(text_frame(b"", opcode=Opcode.CLOSE))
        peer.send(b"x" * 1_000)
        self.clock.advance(LINGER_SECONDS)
        self.assertTrue(peer.transport.aborted)

    def test_the_peer_vanishes(self) -> None:
        peer = self.begun()
        peer.lose()
        self.assertEqual((self.hub.waiting, peer.protocol in self.site.channels), (0, False))
        self.add("hello")

    def test_the_server_stops(self) -> None:
        peers = [self.begun(), self.begun("?cursor=k3v9.0")]
        closed = self.site.close(1.5)
        self.hub.drain()
        self.assertEqual([peer.closed_with for peer in peers], [1012, 1012])
        self.clock.advance(0)
        self.successResultOf(closed)
        self.assertEqual([peer.transport.aborted for peer in peers], [False, False])

    def test_the_server_stops_and_the_peer_does_not_answer(self) -> None:
        peer = self.begun()
        peer.answering = False
        closed = self.site.close(1.5)
        self.hub.drain()
        self.assertEqual(peer.closed_with, 1012)
        self.clock.advance(1.5)
        self.clock.advance(0)
        self.successResultOf(closed)

    def test_the_server_stops_when_posts_are_answered(self) -> None:
        peer = self.begun()
        self.store.holding = True
        peer.say(posting())
        closed = self.site.close(1.5)
        self.hub.drain()
        self.assertIsNone(peer.closed_with)
        self.assertEqual(peer.transport.producerState, "paused")
        self.store.release()
        self.assertEqual(_keys(peer.hear()), [KEY])
        self.clock.advance(0)
        self.assertEqual(peer.closed_with, 1012)
        self.successResultOf(closed)

    def test_a_fault_as_it_begins(self) -> None:
        self.patch(Sockets, "page", lambda sockets, page: 1 / 0)
        peer = self.ask_for()
        self.clock.advance(0)
        self.assertTrue(peer.lost)
        self.assertEqual((self.hub.waiting, len(self.flushLoggedErrors(ZeroDivisionError))), (0, 1))

    def test_a_socket_asked_for_while_the_server_stops(self) -> None:
        self.hub.drain()
        self.assertEqual(self.ask_for().closed_with, 1012)

    def test_a_store_that_cannot_be_read_any_more(self) -> None:
        self.add("hello")
        peer = self.begun()
        self.patch(self.hub, "after", lambda *asked: fail(StoreUnavailable("gone", retry_after=7)))
        self.add("more")
        self.assertEqual(peer.closed_with, 1013)
        assert peer.spoken.close_rcvd is not None
        self.assertEqual(peer.spoken.close_rcvd.reason, "come again in 7 s")


def _keys(documents: list[Any]) -> list[str]:
    """The keys of the posts that were answered."""
    answers = [document.get("posted") or document.get("problem") for document in documents]
    return [answer["key"] for answer in answers if answer]
