"""The command ``chatcomet``, with exit codes that a script can use: `post`, `tail` and `rooms` over the client, and
`ticket`, `ticket-key` and `passwd` (``passwd.py``), which need no server.

Standard output carries what was asked for and nothing else; standard error what `reports` says.  ^C and SIGTERM
cancel what is under way, free the name that was taken, and then end the process as the signal does, so that a
shell's loop around it ends too; a second ^C does not wait for that.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import count
from typing import NoReturn, cast

from twisted.internet.base import ReactorBase
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, ensureDeferred  # noqa: A004
from twisted.internet.interfaces import IReactorFDSet, IReactorTime
from twisted.internet.task import react

from chatcomet.access.grants import Grants
from chatcomet.access.issuing import issue
from chatcomet.access.keys import load_signing_key, write_secret
from chatcomet.client import display
from chatcomet.client.answers import Posted, message_json
from chatcomet.client.arguments import parser
from chatcomet.client.client import Client
from chatcomet.client.errors import Problem, Refused, Unreachable
from chatcomet.client.lines import Lines
from chatcomet.client.output import Output
from chatcomet.client.reader import Reader
from chatcomet.client.reports import Reports
from chatcomet.client.room import Room
from chatcomet.client.steps import Gap
from chatcomet.client.whom import Whom, whom
from chatcomet.errors import AskerError, Malformed, StartRefused

REFUSED = 1
USAGE = 2
UNREACHABLE = 69  # EX_UNAVAILABLE of sysexits.h
IO_ERROR = 74  # EX_IOERR
NOT_LET_IN = 77  # EX_NOPERM

_SIGN_OUT_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a command takes from its process, and gives to it.  `wall`: seconds since 1970."""

    lines: Lines
    output: Output
    reports: Reports
    clock: IReactorTime
    wall: Callable[[], float] = time.time


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line `argv` (this process's own by default), and exit."""
    arguments = parser().parse_args(argv)
    reports = Reports(sys.stderr)
    if arguments.command == "passwd":
        from chatcomet.client.passwd import passwd  # the others need no Argon2

        raise SystemExit(passwd(arguments, sys.stdin, reports))
    found = Whom() if arguments.command in _WITHOUT_SERVER else _whom(arguments, reports)
    reports.take_over_logging()
    react(_run, (arguments, reports, found))


def _whom(arguments: argparse.Namespace, reports: Reports) -> Whom:
    """As whom to ask; ends the process where nobody can be told.  Before the reactor runs: it may be a question."""
    try:
        return whom(arguments, os.environ)
    except Malformed as error:
        reports.tell(str(error))
        raise SystemExit(USAGE) from error
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        raise


async def _run(reactor: ReactorBase, arguments: argparse.Namespace, reports: Reports, found: Whom) -> None:
    """Ends with `SystemExit`, or by the signal that was received."""
    ended_by: list[int] = []
    running = ensureDeferred(_exit_code(reactor, arguments, reports, found))
    reactor.callWhenRunning(_cancel_by_signal, reactor, running, ended_by)
    try:
        code = await running
    except CancelledError:
        os.kill(os.getpid(), ended_by[0])
        raise
    raise SystemExit(code)


def _cancel_by_signal(reactor: ReactorBase, running: Deferred[int], ended_by: list[int]) -> None:
    """Let the first SIGINT or SIGTERM cancel `running`, and the next one of its kind end the process."""

    def cancel(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        ended_by.append(number)
        reactor.callFromThread(running.cancel)

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, cancel)


async def _exit_code(reactor: ReactorBase, arguments: argparse.Namespace, reports: Reports, found: Whom) -> int:
    """Run one command; what the process should end with."""
    descriptors = cast(IReactorFDSet, reactor)
    around = Surroundings(Lines(0, descriptors), Output(cast(TextIOWrapper, sys.stdout), descriptors), reports, reactor)
    try:
        if arguments.command in _WITHOUT_SERVER:
            _WITHOUT_SERVER[arguments.command](arguments, around)
        else:
            patience = {} if arguments.patience is None else {"patience_seconds": arguments.patience}
            client = Client(arguments.url, ticket=found.ticket, auth=found.auth, **patience)
            await _COMMANDS[arguments.command](client, arguments, around)
    except BrokenPipeError:  # whoever read the output has enough
        return 0
    except (AskerError, StartRefused, Unreachable, OSError) as error:
        code = _code_of(error)
        hint = " (see --user and --ticket-file)" if code == NOT_LET_IN and found == Whom() else ""
        reports.tell(f"{error}{hint}")
        return code
    return 0


def _code_of(error: Exception) -> int:
    match error:
        case Refused(problem=Problem(status=(401 | 403))):
            return NOT_LET_IN
        case Malformed() | StartRefused():  # found here: what the server finds malformed is `Refused`
            return USAGE
        case Unreachable():
            return UNREACHABLE
        case OSError():
            return IO_ERROR
    return REFUSED


async def post(client: Client, arguments: argparse.Namespace, around: Surroundings) -> None:
    """Post the text of the command line, or else each line of the input."""
    room = client.room(arguments.room)
    if arguments.name is not None:
        await client.sign_in(arguments.name)
    try:
        if arguments.text is not None:
            _tell_posted(await room.post(arguments.text), arguments, around.output)
        else:
            await _post_lines(room, arguments, around)
    finally:
        if arguments.name is not None:
            await _sign_out(client, around.clock)


async def _post_lines(room: Room, arguments: argparse.Namespace, around: Surroundings) -> None:
    for number in count(1):
        around.reports.about = f"line {number}: "
        line = await anext(around.lines, None)
        if line is None:
            return
        if line:
            _tell_posted(await room.post(line), arguments, around.output)


def _tell_posted(posted: Posted, arguments: argparse.Namespace, output: Output) -> None:
    if arguments.verbose:
        output.print(str(posted.message.seq))


async def _sign_out(client: Client, clock: IReactorTime) -> None:
    """Free the name, if that is possible; if not, it frees itself ten minutes later."""
    with suppress(Refused, Unreachable, TimeoutError, CancelledError):
        await ensureDeferred(client.sign_out()).addTimeout(_SIGN_OUT_SECONDS, clock)


async def tail(client: Client, arguments: argparse.Namespace, around: Surroundings) -> None:
    """Print a room's messages, until there were enough or nobody reads the output."""
    room = client.room(arguments.room)
    reader = room.messages("start" if arguments.from_start else None, patience_seconds=arguments.patience)
    printing = ensureDeferred(_print(reader, arguments, around))
    around.output.closed.addCallback(lambda _: printing.cancel())
    around.output.watch()
    try:
        await printing
    except CancelledError:
        if not around.output.closed.called:
            raise


async def _print(reader: Reader, arguments: argparse.Namespace, around: Surroundings) -> None:
    plain = display.for_terminal if around.output.is_terminal else display.for_pipe
    form = message_json if arguments.json else plain
    printed = 0
    async for item in reader:
        if isinstance(item, Gap):
            around.reports.tell(_lost(item))
            continue
        around.output.print(form(item))
        printed += 1
        if printed == arguments.count:
            return


def _lost(gap: Gap) -> str:
    if gap.lost is None:
        return "the server has another log by now: messages may have been lost"
    return f"{gap.lost} messages were lost here"


async def rooms(client: Client, arguments: argparse.Namespace, around: Surroundings) -> None:
    """Print the list of rooms."""
    output = around.output
    form = display.rooms_for_terminal if output.is_terminal else display.rooms_for_pipe
    for line in form(await client.rooms()):
        output.print(line)


def ticket(arguments: argparse.Namespace, around: Surroundings) -> None:
    """Print a new ticket."""
    granted: dict[str, list[str]] = {}
    for rooms, actions in arguments.grant:
        granted.setdefault(rooms, []).extend(actions)
    text = issue(
        load_signing_key(arguments.key),
        arguments.name,
        Grants.parse(granted),
        around.wall(),
        arguments.life_seconds,
        audience=arguments.audience,
        jti=arguments.id,
    )
    around.output.print(text)


def ticket_key(arguments: argparse.Namespace, _: Surroundings) -> None:
    """Write a new secret."""
    write_secret(arguments.file)


_COMMANDS = {"post": post, "tail": tail, "rooms": rooms}
_WITHOUT_SERVER = {"ticket": ticket, "ticket-key": ticket_key}
