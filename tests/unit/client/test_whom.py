"""As whom the command asks."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.client.arguments import parser
from chatcomet.client.whom import Whom, whom
from chatcomet.errors import Malformed


def found(*words: str, **environ: str) -> Whom:
    """As whom this command line asks."""
    return whom(parser().parse_args(words), environ)


class WhomTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "ticket"

    def test_nobody(self) -> None:
        for environ in ({}, {"CHATCOMET_TICKET": ""}, {"CHATCOMET_PASSWORD": "x"}):
            self.assertEqual(found("rooms", **environ), Whom())

    def test_a_ticket_of_the_environment(self) -> None:
        for words in (("rooms",), ("tail", "lobby"), ("post", "lobby", "hello")):
            self.assertEqual(found(*words, CHATCOMET_TICKET="a.b.c"), Whom(ticket="a.b.c"))

    def test_a_ticket_of_a_file_is_that_of_the_moment(self) -> None:
        ticket = found("rooms", "--ticket-file", str(self.file), CHATCOMET_TICKET="a").ticket
        assert callable(ticket)
        self.assertRaises(FileNotFoundError, ticket)
        for text in ("b.c.d\n", " e.f.g"):
            self.file.write_text(text)
            self.assertEqual(ticket(), text.strip())
        self.file.write_bytes(b"\xff")
        self.assertRaises(Malformed, ticket)

    def test_an_account(self) -> None:
        environ = {"CHATCOMET_PASSWORD": "s3cret", "CHATCOMET_TICKET": "a"}
        self.assertEqual(found("rooms", "--user", "ada", **environ), Whom(auth=("ada", "s3cret")))

    def test_its_password_is_asked_for_at_a_terminal(self) -> None:
        self.file.touch()
        with (
            patch("chatcomet.client.whom._TERMINAL", self.file),
            patch("chatcomet.client.whom.getpass", return_value="s3cret") as ask,
        ):
            self.assertEqual(found("rooms", "--user", "ada"), Whom(auth=("ada", "s3cret")))
        ask.assert_called_once_with("Password for ada: ")

    def test_and_nowhere_else(self) -> None:
        with patch("chatcomet.client.whom._TERMINAL", self.file), patch("chatcomet.client.whom.getpass") as ask:
            self.assertRaises(Malformed, found, "rooms", "--user", "ada")
        ask.assert_not_called()

    def test_a_name_is_for_guests(self) -> None:
        words = ("post", "lobby", "hello", "--name", "eve")
        self.assertEqual(found(*words), Whom())
        self.assertRaises(Malformed, found, *words, CHATCOMET_TICKET="a")
        self.assertRaises(Malformed, found, *words, "--user", "ada", CHATCOMET_PASSWORD="x")
