"""Commits: the writer thread's work, from queued appends to durable ones.

The rules:

* One commit for all that is queued when the thread comes round, up to `BATCH_APPENDS`: a commit costs as much as
  hundreds of rows.  A draft that is refused fails alone.
* After the commit, and never before it, *one* call hands over what was appended and how each append came out.
* A transaction that failed may have happened all the same.  It is *in doubt* until the database is open again
  and was asked; then it is handed over, or forgotten.  There is never a second one in doubt, since nothing is written
  before that is known, so listeners hear of every durable message once and in order.
* Who appended what is in doubt is told so (`StoreUnavailable`), unless the database answers at once.  All who append
  while it can't be opened are told the same at once; one of them a second tries it.
* Garbage is swept in the same transactions, a few rows in each, and in transactions of its own while nobody appends.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatcomet.core.message import Draft, Message
from chatcomet.core.store import Posted
from chatcomet.errors import KeyReused, StoreUnavailable
from chatcomet.stores.tables import Tables

BATCH_APPENDS = 200
SWEPT_ROWS = 500
RETRY_SECONDS = 1.0

Runs = dict[str, list[Message]]
"""What was appended: by room, contiguous and in order."""


class Append(NamedTuple):
    """One append that waits for its answer."""

    room: str
    draft: Draft
    answer: Deferred[Posted]


Answer = tuple[Append, Posted | Failure]
Answers = Sequence[Answer]
HandOver = Callable[[Runs, Answers], None]
"""Called in the writer's thread with what has become durable, and with the answers to give after that was told."""


class Commits:
    """Commits what is `put`, in the thread that calls `run`.

    `reopen` makes what `run` was given anew, after a fault.  `wall` tells the time in seconds since 1970.
    """

    _log = Logger()

    def __init__(self, reopen: Callable[[], Tables], wall: Callable[[], float], hand_over: HandOver) -> None:
        self._reopen = reopen
        self._wall = wall
        self._hand_over = hand_over
        self._queue: SimpleQueue[Append | None] = SimpleQueue()
        self._finishing = False
        self._tables: Tables | None = None
        self._reopen_not_before = 0.0
        self._in_doubt: Runs = {}

    def put(self, append: Append) -> None:
        """Let `append` be done after those before it."""
        self._queue.put(append)

    def finish(self) -> None:
        """Let `run` return when all that was put before is done."""
        self._queue.put(None)

    def run(self, tables: Tables) -> Tables | None:
        """Commit until told to finish; returns the tables, unless a fault has closed them."""
        self._tables = tables
        while not self._finishing:
            self._commit(self._take())
        return self._tables

    def _take(self) -> list[Append]:
        """What is queued; waits for it, unless there is garbage to sweep meanwhile."""
        appends: list[Append] = []
        has_garbage = self._tables is not None and self._tables.has_garbage
        with suppress(Empty):
            append = self._queue.get(block=not has_garbage)
            while append is not None:
                appends.append(append)
                if len(appends) == BATCH_APPENDS:
                    return appends
                append = self._queue.get_nowait()
            self._finishing = True
        return appends

    def _commit(self, appends: Sequence[Append]) -> None:
        if self._tables is None:
            self._hand_over(self._open_again(), ())
        if self._tables is None:
            self._hand_over({}, _refusals(appends))
        else:
            self._hand_over(*self._transact(self._tables, appends))

    def _transact(self, tables: Tables, appends: Sequence[Append]) -> tuple[Runs, Answers]:
        """What has become durable, and how each append came out."""
        answers: list[Answer] = []
        runs: Runs = {}
        self._in_doubt = runs
        try:
            tables.begin()
            for append in appends:
                answers.append((append, self._place(tables, append, runs)))
            tables.sweep(SWEPT_ROWS)
            tables.commit()
        except Exception:
            self._log.failure("the database can't be written")
            tables.close()
            self._tables = None
            runs = self._open_again()
            return runs, answers if runs else _refusals(appends)
        self._in_doubt = {}
        return runs, answers

    def _place(self, tables: Tables, append: Append, runs: Runs) -> Posted | Failure:
        try:
            posted = tables.append(append.room, append.draft, self._wall())
        except sqlite3.Error:
            raise  # a fault of the whole transaction
        except KeyReused as error:
            return Failure(error)
        except Exception:
            self._log.failure("a draft can't be appended")
            return Failure()
        if not posted.repeated:
            runs.setdefault(append.room, []).append(posted.message)
        return posted

    def _open_again(self) -> Runs:
        """Open the tables, unless that was tried just now; returns what was in doubt, if it is durable."""
        if time.monotonic() < self._reopen_not_before:
            return {}
        self._reopen_not_before = time.monotonic() + RETRY_SECONDS
        try:
            tables = self._reopen()
            happened = tables.has(self._in_doubt)
        except Exception:
            self._log.failure("the database can't be opened again")
            return {}
        runs, self._in_doubt = self._in_doubt, {}
        self._tables = tables
        return runs if happened else {}


def _refusals(appends: Sequence[Append]) -> Answers:
    return [(append, Failure(StoreUnavailable("the database can't be written now"))) for append in appends]
