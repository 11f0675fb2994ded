"""Rooms: which there are, what is known of one, and who is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from chatcomet.access.asker import Asker
from chatcomet.api.chat import Chat
from chatcomet.core.message import Cursor, check_room_name
from chatcomet.core.roster import RosterState
from chatcomet.core.store import Bounds

ROOMS = 1_000
"""How many rooms are listed at once."""

SLICE = 250
SLICES = 40
"""How many names are looked at in one turn of the reactor, and in how many turns: who may read few of very many is
sent on from there."""


@dataclass(frozen=True, slots=True)
class RoomState:
    """A room's end and beginning, how many requests are suspended in it, and who is in it (None: not looked at)."""

    room: str
    cursor: Cursor
    first: int
    readers: int
    roster: RosterState | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Some rooms, by name; `next`: after what to ask for others, as long as there may be some."""

    rooms: Sequence[RoomState]
    next: str | None = None


def rooms(chat: Chat, after: str, asker: Asker) -> Deferred[Listing]:
    """The rooms that `asker` may read, `ROOMS` at most, whose names come after `after`: a name, or a `Listing.next`.

    Fails with `Malformed` and `ServerFault`.  Cancelling it looks no further.
    """
    return Deferred.fromCoroutine(_rooms(chat, after, asker))


async def _rooms(chat: Chat, after: str, asker: Asker) -> Listing:
    after = chat.bookmarks.read(after)
    readable: list[RoomState] = []
    for number in range(SLICES):
        if number:
            await deferLater(chat.clock, 0.0)
        found = await chat.store.rooms(after, SLICE)
        for name, bounds in found:
            if not chat.gate.may("read", asker, name):
                continue
            if len(readable) == ROOMS:
                return Listing(readable, readable[-1].room)
            readable.append(_state(chat, name, bounds, None))
        if len(found) < SLICE:
            return Listing(readable)
        after = found[-1][0]
    return Listing(readable, chat.bookmarks.make(after))


def room(chat: Chat, name: str, asker: Asker) -> Deferred[RoomState]:
    """One room's state, which is an empty one's where nobody has posted yet.

    Fails with `ServerFault`.  Raises `Malformed`, `NotAllowed` and `NotSignedIn`.
    """
    chat.gate.check_reader(asker, check_room_name(name))
    roster = chat.hub.room(name).roster.state
    return chat.store.bounds(name).addCallback(lambda bounds: _state(chat, name, bounds, roster))


def typing(chat: Chat, name: str, asker: Asker) -> None:
    """Show in the roster of the room `name` that `asker` types, if it is there.

    Raises `Malformed`, `NotAllowed` and `NotSignedIn`: who may not post has nothing to type; and `TooMany`.
    """
    chat.gate.check("post", asker, check_room_name(name))
    chat.limits.typing(asker.counted, asker.crowd)
    chat.hub.room(name).roster.type(asker.person)


def _state(chat: Chat, name: str, bounds: Bounds, roster: RosterState | None) -> RoomState:
    cursor = Cursor(chat.store.epoch, bounds.head)
    return RoomState(name, cursor, bounds.first, chat.hub.readers(name), roster)
