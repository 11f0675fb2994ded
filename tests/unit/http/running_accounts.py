"""An edge whose members stand in a file of hashes, which may change."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import cast

from twisted.python.threadpool import ThreadPool

from chatcomet.access.argon2_checker import Argon2Checker
from chatcomet.access.hashing import Hashing
from chatcomet.access.password_file import PasswordFile
from chatcomet.access.signin import SignIn
from tests.unit.access.hand_pool import DirectReactor, HandPool
from tests.unit.access.password_case import PasswordCase
from tests.unit.http.peer import asking
from tests.unit.http.running_lane import JSON
from tests.unit.http.running_readers import ReadersTestCase


def basic(name: str, password: str) -> str:
    """The `Authorization` of who sends a password."""
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


class AccountsTestCase(PasswordCase, ReadersTestCase):
    """Ada and Bob have accounts; their passwords are those of `PasswordCase`."""

    def setUp(self) -> None:
        PasswordCase.setUp(self)
        ReadersTestCase.setUp(self)

    def sign_in_by_password(self) -> SignIn:
        self.pool = HandPool()
        self.passwords = SignIn(
            [Argon2Checker(PasswordFile(self.path), b"key")],
            Hashing(DirectReactor(), cast(ThreadPool, self.pool)),
            self.clock,
            b"k" * 32,
        )
        return self.passwords

    def change(self, passwords: dict[str, str]) -> None:
        """Let there be these accounts, and let the server see it."""
        self.write(passwords)
        self.passwords.read_again()
        self.chat.readers.check_all()

    def member(self, name: str = "ada") -> str:
        """The `Cookie` of who has signed in."""
        peer = self.connect()
        body = json.dumps({"name": name, "password": f"{name}'s"}).encode()
        peer.send(asking("/session", "POST", body, Content_Type=JSON))
        self.pool.run_all()
        return peer.answer().cookie
