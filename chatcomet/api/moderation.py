"""Moderation: what was said may be taken back, and who said it kept from saying more.

A ruling is about a name.  A guest may pick another one, so of a guest the session is ruled, too, for as long as it
keeps it; who signs out and comes back is somebody else.  Where that matters, let people sign in.  A newer ruling about
the name, or its end, is one about all sessions that were ruled for it, whatever they are called by now.

What a moderator has done is logged, by whom and in which room, and never what was said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatcomet.access.asker import Asker
from chatcomet.access.identity import check_name, fold
from chatcomet.access.rulings import SESSION, of_session, ruled_name
from chatcomet.api.chat import Chat
from chatcomet.core.message import check_room_name
from chatcomet.core.rulings import Ruling
from chatcomet.errors import Malformed, NotAllowed, NotFound

T = TypeVar("T")

_log = Logger()

LONGEST_SECONDS = 100 * 366 * 24 * 3600.0

Sanction = Literal["ban", "mute"]
"""May neither read nor post; may not post."""

_DONE: dict[Sanction, str] = {"ban": "banned", "mute": "muted"}


@dataclass(frozen=True, slots=True)
class Ruled:
    """`name` is banned or muted by `by`, since `at`, and until `until` (seconds since 1970; None: for good)."""

    name: str
    by: str
    at: float
    until: float | None


def erase(chat: Chat, name: str, seq: int, asker: Asker) -> Deferred[None]:
    """Fires when nobody is given message `seq` of the room `name` any more.

    Fails with `NotFound` and `ServerFault`.  Raises `Malformed`, `NotAllowed` and `NotSignedIn`.
    """
    chat.gate.check("moderate", asker, check_room_name(name))

    def found(was_there: bool) -> None:
        if not was_there:
            raise NotFound(f"there is no message {seq} in this room")
        _tell(asker, f"erased message {seq}", name)

    return chat.store.erase(name, seq).addCallback(found)


def sanction(chat: Chat, kind: Sanction, name: str, whom: str, seconds: float | None, asker: Asker) -> Deferred[Ruled]:
    """Ban or mute `whom` in the room `name`, for `seconds` or, with None, for good.

    Fires when it holds.  Fails with `ServerFault`.  Raises `Malformed`, `NotAllowed`, also for one's own name, and
    `NotSignedIn`.
    """
    chat.gate.check("moderate", asker, check_room_name(name))
    subject = fold(check_name(whom))
    if subject == fold(asker.name):
        raise NotAllowed("this is your own name, and who is banned or muted could not take that back")
    if seconds is not None and not 1 <= seconds <= LONGEST_SECONDS:
        raise Malformed("a ban or mute is for a second at least, or for good")
    now = chat.wall()
    until = math.inf if seconds is None else now + seconds
    session = chat.sessions.guest(subject)
    subjects = {subject: None, **dict.fromkeys(_ruled_for(chat, kind, name, subject))}  # in this order, each once
    if session is not None:
        subjects[of_session(session, subject)] = None
    rulings = [Ruling(kind, name, each, until, asker.name, now) for each in subjects]

    def ruled(_: object) -> Ruled:
        _tell(asker, f"{_DONE[kind]} {subject!r} {'for good' if seconds is None else f'for {seconds:g} s'}", name)
        return _shown(rulings[0])

    return _all([chat.rulings.rule(ruling) for ruling in rulings]).addCallback(ruled)


def lift(chat: Chat, kind: Sanction, name: str, whom: str, asker: Asker) -> Deferred[None]:
    """End what was ruled about `whom`.

    Fires when that is so.  Fails with `ServerFault`.  Raises `Malformed`, `NotAllowed`, `NotSignedIn` and `NotFound`.
    """
    chat.gate.check("moderate", asker, check_room_name(name))
    subject = fold(check_name(whom))
    if chat.rulings.find(kind, name, subject) is None:
        raise NotFound(f"there is no {kind} of this name in this room")
    subjects = _ruled_for(chat, kind, name, subject)
    lifted = _all([chat.rulings.lift(kind, name, each) for each in subjects])
    return lifted.addCallback(lambda _: _tell(asker, f"lifted the {kind} of {subject!r}", name))


def sanctions(chat: Chat, kind: Sanction, name: str, asker: Asker) -> Sequence[Ruled]:
    """Who is banned or muted in the room `name`.  Raises `Malformed`, `NotAllowed` and `NotSignedIn`."""
    chat.gate.check("moderate", asker, check_room_name(name))
    rulings = [ruling for ruling in chat.rulings.of(name) if ruling.kind == kind]
    return [_shown(ruling) for ruling in rulings if not ruling.subject.startswith(SESSION)]


def _ruled_for(chat: Chat, kind: Sanction, name: str, subject: str) -> Sequence[str]:
    """All that is ruled for `subject`, a name, in the room `name`: that, and sessions that have had it."""
    return [each.subject for each in chat.rulings.of(name) if each.kind == kind and ruled_name(each.subject) == subject]


def _tell(asker: Asker, done: str, room: str) -> None:
    """Log what `asker` has `done` in `room`; no name has a character that would begin another line."""
    _log.info(
        "{name!r} ({kind}) has {done} in {room}", name=asker.name, kind=asker.identity.kind.value, done=done, room=room
    )


def _all(changes: Sequence[Deferred[T]]) -> Deferred[list[T]]:
    """Fires when all `changes` have, and fails with what one of them fails with."""
    return gatherResults(changes, consumeErrors=True).addErrback(_first_fault)


def _first_fault(failure: Failure) -> Failure:
    assert isinstance(failure.value, FirstError)
    return failure.value.subFailure


def _shown(ruling: Ruling) -> Ruled:
    return Ruled(ruling.subject, ruling.by, ruling.at, None if math.isinf(ruling.until) else ruling.until)
