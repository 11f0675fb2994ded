"""Askers: who somebody is, by what came with the request.

To find that out anew for each poll would cost more than the poll.  So an `Asker` is kept for as long as what it was
found by holds, which is looked at each time: a session that was not signed out and has its name, a ticket that counts.
Whoever stays is looked at when something has changed: see `Askers.check`.
"""

from __future__ import annotations

from chatcomet.access.accounts import NOBODY, Register
from chatcomet.access.asker import Asker, bearer, ended, holder, nameless, stranger
from chatcomet.access.identity import Kind, fold
from chatcomet.access.rulings import Rulings
from chatcomet.access.sessions import Sessions
from chatcomet.access.tickets import Tickets
from chatcomet.errors import BadTicket, NotSignedIn

_REMEMBERED = 20_000
_ENDED = "\n"  # in the place of any cookie that is worth nothing: of those there are too many


class Askers:
    """Knows people by their sessions and tickets; without `tickets` none is good.  `accounts`: which there are."""

    def __init__(
        self, sessions: Sessions, tickets: Tickets | None, rulings: Rulings, accounts: Register = NOBODY
    ) -> None:
        self._sessions = sessions
        self._tickets = tickets
        self._rulings = rulings
        self._accounts = accounts
        self._known: dict[tuple[str | None, str], Asker] = {}  # by address, and cookie or ticket

    def stranger(self, address: str | None) -> Asker:
        """Somebody at `address`."""
        return self._known.get((address, "")) or self._remember(stranger(address), "")

    def holder(self, cookie: str, address: str | None) -> Asker:
        """Whose session `cookie` is; who has `ended`, if it is nobody's.  Counts as a use of the session's name."""
        session = self._sessions.recall(cookie)
        if session is None:
            return self._known.get((address, _ENDED)) or self._remember(ended(address), _ENDED)
        if not self._sessions.holds_name(session):
            return nameless(session, address)
        known = self._known.get((address, cookie))
        return known if known and known.session is session else self._remember(holder(session, address), cookie)

    def bearer(self, text: str, address: str | None) -> Asker:
        """Whom the ticket `text` speaks of.  Raises `BadTicket`."""
        if self._tickets is None:
            raise BadTicket("tickets are not taken here: the operator has given no key to check them with")
        ticket = self._tickets.verify(text)
        if self._rulings.is_ruled("revoked", "", ticket.id):
            raise BadTicket("this ticket was revoked")
        known = self._known.get((address, text))
        return known if known and known.ticket is ticket else self._remember(bearer(ticket, address), text)

    def check(self, asker: Asker) -> None:
        """Raise `NotSignedIn` if `asker` is not any more who it was found to be.

        That is a member whose account has changed, and a guest whose name has become an account's.
        """
        kind, name = asker.identity.kind, asker.identity.name
        if kind is Kind.MEMBER and not self._accounts.vouches(asker.fingerprint):
            raise NotSignedIn("the account that you were known by is gone, or has another password")
        if kind is Kind.GUEST and name is not None and self._accounts.has_account(fold(name)):
            raise NotSignedIn("the name that you had as a guest is an account's now")

    def _remember(self, asker: Asker, found_by: str) -> Asker:
        if len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[asker.address, found_by] = asker
        return asker
