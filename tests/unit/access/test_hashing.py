"""Hashing: what takes long, in threads of its own."""

from __future__ import annotations

import os
import sys
import threading
from typing import cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.threadpool import ThreadPool
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.hashing import BUSY_SECONDS, NICENESS, PENDING, THREADS, Hashing
from chatcomet.errors import ServerFault, SignInBusy
from tests.unit.access.hand_pool import DirectReactor, HandPool
from tests.unit.stores.hand_reactor import HandReactor


class HashingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pool = HandPool()
        self.hashing = Hashing(DirectReactor(), cast(ThreadPool, self.pool))
        self.hashing.start()
        self.asked: list[int] = []

    def ask(self, number: int = 0) -> int:
        self.asked.append(number)
        return number

    def test_answers(self) -> None:
        answer = self.hashing.ask(lambda: self.ask(7))
        self.assertNoResult(answer)
        self.pool.run()
        self.assertEqual(self.successResultOf(answer), 7)

    def test_fails_as_what_it_asks_fails(self) -> None:
        answer = self.hashing.ask(lambda: int("x"))
        self.pool.run()
        self.failureResultOf(answer, ValueError)

    def test_the_queue_has_an_end(self) -> None:
        first, *_ = [self.hashing.ask(self.ask) for _ in range(PENDING)]
        refused = self.failureResultOf(self.hashing.ask(self.ask), SignInBusy).value
        self.assertEqual(refused.retry_after, BUSY_SECONDS)
        self.pool.run()
        self.successResultOf(first)
        last = self.hashing.ask(self.ask)
        self.pool.run_all()
        self.successResultOf(last)
        self.assertEqual(len(self.asked), PENDING + 1)

    def test_nobody_asks_for_who_has_gone(self) -> None:
        for _ in range(PENDING):
            answer = self.hashing.ask(self.ask)
            answer.addErrback(lambda failure: failure.trap(CancelledError))
            answer.cancel()
        self.failureResultOf(self.hashing.ask(self.ask), SignInBusy)  # their places are free when they have come round
        self.pool.run_all()
        self.assertEqual(self.asked, [])
        self.assertNoResult(self.hashing.ask(self.ask))

    def test_who_goes_while_it_is_asked_gets_nothing(self) -> None:
        answer: Deferred[None] = self.hashing.ask(lambda: answer.cancel())
        self.pool.run()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.hashing._pending, 0)

    def test_after_the_stop_nothing_is_asked(self) -> None:
        waiting = self.hashing.ask(self.ask)
        self.hashing.stop()
        self.hashing.stop()
        self.failureResultOf(self.hashing.ask(self.ask), ServerFault)
        self.pool.run_all()
        self.failureResultOf(waiting, ServerFault)
        self.assertEqual(self.asked, [])


class ThreadTests(SynchronousTestCase):
    """With its own pool."""

    def setUp(self) -> None:
        self.reactor = HandReactor()
        self.hashing = Hashing(self.reactor)
        self.addCleanup(self.hashing.stop)

    def test_has_no_thread_before_it_needs_one_and_then_two(self) -> None:
        self.hashing.start()
        self.assertEqual(self.hashing._pool.threads, [])
        both = threading.Barrier(2, timeout=30)
        answers = [self.hashing.ask(both.wait) for _ in range(2)]
        for answer in answers:
            self.reactor.run_until(answer)
        self.assertEqual(sorted(map(self.successResultOf, answers)), [0, 1])
        self.assertEqual(len(self.hashing._pool.threads), THREADS)
        self.assertTrue(all(thread.daemon for thread in self.hashing._pool.threads))

    def test_its_threads_give_way(self) -> None:
        if sys.platform != "linux":
            return
        self.hashing.start()
        answer = self.hashing.ask(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        self.reactor.run_until(answer)
        here = os.getpriority(os.PRIO_PROCESS, 0)
        self.assertEqual(self.successResultOf(answer), min(here + NICENESS, 19))

    def test_the_stop_waits_for_nobody(self) -> None:
        self.hashing.start()
        begun, end = threading.Barrier(2, timeout=30), threading.Event()
        answer = self.hashing.ask(lambda: begun.wait() >= 0 and end.wait(30))
        begun.wait()
        self.hashing.stop()  # returns, or this test would not
        self.assertNoResult(answer)
        end.set()
        self.reactor.run_until(answer)
        self.assertTrue(self.successResultOf(answer))
        for thread in self.hashing._pool.threads:
            thread.join(30)
            self.assertFalse(thread.is_alive())
