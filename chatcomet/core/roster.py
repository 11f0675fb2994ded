"""Roster: who is in one room now, as a state with a version.  It is ephemeral, and never in the log.

* A person is here while one of its readers is, and for `GRACE_SECONDS` after: between two polls nobody has left,
  and leaving and coming back within the grace changes nothing.
* Every change makes another version.  Who has seen a version is shown the next one when there is one, but all
  who look are told together, and the larger the room, the more seldom: so that keeping a room of 10,000 current
  costs no more than one of 100.
* Nothing here looks at all who are present: with a list kept in order, and those who left kept by when they did, a
  change, the state of a version and the end of a grace cost about the same in a room of 10,000 as in one of 100.
* A room that was forgotten and is made anew counts on from the time, so that it does not show an old version
  for another state.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from twisted.internet.interfaces import IDelayedCall, IReactorTime

GRACE_SECONDS = 10.0
TYPING_SECONDS = 5.0
NAMES = 100
WAKE_SECONDS = 1.0
WAKES_A_SECOND = 100
VERSIONS_A_SECOND = 1_000  # more than are ever made


class Person(NamedTuple):
    """Who reads: `id` tells one from another; `name` is None for a guest without one."""

    id: str
    name: str | None


class Listed(NamedTuple):
    """A person as others see it."""

    name: str
    typing: bool


@dataclass(frozen=True, slots=True)
class RosterState:
    """`count` people are here; `people` are the first `NAMES` of those who have a name, by name.

    `encodings`: what edges made of it, as with a `Page`.
    """

    version: int
    count: int
    people: tuple[Listed, ...]
    encodings: dict[object, bytes] = field(default_factory=dict, compare=False, repr=False)


@dataclass(slots=True)
class _Presence:
    name: str | None
    readers: int = 0
    typing: IDelayedCall | None = None  # ends it


class Roster:
    """One room's.  While somebody is `looking`, `changed` is called now and then when there is another version."""

    def __init__(self, clock: IReactorTime, looking: Callable[[], bool], changed: Callable[[], None]) -> None:
        self.version = int(clock.seconds() * VERSIONS_A_SECOND)
        self._clock = clock
        self._looking = looking
        self._changed = changed
        self._present: dict[str, _Presence] = {}
        self._named: list[tuple[str, str]] = []  # name and id of those present who have a name, in order
        self._left: OrderedDict[str, float] = OrderedDict()  # when the last reader of each left, the longest ago first
        self._sweep: IDelayedCall | None = None
        self._announced = clock.seconds() - WAKE_SECONDS
        self._announcement: IDelayedCall | None = None
        self._state: RosterState | None = None
        self._shown = self.state

    def __len__(self) -> int:
        """How many people are here."""
        return len(self._present)

    def is_left(self, since: float) -> bool:
        """Whether nobody is here, but for those whose last reader left at `since` or before."""
        if len(self._left) < len(self._present):
            return False
        return not self._left or next(reversed(self._left.values())) <= since

    def close(self) -> None:
        """Nobody looks any more: leave no timer behind."""
        typing = [presence.typing for presence in self._present.values()]
        for call in (self._sweep, self._announcement, *typing):
            if call is not None:
                call.cancel()

    @property
    def state(self) -> RosterState:
        """Who is here now: one object for all who ask, until it changes."""
        if self._state is None:
            listed = (Listed(name, self._present[who].typing is not None) for name, who in self._named[:NAMES])
            self._state = RosterState(self.version, len(self._present), tuple(listed))
        return self._state

    def enter(self, person: Person) -> None:
        """A reader of `person` begins."""
        presence = self._present.get(person.id)
        if presence is None:
            presence = self._present[person.id] = _Presence(None)
            self._name(person.id, presence, person.name)
            self._change()
        elif presence.name != person.name:
            self._name(person.id, presence, person.name)
            self._change()
        presence.readers += 1
        self._left.pop(person.id, None)

    def _name(self, who: str, presence: _Presence, name: str | None) -> None:
        """From now on `presence`, of the person with the id `who`, has `name`; None: it is not listed."""
        if presence.name is not None:
            del self._named[bisect_left(self._named, (presence.name, who))]
        if name is not None:
            insort(self._named, (name, who))
        presence.name = name

    def leave(self, person: Person) -> None:
        """A reader of `person` ends."""
        presence = self._present[person.id]
        presence.readers -= 1
        if not presence.readers:
            self._left[person.id] = self._clock.seconds()
            self._see_to_sweep()

    def type(self, person: Person) -> None:
        """`person` types, and is shown to for `TYPING_SECONDS`; nothing happens where it is not here under a name."""
        presence = self._present.get(person.id)
        if presence is None or presence.name is None:
            return
        if presence.typing is None:
            presence.typing = self._clock.callLater(TYPING_SECONDS, self._typed, presence)
            self._change()
        else:
            presence.typing.reset(TYPING_SECONDS)

    def _typed(self, presence: _Presence) -> None:
        presence.typing = None
        self._change()

    def _see_to_sweep(self) -> None:
        if self._left and self._sweep is None:
            longest_ago = next(iter(self._left.values()))
            wait = longest_ago + GRACE_SECONDS - self._clock.seconds()
            self._sweep = self._clock.callLater(max(0.0, wait), self._forget_left)

    def _forget_left(self) -> None:
        self._sweep = None
        now = self._clock.seconds()
        before = len(self._present)
        while self._left and next(iter(self._left.values())) + GRACE_SECONDS <= now:
            who, _ = self._left.popitem(last=False)
            self._forget(who)
        if len(self._present) < before:
            self._change()
        self._see_to_sweep()

    def _forget(self, who: str) -> None:
        presence = self._present.pop(who)
        self._name(who, presence, None)
        if presence.typing is not None:
            presence.typing.cancel()

    def look(self) -> RosterState:
        """What whoever looks is shown: the state at the last announcement.  Who has seen that waits for the next."""
        if self._shown.version != self.version:
            if self._seconds_to_announcement() <= 0:
                self._show()
            else:
                self._see_to_announcement()
        return self._shown

    def _change(self) -> None:
        """There is another version; whoever looks will be told."""
        self.version += 1
        self._state = None
        if self._looking():
            self._see_to_announcement()

    def _see_to_announcement(self) -> None:
        if self._announcement is None:
            wait = max(0.0, self._seconds_to_announcement())
            self._announcement = self._clock.callLater(wait, self._announce)

    def _seconds_to_announcement(self) -> float:
        wait = max(WAKE_SECONDS, len(self._present) / WAKES_A_SECOND)
        return self._announced + wait - self._clock.seconds()

    def _announce(self) -> None:
        self._announcement = None
        self._show()
        self._changed()

    def _show(self) -> None:
        self._announced = self._clock.seconds()
        self._shown = self.state
