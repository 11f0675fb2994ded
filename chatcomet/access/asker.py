"""Asker: who asks, as far as is known, and for whom that counts."""

from __future__ import annotations

from dataclasses import dataclass, field

from chatcomet.access.identity import GUEST, Identity, Kind, Session, fold
from chatcomet.access.tickets import Ticket


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who asks for something, and `address`, from where; as `Proxies` counts it: None is nobody's.

    `session` and `ticket`: by which of these it is known, if by any.
    `readable`: the rooms that it may read, as a `Gate` has found: see there.
    """

    identity: Identity = Identity()  # noqa: RUF009  # it is frozen
    address: str | None = None
    session: Session | None = None
    ticket: Ticket | None = None
    readable: dict[str, int] = field(default_factory=dict, compare=False, repr=False)

    @property
    def name(self) -> str:
        """Under which it writes."""
        return self.identity.name or GUEST

    @property
    def scope(self) -> str:
        """To whom its idempotency keys belong: it stays when a session or ticket is renewed; "" is nobody."""
        if self.ticket is not None:
            return self.ticket.scope
        if self.session is None:
            return ""
        return f"member:{fold(self.session.name)}" if self.session.member else self.session.id

    @property
    def counted(self) -> str | None:
        """As whom limits count it; None: as nobody."""
        return self.scope or self.address

    @property
    def subjects(self) -> tuple[str, ...]:
        """As whom it may be ruled: by name, and a guest also by the session, who may take another name."""
        name = fold(self.name)
        return (name, self.session.id) if self.identity.kind is Kind.GUEST and self.session else (name,)


STRANGER = Asker()
"""Of whom nothing is known."""
