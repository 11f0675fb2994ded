"""Readers: threads that answer questions to the database, each through a connection of its own.

They wait for nobody: with a write-ahead log, they see the last commit while the next one is being made.
A connection that failed is closed, and opened again for the next question.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatcomet.errors import StoreBusy, StoreUnavailable

T = TypeVar("T")

THREADS = 2
READS_PENDING = 1_000


class Readers:
    """Answers questions through connections that `connect` makes."""

    _log = Logger()

    def __init__(self, connect: Callable[[], sqlite3.Connection], reactor: IReactorFromThreads) -> None:
        self._connect = connect
        self._reactor = reactor
        self._pending = 0
        self._queue: SimpleQueue[tuple[Callable[[sqlite3.Connection], Any], Deferred[Any]] | None] = SimpleQueue()
        # Daemons: where a process ends without `finish`, nothing is lost with them, and it should end.
        self._threads = [Thread(target=self._run, name="chatcomet reader", daemon=True) for _ in range(THREADS)]

    def start(self) -> None:
        """Begin to answer."""
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Let the threads end when all that was asked before is answered."""
        for _ in self._threads:
            self._queue.put(None)

    def join(self) -> None:
        """Wait until all threads have ended."""
        for thread in self._threads:
            thread.join()

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> Deferred[T]:
        """What `question` returns in one of the threads.  Fails with `StoreUnavailable` or `StoreBusy`."""
        if self._pending >= READS_PENDING:
            return fail(StoreBusy("too many reads of the database are waiting"))
        self._pending += 1
        answer: Deferred[T] = Deferred()
        self._queue.put((question, answer))
        return answer

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while (asked := self._queue.get()) is not None:
            question, answer = asked
            try:
                connection = connection or self._connect()
                outcome = question(connection)
            except sqlite3.Error as error:
                self._log.error("the database can't be read: {error}", error=error)
                outcome = Failure(StoreUnavailable("the database can't be read now"))
                _close(connection)
                connection = None
            except Exception:
                self._log.failure("a fault in reading the database")
                outcome = Failure()
            self._reactor.callFromThread(self._answer, answer, outcome)
        _close(connection)

    def _answer(self, answer: Deferred[Any], outcome: object) -> None:
        self._pending -= 1
        answer.callback(outcome)


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        with suppress(sqlite3.Error):
            connection.close()
