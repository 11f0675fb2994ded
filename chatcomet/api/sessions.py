"""Sessions: sign in, who am I, sign out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chatcomet.access.identity import GUEST, Session
from chatcomet.api.chat import Chat
from chatcomet.core.roster import Person


@dataclass(frozen=True, slots=True)
class Who:
    """A name, and what its holder may do: room patterns and what is granted in them."""

    name: str
    grants: Mapping[str, tuple[str, ...]]


_EVERYWHERE = {"*": ("read", "post")}


def who(chat: Chat, session: Session | None) -> Who:
    """Who the holder of `session` is here; without one, or after losing its name, a guest."""
    named = session is not None and chat.sessions.holds_name(session)
    return Who(session.name if session and named else GUEST, _EVERYWHERE)


def reader(chat: Chat, session: Session | None, address: str) -> Person:
    """Who reads, for rosters: the holder of `session`, who keeps its name by that; or somebody at `address`."""
    if session is not None and chat.sessions.holds_name(session):
        return Person(session.id, session.name)
    return Person(address, None)


def sign_in(chat: Chat, session: Session | None, name: str) -> Session:
    """A session under `name`.  Raises `Malformed` and `NameTaken`."""
    return chat.sessions.sign_in(name, session)


def sign_out(chat: Chat, session: Session | None) -> None:
    """End `session`, if there is one."""
    if session is not None:
        chat.sessions.sign_out(session)
