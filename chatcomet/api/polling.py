"""Polling: the next page of a room, now or as soon as there is one; and the pages before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from twisted.internet.defer import Deferred

from chatcomet.access.asker import Asker
from chatcomet.api.chat import Chat
from chatcomet.api.waiting import Pending, Wait, deferred
from chatcomet.core.message import DEFAULT_LIMIT, Cursor, Page, check_room_name
from chatcomet.core.roster import RosterState
from chatcomet.errors import Crowded, Malformed

T = TypeVar("T")

JITTER = 0.1
"""Holds are shortened by up to this part of them, so that requests that began together do not end together."""

CROWDED_SECONDS = 5
"""After how long one that is too many is to come again."""

ROOMS = 32
"""How many rooms one poll may ask for."""


@dataclass(frozen=True, slots=True)
class Poll:
    """The page after `cursor`, of `limit` messages at most, waited for `wait_seconds` (None: as long as allowed).

    `is_present`: whether the asker is shown in the room's roster.
    Making one for what can't be a room raises `Malformed`.
    """

    room: str
    cursor: Cursor
    limit: int = DEFAULT_LIMIT
    wait_seconds: float | None = None
    is_present: bool = True

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


def poll(chat: Chat, asked: Poll, asker: Asker, seen: int | None = None) -> Deferred[Page]:
    """Fires with the page, empty at the end of the hold.

    `seen`: a roster of another version than this ends the hold, too.
    Fails with `CursorExpired`, `ServerFault`, and `Crowded` where too many wait already; and with `NotAllowed`,
    `NotSignedIn` or `BadTicket`, which it also raises, if the right to read ends meanwhile.
    Cancelling forgets the asker.
    """
    return deferred(begin_poll(chat, asked, asker, seen))


def begin_poll(chat: Chat, asked: Poll, asker: Asker, seen: int | None = None) -> Pending[Page]:
    """`poll`, with no `Deferred` where the asker is just suspended."""
    chat.gate.check_reader(asker, asked.room)
    room = chat.hub.room(asked.room)
    wait = Wait(chat.readers, asker, (asked.room,), (room.roster,) if asked.is_present else ())
    if not wait.enter():
        answer = chat.hub.after(asked.room, asked.cursor, asked.limit, 0.0)
        return answer.addCallback(lambda page: _or_crowded(page, [page]))
    hold_seconds = _hold_seconds(chat, asked.wait_seconds)
    if asked.limit >= DEFAULT_LIMIT and chat.hub.wait(wait, room, asked.cursor, hold_seconds, seen):
        return wait
    return wait.until(chat.hub.after(asked.room, asked.cursor, asked.limit, hold_seconds, seen))


def look(chat: Chat, asked: Poll, seen: int, asker: Asker) -> Deferred[Polled]:
    """Fires as `poll` does, with the roster, too, where that is not the one that was `seen`."""
    answer = poll(chat, asked, asker, seen)
    roster = chat.hub.room(asked.room).roster

    def with_roster(page: Page) -> Polled:
        shown = roster.look()
        return Polled(page, None if shown.version == seen else shown)

    return answer.addCallback(with_roster)


def poll_rooms(chat: Chat, asked: PollRooms, asker: Asker) -> Deferred[Sequence[Page]]:
    """Fires with the pages of the rooms in which there is something, or at the end of the hold with empty ones of all.

    Fails and raises like `poll`; `CursorExpired` names the room.
    """
    for name in asked.cursors:
        chat.gate.check_reader(asker, name)
    wait = Wait(chat.readers, asker, tuple(asked.cursors), [room.roster for room in chat.hub.rooms(asked.cursors)])
    if not wait.enter():
        answer = chat.hub.after_any(asked.cursors, asked.limit, 0.0)
        return answer.addCallback(lambda pages: _or_crowded(pages, pages))
    return wait.until(chat.hub.after_any(asked.cursors, asked.limit, _hold_seconds(chat, asked.wait_seconds)))


def history(chat: Chat, asked: History, asker: Asker) -> Deferred[Page]:
    """Fires with the page, empty where nothing older is kept; fails with `ServerFault`.

    Raises `Malformed`, `NotAllowed` and `NotSignedIn`.
    """
    chat.gate.check_reader(asker, check_room_name(asked.room))
    return chat.hub.before(asked.room, asked.before, asked.limit)


def _or_crowded(answer: T, pages: Sequence[Page]) -> T:
    """`answer`, of these `pages`; where there is nothing in them, the asker is told when to come again."""
    if any(page.messages for page in pages):
        return answer
    raise Crowded(pages, CROWDED_SECONDS)


def _hold_seconds(chat: Chat, wait_seconds: float | None) -> float:
    hold_seconds = chat.settings.hold_seconds
    if wait_seconds is not None:
        hold_seconds = min(wait_seconds, hold_seconds)
    return hold_seconds * (1 - JITTER * chat.random())
