"""Whatever is asked of both, SqliteStore answers as MemoryStore does."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.message import Draft, IdempotencyKey, Message
from chatcomet.core.rulings import KINDS, Ruling, RulingKey
from chatcomet.core.store import Store
from chatcomet.stores import database
from chatcomet.stores.memory import MemoryStore
from chatcomet.stores.sqlite import SqliteStore
from tests.unit.stores.hand_reactor import HandReactor

T = TypeVar("T")

ROOMS = st.sampled_from(["lobby", "other"])
RULED = st.builds(RulingKey, st.sampled_from(KINDS), st.sampled_from(["", "lobby"]), st.sampled_from(["bob", "eve"]))
KEYS = st.none() | st.builds(IdempotencyKey, st.sampled_from(["", "s"]), st.sampled_from(["k", "l"]))
DRAFTS = st.builds(Draft, st.sampled_from(["ada", "bob"]), st.sampled_from(["x", "y"]), st.none() | st.just("1"), KEYS)


@dataclass
class Appends:
    """Drafts that are appended at once, when the clock shows `now`."""

    now: float
    drafts: list[tuple[str, Draft]]


@dataclass
class Read:
    """A read, and the bounds."""

    room: str
    start: int
    limit: int


@dataclass
class Erase:
    """A message is erased, if there is one."""

    room: str
    seq: int


@dataclass
class Prune:
    """What is older than `before` goes, and more than is retained, in the rooms after `after`."""

    before: float
    after: str
    limit: int


@dataclass
class Retain:
    """From now on a room retains so many."""

    room: str
    retain: int


@dataclass
class Rule:
    """A ruling about somebody, `seconds` long: over already, or not before the clock has shown all that it will.

    It goes back, too, and what is over need not be there again then.
    """

    key: RulingKey
    seconds: float


@dataclass
class Lift:
    """A ruling is lifted, if there is one."""

    key: RulingKey


@dataclass
class Reopen:
    """The SQLite store is closed and opened again; the other one has nothing to reopen."""


Step = Appends | Read | Erase | Prune | Retain | Rule | Lift | Reopen
STEPS = st.lists(
    st.builds(Appends, st.floats(0, 2e9), st.lists(st.tuples(ROOMS, DRAFTS), max_size=6))
    | st.builds(Read, ROOMS, st.integers(0, 12), st.integers(0, 12))
    | st.builds(Erase, ROOMS, st.integers(0, 5))
    | st.builds(Prune, st.floats(0, 2e9), st.sampled_from(["", "lobby"]), st.integers(1, 3))
    | st.builds(Retain, ROOMS, st.integers(0, 4))
    | st.builds(Rule, RULED, st.sampled_from([-3e9, 3e9, inf]))
    | st.builds(Lift, RULED)
    | st.builds(Reopen),
    max_size=15,
)


class AgreementTests(SynchronousTestCase):
    """Two stores, one history."""

    def setUp(self) -> None:
        self.patch(os, "fsync", lambda file: None)  # nothing here is about durability, and it takes most of the time

    @settings(max_examples=50, deadline=None)
    @given(STEPS, st.fixed_dictionaries({"lobby": st.integers(0, 4), "other": st.integers(0, 4)}))
    def test_both_answer_alike(self, steps: list[Step], retained: dict[str, int]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            history = _History(Path(folder) / "chat.db", retained)
            for step in steps:
                history.take(step)
            history.end()


RULINGS = "what was told of rulings"


def _connect(path: Path, mode: database.Mode) -> sqlite3.Connection:
    connection = database.connect(path, mode)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


class _History:
    """Both stores, and what they told."""

    def __init__(self, path: Path, retained: dict[str, int]) -> None:
        self._path = path
        self._retained = retained
        self._now = 0.0
        self._reactor = HandReactor()
        self._told: tuple[list[tuple[str, object]], list[tuple[str, object]]] = ([], [])
        self._memory = MemoryStore(lambda: self._now, self._retain)
        self._subscribe(self._memory, 0)
        self._sqlite = self._open()

    def take(self, step: Step) -> None:
        match step:
            case Appends():
                self._now = step.now
                both = [[store.append(*each) for each in step.drafts] for store in (self._memory, self._sqlite)]
                assert [self._outcome(each) for each in both[0]] == [self._outcome(each) for each in both[1]]
            case Read():
                self._compare(self._memory.bounds(step.room), self._sqlite.bounds(step.room))
                self._compare(
                    self._memory.read(step.room, step.start, step.limit),
                    self._sqlite.read(step.room, step.start, step.limit),
                )
            case Erase():
                self._compare(self._memory.erase(step.room, step.seq), self._sqlite.erase(step.room, step.seq))
            case Prune():
                self._compare(
                    self._memory.prune(lambda room: step.before, step.after, step.limit),
                    self._sqlite.prune(lambda room: step.before, step.after, step.limit),
                )
            case Retain():
                self._retained[step.room] = step.retain
            case Rule():
                self._now += 1.0
                ruling = Ruling(*step.key, self._now + step.seconds, "ada", self._now)
                self._compare(self._memory.rule(ruling), self._sqlite.rule(ruling))
                self._compare(self._memory.rulings(), self._sqlite.rulings())
            case Lift():
                self._compare(self._memory.lift(step.key), self._sqlite.lift(step.key))
                self._compare(self._memory.rulings(), self._sqlite.rulings())
            case Reopen():
                # What rooms came to retain less of goes when they are pruned, or when a file is opened.
                self._compare(*[store.prune(lambda room: -inf, "", 10) for store in (self._memory, self._sqlite)])
                self.end()
                self._sqlite = self._open()

    def end(self) -> None:
        assert self._outcome(self._sqlite.close()) is None
        in_memory, in_sqlite = self._told
        for room in ("lobby", "other", RULINGS):
            assert [each for each in in_memory if each[0] == room] == [each for each in in_sqlite if each[0] == room]

    def _retain(self, room: str) -> int:
        return self._retained[room]

    def _open(self) -> SqliteStore:
        store = SqliteStore(self._path, lambda: self._now, self._reactor, self._retain, _connect)
        self._subscribe(store, 1)
        assert self._outcome(store.open()) is None
        return store

    def _subscribe(self, store: Store, which: int) -> None:
        def told(room: str, messages: Sequence[Message]) -> None:
            self._told[which].extend((room, message) for message in messages)

        store.subscribe(told, lambda room, end: self._told[which].append((room, end)))
        store.follow_rulings(lambda key, ruling: self._told[which].append((RULINGS, (key, ruling))))

    def _compare(self, memory: Deferred[T], sqlite: Deferred[T]) -> None:
        assert self._outcome(memory) == self._outcome(sqlite)

    def _outcome(self, deferred: Deferred[T]) -> object:
        """What `deferred` came to; of an exception, its class."""
        self._reactor.run_until(deferred)
        outcomes: list[object] = []
        deferred.addBoth(outcomes.append)
        return outcomes[0].type if isinstance(outcomes[0], Failure) else outcomes[0]
