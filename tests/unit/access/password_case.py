"""A file of passwords for tests of what reads it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from tests.unit.access.cheap_hash import cheap_hash


class PasswordCase(SynchronousTestCase):
    """`self.path` is a file in which Ada's password is "ada's", and Bob's is "bob's"."""

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "passwords"
        self.write({"Ada": "ada's", "bob": "bob's"})

    def write(self, passwords: dict[str, str]) -> None:
        """Put another file in its place."""
        new = self.path.with_name("new")
        new.write_text("".join(f"{name}:{cheap_hash(password)}\n" for name, password in passwords.items()))
        new.replace(self.path)
