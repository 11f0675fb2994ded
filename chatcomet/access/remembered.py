"""Remembered: who has signed in just now, for scripts that send their password with every request.

What is kept of a password is an HMAC under a key of this process, which is worth nothing elsewhere.  A success holds
for the address from which it came, and as long as the account is as it was.  A failure is never kept.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from chatcomet.access.accounts import Account

CHANGES_SEEN_SECONDS = 300.0
"""For how long a success is kept where a change of the account would be seen."""

CHANGES_UNSEEN_SECONDS = 60.0
"""And where it would not: for so long an account that was ended can still be used."""

REMEMBERED = 10_000


class _Success(NamedTuple):
    account: Account
    end: float


class Remembered:
    """Keeps successes.  `key`: chance of this process.  `vouches`: whether an account is as it was, by fingerprint."""

    def __init__(self, key: bytes, vouches: Callable[[str | None], bool], clock: IReactorTime) -> None:
        self._key = key
        self._vouches = vouches
        self._clock = clock
        self._successes: OrderedDict[bytes, _Success] = OrderedDict()  # the oldest first

    def key(self, name: str, password: bytes, address: str | None) -> bytes:
        """By what a success is known again."""
        told = f"{name}\0{address or ''}\0".encode()  # no name and no address has a NUL
        return hmac.digest(self._key, told + password, "sha256")

    def get(self, key: bytes) -> Account | None:
        """Who has signed in with what `key` stands for."""
        success = self._successes.get(key)
        if success is None:
            return None
        if self._clock.seconds() >= success.end or not self._vouches(success.account.fingerprint):
            del self._successes[key]
            return None
        return success.account

    def add(self, key: bytes, account: Account) -> None:
        """Keep a success."""
        now = self._clock.seconds()
        seconds = CHANGES_UNSEEN_SECONDS if account.fingerprint is None else CHANGES_SEEN_SECONDS
        self._successes.pop(key, None)  # to stand last
        self._successes[key] = _Success(account, now + seconds)
        self._forget(now)

    def _forget(self, now: float) -> None:
        """What is too much, and what has ended of the oldest."""
        while self._successes:
            key, success = next(iter(self._successes.items()))
            if now < success.end and len(self._successes) <= REMEMBERED:
                return
            del self._successes[key]
