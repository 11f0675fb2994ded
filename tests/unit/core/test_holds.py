"""Holds: one timer, ticks, and the end of all."""

from __future__ import annotations

import math
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.holds import TICK_SECONDS, Expirer, Holds, tick_at


class Recorder:
    """An expirer that notes when it was called for which tick."""

    def __init__(self, clock: Clock, then: Callable[[], None] = lambda: None) -> None:
        self.calls: list[tuple[float, int]] = []
        self._clock = clock
        self._then = then

    def expire(self, tick: int) -> None:
        self.calls.append((self._clock.seconds(), tick))
        self._then()


class HoldsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.1)
        self.holds = Holds(self.clock)
        self.recorder = Recorder(self.clock)

    def begin(self, seconds: float, expirer: Expirer) -> int:
        tick = tick_at(self.clock.seconds() + seconds)
        self.holds.begin(tick, expirer)
        return tick

    def advance(self, seconds: float) -> None:
        """Advance in steps smaller than a tick, as a reactor does."""
        for _ in range(round(seconds / 0.05)):
            self.clock.advance(0.05)

    def test_ends_in_time(self) -> None:
        tick = self.begin(2.0, self.recorder)
        self.clock.advance(1.99)
        self.assertEqual(self.recorder.calls, [])
        self.clock.advance(0.01 + TICK_SECONDS)
        self.assertEqual([called for _, called in self.recorder.calls], [tick])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_timer_for_all(self) -> None:
        for hundredth in range(1, 500):
            self.begin(hundredth / 100, self.recorder)
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_no_timer_without_holds(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_called_once_for_a_tick(self) -> None:
        other = Recorder(self.clock)
        tick = self.begin(1.0, self.recorder)
        self.assertEqual({self.begin(1.0, who) for who in (self.recorder, other, other)}, {tick})
        self.advance(2.0)
        self.assertEqual((len(self.recorder.calls), len(other.calls)), (1, 1))

    def test_shorter_hold_begun_later_ends_first(self) -> None:
        late, soon = self.begin(10.0, self.recorder), self.begin(1.0, self.recorder)
        self.advance(12.0)
        self.assertEqual([tick for _, tick in self.recorder.calls], [soon, late])
        self.assertLess(self.recorder.calls[0][0], 1000.1 + 1.0 + TICK_SECONDS + 0.1)

    def test_after_a_stall_all_that_is_due_ends_in_order(self) -> None:
        ticks = [self.begin(seconds, self.recorder) for seconds in (3.0, 1.0, 2.0, 60.0)]
        self.clock.advance(5.0)
        self.assertEqual([tick for _, tick in self.recorder.calls], sorted(ticks)[:3])
        self.clock.advance(60.0)
        self.assertEqual(len(self.recorder.calls), 4)

    def test_beginning_from_inside_an_end(self) -> None:
        recorder = Recorder(self.clock)
        begun: list[int] = []

        def again() -> None:
            if len(begun) < 3:
                begun.append(self.begin(1.0, recorder))

        recorder._then = again
        self.begin(1.0, recorder)
        self.advance(6.0)
        self.assertEqual([tick for _, tick in recorder.calls][1:], begun)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_end_all(self) -> None:
        ticks = [self.begin(seconds, self.recorder) for seconds in (3.0, 1.0)]
        self.assertFalse(self.holds.over)
        self.holds.end_all()
        self.assertTrue(self.holds.over)
        self.assertEqual([tick for _, tick in self.recorder.calls], sorted(ticks))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.holds.end_all()
        self.assertEqual(len(self.recorder.calls), 2)

    def test_over_while_it_ends(self) -> None:
        """Whoever asks again from inside the end sees that nothing is to be suspended any more."""
        seen: list[bool] = []
        self.begin(1.0, Recorder(self.clock, lambda: seen.append(self.holds.over)))
        self.holds.end_all()
        self.assertEqual(seen, [True])

    def test_end_all_from_inside_an_end(self) -> None:
        """A server may be stopped by what one answer sets off."""
        self.begin(1.0, Recorder(self.clock, self.holds.end_all))
        self.begin(1.5, self.recorder)
        self.begin(60.0, self.recorder)
        self.clock.advance(3.0)
        self.assertEqual(len(self.recorder.calls), 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def begin_with_a_fault(self) -> list[Recorder]:
        """Others' holds at the tick of one that raises, and a later one."""

        def fail() -> None:
            raise ZeroDivisionError

        recorders = [Recorder(self.clock, fail if index == 4 else lambda: None) for index in range(9)]
        for recorder in recorders:
            self.begin(1.0, recorder)
        self.begin(2.0, recorders[0])
        return recorders

    def test_one_that_raises_is_not_the_others(self) -> None:
        recorders = self.begin_with_a_fault()
        self.advance(3.0)
        self.assertEqual([len(recorder.calls) for recorder in recorders], [2] + [1] * 8)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.begin(1.0, self.recorder)
        self.advance(2.0)
        self.assertEqual(len(self.recorder.calls), 1)

    def test_nor_at_the_end_of_all(self) -> None:
        recorders = self.begin_with_a_fault()
        self.holds.end_all()
        self.assertEqual([len(recorder.calls) for recorder in recorders], [2] + [1] * 8)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    @given(st.floats(0, 1e10), st.lists(st.floats(0.001, 100), min_size=1, max_size=5), st.floats(0.01, 30))
    def test_never_early_never_a_tick_late(self, now: float, holds: list[float], step: float) -> None:
        clock = Clock()
        clock.advance(now)
        recorder = Recorder(clock)
        wheel = Holds(clock)
        due = {tick_at(now + seconds): now + seconds for seconds in holds}
        for tick in due:
            wheel.begin(tick, recorder)
        while clock.getDelayedCalls():
            call = clock.getDelayedCalls()[0]
            clock.advance(max(0.0, call.getTime() - clock.seconds()))
        self.assertEqual([tick for _, tick in recorder.calls], sorted(due))
        for when, tick in recorder.calls:
            self.assertEqual(when, tick * TICK_SECONDS)
            self.assertTrue(due[tick] <= when or math.isclose(due[tick], when))
            self.assertLessEqual(when, due[tick] + TICK_SECONDS)
