"""Database: the file that one process holds, from opening it to closing it.

It is opened once, in the reactor's thread; after that only the writer's thread comes here, and the readers'
for connections.  Those are for reading alone: they can neither write nor checkpoint.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from twisted.logger import Logger

from chatcomet.core.store import Retain
from chatcomet.errors import StartRefused, StoreUnavailable
from chatcomet.stores import schema
from chatcomet.stores.life import Life
from chatcomet.stores.lock import Lock, refuse_if_held
from chatcomet.stores.place import Place, make_private
from chatcomet.stores.tables import Tables

Mode = Literal["rw", "ro"]
Connect = Callable[[Path, Mode], sqlite3.Connection]

BUSY_SECONDS = 0.5  # for as long a store's thread waits for somebody else's transaction


def connect(path: Path, mode: Mode) -> sqlite3.Connection:
    """A connection to the file at `path`, for one thread at a time."""
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,  # transactions begin and end where the code says so
        check_same_thread=False,
    )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted or erased is overwritten
    return connection


def check(path: Path) -> None:
    """Raises `StartRefused` if it can be seen beforehand that `path` can't be opened; changes nothing."""
    place = Place.of(path)
    try:
        place.check()
        refuse_if_held(place)
        schema.check_file(place.database)
    except (OSError, sqlite3.Error) as error:
        raise StartRefused(f"{place.database} can't be opened: {error}") from error


class Database:
    """The database at `path`, whose rooms keep so many messages as `retain` says."""

    _log = Logger()

    def __init__(self, path: Path, retain: Retain, connect: Connect) -> None:
        self._place = Place.of(path)
        self._retain = retain
        self._connect = connect
        self._lock = Lock(self._place)
        self._life = Life(self._place)

    @property
    def epoch(self) -> str:
        """The name of this life of the database; known when it has been opened."""
        return self._life.epoch

    def open(self) -> Tables:
        """Take hold of the database, and make it if there is none.  Raises `StartRefused`."""
        try:
            return self._open()
        except (OSError, sqlite3.Error) as error:
            raise StartRefused(f"{self._place.database} can't be opened: {error}") from error

    def _open(self) -> Tables:
        with ExitStack() as undo:
            self._place.check()
            self._lock.acquire()
            undo.callback(self._lock.release)
            schema.check_file(self._place.database)
            make_private(self._place.database)
            connection = self._connect(self._place.database, "rw")
            undo.callback(connection.close)
            schema.upgrade(connection, schema.scripts())
            self._use_write_ahead_log(connection)
            self._empty_write_ahead_log(connection)
            self._life.begin(connection)
            tables = Tables(connection, self._retain)
            undo.pop_all()
        return tables

    def reopen(self) -> Tables:
        """Connect anew after a fault; what can be read then is durable.

        Raises `sqlite3.Error` or `StoreUnavailable` if that can't be had now.
        """
        with ExitStack() as undo:
            connection = self._connect(self._place.database, "rw")
            undo.callback(connection.close)
            if not self._life.is_of(connection):
                raise StoreUnavailable("the database was replaced while the server ran")
            # After a sync that failed, what is read may be in memory alone: write it to another place, and sync that.
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
            if busy:
                raise StoreUnavailable("the database is locked by another program")
            tables = Tables(connection, self._retain)
            undo.pop_all()
        return tables

    def connect_reader(self) -> sqlite3.Connection:
        """A connection for reading."""
        return self._connect(self._place.database, "ro")

    def close(self, tables: Tables | None) -> None:
        """Let go of the database; `tables` is None if a fault has closed them."""
        if tables is not None:
            try:
                self._life.end(tables.connection)
            except (OSError, sqlite3.Error) as error:
                self._log.warn("a copy made while the server ran won't be noticed: {error}", error=error)
            tables.close()
        self._lock.release()

    def _use_write_ahead_log(self, connection: sqlite3.Connection) -> None:
        (journal,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if journal != "wal":
            raise StartRefused(f"{self._place.database} is where SQLite can't keep a write-ahead log")

    def _empty_write_ahead_log(self, connection: sqlite3.Connection) -> None:
        """After a crash erased messages may still stand there, and the new version of a schema only there.

        If some other program reads there, it stays.
        """
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
