"""Deadlines of connections, in buckets."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.holds import TICK_SECONDS
from chatcomet.http.deadlines import NEVER, Deadlines


class Connection:
    """Remembers when it was late."""

    def __init__(self, clock: Clock) -> None:
        self.deadline = self.looked_at = NEVER
        self.late: list[float] = []
        self._clock = clock

    def timeoutConnection(self) -> None:
        self.late.append(self._clock.seconds())


class DeadlinesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.deadlines = Deadlines(self.clock)
        self.connection = Connection(self.clock)

    def pass_seconds(self, seconds: float) -> None:
        self.clock.pump([TICK_SECONDS / 2] * round(2 * seconds / TICK_SECONDS))

    def test_it_is_late_once_and_not_too_soon(self) -> None:
        self.clock.advance(0.1)
        self.deadlines.set(self.connection, 10)
        self.pass_seconds(100)
        (late,) = self.connection.late
        self.assertTrue(10.1 <= late <= 10.1 + 1.5 * TICK_SECONDS, late)

    def test_a_deadline_that_moves_on_is_kept(self) -> None:
        for _ in range(10):
            self.deadlines.set(self.connection, 10)
            self.pass_seconds(9)
        self.assertEqual(self.connection.late, [])
        self.pass_seconds(2)
        self.assertEqual(len(self.connection.late), 1)

    def test_a_sooner_deadline_counts(self) -> None:
        self.deadlines.set(self.connection, 75)
        self.deadlines.set(self.connection, 10)
        self.pass_seconds(11)
        self.assertEqual(len(self.connection.late), 1)
        self.pass_seconds(100)
        self.assertEqual(len(self.connection.late), 1)

    def test_none_is_never_late_until_it_has_a_deadline_again(self) -> None:
        self.deadlines.set(self.connection, 10)
        self.deadlines.set(self.connection, None)
        self.pass_seconds(100)
        self.assertEqual(self.connection.late, [])
        self.deadlines.set(self.connection, 10)
        self.pass_seconds(11)
        self.assertEqual(len(self.connection.late), 1)

    def test_whoever_is_gone_is_forgotten(self) -> None:
        for seconds in (75, 10):
            self.deadlines.set(self.connection, seconds)
        self.deadlines.forget(self.connection)
        self.pass_seconds(100)
        self.assertEqual(self.connection.late, [])

    def test_one_that_raises_is_not_the_others(self) -> None:
        def fail() -> None:
            raise ZeroDivisionError

        others = [Connection(self.clock) for _ in range(9)]
        others[4].timeoutConnection = fail  # type: ignore[method-assign]  # of this one only
        for other in others:
            self.deadlines.set(other, 10)
        self.pass_seconds(11)
        self.assertEqual([len(other.late) for other in others], [1, 1, 1, 1, 0, 1, 1, 1, 1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_one_timer_serves_all_whose_deadlines_are_alike(self) -> None:
        for _ in range(100):
            self.deadlines.set(Connection(self.clock), 75)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_after_the_stop_nothing_is_scheduled(self) -> None:
        self.deadlines.set(self.connection, 75)
        self.deadlines.forget(self.connection)
        self.deadlines.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
