"""Rulings: who may not do what, and until when, as a store keeps it beside the log.

The rules, to which the contract suite holds every store as it does to those of the log:

* There is one ruling at most of a kind about a subject in a room; a newer one takes the place of the older.
* What was answered is durable.  A change that failed *may* have happened; to try it again is right.
* Whoever follows hears of a change after it is durable and before who asked for it is answered.
* What is over is as if it had never been, and the store forgets it by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from twisted.internet.defer import Deferred

from chatcomet.core.message import check_room_name, is_utf8
from chatcomet.errors import Malformed, TooLong

Kind = Literal["ban", "mute", "ended", "revoked"]
"""May not read nor post; may not post; a session that was signed out; a ticket that counts no more."""

KINDS: tuple[Kind, ...] = ("ban", "mute", "ended", "revoked")
SUBJECT_CHARACTERS = 256


class RulingKey(NamedTuple):
    """What a ruling is about: its kind, the room ("": it is about no room), and who or what is ruled."""

    kind: Kind
    room: str
    subject: str


@dataclass(frozen=True, slots=True)
class Ruling:
    """A ruling that `by` somebody was made at `at` and ends at `until`, in seconds since 1970; `inf`: never.

    Making one that breaks a limit raises `Malformed` or `TooLong`.
    """

    kind: Kind
    room: str
    subject: str
    until: float
    by: str
    at: float

    def __post_init__(self) -> None:
        if self.room:
            check_room_name(self.room)
        for text in (self.subject, self.by):
            if not text or not is_utf8(text):
                raise Malformed("who is ruled, and by whom, is a text, without lone surrogates")
            if len(text) > SUBJECT_CHARACTERS:
                raise TooLong(f"who is ruled, and by whom, has {SUBJECT_CHARACTERS} characters at most")
        if math.isnan(self.until) or not math.isfinite(self.at):
            raise Malformed("a ruling is made at some time, and ends at some time or never")

    @property
    def key(self) -> RulingKey:
        """What it is about."""
        return RulingKey(self.kind, self.room, self.subject)

    def is_over(self, now: float) -> bool:
        """Whether it has ended, `now` in seconds since 1970."""
        return self.until <= now


Ruled = Callable[[RulingKey, Ruling | None], None]
"""Called with the ruling that there is now, or None where there is none any more, in the reactor's thread."""


class RulingStore(Protocol):
    """A place where rulings are kept.  All Deferreds fire in the reactor's thread."""

    def follow_rulings(self, ruled: Ruled) -> None:
        """From now on, call `ruled` with each change, whoever made it."""

    def rule(self, ruling: Ruling) -> Deferred[None]:
        """Keep `ruling` until it is over; fires when it is durable and all who follow have been told.

        Fails with `StoreUnavailable` or `StoreBusy`.  Cancelling does not undo it.
        """

    def lift(self, key: RulingKey) -> Deferred[bool]:
        """End the ruling `key` now; fires like `rule`, with whether there was one.

        Fails with `StoreUnavailable` or `StoreBusy`.  Cancelling does not undo it.
        """

    def rulings(self) -> Deferred[Sequence[Ruling]]:
        """All that are not over, the oldest first: asked for once, by a server that starts.

        A store on this machine fires before this returns.  Fails with `StoreUnavailable`.
        """
