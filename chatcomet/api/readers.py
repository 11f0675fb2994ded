"""Readers: who waits or follows a stream now: how many, from where, and by what right.

* One too many is no error: it is answered at once with what there is, and told when to come again; so nobody is locked
  out (law 9).
* A right that ends (a ticket or a session's cookie expires, a ticket is revoked, a session is signed out, an account or
  its password changes, somebody is banned, the policy changes) ends what was begun by it, within `EXPIRY_SECONDS`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from chatcomet.access.asker import Asker
from chatcomet.access.refusals import Refusals
from chatcomet.core.rulings import Ruling
from chatcomet.errors import AskerError, BadTicket, NotSignedIn

EXPIRY_SECONDS = 0.5
"""Between two looks for tickets and sessions that have expired."""


class Reader(Protocol):
    """Somebody who waits, or follows."""

    @property
    def asker(self) -> Asker:
        """Who that is."""

    @property
    def rooms(self) -> Sequence[str]:
        """What is read."""

    def dismiss(self, fault: AskerError) -> None:
        """Read no more, for this reason; `Readers.leave` is still owed."""


class Readers:
    """`most`: how many there may be in all, `most_each`: from one address; 0 is no limit.

    Who is put off is counted in `refusals`.  `check`: raises `AskerError` for who may not read a room, or is not who
    it was.  `wall`: seconds since 1970.
    """

    _log = Logger()

    def __init__(
        self,
        most: int,
        most_each: int,
        refusals: Refusals,
        check: Callable[[Asker, str], None],
        wall: Callable[[], float],
        clock: IReactorTime,
    ) -> None:
        self._most = most or sys.maxsize
        self._most_each = most_each or sys.maxsize
        self._refusals = refusals
        self._check = check
        self._wall = wall
        self._clock = clock
        self._all: dict[Reader, None] = {}
        self._by_address: dict[str, int] = {}  # only those from which there are some
        self._expiry: IDelayedCall | None = None
        self._soonest = inf  # when a right may expire next: nobody's does before

    def __len__(self) -> int:
        """How many there are now."""
        return len(self._all)

    @property
    def is_full(self) -> bool:
        """Whether there may be no more, from wherever."""
        return len(self._all) >= self._most

    def enter(self, reader: Reader) -> bool:
        """Whether one more may wait or follow; if so, `leave` is owed."""
        asker = reader.asker
        address = asker.address
        if self.is_full:
            self._refusals.count("readers")
            return False
        if address is not None:
            before = self._by_address.get(address, 0)
            if before >= self._most_each:
                self._refusals.count("readers of one address")
                return False
            self._by_address[address] = before + 1
        self._all[reader] = None
        if asker.until < self._soonest:
            self._soonest = asker.until
            if self._expiry is None:
                self._expiry = self._clock.callLater(EXPIRY_SECONDS, self._dismiss_expired)
        return True

    def leave(self, reader: Reader) -> None:
        """One that `enter` let in waits and follows no more."""
        del self._all[reader]
        asker = reader.asker
        if asker.address is not None:
            left = self._by_address[asker.address] - 1
            if left:
                self._by_address[asker.address] = left
            else:
                del self._by_address[asker.address]

    def heed(self, ruling: Ruling) -> None:
        """Dismiss those who lose a right by `ruling`, which has begun.

        All are looked at, 20,000 in a millisecond: to have them by their rights would cost each poll more.
        """
        if ruling.kind == "ban":
            self.check_all()
        elif ruling.kind != "mute":
            fault = NotSignedIn("the session or ticket that you were known by has ended")
            self._dismiss([reader for reader in self._all if reader.asker.right == ruling.subject], fault)

    def check_all(self) -> None:
        """Dismiss those who may not read any more what they read, or are not who they were."""
        for reader in list(self._all):
            try:
                for room in reader.rooms:
                    self._check(reader.asker, room)
            except AskerError as fault:
                self._dismiss([reader], fault)

    def _dismiss_expired(self) -> None:
        """Each by its own ticket or cookie: of those that have one id some may expire before others."""
        now = self._wall()
        if self._soonest <= now:
            expired = [reader for reader in self._all if reader.asker.until <= now]
            by_session = [reader for reader in expired if reader.asker.ticket is None]
            self._dismiss([reader for reader in expired if reader.asker.ticket], BadTicket("this ticket has expired"))
            self._dismiss(by_session, NotSignedIn("the session that you were known by is too old"))
        if self._soonest <= now or not self._all:
            self._soonest = min((reader.asker.until for reader in self._all), default=inf)
        is_owed = self._soonest < inf
        self._expiry = self._clock.callLater(EXPIRY_SECONDS, self._dismiss_expired) if is_owed else None

    def _dismiss(self, readers: Iterable[Reader], fault: AskerError) -> None:
        for reader in list(readers):
            try:
                if reader in self._all:  # the one before may have taken it along
                    reader.dismiss(fault)
            except Exception:
                self._log.failure("a fault in dismissing a reader")

    def stop(self) -> None:
        """Look for nothing any more."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
