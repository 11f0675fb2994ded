"""Tables: the SQL of the log.

* A transaction of the writer (`begin`, any number of `append`, `sweep`, `commit`) reads each room's row once, numbers
  messages by it, and writes it back at the end.  Nothing is known from one transaction to the next.
* `first` moves in the transaction that moves `head`: a room never shows more messages than it retained then.  `prune`
  moves it over what is too old, and over what is too much since a room retains less.
* Rows below `first` are garbage.  They are deleted a few at a time, and sooner if their key is used anew.
* A message and its key are one row, so they live and die together.
* Who has read messages before may have what is not so any more: by room, `outdated` has the seq before which the
  transaction has moved `first` or erased something.  `append` moves `first`, too: that is not in it, for who is told
  of an append knows how many its room retains.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from chatcomet.core.message import Draft, IdempotencyKey, Message
from chatcomet.core.store import Before, Bounds, Posted, Retain
from chatcomet.errors import KeyReused

_READ = """
    SELECT seq, author, text, at, data, erased FROM messages JOIN rooms ON rooms.id = messages.room
    WHERE rooms.name = ? AND seq >= max(?, rooms.first) ORDER BY seq LIMIT ?
"""
_BOUNDS = "SELECT first, head FROM rooms WHERE name = ?"

_ROOMS = "SELECT name, first, head FROM rooms WHERE name > ? ORDER BY name LIMIT ?"

_ROOM = "SELECT id, first, head, last_at FROM rooms WHERE name = ?"
_NEW_ROOM = "INSERT INTO rooms (name, first, head, last_at) VALUES (?, 0, 0, 0)"
_UPDATE_ROOM = "UPDATE rooms SET first = ?, head = ?, last_at = ? WHERE id = ?"
_INSERT = "INSERT INTO messages (room, seq, at, author, text, data, scope, key, digest) VALUES (?,?,?,?,?,?,?,?,?)"
_BY_KEY = "SELECT digest, seq, author, text, at, data, erased FROM messages WHERE room = ? AND scope = ? AND key = ?"
_ERASE = """
    UPDATE messages SET text = '', data = NULL, digest = NULL, erased = 1 WHERE room = ? AND seq = ? AND NOT erased
"""

_KEPT = """
    SELECT name, head - first, (SELECT at FROM messages WHERE room = rooms.id AND seq = rooms.first) FROM rooms
    WHERE name > ? ORDER BY name LIMIT ?
"""
_AT = "SELECT at FROM messages WHERE room = ? AND seq = ?"

_KEEPING = "SELECT id, name, head, head - first FROM rooms WHERE head > first"
_KEEP_FROM = "UPDATE rooms SET first = ? WHERE id = ?"
_GARBAGE = """
    SELECT id, first FROM rooms
    WHERE EXISTS (SELECT 1 FROM messages WHERE messages.room = rooms.id AND seq < first)
"""
_LOWEST = "SELECT min(seq) FROM messages WHERE room = ?"
_DELETE_ONE = "DELETE FROM messages WHERE room = ? AND seq = ?"
_DELETE_BELOW = "DELETE FROM messages WHERE room = ? AND seq < ?"


def read(connection: sqlite3.Connection, room: str, start: int, limit: int) -> Sequence[Message]:
    """At most `limit` messages of `room` from `start` on, or from the first that is kept."""
    return tuple(map(_message, connection.execute(_READ, (room, start, limit))))


def read_bounds(connection: sqlite3.Connection, room: str) -> Bounds:
    """What `room` keeps."""
    row = connection.execute(_BOUNDS, (room,)).fetchone()
    return Bounds(*row) if row else Bounds(0, 0)


def read_rooms(connection: sqlite3.Connection, after: str, limit: int) -> Sequence[tuple[str, Bounds]]:
    """At most `limit` rooms whose names come after `after`, by name, and what they keep."""
    return [(name, Bounds(first, head)) for name, first, head in connection.execute(_ROOMS, (after, limit))]


@dataclass(slots=True)
class _Room:
    """A room's row, as far as the transaction has come, and how many messages it retains."""

    id: int
    first: int
    head: int
    last_at: float
    retain: int


class Tables:
    """The log as its one writer sees it, through `connection`.  All methods raise `sqlite3.Error`.

    Rooms that have more messages than they `retain` let go of them at once.
    """

    def __init__(self, connection: sqlite3.Connection, retain: Retain) -> None:
        self.connection = connection
        self._retain = retain
        self.outdated: dict[str, int] = {}
        self._rooms: dict[str, _Room] = {}
        self._retain_all()
        self._garbage = OrderedDict[int, int](connection.execute(_GARBAGE))  # by a room's id: rows below this seq

    @property
    def has_garbage(self) -> bool:
        """Whether `sweep` has something to do."""
        return bool(self._garbage)

    def begin(self) -> None:
        """Begin a transaction."""
        self.outdated = {}
        self._rooms.clear()
        self.connection.execute("BEGIN IMMEDIATE")

    def append(self, name: str, draft: Draft, now: float) -> Posted:
        """Number `draft` and insert it in the room `name`.  Raises `KeyReused`, which leaves all as it was."""
        room = self._find(name) or self._make(name)
        digest = None
        if draft.key is not None:
            digest = _digest(draft)
            earlier = self._earlier(room, draft.key, digest)
            if earlier is not None:
                return Posted(earlier, repeated=True)
        message = Message(room.head, draft.author, draft.text, max(now, room.last_at), draft.data)
        scope, key = draft.key or (None, None)
        self.connection.execute(
            _INSERT,
            (room.id, message.seq, message.at, message.author, message.text, message.data, scope, key, digest),
        )
        self._advance(room, message)
        return Posted(message, repeated=False)

    def erase(self, name: str, seq: int) -> bool:
        """Whether the room `name` keeps a message `seq`, which is erased then."""
        room = self._find(name)
        if room is None or not room.first <= seq < room.head:
            return False
        if self.connection.execute(_ERASE, (room.id, seq)).rowcount:
            self._outdate(name, seq + 1)
        return True

    def prune(self, before: Before, after: str, limit: int) -> str | None:
        """Move `first` over what is too old and what is too much, in the next `limit` rooms by name after `after`.

        Returns the last of those names, or None if no more rooms follow.
        """
        looked_at = self.connection.execute(_KEPT, (after, limit)).fetchall()
        for name, kept, first_at in looked_at:
            oldest = before(name)
            if kept > (self._retain(name) or kept) or (first_at is not None and first_at < oldest):
                self._prune(name, oldest)
        return looked_at[-1][0] if len(looked_at) == limit else None

    def _prune(self, name: str, before: float) -> None:
        """Move one room's `first`; `at` never decreases, so a few rows tell where to."""
        room = self._find(name)
        assert room is not None, "it was just looked at"
        kept = range(room.first, room.head)
        first = room.first + bisect_left(kept, before, key=lambda seq: self._at(room, seq))
        if room.retain:
            first = max(first, room.head - room.retain)
        if first > room.first:
            self._garbage[room.id] = room.first = first
            self._outdate(name, first)

    def _outdate(self, name: str, end: int) -> None:
        self.outdated[name] = max(end, self.outdated.get(name, 0))

    def _at(self, room: _Room, seq: int) -> float:
        (at,) = self.connection.execute(_AT, (room.id, seq)).fetchone()
        return float(at)

    def sweep(self, rows: int) -> None:
        """Delete garbage, at most `rows` rows of it."""
        while self._garbage and rows > 0:
            room, first = next(iter(self._garbage.items()))
            (lowest,) = self.connection.execute(_LOWEST, (room,)).fetchone()
            end = first if lowest is None else min(first, lowest + rows)
            rows -= self.connection.execute(_DELETE_BELOW, (room, end)).rowcount
            if end == first:
                del self._garbage[room]

    def commit(self) -> None:
        """Make durable what the transaction did."""
        self.connection.executemany(
            _UPDATE_ROOM, [(room.first, room.head, room.last_at, room.id) for room in self._rooms.values()]
        )
        self.connection.execute("COMMIT")

    def scrub(self) -> bool:
        """Empty the write-ahead log, where what was erased still stands; False if somebody reads there now."""
        (patience,) = self.connection.execute("PRAGMA busy_timeout").fetchone()
        self.connection.execute("PRAGMA busy_timeout = 0")  # who appends does not wait for who reads
        try:
            (busy, _, _) = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {patience}")
        return not busy

    def has(self, runs: Mapping[str, Sequence[Message]]) -> bool:
        """Whether all of `runs` are in the log: nobody else writes, so a room whose head is beyond them has them."""
        return all(read_bounds(self.connection, room).head > run[-1].seq for room, run in runs.items())

    def close(self) -> None:
        """Let go of the connection, whatever state it is in; what was not committed has not happened."""
        with suppress(sqlite3.Error):
            self.connection.close()

    def _retain_all(self) -> None:
        rooms = self.connection.execute(_KEEPING).fetchall()
        retained = [(id_, head, kept, self._retain(name)) for id_, name, head, kept in rooms]
        firsts = [(head - retain, id_) for id_, head, kept, retain in retained if retain and kept > retain]
        if firsts:
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.executemany(_KEEP_FROM, firsts)
            self.connection.execute("COMMIT")

    def _find(self, name: str) -> _Room | None:
        """The room `name`, if it was ever posted to."""
        room = self._rooms.get(name)
        if room is None:
            row = self.connection.execute(_ROOM, (name,)).fetchone()
            if row is not None:
                row_id, first, head, last_at = row
                room = self._rooms[name] = _Room(row_id, first, head, last_at, self._retain(name))
        return room

    def _make(self, name: str) -> _Room:
        retain = self._retain(name)
        row_id = self.connection.execute(_NEW_ROOM, (name,)).lastrowid
        assert row_id is not None, "a row was inserted"
        room = self._rooms[name] = _Room(row_id, 0, 0, 0.0, retain)
        return room

    def _earlier(self, room: _Room, key: IdempotencyKey, digest: bytes) -> Message | None:
        """The message that came with this key before, if it is still kept."""
        row = self.connection.execute(_BY_KEY, (room.id, *key)).fetchone()
        if row is None:
            return None
        known, *members = row
        message = _message(members)
        if message.seq < room.first:
            self.connection.execute(_DELETE_ONE, (room.id, message.seq))
            return None
        if known != digest and not message.erased:
            raise KeyReused("this idempotency key came with another message before")
        return message

    def _advance(self, room: _Room, message: Message) -> None:
        room.head += 1
        room.last_at = message.at
        if room.retain and room.head - room.first > room.retain:
            self._garbage[room.id] = room.first = room.head - room.retain


def _message(row: Sequence[Any]) -> Message:
    seq, author, text, at, data, erased = row
    return Message(seq, author, text, at, data, erased == 1)


def _digest(draft: Draft) -> bytes:
    """What a repeat of `draft` has in common with it, whatever becomes of its message later."""
    return hashlib.sha256(json.dumps([draft.author, draft.text, draft.data]).encode()).digest()
