"""Which requests take the fast lane, what is remembered there, and that it shows nowhere."""

from __future__ import annotations

import json
from dataclasses import replace
from unittest.mock import patch

from twisted.internet.address import IPv4Address

from chatcomet.access.asker import Asker
from chatcomet.access.sessions import HOLD_NAME_SECONDS
from chatcomet.http import lane as lane_module
from chatcomet.http import plain, wire
from chatcomet.http.lane import Lane
from chatcomet.settings import Settings
from tests.unit.http.peer import PeerTransport, asking
from tests.unit.http.running_lane import FORM, JSON, NOW, POLL, POST, ROOM, LaneTestCase
from tests.unit.http.running_sockets import HANDSHAKE, SOCKET

BROWSER = {
    "User_Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "*/*",
    "Accept_Language": "en-GB,en;q=0.5",
    "Accept_Encoding": "gzip, deflate, br, zstd",
    "Referer": "http://chat.example/?room=lobby",
    "Connection": "keep-alive",
    "Sec_Fetch_Dest": "empty",
    "Sec_Fetch_Mode": "cors",
    "Sec_Fetch_Site": "same-origin",
    "Priority": "u=4",
}
POLLS = (
    "/chat/get/0",
    f"{ROOM}?cursor=k3v9.0",
    f"{ROOM}?cursor=k3v9.0&limit=5&wait=9&roster=0",
    "/poll?at=lobby:k3v9.0",
)


class TakenTests(LaneTestCase):
    def setUp(self) -> None:
        super().setUp()
        session = self.chat.sessions.sign_in("ada", None)
        self.headers = {**BROWSER, "Cookie": f"theme=dark; chatcomet={self.chat.sessions.cookie(session)}"}

    def test_polls_that_are_answered_at_once(self) -> None:
        self.add("one")
        for target in POLLS:
            self.assertEqual(self.peer.ask(target, "GET", b"", **self.headers).status, 200, target)
        self.assert_in_lane()

    def test_polls_that_wait(self) -> None:
        peers = [self.connect() for _ in POLLS]
        for peer, target in zip(peers, POLLS, strict=True):
            peer.send(asking(target, "GET", b"", **self.headers))
        looking = peers.pop(2)
        self.assertEqual(looking.answer().json["roster"]["people"], [{"name": "ada", "typing": False}])
        self.assertEqual((self.hub.waiting, [peer.taken() for peer in peers]), (3, [b""] * 3))
        self.add("one")
        self.assertEqual([peer.answer().status for peer in peers], [200] * 3)
        self.assert_in_lane()

    def test_posts(self) -> None:
        answer = self.peer.ask("/chat/post", "POST", b"message=one", Content_Type=FORM, **self.headers)
        self.assertEqual((answer.status, answer.body), (200, b""))
        body = json.dumps({"text": "two"}).encode()
        answer = self.peer.ask(ROOM, "POST", body, Content_Type=JSON, **self.headers)
        self.assertEqual((answer.status, answer.json["message"]["author"]), (201, "ada"))
        self.assertEqual(self.texts(), ["one", "two"])
        self.assert_in_lane()

    def test_streams(self) -> None:
        for accept in ("text/event-stream", "application/x-ndjson"):
            peer = self.connect()
            peer.send(asking("/rooms/lobby/events?cursor=k3v9.0", "GET", b"", **{**self.headers, "Accept": accept}))
            self.assertIn(f"\r\nContent-Type: {accept}\r\n".encode(), peer.taken())
            self.add("one")
            self.assertIn(b'"one"', peer.taken())
        self.assert_in_lane()

    def test_sockets(self) -> None:
        for connection in ("Upgrade", "upgrade", "keep-alive, Upgrade"):
            peer = self.connect()
            peer.send(asking(SOCKET, "GET", b"", **{**self.headers, **HANDSHAKE, "Connection": connection}))
            self.assertIn(b"HTTP/1.1 101 Switching Protocols\r\n", peer.taken())
            self.add("one")
            self.assertIn(b'"one"', peer.taken())
        self.assertEqual([person.name for person in self.hub.room("lobby").roster.state.people], ["ada"])
        self.assert_in_lane()

    def test_sockets_that_are_refused(self) -> None:
        for name, value, status in (
            *(("Upgrade", "h2c", 426), ("Sec_WebSocket_Version", "8", 426), ("Sec_WebSocket_Key", "x", 400)),
            *(("Origin", "http://evil.example", 403), ("Sec_Fetch_Site", "cross-site", 403)),
        ):
            self.assertEqual(self.peer.ask(SOCKET, **{**HANDSHAKE, name: value}).status, status, name)
        self.assertEqual(self.peer.ask(f"{SOCKET}?cursor=x", **HANDSHAKE).status, 400)
        self.assert_in_lane()

    def test_one_after_the_other_on_a_connection(self) -> None:
        for number in range(5):
            self.peer.send(asking(f"/chat/get/{number}", "GET", b"", **self.headers))
            self.add(str(number))
            self.assertEqual(self.peer.answer().body, str(number).encode())
            self.assertEqual(self.peer.ask(f"{ROOM}?cursor=k3v9.{number}").status, 200)
        self.assert_in_lane()

    def test_what_is_refused(self) -> None:
        for target, status in (
            *((f"{ROOM}?cursor=x", 400), (f"{ROOM}?cursor=k3v9.0&limit=0", 400), (f"{ROOM}?cursor=other.0", 410)),
            *(("/poll", 400), ("/poll?at=-:k3v9.0", 400), ("/chat/get/1", 404), ("/chat/get/0?wait=x", 400)),
        ):
            self.assertEqual(self.peer.ask(target).status, status, target)
        self.assertEqual(self.peer.ask(ROOM, "POST", b"x", Content_Type="text/plain").status, 415)
        self.assertEqual(self.peer.ask(ROOM, "POST", b"{}", Content_Type=JSON).status, 400)
        self.assertEqual(self.peer.ask(ROOM, "POST", b"{}", Sec_Fetch_Site="cross-site").status, 403)
        self.assert_in_lane()

    def test_after_a_request_that_took_the_other_one(self) -> None:
        self.add("one")
        self.peer.ask("/session")
        self.assertEqual((self.peer.ask("/chat/get/0").body, self.requests), (b"one", 1))

    def test_what_is_behind_a_poll_that_waits(self) -> None:
        self.peer.send(POLL, POST)
        self.add("one")
        self.assertEqual(
            ([answer.status for answer in self.peer.answers()], self.texts()), ([200, 200], ["one", "mine"])
        )
        self.assert_in_lane()


class NotTakenTests(LaneTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.add("one")

    def assert_elsewhere(self, *requests: bytes, count: int = 1) -> None:
        for request in requests:
            self.requests = 0
            peer = self.connect()
            peer.send(request)
            self.assertEqual((peer.taken()[:5], self.requests), (b"HTTP/", count), request)

    def test_what_is_not_in_its_plain_form(self) -> None:
        self.assert_elsewhere(
            asking("/chat/get/0", "HEAD"),
            asking("/chat/get/0", "PUT"),
            asking("/chat/get/%30"),
            asking("/chat/get/0", "GET", b"x"),
            asking("/chat/get/0", Connection="close"),
            NOW.replace(b"HTTP/1.1", b"HTTP/1.0"),
            NOW.replace(b"Host", b"HOST: chat.example\r\nHost"),
            POST.replace(b"Host", b"Expect: 100-continue\r\nHost"),
            POST.replace(b"Content-Length: 12", b"Transfer-Encoding: chunked").replace(b"message", b"c\r\nmessage")
            + b"\r\n0\r\n\r\n",
            asking("/session"),
            asking(ROOM),
            asking("/chat/get/0", Authorization="Basic YWRhOng="),
            asking("/chat/get/0", Authorization="Digest x"),
            asking("/rooms/lobby/events", Authorization="Basic YWRhOng="),
            POST.replace(b"Host", b"Authorization: Basic YWRhOng=\r\nHost"),
        )

    def test_what_is_more_than_one(self) -> None:
        self.assert_elsewhere(NOW + NOW, POST + NOW, NOW + POST, count=2)
        self.assert_elsewhere(b"\r\n" + NOW, NOW + b"G", POST + b"\r\n")

    def test_what_comes_in_parts(self) -> None:
        for request in (NOW, POST):
            self.requests = 0
            self.peer.send(request[:-1])
            self.peer.send(request[-1:])
            self.assertEqual((self.peer.answer().status, self.requests), (200, 1))

    def test_what_comes_over_tls(self) -> None:
        peer = self.connect(secure=True)
        for request in (NOW, POST):
            self.requests = 0
            peer.send(request)
            self.assertEqual((peer.answer().status, self.requests), (200, 1))

    def test_what_comes_by_something_unknown(self) -> None:
        self.plain_transport = PeerTransport
        self.assert_elsewhere(NOW, POST)


class PrefixTests(LaneTestCase):
    settings = replace(Settings(), prefix="/chat/ty")

    def test_all_is_under_it(self) -> None:
        self.add("one")
        for target in POLLS:
            self.assertEqual(self.peer.ask("/chat/ty" + target).status, 200, target)
        self.assertEqual(self.peer.ask("/chat/ty/chat/post", "POST", b"message=x", Content_Type=FORM).status, 200)
        self.assert_in_lane()

    def test_nothing_is_beside_it(self) -> None:
        for target in (*POLLS, "/chat/tychat/get/0", "/chat/chat/get/0", "/chat/ty/chat/ty/chat/get/0?"):
            self.assertIn(self.peer.ask(target).status, (302, 404), target)
        for target in ("/chat/post", ROOM):
            self.assertEqual(self.peer.ask(target, "POST", b"message=x", Content_Type=FORM).status, 404)
        self.assertEqual(self.texts(), [])


class RememberedTests(LaneTestCase):
    """What is remembered has an end, and to have forgotten it changes nothing."""

    @property
    def lane(self) -> Lane:
        assert self.site.lane is not None
        return self.site.lane

    def test_first_lines(self) -> None:
        self.patch(lane_module, "ASKS", 8)
        self.serve()
        self.add("one")
        first = self.peer.ask("/chat/get/0?x=0").body
        for number in range(30):
            self.assertEqual(self.peer.ask(f"/chat/get/0?x={number}").body, first)
            self.assertLessEqual(len(self.lane._asks), 8)
        self.assertEqual(self.peer.ask("/chat/get/0?x=0").body, first)
        self.assert_in_lane()

    def test_headers(self) -> None:
        self.patch(lane_module, "HEADS_BYTES", 6_000)  # of which each takes 1,600
        self.serve()
        sessions = self.chat.sessions
        cookies = {name: f"chatcomet={sessions.cookie(sessions.sign_in(name, None))}" for name in ("ada", "bob")}
        for number in range(30):
            for name, cookie in cookies.items():
                target = f"/rooms/{name}-{number}/messages?cursor=k3v9.0&roster=99"
                roster = self.peer.ask(target, Cookie=cookie, X=str(number)).json["roster"]
                self.assertEqual(roster["people"], [{"name": name, "typing": False}])
            self.assertLessEqual(len(self.lane._sources), 3)
        self.assert_in_lane()

    def test_nothing_that_was_not_asked_lately(self) -> None:
        for number in range(3):
            self.peer.ask(f"{ROOM}?cursor=k3v9.0&wait=0&x={number}", X=str(number))
        self.lane.age()
        self.peer.ask(f"{ROOM}?cursor=k3v9.0&wait=0&x=0", X="0")
        self.assertEqual((len(self.lane._asks), len(self.lane._sources)), (3, 3))
        self.lane.age()
        self.assertEqual((len(self.lane._asks), len(self.lane._sources)), (1, 1))
        self.lane.age()
        self.assertEqual((len(self.lane._asks), len(self.lane._sources)), (0, 0))

    def test_none_with_a_ticket(self) -> None:
        for number in range(3):
            for target in (f"{ROOM}?cursor=k3v9.0&", "/chat/get/0?", "/poll?at=lobby:k3v9.0&"):
                self.assertEqual(self.peer.ask(f"{target}ticket=t{number}").status, 400)
        self.assertEqual(len(self.lane._asks), 0)
        self.assert_in_lane()

    def test_strangers_who_send_the_same_are_others_elsewhere(self) -> None:
        for _ in range(2):
            for host in ("203.0.113.9", "203.0.113.10", "203.0.113.9"):
                peer = self.connect()
                peer.transport.peerAddr = IPv4Address("TCP", host, 54321)
                peer.send(POLL)
        self.assertEqual(self.chat.readers._by_address, {"203.0.113.9": 4, "203.0.113.10": 2})
        self.assertEqual((len(self.lane._sources), len(self.lane._elsewhere)), (1, 0))

    def test_their_header_is_read_once(self) -> None:
        with patch.object(lane_module, "read_head", wraps=plain.read_head) as read:
            for _ in range(5):
                self.connect().send(POLL)
        self.assertEqual(read.call_count, 1)

    def test_nothing_of_who_is_not_known_by_it(self) -> None:
        sessions = self.chat.sessions
        cookie = sessions.cookie(sessions.sign_in("ada", None))
        for number in range(9):
            shown = f"{cookie[:-3]}{number:03}"
            self.assertEqual(self.peer.ask(f"{ROOM}?cursor=k3v9.0&wait=0", Cookie=f"chatcomet={shown}").status, 200)
        self.assertEqual(self.peer.ask(f"{ROOM}?cursor=k3v9.0&wait=0", Authorization="Bearer a.b.c").status, 401)
        self.assertEqual(len(self.lane._sources), 0)
        self.assert_in_lane()

    def test_from_elsewhere_the_same_header_is_of_somebody_there(self) -> None:
        sessions = self.chat.sessions
        ada = sessions.sign_in("ada", None)
        poll = asking(f"{ROOM}?cursor=k3v9.0", Cookie=f"chatcomet={sessions.cookie(ada)}")
        for _ in range(2):
            for host in ("127.0.0.1", "203.0.113.9", "203.0.113.10", "203.0.113.9"):
                peer = self.connect()
                peer.transport.peerAddr = IPv4Address("TCP", host, 54321)
                peer.send(poll)
        self.assertEqual(self.chat.readers._by_address, {"203.0.113.9": 4, "203.0.113.10": 2})
        self.assertEqual({reader.asker.name for reader in self.chat.readers._all}, {"ada"})
        self.assert_in_lane()

    def test_so_many_from_elsewhere(self) -> None:
        self.patch(lane_module, "_ELSEWHERE", 3)
        self.serve()
        poll = asking(f"{ROOM}?cursor=k3v9.0", X_Forwarded_For="198.51.100.1")
        for number in range(9):
            peer = self.connect()
            peer.transport.peerAddr = IPv4Address("TCP", f"203.0.113.{number}", 54321)
            peer.send(poll)
        self.assertEqual(len(self.lane._elsewhere), 3)
        for _ in range(2):
            self.lane.age()
        self.assertEqual(len(self.lane._elsewhere), 0)
        self.assertEqual(len(self.chat.readers._by_address), 9)

    def test_one_header_is_of_whom_it_is_now(self) -> None:
        """Whoever loses the name is nobody, and has it again when it is free; until the session ends."""
        sessions = self.chat.sessions
        session = sessions.sign_in("ada", None)
        self.cookie = f"chatcomet={sessions.cookie(session)}"
        self.assertEqual([self.asker().name for _ in range(2)], ["ada", "ada"])
        self.clock.advance(HOLD_NAME_SECONDS)
        other = sessions.sign_in("ada", None)
        self.assertEqual([self.asker().is_nameless for _ in range(2)], [True, True])
        sessions.sign_out(other)
        self.assertEqual([self.asker().name for _ in range(2)], ["ada", "ada"])
        self.connect().ask("/session", "DELETE", Cookie=self.cookie)
        self.assertEqual([self.asker().has_ended for _ in range(2)], [True, True])

    def asker(self) -> Asker:
        """Who polls with `self.cookie`."""
        peer = self.connect()
        peer.send(asking(f"{ROOM}?cursor=k3v9.0", Cookie=self.cookie))
        (reader,) = self.chat.readers._all
        peer.transport.loseConnection()
        self.clock.advance(0)
        return reader.asker

    def test_who_asked_is_no_part_of_it(self) -> None:
        """Another header, or the same one of somebody who has signed out, is another person."""
        sessions = self.chat.sessions
        ada = sessions.sign_in("ada", None)
        cookie = f"chatcomet={sessions.cookie(ada)}"
        for _ in range(2):
            self.assertEqual(
                self.peer.ask(ROOM, "POST", b"text=x", Content_Type=FORM, Cookie=cookie).json["message"]["author"],
                "ada",
            )
        self.assertEqual(self.connect().ask("/session", "DELETE", Cookie=cookie).status, 204)
        answer = self.peer.ask(ROOM, "POST", b"text=x", Content_Type=FORM, Cookie=cookie)
        self.assertEqual(answer.problem, "session-ended")

    def test_nothing_of_what_is_refused(self) -> None:
        for number in range(50):
            self.assertEqual(self.peer.ask(f"{ROOM}?cursor=x{number}").status, 400)
            self.assertEqual(self.peer.ask(f"/nowhere/{number}").status, 404)
        self.assertEqual(len(self.lane._asks), 0)


class DateTests(LaneTestCase):
    def test_it_is_of_the_second_and_the_page_is_the_same(self) -> None:
        with patch("chatcomet.http.wire.page_json", wraps=wire.page_json) as encode:
            first = self.peer.ask(f"{ROOM}?cursor=k3v9.0&wait=0")
            self.now += 0.5
            same = self.peer.ask(f"{ROOM}?cursor=k3v9.0&wait=0")
            self.now += 1
            later = self.peer.ask(f"{ROOM}?cursor=k3v9.0&wait=0")
        self.assertEqual(encode.call_count, 1)
        self.assertEqual(same, first)
        dates = [answer.headers.pop("date") for answer in (first, later)]
        self.assertEqual(dates, ["Sun, 22 Nov 2026 13:29:15 GMT", "Sun, 22 Nov 2026 13:29:16 GMT"])
        self.assertEqual(later, first)
        self.assert_in_lane()

    def test_it_is_of_the_second_in_which_it_is_answered(self) -> None:
        peers = [self.connect(), self.connect()]
        for peer in peers:
            peer.send(POLL)
        self.now += 20
        self.add("one")
        dates = [peer.answer().headers["date"] for peer in peers]
        self.assertEqual(dates, [self.peer.ask(f"{ROOM}?cursor=k3v9.0").headers["date"]] * 2)
