"""Accounts: who is known by a password, whichever checker of Twisted's cred knows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm
from twisted.logger import Logger
from zope.interface import Attribute, Interface, implementer

from chatcomet.access.identity import GUEST, check_name, fold
from chatcomet.errors import Malformed


class IAccount(Interface):
    """What a `Portal` over `Accounts` gives."""

    name = Attribute("What the account is called, in the form that everybody sees.")


@implementer(IAccount)
@dataclass(frozen=True, slots=True)
class Account:
    """Who has signed in.  `name` is checked, and in the account's own spelling.

    `fingerprint`: `Entry.fingerprint`, by which it can be seen when the account is none any more, or has another
    password; None where the checker can't tell.
    """

    name: str
    fingerprint: str | None = None


class Fingerprinted(bytes):
    """What a checker says that somebody is, as cred has it, with the account's `fingerprint`."""

    fingerprint: str

    @classmethod
    def of(cls, name: str, fingerprint: str) -> Fingerprinted:
        """The account `name`."""
        known = cls(name.encode())
        known.fingerprint = fingerprint
        return known


class Register(Protocol):
    """Which accounts there are now, as far as that can be known without a password.  It is asked for each poll."""

    def has_account(self, name: str) -> bool:
        """Whether `name`, as `fold` has it, is known to be an account's."""

    def vouches(self, fingerprint: str | None) -> bool:
        """Whether the account of `fingerprint` is as it was when somebody signed in; None: one that can't be told."""


class _Nobody:
    def has_account(self, name: str) -> bool:
        return False

    def vouches(self, fingerprint: str | None) -> bool:
        return fingerprint is None


NOBODY: Register = _Nobody()
"""Where no account is known."""


@implementer(IRealm)
class Accounts:
    """Makes an `Account` of what a checker says that somebody is: bytes, as cred has it, or text."""

    _log = Logger()

    def requestAvatar(
        self, avatar_id: object, mind: object, *interfaces: type[Interface]
    ) -> tuple[type[Interface], Account, Callable[[], None]]:
        """An account, for which nothing is to be done when it ends.  Raises `UnauthorizedLogin` for who can be none."""
        try:
            fingerprint = avatar_id.fingerprint if isinstance(avatar_id, Fingerprinted) else None
            return IAccount, Account(_name(avatar_id), fingerprint), _do_nothing
        except (UnicodeDecodeError, Malformed) as error:
            self._log.warn("the right password was given for {id!r}, but {error}", id=avatar_id, error=error)
            raise UnauthorizedLogin from error


def _name(avatar_id: object) -> str:
    text = avatar_id.decode() if isinstance(avatar_id, bytes) else avatar_id
    if not isinstance(text, str):  # `checkers.ANONYMOUS`, say
        raise Malformed("that is no name")
    name = check_name(text)
    if fold(name) == GUEST:
        raise Malformed("that is what all are called who have no account")
    return name


def _do_nothing() -> None:
    pass
