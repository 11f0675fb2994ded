"""Requests one behind the other: their order, and a peer that asks more than it hears."""

from __future__ import annotations

import json
import re

from chatcomet.core.message import DATA_BYTES
from chatcomet.settings import HEADER_SECONDS, IDLE_SECONDS
from tests.unit.http.peer import BUFFER_BYTES, PeerTransport, asking
from tests.unit.http.running_edge import EdgeTestCase

SESSION = asking("/session")
POLL = asking("/rooms/lobby/messages?cursor=k3v9.0")
HISTORY = asking("/rooms/big/messages")
EAGER_BYTES = 16 * 1024
"""How much is read ahead behind a suspended request."""


def posting(text: str) -> bytes:
    body = json.dumps({"text": text}).encode()
    return asking("/rooms/kitchen/messages", "POST", body, Content_Type="application/json")


class OrderTests(EdgeTestCase):
    def test_answers_come_in_the_order_of_their_requests(self) -> None:
        self.peer.send(b"".join(posting(str(number)) for number in range(20)))
        self.assertEqual([answer.json["message"]["text"] for answer in self.peer.answers()], list(map(str, range(20))))

    def test_however_they_are_cut(self) -> None:
        sent = posting("one") + SESSION + asking("/nowhere", "HEAD") + posting("two") + asking("/chat/get/9") + SESSION
        for length in (1, 2, 7, 100):
            peer = self.connect()
            peer.send(*(sent[start : start + length] for start in range(0, len(sent), length)))
            statuses = re.findall(rb"HTTP/1\.1 (\d+) ", peer.taken())
            self.assertEqual(statuses, [b"201", b"200", b"404", b"201", b"404", b"200"])

    def test_nothing_overtakes_a_suspended_poll(self) -> None:
        self.peer.send(POLL + posting("one"), posting("two"), SESSION)
        self.assertEqual((self.peer.taken(), self.texts("kitchen")), (b"", []))
        self.post("hello")
        first, *rest = self.peer.answers()
        self.assertEqual(first.json["messages"][0]["text"], "hello")
        self.assertEqual([answer.status for answer in rest], [201, 201, 200])
        self.assertEqual(self.texts("kitchen"), ["one", "two"])

    def test_a_poll_behind_a_poll(self) -> None:
        self.peer.send(POLL + POLL)
        self.assertEqual(self.hub.waiting, 1)
        self.post("hello")
        self.assertEqual([answer.status for answer in self.peer.answers()], [200, 200])

    def test_a_body_is_never_taken_for_a_request(self) -> None:
        inner = posting("smuggled")
        self.peer.send(asking("/rooms/kitchen/messages", "POST", inner, Content_Type="text/plain") + SESSION)
        self.assertEqual([answer.status for answer in self.peer.answers()], [415, 200])
        self.peer.send(asking("/session", "GET", inner) + SESSION)
        self.assertEqual([answer.status for answer in self.peer.answers()], [200, 200])
        self.assertEqual(self.texts("kitchen"), [])

    def test_nothing_is_heard_behind_the_last_request(self) -> None:
        for last in (asking("/session", Connection="close"), b"GET /session HTTP/1.0\r\n\r\n"):
            peer = self.connect()
            peer.send(last + posting("one") + b"x" * 2 * EAGER_BYTES, posting("two"))
            self.assertEqual(peer.answer().status, 200)
            self.assertTrue(peer.ended)
            self.clock.advance(0)
            self.assertTrue(peer.lost)
        self.assertEqual(self.texts("kitchen"), [])

    def test_nor_behind_one_that_the_server_made_the_last(self) -> None:
        self.peer.send(asking("/chat/get/0?wait=1") + posting("one"))
        self.clock.advance(1)
        self.assertEqual(self.peer.answer().status, 408)
        self.assertEqual((self.peer.ended, self.texts("kitchen")), (True, []))

    def test_an_empty_line_between_two(self) -> None:
        self.peer.send(posting("one") + b"\r\n" + SESSION)
        self.assertEqual([answer.status for answer in self.peer.answers()], [201, 200])

    def test_a_peer_that_drops_leaves_nothing_of_what_it_asked_behind(self) -> None:
        self.peer.send(POLL + posting("one") + POLL)
        self.peer.lose()
        self.post("hello")
        self.assertEqual((self.hub.waiting, self.texts("kitchen")), (0, []))


class OrderWithoutLaneTests(OrderTests):
    plain_transport = PeerTransport


class BackPressureTests(EdgeTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.add(*["big"] * 20, room="big", data=json.dumps("x" * (DATA_BYTES - 2)))
        self.page_bytes = len(self.peer.ask("/rooms/big/messages").body)
        self.assertGreater(self.page_bytes, BUFFER_BYTES)

    @property
    def reading(self) -> bool:
        return self.peer.transport.producerState == "producing"

    def test_no_request_is_begun_before_the_answers_to_others_are_taken(self) -> None:
        self.peer.transport.taking = False
        self.peer.send(HISTORY * 20)
        (answer,) = self.peer.answers()
        self.assertEqual(len(answer.body), self.page_bytes)
        self.assertFalse(self.reading)

    def test_small_answers_add_up(self) -> None:
        self.peer.transport.taking = False
        self.peer.send(SESSION * 1_000)
        written = len(self.peer.taken())
        self.assertTrue(BUFFER_BYTES < written < 2 * BUFFER_BYTES, written)
        self.assertFalse(self.reading)

    def test_when_they_are_taken_it_goes_on(self) -> None:
        transport = self.peer.transport
        transport.taking = False
        self.peer.send(HISTORY * 3 + SESSION)
        for _ in range(3):
            self.assertEqual([len(answer.body) for answer in self.peer.answers()], [self.page_bytes])
            self.assertFalse(self.reading)
            transport.take(all_that_follows=False)
        self.assertEqual([answer.status for answer in self.peer.answers()], [200])
        self.assertTrue(self.reading)
        self.assertEqual(self.peer.ask("/session").status, 200)

    def test_a_request_that_comes_meanwhile_waits(self) -> None:
        self.peer.transport.taking = False
        self.peer.send(HISTORY)
        self.peer.send(posting("one"))
        self.assertEqual((len(self.peer.answers()), self.texts("kitchen")), (1, []))
        self.peer.transport.take()
        self.assertEqual((self.peer.answer().status, self.texts("kitchen")), (201, ["one"]))

    def test_whoever_does_not_listen_is_cut(self) -> None:
        self.peer.transport.taking = False
        self.peer.send(HISTORY + HISTORY)
        self.clock.advance(IDLE_SECONDS)
        self.assertTrue(self.peer.transport.disconnecting)
        self.clock.advance(15)
        self.assertTrue(self.peer.transport.aborted)
        self.assertEqual(len(self.peer.answers()), 1)

    def test_whoever_listens_slowly_is_idle_from_then_on(self) -> None:
        self.peer.transport.taking = False
        self.peer.send(HISTORY)
        self.clock.advance(IDLE_SECONDS - 1)
        self.peer.transport.take()
        self.clock.advance(IDLE_SECONDS - 1)
        self.assertFalse(self.peer.ended)
        self.clock.advance(1)
        self.assertTrue(self.peer.ended)

    def test_a_header_that_began_meanwhile_has_its_time_from_then_on(self) -> None:
        self.peer.transport.taking = False
        self.peer.send(HISTORY + b"GET / HT")
        self.peer.answers()
        self.clock.advance(IDLE_SECONDS - 1)
        self.peer.transport.take()
        self.clock.advance(HEADER_SECONDS)
        self.assertEqual(self.peer.answer().problem, "too-slow")

    def test_whoever_leaves_meanwhile_is_forgotten(self) -> None:
        self.peer.transport.taking = False
        self.peer.send(HISTORY + posting("one"))
        self.peer.lose()
        self.clock.advance(2 * IDLE_SECONDS)
        self.assertEqual((self.site.channels, self.texts("kitchen")), (set(), []))

    def test_a_last_answer_that_is_not_taken_is_cut(self) -> None:
        self.peer.transport.taking = False
        self.peer.send(asking("/rooms/big/messages", Connection="close"))
        self.assertTrue(self.peer.transport.disconnecting)
        self.clock.advance(IDLE_SECONDS - 1)
        self.assertFalse(self.peer.lost)
        self.clock.advance(1)
        self.assertTrue(self.peer.transport.aborted)

    def test_behind_a_suspended_request_only_so_much_is_read(self) -> None:
        self.peer.send(POLL)
        self.peer.send(*[b"x" * 1_000] * (EAGER_BYTES // 1_000))
        self.assertTrue(self.reading)
        self.peer.send(b"x" * 1_000)
        self.assertFalse(self.reading)
        self.hub.drain()
        self.assertTrue(self.reading)
        self.assertEqual([answer.status for answer in self.peer.answers()], [200, 414])

    def test_what_comes_byte_by_byte_behind_one_is_kept_in_one_piece(self) -> None:
        """Or it would be looked at as often as a byte comes, all of it."""
        behind = SESSION * (EAGER_BYTES // len(SESSION))
        for before in (POLL, POLL + SESSION[:1]):
            peer = self.connect()
            peer.send(before, *(behind[at : at + 1] for at in range(len(before) - len(POLL), len(behind))))
            self.assertLessEqual(len(peer.protocol._dataBuffer), 2)
            self.assertEqual(peer.transport.producerState, "producing")
            peer.send(SESSION)
            self.assertEqual(peer.transport.producerState, "paused")
            peer.lose()

    def test_and_answered_as_it_came(self) -> None:
        peer = self.connect()
        peer.send(POLL, *(bytes([byte]) for byte in SESSION + posting("one") + SESSION[:9]))
        self.post("hello")
        self.assertEqual([answer.status for answer in peer.answers()], [200, 200, 201])
        peer.send(SESSION[9:])
        self.assertEqual(peer.answer().status, 200)


class BackPressureWithoutLaneTests(BackPressureTests):
    plain_transport = PeerTransport
