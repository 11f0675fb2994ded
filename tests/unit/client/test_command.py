"""The commands over a scripted server; as processes they are tested in ``tests/integration/test_command.py``."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactor
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.keys import load_key
from chatcomet.access.tickets import Tickets
from chatcomet.client import Refused
from chatcomet.client.arguments import parser
from chatcomet.client.command import Surroundings, post, rooms, tail, ticket, ticket_key
from chatcomet.client.lines import Lines
from chatcomet.client.output import Output
from chatcomet.client.reports import Reports
from chatcomet.errors import Malformed, StartRefused
from tests.unit.client.scripted_server import Reply, ScriptedServer, expired, page, posted, problem, start

NOON = 1_795_354_155
SESSION = Reply(value={"name": "ada", "guest": True, "grants": {}}, headers={"Set-Cookie": "chatcomet=signed; Path=/"})


class CommandCase(SynchronousTestCase):
    """A scripted server, and what a process has."""

    def setUp(self) -> None:
        self.server = ScriptedServer()
        stream = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed by the clean-up
        self.addCleanup(stream.close)
        self.stream, self.errors = stream, io.StringIO()
        self.reactor = reactor = MemoryReactor()
        self.stdin = tempfile.TemporaryFile()  # noqa: SIM115
        self.addCleanup(self.stdin.close)
        self.lines = Lines(self.stdin.fileno(), reactor)
        output = Output(stream, reactor)
        self.around = Surroundings(self.lines, output, Reports(self.errors), self.server.clock, lambda: NOON)

    def run_command(self, command: Any, *words: str) -> Deferred[None]:
        """Run a command with this command line."""
        return start(command(self.server.client(), parser().parse_args(words), self.around))

    def printed(self) -> list[str]:
        """All lines of standard output."""
        self.stream.seek(0)
        return self.stream.read().splitlines()


class PostTests(CommandCase):
    def test_a_text(self) -> None:
        self.server.replies.append(posted(41))
        self.successResultOf(self.run_command(post, "post", "lobby", "hello"))
        self.assertEqual(json.loads(self.server.asked[0].body), {"text": "hello"})
        self.assertEqual(self.printed(), [])

    def test_its_number_if_it_is_asked_for(self) -> None:
        self.server.replies.append(posted(41))
        self.successResultOf(self.run_command(post, "post", "lobby", "hello", "-v"))
        self.assertEqual(self.printed(), ["41"])

    def give(self, text: str) -> None:
        """Let this stand in standard input."""
        self.stdin.write(text.encode())
        self.stdin.seek(0)

    def turn(self) -> None:
        """Let the reactor read for who wants to."""
        while self.reactor.getReaders():
            self.lines.doRead()

    def test_each_line_of_the_input_in_order(self) -> None:
        self.give("one\n\n two \nthree")
        posting = self.run_command(post, "post", "lobby")
        for seq in range(3):
            self.turn()
            self.assertEqual(len(self.server.asked), seq + 1)  # one after the other
            self.server.reply(posted(seq))
        self.successResultOf(posting)
        self.assertEqual([json.loads(asked.body)["text"] for asked in self.server.asked], ["one", " two ", "three"])

    def test_a_line_that_is_refused_is_named_and_the_last(self) -> None:
        self.give("one\n\nthree\nfour\n")
        posting = self.run_command(post, "post", "lobby")
        self.server.replies.extend([posted(0), problem(413)])
        self.turn()
        self.failureResultOf(posting, Refused)
        self.assertEqual((self.around.reports.about, len(self.server.asked)), ("line 3: ", 2))

    def test_a_name_is_taken_and_freed(self) -> None:
        self.server.replies.extend([SESSION, posted(41), Reply(204, body="")])
        self.successResultOf(self.run_command(post, "post", "lobby", "hello", "--name", "ada"))
        self.assertEqual(
            [(asked.method, asked.path) for asked in self.server.asked],
            [
                ("POST", "/chatty/session"),
                ("POST", "/chatty/rooms/lobby/messages"),
                ("DELETE", "/chatty/session"),
            ],
        )

    def test_it_is_freed_after_a_refusal_too(self) -> None:
        self.server.replies.extend([SESSION, problem(413), Reply(204, body="")])
        self.failureResultOf(self.run_command(post, "post", "lobby", "x", "--name", "ada"), Refused)
        self.assertEqual(self.server.asked[-1].method, "DELETE")

    def test_but_nobody_waits_for_that(self) -> None:
        self.server.replies.extend([SESSION, posted(41)])
        posting = self.run_command(post, "post", "lobby", "hello", "--name", "ada")
        self.assertNoResult(posting)
        self.server.wait(2)
        self.successResultOf(posting)


class TailTests(CommandCase):
    def test_messages_as_they_come(self) -> None:
        self.server.replies.extend([page(41), page(42)])
        self.run_command(tail, "tail", "lobby")
        (line,) = self.printed()
        self.assertRegex(line, r"^\d\d:\d\d ada: text 42$")

    def test_json(self) -> None:
        self.server.replies.extend([page(2), page(0, 1, 2)])
        self.run_command(tail, "tail", "lobby", "--from-start", "--json")
        self.assertEqual([json.loads(line)["seq"] for line in self.printed()], [0, 1, 2])

    def test_a_count(self) -> None:
        self.server.replies.extend([page(9), page(0, 1, 2, 3, 4)])
        self.successResultOf(self.run_command(tail, "tail", "lobby", "--from-start", "--count", "2"))
        self.assertEqual(len(self.printed()), 2)

    def test_a_gap_is_told_and_not_counted(self) -> None:
        self.server.replies.extend([page(4), expired("k3v9.17", "k3v9.18"), page(17), expired("m7q2.0", "m7q2.1")])
        self.run_command(tail, "tail", "lobby", "--count", "2")
        self.assertEqual(
            self.errors.getvalue(),
            "chatcomet: 12 messages were lost here\n"
            "chatcomet: the server has another log by now: messages may have been lost\n",
        )
        self.assertEqual(len(self.printed()), 1)

    def test_it_ends_when_nobody_reads_it(self) -> None:
        self.server.replies.append(page(4))
        tailing = self.run_command(tail, "tail", "lobby")
        self.around.output.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(tailing)
        self.server.flush()
        self.assertEqual(self.server.suspended, [])


class RoomsTests(CommandCase):
    def test_a_line_each(self) -> None:
        room = {"room": "lobby", "cursor": "k3v9.42", "first": 2, "readers": 12}
        self.server.replies.append(Reply(value={"rooms": [room, {**room, "room": "other"}]}))
        self.successResultOf(self.run_command(rooms, "rooms"))
        self.assertEqual(self.printed(), ["lobby\t40\t12", "other\t40\t12"])


class TicketTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.key = Path(folder.name) / "tickets.key"
        ticket_key(parser().parse_args(["ticket-key", str(self.key)]), self.around)

    def run_ticket(self, *words: str) -> None:
        arguments = parser().parse_args(["ticket", "--key", str(self.key), "--name", "ada", *words])
        ticket(arguments, self.around)

    def test_prints_one_and_nothing_else(self) -> None:
        self.run_ticket("--grant", "team-*:read", "--grant", "*:moderate", "--grant", "team-*:post", "--for", "30s")
        (text,) = self.printed()
        good = Tickets([load_key(self.key)], None, lambda: NOON).verify(text)
        self.assertEqual((good.name, good.until), ("ada", NOON + 30))
        self.assertEqual(good.grants.to_object(), {"*": ("moderate",), "team-*": ("read", "post")})

    def test_for_an_audience_and_with_an_id(self) -> None:
        self.run_ticket("--audience", "chat", "--id", "t-1")
        (text,) = self.printed()
        good = Tickets([load_key(self.key)], "chat", lambda: NOON).verify(text)
        self.assertEqual((good.id, good.until), ("jti:t-1", NOON + 3_600))

    def test_nothing_for_what_would_be_no_good(self) -> None:
        for words in (
            ["--name", "guest"],
            ["--grant", "A:read"],
            ["--grant", "*:raed"],
            ["--grant", "*:"],
            ["--id", ""],
        ):
            self.assertRaises(Malformed, self.run_ticket, *words)
        self.key.write_text("secret")
        self.assertRaises(StartRefused, self.run_ticket)
        self.assertEqual(self.printed(), [])

    def test_a_key_is_for_checking_too_and_stays(self) -> None:
        key = load_key(self.key)
        self.assertRaises(FileExistsError, ticket_key, parser().parse_args(["ticket-key", str(self.key)]), self.around)
        self.assertEqual(load_key(self.key), key)
