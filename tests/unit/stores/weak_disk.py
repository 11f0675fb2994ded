"""WeakDisk: connections to real databases, with the faults that a test asks for."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, cast

from chatcomet.stores import database


class WeakDisk:
    """Where a test's store gets its connections; as it is made, nothing fails.

    Faults are to be changed only while the store's threads have nothing to do.
    """

    def __init__(self) -> None:
        self.fail_before_commit = False
        """Commits fail, and have not happened."""
        self.fail_after_commit = False
        """Commits fail, though they have happened."""
        self.fail_checkpoints = False
        """The write-ahead log can't be copied to the database."""
        self.gone = False
        """No connection can be made."""
        self.pragmas: list[str] = []
        """What each new connection of the writer is made with."""
        self.commits = 0
        """How many transactions of the writer began to commit."""
        self.connections = 0
        """How many connections for writing were asked for."""

    def connect(self, path: Path, mode: database.Mode) -> sqlite3.Connection:
        self.connections += mode == "rw"
        if self.gone:
            raise sqlite3.OperationalError("disk I/O error")
        connection = database.connect(path, mode)
        if mode == "ro":
            return connection
        for pragma in self.pragmas:
            connection.execute(pragma)
        return cast(sqlite3.Connection, _WeakConnection(connection, self))


class _WeakConnection:
    """A writer's connection that fails as its disk does."""

    def __init__(self, connection: sqlite3.Connection, disk: WeakDisk) -> None:
        self._connection = connection
        self._disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if self._disk.fail_checkpoints and "wal_checkpoint" in sql:
            raise sqlite3.OperationalError("disk I/O error")
        if sql != "COMMIT":
            return self._connection.execute(sql, *parameters)
        self._disk.commits += 1
        if self._disk.fail_before_commit:
            raise sqlite3.OperationalError("disk I/O error")
        cursor = self._connection.execute(sql)
        if self._disk.fail_after_commit:
            raise sqlite3.OperationalError("disk I/O error")
        return cursor
