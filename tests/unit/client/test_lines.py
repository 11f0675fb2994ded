"""Lines of standard input, one at a time."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactor
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.client.lines import LONGEST_BYTES, Lines
from chatcomet.errors import TooLong
from tests.unit.client.scripted_server import start


async def next_of(lines: Lines) -> str | None:
    """The next line; None at the end."""
    return await anext(lines, None)


class LinesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        descriptor, self.writer = os.pipe()
        self.addCleanup(os.close, descriptor)
        self.lines = Lines(descriptor, self.reactor)

    def give(self, data: bytes) -> None:
        """Let so much be read."""
        os.write(self.writer, data)
        self.lines.doRead()

    def end(self) -> None:
        """Nobody writes any more."""
        os.close(self.writer)

    def ask(self) -> Deferred[str | None]:
        """Ask for the next line."""
        return start(next_of(self.lines))

    def test_nothing_is_read_before_it_is_asked_for(self) -> None:
        self.addCleanup(self.end)
        self.assertEqual(self.reactor.getReaders(), [])
        asked = self.ask()
        self.assertEqual(self.reactor.getReaders(), [self.lines])
        self.give(b"one\ntwo\n")
        self.assertEqual(self.successResultOf(asked), "one")
        self.assertEqual(self.successResultOf(self.ask()), "two")
        self.assertEqual(self.reactor.getReaders(), [])

    def test_a_line_may_come_in_pieces(self) -> None:
        self.addCleanup(self.end)
        asked = self.ask()
        self.give("grü".encode()[:-1])
        self.assertNoResult(asked)
        self.give("grü".encode()[-1:] + b"\r\n")
        self.assertEqual(self.successResultOf(asked), "grü")

    def test_the_last_line_needs_no_break(self) -> None:
        asked = self.ask()
        self.give(b"one\n\nthree")
        self.assertEqual(self.successResultOf(asked), "one")
        self.assertEqual(self.successResultOf(self.ask()), "")
        asked = self.ask()
        self.end()
        self.lines.doRead()
        self.assertEqual(self.successResultOf(asked), "three")
        self.assertIsNone(self.successResultOf(self.ask()))

    def test_the_reactor_may_tell_the_end_otherwise(self) -> None:
        asked = self.ask()
        self.end()
        self.lines.connectionLost(Failure(ConnectionDone()))
        self.assertIsNone(self.successResultOf(asked))

    def test_bytes_that_are_no_text_are_not_lost(self) -> None:
        self.addCleanup(self.end)
        asked = self.ask()
        self.give(b"\xff\n")
        self.assertEqual(self.successResultOf(asked), "\udcff")

    def test_a_line_without_end_is_too_long(self) -> None:
        self.addCleanup(self.end)
        asked = self.ask()
        for _ in range(LONGEST_BYTES // 4096 + 1):
            self.give(b"x" * 4096)
        self.failureResultOf(asked, TooLong)
        self.assertEqual(self.reactor.getReaders(), [])

    def test_what_cannot_be_read_is_an_error(self) -> None:
        self.addCleanup(self.end)
        directory = os.open(Path.cwd(), os.O_RDONLY)
        self.addCleanup(os.close, directory)
        lines = Lines(directory, self.reactor)
        asked = start(next_of(lines))
        lines.doRead()
        self.failureResultOf(asked, IsADirectoryError)

    def test_cancelling_stops_reading(self) -> None:
        self.addCleanup(self.end)
        asked = self.ask()
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertEqual(self.reactor.getReaders(), [])
