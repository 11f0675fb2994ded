"""Argon2Checker: Twisted's cred over a file of Argon2 hashes.  ``--auth argon2:FILE`` makes one, in any program that
takes ``--auth``.

Whether a name is in the file can't be told from how long an answer takes: for one that is not, the password is checked
against somebody else's hash (always the same one for a name, as it would be its own), and refused whatever comes of it.
"""

from __future__ import annotations

import hmac
from itertools import islice

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, execute
from zope.interface import implementer

from chatcomet.access.accounts import Fingerprinted
from chatcomet.access.identity import check_name, fold
from chatcomet.access.password_file import PasswordFile, Stamp
from chatcomet.errors import Malformed

_VERIFIER = PasswordHasher()  # its own parameters are for new hashes


@implementer(ICredentialsChecker)
class Argon2Checker:
    """Knows the accounts of `file`.  `key`: chance, by which decoys are drawn.

    It takes as long as hashing does: whoever has a reactor to spare asks it in a thread, any thread.
    """

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, file: PasswordFile, key: bytes) -> None:
        self._file = file
        self._key = key

    def requestAvatarId(self, credentials: IUsernamePassword) -> Deferred[bytes | tuple[()]]:
        """Has fired: with the account's name as the file has it, `Fingerprinted`, or with `UnauthorizedLogin`."""
        return execute(self._check, credentials.username, credentials.password)

    def has(self, name: str) -> bool:
        """Whether there is an account of `name`, as `fold` has it; as the file was read last."""
        return self._file.has(name)

    def vouches(self, fingerprint: str) -> bool:
        """Whether there is the account of `fingerprint`; as the file was read last."""
        return self._file.vouches(fingerprint)

    def stamp(self) -> Stamp:
        """What is another if the accounts may be others."""
        return self._file.stamp()

    def read_again(self) -> None:
        """Read the file if it has changed, which may take long."""
        self._file.entries()

    def _check(self, username: bytes, password: bytes) -> Fingerprinted:
        entries = self._file.entries()
        if not entries:
            raise UnauthorizedLogin
        name = _folded(username)
        digest = hmac.digest(self._key, name.encode(), "sha256")
        decoy = next(islice(entries.values(), int.from_bytes(digest) % len(entries), None))
        entry = entries.get(name)
        matches = _matches((entry or decoy).hash, password)
        if entry is None or not matches:
            raise UnauthorizedLogin
        return Fingerprinted.of(entry.name, entry.fingerprint)


def _folded(username: bytes) -> str:
    """Empty for what can be nobody's."""
    try:
        return fold(check_name(username.decode()))
    except (UnicodeDecodeError, Malformed):
        return ""


def _matches(hashed: str, password: bytes) -> bool:
    """Takes long.  Raises `VerificationError` where there is no memory left for it, and the like."""
    try:
        return _VERIFIER.verify(hashed, password)
    except VerifyMismatchError:
        return False
