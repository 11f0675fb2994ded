"""Posting: a draft becomes a message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from twisted.internet.defer import Deferred

from chatcomet.access.asker import Asker
from chatcomet.access.identity import check_name
from chatcomet.access.limits import Taken
from chatcomet.api.chat import Chat
from chatcomet.core.message import Draft, IdempotencyKey, check_room_name
from chatcomet.core.store import Posted
from chatcomet.errors import AskerError, Malformed, NameTaken, NotAllowed

KEY = re.compile(r"[!-~]{1,128}", re.ASCII)
"""The form of an idempotency key."""

_UNGUESSABLE = 16  # characters: a key that belongs to no session is everybody's who knows it (law 15)


@dataclass(frozen=True, slots=True)
class Post:
    """`text` and `data` (JSON text) for a room.  `author`: under whose name, if that is not the asker's own."""

    room: str
    text: str
    data: str | None = None
    key: str | None = None
    author: str | None = None


def post(chat: Chat, asked: Post, asker: Asker) -> Deferred[Posted]:
    """Fires when the message is durable and its room has delivered it.

    Fails with `KeyReused`, `ServerFault`, and, where it would make a room, with `NotAllowed`, `NotSignedIn` or
    `TooMany`.  Raises `Malformed`, `TooLong`, `NotAllowed`, `NotSignedIn`, `SessionEnded`, `TooMany`, and `NameTaken`
    if the session has lost its name meanwhile.  Cancelling only stops listening: the append goes on (law 6).
    """
    room = check_room_name(asked.room)
    chat.gate.check("post", asker, room)
    if asker.is_nameless:
        raise NameTaken("the name that you had was taken by somebody else while you were away")
    key = _key(asked.key, asker)
    draft = Draft(_author(chat, asked, asker), asked.text, asked.data, key, chat.settings.sizes)
    taken: Sequence[Taken] = ()
    if not chat.gate.may_name_author(asker, room):  # a back end posts for many
        taken = chat.limits.post(asker.counted, room, chat.gate.rules(room), asker.crowd)
    answer: Deferred[Posted] = Deferred()  # our own: the store's is not to be cancelled
    if chat.rooms.knows(room):
        chat.store.append(room, draft).chainDeferred(answer)
    else:
        chat.rooms.ask(room).addCallback(partial(_append, chat, room, draft, asker, taken)).chainDeferred(answer)
    return answer


def _append(
    chat: Chat, room: str, draft: Draft, asker: Asker, taken: Sequence[Taken], is_there: bool
) -> Deferred[Posted]:
    """Make the room of it, where that is not there; many may post in it at once, but only the first makes it.

    Who may not gets back what the limit of posts has `taken`.
    """
    if is_there:
        return chat.store.append(room, draft)
    try:
        chat.gate.check("create", asker, room)
        chat.limits.room(asker.counted, asker.crowd)
    except AskerError:
        for each in taken:
            each.give_back()
        raise
    return chat.rooms.making(room, chat.store.append(room, draft))


def _author(chat: Chat, asked: Post, asker: Asker) -> str:
    if asked.author is None:
        return asker.name
    if not chat.gate.may_name_author(asker, asked.room):
        raise NotAllowed("only who has a ticket that grants `as` in this room may say who the author is")
    author = check_name(asked.author)
    chat.gate.check_author(author, asked.room)
    return author


def _key(key: str | None, asker: Asker) -> IdempotencyKey | None:
    if key is None:
        return None
    if not KEY.fullmatch(key):
        raise Malformed("an Idempotency-Key is 1 to 128 visible ASCII characters")
    if not asker.scope and len(key) < _UNGUESSABLE:
        raise Malformed(
            f"without a session an Idempotency-Key has {_UNGUESSABLE} characters at least, chosen at random"
        )
    return IdempotencyKey(asker.scope, key)
