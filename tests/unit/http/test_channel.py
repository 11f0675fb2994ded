"""PollChannel: what waits in the lane, what comes behind it, and how connections end there."""

from __future__ import annotations

import json
from dataclasses import replace
from unittest.mock import patch

from chatcomet.core.message import DATA_BYTES
from chatcomet.core.roster import GRACE_SECONDS
from chatcomet.settings import HEADER_SECONDS, IDLE_SECONDS, Settings
from tests.unit.http.peer import BUFFER_BYTES, asking
from tests.unit.http.running_lane import NOW, POLL, POST, ROOM, SESSION, LaneTestCase

EAGER_BYTES = 16 * 1024
"""How much is read ahead behind a suspended poll."""

POLLS = (asking("/chat/get/0"), POLL, asking(f"{ROOM}?cursor=k3v9.0&roster=0&wait=9"), asking("/poll?at=lobby:k3v9.0"))


class BehindTests(LaneTestCase):
    """What comes behind a poll that waits."""

    def test_is_answered_after_it(self) -> None:
        self.peer.send(POLL, SESSION[:7], SESSION[7:] + POST, NOW)
        self.assertEqual((self.peer.taken(), self.texts()), (b"", []))
        self.add("one")
        polled, who, posted, now = self.peer.answers()
        self.assertEqual([message["text"] for message in polled.json["messages"]], ["one"])
        self.assertEqual((who.json["name"], posted.body), ("guest", b""))
        self.assertEqual([message["text"] for message in now.json["messages"]], ["one", "mine"])

    def test_polls_wait_one_by_one(self) -> None:
        self.peer.send(POLL, asking(f"{ROOM}?cursor=k3v9.1") + asking(f"{ROOM}?cursor=k3v9.2"))
        for text in ("one", "two", "three"):
            self.assertEqual((self.peer.taken(), self.hub.waiting), (b"", 1))
            self.add(text)
            self.assertEqual(self.peer.answer().json["messages"][0]["text"], text)
        self.assertEqual(self.hub.waiting, 0)

    def test_no_more_of_it_is_heard_than_so_much(self) -> None:
        self.peer.send(POLL)
        sent = 0
        while self.reading:
            self.peer.send(SESSION)
            sent += 1
        self.assertTrue(EAGER_BYTES < sent * len(SESSION) <= EAGER_BYTES + len(SESSION))
        self.add("one")
        self.assertEqual([answer.status for answer in self.peer.answers()], [200] * (1 + sent))
        self.assertTrue(self.reading)
        self.assertEqual(self.peer.ask("/chat/get/0").body, b"one")

    def test_behind_the_last_answer_nothing_is_heard(self) -> None:
        self.peer.send(asking("/chat/get/0?wait=1"), POST)
        self.clock.advance(1)
        self.assertEqual((self.peer.answer().status, self.peer.ended), (408, True))
        self.peer.send(POST)
        self.clock.advance(0)
        self.assertEqual((self.texts(), self.peer.lost, self.peer.taken()), ([], True, b""))

    def test_what_is_no_request(self) -> None:
        self.peer.send(POLL, b"\x00\r\n\r\n")
        self.add("one")
        self.assertEqual([answer.status for answer in self.peer.answers()], [200, 400])
        self.assertTrue(self.peer.ended)


class BackPressureTests(LaneTestCase):
    """A peer that asks and does not take its answers."""

    def setUp(self) -> None:
        super().setUp()
        self.peer.transport.taking = False
        self.add("one")

    def say_while_heard(self, data: bytes) -> int:
        """Send `data` for as long as the server reads; how often that was."""
        count = 0
        while self.reading and count < 10_000:
            self.peer.send(data)
            count += 1
        return count

    def test_is_not_heard_before_it_does(self) -> None:
        said = self.say_while_heard(NOW)
        self.assert_in_lane()
        written = self.peer.transport.untaken
        self.assertTrue(BUFFER_BYTES < written < 2 * BUFFER_BYTES, written)
        self.assertEqual(len(self.peer.answers()), said)
        self.peer.transport.take()
        self.assertTrue(self.reading)
        self.assertEqual(self.peer.ask("/chat/get/0").body, b"one")

    def test_nor_is_what_lies_behind_a_stream_that_it_does_not_take(self) -> None:
        for stream in (asking("/rooms/lobby/events"), asking("/rooms/lobby/events", Connection="keep-alive, TE")):
            self.peer = self.connect()
            self.peer.transport.taking = False
            self.peer.send(stream)
            while self.peer.transport.untaken <= BUFFER_BYTES:
                self.add("x" * 4_000)
            sent = self.say_while_heard(SESSION) * len(SESSION)
            self.assertTrue(EAGER_BYTES < sent <= EAGER_BYTES + len(SESSION), sent)
            self.peer.transport.take()
            self.assertFalse(self.reading)  # the stream goes on
            self.peer.lose()

    def test_however_much_comes_at_once(self) -> None:
        self.peer.send(NOW)
        self.say_while_heard(NOW * 50)
        self.peer.send(NOW * 5_000)
        self.assertLess(self.peer.transport.untaken, 2 * BUFFER_BYTES)
        self.assertFalse(self.reading)

    def test_what_came_meanwhile_is_answered_then(self) -> None:
        self.say_while_heard(NOW)
        self.peer.send(POST, NOW)
        self.peer.answers()
        self.assertEqual(self.texts(), ["one"])
        self.peer.transport.take()
        self.assertEqual([answer.status for answer in self.peer.answers()], [200, 200])
        self.assertEqual(self.texts(), ["one", "mine"])

    def test_whoever_never_does_is_cut(self) -> None:
        self.say_while_heard(NOW)
        self.clock.advance(IDLE_SECONDS)
        self.assertTrue(self.peer.transport.disconnecting)
        self.clock.advance(15)
        self.assertTrue(self.peer.transport.aborted)
        self.assertEqual(self.texts(), ["one"])

    def test_a_stop_waits_until_it_does(self) -> None:
        self.say_while_heard(NOW)
        closed = self.site.close(1.5)
        self.clock.advance(1)
        self.assertNoResult(closed)
        self.peer.transport.take()
        self.clock.advance(0)
        self.successResultOf(closed)
        self.assertFalse(self.peer.transport.aborted)


class StreamTests(LaneTestCase):
    """A stream is an answer that goes on."""

    def setUp(self) -> None:
        super().setUp()
        self.add(*["big"] * 8, data=json.dumps("x" * (DATA_BYTES - 2)))
        self.stream = asking("/rooms/lobby/events?cursor=k3v9.0")

    def test_its_peer_is_heard_however_much_it_begins_with(self) -> None:
        self.peer.transport.taking = False
        self.peer.send(self.stream)
        self.assertGreater(self.peer.transport.untaken, BUFFER_BYTES)
        self.assertTrue(self.reading)
        self.peer.transport.take()
        self.peer.taken()
        self.add("one")
        self.assertIn(b'"one"', self.peer.taken())
        self.assertTrue(self.reading)
        self.assert_in_lane()

    def test_what_is_behind_it_is_answered_when_a_stop_ends_it(self) -> None:
        self.peer.send(self.stream, SESSION)
        self.peer.taken()
        closed = self.site.close(1.5)
        self.hub.drain()
        end, _, rest = self.peer.taken().partition(b"0\r\n\r\n")
        self.assertIn(b"retry: ", end)
        self.assertTrue(rest.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertIn(b"\r\nConnection: close\r\n", rest)
        self.clock.advance(0)
        self.successResultOf(closed)


class TimeTests(LaneTestCase):
    settings = replace(Settings(), hold_seconds=1_000.0)

    def test_a_connection_is_idle_from_an_answer_on(self) -> None:
        self.clock.advance(50)
        for request in (NOW, POST):
            self.peer.send(request)
            self.assertEqual(self.peer.answer().status, 200)
            self.clock.advance(IDLE_SECONDS - 0.25)
            self.assertFalse(self.peer.ended)
        self.clock.advance(0.25)
        self.assertTrue(self.peer.transport.disconnecting)
        self.assertEqual(self.peer.taken(), b"")
        self.assert_in_lane()

    def test_a_header_that_begins_after_an_answer_has_its_time(self) -> None:
        for begun in (b"G", b"GET /chat/get/0 HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nX: y"):
            self.peer = self.connect()
            self.peer.send(NOW)
            self.peer.answer()
            self.clock.advance(20)
            self.peer.send(begun)
            self.clock.advance(HEADER_SECONDS - 0.25)
            self.peer.send(b"a")
            self.assertEqual(self.peer.taken(), b"")
            self.clock.advance(0.25)
            self.assertEqual(self.peer.answer().problem, "too-slow")

    def test_so_has_one_that_began_behind_a_poll(self) -> None:
        self.peer.send(POLL, b"GET / HT")
        self.clock.advance(500)
        self.add("one")
        self.assertEqual(self.peer.answer().status, 200)
        self.clock.advance(HEADER_SECONDS - 0.25)
        self.assertEqual(self.peer.taken(), b"")
        self.clock.advance(0.25)
        self.assertEqual(self.peer.answer().problem, "too-slow")

    def test_whoever_waits_has_all_its_time(self) -> None:
        for poll in POLLS:
            self.peer = self.connect()
            self.peer.send(poll.replace(b"&roster=0&wait=9", b"&roster=1"))
            self.peer.taken()  # the roster
            self.clock.advance(10 * IDLE_SECONDS)
            self.assertEqual((self.peer.taken(), self.peer.ended), (b"", False), poll)
        self.clock.advance(1_000 - 10 * IDLE_SECONDS)
        self.assertEqual(self.peer.answer().json["pages"][0]["messages"], [])

    def test_a_slow_store_has_all_its_time(self) -> None:
        self.store.holding = True
        self.peer.send(POST)
        self.clock.advance(10 * IDLE_SECONDS)
        self.store.release()
        self.assertEqual((self.peer.answer().status, self.peer.ended), (200, False))
        self.assert_in_lane()


class LossTests(LaneTestCase):
    def test_whoever_waits_is_forgotten_at_once(self) -> None:
        for poll in POLLS:
            peer = self.connect()
            peer.send(poll)
            peer.lose()
            self.assertEqual((self.hub.waiting, self.hub.readers("lobby")), (0, 0), poll)
        self.add("one")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_and_leaves_the_roster(self) -> None:
        for poll in POLLS[1:]:
            peer = self.connect()
            peer.send(poll.replace(b"roster=0", b"roster=1"))
            self.assertEqual(len(self.hub.room("lobby").roster), 1, poll)
            self.clock.advance(2 * GRACE_SECONDS if b"wait" not in poll else 1)
            self.assertEqual(len(self.hub.room("lobby").roster), 1, poll)
            peer.lose()
            self.clock.advance(GRACE_SECONDS)
            self.assertEqual(len(self.hub.room("lobby").roster), 0, poll)

    def test_what_is_behind_is_not_heard(self) -> None:
        self.peer.send(POLL, POST)
        self.peer.lose()
        self.add("one")
        self.assertEqual((self.texts(), self.peer.taken()), (["one"], b""))

    def test_a_poster_who_hangs_up_has_posted(self) -> None:
        self.store.holding = True
        self.peer.send(POST)
        self.peer.lose()
        self.assertEqual(len(self.store.held), 1)
        self.store.release()
        self.assertEqual((self.texts(), self.flushLoggedErrors()), (["mine"], []))
        self.assert_in_lane()

    def test_nothing_is_scheduled_for_whoever_has_gone(self) -> None:
        for request in (*POLLS, NOW, POST):
            peer = self.connect()
            peer.send(request)
            peer.lose()
        self.peer.lose()
        self.clock.advance(100)
        self.assertEqual(self.site.channels, set())
        self.assertEqual([call for call in self.clock.getDelayedCalls() if "sweep" not in str(call)], [])


class StopTests(LaneTestCase):
    def test_whoever_waits_is_answered_and_that_is_the_end(self) -> None:
        peers = [self.connect() for _ in POLLS]
        for peer, poll in zip(peers, POLLS, strict=True):
            peer.send(poll.replace(b"&roster=0&wait=9", b""))
        closed = self.site.close(1.5)
        self.assertNoResult(closed)
        self.assertEqual([peer.taken() for peer in peers], [b""] * 4)
        self.hub.drain()
        self.clock.advance(0)
        self.successResultOf(closed)
        for peer, status in zip(peers, (408, 200, 200, 200), strict=True):
            answer = peer.answer()
            self.assertEqual((answer.status, answer.headers["connection"], peer.lost), (status, "close", True))
            self.assertFalse(peer.transport.aborted)
        self.assert_in_lane()

    def test_a_post_on_its_way_is_waited_for(self) -> None:
        self.store.holding = True
        self.peer.send(POST, POST)
        closed = self.site.close(1.5)
        self.clock.advance(1)
        self.assertNoResult(closed)
        self.store.release()
        self.clock.advance(0)
        self.successResultOf(closed)
        self.assertEqual((self.peer.answer().headers["connection"], self.texts()), ("close", ["mine"]))

    def test_who_asks_after_it_is_answered_and_that_is_the_end(self) -> None:
        late = self.connect()
        self.site.close(1.5)
        self.hub.drain()
        for request in (NOW, POST):
            late = self.connect()
            late.send(request)
            self.assertEqual((late.answer().headers["connection"], late.ended), ("close", True))


class FaultTests(LaneTestCase):
    def test_in_asking(self) -> None:
        with patch.object(self.hub, "after", side_effect=ZeroDivisionError("a secret")):
            answer = self.peer.ask(f"{ROOM}?cursor=k3v9.0")
        self.assertEqual((answer.status, answer.problem), (500, "fault"))
        self.assertNotIn(b"secret", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.peer.send(NOW)
        self.assertEqual(self.peer.answer().status, 200)

    def test_in_answering(self) -> None:
        self.peer.send(POLL, SESSION)
        with patch("chatcomet.http.wire.page_json", side_effect=ZeroDivisionError):
            self.add("one")
        self.assertEqual([answer.status for answer in self.peer.answers()], [500, 200])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_an_answer_that_cannot_be_given_ends_its_connection_alone(self) -> None:
        other = self.connect()
        other.send(POLL)
        self.peer.send(POLL)
        with patch("chatcomet.http.wire.encode", side_effect=ZeroDivisionError):
            self.add("hello")
        for peer in (self.peer, other):
            self.assertTrue(peer.transport.aborted)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        third = self.connect()
        third.send(NOW)
        self.assertEqual(third.answer().status, 200)
