"""Rulings in SQLite: their SQL.  All functions raise `sqlite3.Error`.

Rulings that are over are deleted a few at a time, whenever another one is made: so there are never many more than
there ever were at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from chatcomet.core.rulings import Ruling, RulingKey

OVER_ROWS = 100
"""How many that are over are deleted when one is made."""

_READ = "SELECT kind, room, subject, until, by_whom, at FROM rulings WHERE until > ? ORDER BY at, kind, room, subject"
_FIND = "SELECT kind, room, subject, until, by_whom, at FROM rulings WHERE kind = ? AND room = ? AND subject = ?"
_KEEP = "INSERT OR REPLACE INTO rulings (kind, room, subject, until, by_whom, at) VALUES (?, ?, ?, ?, ?, ?)"
_DELETE = "DELETE FROM rulings WHERE kind = ? AND room = ? AND subject = ?"
_DELETE_OVER = """
    DELETE FROM rulings WHERE (kind, room, subject) IN
        (SELECT kind, room, subject FROM rulings WHERE until <= ? ORDER BY until LIMIT ?)
"""


def read(connection: sqlite3.Connection, now: float) -> Sequence[Ruling]:
    """All that are not over, the oldest first."""
    return [Ruling(*row) for row in connection.execute(_READ, (now,))]


def find(connection: sqlite3.Connection, key: RulingKey) -> Ruling | None:
    """The ruling `key`, over or not."""
    row = connection.execute(_FIND, key).fetchone()
    return Ruling(*row) if row else None


def keep(connection: sqlite3.Connection, ruling: Ruling, now: float) -> None:
    """Put `ruling` in the place of the one about the same, if there is one, and delete some that are over."""
    connection.execute(_DELETE_OVER, (now, OVER_ROWS))
    connection.execute(_KEEP, (*ruling.key, ruling.until, ruling.by, ruling.at))


def delete(connection: sqlite3.Connection, key: RulingKey, now: float) -> bool:
    """Delete the ruling `key`; whether there was one that was not over."""
    ruling = find(connection, key)
    connection.execute(_DELETE, key)
    return ruling is not None and not ruling.is_over(now)
