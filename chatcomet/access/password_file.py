"""PasswordFile: a file of Argon2 hashes, as it is now; and how one is changed.

A server looks whether the file has changed (``watch.py``), so nobody has to tell it.  One that is missing or
damaged stops the start; if it becomes so later, the accounts stay as they were, and the log says so, once.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE
from threading import Lock

from twisted.logger import Logger

from chatcomet.access.passwords import Entry, parse_entries
from chatcomet.errors import Malformed, StartRefused

FILE_BYTES = 16 * 1024 * 1024  # more than 100,000 accounts

Stamp = tuple[int, int, int, int] | None
"""What tells one state of a file from the next; None where there is none."""


class PasswordFile:
    """The accounts in the file at `path`, for any thread.  Raises `StartRefused` if it can't be read or is none.

    Only `entries` reads it again, which may take long; the others tell at once what was read last.
    """

    _log = Logger()

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()  # a server may go elsewhere
        self._lock = Lock()
        self._seen = self.stamp()
        try:
            self._keep(self._read())
        except Malformed as error:
            raise StartRefused(str(error)) from error

    def entries(self) -> Mapping[str, Entry]:
        """The accounts by folded name, as they are now."""
        stamp = self.stamp()
        with self._lock:
            if stamp != self._seen:
                self._seen = stamp
                self._look_again()
            return self._entries

    def has(self, name: str) -> bool:
        """Whether there is an account of `name`, as `fold` has it."""
        return name in self._entries

    def vouches(self, fingerprint: str) -> bool:
        """Whether there is the account of `fingerprint`, with that very password."""
        return fingerprint in self._fingerprints

    def stamp(self) -> Stamp:
        """What is another if the file is, even one of the same size that was given an old date."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size

    def _look_again(self) -> None:
        try:
            self._keep(self._read())
        except Malformed as error:
            self._log.error("accounts stay as they were: {error}", error=error)

    def _keep(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries
        self._fingerprints = frozenset(entry.fingerprint for entry in entries.values())

    def _read(self) -> Mapping[str, Entry]:
        """Raises `Malformed`, with the file's name, whatever is wrong with it."""
        try:
            return parse_entries(read_text(self._path))
        except OSError as error:
            raise Malformed(f"{self._path} can't be read: {error.strerror}") from error
        except Malformed as error:
            raise Malformed(f"{self._path}: {error}") from error


def read_text(path: Path) -> str:
    """What the file at `path` says.  Raises `OSError`, and `Malformed` where that is no text."""
    if path.exists() and not path.is_file():  # to open a pipe would last
        raise Malformed("this is no file")
    with path.open("rb") as file:
        content = file.read(FILE_BYTES + 1)
    if len(content) > FILE_BYTES:
        raise Malformed("this is too large")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed("this is no text in UTF-8") from error


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    """Put what `change` makes of the text of the file at `path` in its place, whole or not at all.

    Whoever does the same at once waits.  The file keeps its mode, owner and group, so that a server which could read
    it still can; a new one is for its owner alone.  Raises `OSError`, and what `read_text` and `change` raise.
    """
    path = path.resolve()  # and not a symbolic link to it
    with _locked(path.parent):
        is_new = not path.exists()
        text = change("" if is_new else read_text(path))
        descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123  # it has a descriptor
                file.write(text)
                file.flush()
                if not is_new:
                    _take_after(descriptor, path.stat())
                os.fsync(descriptor)
            Path(unfinished).replace(path)
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise


def _take_after(descriptor: int, old: os.stat_result) -> None:
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, S_IMODE(old.st_mode))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The lock is on the folder: one on the file would go with the old file."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
