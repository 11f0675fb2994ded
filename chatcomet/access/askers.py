"""Askers: who somebody is, by what came with the request.

To find that out anew for each poll would cost more than the poll.  So an `Asker` is kept for as long as what it was
found by holds, which is looked at each time: a session that was not signed out and has its name, a ticket that has
not expired.
"""

from __future__ import annotations

from chatcomet.access.asker import Asker
from chatcomet.access.identity import Identity, Kind, Session
from chatcomet.access.sessions import Sessions
from chatcomet.access.tickets import Ticket, Tickets
from chatcomet.errors import BadTicket

_REMEMBERED = 20_000


class Askers:
    """Knows people by their sessions and tickets; without `tickets` none is good."""

    def __init__(self, sessions: Sessions, tickets: Tickets | None) -> None:
        self._sessions = sessions
        self._tickets = tickets
        self._known: dict[tuple[str | None, str | None], Asker] = {}  # by address, and cookie or ticket

    def stranger(self, address: str | None) -> Asker:
        """Somebody at `address`."""
        return self._known.get((address, None)) or self._remember((address, None), Asker(address=address))

    def holder(self, cookie: str, address: str | None) -> Asker:
        """Whose session `cookie` is; somebody, if it is nobody's.  Counts as a use of the session's name."""
        session = self._sessions.recall(cookie)
        if session is None:
            return self.stranger(address)
        self._sessions.holds_name(session)
        asker = self._known.get((address, cookie))
        if asker is None or asker.session is not session:
            asker = self._remember((address, cookie), of_session(session, address))
        return asker

    def bearer(self, text: str, address: str | None) -> Asker:
        """Whom the ticket `text` speaks of.  Raises `BadTicket`."""
        if self._tickets is None:
            raise BadTicket("tickets are not taken here: the operator has given no key to check them with")
        ticket = self._tickets.verify(text)
        asker = self._known.get((address, text))
        if asker is None or asker.ticket is not ticket:
            asker = self._remember((address, text), _of_ticket(ticket, address))
        return asker

    def _remember(self, key: tuple[str | None, str | None], asker: Asker) -> Asker:
        if len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[key] = asker
        return asker


def of_session(session: Session, address: str | None) -> Asker:
    """The holder of `session`."""
    kind = Kind.MEMBER if session.member else Kind.GUEST
    return Asker(Identity(kind, session.name), address, session)


def _of_ticket(ticket: Ticket, address: str | None) -> Asker:
    return Asker(Identity(Kind.TICKET, ticket.name, ticket.grants), address, ticket=ticket)
