"""Life: tells whether a database is the one that this server wrote last, and so which epoch it has.

Whoever restores a backup, or copies a database to another place, brings back numbers that readers know with other
messages behind them; then the epoch has to be another.  The database can't know this of itself, so:

* The database holds a *token*, a random one, and so does a file beside it, the sidecar.  Both get a new
  one whenever the database is opened and whenever it is closed.
* A database without an epoch is new.  One whose token is not in the sidecar is not what was here last, and
  gets a new epoch.
* Tokens change in three durable steps: the sidecar gets the old and the new one, the database gets the new one, the
  sidecar loses the old one.  So a crash between any two of them leaves a database that is known, and after the third no
  earlier copy is.  For a database that is not known, the old token is left out of the first step: a crash before
  the second leaves it unknown, and it still gets its new epoch.

What this does not see: a copy made while the server ran, put back after that same run was killed.
"""

from __future__ import annotations

import os
import secrets
import sqlite3

from twisted.logger import Logger

from chatcomet.stores.epoch import new_epoch
from chatcomet.stores.place import Place, make_private


class Life:
    """One database's life, as the sidecar knows it.

    Methods raise `OSError` for the sidecar and `sqlite3.Error` for the database.
    """

    _log = Logger()

    def __init__(self, place: Place) -> None:
        self._place = place
        self._token = ""
        self.epoch = ""

    def begin(self, connection: sqlite3.Connection) -> None:
        """Find out the epoch."""
        meta = dict(connection.execute("SELECT name, value FROM meta"))
        doubt = self._doubt(meta)
        known = "epoch" in meta and not doubt
        if doubt:
            self._log.warn("{doubt}: what readers have seen of it counts no more (a new epoch)", doubt=doubt)
        self.epoch = meta["epoch"] if known else new_epoch()
        self._change_token(connection, meta["token"] if known else None)

    def end(self, connection: sqlite3.Connection) -> None:
        """Tell the database as it is now from all copies of it."""
        self._change_token(connection, self._token)

    def is_of(self, connection: sqlite3.Connection) -> bool:
        """Whether this is the database with which this life began."""
        row = connection.execute("SELECT value FROM meta WHERE name = 'token'").fetchone()
        return row is not None and row[0] == self._token

    def _doubt(self, meta: dict[str, str]) -> str | None:
        """Why this is not the database that was here last, or None."""
        if "epoch" not in meta:
            return None
        try:
            tokens = self._place.life.read_text("ascii", errors="replace").split()
        except FileNotFoundError:
            return f"the database came here without {self._place.life.name}"
        if meta["token"] in tokens:
            return None
        return f"the database is not the one that {self._place.life.name} was written for: it was restored or copied"

    def _change_token(self, connection: sqlite3.Connection, old: str | None) -> None:
        new = secrets.token_hex(8)
        self._write([old, new] if old else [new])
        connection.execute(
            "INSERT OR REPLACE INTO meta (name, value) VALUES ('epoch', ?), ('token', ?)", (self.epoch, new)
        )
        self._token = new
        self._write([new])

    def _write(self, tokens: list[str]) -> None:
        """Replace the sidecar as a whole, durably."""
        sidecar = self._place.life
        unfinished = sidecar.with_name(sidecar.name + ".new")
        make_private(unfinished)
        with unfinished.open("w", encoding="ascii") as file:
            file.writelines(f"{token}\n" for token in tokens)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(sidecar)
        folder = os.open(sidecar.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
