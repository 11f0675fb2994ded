"""Gate: whether somebody may do something now, by what holds in the room, and by what was ruled.

It is asked before the store: the answer to who may not read a room does not depend on whether there is one.  That
somebody may read is remembered with the asker until anything changes: a poll asks it each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chatcomet.access.asker import Asker, Clearance
from chatcomet.access.grants import ACTIONS as GRANTED
from chatcomet.access.identity import Kind, fold
from chatcomet.access.permission import admits, may, may_somebody
from chatcomet.access.policy import OPEN, PolicyFile
from chatcomet.access.rules import ACTIONS, Action, Rules
from chatcomet.access.rulings import Rulings
from chatcomet.core.rulings import Kind as Ruled
from chatcomet.errors import NotAllowed, NotSignedIn, SessionEnded

_ROOMS = 4
"""For how many rooms one clearance can be: they may be as many as people, and each of them as large."""

_CLEARANCES = 1_000
"""So many are kept to be given to others, too: most people read what others read."""

_DOING: dict[Action, str] = {
    "read": "read this room",
    "post": "post in this room",
    "create": "make this room",
    "moderate": "moderate this room",
}


class Gate:
    """`guests_allowed`: whether anything is open to who has neither signed in nor a ticket.

    `accounts`: whether people sign in with a password, `tickets`: whether tickets are taken.
    """

    def __init__(
        self,
        policy: PolicyFile,
        rulings: Rulings,
        guests_allowed: bool,
        *,
        accounts: bool = True,
        tickets: bool = True,
    ) -> None:
        self.guests_allowed = guests_allowed
        self._accounts = accounts
        self._tickets = tickets
        self._policy = policy
        self._rulings = rulings
        self._life = 0  # of what was found
        self._cleared: dict[frozenset[str], Clearance] = {}
        rulings.subscribe(lambda _: self.forget())

    def forget(self) -> None:
        """Something has changed: what was found is worth nothing."""
        self._life += 1
        self._cleared.clear()

    def rules(self, room: str) -> Rules:
        """What holds in `room`."""
        return self._policy.policy.rules(room)

    def check_reader(self, asker: Asker, room: str) -> None:
        """Raise `NotAllowed` or `NotSignedIn` unless `asker` may read `room`: the way of each poll."""
        cleared = asker.cleared
        if cleared is None or cleared.life != self._life:
            self.check("read", asker, room)
            asker.clear(self._clearance(frozenset((room,))))
        elif room not in cleared.rooms:
            self.check("read", asker, room)
            if len(cleared.rooms) < _ROOMS:
                asker.clear(self._clearance(cleared.rooms | {room}))

    def _clearance(self, rooms: frozenset[str]) -> Clearance:
        """One for `rooms`, and the same for all who may read just these: of many who wait each would have its own."""
        found = self._cleared.get(rooms)
        if found is None:
            if len(self._cleared) >= _CLEARANCES:
                self._cleared.clear()
            self._cleared[rooms] = found = Clearance(self._life, rooms)
        return found

    def check(self, action: Action, asker: Asker, room: str) -> None:
        """Raise `NotAllowed` unless `asker` may do `action` in `room`, or `NotSignedIn` where to sign in may help.

        To be somebody else does not help who is banned or muted, nor where nobody may, whoever that is.

        Whoever shows a session that has ended reads as a stranger, and changes nothing (`SessionEnded`): what they say
        would go out as nobody's.
        """
        if asker.has_ended and action != "read":
            raise SessionEnded("your session has ended: sign in again, or ask without it")
        if self.may(action, asker, room):
            return
        ruled = self._is_ruled("ban", asker, room) or (action != "read" and self._is_ruled("mute", asker, room))
        is_known = asker.identity.kind not in (Kind.STRANGER, Kind.GUEST)
        if not is_known and not ruled and self._may_somebody(action, room):
            raise NotSignedIn(f"you have to sign in, or to have a ticket, to {_DOING[action]}")
        raise NotAllowed(f"you may not {_DOING[action]}")

    def _may_somebody(self, action: Action, room: str) -> bool:
        return may_somebody(action, self.rules(room), accounts=self._accounts, tickets=self._tickets)

    def may(self, action: Action, asker: Asker, room: str) -> bool:
        """Whether `asker` may do `action` in `room`."""
        return may(
            action,
            room,
            asker.identity,
            self._policy.policy,
            guests_allowed=self.guests_allowed,
            muted=action != "read" and self._is_ruled("mute", asker, room),
            banned=self._is_ruled("ban", asker, room),
        )

    def may_name_author(self, asker: Asker, room: str) -> bool:
        """Whether `asker` may say under whose name it posts in `room`: a ticket's `as`."""
        return asker.ticket is not None and asker.ticket.grants.may("as", room)

    def check_author(self, name: str, room: str) -> None:
        """Raise `NotAllowed` where whoever has the name `name` may not post: it holds for who speaks for them, too."""
        subject = fold(name)
        if self._rulings.is_ruled("ban", room, subject) or self._rulings.is_ruled("mute", room, subject):
            raise NotAllowed("nobody may post in this room under this name")

    def grants(self, asker: Asker) -> Mapping[str, Sequence[str]]:
        """Where `asker` may do something, by room pattern; of a ticket all that match a room's name count.

        Of the policy the first that matches holds; but one under which `asker` may do nothing is left out, or everybody
        would be told the names of closed rooms.  So what is granted by another pattern may not hold in these: for a
        single room see `grants_in`.  What was ruled is not in it.
        """
        if asker.ticket is not None:
            return asker.ticket.grants.to_object()
        blocks = dict(self._policy.policy.blocks)
        blocks.setdefault("*", OPEN)
        granted = ((pattern, self._admitted(rules, asker)) for pattern, rules in blocks.items())
        return {pattern: actions for pattern, actions in granted if actions}

    def grants_in(self, asker: Asker, room: str) -> Mapping[str, Sequence[str]]:
        """The same for `room` alone, under its name; exact.  It tells no more than to try would."""
        if asker.ticket is not None:
            return {room: [action for action in GRANTED if asker.ticket.grants.may(action, room)]}
        return {room: self._admitted(self.rules(room), asker)}

    def _admitted(self, rules: Rules, asker: Asker) -> list[Action]:
        return [action for action in ACTIONS if admits(action, rules, asker.identity, self.guests_allowed)]

    def _is_ruled(self, kind: Ruled, asker: Asker, room: str) -> bool:
        if not len(self._rulings):
            return False
        return any(self._rulings.is_ruled(kind, room, subject) for subject in asker.subjects)
