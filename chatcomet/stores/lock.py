"""Lock: one process at a time writes to a database.

The lock is an exclusive transaction on a tiny database of its own, beside the one that it guards: SQLite knows
how to lock on every system, the lock goes with its process however that ends, and connections that read
the guarded database are not hindered.

Nobody but SQLite may open the lock's file: closing a file drops all locks that the process has on it.
"""

from __future__ import annotations

import contextlib
import sqlite3

from chatcomet.errors import StartRefused
from chatcomet.stores.place import Place, make_private

_PATIENCE_SECONDS = 0.2  # somebody may be looking whether it is held


class Lock:
    """What one process holds from `acquire` until `release`, or until it ends."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._connection: sqlite3.Connection | None = None

    def acquire(self) -> None:
        """Raises `StartRefused` if somebody holds it, `OSError` or `sqlite3.Error` if its file can't be used."""
        make_private(self._place.lock)
        connection = _connect(self._place, "rw")
        try:
            connection.execute("PRAGMA journal_mode = MEMORY")  # or there would be a third file
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            connection.close()
            raise _in_use(self._place) if _is_busy(error) else error from error
        self._connection = connection

    def release(self) -> None:
        """Let others have it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def refuse_if_held(place: Place) -> None:
    """Raises `StartRefused` if somebody holds the lock, `sqlite3.Error` if its file can't be used; changes nothing."""
    if not place.lock.exists():
        return
    with contextlib.closing(_connect(place, "ro")) as connection:
        try:
            connection.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.Error as error:
            raise _in_use(place) if _is_busy(error) else error from error


def _connect(place: Place, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{place.lock.as_uri()}?mode={mode}",
        uri=True,
        timeout=_PATIENCE_SECONDS,
        isolation_level=None,
        check_same_thread=False,  # taken in the reactor's thread, let go in the writer's
    )


def _is_busy(error: sqlite3.Error) -> bool:
    return error.sqlite_errorcode == sqlite3.SQLITE_BUSY


def _in_use(place: Place) -> StartRefused:
    return StartRefused(f"{place.database} is in use by another chatcomet")
