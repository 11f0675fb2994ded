"""Place: where a database lies, and the names of the files beside it.

All of them are beside the *real* file: two ways to one database (a symbolic link, a relative path) lead to one lock.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from chatcomet.errors import StartRefused


@dataclass(frozen=True, slots=True)
class Place:
    """The place of the database whose real path is `database`."""

    database: Path

    @classmethod
    def of(cls, path: Path) -> Place:
        """The place to which `path` leads, whether there is something or not."""
        return cls(path.resolve())

    @property
    def lock(self) -> Path:
        """What the process that has the database open holds (``lock.py``)."""
        return self._beside(".lock")

    @property
    def life(self) -> Path:
        """What tells this database from its copies (``life.py``)."""
        return self._beside(".life")

    @property
    def key(self) -> Path:
        """The key with which a server that has this database signs."""
        return self._beside(".key")

    def check(self) -> None:
        """Raises `StartRefused` if no database can be kept here; changes nothing."""
        folder = self.database.parent
        if not folder.is_dir():
            raise StartRefused(f"there is no directory {folder}")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StartRefused(f"the directory {folder} can't be written to, and files beside the database have to be")
        if not self.database.exists():
            return
        if not self.database.is_file():
            raise StartRefused(f"{self.database} is not a file")
        if not os.access(self.database, os.R_OK | os.W_OK):
            raise StartRefused(f"{self.database} can't be read and written by this user")

    def _beside(self, suffix: str) -> Path:
        return self.database.with_name(self.database.name + suffix)


def make_private(path: Path) -> None:
    """See to it that there is a file at `path`; if there was none, one that only its owner may read and write."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
