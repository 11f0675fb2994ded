"""Identity: who is asking, under which name."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from enum import Enum

from chatcomet.access.grants import Grants
from chatcomet.errors import Malformed

NAME_CHARACTERS = 32
GUEST = "guest"
"""The author of whoever has no session; nobody can hold this name."""

NOTHING = Grants()

_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # control, format, surrogate; line and paragraph separators


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has picked a name, or (`member`) has signed in with a password.

    `id` is secret and unguessable, `issued` is seconds since 1970.  `fingerprint`: of a member's account, as it was
    then; None where that is not known.  `folded`: the name, as `fold` has it, which each poll asks for.
    """

    id: str
    name: str
    issued: float
    member: bool = False
    fingerprint: str | None = None
    folded: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folded", fold(self.name))  # it is frozen


class Kind(Enum):
    """How well somebody is known."""

    STRANGER = "stranger"  # not at all: no session, no ticket
    GUEST = "guest"  # has a session, under a name that anybody might have picked
    MEMBER = "member"  # has signed in with a password: the name is proved
    TICKET = "ticket"  # has a ticket of a back end that answers for it


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, as far as it decides what may be done.  `grants`: those of a ticket."""

    kind: Kind = Kind.STRANGER
    name: str | None = None
    grants: Grants = NOTHING


def check_name(text: str) -> str:
    """The name that `text` asks for, in Unicode's NFKC form and trimmed.  Raises `Malformed`."""
    name = unicodedata.normalize("NFKC", text).strip()
    if not 1 <= len(name) <= NAME_CHARACTERS:
        raise Malformed(f"a name has 1 to {NAME_CHARACTERS} characters")
    if any(unicodedata.category(character) in _INVISIBLE for character in name):
        raise Malformed("a name has no control or format characters")
    return name


def fold(name: str) -> str:
    """What two names have in common that are to be taken for one: their case does not tell them apart."""
    return unicodedata.normalize("NFKC", name.casefold())
