"""The command line."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.client.arguments import parser


def parse(*words: str, **environ: str) -> dict[str, object]:
    """What is made of these words."""
    with patch.dict(os.environ, environ):
        return vars(parser().parse_args(words))


def tail_options(*words: str) -> tuple[object, ...]:
    """What is made of these options of ``tail``."""
    tail = parse("tail", "lobby", *words)
    return tail["from_start"], tail["json"], tail["count"], tail["patience"]


class ArgumentsTests(SynchronousTestCase):
    def test_post(self) -> None:
        self.assertEqual(
            parse("post", "lobby", "hello", CHATCOMET_URL=""),
            {
                "command": "post",
                "room": "lobby",
                "text": "hello",
                "name": None,
                "verbose": False,
                "patience": 30.0,
                "url": "http://localhost:8080/",
                "ticket_file": None,
                "user": None,
            },
        )
        self.assertIsNone(parse("post", "lobby")["text"])
        self.assertEqual(parse("post", "lobby", "--", "-v")["text"], "-v")

    def test_tail(self) -> None:
        self.assertEqual(tail_options(), (False, False, None, None))
        words = ("--from-start", "--json", "--count", "3", "--patience", "1.5")
        self.assertEqual(tail_options(*words), (True, True, 3, 1.5))

    def test_ticket(self) -> None:
        words = ("ticket", "--key", "a.key", "--name", "ada")
        plain = {"command": "ticket", "key": Path("a.key"), "name": "ada"}
        self.assertEqual(parse(*words), {**plain, "grant": [], "life_seconds": 3_600, "audience": None, "id": None})
        more = ("--grant", "team-*:read,post", "--grant=*:read", "--for", "15m", "--audience", "chat", "--id", "1")
        grants = [("team-*", ["read", "post"]), ("*", ["read"])]
        self.assertEqual(
            parse(*words, *more), {**plain, "grant": grants, "life_seconds": 900, "audience": "chat", "id": "1"}
        )

    def test_how_long_a_ticket_is_good(self) -> None:
        for text, seconds in (("1s", 1), ("90m", 5_400), ("24h", 86_400), ("7d", 604_800)):
            self.assertEqual(parse("ticket", "--key", "a", "--name", "ada", "--for", text)["life_seconds"], seconds)

    def test_ticket_key(self) -> None:
        self.assertEqual(parse("ticket-key", "a.key"), {"command": "ticket-key", "file": Path("a.key")})

    def test_passwd(self) -> None:
        told = {"command": "passwd", "file": Path("users"), "name": "ada"}
        self.assertEqual(parse("passwd", "users", "ada"), {**told, "delete": False})
        self.assertEqual(parse("passwd", "--delete", "users", "ada"), {**told, "delete": True})

    def test_the_url(self) -> None:
        self.assertEqual(parse("rooms", CHATCOMET_URL="http://a/")["url"], "http://a/")
        self.assertEqual(parse("rooms", "--url", "http://b/", CHATCOMET_URL="http://a/")["url"], "http://b/")

    def test_what_is_wrong_ends_with_2_and_says_so(self) -> None:
        for words in (
            [],
            ["read", "lobby"],
            ["post"],
            ["post", "lobby", "two", "texts"],
            ["tail", "lobby", "--count", "0"],
            ["tail", "lobby", "--count", "²"],
            ["tail", "lobby", "--patience", "soon"],
            ["tail", "lobby", "--patience", "nan"],
            ["tail", "lobby", "--patience", "-1"],
            ["rooms", "--patience", "inf"],
            ["rooms", "--user", "ada", "--ticket-file", "ticket"],
            ["ticket", "--name", "ada"],
            ["ticket", "--key", "a.key"],
            *(
                ["ticket", "--key", "a", "--name", "ada", "--for", life]
                for life in ("", "1", "0s", "1.5h", "h", "1w", "٣s")
            ),
            *(["ticket", "--key", "a", "--name", "ada", "--grant", grant] for grant in ("", "*", "read,post")),
            ["ticket-key"],
            ["passwd", "users"],
            ["passwd", "users", "ada", "secret"],
        ):
            told = io.StringIO()
            with contextlib.redirect_stderr(told), self.assertRaises(SystemExit) as ended:
                parse(*words)
            self.assertEqual(ended.exception.code, 2)
            self.assertIn("usage: chatcomet", told.getvalue())

    def test_help_tells_the_exit_codes(self) -> None:
        for words in (["--help"], ["post", "--help"], ["tail", "--help"], ["rooms", "--help"], ["ticket", "--help"]):
            told = io.StringIO()
            with contextlib.redirect_stdout(told), self.assertRaises(SystemExit) as ended:
                parse(*words)
            self.assertEqual(ended.exception.code, 0)
            self.assertIn("69   the server could not be reached", told.getvalue())
