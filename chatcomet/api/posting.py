"""Posting: a draft becomes a message."""

from __future__ import annotations

import re
from dataclasses import dataclass

from twisted.internet.defer import Deferred

from chatcomet.access.identity import GUEST, Session
from chatcomet.api.chat import Chat
from chatcomet.core.message import Draft, IdempotencyKey, check_room_name
from chatcomet.core.store import Posted
from chatcomet.errors import Malformed, NameTaken

KEY = re.compile(r"[!-~]{1,128}", re.ASCII)
"""The form of an idempotency key."""

_UNGUESSABLE = 16  # characters: a key that belongs to no session is everybody's who knows it (law 15)


@dataclass(frozen=True, slots=True)
class Post:
    """`text` and `data` (JSON text) for a room, from the holder of `session` or, without one, from a guest."""

    room: str
    text: str
    data: str | None = None
    session: Session | None = None
    key: str | None = None


def post(chat: Chat, asked: Post) -> Deferred[Posted]:
    """Fires when the message is durable and its room has delivered it; fails with `KeyReused` or `ServerFault`.

    Raises `Malformed`, `TooLong`, and `NameTaken` if the session has lost its name meanwhile.
    Cancelling only stops listening: the append goes on (law 6).
    """
    if asked.session is not None and not chat.sessions.holds_name(asked.session):
        raise NameTaken(f"the name {asked.session.name} was taken by somebody else while you were away")
    author = asked.session.name if asked.session else GUEST
    draft = Draft(author, asked.text, asked.data, _key(asked))
    answer: Deferred[Posted] = Deferred()
    chat.store.append(check_room_name(asked.room), draft).chainDeferred(answer)
    return answer


def _key(asked: Post) -> IdempotencyKey | None:
    if asked.key is None:
        return None
    if not KEY.fullmatch(asked.key):
        raise Malformed("an Idempotency-Key is 1 to 128 visible ASCII characters")
    if asked.session is None and len(asked.key) < _UNGUESSABLE:
        raise Malformed(
            f"without a session an Idempotency-Key has {_UNGUESSABLE} characters at least, chosen at random"
        )
    return IdempotencyKey(asked.session.id if asked.session else "", asked.key)
