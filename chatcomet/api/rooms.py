"""Rooms: which there are, what is known of one, and who is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred

from chatcomet.access.asker import Asker
from chatcomet.api.chat import Chat
from chatcomet.core.message import Cursor, check_room_name
from chatcomet.core.roster import RosterState
from chatcomet.core.store import Bounds

ROOMS = 1_000
"""How many rooms are listed at once."""


@dataclass(frozen=True, slots=True)
class RoomState:
    """A room's end and beginning, how many requests are suspended in it, and who is in it (None: not looked at)."""

    room: str
    cursor: Cursor
    first: int
    readers: int
    roster: RosterState | None = None


def rooms(chat: Chat, after: str, asker: Asker) -> Deferred[Sequence[RoomState]]:
    """The rooms that `asker` may read, of the first `ROOMS` whose names come after `after`, by name.

    Fails with `ServerFault`.
    """

    def states(found: Sequence[tuple[str, Bounds]]) -> Sequence[RoomState]:
        readable = [(name, bounds) for name, bounds in found if chat.gate.may("read", asker, name)]
        return [_state(chat, name, bounds, None) for name, bounds in readable]

    return chat.store.rooms(after, ROOMS).addCallback(states)


def room(chat: Chat, name: str, asker: Asker) -> Deferred[RoomState]:
    """One room's state, which is an empty one's where nobody has posted yet.

    Fails with `ServerFault`.  Raises `Malformed`, `NotAllowed` and `NotSignedIn`.
    """
    chat.gate.check_reader(asker, check_room_name(name))
    roster = chat.hub.room(name).roster.state
    return chat.store.bounds(name).addCallback(lambda bounds: _state(chat, name, bounds, roster))


def typing(chat: Chat, name: str, asker: Asker) -> None:
    """Show in the roster of the room `name` that `asker` types, if it is there.

    Raises `Malformed`, `NotAllowed` and `NotSignedIn`: who may not post has nothing to type.
    """
    chat.gate.check("post", asker, check_room_name(name))
    chat.hub.room(name).roster.type(asker.person)


def _state(chat: Chat, name: str, bounds: Bounds, roster: RosterState | None) -> RoomState:
    cursor = Cursor(chat.store.epoch, bounds.head)
    return RoomState(name, cursor, bounds.first, chat.hub.readers(name), roster)
