"""Multiplexed: several requests at once on one connection, and how it ends."""

from __future__ import annotations

import json
from unittest.mock import patch

from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hyperframe.frame import PingFrame
from twisted.internet.defer import Deferred

from chatcomet.http.limited import LINGER_SECONDS
from chatcomet.http.multiplexed import (
    GOODBYE_SECONDS,
    Multiplexed,
)
from chatcomet.http.spoken import EXCHANGES
from chatcomet.settings import IDLE_SECONDS
from tests.unit.http.multiplexed_peer import MultiplexedPeer, NegotiatedTransport
from tests.unit.http.peer import Peer, PeerTransport, PlainTransport, SecureTransport
from tests.unit.http.running_edge import EdgeTestCase
from tests.unit.http.running_multiplexed import MultiplexedTestCase

SECONDS = 1.5


class NegotiationTests(EdgeTestCase):
    def test_both_are_offered(self) -> None:
        self.assertEqual(self.site.acceptableProtocols(), [b"h2", b"http/1.1"])

    def test_what_was_agreed_on_is_spoken(self) -> None:
        peer = MultiplexedPeer(self.site, self.clock)
        self.assertEqual(peer.ask("/session").status, 200)
        self.assertEqual(
            [type(channel) for channel in self.site.channels if channel is not self.peer.protocol], [Multiplexed]
        )

    def test_nothing_else_is(self) -> None:
        class Http1Transport(SecureTransport):
            negotiatedProtocol = b"http/1.1"

        class PlainLiar(PlainTransport):
            negotiatedProtocol = b"h2"

        for transport in (Http1Transport, SecureTransport, PlainLiar, PeerTransport):
            self.assertEqual(Peer(self.site, self.clock, transport(self.clock)).ask("/session").status, 200)

    def test_before_anything_is_said_it_is_idle(self) -> None:
        peer = Peer(self.site, self.clock, NegotiatedTransport(self.clock))
        self.clock.advance(IDLE_SECONDS)
        self.assertTrue(peer.ended)

    def test_one_that_leaves_at_once_is_forgotten(self) -> None:
        for said in (b"", b"PRI", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            peer = Peer(self.site, self.clock, NegotiatedTransport(self.clock))
            peer.send(said)
            peer.lose()
        self.assertEqual(self.site.channels, {self.peer.protocol})


class TicketOfQueryTests(MultiplexedTestCase):
    def test_it_is_refused_where_a_header_can_be_sent(self) -> None:
        for target in ("/session", "/rooms/lobby/messages?cursor=k3v9.0&wait=0", "/chat/get/0"):
            answer = self.peer.ask(f"{target}{'&' if '?' in target else '?'}ticket=none")
            self.assertEqual((answer.status, answer.problem), (400, "malformed"))
        self.assertEqual(self.peer.ask("/rooms/lobby/events?ticket=none").problem, "bad-ticket")


class ManyTests(MultiplexedTestCase):
    def test_many_wait_at_once_and_each_is_answered(self) -> None:
        polls = [self.poll() for _ in range(EXCHANGES - 1)]
        self.assertEqual(self.hub.waiting, EXCHANGES - 1)
        self.assertEqual(self.peer.ask("/session").status, 200)
        self.tell("hello")
        for heard in polls:
            self.assertEqual([message["text"] for message in heard.answer.json["messages"]], ["hello"])
        self.assertEqual(self.poll(1).status, 0)

    def test_one_that_is_taken_back_waits_no_more(self) -> None:
        poll, follow = self.poll(), self.follow()
        self.assertEqual(self.hub.waiting, 2)
        self.peer.reset(1)
        self.assertEqual(self.hub.waiting, 1)
        self.peer.reset(3)
        self.assertEqual(self.hub.waiting, 0)
        self.tell("hello")
        self.assertEqual((poll.status, b"hello" in follow.body), (0, False))
        self.assertEqual(self.peer.ask("/session").status, 200)

    def test_one_that_is_taken_back_in_the_same_segment(self) -> None:
        with patch.object(self.peer, "flush"):
            self.poll()
            self.peer.spoken.increment_flow_control_window(1, 1)
            self.peer.reset(1)
        self.peer.flush()
        self.assertEqual(self.hub.waiting, 0)
        self.assertEqual(self.peer.ask("/session").status, 200)

    def test_one_that_is_taken_back_behind_what_would_answer_it(self) -> None:
        poll = self.poll()
        headers = {"content_type": "application/x-www-form-urlencoded"}
        number = self.peer.begin("/chat/post", "POST", False, **headers)
        with patch.object(self.peer, "flush"):
            self.peer.body(number, b"message=hello")
            self.peer.reset(1)
        self.peer.flush()
        self.assertEqual((self.peer.heard[number].answer.status, poll.status, self.hub.waiting), (200, 0, 0))

    def test_one_that_is_too_long_and_taken_back(self) -> None:
        number = self.peer.begin("/chat/post", "POST", False)
        self.peer.body(number, b"x" * 60_000, ends=False)
        with patch.object(self.peer, "flush"):
            self.peer.body(number, b"x" * 6_000, ends=False)
            self.peer.reset(number)
        self.peer.flush()
        self.assertEqual(self.peer.heard[number].status, 0)
        self.assertEqual(self.peer.ask("/session").status, 200)

    def test_a_post_that_is_taken_back_is_done_still(self) -> None:
        self.store.holding = True
        number = self.peer.begin("/chat/post", "POST", False, content_type="application/x-www-form-urlencoded")
        self.peer.body(number, b"message=hello")
        self.peer.reset(number)
        self.store.release()
        self.assertEqual(self.texts(), ["hello"])

    def test_all_that_waits_is_forgotten_with_the_connection(self) -> None:
        self.poll()
        self.follow()
        self.peer.begin("/session", "POST", False)
        self.peer.lose()
        self.assertEqual(self.hub.waiting, 0)
        self.assertEqual([call for call in self.clock.getDelayedCalls() if call.getTime() <= self.clock.seconds()], [])

    def test_what_is_written_in_one_turn_goes_out_at_once(self) -> None:
        for _ in range(5):
            self.poll()
        written: list[bytes] = []
        self.patch(self.peer.transport, "write", written.append)
        self.add("hello")
        self.assertEqual(written, [])
        self.clock.advance(0)
        self.assertEqual(len(written), 1)

    def test_a_large_answer_does_not_hold_up_a_small_one(self) -> None:
        self.add(*["big"] * 10, data=json.dumps("x" * 16_000))
        with patch.object(self.peer, "flush"):
            large = self.peer.begin("/rooms/lobby/messages")
            small = self.peer.begin("/session")
        self.peer.flush()
        self.assertEqual(self.peer.ended_in_turn, [small, large])


class WindowTests(MultiplexedTestCase):
    """A peer that does not take one answer, or all, though it takes what TCP brings."""

    def setUp(self) -> None:
        super().setUp()
        self.peer.taking = False

    def open(self, number: int, count: int = 2**20) -> None:
        """Let the server send more on stream `number` (0: on all)."""
        self.peer.spoken.increment_flow_control_window(count, number or None)
        self.peer.flush()

    def test_an_answer_is_sent_as_far_as_it_is_taken(self) -> None:
        self.add(*["big"] * 10, data=json.dumps("x" * 16_000))
        number = self.peer.begin("/rooms/lobby/messages")
        heard = self.peer.heard[number]
        self.assertEqual(len(heard.body), 65_535)
        self.open(0)
        self.assertEqual(len(heard.body), 65_535)
        self.open(number, 1_000)
        self.assertEqual(len(heard.body), 66_535)
        self.open(number)
        self.assertEqual(len(heard.answer.json["messages"]), 10)

    def test_the_whole_connection_has_a_window_too(self) -> None:
        self.add(*["big"] * 10, data=json.dumps("x" * 16_000))
        numbers = [self.peer.begin("/rooms/lobby/messages") for _ in range(2)]
        self.assertEqual(sum(len(self.peer.heard[number].body) for number in numbers), 65_535)
        for number in (*numbers, 0):
            self.open(number)
        for number in numbers:
            self.assertEqual(len(self.peer.heard[number].answer.json["messages"]), 10)

    def test_a_window_of_nothing_and_less(self) -> None:
        self.settings_say(SettingCodes.INITIAL_WINDOW_SIZE, 0)
        poll = self.poll()
        self.tell("hello")
        self.assertEqual((poll.status, poll.body), (200, b""))
        self.settings_say(SettingCodes.INITIAL_WINDOW_SIZE, 10)
        self.assertEqual(len(poll.body), 10)
        self.settings_say(SettingCodes.INITIAL_WINDOW_SIZE, 5)
        self.assertEqual(len(poll.body), 10)
        self.settings_say(SettingCodes.INITIAL_WINDOW_SIZE, 1_000)
        self.assertEqual(poll.answer.json["messages"][0]["text"], "hello")

    def settings_say(self, setting: SettingCodes, value: int) -> None:
        self.peer.spoken.update_settings({setting: value})
        self.peer.flush()

    def test_nothing_turns_while_it_waits_for_a_window(self) -> None:
        self.add(*["big"] * 10, data=json.dumps("x" * 16_000))
        self.peer.begin("/rooms/lobby/messages")
        calls = len(self.clock.getDelayedCalls())
        for _ in range(10):
            self.clock.advance(0)
            self.assertEqual(len(self.clock.getDelayedCalls()), calls)
            self.assertEqual(
                [call for call in self.clock.getDelayedCalls() if call.getTime() <= self.clock.seconds()], []
            )

    def test_an_answer_that_is_not_taken_is_cut_off_alone(self) -> None:
        self.add(*["big"] * 10, data=json.dumps("x" * 16_000))
        number = self.peer.begin("/rooms/lobby/messages")
        poll = self.poll(10)
        self.open(0)
        self.pass_time(IDLE_SECONDS - 1)
        self.assertIsNone(self.peer.heard[number].reset)
        self.pass_time(1.5)
        self.assertEqual(self.peer.heard[number].reset, ErrorCodes.CANCEL)
        self.assertIsNone(self.peer.goodbye)
        self.assertTrue(poll.ended, "at the end of its hold")
        self.assertEqual(self.peer.ask("/session").status, 200)

    def test_a_stream_that_is_not_taken_is_cut_off_alone(self) -> None:
        stuck = self.follow()
        number = max(self.peer.heard)
        self.tell(*["big"] * 20, data=json.dumps("x" * 16_000))
        self.open(0)
        other = self.follow(20)
        self.assertEqual(len(stuck.body), 65_535)
        held = self.unsent()
        self.assertLess(held, 256 * 1024, "a page at the most")
        self.pass_time(25)
        self.assertIsNone(stuck.reset)
        self.pass_time(6)
        self.assertEqual(stuck.reset, ErrorCodes.CANCEL)
        self.assertEqual(self.hub.waiting, 1)
        self.tell("and on")
        self.assertIn(b"and on", other.body)
        self.assertEqual(number, 1)

    def test_a_stream_goes_on_when_it_is_taken_again(self) -> None:
        stuck = self.follow()
        self.tell(*map(str, range(20)), data=json.dumps("x" * 16_000))
        self.pass_time(20)
        self.assertEqual(self.hub.waiting, 0, "it asks for nothing")
        for number in (0, 1):
            self.open(number)
        self.assertEqual(stuck.body.count(b"\ndata: "), 20)
        self.assertEqual(self.hub.waiting, 1)
        self.pass_time(40)
        self.assertIsNone(stuck.reset)

    def unsent(self) -> int:
        """What the server keeps for stream 1."""
        (mux,) = self.site.channels
        assert isinstance(mux, Multiplexed)
        return mux._exchanges[1].unsent()


class ChokedTests(MultiplexedTestCase):
    """A peer that does not take what TCP brings."""

    def setUp(self) -> None:
        super().setUp()
        self.peer.spoken.increment_flow_control_window(2**30)
        self.peer.spoken.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 2**30})
        self.peer.flush()
        self.add(*["big"] * 20, data=json.dumps("x" * 16_000))
        self.peer.transport.taking = False

    @property
    def is_heard(self) -> bool:
        return self.peer.transport.producerState == "producing"

    def test_no_more_is_kept_for_it_than_a_transport_keeps(self) -> None:
        follow = self.follow()
        self.assertLess(self.peer.transport.untaken, 128 * 1024)
        self.assertFalse(self.is_heard)
        self.peer.transport.take()
        self.peer.hear()
        self.assertEqual(follow.body.count(b"\ndata: "), 20)
        self.assertTrue(self.is_heard)

    def test_pings_are_not_answered_without_end(self) -> None:
        self.peer.transport.buffer_bytes = 10_000
        ping = PingFrame(0, b"12345678").serialize()
        sent = 0
        while self.is_heard and sent < 100_000:
            self.peer.send(ping * 10)
            sent += 10
        self.assertLess(sent, 1_000)

    def test_what_was_cut_off_meanwhile_is_not_sent_after_it(self) -> None:
        with patch.object(self.peer, "flush"):
            self.peer.begin("/rooms/lobby/messages")
            stuck = self.follow()
        self.peer.flush()
        self.pass_time(35)
        self.peer.transport.take()
        self.peer.hear()
        self.assertEqual(stuck.reset, ErrorCodes.CANCEL)
        self.assertEqual(self.peer.ask("/session").status, 200)

    def test_one_that_never_takes_anything_is_cut(self) -> None:
        self.poll(20)
        self.follow()
        self.pass_time(IDLE_SECONDS + 1)
        self.assertTrue(self.peer.transport.aborted)
        self.assertEqual(self.hub.waiting, 0)


class CloseTests(MultiplexedTestCase):
    def close(self) -> Deferred[None]:
        """Close as the service does: and after that, end every hold."""
        closed = self.site.close(SECONDS)
        self.hub.drain()
        self.peer.hear()
        return closed

    def assert_closed(self, closed: Deferred[None]) -> None:
        """The server says goodbye, a moment after its last answer, and the connection ends when the peer agrees."""
        self.clock.advance(GOODBYE_SECONDS)
        self.peer.hear()
        self.assertNoResult(closed)
        self.assertEqual(self.peer.goodbye, ErrorCodes.NO_ERROR)
        self.assertTrue(self.peer.transport.disconnecting)
        self.assertFalse(self.peer.transport.aborted)
        self.peer.lose()
        self.successResultOf(closed)
        self.assertEqual(self.site.channels, set())
        self.assertEqual([call for call in self.clock.getDelayedCalls() if "Holds" in str(call)], [])

    def test_an_idle_one(self) -> None:
        self.peer.ask("/session")
        self.assert_closed(self.close())

    def test_all_that_waits_is_answered_first(self) -> None:
        polls, follow = [self.poll() for _ in range(20)], self.follow()
        closed = self.close()
        for poll in polls:
            self.assertEqual((poll.answer.status, poll.answer.json["messages"]), (200, []))
            self.assertNotIn("connection", poll.headers)
        self.assertTrue(follow.ended)
        self.assertIsNone(self.peer.goodbye)
        self.assertTrue(follow.body.endswith(b"retry: 2000\n\n"))
        self.assert_closed(closed)

    def test_an_append_on_its_way_is_waited_for(self) -> None:
        self.store.holding = True
        post = self.peer.heard[self.post_later()]
        closed = self.close()
        self.clock.advance(1)
        self.assertIsNone(self.peer.goodbye)
        self.store.release()
        self.peer.hear()
        self.assertEqual(post.answer.status, 200)
        self.assert_closed(closed)

    def post_later(self) -> int:
        number = self.peer.begin("/chat/post", "POST", False, content_type="application/x-www-form-urlencoded")
        self.peer.body(number, b"message=hello")
        return number

    def test_what_is_asked_then_is_refused_unprocessed(self) -> None:
        self.store.holding = True
        self.post_later()
        closed = self.close()
        late = self.peer.heard[self.peer.begin("/session")]
        self.assertEqual((late.status, late.reset), (0, ErrorCodes.REFUSED_STREAM))
        self.store.release()
        self.peer.hear()
        self.assert_closed(closed)

    def test_a_request_that_is_arriving_is_answered_still(self) -> None:
        number = self.peer.begin("/chat/post", "POST", False, content_type="application/x-www-form-urlencoded")
        closed = self.close()
        self.peer.body(number, b"message=hello")
        self.assertEqual(self.peer.heard[number].answer.status, 200)
        self.assert_closed(closed)

    def test_one_that_is_taken_back_is_not_waited_for(self) -> None:
        self.store.holding = True
        number = self.post_later()
        closed = self.close()
        self.peer.reset(number)
        self.assert_closed(closed)
        self.store.release()

    def test_one_that_was_refused_is_not_waited_for(self) -> None:
        number = self.peer.begin("/chat/post", "POST", False, content_length="70000")
        self.assertTrue(self.peer.heard[number].ended)
        self.store.holding = True
        post = self.post_later()
        closed = self.close()
        self.store.release()
        self.peer.hear()
        self.assertEqual(self.peer.heard[post].answer.status, 200)
        self.pass_time(LINGER_SECONDS)
        self.assertTrue(self.peer.transport.disconnecting or self.peer.lost)
        self.successResultOf(closed)

    def test_what_is_left_is_cut_in_the_end(self) -> None:
        self.store.holding = True
        self.post_later()
        closed = self.close()
        self.clock.advance(SECONDS - 0.1)
        self.assertNoResult(closed)
        self.clock.advance(0.1)
        self.clock.advance(0)
        self.successResultOf(closed)
        self.assertTrue(self.peer.transport.aborted)

    def test_one_that_comes_late_is_sent_away(self) -> None:
        self.store.holding = True
        self.post_later()
        closed = self.close()
        late = self.multiplex()
        self.assertEqual(late.goodbye, ErrorCodes.NO_ERROR)
        late.lose()
        self.store.release()
        self.peer.hear()
        self.assert_closed(closed)
