"""Asks: what polls and posts ask for, read in one way for both lanes, and what their outcome is on the wire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatcomet.access.asker import Asker
from chatcomet.api import posting
from chatcomet.api.chat import Chat
from chatcomet.api.polling import Poll, Polled, PollRooms, begin_poll, look, poll_rooms
from chatcomet.api.posting import Post
from chatcomet.api.waiting import Pending, deferred
from chatcomet.core.message import Cursor, Page
from chatcomet.core.store import Posted
from chatcomet.errors import ChatcometError, Malformed
from chatcomet.http import query, seed, wire
from chatcomet.http.bodies import read_draft, read_object
from chatcomet.http.origin import check_origin
from chatcomet.http.query import Header, Query
from chatcomet.http.wire import Answer, problem_answer, refuse_page, refuse_pages

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """What is asked of the chat.  Who asks is no part of it: what was read once serves all who ask the same.

    `begin`: asks for this asker; fires, fails and raises like the functions of `api`.
    `answer` and `refuse`: what comes of it on the wire; None where all has been written.
    """

    begin: Callable[[Asker], Pending[T]]
    answer: Callable[[T], Answer | None]
    refuse: Callable[[ChatcometError], Answer] = problem_answer

    def answered(self, asker: Asker) -> Deferred[Any]:
        """Ask for `asker`; fires with an `Answer` or None, and raises like the functions of `api`."""
        return deferred(self.begin(asker)).addCallbacks(self.answer, self._refused)

    def _refused(self, failure: Failure) -> Answer:
        if not isinstance(failure.value, ChatcometError):
            failure.raiseException()
        return self.refuse(failure.value)


# Polls.  All raise `Malformed`.


def seed_poll(chat: Chat, number: int, asked: Query) -> Ask[Page]:
    """Message `number` of the lobby, in the seed's protocol."""
    one = Poll(seed.LOBBY, Cursor(chat.store.epoch, number), wait_seconds=query.wait_seconds(asked), is_present=False)
    return Ask(partial(begin_poll, chat, one), seed.first_text, partial(seed.not_there, number))


def room_poll(chat: Chat, room: str, cursor: str, asked: Query) -> Ask[Page] | Ask[Polled]:
    """The page of `room` after `cursor`, and the roster where that is asked for."""
    if query.number(asked, "before") is not None:
        raise Malformed("a page is after a cursor or before a message, not both")
    seen = query.number(asked, "roster")
    one = Poll(room, Cursor.parse(cursor), query.limit(asked), query.wait_seconds(asked))
    if seen is None:
        return Ask(partial(begin_poll, chat, one), wire.page_answer, refuse_page)
    return Ask(partial(look, chat, one, seen), wire.polled_answer, refuse_page)


def rooms_poll(chat: Chat, asked: Query) -> Ask[Sequence[Page]]:
    """The pages of several rooms."""
    several = PollRooms(query.cursors(asked), query.limit(asked), query.wait_seconds(asked))
    return Ask(partial(poll_rooms, chat, several), wire.pages_answer, refuse_pages)


# Posts.  All raise `CrossSite` and, like `api.posting.post`, for what is no message.


def room_post(chat: Chat, room: str, asked: Header, body: bytes) -> Ask[Posted]:
    """A message for `room`."""
    check_source(chat, asked)
    text, data, author = read_draft(read_object(asked.header("Content-Type"), body))
    post = Post(room, text, data, query.read_key(asked.header("Idempotency-Key")), author)
    return Ask(partial(posting.post, chat, post), partial(wire.posted_answer, epoch=chat.store.epoch))


def seed_post(chat: Chat, asked: Header, body: bytes) -> Ask[Posted]:
    """A message for the lobby, in the seed's protocol."""
    check_source(chat, asked)
    post = seed.read_post(asked.header("Content-Type"), body)
    return Ask(partial(posting.post, chat, post), seed.thanks)


def check_source(chat: Chat, asked: Header) -> None:
    """Raise `CrossSite` for a request that changes something and comes from another site's page."""
    site, origin, host = map(asked.header, ("Sec-Fetch-Site", "Origin", "Host"))
    check_origin(site, origin, host, chat.settings.origins)
