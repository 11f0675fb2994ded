"""Tries: whoever guesses at passwords has to wait for longer and longer.

Failed tries are counted in three ways.  In each, some are `free`; the next has to wait for 1 s after the last one, and
those after it for 2, 4, 8 … up to the longest wait:

================  ============  ===================================================
counted           longest wait  whom it stops
================  ============  ===================================================
name and address  15 min        who guesses at somebody's password (300 times a day)
address           15 min        who tries a password on one name after the other
name              1 min         who guesses from many addresses (1,440 times a day)
================  ============  ===================================================

* Whoever knows a name can fail on it, so a name's wait is a lock to which every enemy of its owner has the key.
  Therefore it is short; and neither it nor the address's is for somebody who has signed in under this name from this
  address within `KNOWN_SECONDS`: for them only what failed under this name *from here* counts.  An owner at a new
  address waits, while a crowd of guessers is at work, for a minute at a time, among them.
* A try counts as failed from when it begins, until it has succeeded: many at once get no further than one after the
  other.  One that is refused for its wait is not looked at, tells nothing, and is not counted.
* A success takes back what failed under this name from this address, in all three counts.  What others failed stays
  counted, so nobody clears an address by signing in there under a name of their own.
* A name counts whether anybody has it or not, so that no wait tells.
* Whoever is exempt from what counts by address (None: a proxy, or this machine) is held by the name's count alone.
* An address of IPv6 counts as its network of 64 bits: that is the least that anybody is given (RFC 6177).
* What has not failed for `QUIET_SECONDS` is forgotten; and beyond `REMEMBERED` counts, what failed least recently.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple, TypeVar

from twisted.internet.interfaces import IReactorTime

from chatcomet.errors import TooManyTries

WAIT_SECONDS = 15 * 60.0
NAME_WAIT_SECONDS = 60.0
QUIET_SECONDS = 3600.0
KNOWN_SECONDS = 30 * 24 * 3600.0
REMEMBERED = 100_000

_EXEMPT = ""
"""In the place of an address that is not counted."""

_DOUBLINGS = 20  # 2 ** 20 s is longer than any wait, and 2 ** 5000 is no float


class _Whose(NamedTuple):
    """What a count is of: a name (folded), an address, or one from the other."""

    name: str | None
    address: str | None


class _Count(NamedTuple):
    failed: int
    last: float


V = TypeVar("V")


class Tries:
    """Counts failed tries.  Names are folded (`identity.fold`); `address` is None for who is exempt."""

    def __init__(self, clock: IReactorTime, free: int) -> None:
        self._clock = clock
        self._free = free
        self._counts: OrderedDict[_Whose, _Count] = OrderedDict()  # the one that failed last stands last
        self._known: OrderedDict[_Whose, float] = OrderedDict()  # when who signed in, the last one last

    def check(self, name: str, address: str | None) -> None:
        """Raises `TooManyTries` while a try of `name` from `address` has to wait."""
        seconds = max(map(self._wait, self._waiting_for(name, _network(address))))
        if seconds > 0:
            after = math.ceil(seconds)
            raise TooManyTries(f"too many sign-ins have failed: try again in {after} s", after)

    def begin(self, name: str, address: str | None) -> None:
        """Count a try as failed that is looked at from now on.  Raises `TooManyTries`, and counts nothing then."""
        self.check(name, address)
        self._forget_quiet()
        now = self._clock.seconds()
        for whose in _counted(name, _network(address)):
            count = self._counts.pop(whose, None)
            self._counts[whose] = _Count(count.failed + 1 if count else 1, now)
        _drop_oldest(self._counts)

    def succeed(self, name: str, address: str | None) -> None:
        """Take back what failed of `name` from `address`, which was right in the end."""
        whose = _Whose(name, _network(address))
        self._take_back(whose, self._counts.get(whose, _Count(0, 0.0)).failed)
        if whose.address != _EXEMPT:
            self._known.pop(whose, None)  # to stand last
            self._known[whose] = self._clock.seconds()
            _drop_oldest(self._known)

    def withdraw(self, name: str, address: str | None) -> None:
        """Take back one try of `name` from `address` that could not be looked at."""
        self._take_back(_Whose(name, _network(address)), 1)

    def _take_back(self, pair: _Whose, failed: int) -> None:
        assert pair.name is not None and pair.address is not None
        for whose in _counted(pair.name, pair.address):
            count = self._counts.get(whose)
            if count is not None and count.failed > failed:
                self._counts[whose] = count._replace(failed=count.failed - failed)
            elif count is not None:
                del self._counts[whose]

    def _waiting_for(self, name: str, address: str) -> Iterator[_Whose]:
        """The counts that a try of `name` from `address` has to wait for."""
        pair = _Whose(name, address)
        if address != _EXEMPT:
            yield pair
            if self._clock.seconds() - self._known.get(pair, -math.inf) < KNOWN_SECONDS:
                return
            yield _Whose(None, address)
        yield _Whose(name, None)

    def _wait(self, whose: _Whose) -> float:
        """For how many seconds from now `whose` has to wait."""
        count = self._counts.get(whose)
        if count is None or count.failed < self._free:
            return 0.0
        longest = NAME_WAIT_SECONDS if whose.address is None else WAIT_SECONDS
        seconds = min(2.0 ** min(count.failed - self._free, _DOUBLINGS), longest)
        return count.last + seconds - self._clock.seconds()

    def _forget_quiet(self) -> None:
        """Forget what has not failed for long: it stands first."""
        before = self._clock.seconds() - QUIET_SECONDS
        while self._counts:
            whose, count = next(iter(self._counts.items()))
            if count.last > before:
                return
            del self._counts[whose]


def _counted(name: str, address: str) -> Iterator[_Whose]:
    """The counts in which a try of `name` from `address` stands."""
    yield _Whose(name, address)
    yield _Whose(name, None)
    if address != _EXEMPT:
        yield _Whose(None, address)


def _network(address: str | None) -> str:
    """What `address` counts as: several that one peer has are one."""
    if address is None:
        return _EXEMPT
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        mapped = ip.ipv4_mapped
        return str(mapped) if mapped is not None else str(IPv6Address(int(ip) >> 64 << 64))
    assert isinstance(ip, IPv4Address)
    return str(ip)


def _drop_oldest(remembered: OrderedDict[_Whose, V]) -> None:
    while len(remembered) > REMEMBERED:
        remembered.popitem(last=False)
