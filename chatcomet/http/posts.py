"""Posts: what a post's header and body say, read in one way for both lanes."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred

from chatcomet.access.identity import Session
from chatcomet.api import posting
from chatcomet.api.chat import Chat
from chatcomet.api.posting import Post
from chatcomet.core.store import Posted
from chatcomet.http import seed, wire
from chatcomet.http.bodies import read_object
from chatcomet.http.origin import check_origin
from chatcomet.http.wire import Answer


class Header(Protocol):
    """Whatever has a header."""

    def header(self, name: str) -> str | None:
        """The header `name` as Latin-1 text, or None."""


def check_source(chat: Chat, asked: Header) -> None:
    """Raise `CrossSite` for a request that changes something and comes from another site's page."""
    site, origin, host = map(asked.header, ("Sec-Fetch-Site", "Origin", "Host"))
    check_origin(site, origin, host, chat.settings.origins)


def room_post(chat: Chat, room: str, asked: Header, body: bytes, session: Session | None) -> Deferred[Answer]:
    """Post to `room`.  Fires, fails and raises like `api.posting.post`; raises `CrossSite`."""
    check_source(chat, asked)
    text, data = wire.read_draft(read_object(asked.header("Content-Type"), body))
    post = Post(room, text, data, session, wire.read_key(asked.header("Idempotency-Key")))
    return posting.post(chat, post).addCallback(wire.posted_answer, chat.store.epoch)


def seed_post(chat: Chat, asked: Header, body: bytes, session: Session | None) -> Deferred[Answer]:
    """Post to the lobby, in the seed's protocol.  Fires, fails and raises like `api.posting.post`, and `CrossSite`."""
    check_source(chat, asked)
    post = seed.read_post(session, asked.header("Content-Type"), body)
    return posting.post(chat, post).addCallback(_thanks)


def _thanks(posted: Posted) -> Answer:
    return Answer(200, content_type=wire.TEXT)
