"""Hashing: threads of their own for what takes long on purpose.

Checking a password takes a fifth of a second of a processor and 64 MiB of memory.  In the reactor's thread nothing
else would happen meanwhile; in the reactor's pool, or the store's threads, everybody would wait for those who sign in.
The threads here give way to all others of the process, where the system can do that.

What waits has an end (law 9): `PENDING`, the ones being checked included.  A peer can make that many wait with as many
requests; who is refused then comes back a little later, and whoever is signed in notices nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from threading import Thread
from typing import TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from chatcomet.errors import ServerFault, SignInBusy

T = TypeVar("T")

THREADS = 2
PENDING = THREADS + 32
BUSY_SECONDS = 3
"""After how long whoever was turned away should come back."""

NICENESS = 10
"""By how much the threads are nicer than the rest of the process.  Beside 20 sign-ins at once, one small answer in a
hundred took more than 3 to 13 ms with it (4 to 7 in quiet), and more than 70 to 100 ms without it (two processors,
busy with other things)."""


class Hashing:
    """Answers questions in its threads, until it is stopped."""

    def __init__(self, reactor: IReactorFromThreads, pool: ThreadPool | None = None) -> None:
        self._reactor = reactor
        self._pool = pool or _Pool(0, THREADS, "chatcomet hashing")
        self._pending = 0
        self._stopped = False

    def start(self) -> None:
        """Begin to answer; a thread is made when there is something for it to do."""
        self._pool.start()

    def stop(self) -> None:
        """Answer nothing more: what waits fails with `ServerFault`.  Returns at once, whatever is being computed."""
        if not self._stopped:
            self._stopped = True
            Thread(target=self._pool.stop, daemon=True).start()  # it waits for its threads

    def ask(self, question: Callable[[], T]) -> Deferred[T]:
        """What `question` returns or raises in one of the threads.  Fails with `SignInBusy` or `ServerFault`, too.

        Once cancelled it is not asked any more, unless that has begun.
        """
        if self._stopped:
            return fail(_stopping())
        if self._pending >= PENDING:
            return fail(SignInBusy("too many sign-ins at once", BUSY_SECONDS))
        self._pending += 1
        answer: Deferred[T] = Deferred()
        deferToThreadPool(self._reactor, self._pool, self._answer, question, answer).addBoth(self._hand_over, answer)
        return answer

    def _answer(self, question: Callable[[], T], answer: Deferred[T]) -> T:
        """In a thread."""
        if self._stopped or answer.called:
            raise _stopping()
        return question()

    def _hand_over(self, outcome: T | Failure, answer: Deferred[T]) -> None:
        self._pending -= 1
        answer.callback(outcome)  # a cancelled one swallows it


class _HashingThread(Thread):
    def __init__(self, target: Callable[..., object], name: str) -> None:
        # A daemon: where a process ends meanwhile, nothing is lost with it, and it should end.
        super().__init__(target=target, name=name, daemon=True)

    def run(self) -> None:
        if sys.platform == "linux":  # on others niceness is the whole process's (sched(7))
            os.nice(NICENESS)
        super().run()


class _Pool(ThreadPool):
    threadFactory = _HashingThread  # type: ignore[assignment]  # it is called with a target and a name


def _stopping() -> ServerFault:
    return ServerFault("the server is stopping")
