"""Watch: sees when the accounts change, so that what was begun by an old password ends.

Once in `LOOK_SECONDS` it asks for their stamp, which takes no longer than to ask the system for a file's date.  Where
that is another one they are read in a thread: 100,000 accounts take more than a second, and the reactor can't stand
still for so long.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

LOOK_SECONDS = 0.5


class Watch:
    """`stamp`: what is another if the accounts may be others.  `read`: learns what they are.  `in_thread`: calls that
    in a thread; fires when it has returned, or fails with what it has raised.  `clock` does not jump.
    """

    _log = Logger()

    def __init__(
        self,
        stamp: Callable[[], object],
        read: Callable[[], None],
        in_thread: Callable[[Callable[[], None]], Deferred[None]],
        clock: IReactorTime,
    ) -> None:
        self._stamp = stamp
        self._read = read
        self._in_thread = in_thread
        self._clock = clock
        self._seen: object = None
        self._next: IDelayedCall | None = None
        self._changed: Callable[[], None] | None = None

    def start(self, changed: Callable[[], None]) -> None:
        """Look from now on, and call `changed` when the accounts may be others and have been read."""
        self._changed = changed
        self._seen = self._stamp()
        # The file may have changed since it was read for the start.
        self._read_again()

    def stop(self) -> None:
        """Look no more."""
        self._changed = None
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _look(self) -> None:
        self._next = None
        stamp = self._stamp()
        if stamp == self._seen:
            self._look_later()
        else:
            self._seen = stamp
            self._read_again()

    def _read_again(self) -> None:
        self._in_thread(self._read).addErrback(self._failed).addCallback(self._was_read)

    def _failed(self, failure: Failure) -> None:
        self._log.failure("a fault in reading the accounts", failure)

    def _was_read(self, _: None) -> None:
        if self._changed is None:  # it was stopped meanwhile
            return
        self._look_later()
        self._changed()

    def _look_later(self) -> None:
        self._next = self._clock.callLater(LOOK_SECONDS, self._look)
