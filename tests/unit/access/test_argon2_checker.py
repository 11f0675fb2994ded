"""Argon2Checker: names and passwords against a file, and how long that takes."""

from __future__ import annotations

from unittest.mock import patch

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from zope.interface.verify import verifyObject

from chatcomet.access.argon2_checker import Argon2Checker
from chatcomet.access.password_file import PasswordFile
from tests.unit.access.cheap_hash import cheap_hash
from tests.unit.access.password_case import PasswordCase


class Argon2CheckerTests(PasswordCase):
    def setUp(self) -> None:
        super().setUp()
        self.checker = Argon2Checker(PasswordFile(self.path), b"key")

    def check(self, name: bytes, password: bytes) -> object:
        """The account, or None."""
        answer = self.checker.requestAvatarId(UsernamePassword(name, password))
        answer.addErrback(lambda failure: failure.trap(UnauthorizedLogin) and None)
        return self.successResultOf(answer)

    def test_is_a_checker(self) -> None:
        verifyObject(ICredentialsChecker, self.checker)
        self.assertEqual(tuple(self.checker.credentialInterfaces), (IUsernamePassword,))

    def test_the_right_password(self) -> None:
        for name in ("Ada", "ADA", " ada ", "ａｄａ"):
            self.assertEqual(self.check(name.encode(), b"ada's"), b"Ada")

    def test_another_one(self) -> None:
        for name, password in ((b"Ada", b"bob's"), (b"Ada", b""), (b"Ada", b"\xff\0"), (b"ad", b"ada's")):
            self.assertIsNone(self.check(name, password))

    def test_what_is_no_name(self) -> None:
        for name in (b"", b"\xff", b"a\0", b"a" * 10_000, b":", b"#"):
            self.assertIsNone(self.check(name, b"ada's"))

    def test_nobody_signs_in_where_there_is_nobody(self) -> None:
        self.write({})
        self.assertIsNone(self.check(b"ada", b"ada's"))

    def test_a_change_is_seen(self) -> None:
        before = self.checker.stamp()
        self.write({"ada": "new"})
        self.assertNotEqual(self.checker.stamp(), before)
        self.assertEqual((self.check(b"ada", b"ada's"), self.check(b"ada", b"new")), (None, b"ada"))

    def test_what_argon2_can_not_do_is_a_fault(self) -> None:
        with patch.object(PasswordHasher, "verify", side_effect=VerificationError("Memory allocation error")):
            self.failureResultOf(
                self.checker.requestAvatarId(UsernamePassword(b"ada", b"ada's")),
                VerificationError,
            )


class CostTests(PasswordCase):
    """Nobody can tell from the cost whether there is an account."""

    def setUp(self) -> None:
        super().setUp()
        self.path.write_text(f"ada:{cheap_hash('a')}\nbob:{cheap_hash('b').replace('t=1', 't=2')}\n")
        self.checker = Argon2Checker(PasswordFile(self.path), b"key")
        self.verified: list[str] = []

    def cost(self, name: str) -> str:
        """Against which hash the one password was checked that is checked for `name`."""
        verified: list[str] = []

        def verify(hashed: str, password: bytes) -> bool:
            verified.append(hashed)
            return True

        with patch.object(PasswordHasher, "verify", side_effect=verify):
            answer = self.checker.requestAvatarId(UsernamePassword(name.encode(), b"x"))
        answer.addErrback(lambda failure: failure.trap(UnauthorizedLogin))
        self.successResultOf(answer)
        (one,) = verified
        return one

    def test_one_hash_for_everybody(self) -> None:
        hashes = {entry.hash for entry in self.checker._file.entries().values()}
        self.assertEqual({self.cost("ada"), self.cost("bob")}, hashes)
        self.assertEqual({self.cost(f"nobody{number}") for number in range(50)}, hashes)

    def test_always_the_same_for_one_name(self) -> None:
        for name in ("eve", "mallory"):
            self.assertEqual(len({self.cost(spelled) for spelled in (name, name.upper(), f" {name}") * 5}), 1)

    def test_whose_depends_on_the_key(self) -> None:
        costs = set()
        for number in range(50):
            self.checker = Argon2Checker(PasswordFile(self.path), bytes([number]))
            costs.add(self.cost("eve"))
        self.assertEqual(len(costs), 2)

    def test_nobody_is_let_in_by_somebody_elses_password(self) -> None:
        for name in ("eve", "mallory", "trent", ""):
            with patch.object(PasswordHasher, "verify", return_value=True):
                answer = self.checker.requestAvatarId(UsernamePassword(name.encode(), b"a"))
            self.failureResultOf(answer, UnauthorizedLogin)
