"""SessionsTestCase: what tests of sessions have in common."""

from __future__ import annotations

from itsdangerous import URLSafeSerializer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.identity import Session
from chatcomet.access.sessions import KEY_BYTES, Sessions
from chatcomet.errors import NameTaken
from tests.unit.access.hand_register import HandRegister

KEY = b"k" * KEY_BYTES
NOON = 1_795_354_155.0


def signed(salt: str, form: object) -> str:
    """`form` as something of this server's may be signed."""
    return str(URLSafeSerializer(KEY, salt=salt, signer_kwargs={"key_derivation": "hmac"}).dumps(form))


class SessionsTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = NOON
        self.clock = Clock()
        self.ended: set[str] = set()
        self.accounts = HandRegister()
        self.sessions = self.restarted()

    def restarted(self, key: bytes = KEY) -> Sessions:
        """The sessions of a server that has just begun."""
        return Sessions(key, lambda: self.now, self.clock, lambda session: session in self.ended, self.accounts)

    def assert_taken(self, name: str, session: Session | None = None) -> None:
        self.assertRaises(NameTaken, self.sessions.sign_in, name, session)
