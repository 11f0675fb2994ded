"""Watch: when a change of the accounts is seen, and who reads them."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.watch import LOOK_SECONDS, Watch


class WatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.stamp = 1
        self.told = 0
        self.read = 0
        self.reading: list[tuple[Callable[[], None], Deferred[None]]] = []
        self.watch = Watch(lambda: self.stamp, self.note, self.in_thread, self.clock)
        self.watch.start(self.tell)
        self.work()

    def note(self) -> None:
        self.read += 1

    def tell(self) -> None:
        self.told += 1

    def in_thread(self, work: Callable[[], None]) -> Deferred[None]:
        self.reading.append((work, Deferred()))
        return self.reading[-1][1]

    def work(self) -> None:
        """Be the thread."""
        work, done = self.reading.pop()
        work()
        done.callback(None)

    def assert_counts(self, read: int, told: int) -> None:
        self.assertEqual((self.read, self.told, len(self.reading)), (read, told, 0))

    def test_reads_at_the_start_what_may_have_changed_before(self) -> None:
        self.assert_counts(1, 1)

    def test_a_change_is_seen_in_time_and_told_once(self) -> None:
        for change in range(1, 3):
            self.stamp += 1
            self.clock.advance(LOOK_SECONDS)
            self.work()
            self.clock.pump([LOOK_SECONDS] * 10)
            self.assert_counts(1 + change, 1 + change)

    def test_without_one_nothing_is_read(self) -> None:
        self.clock.pump([LOOK_SECONDS] * 10)
        self.assert_counts(1, 1)

    def test_is_told_when_it_has_been_read(self) -> None:
        self.stamp += 1
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual((self.read, self.told), (1, 1))
        self.work()
        self.assert_counts(2, 2)

    def test_one_reads_at_a_time_and_what_changed_meanwhile_is_read_then(self) -> None:
        self.stamp += 1
        self.clock.advance(LOOK_SECONDS)
        self.stamp += 1
        self.clock.pump([LOOK_SECONDS] * 10)
        self.assertEqual(len(self.reading), 1)
        self.work()
        self.clock.advance(LOOK_SECONDS)
        self.work()
        self.assert_counts(3, 3)

    def test_a_fault_is_logged_and_it_looks_on(self) -> None:
        self.stamp += 1
        self.clock.advance(LOOK_SECONDS)
        _, done = self.reading.pop()
        done.errback(Failure(ZeroDivisionError()))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.stamp += 1
        self.clock.advance(LOOK_SECONDS)
        self.work()
        self.assert_counts(2, 3)

    def test_stopped_it_looks_no_more(self) -> None:
        self.watch.stop()
        self.stamp += 1
        self.clock.pump([LOOK_SECONDS] * 10)
        self.assert_counts(1, 1)
        self.watch.stop()

    def test_stopped_while_it_reads_it_tells_nothing(self) -> None:
        self.stamp += 1
        self.clock.advance(LOOK_SECONDS)
        self.watch.stop()
        self.work()
        self.assert_counts(2, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
