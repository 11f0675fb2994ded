"""SignIn: who somebody is, by name and password.

In this order, and up to the last step in one turn of the reactor:

1. What can be nobody's name or password fails, at no cost.
2. Whoever has failed too often waits (``tries.py``), whatever the password is: an answer would be another guess.
3. Who was right just now, from the same address, is right again (``remembered.py``).
4. Who asks the same from the same address as somebody who is being answered, shares the answer: a script that makes
   ten requests at once has its password checked once.
5. The try is counted as failed, and the checkers are asked (``checkers.py``).

6. What was right is worth nothing if the account has changed meanwhile.

Nobody can learn from an answer, or from how long it takes, whether there is an account of a name.  A peer that has
gone changes nothing: its try is looked into and counted all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import UsernamePassword
from twisted.cred.error import LoginFailed
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from chatcomet.access.accounts import Account, Accounts, IAccount
from chatcomet.access.checkers import Checkers
from chatcomet.access.hashing import Hashing
from chatcomet.access.identity import GUEST, check_name, fold
from chatcomet.access.passwords import encode_password
from chatcomet.access.remembered import Remembered
from chatcomet.access.tries import Tries
from chatcomet.core.flights import Flights
from chatcomet.errors import HalfAsked, Malformed, ServerFault, SignInFailed, TooManyTries
from chatcomet.settings import FREE_TRIES


class SignIn:
    """Asks `checkers` (of names and passwords), in their order.  A `Register` of their accounts.

    `hashing`: where those are asked that take long.  `clock` does not jump.  `key`: chance of this process.
    `free_tries`: how many may fail before the next has to wait.
    """

    _log = Logger()

    def __init__(
        self,
        checkers: Sequence[ICredentialsChecker],
        hashing: Hashing,
        clock: IReactorTime,
        key: bytes,
        free_tries: int = FREE_TRIES,
    ) -> None:
        all_checkers = self._checkers = Checkers(checkers, hashing, clock)
        self._portal = Portal(Accounts(), [all_checkers])
        self._remembered = Remembered(key, all_checkers.vouches, clock)
        self._tries = Tries(clock, free_tries)
        self._flights: Flights[Account] = Flights()

    def has_account(self, name: str) -> bool:
        """Whether `name`, as `fold` has it, is known to be an account's: no guest may take it."""
        return self._checkers.has(name)

    def vouches(self, fingerprint: str | None) -> bool:
        """Whether the account of `fingerprint` is as it was; see `Register`."""
        return self._checkers.vouches(fingerprint)

    def stamp(self) -> tuple[object, ...]:
        """What is another if accounts may have changed, as far as that can be seen; empty if it never can."""
        return self._checkers.stamp()

    def read_again(self) -> None:
        """Learn which accounts there are now, which may take long: for any thread."""
        self._checkers.read_again()

    def authenticate(self, name: str, password: str, address: str | None) -> Deferred[Account]:
        """Fires with the account of `name`, if `password` is its; at once if that is known.

        `address`: whose tries are counted together; None for a peer that is exempt from such limits.  Fails with
        `SignInFailed`, `TooManyTries` or `ServerFault`.  Cancelling it changes nothing for anybody else.
        """
        try:
            name, secret = check_name(name), encode_password(password)
        except Malformed:
            return fail(SignInFailed())
        if fold(name) == GUEST:
            return fail(SignInFailed())
        try:
            self._tries.check(fold(name), address)
        except TooManyTries:
            return fail()
        key = self._remembered.key(name, secret, address)
        account = self._remembered.get(key)
        if account is not None:
            return succeed(account)
        ask = partial(self._ask, name, secret, address, key)
        return self._flights.join(key, lambda: Deferred.fromCoroutine(ask()))

    async def _ask(self, name: str, secret: bytes, address: str | None, key: bytes) -> Account:
        self._tries.begin(fold(name), address)
        try:
            _, avatar, _ = await self._portal.login(UsernamePassword(name.encode(), secret), None, IAccount)
        except LoginFailed:
            self._log.info("a sign-in from {address} has failed", address=address or "a trusted peer")
            raise SignInFailed from None
        except HalfAsked:  # half an answer is one to a guesser
            raise
        except ServerFault:
            self._tries.withdraw(fold(name), address)
            raise
        account = cast(Account, avatar)
        if not self._checkers.vouches(account.fingerprint):
            raise SignInFailed
        self._tries.succeed(fold(name), address)
        self._remembered.add(key, account)
        return account
