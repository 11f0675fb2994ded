"""Lines of a descriptor (standard input), one at a time.

Nothing is read before a line is asked for, and no more than one read further than its end: memory is bounded
however much stands ready, and whoever writes to us is slowed down to our pace.  The descriptor stays blocking, as
it is shared with the shell that started us; it is only read when the reactor says that there is something.
"""

from __future__ import annotations

import os
from typing import Self

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from chatcomet.errors import TooLong

LONGEST_BYTES = 64 * 1024
_READ_BYTES = 16 * 1024


@implementer(IReadDescriptor)
class Lines:
    """``async for line in lines``: each without its line break, as text; bytes that are not UTF-8 become surrogates.

    Raises `TooLong` for a line of more than `LONGEST_BYTES`, and `OSError` where reading fails.
    """

    def __init__(self, descriptor: int, reactor: IReactorFDSet) -> None:
        self._descriptor = descriptor
        self._reactor = reactor
        self._received = b""
        self._ended = False
        self._more: Deferred[None] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while b"\n" not in self._received and not self._ended:
            if len(self._received) > LONGEST_BYTES:
                raise TooLong(f"a line has {LONGEST_BYTES} bytes at most")
            self._more = Deferred(lambda _: self._reactor.removeReader(self))
            self._reactor.addReader(self)
            await self._more
        if not self._received:
            raise StopAsyncIteration
        line, _, self._received = self._received.partition(b"\n")
        return line.removesuffix(b"\r").decode("utf-8", "surrogateescape")

    def doRead(self) -> None:
        """The reactor says that there is something to read, or the end."""
        try:
            received = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:  # somebody else who shares the descriptor was faster
            return
        except OSError as error:
            self._fire(error)
            return
        self._received += received
        self._ended = not received
        self._fire(None)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor says that nobody writes any more."""
        self._ended = True
        self._fire(None)

    def fileno(self) -> int:
        """The descriptor, for the reactor."""
        return self._descriptor

    def logPrefix(self) -> str:
        """What the reactor's log calls this."""
        return "lines"

    def _fire(self, error: OSError | None) -> None:
        self._reactor.removeReader(self)
        more, self._more = self._more, None
        if more is not None:
            more.callback(None) if error is None else more.errback(error)
