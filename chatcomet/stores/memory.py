"""MemoryStore: messages and rulings that live as long as the process.

It is also the reference: what another store answers is what this one answers (``tests/unit/stores/contract.py``).

Changes are made one after the other, each to its end: made, told, answered.  One that comes from inside a listener or
an answer waits for the end of those before it, so that nobody hears the later one first.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from heapq import nsmallest
from typing import Any, NamedTuple, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from chatcomet.core.message import Draft, IdempotencyKey, Message
from chatcomet.core.rulings import Ruled, Ruling, RulingKey
from chatcomet.core.store import Before, Bounds, Outdated, Posted, Retain, Told, keep_all
from chatcomet.errors import KeyReused, StoreUnavailable
from chatcomet.stores.epoch import new_epoch
from chatcomet.stores.listeners import Listeners

T = TypeVar("T")

CROWD = 1_000  # rulings that are over are looked for when there are so many, then when there are twice as many


class MemoryStore:
    """A `Store` without a disk.

    `wall` tells the time in seconds since 1970.
    """

    def __init__(self, wall: Callable[[], float], retain: Retain = keep_all, epoch: str | None = None) -> None:
        self._wall = wall
        self._retain = retain
        self._epoch = epoch or new_epoch()
        self._rooms: dict[str, _Room] = {}
        self._rulings: dict[RulingKey, Ruling] = {}
        self._crowd = CROWD
        self._listeners = Listeners()
        self._changes: deque[_Change] = deque()
        self._changing = False
        self._closed = False

    @property
    def epoch(self) -> str:
        return self._epoch

    def open(self) -> Deferred[None]:
        return succeed(None)

    def close(self) -> Deferred[None]:
        self._closed = True
        return succeed(None)

    def subscribe(self, told: Told, outdated: Outdated | None = None) -> None:
        self._listeners.add(told, outdated)

    def append(self, room: str, draft: Draft) -> Deferred[Posted]:
        return self._in_turn(lambda: self._append(room, draft))

    def read(self, room: str, start: int, limit: int) -> Deferred[Sequence[Message]]:
        if self._closed:
            return fail(StoreUnavailable("the store is closed"))
        return succeed(self._rooms[room].read(start, limit) if room in self._rooms else ())

    def erase(self, room: str, seq: int) -> Deferred[bool]:
        return self._in_turn(lambda: self._erase(room, seq))

    def prune(self, before: Before, after: str, limit: int) -> Deferred[str | None]:
        return self._in_turn(lambda: self._prune(before, after, limit))

    def rooms(self, after: str, limit: int) -> Deferred[Sequence[tuple[str, Bounds]]]:
        if self._closed:
            return fail(StoreUnavailable("the store is closed"))
        names = nsmallest(limit, (name for name in self._rooms if name > after))
        return succeed([(name, self._rooms[name].bounds) for name in names])

    def bounds(self, room: str) -> Deferred[Bounds]:
        if self._closed:
            return fail(StoreUnavailable("the store is closed"))
        return succeed(self._rooms[room].bounds if room in self._rooms else Bounds(0, 0))

    def follow_rulings(self, ruled: Ruled) -> None:
        self._listeners.add_ruled(ruled)

    def rule(self, ruling: Ruling) -> Deferred[None]:
        return self._in_turn(lambda: self._rule(ruling))

    def lift(self, key: RulingKey) -> Deferred[bool]:
        return self._in_turn(lambda: self._lift(key))

    def rulings(self) -> Deferred[Sequence[Ruling]]:
        if self._closed:
            return fail(StoreUnavailable("the store is closed"))
        now = self._wall()
        rulings = [ruling for ruling in self._rulings.values() if not ruling.is_over(now)]
        return succeed(sorted(rulings, key=lambda ruling: (ruling.at, ruling.key)))

    def _in_turn(self, make: Callable[[], T]) -> Deferred[T]:
        """What `make` returns, when the changes before it are made."""
        if self._closed:
            return fail(StoreUnavailable("the store is closed"))
        answer: Deferred[T] = Deferred()
        self._changes.append(_Change(make, answer))
        if not self._changing:
            self._change_all()
        return answer

    def _change_all(self) -> None:
        self._changing = True
        while self._changes:
            change = self._changes.popleft()
            try:
                outcome = change.make()
            except Exception:  # KeyReused, or a fault of ours: the asker hears of either
                outcome = Failure()
            change.answer.callback(outcome)
        self._changing = False

    def _append(self, name: str, draft: Draft) -> Posted:
        now, retain = self._wall(), self._retain(name)
        posted = self._rooms.setdefault(name, _Room()).append(draft, now, retain)
        if not posted.repeated:
            self._listeners.tell(name, (posted.message,))
        return posted

    def _erase(self, name: str, seq: int) -> bool:
        room = self._rooms.get(name)
        if room is None or not room.bounds.first <= seq < room.bounds.head:
            return False
        if room.erase(seq):
            self._listeners.tell_outdated(name, seq + 1)
        return True

    def _prune(self, before: Before, after: str, limit: int) -> str | None:
        names = sorted(name for name in self._rooms if name > after)[:limit]
        for name in names:
            if self._rooms[name].prune(before(name), self._retain(name)):
                self._listeners.tell_outdated(name, self._rooms[name].bounds.first)
        return names[-1] if len(names) == limit else None

    def _rule(self, ruling: Ruling) -> None:
        self._rulings[ruling.key] = ruling
        if len(self._rulings) > self._crowd:
            now = self._wall()
            self._rulings = {key: each for key, each in self._rulings.items() if not each.is_over(now)}
            self._crowd = max(CROWD, 2 * len(self._rulings))
        self._listeners.tell_ruled(ruling.key, ruling)

    def _lift(self, key: RulingKey) -> bool:
        ruling = self._rulings.pop(key, None)
        if ruling is None or ruling.is_over(self._wall()):
            return False
        self._listeners.tell_ruled(key, None)
        return True


class _Change(NamedTuple):
    make: Callable[[], Any]
    answer: Deferred[Any]


class _Room:
    """The messages from `first` to before `head`, by seq, and the keys that they came with."""

    def __init__(self) -> None:
        self._first = 0
        self._head = 0
        self._last_at = 0.0  # stays when the message that it belonged to has gone
        self._messages: dict[int, Message] = {}
        self._keys: dict[int, IdempotencyKey] = {}
        self._seqs: dict[IdempotencyKey, int] = {}

    @property
    def bounds(self) -> Bounds:
        return Bounds(self._first, self._head)

    def read(self, start: int, limit: int) -> Sequence[Message]:
        start = max(start, self._first)
        return tuple(self._messages[seq] for seq in range(start, min(start + limit, self._head)))

    def append(self, draft: Draft, now: float, retain: int) -> Posted:
        if draft.key is not None and draft.key in self._seqs:
            return Posted(self._repeat(draft, self._messages[self._seqs[draft.key]]), repeated=True)
        self._last_at = max(now, self._last_at)
        message = Message(self._head, draft.author, draft.text, self._last_at, draft.data)
        self._messages[message.seq] = message
        if draft.key is not None:
            self._keys[message.seq] = draft.key
            self._seqs[draft.key] = message.seq
        self._head += 1
        if retain:
            self._keep_from(self._head - retain)
        return Posted(message, repeated=False)

    def erase(self, seq: int) -> bool:
        """Erase message `seq`, which is kept; whether it was not erased before."""
        message = self._messages[seq]
        self._messages[seq] = message.erase()
        return not message.erased

    def prune(self, before: float, retain: int) -> bool:
        """Let go of what is older than `before`, and of more than `retain`; whether there was something.

        `at` never decreases.
        """
        kept = range(self._first, self._head)
        older = bisect_left(kept, before, key=lambda seq: self._messages[seq].at)
        self._keep_from(max(self._first + older, self._head - retain if retain else 0))
        return self._first > kept.start

    def _repeat(self, draft: Draft, message: Message) -> Message:
        said = (message.author, message.text, message.data)
        if not message.erased and said != (draft.author, draft.text, draft.data):
            raise KeyReused("this idempotency key came with another message before")
        return message

    def _keep_from(self, first: int) -> None:
        while self._first < first:
            del self._messages[self._first]
            key = self._keys.pop(self._first, None)
            if key is not None:
                del self._seqs[key]
            self._first += 1
