"""SqliteCase: what tests of the SQLite store have in common, a folder, a reactor under their hand and a weak disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.message import Draft, IdempotencyKey, Message
from chatcomet.core.store import Posted, Retain, keep_all
from chatcomet.errors import StoreUnavailable
from chatcomet.stores.sqlite import SqliteStore
from tests.unit.stores.hand_reactor import HandReactor
from tests.unit.stores.weak_disk import WeakDisk

T = TypeVar("T")


class SqliteCase(SynchronousTestCase):
    """Stores in files of `self.folder`, closed at the end of the test; `now` is what their wall clock shows."""

    def setUp(self) -> None:
        self.now = 1_000.0
        self.folder = Path(self.mktemp())
        self.folder.mkdir(parents=True)
        self.path = self.folder / "chat.db"
        self.reactor = HandReactor()
        self.disk = WeakDisk()

    def make_store(self, path: Path | None = None, retain: Retain = keep_all) -> SqliteStore:
        """A store at `path`, not yet open."""
        return SqliteStore(path or self.path, lambda: self.now, self.reactor, retain, self.disk.connect)

    def open_store(self, path: Path | None = None, retain: Retain = keep_all) -> SqliteStore:
        store = self.make_store(path, retain)
        self.successResultOf(store.open())
        self.addCleanup(self.close_store, store)
        return store

    def close_store(self, store: SqliteStore) -> None:
        self.result(store.close())

    def result(self, deferred: Deferred[T]) -> T:
        self.reactor.run_until(deferred)
        result: T = self.successResultOf(deferred)
        return result

    def post(self, store: SqliteStore, text: str, key: IdempotencyKey | None = None, room: str = "lobby") -> Posted:
        return self.result(store.append(room, Draft("ada", text, None, key)))

    def read(self, store: SqliteStore, start: int = 0, room: str = "lobby") -> Sequence[Message]:
        return self.result(store.read(room, start, 1_000))

    def texts(self, store: SqliteStore) -> list[str]:
        return [message.text for message in self.read(store)]

    def assert_unavailable(self, deferred: Deferred[Any]) -> None:
        """`deferred` fails with `StoreUnavailable`."""
        self.reactor.run_until(deferred)
        self.failureResultOf(deferred, StoreUnavailable)
