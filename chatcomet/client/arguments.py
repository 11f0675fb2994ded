"""The command line of ``chatcomet``."""

from __future__ import annotations

import argparse
import math
import os

from chatcomet import __version__
from chatcomet.client.client import PATIENCE_SECONDS

DEFAULT_URL = "http://localhost:8080/"

_DESCRIPTION = "Post to a chatcomet server, follow its rooms, list them."
_EXIT_CODES = """\
exit codes:
  0    done; for tail also: whoever read the output has gone (| head)
  1    the server refused
  2    the command line is wrong
  69   the server could not be reached
  74   the input could not be read, or the output not written
  130  ended by ^C (143: by SIGTERM)
"""


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
    _add_patience(post, PATIENCE_SECONDS, f"[default: {PATIENCE_SECONDS:g}]")


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
    _add_patience(tail, None, "[default: no end]")


def _add_rooms(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    rooms = _add(
        commands,
        "rooms",
        "list the rooms",
        "List the rooms: name, messages kept, readers. Except on a terminal, without a heading and with tabs between.",
    )
    _add_patience(rooms, PATIENCE_SECONDS, f"[default: {PATIENCE_SECONDS:g}]")


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str, description: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    url = os.environ.get("CHATCOMET_URL") or DEFAULT_URL
    command.add_argument("--url", default=url, help=f"the server [default: $CHATCOMET_URL, or {DEFAULT_URL}]")
    return command


def _add_patience(command: argparse.ArgumentParser, default: float | None, told: str) -> None:
    command.add_argument(
        "--patience",
        metavar="SECONDS",
        type=_seconds,
        default=default,
        help=f"for how long to try to reach the server {told}",
    )


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
