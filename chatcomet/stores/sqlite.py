"""SqliteStore: messages and rulings in an SQLite database, written by one thread and read by others.

What happens where:

* In the reactor's thread, `SqliteStore`: it queues, and it tells and answers what the threads hand over.  It touches
  the database twice: to open it, and to read the rulings before anybody is served.  What is to be written in one
  turn of the reactor it hands in at the beginning of the next one, together: the writer would begin with the first, and
  commit it alone.
* In the writer's thread, ``commits.py`` over the SQL in ``tables.py`` and ``rulings.py``.
* In the readers' threads, ``readers.py``.

What `erase` takes from the files: the text and the data at once, in the database as readers see it; their bytes, as far
as SQLite can.  What it lets go of it overwrites (``PRAGMA secure_delete``), and the write-ahead log, where they still
stand, is emptied a second later, or when the server stops or starts again.  Beyond its reach are: a copy that is left
in an unused part of a page when rows move to another one (of a hundred messages of a few hundred bytes it was one),
until it is overwritten; backups; and what the file system and the disk keep.  ``VACUUM``, while no server runs, leaves
no such copy.

What has to hold for the file is in ``database.py`` and its parts: ``place.py`` (where it is), ``lock.py`` (who has it),
``schema.py`` (what it is) and ``life.py`` (whether it is the one that was here last).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Thread, current_thread
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorFromThreads

from chatcomet.core.message import Draft, Message
from chatcomet.core.rulings import Ruled, Ruling, RulingKey
from chatcomet.core.store import Before, Bounds, Outdated, Posted, Retain, Told, keep_all
from chatcomet.errors import StartRefused, StoreBusy, StoreUnavailable
from chatcomet.stores import rulings
from chatcomet.stores.commits import Answers, Append, Asked, Commits, Erase, Lift, News, Prune, Rule
from chatcomet.stores.database import Connect, Database, connect
from chatcomet.stores.listeners import Listeners
from chatcomet.stores.readers import Readers
from chatcomet.stores.tables import Tables, read, read_bounds, read_rooms

T = TypeVar("T")

CHANGES_PENDING = 10_000


class SqliteStore:
    """A `Store` in the file at `path`.

    `wall` tells the time in seconds since 1970, in any thread.  `connect` makes connections; tests let faults in there.
    """

    def __init__(
        self,
        path: Path,
        wall: Callable[[], float],
        reactor: IReactorFromThreads,
        retain: Retain = keep_all,
        connect: Connect = connect,
    ) -> None:
        self._wall = wall
        self._reactor = reactor
        self._database = Database(path, retain, connect)
        self._commits = Commits(self._database.reopen, wall, partial(reactor.callFromThread, self._tell_and_answer))
        self._readers = Readers(self._database.connect_reader, reactor)
        self._listeners = Listeners()
        self._is_open = False
        self._pending = 0
        self._asked: list[Asked] = []  # in this turn, and not handed in
        self._writer: Thread | None = None
        self._closers: list[Deferred[None]] = []

    @property
    def epoch(self) -> str:
        return self._database.epoch

    def open(self) -> Deferred[None]:
        """Fires at once: the database is opened before this returns."""
        try:
            tables = self._database.open()
        except StartRefused:
            return fail()
        self._is_open = True
        self._readers.start()
        # A daemon: where a process ends without `close`, it should end, as with a kill: what was answered is durable.
        self._writer = Thread(target=self._write, args=(tables,), name="chatcomet writer", daemon=True)
        self._writer.start()
        return succeed(None)

    def close(self) -> Deferred[None]:
        if self._writer is None:
            return succeed(None)
        if self._is_open:
            self._is_open = False
            self._readers.finish()
            self._hand_in()
            self._commits.finish()
        closed: Deferred[None] = Deferred()
        self._closers.append(closed)
        return closed

    def subscribe(self, told: Told, outdated: Outdated | None = None) -> None:
        self._listeners.add(told, outdated)

    def append(self, room: str, draft: Draft) -> Deferred[Posted]:
        answer: Deferred[Posted] = Deferred()
        return self._put(Append(room, draft, answer), answer)

    def erase(self, room: str, seq: int) -> Deferred[bool]:
        answer: Deferred[bool] = Deferred()
        return self._put(Erase(room, seq, answer), answer)

    def read(self, room: str, start: int, limit: int) -> Deferred[Sequence[Message]]:
        if not self._is_open:
            return fail(StoreUnavailable("the store is closed"))
        return self._readers.ask(lambda connection: read(connection, room, start, limit))

    def prune(self, before: Before, after: str, limit: int) -> Deferred[str | None]:
        answer: Deferred[str | None] = Deferred()
        return self._put(Prune(before, after, limit, answer), answer)

    def rooms(self, after: str, limit: int) -> Deferred[Sequence[tuple[str, Bounds]]]:
        if not self._is_open:
            return fail(StoreUnavailable("the store is closed"))
        return self._readers.ask(lambda connection: read_rooms(connection, after, limit))

    def bounds(self, room: str) -> Deferred[Bounds]:
        if not self._is_open:
            return fail(StoreUnavailable("the store is closed"))
        return self._readers.ask(lambda connection: read_bounds(connection, room))

    def follow_rulings(self, ruled: Ruled) -> None:
        self._listeners.add_ruled(ruled)

    def rule(self, ruling: Ruling) -> Deferred[None]:
        answer: Deferred[None] = Deferred()
        return self._put(Rule(ruling, answer), answer)

    def lift(self, key: RulingKey) -> Deferred[bool]:
        answer: Deferred[bool] = Deferred()
        return self._put(Lift(key, answer), answer)

    def rulings(self) -> Deferred[Sequence[Ruling]]:
        if not self._is_open:
            return fail(StoreUnavailable("the store is closed"))
        try:
            with closing(self._database.connect_reader()) as connection:
                return succeed(rulings.read(connection, self._wall()))
        except sqlite3.Error as error:
            return fail(StoreUnavailable(f"the database can't be read now: {error}"))

    def _put(self, asked: Asked, answer: Deferred[T]) -> Deferred[T]:
        if not self._is_open:
            return fail(StoreUnavailable("the store is closed"))
        if self._pending >= CHANGES_PENDING:
            return fail(StoreBusy("too much waits to be written"))
        self._pending += 1
        if not self._asked:
            self._reactor.callFromThread(self._hand_in)  # in its next turn
        self._asked.append(asked)
        return answer

    def _hand_in(self) -> None:
        asked, self._asked = self._asked, []
        self._commits.put(asked)

    def _tell_and_answer(self, news: News, answers: Answers) -> None:
        for room, messages in news.runs.items():
            self._listeners.tell(room, messages)
        for room, end in news.ends.items():
            self._listeners.tell_outdated(room, end)
        for key, ruling in news.ruled.items():
            self._listeners.tell_ruled(key, ruling)
        self._pending -= len(answers)
        for asked, outcome in answers:
            answer: Deferred[Any] = asked.answer
            answer.callback(outcome)

    def _write(self, tables: Tables) -> None:
        """The writer's thread: it ends last, since nobody but it may checkpoint."""
        left = self._commits.run(tables)
        self._readers.join()
        self._database.close(left)
        self._reactor.callFromThread(self._end, current_thread())

    def _end(self, writer: Thread) -> None:
        writer.join()
        self._writer = None
        for closed in self._closers:
            closed.callback(None)
