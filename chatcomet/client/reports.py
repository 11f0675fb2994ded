"""What the command tells on standard error.

Always: what ended it, and what was lost.  Only on a terminal: a try that failed and will be made again, since a
script wants to know how it ended, and not on which way.  Nothing else that Twisted or a library logs.
"""

from __future__ import annotations

from typing import TextIO

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogBeginner
from zope.interface import implementer

from chatcomet.client.display import shown

_OURS = "chatcomet.client."


@implementer(ILogObserver)
class Reports:
    """Lines to `stream`, each beginning with ``chatcomet:`` and, where it is set, what it is `about`."""

    def __init__(self, stream: TextIO) -> None:
        self.about = ""
        self._stream = stream
        self._is_terminal = stream.isatty()

    def tell(self, text: str) -> None:
        """Say one thing."""
        self._stream.write(shown(f"chatcomet: {self.about}{text}") + "\n")
        self._stream.flush()

    def take_over_logging(self) -> None:
        """From now on, and for this whole process, the log is what this makes of it."""
        globalLogBeginner.beginLoggingTo([self], discardBuffer=True, redirectStandardIO=False)

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info)
        if level >= LogLevel.critical:  # a fault of ours
            failure = event.get("log_failure")
            self._stream.write(failure.getTraceback() if failure is not None else formatEvent(event) + "\n")
        elif self._is_terminal and level >= LogLevel.warn and event.get("log_namespace", "").startswith(_OURS):
            self.tell(formatEvent(event))
