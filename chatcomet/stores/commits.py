"""Commits: the writer thread's work, from queued appends to durable ones.

The rules:

* One commit for all that is queued when the thread comes round, until it has `BATCH_APPENDS` (it has less than twice as
  many then): a commit costs as much as hundreds of rows.  A draft that is refused fails alone.
* After the commit, and never before it, *one* call hands over what was appended and how each append came out.
* A transaction that failed may have happened all the same.  It is *in doubt* until the database is open again
  and was asked; then it is handed over, or forgotten.  There is never a second one in doubt, since nothing is written
  before that is known, so listeners hear of every durable message once and in order.
* Who appended what is in doubt is told so (`StoreUnavailable`), unless the database answers at once.  All who append
  while it can't be opened are told the same at once; one of them a second tries it.  What is ruled then, who follows is
  told when it is open again, whether it has changed or not.
* What rooms keep no longer is pruned in the same transactions, a few rooms at a time, by moving their first seqs, and
  what is to be erased is erased in them.  That is told even of a transaction that failed: it may have happened, and
  who listens only asks the store more often.
* Garbage is swept in the same transactions, a few rows in each, and in transactions of its own while nobody appends.
* A second after an erasure the write-ahead log is emptied; where somebody reads there just then, a second later.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatcomet.core.message import Draft, Message
from chatcomet.core.rulings import Ruling, RulingKey
from chatcomet.core.store import Before, Posted
from chatcomet.errors import KeyReused, StoreUnavailable
from chatcomet.stores import rulings
from chatcomet.stores.tables import Tables

BATCH_APPENDS = 200
SWEPT_ROWS = 500  # more than are appended in one commit, or garbage would grow
RETRY_SECONDS = 1.0
SCRUB_SECONDS = 1.0


class Append(NamedTuple):
    """One append that waits for its answer."""

    room: str
    draft: Draft
    answer: Deferred[Posted]


class Erase(NamedTuple):
    """One erasure that waits for its answer."""

    room: str
    seq: int
    answer: Deferred[bool]


class Prune(NamedTuple):
    """One step of pruning (`MessageStore.prune`) that waits for its answer."""

    before: Before
    after: str
    limit: int
    answer: Deferred[str | None]


class Rule(NamedTuple):
    """One ruling that waits for its answer."""

    ruling: Ruling
    answer: Deferred[None]


class Lift(NamedTuple):
    """One ruling's lifting that waits for its answer."""

    key: RulingKey
    answer: Deferred[bool]


@dataclass(slots=True)
class News:
    """What a transaction has made durable, to be told in this order.

    `runs`: what was appended, by room, contiguous and in order.  `ends`: by room, the seq before which something was
    erased or pruned.  `ruled`: what is ruled now about what.
    """

    runs: dict[str, list[Message]] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    ruled: dict[RulingKey, Ruling | None] = field(default_factory=dict)


Asked = Append | Erase | Prune | Rule | Lift
Outcome = Posted | bool | str | Failure | None
Answers = Sequence[tuple[Asked, Outcome]]
HandOver = Callable[[News, Answers], None]
"""Called in the writer's thread with what is to be told, and with the answers to give after that."""


class Commits:
    """Commits what is `put`, in the thread that calls `run`.

    `reopen` makes what `run` was given anew, after a fault.  `wall` tells the time in seconds since 1970.
    """

    _log = Logger()

    def __init__(self, reopen: Callable[[], Tables], wall: Callable[[], float], hand_over: HandOver) -> None:
        self._reopen = reopen
        self._wall = wall
        self._hand_over = hand_over
        self._queue: SimpleQueue[Sequence[Asked] | None] = SimpleQueue()
        self._finishing = False
        self._tables: Tables | None = None
        self._reopen_not_before = 0.0
        self._scrub_at = math.inf
        self._in_doubt = News()

    def put(self, asked: Sequence[Asked]) -> None:
        """Let all of `asked` be done after those before them: in one transaction, or `BATCH_APPENDS` in each."""
        for start in range(0, len(asked), BATCH_APPENDS):
            self._queue.put(asked[start : start + BATCH_APPENDS])

    def finish(self) -> None:
        """Let `run` return when all that was put before is done."""
        self._queue.put(None)

    def run(self, tables: Tables) -> Tables | None:
        """Commit until told to finish; returns the tables, unless a fault has closed them."""
        self._tables = tables
        while not self._finishing:
            self._commit(self._take())
            self._scrub()
        return self._tables

    def _take(self) -> list[Asked]:
        """What is queued; waits for it, unless there is garbage to sweep meanwhile, until it is time to scrub."""
        batch: list[Asked] = []
        with suppress(Empty):
            asked = self._queue.get(not self._has_garbage, self._scrub_in())
            while asked is not None:
                batch += asked
                if len(batch) >= BATCH_APPENDS:
                    return batch
                asked = self._queue.get_nowait()
            self._finishing = True
        return batch

    def _commit(self, batch: Sequence[Asked]) -> None:
        if not batch and not self._has_garbage:
            return
        if self._tables is None:
            self._hand_over(self._open_again(), ())
        if self._tables is None:
            self._hand_over(News(), _refusals(batch))
        else:
            self._hand_over(*self._transact(self._tables, batch))

    def _transact(self, tables: Tables, batch: Sequence[Asked]) -> tuple[News, Answers]:
        """What has become durable, and how each that was asked for came out."""
        answers: list[tuple[Asked, Outcome]] = []
        news = self._in_doubt = News()
        try:
            tables.begin()
            for asked in batch:
                answers.append((asked, self._make(tables, asked, news)))
            tables.sweep(SWEPT_ROWS)
            tables.commit()
        except Exception:
            self._log.failure("the database can't be written")
            tables.close()
            self._tables = None
            news = self._open_again()
            news.ends = tables.outdated
            return news, answers if news.runs else _refusals(batch)
        self._in_doubt = News()
        news.ends = tables.outdated
        return news, answers

    def _make(self, tables: Tables, asked: Asked, news: News) -> Outcome:
        """Make one change, and add it to the `news`.  Raises `sqlite3.Error`, a fault of the whole transaction."""
        try:
            match asked:
                case Append():
                    return self._append(tables, asked, news)
                case Erase():
                    erased = tables.erase(asked.room, asked.seq)
                    if erased:
                        self._scrub_at = min(self._scrub_at, time.monotonic() + SCRUB_SECONDS)
                    return erased
                case Prune():
                    return tables.prune(asked.before, asked.after, asked.limit)
                case Rule():
                    rulings.keep(tables.connection, asked.ruling, self._wall())
                    news.ruled[asked.ruling.key] = asked.ruling
                    return None
                case Lift():
                    lifted = rulings.delete(tables.connection, asked.key, self._wall())
                    if lifted:
                        news.ruled[asked.key] = None
                    return lifted
        except sqlite3.Error:
            raise
        except KeyReused as error:
            return Failure(error)
        except Exception:
            self._log.failure("a change can't be made")
            return Failure()

    def _append(self, tables: Tables, append: Append, news: News) -> Posted:
        posted = tables.append(append.room, append.draft, self._wall())
        if not posted.repeated:
            news.runs.setdefault(append.room, []).append(posted.message)
        return posted

    @property
    def _has_garbage(self) -> bool:
        return self._tables is not None and self._tables.has_garbage

    def _scrub_in(self) -> float | None:
        """In how many seconds to empty the write-ahead log; None: there is no need, or it can't be done now."""
        if self._tables is None or self._scrub_at == math.inf:
            return None
        return max(0.0, self._scrub_at - time.monotonic())

    def _scrub(self) -> None:
        if self._tables is None or self._scrub_at > time.monotonic():
            return
        try:
            self._scrub_at = math.inf if self._tables.scrub() else time.monotonic() + SCRUB_SECONDS
        except sqlite3.Error as error:
            self._log.warn("erased messages still stand in the write-ahead log: {error}", error=error)
            self._scrub_at = time.monotonic() + SCRUB_SECONDS

    def _open_again(self) -> News:
        """Open the tables, unless that was tried just now; returns what was in doubt, as far as it is durable."""
        if time.monotonic() < self._reopen_not_before:
            return News()
        self._reopen_not_before = time.monotonic() + RETRY_SECONDS
        try:
            tables = self._reopen()
            happened = tables.has(self._in_doubt.runs)
            ruled = {key: rulings.find(tables.connection, key) for key in self._in_doubt.ruled}
        except Exception:
            self._log.failure("the database can't be opened again")
            return News()
        runs, self._in_doubt = self._in_doubt.runs, News()
        self._tables = tables
        return News(runs if happened else {}, ruled=ruled)


def _refusals(batch: Sequence[Asked]) -> Answers:
    return [(asked, Failure(StoreUnavailable("the database can't be written now"))) for asked in batch]
