"""CORS: what a page of another site is told, by both lanes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.http import wire
from chatcomet.http.cors import listed_origin, permission, sharing
from chatcomet.http.plain import Head
from chatcomet.settings import BODY_BYTES, Settings
from tests.unit.http.peer import Answer, PeerTransport, asking
from tests.unit.http.running_lane import FORM, NOW, POLL, POST, ROOM, SESSION, LaneTestCase
from tests.unit.http.running_sockets import HANDSHAKE, SOCKET

FRIEND, OTHER_FRIEND, EVIL = "https://friend.example", "https://friend.example:8443", "https://evil.example"
LISTED = frozenset({FRIEND, OTHER_FRIEND})
STRANGERS = (EVIL, "http://friend.example", FRIEND + "/", FRIEND.upper(), f"{FRIEND}, {FRIEND}", "null", "*", "")
NO_SOCKET = asking(f"{SOCKET}?cursor=x", **HANDSHAKE)
SHARED = ("access-control-allow-origin", "access-control-expose-headers", "vary")
PERMITTED = ("access-control-allow-methods", "access-control-allow-headers", "access-control-max-age")


def header(**values: str) -> Head:
    return Head({name.replace("_", "-").lower().encode(): value.encode() for name, value in values.items()}, 0)


def told(headers: Mapping[str, str]) -> dict[str, str]:
    """What is said of other sites."""
    return {name: value for name, value in headers.items() if name == "vary" or name.startswith("access-control-")}


class HeaderTests(SynchronousTestCase):
    def test_only_what_is_listed_is(self) -> None:
        for origin in LISTED:
            self.assertEqual(listed_origin(header(Origin=origin), LISTED), origin)
        for origin in STRANGERS:
            self.assertIsNone(listed_origin(header(Origin=origin), LISTED), origin)
        self.assertIsNone(listed_origin(header(), LISTED))
        self.assertIsNone(listed_origin(header(Origin=FRIEND), frozenset()))

    def test_nothing_is_said_to_nobody(self) -> None:
        self.assertEqual(sharing(None), ())

    def test_a_request_that_asks_for_no_permission_gets_none(self) -> None:
        self.assertEqual(permission(header(Origin=FRIEND), LISTED, ["GET"]), ())
        for origin in STRANGERS:
            self.assertEqual(
                permission(header(Origin=origin, Access_Control_Request_Method="GET"), LISTED, ["GET"]), ()
            )
        self.assertEqual(permission(header(Access_Control_Request_Method="GET"), LISTED, ["GET"]), ())


class SharedTests(LaneTestCase):
    settings = replace(Settings(store="memory:"), origins=LISTED)

    def assert_shared(self, answer: Answer, origin: str = FRIEND) -> None:
        """The page of `origin` may see this, without credentials."""
        self.assertEqual(told(answer.headers), dict(zip(SHARED, (origin, "Retry-After", "Origin"), strict=True)))

    def assert_not_shared(self, answer: Answer) -> None:
        self.assertEqual(told(answer.headers), {})

    def test_what_takes_the_lane(self) -> None:
        self.add("one")
        for target in ("/chat/get/0", f"{ROOM}?cursor=k3v9.0", "/poll?at=lobby:k3v9.0", f"{ROOM}?cursor=other.0"):
            for origin in LISTED:
                self.assert_shared(self.peer.ask(target, Origin=origin), origin)
            for origin in STRANGERS:
                self.assert_not_shared(self.peer.ask(target, Origin=origin))
            self.assert_not_shared(self.peer.ask(target))
        for origin in (FRIEND, EVIL):
            self.peer.send(with_origin(NO_SOCKET, origin))
            answer = self.peer.answer()
            self.assertEqual(answer.status, 400 if origin == FRIEND else 403)
            (self.assert_shared if origin == FRIEND else self.assert_not_shared)(answer)
        headers = {"Content_Type": FORM, "Sec_Fetch_Site": "cross-site"}
        self.assert_shared(self.peer.ask(ROOM, "POST", b"text=hello", Origin=FRIEND, **headers))
        self.assert_not_shared(self.peer.ask(ROOM, "POST", b"text=hello", Origin=EVIL, **headers))
        self.assertEqual(self.texts(), ["one", "hello"])
        self.assert_in_lane()

    def test_what_does_not(self) -> None:
        for target in ("/session", ROOM, "/rooms", "/", "/chat/nowhere", "/nowhere", f"{ROOM}?cursor=x"):
            self.assert_shared(self.peer.ask(target, Origin=FRIEND))
            self.assert_not_shared(self.peer.ask(target, Origin=EVIL))
            self.assert_not_shared(self.peer.ask(target))

    def test_refusals_are_shown_too(self) -> None:
        evil_host = asking("/session", Origin=FRIEND).replace(b"chat.example", b"evil.example")
        for request, status in (
            (asking(ROOM, "PUT", Origin=FRIEND), 405),
            (asking(ROOM, "POST", b"x", Origin=FRIEND), 415),
            (evil_host, 421),
            (asking(ROOM, "POST", b"x" * (BODY_BYTES + 1), Origin=FRIEND), 413),
        ):
            peer = self.connect()
            peer.send(request)
            answer = peer.answer()
            self.assertEqual(answer.status, status)
            self.assert_shared(answer)

    def test_a_stream(self) -> None:
        for origin, shared in ((FRIEND, True), (EVIL, False), (None, False)):
            peer = self.connect()
            peer.send(with_origin(asking("/rooms/lobby/events"), origin))
            head = peer.taken().partition(b"\r\n\r\n")[0].decode().lower()
            self.assertEqual(f"access-control-allow-origin: {origin}\r\n" in head, shared)
            self.assertEqual("access-control" in head or "vary" in head, shared)
        self.assert_in_lane()

    def test_what_waits_is_shown_to_whom_it_was_for(self) -> None:
        askers = [(self.connect(), origin) for origin in (FRIEND, None, OTHER_FRIEND, EVIL, FRIEND)]
        for peer, origin in askers:
            peer.send(with_origin(POLL, origin))
        self.add("one")
        for peer, origin in askers:
            answer = peer.answer()
            if origin in LISTED:
                self.assert_shared(answer, origin)
            else:
                self.assert_not_shared(answer)
        self.assert_in_lane()

    def test_it_is_encoded_once_for_all_of_one_origin(self) -> None:
        origins = [FRIEND, None, OTHER_FRIEND] * 5
        peers = [self.connect() for _ in origins]
        for peer, origin in zip(peers, origins, strict=True):
            peer.send(with_origin(POLL, origin))
        with patch("chatcomet.http.wire.encode_head", wraps=wire.encode_head) as encode:
            self.add("one")
        self.assertEqual(encode.call_count, 3)
        self.assert_in_lane()

    def test_one_request_is_not_taken_for_another(self) -> None:
        """What goes before on a connection, in either lane, says nothing of what comes after it."""
        for first in (NOW, POST, SESSION, POLL, asking("/rooms/lobby/events")):
            for second in (NOW, SESSION, POST, NO_SOCKET):
                for mine, yours in ((FRIEND, None), (None, FRIEND), (FRIEND, OTHER_FRIEND), (FRIEND, EVIL)):
                    self.ask_in_turn(with_origin(first, mine), with_origin(second, yours), yours)

    def ask_in_turn(self, first: bytes, second: bytes, origin: str | None) -> None:
        """The answer to what comes `second` is shown to `origin`, if it is a listed one."""
        peer = self.connect()
        peer.send(first)
        self.add("one")
        if b"/events" in first:
            self.hub.drain()  # which ends the stream
        peer.taken()
        peer.send(second)
        answer = peer.answer()
        if origin in LISTED:
            self.assert_shared(answer, origin)
        else:
            self.assert_not_shared(answer)

    def test_a_page_that_no_origin_names_is_its_own_sites(self) -> None:
        self.assert_not_shared(self.peer.ask(f"{ROOM}?cursor=k3v9.0&wait=0", Origin="http://chat.example"))


class SharedWithoutLaneTests(SharedTests):
    plain_transport = PeerTransport

    def assert_in_lane(self) -> None:
        """Nothing takes it."""

    def test_it_is_encoded_once_for_all_of_one_origin(self) -> None:
        """It is not."""


class PreflightTests(LaneTestCase):
    settings = replace(Settings(store="memory:"), origins=LISTED)

    def preflight(self, target: str, **headers: str) -> Answer:
        """The answer to a browser that asks whether it may."""
        return self.peer.ask(target, "OPTIONS", b"", Access_Control_Request_Method="POST", **headers)

    def test_a_listed_page_may(self) -> None:
        for target, methods in (
            (ROOM, "GET, HEAD, POST"),
            (f"{ROOM}/0", "DELETE"),
            ("/session", "DELETE, GET, HEAD, POST"),
            ("/rooms/lobby/events", "GET, HEAD"),
            ("/rooms/lobby/typing", "POST"),
            ("/poll", "GET, HEAD"),
            ("/chat/post", "POST"),
            ("/chat/get/0", "GET, HEAD"),
        ):
            answer = self.preflight(target, Origin=FRIEND, Access_Control_Request_Headers="content-type")
            self.assertEqual((answer.status, answer.body), (204, b""), target)
            self.assertEqual(answer.headers["allow"], f"{methods}, OPTIONS")
            said = told(answer.headers)
            self.assertEqual([said.pop(name) for name in SHARED], [FRIEND, "Retry-After", "Origin"])
            asked = "Content-Type, Idempotency-Key, Authorization, Last-Event-ID"
            self.assertEqual([said.pop(name) for name in PERMITTED], [methods, asked, "7200"])
            self.assertEqual(said, {})
            self.assertEqual(answer.headers["cache-control"], "no-store")

    def test_another_may_not(self) -> None:
        for origin in STRANGERS:
            answer = self.preflight(ROOM, Origin=origin)
            self.assertEqual((answer.status, answer.headers["allow"]), (204, "GET, HEAD, POST, OPTIONS"))
            self.assertEqual(told(answer.headers), {})
        self.assertEqual(told(self.preflight(ROOM).headers), {})

    def test_who_is_no_browser_hears_what_there_is(self) -> None:
        answer = self.peer.ask(ROOM, "OPTIONS")
        self.assertEqual((answer.status, answer.headers["allow"], answer.body), (204, "GET, HEAD, POST, OPTIONS", b""))
        self.assertEqual(told(answer.headers), {})
        self.assertEqual(sorted(told(self.peer.ask(ROOM, "OPTIONS", Origin=FRIEND).headers)), sorted(SHARED))

    def test_where_nothing_is(self) -> None:
        self.assertEqual(self.preflight("/nowhere", Origin=FRIEND).status, 404)

    def test_private_networks_are_not_promised(self) -> None:
        answer = self.preflight(ROOM, Origin=FRIEND, Access_Control_Request_Private_Network="true")
        self.assertNotIn("access-control-allow-private-network", answer.headers)

    def test_it_changes_nothing(self) -> None:
        body = json.dumps({"text": "hello"}).encode()
        self.peer.send(asking(ROOM, "OPTIONS", body, Origin=FRIEND, Content_Type="application/json"))
        self.assertEqual((self.peer.answer().status, self.texts()), (204, []))


def with_origin(request: bytes, origin: str | None) -> bytes:
    """The same from a page of `origin`."""
    return request if origin is None else request.replace(b"\r\n", b"\r\nOrigin: %b\r\n" % origin.encode(), 1)
