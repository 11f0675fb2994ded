"""Backlog: what is asked waits while much is not taken."""

from __future__ import annotations

import json
from unittest.mock import patch

from h2.errors import ErrorCodes

from chatcomet.http.backlog import UNTAKEN_BYTES
from chatcomet.http.multiplexed import Multiplexed
from chatcomet.http.spoken import EXCHANGES
from chatcomet.settings import BODY_SECONDS, IDLE_SECONDS
from tests.unit.http.running_multiplexed import MultiplexedTestCase

PAGE = 10 * 16_000
"""So much is in a page of the room, at least."""

FIT = UNTAKEN_BYTES // PAGE
"""So many of them may lie untaken."""

ROOM = "/rooms/lobby/messages"


class BacklogTests(MultiplexedTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.add(*["big"] * 10, data=json.dumps("x" * 16_000))
        self.peer.taking = False

    def leave_pages(self, count: int = FIT + 2) -> list[int]:
        """Ask for pages, and take but the beginning of them; their streams."""
        return [self.peer.begin(ROOM) for _ in range(count)]

    def take(self, *numbers: int) -> None:
        """Take all of these streams."""
        for number in numbers:
            self.peer.spoken.increment_flow_control_window(2**20)
            self.peer.spoken.increment_flow_control_window(2**20, number)
        self.peer.flush()

    def untaken(self) -> int:
        (mux,) = self.site.channels
        return mux.unsent()

    def test_it_is_not_answered_yet(self) -> None:
        numbers = self.leave_pages(EXCHANGES)
        self.assertLess(self.untaken(), UNTAKEN_BYTES + 2 * PAGE)
        self.assertEqual([number for number in numbers if self.peer.heard[number].status], numbers[: FIT + 1])

    def test_it_is_when_some_has_been_taken(self) -> None:
        numbers = self.leave_pages()
        late = self.peer.heard[self.peer.begin("/session")]
        self.assertEqual(late.status, 0)
        self.take(numbers[0], numbers[1])
        self.assertEqual(late.answer.status, 200)
        self.take(*numbers[2:])
        for number in numbers:
            self.assertEqual(len(self.peer.heard[number].answer.json["messages"]), 10)

    def test_a_slow_peer_gets_all_of_it(self) -> None:
        numbers = self.leave_pages(EXCHANGES)
        for number in numbers:
            self.take(number)
        self.assertTrue(all(self.peer.heard[number].ended for number in numbers))

    def test_a_peer_that_takes_nothing_keeps_no_other_waiting(self) -> None:
        self.leave_pages()
        self.assertEqual(self.multiplex().ask("/session").status, 200)

    def test_what_waits_for_messages_is_in_nobodys_way(self) -> None:
        polls = [self.poll(10) for _ in range(EXCHANGES - 1)]
        self.assertEqual(self.hub.waiting, EXCHANGES - 1)
        self.assertEqual(self.peer.ask("/session").status, 200)
        self.add("small")
        self.peer.hear()
        self.assertEqual({poll.status for poll in polls}, {200})

    def test_it_is_when_what_is_not_taken_was_taken_back(self) -> None:
        numbers = self.leave_pages()
        late = self.peer.heard[self.peer.begin("/session")]
        for number in numbers[:2]:
            self.peer.reset(number)
        self.assertEqual(late.status, 200)

    def test_it_is_when_that_was_cut_off_and_has_not_to_arrive_meanwhile(self) -> None:
        numbers = self.leave_pages()
        poll = self.poll(10)
        self.pass_time(BODY_SECONDS + 1)
        self.assertEqual((poll.status, self.hub.waiting), (0, 0))
        self.pass_time(IDLE_SECONDS - BODY_SECONDS)
        self.assertEqual(self.peer.heard[numbers[0]].reset, ErrorCodes.CANCEL)
        self.assertEqual(self.hub.waiting, 1)

    def test_what_is_suspended_late_is_no_idle_connection(self) -> None:
        numbers = self.leave_pages()
        self.poll(10)
        with patch.object(self.peer, "flush"):
            for number in numbers:
                self.peer.reset(number)
        self.peer.flush()
        self.assertEqual(self.hub.waiting, 1)
        self.pass_time(IDLE_SECONDS + 1)
        self.assertIsNone(self.peer.goodbye)

    def test_one_that_is_taken_back_before_its_turn(self) -> None:
        numbers = self.leave_pages()
        number = self.peer.begin("/session")
        self.peer.reset(number)
        self.take(*numbers)
        self.assertEqual(self.peer.heard[number].status, 0)
        self.assertEqual(self.peer.ask("/session").status, 200)

    def test_one_that_is_lost_with_some_waiting(self) -> None:
        self.leave_pages()
        self.poll(10)
        (mux,) = self.site.channels
        assert isinstance(mux, Multiplexed)
        self.assertEqual(len(mux.backlog), 2)
        self.peer.lose()
        self.clock.advance(0)
        self.assertEqual((self.hub.waiting, len(mux.backlog), self.site.channels), (0, 0, set()))

    def test_what_waits_when_the_service_stops_is_answered(self) -> None:
        numbers = self.leave_pages()
        late = self.peer.heard[self.peer.begin("/session")]
        closed = self.site.close(60)
        self.assertNoResult(closed)
        self.take(*numbers)
        self.assertEqual(late.answer.status, 200)
        self.pass_time(1)
        self.assertEqual(self.peer.goodbye, ErrorCodes.NO_ERROR)
        self.peer.lose()
        self.successResultOf(closed)
