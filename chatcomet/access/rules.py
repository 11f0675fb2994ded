"""Rules: what holds in one room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chatcomet.access.identity import Kind, fold

Action = Literal["read", "post", "create", "moderate"]
"""What may be allowed in a room.  `create`: to bring it into being, by posting there first."""

ACTIONS: tuple[Action, ...] = ("read", "post", "create", "moderate")


@dataclass(frozen=True, slots=True)
class Audience:
    """For whom something is: `guests`, all `members`, or those whose `names` (as `fold` has them) are listed."""

    guests: bool = False
    members: bool = False
    names: frozenset[str] = frozenset()

    def admits(self, kind: Kind, name: str | None) -> bool:
        """Whether this is for one who is known as `kind`, under `name` where there is one.

        A list admits no guest, whatever it says: anybody may pick any name.  Who has a ticket is never admitted here:
        the ticket says itself what it is good for.
        """
        if kind is Kind.MEMBER:
            return self.members or (name is not None and bool(self.names) and fold(name) in self.names)
        return self.guests and kind is not Kind.TICKET


EVERYONE = Audience(guests=True, members=True)
MEMBERS = Audience(members=True)
NOBODY = Audience()


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds in one room.  None: what the server's options say for all rooms.

    `retain`: how many messages it keeps; 0 keeps all.  `retain_days`: for how many days; 0 keeps them for ever.
    `posts_per_second`: how often each person may post in it, for long; 0 is no limit.  `post_burst`: how often at once.
    """

    read: Audience = EVERYONE
    post: Audience = EVERYONE
    create: Audience = EVERYONE
    moderate: Audience = NOBODY
    retain: int | None = None
    retain_days: float | None = None
    posts_per_second: float | None = None
    post_burst: int | None = None

    def audience(self, action: Action) -> Audience:
        """For whom `action` is."""
        match action:
            case "read":
                return self.read
            case "post":
                return self.post
            case "create":
                return self.create
            case "moderate":
                return self.moderate
