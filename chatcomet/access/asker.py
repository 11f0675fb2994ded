"""Asker: who asks, as far as is known, and for whom that counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from chatcomet.access.accounts import Account
from chatcomet.access.identity import GUEST, Identity, Kind, Session, fold
from chatcomet.access.rulings import SESSION
from chatcomet.access.sessions import end_of
from chatcomet.access.tickets import Ticket
from chatcomet.core.roster import Person


class Clearance(NamedTuple):
    """For which rooms somebody may read it is known; in the `life` of a `Gate` that it belongs to."""

    life: int
    rooms: frozenset[str]


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who asks for something, and `address`, from where; as `Proxies` counts it: None is nobody's.

    `session` and `ticket`: by which of these it is known, if by any.  `person`: as whom rosters show it.
    `right`: the id of what it is known by, which may end, and ends at `until` (seconds since 1970) by itself.
    `fingerprint`: of a member's account, where that is known.  `has_ended`: whether a session was shown that is none.
    `cleared`: for the rooms that it may read, as a `Gate` has found: see there.
    """

    identity: Identity = Identity()  # noqa: RUF009  # it is frozen
    address: str | None = None
    session: Session | None = None
    ticket: Ticket | None = None
    person: Person = Person("", None)  # noqa: RUF009  # it is a tuple
    right: str | None = None
    until: float = inf
    fingerprint: str | None = None
    has_ended: bool = False
    cleared: Clearance | None = field(default=None, init=False, compare=False, repr=False)

    def clear(self, clearance: Clearance) -> None:
        """Remember it, which is all that ever changes here."""
        object.__setattr__(self, "cleared", clearance)

    @property
    def name(self) -> str:
        """Under which it writes."""
        return self.identity.name or GUEST

    @property
    def scope(self) -> str:
        """To whom its idempotency keys belong: it stays when a session or ticket is renewed; "" is nobody."""
        if self.ticket is not None:
            return self.ticket.scope
        if self.identity.kind is Kind.MEMBER:
            return member_scope(self.name)
        return self.session.id if self.session else ""

    @property
    def is_nameless(self) -> bool:
        """Whether it has a session, whose name somebody else has now."""
        return self.session is not None and self.identity.name is None

    @property
    def counted(self) -> str | None:
        """As whom limits count it; None: as nobody."""
        return self.scope or self.address

    @property
    def crowd(self) -> str | None:
        """As one of whom limits count it besides: the guests at one address, who may be one, with many sessions."""
        if self.session is None or self.session.member or self.address is None:
            return None
        return f"guests of {self.address}"  # no scope and no address has a space

    @property
    def subjects(self) -> tuple[str, ...]:
        """As whom it may be ruled: by name, and a guest also by the session, who may take another name."""
        name = fold(self.name)
        return (name, SESSION + self.session.id) if self.session and not self.session.member else (name,)


def member_scope(name: str) -> str:
    """Of the member `name`: all sessions of one are the same somebody."""
    return f"member:{fold(name)}"


def stranger(address: str | None) -> Asker:
    """Somebody at `address`."""
    return Asker(address=address, person=Person(address or "", None))


def ended(address: str | None) -> Asker:
    """Somebody at `address` who shows a session that is over, or never was one: a stranger who believes to be known."""
    return Asker(address=address, person=Person(address or "", None), has_ended=True)


def holder(session: Session, address: str | None) -> Asker:
    """Who has `session`, and its name."""
    if session.member:
        return member(Account(session.name, session.fingerprint), address, session)
    identity, person = Identity(Kind.GUEST, session.name), Person(session.id, session.name)
    return Asker(identity, address, session, person=person, right=session.id, until=end_of(session))


def member(account: Account, address: str | None, session: Session | None = None) -> Asker:
    """Who has signed in to `account`, by a `session` or with this very request."""
    name, fingerprint = account.name, account.fingerprint
    right, until = (session.id, end_of(session)) if session else (None, inf)
    identity, person = Identity(Kind.MEMBER, name), Person(member_scope(name), name)
    return Asker(identity, address, session, person=person, right=right, until=until, fingerprint=fingerprint)


def nameless(session: Session, address: str | None) -> Asker:
    """Who has `session`, but has lost its name to somebody else."""
    person, until = Person(session.id, None), end_of(session)
    return Asker(Identity(Kind.GUEST), address, session, person=person, right=session.id, until=until)


def bearer(ticket: Ticket, address: str | None) -> Asker:
    """Whom `ticket` speaks of."""
    identity, person = Identity(Kind.TICKET, ticket.name, ticket.grants), Person(ticket.scope, ticket.name)
    return Asker(identity, address, ticket=ticket, person=person, right=ticket.id, until=ticket.until)
