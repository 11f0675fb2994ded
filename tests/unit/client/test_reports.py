"""What the command tells on standard error."""

from __future__ import annotations

import io

from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.client.reports import Reports


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


class ReportsTests(SynchronousTestCase):
    def log_to(self, stream: io.StringIO) -> str:
        """What becomes of a warning of ours, of an information, and of somebody else's warning."""
        reports = Reports(stream)
        Logger("chatcomet.client.server.Server", observer=reports).warn("{what} failed", what="it")
        Logger("chatcomet.client.server.Server", observer=reports).info("Starting factory")
        Logger("twisted.web", observer=reports).warn("Starting factory")
        return stream.getvalue()

    def test_what_is_told(self) -> None:
        stream = io.StringIO()
        reports = Reports(stream)
        reports.tell("it is over")
        reports.about = "line 3: "
        reports.tell("too long\x1b")
        self.assertEqual(stream.getvalue(), "chatcomet: it is over\nchatcomet: line 3: too long\\x1b\n")

    def test_trouble_is_told_on_a_terminal_only(self) -> None:
        self.assertEqual(self.log_to(Terminal()), "chatcomet: it failed\n")
        self.assertEqual(self.log_to(io.StringIO()), "")

    def test_a_fault_of_ours_is_never_hidden(self) -> None:
        stream = io.StringIO()
        log = Logger("anybody", observer=Reports(stream))
        try:
            raise KeyError("a fault")
        except KeyError:
            log.failure("it broke")
        log.critical("no failure")
        self.assertIn("KeyError: 'a fault'", stream.getvalue())
        self.assertIn("no failure\n", stream.getvalue())
