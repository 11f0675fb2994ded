"""Polls: what a poll's path and query ask for, read in one way for both lanes.

Reading gives an `Ask`: who asks is no part of it, so that what was read once serves all who ask the same.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from chatcomet.api.chat import Chat
from chatcomet.api.polling import Poll, PollRooms, poll, poll_rooms
from chatcomet.core.message import Cursor
from chatcomet.core.roster import Person
from chatcomet.errors import Malformed
from chatcomet.http import query, seed, wire
from chatcomet.http.query import Query
from chatcomet.http.wire import Answer

Ask = Callable[[Chat, Callable[[], Person]], Deferred[Answer]]
"""Asks the chat, for whoever the second argument says; fires and fails like the functions of `api.polling`."""


def seed_poll(number: int, asked: Query) -> Ask:
    """Message `number` of the lobby, in the seed's protocol.  Raises `Malformed`."""
    wait_seconds = query.wait_seconds(asked)

    def ask(chat: Chat, who: Callable[[], Person]) -> Deferred[Answer]:
        return seed.get(chat, number, wait_seconds)

    return ask


def room_poll(room: str, cursor: str, asked: Query) -> Ask:
    """The page of `room` after `cursor`.  Raises `Malformed`."""
    after = Cursor.parse(cursor)
    limit = query.limit(asked)
    wait_seconds = query.wait_seconds(asked)
    roster = query.number(asked, "roster")

    def ask(chat: Chat, who: Callable[[], Person]) -> Deferred[Answer]:
        return poll(chat, Poll(room, after, limit, wait_seconds, who(), roster)).addCallback(wire.polled_answer)

    if query.number(asked, "before") is not None:
        raise Malformed("a page is after a cursor or before a message, not both")
    return ask


def rooms_poll(asked: Query) -> Ask:
    """The pages of several rooms.  Raises `Malformed`."""
    cursors = query.cursors(asked)
    limit = query.limit(asked)
    wait_seconds = query.wait_seconds(asked)

    def ask(chat: Chat, who: Callable[[], Person]) -> Deferred[Answer]:
        return poll_rooms(chat, PollRooms(cursors, limit, wait_seconds, who())).addCallback(wire.pages_answer)

    return ask
