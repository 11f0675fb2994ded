"""HandReactor: stands in for the reactor; what threads ask of it waits until the test lets it happen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from zope.interface import implementer

_PATIENCE_SECONDS = 30.0  # a test that waits for longer has failed


@implementer(IReactorFromThreads)
class HandReactor:
    """Calls what threads want called when, and as far as, the test says."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], object]] = SimpleQueue()

    def callFromThread(self, callable: Callable[..., object], *args: object, **kwargs: object) -> None:  # noqa: A002
        self._calls.put(partial(callable, *args, **kwargs))

    def turn(self) -> None:
        """Wait for the next call and make it."""
        self._calls.get(timeout=_PATIENCE_SECONDS)()

    def run_until(self, fired: Deferred[Any]) -> None:
        """Make calls until `fired` has fired."""
        while not fired.called:
            self.turn()
