"""Askers: who somebody is, by what came with the request.

To find that out anew for each poll would cost more than the poll.  So whoever has found it out once keeps the `Asker`,
and asks each time whether it `holds`: a session that was not signed out and has its name, a ticket that counts.
Whoever stays is looked at when something has changed: see `Askers.check`.
"""

from __future__ import annotations

from collections.abc import Callable

from chatcomet.access.accounts import NOBODY, Register
from chatcomet.access.asker import Asker, bearer, ended, holder, nameless, stranger
from chatcomet.access.identity import Kind, fold
from chatcomet.access.recent import Recent
from chatcomet.access.rulings import Rulings
from chatcomet.access.sessions import Sessions
from chatcomet.access.tickets import Ticket, Tickets
from chatcomet.errors import BadTicket, NotSignedIn

_REMEMBERED = 20_000  # strangers, and those who were known, by address


class Askers:
    """Knows people by their sessions and tickets; without `tickets` none is good.  `accounts`: which there are."""

    def __init__(
        self, sessions: Sessions, tickets: Tickets | None, rulings: Rulings, accounts: Register = NOBODY
    ) -> None:
        self._sessions = sessions
        self._tickets = tickets
        self._rulings = rulings
        self._accounts = accounts
        self._strangers: Recent[str | None, Asker] = Recent(_REMEMBERED)  # by address
        self._ended: Recent[str | None, Asker] = Recent(_REMEMBERED)  # the same

    def stranger(self, address: str | None) -> Asker:
        """Somebody at `address`: the same for all who are there."""
        return _kept(self._strangers, address, stranger)

    def holder(self, cookie: str, address: str | None) -> Asker:
        """Whose session `cookie` is; who has `ended`, if it is nobody's.  Counts as a use of the session's name."""
        session = self._sessions.recall(cookie)
        if session is None:
            return _kept(self._ended, address, ended)
        return holder(session, address) if self._sessions.holds_name(session) else nameless(session, address)

    def bearer(self, text: str, address: str | None) -> Asker:
        """Whom the ticket `text` speaks of.  Raises `BadTicket`."""
        if self._tickets is None:
            raise BadTicket("tickets are not taken here: the operator has given no key to check them with")
        ticket = self._tickets.verify(text)
        if self._is_revoked(ticket):
            raise BadTicket("this ticket was revoked")
        return bearer(ticket, address)

    def holds(self, asker: Asker) -> bool:
        """Whether whoever comes with the same again is the same `asker`.  Counts as a use of the session's name.

        One whose session has ended, or has lost its name, is always looked for again.
        """
        if asker.ticket is not None:
            holds = self._tickets is not None and self._tickets.holds(asker.ticket)
            return holds and not self._is_revoked(asker.ticket)
        session = asker.session
        if session is None:
            return not asker.has_ended
        return not asker.is_nameless and self._sessions.holds(session) and self._sessions.holds_name(session)

    def age(self) -> None:
        """Forget who was not here lately."""
        for recent in (self._strangers, self._ended, self._sessions, self._tickets):
            if recent is not None:
                recent.age()

    def _is_revoked(self, ticket: Ticket) -> bool:
        return self._rulings.is_ruled("revoked", "", ticket.id)

    def check(self, asker: Asker) -> None:
        """Raise `NotSignedIn` if `asker` is not any more who it was found to be.

        That is a member whose account has changed, and a guest whose name has become an account's.
        """
        kind, name = asker.identity.kind, asker.identity.name
        if kind is Kind.MEMBER and not self._accounts.vouches(asker.fingerprint):
            raise NotSignedIn("the account that you were known by is gone, or has another password")
        if kind is Kind.GUEST and name is not None and self._accounts.has_account(fold(name)):
            raise NotSignedIn("the name that you had as a guest is an account's now")


def _kept(among: Recent[str | None, Asker], address: str | None, make: Callable[[str | None], Asker]) -> Asker:
    """The one of `among` at `address`, made by `make` where there is none."""
    known = among.get(address)
    if known is None:
        known = make(address)
        among.put(address, known)
    return known
