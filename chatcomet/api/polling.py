"""Polling: the next page of a room, now or as soon as there is one; and the pages before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from twisted.internet.defer import Deferred

from chatcomet.api.chat import Chat
from chatcomet.core.message import DEFAULT_LIMIT, Cursor, Page, check_room_name
from chatcomet.core.roster import Person, Roster, RosterState
from chatcomet.errors import Malformed

T = TypeVar("T")

JITTER = 0.1
"""Holds are shortened by up to this part of them, so that requests that began together do not end together."""

ROOMS = 32
"""How many rooms one poll may ask for."""


@dataclass(frozen=True, slots=True)
class Poll:
    """The page after `cursor`, of `limit` messages at most, waited for `wait_seconds` (None: as long as allowed).

    Making one for what can't be a room raises `Malformed`.
    """

    room: str
    cursor: Cursor
    limit: int = DEFAULT_LIMIT
    wait_seconds: float | None = None

    def __post_init__(self) -> None:
        check_room_name(self.room)


class Polled(NamedTuple):
    """A page, and the roster where the asker has not seen it."""

    page: Page
    roster: RosterState | None


@dataclass(frozen=True, slots=True)
class PollRooms:
    """The pages after some rooms' cursors, of `limit` messages at most each.

    Making one for what can't be rooms, for none or for too many raises `Malformed`.
    """

    cursors: Mapping[str, Cursor]
    limit: int = DEFAULT_LIMIT
    wait_seconds: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.cursors) <= ROOMS:
            raise Malformed(f"one poll asks for 1 to {ROOMS} rooms")
        for name in self.cursors:
            check_room_name(name)


@dataclass(frozen=True, slots=True)
class History:
    """The page before message `before` (None: the newest), of `limit` messages at most."""

    room: str
    before: int | None = None
    limit: int = DEFAULT_LIMIT


def poll(chat: Chat, asked: Poll, person: Person | None = None, seen: int | None = None) -> Deferred[Page]:
    """Fires with the page, empty at the end of the hold.

    `person`: who reads, for the roster.  `seen`: a roster of another version than this ends the hold, too.
    Fails with `CursorExpired` or `ServerFault`.  Cancelling forgets the asker.
    """
    hold_seconds = _hold_seconds(chat, asked.wait_seconds)
    if person is None:
        return chat.hub.after(asked.room, asked.cursor, asked.limit, hold_seconds, seen)
    roster = chat.hub.room(asked.room).roster
    roster.enter(person)
    return _leaving(chat.hub.after(asked.room, asked.cursor, asked.limit, hold_seconds, seen), [roster], person)


def look(chat: Chat, asked: Poll, seen: int, person: Person | None = None) -> Deferred[Polled]:
    """Fires as `poll` does, with the roster, too, where that is not the one that was `seen`."""
    roster = chat.hub.room(asked.room).roster

    def with_roster(page: Page) -> Polled:
        shown = roster.look()
        return Polled(page, None if shown.version == seen else shown)

    return poll(chat, asked, person, seen).addCallback(with_roster)


def poll_rooms(chat: Chat, asked: PollRooms, person: Person | None = None) -> Deferred[Sequence[Page]]:
    """Fires with the pages of the rooms in which there is something, or at the end of the hold with empty ones of all.

    `person`: who reads, for the rosters.  Fails with `CursorExpired`, which names the room, or `ServerFault`.
    """
    rosters = [room.roster for room in chat.hub.rooms(asked.cursors)]
    if person is not None:
        for roster in rosters:
            roster.enter(person)
    answer = chat.hub.after_any(asked.cursors, asked.limit, _hold_seconds(chat, asked.wait_seconds))
    return answer if person is None else _leaving(answer, rosters, person)


def history(chat: Chat, asked: History) -> Deferred[Page]:
    """Fires with the page, empty where nothing older is kept; fails with `ServerFault`.  Raises `Malformed`."""
    return chat.hub.before(check_room_name(asked.room), asked.before, asked.limit)


def _hold_seconds(chat: Chat, wait_seconds: float | None) -> float:
    hold_seconds = chat.settings.hold_seconds
    if wait_seconds is not None:
        hold_seconds = min(wait_seconds, hold_seconds)
    return hold_seconds * (1 - JITTER * chat.random())


def _leaving(answer: Deferred[T], rosters: Sequence[Roster], person: Person) -> Deferred[T]:
    """`answer`, at which `person` leaves `rosters`."""

    def leave(outcome: T) -> T:
        for roster in rosters:
            roster.leave(person)
        return outcome

    return answer.addBoth(leave)
