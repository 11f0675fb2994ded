"""Flights: one question at a time, its answer for all who asked meanwhile."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.flights import Flights
from chatcomet.errors import StoreUnavailable


class FlightsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.flights: Flights[str] = Flights()
        self.asked: list[Deferred[str]] = []

    def ask(self) -> Deferred[str]:
        self.asked.append(Deferred())
        return self.asked[-1]

    def test_shared(self) -> None:
        one, other = self.flights.join("k", self.ask), self.flights.join("k", self.ask)
        self.assertEqual((len(self.asked), len(self.flights)), (1, 1))
        self.asked[0].callback("answer")
        self.assertEqual([self.successResultOf(one), self.successResultOf(other)], ["answer", "answer"])
        self.assertEqual(len(self.flights), 0)

    def test_keys_are_told_apart(self) -> None:
        one, other = self.flights.join(("a", 1), self.ask), self.flights.join(("a", 2), self.ask)
        self.asked[1].callback("two")
        self.assertNoResult(one)
        self.assertEqual(self.successResultOf(other), "two")

    def test_an_answer_is_not_kept(self) -> None:
        self.flights.join("k", lambda: succeed("old"))
        self.assertEqual(self.successResultOf(self.flights.join("k", lambda: succeed("new"))), "new")

    def test_failure_is_shared_and_not_kept(self) -> None:
        one, other = self.flights.join("k", self.ask), self.flights.join("k", self.ask)
        self.asked[0].errback(StoreUnavailable("gone"))
        self.failureResultOf(one, StoreUnavailable)
        self.failureResultOf(other, StoreUnavailable)
        self.assertEqual(self.successResultOf(self.flights.join("k", lambda: succeed("back"))), "back")

    def test_cancelling_leaves_the_others(self) -> None:
        first, second, third = (self.flights.join("k", self.ask) for _ in range(3))
        first.cancel()
        third.cancel()
        self.failureResultOf(first, CancelledError)
        self.failureResultOf(third, CancelledError)
        self.asked[0].callback("answer")
        self.assertEqual(self.successResultOf(second), "answer")

    def test_all_cancelled(self) -> None:
        passenger = self.flights.join("k", self.ask)
        passenger.cancel()
        self.failureResultOf(passenger, CancelledError)
        self.asked[0].errback(StoreUnavailable("gone"))
        self.assertEqual(len(self.flights), 0)

    def test_asking_again_from_inside_the_answer_is_a_new_question(self) -> None:
        """What was asked before may be out of date for one who asks after its answer."""
        again: list[Deferred[str]] = []
        one = self.flights.join("k", self.ask)
        one.addCallback(lambda _: again.append(self.flights.join("k", self.ask)))
        self.flights.join("k", self.ask)
        self.asked[0].callback("old")
        self.assertEqual(len(self.asked), 2)
        self.assertNoResult(again[0])
        self.asked[1].callback("new")
        self.assertEqual(self.successResultOf(again[0]), "new")

    def test_a_callback_that_raises_leaves_the_others(self) -> None:
        one, other = self.flights.join("k", self.ask), self.flights.join("k", self.ask)
        one.addCallback(lambda _: 1 / 0)
        self.asked[0].callback("answer")
        self.failureResultOf(one, ZeroDivisionError)
        self.assertEqual(self.successResultOf(other), "answer")

    def test_a_question_that_can_not_be_asked_is_not_in_flight(self) -> None:
        """Or whoever asks after it would wait for ever."""

        def refuse() -> Deferred[str]:
            raise StoreUnavailable("closed")

        self.failureResultOf(self.flights.join("k", refuse), StoreUnavailable)
        self.assertEqual(len(self.flights), 0)
        self.assertEqual(self.successResultOf(self.flights.join("k", lambda: succeed("back"))), "back")
