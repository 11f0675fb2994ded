"""Hub: rooms by name, made when they are used and gone when they are idle; nothing else.

A room that is used again soon costs a read of the store if it has gone meanwhile, and one that stays costs
memory.  So those idle for `IDLE_SECONDS` are forgotten, and when there are twice as many as after the last
such sweep (somebody asks for one name after the other), all idle ones are, at once.  A room that everybody has left is
not idle as long as they may come back (`roster`), but in such a crowd it is from `LEFT_SECONDS` on: else whoever asks
for thousands of names a second would have them all kept for that long.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from chatcomet.core import gathering, reading
from chatcomet.core.holds import Holds
from chatcomet.core.message import PAGE_BYTES, Cursor, Message, Page
from chatcomet.core.room import Room
from chatcomet.core.store import MessageStore, Retain, keep_all
from chatcomet.core.waiters import NO_BURST, Burst, Standing

IDLE_SECONDS = 60.0
CROWD = 1_000
LEFT_SECONDS = 1.0  # between two polls is less than that


class Hub:
    """The rooms of one store, in this process.

    `retain`: how many messages the store keeps of a room.  `burst`: see `WaiterSet`.  `page_bytes`: see `Room`.
    """

    def __init__(
        self,
        store: MessageStore,
        clock: IReactorTime,
        retain: Retain = keep_all,
        burst: Burst = NO_BURST,
        page_bytes: int = PAGE_BYTES,
    ) -> None:
        self._store = store
        self._clock = clock
        self._retain = retain
        self._burst = burst
        self._page_bytes = page_bytes
        self._holds = Holds(clock)
        self._rooms: dict[str, Room] = {}
        self._crowd = CROWD
        self._sweeping = False
        store.subscribe(self._told, self._outdated)

    def __len__(self) -> int:
        """How many rooms are in memory."""
        return len(self._rooms)

    @property
    def waiting(self) -> int:
        """How many requests are suspended."""
        return sum(room.readers for room in self._rooms.values())

    def after(
        self, name: str, cursor: Cursor, limit: int, hold_seconds: float, roster_seen: int | None = None
    ) -> Deferred[Page]:
        """`reading.after` in the room `name`, with a hold of `hold_seconds` from now (0: none)."""
        until = self._clock.seconds() + hold_seconds
        return reading.after(self.room(name), self._store.epoch, cursor, limit, until, roster_seen)

    def wait(
        self, waiter: Standing, room: Room, cursor: Cursor, hold_seconds: float, roster_seen: int | None = None
    ) -> bool:
        """`Room.wait` in `room`, one of these, with a hold of `hold_seconds` from now, if `cursor` is at its head."""
        if cursor.next != room.head or cursor.epoch != self._store.epoch:
            return False
        return room.wait(waiter, self._clock.seconds() + hold_seconds, roster_seen)

    def after_any(self, cursors: Mapping[str, Cursor], limit: int, hold_seconds: float) -> Deferred[Sequence[Page]]:
        """`gathering.after_any` in the rooms that `cursors` name, with a hold of `hold_seconds` from now (0: none)."""
        until = self._clock.seconds() + hold_seconds
        asked = list(zip(self.rooms(cursors), cursors.values(), strict=True))
        return gathering.after_any(asked, self._store.epoch, limit, until)

    def latest(self, name: str) -> Deferred[Cursor]:
        """`reading.latest` in the room `name`."""
        return reading.latest(self.room(name))

    def before(self, name: str, seq: int | None, limit: int) -> Deferred[Page]:
        """`reading.before` in the room `name`."""
        return reading.before(self.room(name), seq, limit)

    @property
    def draining(self) -> bool:
        """Whether `drain` was called."""
        return self._holds.over

    def readers(self, name: str) -> int:
        """How many requests are suspended in the room `name`, which is not made."""
        room = self._rooms.get(name)
        return room.readers if room else 0

    def drain(self) -> None:
        """Answer all who are suspended with an empty page, and from now on suspend nobody."""
        self._holds.end_all()

    def room(self, name: str) -> Room:
        """The room `name`, made if it is not in memory."""
        now = self._clock.seconds()
        room = self._rooms.get(name)
        if room is None:
            room = self._make(name, now)
        room.last_used = now
        return room

    def rooms(self, names: Iterable[str]) -> Sequence[Room]:
        """The rooms `names`; making one does not forget another of them."""
        with ExitStack() as held:
            rooms = []
            for name in names:
                room = self.room(name)
                held.enter_context(room.in_use())
                rooms.append(room)
            return rooms

    def _make(self, name: str, now: float) -> Room:
        if len(self._rooms) >= self._crowd:
            self._forget(unused_since=now, left_since=now - LEFT_SECONDS)
        if not self._sweeping:
            self._sweeping = True
            self._clock.callLater(IDLE_SECONDS, self._sweep)
        room = Room(name, self._store, self._clock, self._holds, self._retain, self._burst, self._page_bytes)
        self._rooms[name] = room
        return room

    def _told(self, name: str, messages: Sequence[Message]) -> None:
        room = self._rooms.get(name)
        if room is not None:
            room.deliver(messages)

    def _outdated(self, name: str, end: int) -> None:
        room = self._rooms.get(name)
        if room is not None:
            room.forget(end)

    def _sweep(self) -> None:
        self._forget(unused_since=self._clock.seconds() - IDLE_SECONDS)
        self._sweeping = bool(self._rooms)
        if self._sweeping:
            self._clock.callLater(IDLE_SECONDS, self._sweep)

    def _forget(self, unused_since: float, left_since: float = -math.inf) -> None:
        """Forget the rooms that were last used at `unused_since` or before, and are idle or left since `left_since`."""
        rooms = [room for room in self._rooms.values() if room.last_used <= unused_since and room.is_left(left_since)]
        for room in rooms:
            self._rooms.pop(room.name).close()
        self._crowd = max(CROWD, 2 * len(self._rooms))
