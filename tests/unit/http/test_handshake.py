"""Which requests open a WebSocket, in both lanes, and what all others are told."""

from __future__ import annotations

import gc
import json
from typing import Any
from weakref import ref

from twisted.internet.defer import Deferred, fail
from websockets.frames import Opcode

from chatcomet.core.message import Cursor
from chatcomet.errors import StoreUnavailable
from chatcomet.http.request import ChatRequest
from chatcomet.settings import Settings
from tests.unit.http.peer import PeerTransport, asking
from tests.unit.http.running_sockets import HANDSHAKE, SOCKET, SocketTestCase, posting
from tests.unit.http.socket_peer import text_frame


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
            ("Upgrade", "\xe9"),
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

    def test_twokeys_of(self) -> None:
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

    def test_other_hosts(self) -> None:
        for host, status, problem in (
            (b"Host: evil.example\r\n", 421, "misdirected"),
            (b"Host: a b\r\n", 400, "malformed"),
            (b"", 400, "malformed"),
        ):
            self.peer.send(asking(SOCKET, **HANDSHAKE).replace(b"Host: chat.example\r\n", host))
            answer = self.peer.answer()
            self.assertEqual((answer.status, answer.problem), (status, problem))
        self.assertEqual(self.hub.waiting, 0)

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


class HandshakeWithoutLaneTests(HandshakeTests):
    plain_transport = PeerTransport

    def test_nothing_is_kept_of_the_request(self) -> None:
        requests: list[ref[ChatRequest]] = []
        begin = ChatRequest.requestReceived

        def noted(request: ChatRequest, *line: bytes) -> None:
            requests.append(ref(request))
            begin(request, *line)

        self.patch(ChatRequest, "requestReceived", noted)
        peer = self.open()
        gc.collect()
        self.assertEqual([request() for request in requests], [None])
        self.add("hello")
        self.assertEqual(len(peer.hear()), 2)
