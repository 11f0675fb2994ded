"""What every store keeps: the one log from which all transports read.

The rules, which one contract suite (``tests/unit/stores/contract.py``) holds every store to:

* A room's messages are numbered 0, 1, 2 … without a hole, in the order of their appends.
* What was acknowledged is durable.  An append that failed *may* have happened; the key of the
  draft tells, when it is tried again.
* Whoever is told hears of a message after it is durable and before its append is answered, in the
  order of the log.  Repeated appends (a known key) tell nobody.
* The head is kept, not counted: it goes on where it was when every message has been pruned.
* A key lives as long as its message, and never brings back an erased one.
* A message may be erased: its text and data go, the rest of it stays in its place.  Nothing else of it ever changes.
  The log says nothing of it, so nobody is woken: whoever reads it again gets it erased.
* Messages may be pruned from the beginning of a room: it keeps those from `Bounds.first` on, and no others.
  How many a room retains, and for how long, goes by its name, and may change while the store is open.
* Reading never writes; a room that nobody has posted to has bounds (0, 0).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from twisted.internet.defer import Deferred

from chatcomet.core.message import Draft, Message
from chatcomet.core.rulings import RulingStore


class Bounds(NamedTuple):
    """The first seq that a room keeps, and its head (the seq of its next message): all in between are there."""

    first: int
    head: int


class Posted(NamedTuple):
    """What an append came to: the message in its place, and whether the key was known already."""

    message: Message
    repeated: bool


Told = Callable[[str, Sequence[Message]], None]
"""Called with a room's name and messages just made durable in it, contiguous and in order, in the reactor's thread."""


Outdated = Callable[[str, int], None]
"""Called with a room's name and a seq, in the reactor's thread: of the messages before it, some were erased or pruned,
or will soon be, so whoever has any of them in memory lets go of it, and asks the store."""


Retain = Callable[[str], int]
"""How many messages a room keeps, by its name; 0: all.  It may say something else the next time, is asked in any
thread, and often: once for each room in a transaction."""

Before = Callable[[str], float]
"""The `at` before which messages are too old, by their room's name; `-inf`: none is.  It is asked in any thread."""


def keep_all(room: str) -> int:
    """A `Retain` that keeps everything."""
    return 0


class MessageStore(Protocol):
    """A place where messages live.  All Deferreds fire in the reactor's thread."""

    @property
    def epoch(self) -> str:
        """The name of this life of the store: 1 to 16 of a-z and 0-9.  Known once `open` has fired."""

    def open(self) -> Deferred[None]:
        """Make ready.  Fails with `StartRefused`.  A store on this machine fires before this returns."""

    def close(self) -> Deferred[None]:
        """Finish the appends in hand, then let go of everything.  Appends after this fail with `StoreUnavailable`."""

    def subscribe(self, told: Told, outdated: Outdated | None = None) -> None:
        """From now on, call `told` with everything appended, whoever appended it, and `outdated` when `erase` or
        `prune` have changed what is before a message; of one that is erased it was `told` before."""

    def append(self, room: str, draft: Draft) -> Deferred[Posted]:
        """Number `draft` and keep it in `room`; fires when it is durable and all who listen have been told.

        A draft whose key is known fires with the first message again.  Fails with `KeyReused` when that one had
        another author, text or data, and with `StoreUnavailable` or `StoreBusy`.  Cancelling does not undo it.
        Of an erased message nobody knows what it said: a draft with its key, whatever it says, fires with that message
        as it is now, erased, and appends nothing.
        """

    def read(self, room: str, start: int, limit: int) -> Deferred[Sequence[Message]]:
        """At most `limit` messages of `room` from `start` on, in order and without a hole.

        Where `start` has been pruned they begin later, and at the head there are none: the asker looks.
        Fails with `StoreUnavailable` or `StoreBusy`.
        """

    def erase(self, room: str, seq: int) -> Deferred[bool]:
        """Take back what message `seq` of `room` says; fires when that is durable and those who listen have been told.

        Fires with whether it is erased now: False where the room keeps no such message.  To erase it again changes
        nothing.  Fails with `StoreUnavailable` or `StoreBusy`; it may be erased then, and can be tried again.
        """

    def prune(self, before: Before, after: str, limit: int) -> Deferred[str | None]:
        """Let go of what is too old, and of more than is retained, in the next `limit` rooms by name after `after`.

        (A room lets go of what is more than it retains at each append, too: it is here that the others do.)
        Fires when those who listen have been told, with the last of those rooms' names, or None after the last room of
        all.  Fails with `StoreUnavailable` or `StoreBusy`; some of it may have happened then.
        """

    def rooms(self, after: str, limit: int) -> Deferred[Sequence[tuple[str, Bounds]]]:
        """At most `limit` rooms that were posted to, whose names come after `after`, by name, and what they keep.

        Fails with `StoreUnavailable` or `StoreBusy`.
        """

    def bounds(self, room: str) -> Deferred[Bounds]:
        """What `room` keeps now.  Fails with `StoreUnavailable` or `StoreBusy`."""


class Store(MessageStore, RulingStore, Protocol):
    """All that a server needs kept."""
