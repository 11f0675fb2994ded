"""The command line."""

from __future__ import annotations

import contextlib
import io
import os
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
            },
        )
        self.assertIsNone(parse("post", "lobby")["text"])
        self.assertEqual(parse("post", "lobby", "--", "-v")["text"], "-v")

    def test_tail(self) -> None:
        self.assertEqual(tail_options(), (False, False, None, None))
        words = ("--from-start", "--json", "--count", "3", "--patience", "1.5")
        self.assertEqual(tail_options(*words), (True, True, 3, 1.5))

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
        ):
            told = io.StringIO()
            with contextlib.redirect_stderr(told), self.assertRaises(SystemExit) as ended:
                parse(*words)
            self.assertEqual(ended.exception.code, 2)
            self.assertIn("usage: chatcomet", told.getvalue())

    def test_help_tells_the_exit_codes(self) -> None:
        for words in (["--help"], ["post", "--help"], ["tail", "--help"], ["rooms", "--help"]):
            told = io.StringIO()
            with contextlib.redirect_stdout(told), self.assertRaises(SystemExit) as ended:
                parse(*words)
            self.assertEqual(ended.exception.code, 0)
            self.assertIn("69   the server could not be reached", told.getvalue())
