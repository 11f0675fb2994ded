"""``chatcomet passwd``; as a process it is tested in ``tests/integration/test_signin.py``."""

from __future__ import annotations

import io
import os
import signal
from argparse import Namespace
from pathlib import Path
from unittest.mock import patch

from argon2 import PasswordHasher

from chatcomet.access.passwords import PASSWORD_BYTES
from chatcomet.client import passwd as passwd_module
from chatcomet.client.passwd import DONE, IO_ERROR, REFUSED, WRONG, passwd
from chatcomet.client.reports import Reports
from tests.unit.access.cheap_hash import cheap_hash
from tests.unit.access.password_case import PasswordCase


class Terminal(io.StringIO):
    """Somebody sits there."""

    def isatty(self) -> bool:
        return True


class PasswdCase(PasswordCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(passwd_module, "hash_password", lambda password: cheap_hash(password.decode()))
        self.errors = io.StringIO()
        self.before = self.path.read_text()

    def run_passwd(self, name: str, stdin: io.TextIOBase, delete: bool = False, path: Path | None = None) -> int:
        """What the process would end with."""
        arguments = Namespace(file=path or self.path, name=name, delete=delete)
        return passwd(arguments, stdin, Reports(self.errors))  # type: ignore[arg-type]

    def set(self, name: str, given: str) -> int:
        return self.run_passwd(name, io.StringIO(given))

    def hashes(self) -> dict[str, str]:
        """By name."""
        return dict(line.split(":") for line in self.path.read_text().splitlines())

    def assert_unchanged(self) -> None:
        self.assertEqual(self.path.read_text(), self.before)


class SetTests(PasswdCase):
    def test_a_new_one(self) -> None:
        self.assertEqual(self.set("Ｅve", "eve's\nand more\n"), DONE)
        self.assertEqual(list(self.hashes()), ["Ada", "bob", "Eve"])
        self.assertTrue(PasswordHasher().verify(self.hashes()["Eve"], "eve's"))
        self.assertEqual(self.errors.getvalue(), "")

    def test_another_password_or_spelling(self) -> None:
        bob = self.hashes()["bob"]
        self.assertEqual(self.set("ADA", "new"), DONE)
        self.assertEqual((list(self.hashes()), self.hashes()["bob"]), (["ADA", "bob"], bob))
        self.assertTrue(PasswordHasher().verify(self.hashes()["ADA"], "new"))

    def test_the_first_one_in_a_new_file(self) -> None:
        self.path.unlink()
        self.assertEqual(self.set("ada", "new"), DONE)
        self.assertEqual(list(self.hashes()), ["ada"])

    def test_a_password_is_all_of_its_line(self) -> None:
        for given, password in ((" a b \n", " a b "), ("tab\t", "tab\t"), ("cafe\u0301", "café")):
            self.set("ada", given)
            self.assertTrue(PasswordHasher().verify(self.hashes()["ada"], password))
        self.assertEqual(self.set("ada", "x" * PASSWORD_BYTES + "\n"), DONE)

    def test_what_is_no_password(self) -> None:
        for given in ("", "\n", "x" * (PASSWORD_BYTES + 1), "\udcff\n"):
            self.assertEqual(self.set("ada", given), WRONG)
        undecodable = io.TextIOWrapper(io.BytesIO(b"\xff\n"), "utf-8")
        self.assertEqual(self.run_passwd("ada", undecodable), WRONG)
        self.assertEqual(self.errors.getvalue().count("password"), 5)
        self.assert_unchanged()

    def test_what_is_no_name(self) -> None:
        for name in ("", "guest", "a:b", "a\nb", "#a", "a" * 33):
            self.assertEqual(self.set(name, "x"), WRONG)
        self.assert_unchanged()

    def test_what_is_no_such_file_is_told_before_anybody_types(self) -> None:
        self.path.write_text("my thesis")
        with patch.object(passwd_module, "getpass", side_effect=AssertionError):
            self.assertEqual(self.run_passwd("ada", Terminal()), WRONG)
        self.assertIn(f"{self.path}: line 1:", self.errors.getvalue())
        self.assertEqual(self.path.read_text(), "my thesis")

    def test_where_none_can_be(self) -> None:
        self.assertEqual(self.run_passwd("ada", io.StringIO("x"), path=self.path / "deeper"), IO_ERROR)
        self.assertIn("deeper: Not a directory", self.errors.getvalue())


class TerminalTests(PasswdCase):
    def type(self, *passwords: object) -> int:
        """Answer the questions."""
        with patch.object(passwd_module, "getpass", side_effect=passwords) as self.asked:
            return self.run_passwd("ada", Terminal("not this"))

    def test_asks_twice(self) -> None:
        self.assertEqual(self.type("new", "new"), DONE)
        prompts = [call.args[0] for call in self.asked.mock_calls]
        self.assertEqual(prompts, ["Password for ada: ", "The same again: "])
        self.assertTrue(PasswordHasher().verify(self.hashes()["ada"], "new"))

    def test_two_that_differ(self) -> None:
        self.assertEqual(self.type("new", "nev"), REFUSED)
        self.assert_unchanged()

    def test_none(self) -> None:
        self.assertEqual(self.type("", ""), WRONG)
        self.assertEqual(self.type(EOFError()), WRONG)
        self.assert_unchanged()

    def test_an_interrupt_ends_it_as_the_signal_does(self) -> None:
        with patch.object(signal, "signal") as handled, patch.object(os, "kill") as killed:
            self.type(KeyboardInterrupt())
        handled.assert_called_once_with(signal.SIGINT, signal.SIG_DFL)
        killed.assert_called_once_with(os.getpid(), signal.SIGINT)
        self.assert_unchanged()


class DeleteTests(PasswdCase):
    def delete(self, name: str) -> int:
        return self.run_passwd(name, Terminal(), delete=True)

    def test_one_less(self) -> None:
        self.assertEqual(self.delete("ADA"), DONE)
        self.assertEqual(list(self.hashes()), ["bob"])

    def test_who_is_not_there(self) -> None:
        self.assertEqual(self.delete("eve"), REFUSED)
        self.assertIn("eve", self.errors.getvalue())
        self.assert_unchanged()
        self.path.unlink()
        self.assertEqual(self.delete("ada"), REFUSED)
        self.assertFalse(self.path.exists())
