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

    `person`: who reads, for the roster.  `roster`: the version that the asker has seen (None: it does not look).
    """

    room: str
    cursor: Cursor
    limit: int = DEFAULT_LIMIT
    wait_seconds: float | None = None
    person: Person | None = None
    roster: int | None = None


class Polled(NamedTuple):
    """A page, and the roster where the asker looks and has not seen it."""

    page: Page
    roster: RosterState | None


@dataclass(frozen=True, slots=True)
class PollRooms:
    """The pages after some rooms' cursors, of `limit` messages at most each."""

    cursors: Mapping[str, Cursor]
    limit: int = DEFAULT_LIMIT
    wait_seconds: float | None = None
    person: Person | None = None


@dataclass(frozen=True, slots=True)
class History:
    """The page before message `before` (None: the newest), of `limit` messages at most."""

    room: str
    before: int | None = None
    limit: int = DEFAULT_LIMIT


def poll(chat: Chat, asked: Poll) -> Deferred[Polled]:
    """Fires with the page, empty at the end of the hold or when only the roster has changed.

    Fails with `CursorExpired` or `ServerFault`.  Raises `Malformed`.  Cancelling forgets the asker.
    """
    roster = chat.hub.room(check_room_name(asked.room)).roster
    _enter([roster], asked.person)
    hold_seconds = _hold_seconds(chat, asked.wait_seconds)
    answer = chat.hub.after(asked.room, asked.cursor, asked.limit, hold_seconds, asked.roster)

    def with_roster(page: Page) -> Polled:
        if asked.roster is None:
            return Polled(page, None)
        shown = roster.look()
        return Polled(page, None if shown.version == asked.roster else shown)

    return _leaving(answer, [roster], asked.person).addCallback(with_roster)


def poll_rooms(chat: Chat, asked: PollRooms) -> Deferred[Sequence[Page]]:
    """Fires with the pages of the rooms in which there is something, or at the end of the hold with empty ones of all.

    Fails with `CursorExpired`, which names the room, or `ServerFault`.  Raises `Malformed`.
    """
    if not 1 <= len(asked.cursors) <= ROOMS:
        raise Malformed(f"one poll asks for 1 to {ROOMS} rooms")
    rosters = [room.roster for room in chat.hub.rooms([check_room_name(name) for name in asked.cursors])]
    _enter(rosters, asked.person)
    answer = chat.hub.after_any(asked.cursors, asked.limit, _hold_seconds(chat, asked.wait_seconds))
    return _leaving(answer, rosters, asked.person)


def history(chat: Chat, asked: History) -> Deferred[Page]:
    """Fires with the page, empty where nothing older is kept; fails with `ServerFault`.  Raises `Malformed`."""
    return chat.hub.before(check_room_name(asked.room), asked.before, asked.limit)


def _hold_seconds(chat: Chat, wait_seconds: float | None) -> float:
    hold_seconds = chat.settings.hold_seconds
    if wait_seconds is not None:
        hold_seconds = min(wait_seconds, hold_seconds)
    return hold_seconds * (1 - JITTER * chat.random())


def _enter(rosters: Sequence[Roster], person: Person | None) -> None:
    if person is not None:
        for roster in rosters:
            roster.enter(person)


def _leaving(answer: Deferred[T], rosters: Sequence[Roster], person: Person | None) -> Deferred[T]:
    """`answer`, at which `person` leaves `rosters`."""

    def leave(outcome: T) -> T:
        if person is not None:
            for roster in rosters:
                roster.leave(person)
        return outcome

    return answer.addBoth(leave)
