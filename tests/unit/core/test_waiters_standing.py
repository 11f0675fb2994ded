"""Standing: a waiter that waits again and again, and is told as others are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core import waiters as waiters_module
from chatcomet.core.holds import TICK_SECONDS, Holds
from chatcomet.core.message import Page
from chatcomet.core.waiters import Standing, WaiterSet
from tests.unit.core.test_waiters import AFTER_NEXT, EMPTY, NEXT
from tests.unit.core.turning_clock import TurningClock


class Noting(Standing):
    """Notes what it is told."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.got: list[Page | Failure] = []
        self._then = then

    def told(self, outcome: Page | Failure) -> None:
        self.got.append(outcome)
        self._then()


class StandingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = TurningClock()
        self.holds = Holds(self.clock)
        self.waiters = WaiterSet(self.clock, self.holds, lambda: EMPTY)

    def suspend(self, *waiters: Standing, seconds: float = 10.0) -> None:
        for waiter in waiters:
            self.assertTrue(self.waiters.add(waiter, self.clock.seconds() + seconds))

    def test_again_and_again(self) -> None:
        one = Noting()
        for pages in ([NEXT], [NEXT, AFTER_NEXT]):
            self.suspend(one)
            self.assertIsNotNone(one.bucket)
            self.waiters.wake(pages[-1])
            self.assertEqual((one.got, one.bucket, self.waiters.idle), (pages, None, True))
        self.waiters.wake(AFTER_NEXT)
        self.assertEqual(len(one.got), 2)

    def test_beside_others_in_the_order_of_coming(self) -> None:
        order: list[int] = []
        for number in range(6):
            if number % 2:
                self.suspend(Noting(partial(order.append, number)))
            else:
                self.waiters.suspend(10.0).addCallback(lambda _, number: order.append(number), number)
        self.waiters.wake(NEXT)
        self.assertEqual(order, [0, 1, 2, 3, 4, 5])

    def test_the_end_of_a_hold(self) -> None:
        one = Noting()
        self.suspend(one, seconds=1.0)
        self.clock.advance(1.0 + TICK_SECONDS)
        self.assertEqual((one.got, self.waiters.idle), ([EMPTY], True))

    def test_not_when_it_would_be_answered_now(self) -> None:
        one = Noting()
        self.assertFalse(self.waiters.add(one, self.clock.seconds()))
        self.holds.end_all()
        self.assertFalse(self.waiters.add(one, self.clock.seconds() + 10.0))
        self.assertEqual((one.got, one.bucket, self.waiters.idle), ([], None, True))

    def test_leaving(self) -> None:
        one, other = Noting(), Noting()
        self.suspend(one, other)
        one.leave()
        one.leave()
        self.assertEqual((one.bucket, len(self.waiters)), (None, 1))
        self.waiters.wake(NEXT)
        other.leave()
        self.assertEqual((one.got, other.got), ([], [NEXT]))

    def test_leaving_from_inside_a_wake(self) -> None:
        second = Noting()
        first, third = Noting(second.leave), Noting()
        self.suspend(first, second, third)
        self.waiters.wake(NEXT)
        self.assertEqual((second.got, third.got, self.waiters.idle), ([], [NEXT], True))

    def test_asking_again_from_inside_a_wake(self) -> None:
        one = Noting(lambda: self.suspend(one))
        self.suspend(one)
        self.waiters.wake(NEXT)
        self.assertEqual((one.got, len(self.waiters)), ([NEXT], 1))

    def test_leaving_while_a_slice_is_pending_and_coming_again(self) -> None:
        """What it was to be told before it left is not what it waits for now, and may come later."""
        self.patch(waiters_module, "BURST", 1)
        self.patch(waiters_module, "AT_ONE_GO", 0)
        self.patch(waiters_module, "SLICE_SECONDS", 0.0)
        for wakes in (0, 1):
            first, second = Noting(), Noting()
            self.suspend(first, second)
            self.waiters.wake(NEXT)
            second.leave()
            self.suspend(second)
            for _ in range(wakes):
                self.waiters.wake(AFTER_NEXT)
            self.clock.pump([0, 0, 0])
            self.assertEqual((first.got, second.got), ([NEXT], [AFTER_NEXT] * wakes))
            second.leave()
            self.assertTrue(self.waiters.idle)

    def test_all_who_are_left_leave_while_a_slice_is_pending(self) -> None:
        self.patch(waiters_module, "BURST", 1)
        self.patch(waiters_module, "AT_ONE_GO", 0)
        self.patch(waiters_module, "SLICE_SECONDS", 0.0)
        waiters = [Noting() for _ in range(4)]
        self.suspend(*waiters)
        self.waiters.wake(NEXT)
        for waiter in waiters[1:]:
            waiter.leave()
        self.clock.pump([0, 0])
        self.assertEqual(([len(waiter.got) for waiter in waiters], self.waiters.idle), ([1, 0, 0, 0], True))

    def test_one_that_raises_leaves_the_others(self) -> None:
        first, second = Noting(lambda: 1 / 0), Noting()
        self.suspend(first, second)
        self.waiters.wake(NEXT)
        self.assertEqual((second.got, self.waiters.idle), ([NEXT], True))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
