"""``--auth argon2:FILE`` as Twisted finds it."""

from __future__ import annotations

from twisted.cred.credentials import IUsernamePassword, UsernamePassword
from twisted.cred.strcred import ICheckerFactory, findCheckerFactory, makeChecker
from twisted.plugin import IPlugin
from zope.interface.verify import verifyObject

from chatcomet.access.argon2_checker import Argon2Checker
from chatcomet.errors import StartRefused
from tests.unit.access.password_case import PasswordCase


class PluginTests(PasswordCase):
    def test_is_one(self) -> None:
        factory = findCheckerFactory("argon2")
        verifyObject(ICheckerFactory, factory)
        verifyObject(IPlugin, factory)
        self.assertEqual(factory.credentialInterfaces, (IUsernamePassword,))
        self.assertIn("chatcomet passwd FILE NAME", factory.authHelp)

    def test_makes_a_checker_of_a_file(self) -> None:
        checker = makeChecker(f"argon2:{self.path}")
        self.assertIsInstance(checker, Argon2Checker)
        answer = checker.requestAvatarId(UsernamePassword(b"ada", b"ada's"))
        self.assertEqual(self.successResultOf(answer), b"Ada")

    def test_each_draws_its_own_key(self) -> None:
        keys = {makeChecker(f"argon2:{self.path}")._key for _ in range(2)}
        self.assertEqual(len(keys), 2)

    def test_a_file_with_a_colon_in_its_name(self) -> None:
        odd = self.path.rename(self.path.with_name("a:b"))
        self.assertIsInstance(makeChecker(f"argon2:{odd}"), Argon2Checker)

    def test_without_a_file(self) -> None:
        for description in ("argon2", "argon2:", f"argon2:{self.path}.not"):
            self.assertRaises(StartRefused, makeChecker, description)
