"""Schema: what the database file says that it is, and how it is brought up to date.

* A file that is not chatcomet's, or is of a newer chatcomet, is refused before anything is written to it.
* The file's header says whose it is (`application_id`) and which schema it has (`user_version`).  Both are there from
  the first transaction on.  A write-ahead log is used only after that one: it would keep the header to itself
  until a checkpoint.
* ``schema/N.sql`` leads from version N-1 to N, in one transaction.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from chatcomet.errors import StartRefused

APPLICATION_ID = 0x636D6574  # "cmet"

_HEADER = struct.Struct(">16s 44x I 4x I 28x")  # of an SQLite file: its magic, user_version and application_id
_MAGIC = b"SQLite format 3\0"


def scripts() -> list[str]:
    """The scripts that lead from version to version; the first one leads from nothing to version 1."""
    folder = resources.files("chatcomet.stores") / "schema"
    names = sorted((file.name for file in folder.iterdir()), key=lambda name: int(name.removesuffix(".sql")))
    return [(folder / name).read_text("utf-8") for name in names]


def check_file(path: Path) -> None:
    """Raises `StartRefused` if what is at `path` can't be this server's database; changes nothing.

    This process may not have it open meanwhile: closing a file drops all locks that the process has on it.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER.size)
    except FileNotFoundError:
        return
    if not header:
        return  # a crash came before the first transaction
    if len(header) < _HEADER.size or not header.startswith(_MAGIC):
        raise StartRefused(f"{path} is not a database")
    _, version, application = _HEADER.unpack(header)
    if application != APPLICATION_ID:
        raise StartRefused(f"{path} is a database, but not one of chatcomet's")
    newest = len(scripts())
    if version > newest:
        raise StartRefused(
            f"{path} was written by a newer chatcomet: its schema is version {version}, and this one knows {newest}"
        )


def upgrade(connection: sqlite3.Connection, scripts: Sequence[str]) -> None:
    """Run those of `scripts` that the database has not seen.  Raises `sqlite3.Error`."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, script in enumerate(scripts[version:], version + 1):
        connection.executescript(
            f"""
            BEGIN IMMEDIATE;
            {script}
            PRAGMA application_id = {APPLICATION_ID};
            PRAGMA user_version = {number};
            COMMIT;
            """
        )
