"""Polling: the next page of a room, now or as soon as there is one; and the pages before."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import Deferred

from chatcomet.api.chat import Chat
from chatcomet.core.message import DEFAULT_LIMIT, Cursor, Page, check_room_name

JITTER = 0.1
"""Holds are shortened by up to this part of them, so that requests that began together do not end together."""


@dataclass(frozen=True, slots=True)
class Poll:
    """The page after `cursor`, of `limit` messages at most, waited for `wait_seconds` (None: as long as allowed)."""

    room: str
    cursor: Cursor
    limit: int = DEFAULT_LIMIT
    wait_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class History:
    """The page before message `before` (None: the newest), of `limit` messages at most."""

    room: str
    before: int | None = None
    limit: int = DEFAULT_LIMIT


def poll(chat: Chat, asked: Poll) -> Deferred[Page]:
    """Fires with the page, empty at the end of the hold; fails with `CursorExpired` or `ServerFault`.

    Raises `Malformed`.  Cancelling forgets the asker.
    """
    hold_seconds = chat.settings.hold_seconds
    if asked.wait_seconds is not None:
        hold_seconds = min(asked.wait_seconds, hold_seconds)
    hold_seconds *= 1 - JITTER * chat.random()
    return chat.hub.after(check_room_name(asked.room), asked.cursor, asked.limit, hold_seconds)


def history(chat: Chat, asked: History) -> Deferred[Page]:
    """Fires with the page, empty where nothing older is kept; fails with `ServerFault`.  Raises `Malformed`."""
    return chat.hub.before(check_room_name(asked.room), asked.before, asked.limit)
