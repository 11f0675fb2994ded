"""As whom the command asks: by a ticket or by an account, of the command line, the environment or a question.

A ticket and a password never stand on the command line, which everybody on the machine can see.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from getpass import getpass
from pathlib import Path
from typing import NamedTuple

from chatcomet.client.credentials import Ticket
from chatcomet.errors import Malformed

TICKET = "CHATCOMET_TICKET"
PASSWORD = "CHATCOMET_PASSWORD"  # noqa: S105  # where one is found
_TERMINAL = Path("/dev/tty")


class Whom(NamedTuple):
    """What a `Client` is given: a ticket, or a name and a password, or neither."""

    ticket: Ticket | None = None
    auth: tuple[str, str] | None = None


def whom(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Whom:
    """As whom `arguments` ask to be known.  May ask for a password, on the terminal.

    Raises `Malformed` where that does not fit together, or nobody can be asked.
    """
    found = _found(arguments, environ)
    if found != Whom() and getattr(arguments, "name", None) is not None:
        raise Malformed("--name is for guests: who has a ticket or an account has a name already")
    return found


def _found(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Whom:
    if arguments.user is not None:
        return Whom(auth=(arguments.user, environ.get(PASSWORD) or _ask(arguments.user)))
    if arguments.ticket_file is not None:
        file: Path = arguments.ticket_file
        return Whom(ticket=lambda: _read(file))  # for each request: it may be replaced before it expires
    return Whom(ticket=environ.get(TICKET) or None)


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except UnicodeDecodeError as error:
        raise Malformed(f"{file} holds no ticket: it is no text") from error


def _ask(name: str) -> str:
    try:
        _TERMINAL.open("rb").close()  # or the question, and the answer, would go the way of the messages
        return getpass(f"Password for {name}: ")
    except (OSError, EOFError) as error:
        raise Malformed(f"there is no password for {name}: set {PASSWORD}, or answer on a terminal") from error
