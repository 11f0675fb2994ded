"""HandPool: stands in for a pool of threads; what it is given waits until the test lets it be done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(IReactorFromThreads)
class DirectReactor(Clock):
    """Does at once what its threads, of which there are none, ask of it; or `later`, when the test lets it."""

    later = False

    def __init__(self) -> None:
        super().__init__()
        self._asked: deque[Callable[[], object]] = deque()

    def callFromThread(self, callable: Callable[..., object], *args: object, **kwargs: object) -> None:  # noqa: A002
        self._asked.append(partial(callable, *args, **kwargs))
        if not self.later:
            self.do_all()

    def do_all(self) -> None:
        """Do what was asked."""
        while self._asked:
            self._asked.popleft()()


class HandPool:
    """A `ThreadPool`, as far as `Hashing` needs one."""

    def __init__(self) -> None:
        self.waiting: deque[Callable[[], None]] = deque()
        self.events: list[str] = []

    def start(self) -> None:
        self.events.append("start")

    def stop(self) -> None:
        self.events.append("stop")

    def callInThreadWithCallback(
        self, on_result: Callable[[bool, object], object], func: Callable[..., object], *args: object
    ) -> None:
        self.waiting.append(partial(self._do, on_result, partial(func, *args)))

    def run(self) -> None:
        """Do what has waited longest."""
        self.waiting.popleft()()

    def run_all(self) -> None:
        """Do all that waits, and what comes of it."""
        while self.waiting:
            self.run()

    def _do(self, on_result: Callable[[bool, object], object], work: Callable[[], object]) -> None:
        try:
            outcome = work()
        except Exception:
            on_result(False, Failure())
        else:
            on_result(True, outcome)
