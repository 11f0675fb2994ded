"""Standard output, a line at a time: each is out before the next message is asked for.

Writing blocks: whoever reads us slowly slows us down, and the log waits on the server.  A pipe whose reader has
gone is the normal end of ``chatcomet tail … | head -1``.  It is noticed when it happens, and not only at the next
line, which may be hours away.
"""

from __future__ import annotations

import os
import stat
from io import TextIOWrapper

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(IReadDescriptor)
class Output:
    """Lines to `stream`; `closed` fires when a pipe that is watched has lost its reader."""

    def __init__(self, stream: TextIOWrapper, reactor: IReactorFDSet) -> None:
        stream.reconfigure(errors="backslashreplace")  # whatever the locale, there is a way to write any text
        self.is_terminal = stream.isatty()
        self.closed: Deferred[None] = Deferred()
        self._stream = stream
        self._reactor = reactor

    def watch(self) -> None:
        """Notice the end of a pipe's reader from now on."""
        if stat.S_ISFIFO(os.fstat(self.fileno()).st_mode):
            self._reactor.addReader(self)

    def print(self, line: str) -> None:
        """Write `line`.  Raises `BrokenPipeError` where nobody reads it."""
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except BrokenPipeError:
            self._discard()
            raise

    def doRead(self) -> None:
        """There is nothing to be read from an output: stop looking."""
        self._reactor.removeReader(self)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor says that the pipe's reader has gone."""
        self.closed.callback(None)

    def fileno(self) -> int:
        """The stream's descriptor, for the reactor."""
        return self._stream.fileno()

    def logPrefix(self) -> str:
        """What the reactor's log calls this."""
        return "output"

    def _discard(self) -> None:
        """Let what is still in the stream's buffer go nowhere: Python flushes it at exit, and would complain."""
        self._reactor.removeReader(self)  # the reactor must not look for a pipe where none is any more
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
