"""Standard output, and the end of whoever reads it."""

from __future__ import annotations

import io
import os
from pathlib import Path

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactor
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.client.output import Output


class OutputTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.read_end, write_end = os.pipe()
        self.stream = os.fdopen(write_end, "w")
        self.addCleanup(self.stream.close)
        self.output = Output(self.stream, self.reactor)

    def test_each_line_is_out_at_once(self) -> None:
        self.output.print("one")
        self.assertEqual(os.read(self.read_end, 100), b"one\n")
        os.close(self.read_end)

    def test_a_pipe_is_watched(self) -> None:
        self.output.watch()
        self.assertEqual(self.reactor.getReaders(), [self.output])
        self.assertNoResult(self.output.closed)
        os.close(self.read_end)
        self.output.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(self.output.closed)

    def test_nothing_else_is(self) -> None:
        os.close(self.read_end)
        with Path(os.devnull).open("w") as nowhere:
            Output(nowhere, self.reactor).watch()
        self.assertEqual(self.reactor.getReaders(), [])

    def test_a_pipe_that_nobody_reads_is_said_once_and_not_at_exit(self) -> None:
        self.output.watch()
        os.close(self.read_end)
        self.assertRaises(BrokenPipeError, self.output.print, "one")
        self.assertEqual(self.reactor.getReaders(), [])
        self.stream.close()  # flushes what is left

    def test_no_text_is_unprintable_in_any_encoding(self) -> None:
        os.close(self.read_end)
        written = io.BytesIO()
        stream = io.TextIOWrapper(written, encoding="ascii")
        Output(stream, self.reactor).print("grüße 😀")
        self.assertEqual(written.getvalue(), b"gr\\xfc\\xdfe \\U0001f600\n")
