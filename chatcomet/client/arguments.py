"""The command line of ``chatcomet``."""

from __future__ import annotations

import argparse
import math
import os
import re
from pathlib import Path

from chatcomet import __version__
from chatcomet.client.client import PATIENCE_SECONDS

DEFAULT_URL = "http://localhost:8080/"

_DESCRIPTION = "Post to a chatcomet server, follow its rooms, list them; make tickets for it, set passwords."
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_EXIT_CODES = """\
exit codes:
  0    done; for tail also: whoever read the output has gone (| head)
  1    the server refused
  2    the command line, or a key or ticket that it names, is wrong
  69   the server could not be reached
  74   the input or a file could not be read, or the output not written
  77   the server lets nobody in, or not as who you are, or you may not do this
  130  ended by ^C (143: by SIGTERM)
"""

_PASSWD_EXIT_CODES = """\
exit codes:
  0    done
  1    there is no such account, or the two passwords are not the same
  2    the command line, the password or the file is wrong
  74   the file could not be read or written
  130  ended by ^C
"""  # noqa: S105  # it tells of passwords and is none


def parser() -> argparse.ArgumentParser:
    """Reads the command line; what is wrong with it ends the process with exit code 2."""
    top = argparse.ArgumentParser(
        prog="chatcomet",
        description=_DESCRIPTION,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"chatcomet {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_post(commands)
    _add_tail(commands)
    _add_rooms(commands)
    _add_ticket(commands)
    _add_ticket_key(commands)
    _add_passwd(commands)
    return top


def _add_post(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    post = _add(
        commands,
        "post",
        "post a message, or each line of the standard input",
        "Post TEXT to ROOM; without TEXT, each line of the standard input, in order, until its end or the first that "
        "is refused. Empty lines are skipped. Nothing is doubled, however often a message has to be sent.",
    )
    post.add_argument("room", metavar="ROOM")
    post.add_argument("text", metavar="TEXT", nargs="?")
    post.add_argument("--name", help="post under this name, if nobody else has it now; else as a guest")
    post.add_argument("-v", "--verbose", action="store_true", help="print the number of each message in its room")
    _add_server(post, PATIENCE_SECONDS, f"[default: {PATIENCE_SECONDS:g}]")


def _add_tail(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    tail = _add(
        commands,
        "tail",
        "print messages as they come",
        "Print the messages of ROOM from now on. On a terminal a message may take several lines; anywhere else it "
        "is one line, with line breaks and the like escaped. Messages that were lost are told on standard error.",
    )
    tail.add_argument("room", metavar="ROOM")
    tail.add_argument("--from-start", action="store_true", help="begin with the first message that is kept")
    tail.add_argument("--json", action="store_true", help="print each message as JSON, one a line")
    tail.add_argument("--count", metavar="N", type=_count, help="end after N messages")
    _add_server(tail, None, "[default: no end]")


def _add_rooms(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    rooms = _add(
        commands,
        "rooms",
        "list the rooms",
        "List the rooms: name, messages kept, readers. Except on a terminal, without a heading and with tabs between.",
    )
    _add_server(rooms, PATIENCE_SECONDS, f"[default: {PATIENCE_SECONDS:g}]")


def _add_ticket(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    ticket = _add(
        commands,
        "ticket",
        "make a ticket, which lets its bearer in",
        "Print a ticket for NAME, signed with the key in FILE: a secret, or a private key in PEM (Ed25519 or RSA). It "
        "lets whoever has it do what is granted and nothing else, until it expires. No server is asked.",
    )
    ticket.add_argument("--key", metavar="FILE", type=Path, required=True, help="what to sign with")
    ticket.add_argument("--name", required=True, help="whose ticket it is")
    ticket.add_argument(
        "--grant",
        metavar="ROOMS:ACTIONS",
        type=_grant,
        action="append",
        default=[],
        help="what may be done where, such as 'team-*:read,post'; * is any run of characters; repeatable",
    )
    ticket.add_argument(
        "--for",
        metavar="LIFE",
        type=_life,
        default="1h",
        dest="life_seconds",
        help="how long it is good, such as 30s, 15m, 1h or 7d [default: 1h]",
    )
    ticket.add_argument("--audience", help="whom it is for: the server's --ticket-audience")
    ticket.add_argument("--id", help="what to call it (jti): by that it can be revoked")


def _add_ticket_key(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    key = _add(
        commands,
        "ticket-key",
        "make a secret to sign tickets with",
        "Write a new secret to FILE, for your eyes alone. Nothing is overwritten. A server that gets the same file as "
        "--ticket-key takes tickets that are signed with it.",
    )
    key.add_argument("file", metavar="FILE", type=Path)


def _add_passwd(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    passwd = commands.add_parser(
        "passwd",
        help="set somebody's password in a file for --auth argon2:FILE",
        description="Set the password of NAME in FILE, which a server has by --auth argon2:FILE; make what there is "
        "not yet. On a terminal the password is asked for twice; anywhere else it is the first line of the standard "
        "input. A running server sees the change when somebody signs in next.",
        epilog=_PASSWD_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    passwd.add_argument("file", metavar="FILE", type=Path)
    passwd.add_argument("name", metavar="NAME")
    passwd.add_argument("--delete", action="store_true", help="remove NAME from FILE")


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str, description: str
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_whom(command: argparse.ArgumentParser) -> None:
    whom = command.add_mutually_exclusive_group()
    whom.add_argument(
        "--ticket-file",
        metavar="FILE",
        type=Path,
        help="show the ticket in FILE, which may be replaced meanwhile [default: $CHATCOMET_TICKET, if it is set]",
    )
    whom.add_argument(
        "--user", metavar="NAME", help="sign in as NAME; the password is $CHATCOMET_PASSWORD, or is asked for"
    )


def _add_server(command: argparse.ArgumentParser, patience_seconds: float | None, told: str) -> None:
    url = os.environ.get("CHATCOMET_URL") or DEFAULT_URL
    command.add_argument("--url", default=url, help=f"the server [default: $CHATCOMET_URL, or {DEFAULT_URL}]")
    command.add_argument(
        "--patience",
        metavar="SECONDS",
        type=_seconds,
        default=patience_seconds,
        help=f"for how long to try to reach the server {told}",
    )
    _add_whom(command)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} should be a whole number from 1 on")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} should be a number of seconds")
    return seconds


def _grant(text: str) -> tuple[str, list[str]]:
    rooms, colon, actions = text.rpartition(":")
    if not colon:
        raise argparse.ArgumentTypeError(
            f"{text} should be rooms, a colon and what may be done there: team-*:read,post"
        )
    return rooms, actions.split(",")


def _life(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}[smhd]", text, re.ASCII):
        raise argparse.ArgumentTypeError(
            f"{text} should be a number of seconds, minutes, hours or days: 30s, 15m, 1h, 7d"
        )
    return int(text[:-1]) * _UNIT_SECONDS[text[-1]]
