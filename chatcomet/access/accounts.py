"""Accounts: who is known by a password, whichever checker of Twisted's cred knows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
    """Who has signed in.  `name` is checked, and in the account's own spelling."""

    name: str


@implementer(IRealm)
class Accounts:
    """Makes an `Account` of what a checker says that somebody is: bytes, as cred has it, or text."""

    _log = Logger()

    def requestAvatar(
        self, avatar_id: object, mind: object, *interfaces: type[Interface]
    ) -> tuple[type[Interface], Account, Callable[[], None]]:
        """An account, for which nothing is to be done when it ends.  Raises `UnauthorizedLogin` for who can be none."""
        try:
            return IAccount, Account(_name(avatar_id)), _do_nothing
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
