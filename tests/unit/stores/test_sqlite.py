"""SqliteStore: the contract, what threads and queues add to it, and closing."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred

from chatcomet.core.message import Draft, IdempotencyKey
from chatcomet.core.store import MessageStore
from chatcomet.errors import KeyReused, StartRefused, StoreBusy
from chatcomet.stores import readers, sqlite
from chatcomet.stores.sqlite import SqliteStore
from tests.unit.stores import contract
from tests.unit.stores.hand_reactor import HandReactor
from tests.unit.stores.sqlite_case import SqliteCase

T = TypeVar("T")


class SqliteStoreContract(contract.StoreContract):
    """The same as of every store, with real threads."""

    def setUp(self) -> None:
        self.reactor = HandReactor()
        super().setUp()

    def make(self, retain: int = 0) -> MessageStore:
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        store = SqliteStore(folder / "chat.db", lambda: self.now, self.reactor, retain)
        self.successResultOf(store.open())
        self.addCleanup(lambda: self.result(store.close()))
        return store

    def wait_for(self, fired: Deferred[T]) -> None:
        self.reactor.run_until(fired)


class ReopeningTests(SqliteCase):
    """What was there is there again."""

    def test_everything_is_kept(self) -> None:
        key = IdempotencyKey("session", "k")
        store = self.open_store()
        epoch = store.epoch
        posted = [self.post(store, "hello", key).message, self.post(store, "more").message]
        self.close_store(store)

        store = self.open_store()
        self.now -= 500.0
        self.assertEqual(store.epoch, epoch)
        self.assertEqual(list(self.read(store)), posted)
        self.assertEqual(self.post(store, "hello", key), (posted[0], True))
        other = store.append("lobby", Draft("ada", "other", None, key))
        self.reactor.run_until(other)
        self.failureResultOf(other, KeyReused)
        self.assertEqual(self.post(store, "next").message.seq, 2)
        self.assertEqual(self.read(store, 2)[0].at, posted[1].at)

    def test_a_room_that_is_to_retain_less_does_so_at_once(self) -> None:
        store = self.open_store()
        for number in range(10):
            self.post(store, str(number))
        self.close_store(store)
        store = self.open_store(retain=3)
        self.assertEqual(self.result(store.bounds("lobby")), (7, 10))
        self.assertEqual(self.texts(store), ["7", "8", "9"])


class QueueTests(SqliteCase):
    """Appends and reads that wait for a thread, or for the reactor to hear of them."""

    def test_too_many_appends_are_refused_until_some_are_answered(self) -> None:
        self.patch(sqlite, "APPENDS_PENDING", 3)
        store = self.open_store()
        posted = [store.append("lobby", Draft("ada", str(number))) for number in range(3)]
        self.failureResultOf(store.append("lobby", Draft("ada", "too many")), StoreBusy)
        self.assertEqual([self.result(each).message.seq for each in posted], [0, 1, 2])
        self.assertEqual(self.post(store, "again").message.seq, 3)

    def test_too_many_reads_are_refused_until_some_are_answered(self) -> None:
        self.patch(readers, "READS_PENDING", 3)
        store = self.open_store()
        reads = [store.bounds("lobby") for _ in range(3)]
        self.failureResultOf(store.read("lobby", 0, 1), StoreBusy)
        self.assertEqual([self.result(each) for each in reads], [(0, 0)] * 3)
        self.assertEqual(self.texts(store), [])

    def test_a_read_may_be_cancelled(self) -> None:
        store = self.open_store()
        read = store.read("lobby", 0, 1)
        read.cancel()
        self.failureResultOf(read, CancelledError)
        self.assertEqual(self.texts(store), [])


class ClosingTests(SqliteCase):
    """The end, and what comes before the beginning."""

    def test_appends_and_reads_in_hand_are_finished(self) -> None:
        store = self.open_store()
        posted = [store.append("lobby", Draft("ada", str(number))) for number in range(500)]
        reads = [store.bounds("lobby") for _ in range(50)]
        self.result(store.close())
        self.assertEqual([self.successResultOf(each).message.seq for each in posted], list(range(500)))
        for read in reads:
            self.successResultOf(read)
        self.assertEqual(len(self.read(self.open_store())), 500)

    def test_nothing_is_left_but_the_database_and_what_belongs_to_it(self) -> None:
        store = self.open_store()
        self.post(store, "hello")
        self.close_store(store)
        names = sorted(path.name for path in self.folder.iterdir())
        self.assertEqual(names, ["chat.db", "chat.db.life", "chat.db.lock"])

    def test_a_store_that_was_never_opened_closes(self) -> None:
        self.successResultOf(self.make_store().close())

    def test_a_store_that_could_not_be_opened_closes_and_leaves_the_lock(self) -> None:
        self.path.write_text("this is no database\n" * 20)
        store = self.make_store()
        self.failureResultOf(store.open(), StartRefused)
        self.successResultOf(store.close())
        self.path.unlink()
        self.open_store()

    def test_another_store_may_have_the_database_afterwards(self) -> None:
        store = self.open_store()
        refused = self.make_store()
        self.assertIn("in use", str(self.failureResultOf(refused.open(), StartRefused).value))
        self.assertEqual(self.post(store, "undisturbed").message.seq, 0)
        self.close_store(store)
        self.assertEqual(self.texts(self.open_store()), ["undisturbed"])
