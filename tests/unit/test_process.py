"""What a server needs of its process."""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
import time
from types import SimpleNamespace
from unittest.mock import patch
from weakref import ref

from twisted.internet.base import ReactorBase
from twisted.internet.interfaces import IReadDescriptor, IWriteDescriptor
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.process import (
    ACCEPTED,
    DESCRIPTOR_RESERVE,
    GARBAGE_THRESHOLDS,
    SWITCH_SECONDS,
    give_memory_back,
    most_accepted,
    most_connections,
    on_hangup,
    raise_descriptor_limit,
    resident_bytes,
    settle_garbage_collector,
    share_interpreter,
    spare_descriptors,
    tidy,
    use_monotonic_clock,
)


class MemoryTests(SynchronousTestCase):
    def test_of_glibc_all_that_is_free_is_given_back(self) -> None:
        trimmed: list[int] = []
        library = SimpleNamespace(malloc_trim=trimmed.append)
        with patch("ctypes.CDLL", lambda name: library):
            give_memory_back()
        self.assertEqual(trimmed, [0])

    def test_others_are_left_alone(self) -> None:
        with patch("ctypes.CDLL", lambda name: SimpleNamespace()):
            give_memory_back()

    def test_with_the_one_that_is_here(self) -> None:
        give_memory_back()

    def test_what_lies_in_cycles_is_garbage(self) -> None:
        class Cycle:
            def __init__(self) -> None:
                self.itself = self

        cycle = ref(Cycle())
        tidy()
        self.assertIsNone(cycle())

    def test_how_much_there_is(self) -> None:
        before = resident_bytes()
        self.assertGreater(before, 10_000_000)
        much = b"x" * 50_000_000
        self.assertGreater(resident_bytes(), before + len(much) // 2)

    def test_which_not_every_system_tells(self) -> None:
        with patch("pathlib.Path.read_text", side_effect=FileNotFoundError):
            self.assertEqual(resident_bytes(), 0)


class ThreadlessReactor(ReactorBase):
    """A reactor that waits for nothing."""

    def installWaker(self) -> None:
        pass

    def _reallyStartRunning(self) -> None:
        pass

    def removeAll(self) -> list[IReadDescriptor | IWriteDescriptor]:
        return []


class ClockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = ThreadlessReactor()
        self.monotonic = 100.0

    def test_a_wall_clock_that_is_set_moves_nothing(self) -> None:
        with patch("time.monotonic", lambda: self.monotonic):
            use_monotonic_clock(self.reactor)
        ran: list[str] = []
        self.reactor.callLater(5, ran.append, "in time")
        with patch("time.time", return_value=time.time() + 3_600):
            self.monotonic += 4.5
            self.assertEqual(self.reactor.timeout(), 0.5)
            self.reactor.runUntilCurrent()
            self.assertEqual(ran, [])
        with patch("time.time", return_value=0.0):
            self.monotonic += 0.5
            self.reactor.runUntilCurrent()
        self.assertEqual(ran, ["in time"])

    def test_a_delay_that_is_put_off_is_counted_by_it_too(self) -> None:
        use_monotonic_clock(self.reactor)
        ran: list[str] = []
        call = self.reactor.callLater(0, ran.append, "later")
        call.reset(3_600)
        self.reactor.runUntilCurrent()
        self.assertEqual(ran, [])
        call.cancel()

    def test_not_when_something_is_scheduled_already(self) -> None:
        call = self.reactor.callLater(5, list)
        self.assertRaises(AssertionError, use_monotonic_clock, self.reactor)
        call.cancel()


class DescriptorTests(SynchronousTestCase):
    def test_as_many_as_the_system_lets_it(self) -> None:
        with (
            patch.object(resource, "getrlimit", return_value=(1_024, 4_096)),
            patch.object(resource, "setrlimit") as set_,
        ):
            raise_descriptor_limit()
        set_.assert_called_once_with(resource.RLIMIT_NOFILE, (4_096, 4_096))

    def test_some_are_kept_free(self) -> None:
        for limit, spare in ((1_048_576, 1_048_576 - 32 - DESCRIPTOR_RESERVE), (1_024, 794), (10, 4), (1, 1)):
            with patch.object(resource, "getrlimit", return_value=(limit, resource.RLIM_INFINITY)):
                self.assertEqual(spare_descriptors(), spare)

    def test_half_of_these_are_for_who_does_not_stay(self) -> None:
        for limit, most in ((1_048_576, 1_048_576 - 32 - DESCRIPTOR_RESERVE // 2), (1_024, 893), (10, 5), (1, 1)):
            with patch.object(resource, "getrlimit", return_value=(limit, resource.RLIM_INFINITY)):
                self.assertEqual(most_connections(), most)

    def test_so_many_come_in_one_turn_that_descriptors_suffice(self) -> None:
        few = ((1_024, 24), (200, 4), (10, 1), (1, 1))
        for limit, most in (*few, (1_048_576, ACCEPTED), (resource.RLIM_INFINITY, ACCEPTED)):
            with patch.object(resource, "getrlimit", return_value=(limit, resource.RLIM_INFINITY)):
                self.assertEqual(most_accepted(), most)

    def test_where_there_is_no_end_of_them(self) -> None:
        with patch.object(resource, "getrlimit", return_value=(resource.RLIM_INFINITY,) * 2):
            self.assertEqual((spare_descriptors(), most_connections()), (0, 0))


class GarbageTests(SynchronousTestCase):
    def test_the_collector_looks_seldom_and_not_at_what_is_there(self) -> None:
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        self.addCleanup(gc.unfreeze)
        settle_garbage_collector()
        self.assertEqual(gc.get_threshold(), GARBAGE_THRESHOLDS)
        self.assertGreater(gc.get_freeze_count(), 1_000)


class HangupTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.addCleanup(signal.signal, signal.SIGHUP, signal.getsignal(signal.SIGHUP))
        self.reactor = ThreadlessReactor()
        self.heard: list[str] = []

    def hang_up(self) -> None:
        os.kill(os.getpid(), signal.SIGHUP)

    def test_is_heard_in_the_reactor_s_turn_each_time(self) -> None:
        on_hangup(self.reactor, lambda: self.heard.append("again"))
        for times in (1, 2):
            self.hang_up()
            self.assertEqual(len(self.heard), times - 1)
            self.reactor.runUntilCurrent()
            self.assertEqual(len(self.heard), times)

    def test_a_callback_that_errs_is_not_the_last(self) -> None:
        def err() -> None:
            self.heard.append("erred")
            raise ZeroDivisionError

        on_hangup(self.reactor, err)
        for _ in range(2):
            self.hang_up()
            self.reactor.runUntilCurrent()
        self.assertEqual(self.heard, ["erred"] * 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)


class InterpreterTests(SynchronousTestCase):
    def test_threads_take_turns_often(self) -> None:
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        share_interpreter()
        self.assertAlmostEqual(sys.getswitchinterval(), SWITCH_SECONDS)
