"""WaiterSet: suspend, wake, expire, forget."""

from __future__ import annotations

import gc
import weakref

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core import waiters as waiters_module
from chatcomet.core.holds import TICK_SECONDS, Holds
from chatcomet.core.message import Cursor, Message, Page
from chatcomet.core.waiters import AT_ONE_GO, BURST, SLICE_SECONDS, WaiterSet
from chatcomet.errors import CursorExpired
from tests.unit.core.turning_clock import TurningClock

EMPTY = Page("lobby", (), Cursor("k3v9", 7))
NEXT = Page("lobby", (Message(7, "ada", "hello", 0.0),), Cursor("k3v9", 8))
AFTER_NEXT = Page("lobby", (Message(8, "ada", "again", 0.0),), Cursor("k3v9", 9))


class WaiterSetTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = TurningClock()
        self.holds = Holds(self.clock)
        self.waiters = WaiterSet(self.clock, self.holds, lambda: EMPTY)

    def hold(self, seconds: float) -> Deferred[Page]:
        return self.waiters.suspend(self.clock.seconds() + seconds)

    def suspend(self, count: int, seconds: float = 10.0) -> list[Deferred[Page]]:
        return [self.hold(seconds) for _ in range(count)]

    def answered(self, waiting: list[Deferred[Page]]) -> int:
        return sum(waiter.called for waiter in waiting)

    def test_suspend(self) -> None:
        (waiting,) = self.suspend(1)
        self.assertNoResult(waiting)
        self.assertEqual((len(self.waiters), self.waiters.idle), (1, False))

    def test_wake(self) -> None:
        waiting = self.suspend(3)
        self.waiters.wake(NEXT)
        for waiter in waiting:
            self.assertIs(self.successResultOf(waiter), NEXT)
        self.assertEqual((len(self.waiters), self.waiters.idle), (0, True))

    def test_wake_in_the_order_of_coming(self) -> None:
        order: list[int] = []
        for number, waiter in enumerate(self.suspend(5)):
            waiter.addCallback(lambda _, number: order.append(number), number)
        self.waiters.wake(NEXT)
        self.assertEqual(order, [0, 1, 2, 3, 4])

    def test_wake_nobody(self) -> None:
        self.waiters.wake(NEXT)
        self.assertTrue(self.waiters.idle)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_wake_with_a_failure(self) -> None:
        waiting = self.suspend(2)
        self.waiters.wake(Failure(CursorExpired("lobby", "k3v9", 9, 12)))
        for waiter in waiting:
            self.assertEqual(self.failureResultOf(waiter, CursorExpired).value.first, 9)

    def test_asking_again_from_inside_waits_for_the_next_page(self) -> None:
        """Law 5: the set is swapped, then fired."""
        again: list[Deferred[Page]] = []

        def ask_again(page: Page) -> Page:
            again.append(self.hold(10.0))
            return page

        waiting = [waiter.addCallback(ask_again) for waiter in self.suspend(3)]
        self.waiters.wake(NEXT)
        self.assertEqual((self.answered(waiting), self.answered(again), len(again)), (3, 0, 3))
        self.assertEqual(len(self.waiters), 3)
        self.waiters.wake(AFTER_NEXT)
        for waiter in again:
            self.assertIs(self.successResultOf(waiter), AFTER_NEXT)

    def test_waking_from_inside_a_wake(self) -> None:
        got: list[Page] = []

        def ask_again(page: Page) -> None:
            got.append(page)
            if page is NEXT:
                self.hold(10.0).addCallback(got.append)
                self.waiters.wake(AFTER_NEXT)

        first, second = self.suspend(2)
        first.addCallback(ask_again)
        second.addCallback(got.append)
        self.waiters.wake(NEXT)
        self.assertEqual(got, [NEXT, AFTER_NEXT, NEXT])
        self.assertTrue(self.waiters.idle)

    def test_not_idle_inside_a_wake(self) -> None:
        seen: list[bool] = []
        (waiting,) = self.suspend(1)
        waiting.addCallback(lambda _: seen.append(self.waiters.idle))
        self.waiters.wake(NEXT)
        self.assertEqual(seen, [False])

    def test_a_callback_that_raises_leaves_the_others(self) -> None:
        first, second = self.suspend(2)
        first.addCallback(lambda _: 1 / 0)
        self.waiters.wake(NEXT)
        self.failureResultOf(first, ZeroDivisionError)
        self.assertIs(self.successResultOf(second), NEXT)
        self.assertTrue(self.waiters.idle)

    # Cancelling

    def test_cancel_is_forgetting(self) -> None:
        first, second = self.suspend(2)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(len(self.waiters), 1)
        self.waiters.wake(NEXT)
        self.assertIs(self.successResultOf(second), NEXT)

    def test_cancelled_ones_are_not_kept_in_memory(self) -> None:
        """A peer that comes and goes leaves nothing until the hold's end."""
        (waiting,) = self.suspend(1)
        gone = weakref.ref(waiting)
        waiting.addErrback(lambda _: None).cancel()
        del waiting
        gc.collect()
        self.assertIsNone(gone())
        self.assertTrue(self.waiters.idle)

    def test_cancel_twice_and_after_the_answer(self) -> None:
        first, second = self.suspend(2)
        first.cancel()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.waiters.wake(NEXT)
        second.cancel()
        self.assertIs(self.successResultOf(second), NEXT)

    def test_cancel_from_inside_a_wake(self) -> None:
        first, second, third = self.suspend(3)
        first.addCallback(lambda _: second.cancel())
        self.waiters.wake(NEXT)
        self.failureResultOf(second, CancelledError)
        self.assertIs(self.successResultOf(third), NEXT)

    def test_one_that_asked_again_cancels_the_new_request(self) -> None:
        again: list[Deferred[Page]] = []
        self.hold(10.0).addCallback(lambda _: again.append(self.hold(10.0)))
        self.waiters.wake(NEXT)
        again[0].cancel()
        self.failureResultOf(again[0], CancelledError)
        self.assertEqual(len(self.waiters), 0)

    # Slices

    def test_slices(self) -> None:
        """Law 10: other work runs between the slices of a large fan-out."""
        self.patch(waiters_module, "BURST", 3)
        self.patch(waiters_module, "AT_ONE_GO", 0)
        self.patch(waiters_module, "SLICE_SECONDS", 0.0)
        waiting = self.suspend(8)
        between: list[int] = []
        self.waiters.wake(NEXT)
        self.assertEqual(self.answered(waiting), 3)
        self.clock.callLater(0, lambda: between.append(self.answered(waiting)))
        self.clock.turn()
        self.clock.turn()
        self.assertIn(between[0], (3, 6))
        self.assertEqual(self.answered(waiting), 8)
        self.assertTrue(self.waiters.idle)

    def test_one_slice_a_turn(self) -> None:
        self.patch(waiters_module, "BURST", 3)
        self.patch(waiters_module, "AT_ONE_GO", 0)
        self.patch(waiters_module, "SLICE_SECONDS", 0.0)
        waiting = self.suspend(7)
        self.waiters.wake(NEXT)
        for expected in (6, 7, 7):
            self.assertEqual(self.waiters.idle, self.answered(waiting) == 7)
            self.clock.turn()
            self.assertEqual(self.answered(waiting), expected)

    def test_a_full_slice_needs_no_other_turn(self) -> None:
        self.patch(waiters_module, "BURST", 3)
        self.patch(waiters_module, "AT_ONE_GO", 0)
        self.patch(waiters_module, "SLICE_SECONDS", 0.0)
        self.suspend(3)
        self.waiters.wake(NEXT)
        self.assertTrue(self.waiters.idle)

    def test_cancel_while_a_slice_is_pending(self) -> None:
        self.patch(waiters_module, "BURST", 2)
        self.patch(waiters_module, "AT_ONE_GO", 0)
        self.patch(waiters_module, "SLICE_SECONDS", 0.0)
        waiting = self.suspend(5)
        self.waiters.wake(NEXT)
        waiting[3].cancel()
        self.failureResultOf(waiting[3], CancelledError)
        self.clock.pump([0, 0, 0])
        self.assertEqual([self.successResultOf(waiting[index]) for index in (0, 1, 2, 4)], [NEXT] * 4)
        self.assertTrue(self.waiters.idle)

    def test_those_who_come_while_slices_are_pending_wait_for_the_next_page(self) -> None:
        self.patch(waiters_module, "BURST", 2)
        self.patch(waiters_module, "AT_ONE_GO", 0)
        self.patch(waiters_module, "SLICE_SECONDS", 0.0)
        early = self.suspend(4)
        self.waiters.wake(NEXT)
        (late,) = self.suspend(1)
        self.clock.advance(0)
        self.assertEqual(self.answered(early), 4)
        self.assertNoResult(late)
        self.waiters.wake(AFTER_NEXT)
        self.assertIs(self.successResultOf(late), AFTER_NEXT)

    def test_no_expiry_while_a_slice_is_pending(self) -> None:
        """Who was woken with a page gets it, also if its hold ends before its slice comes."""
        self.patch(waiters_module, "BURST", 1)
        self.patch(waiters_module, "AT_ONE_GO", 0)
        self.patch(waiters_module, "SLICE_SECONDS", 0.0)
        waiting = self.suspend(3, 1.0)
        self.waiters.wake(NEXT)
        self.clock.advance(5.0)
        self.clock.pump([0, 0, 0])
        for waiter in waiting:
            self.assertIs(self.successResultOf(waiter), NEXT)

    # Expiry

    def test_expiry_is_an_answer(self) -> None:
        (waiting,) = self.suspend(1, 2.0)
        self.clock.advance(1.9)
        self.assertNoResult(waiting)
        self.clock.advance(0.1 + TICK_SECONDS)
        self.assertIs(self.successResultOf(waiting), EMPTY)
        self.assertTrue(self.waiters.idle)

    def test_each_at_its_own_tick(self) -> None:
        waiting = [self.hold(seconds) for seconds in (3.0, 1.0, 2.0)]
        for expected in ([False, True, False], [False, True, True], [True, True, True]):
            self.clock.advance(1.0)
            self.assertEqual([waiter.called for waiter in waiting], expected)

    def test_expired_ones_are_not_woken(self) -> None:
        soon, late = self.hold(1.0), self.hold(9.0)
        self.clock.advance(2.0)
        self.waiters.wake(NEXT)
        self.assertIs(self.successResultOf(soon), EMPTY)
        self.assertIs(self.successResultOf(late), NEXT)

    def test_woken_ones_do_not_expire_and_their_tick_serves_others(self) -> None:
        self.suspend(2, 1.0)
        self.waiters.wake(NEXT)
        (again,) = self.suspend(1, 1.0)
        self.clock.advance(1.0 + TICK_SECONDS)
        self.assertIs(self.successResultOf(again), EMPTY)

    def test_expiry_goes_in_slices(self) -> None:
        self.patch(waiters_module, "BURST", 3)
        self.patch(waiters_module, "AT_ONE_GO", 0)
        self.patch(waiters_module, "SLICE_SECONDS", 0.0)
        waiting = self.suspend(5, 1.0)
        self.clock.rightNow += 1.0
        for expected in (3, 5):
            self.clock.turn()
            self.assertEqual(self.answered(waiting), expected)

    def test_asking_again_from_inside_an_expiry(self) -> None:
        again: list[Deferred[Page]] = []
        self.hold(1.0).addCallback(lambda _: again.append(self.hold(1.0)))
        self.clock.advance(1.0)
        self.assertEqual(len(self.waiters), 1)
        self.clock.advance(1.0)
        self.assertIs(self.successResultOf(again[0]), EMPTY)

    def test_nothing_is_held_for_no_time(self) -> None:
        for seconds in (0.0, -1.0):
            self.assertIs(self.successResultOf(self.hold(seconds)), EMPTY)
        self.assertTrue(self.waiters.idle)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_slice_takes_its_time_and_no_more(self) -> None:
        """As many bursts as fit, however many waiters these are."""
        self.patch(waiters_module, "AT_ONE_GO", 4 * BURST - 1)
        waiting = self.suspend(4 * BURST)
        for waiter in waiting[::BURST]:
            waiter.addCallback(lambda _: self.clock.advance(SLICE_SECONDS / 2))
        self.waiters.wake(NEXT)
        self.assertEqual(self.answered(waiting), 2 * BURST)
        self.clock.turn()
        self.assertEqual(self.answered(waiting), 4 * BURST)

    def test_a_fan_out_that_takes_no_time_is_one_slice(self) -> None:
        self.patch(waiters_module, "AT_ONE_GO", 0)
        waiting = self.suspend(4 * BURST)
        self.waiters.wake(NEXT)
        self.assertEqual(self.answered(waiting), 4 * BURST)

    def test_those_of_a_small_room_are_fired_at_one_go(self) -> None:
        waiting = self.suspend(AT_ONE_GO)
        for waiter in waiting[::BURST]:
            waiter.addCallback(lambda _: self.clock.advance(SLICE_SECONDS))
        self.waiters.wake(NEXT)
        self.assertEqual(self.answered(waiting), AT_ONE_GO)

    def test_bursts(self) -> None:
        """Each is told whether it is the last of its fan-out."""
        said: list[str] = []

        class Burst:
            def __init__(self, more: bool) -> None:
                self.more = more

            def __enter__(self) -> None:
                said.append("begin" if self.more else "begin last")

            def __exit__(self, *raised: object) -> None:
                said.append("end")

        self.waiters = WaiterSet(self.clock, self.holds, lambda: EMPTY, Burst)
        for waiter in self.suspend(BURST + 1):
            waiter.addCallback(lambda _: said.append("fire"))
        self.waiters.wake(NEXT)
        self.assertEqual(said, ["begin", *["fire"] * BURST, "end", "begin last", "fire", "end"])

    def test_a_burst_that_raises_loses_nobody(self) -> None:
        class Burst:
            def __init__(self, more: bool) -> None:
                pass

            def __enter__(self) -> None:
                pass

            def __exit__(self, *raised: object) -> None:
                raise ZeroDivisionError

        self.patch(waiters_module, "AT_ONE_GO", 0)
        self.patch(waiters_module, "SLICE_SECONDS", 0.0)
        self.patch(waiters_module, "BURST", 2)
        self.waiters = WaiterSet(self.clock, self.holds, lambda: EMPTY, Burst)
        waiting = self.suspend(3)
        self.assertRaises(ZeroDivisionError, self.waiters.wake, NEXT)
        self.assertEqual(self.answered(waiting), 2)
        self.assertRaises(ZeroDivisionError, self.clock.advance, 0)
        self.assertEqual((self.answered(waiting), self.waiters.idle), (3, True))

    def test_nothing_is_left_for_the_garbage_collector(self) -> None:
        gc.disable()
        self.addCleanup(gc.enable)
        for end in (lambda: self.waiters.wake(NEXT), lambda: self.clock.advance(20.0)):
            waiters = list(map(weakref.ref, self.suspend(3)))
            end()
            self.assertEqual([waiter() for waiter in waiters], [None] * 3)

    def test_one_timer_however_many_wait(self) -> None:
        self.suspend(1000, 25.0)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    # The end

    def test_end_all(self) -> None:
        waiting = [self.hold(seconds) for seconds in (1.0, 2.0, 3.0)]
        self.holds.end_all()
        for waiter in waiting:
            self.assertIs(self.successResultOf(waiter), EMPTY)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nobody_is_suspended_after_the_end(self) -> None:
        self.holds.end_all()
        self.assertIs(self.successResultOf(self.hold(10.0)), EMPTY)
        self.assertTrue(self.waiters.idle)

    def test_asking_again_from_inside_the_end(self) -> None:
        got: list[Page] = []
        for _ in range(3):
            self.hold(1.0).addCallback(lambda _: self.hold(1.0).addCallback(got.append))
        self.holds.end_all()
        self.assertEqual(got, [EMPTY] * 3)
        self.assertTrue(self.waiters.idle)
