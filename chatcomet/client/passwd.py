"""``chatcomet passwd``: one account in a file of passwords, for ``--auth argon2:FILE``."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getpass
from pathlib import Path
from typing import TextIO

from chatcomet.access.identity import fold
from chatcomet.access.password_file import read_text, rewrite
from chatcomet.access.passwords import (
    PASSWORD_BYTES,
    check_account,
    encode_password,
    hash_password,
    parse_entries,
    replace_entry,
)
from chatcomet.client.reports import Reports
from chatcomet.errors import Malformed

DONE = 0
REFUSED = 1
WRONG = 2
IO_ERROR = 74  # EX_IOERR of sysexits.h


class _Refused(Exception):
    """What was asked for is not done; says why."""


def passwd(arguments: argparse.Namespace, stdin: TextIO, reports: Reports) -> int:
    """Set a password, or delete an account; what the process should end with."""
    try:
        _change(arguments.file, check_account(arguments.name), arguments.delete, stdin)
    except _Refused as error:
        reports.tell(str(error))
        return REFUSED
    except Malformed as error:
        reports.tell(str(error))
        return WRONG
    except OSError as error:
        reports.tell(f"{arguments.file}: {error.strerror}")
        return IO_ERROR
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    return DONE


def _change(path: Path, name: str, delete: bool, stdin: TextIO) -> None:
    with _naming(path):
        if delete:
            rewrite(path, lambda text: _without(text, name))
            return
        if path.exists():  # what is wrong with it is said before anybody types
            parse_entries(read_text(path))
    hashed = hash_password(encode_password(_ask(name) if stdin.isatty() else _read_line(stdin)))
    with _naming(path):
        rewrite(path, lambda text: replace_entry(text, name, hashed))


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let what is wrong with the file at `path` name it."""
    try:
        yield
    except Malformed as error:
        raise Malformed(f"{path}: {error}") from error


def _without(text: str, name: str) -> str:
    if fold(name) not in parse_entries(text):
        raise _Refused(f"there is no account {name}")
    return replace_entry(text, name, None)


def _ask(name: str) -> str:
    try:
        password = getpass(f"Password for {name}: ")
        if getpass("The same again: ") != password:
            raise _Refused("the two passwords are not the same: nothing was changed")
    except EOFError as error:
        raise Malformed("no password was given") from error
    return password


def _read_line(stdin: TextIO) -> str:
    try:
        return stdin.readline(PASSWORD_BYTES + 2).removesuffix("\n")
    except UnicodeDecodeError as error:
        raise Malformed("the password is no text in UTF-8") from error
