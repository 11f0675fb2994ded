"""SqliteStore: the contract, what threads and queues add to it, and closing."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred

from chatcomet.core.message import Draft, IdempotencyKey, Message
from chatcomet.core.rulings import Ruling
from chatcomet.core.store import Retain, Store, keep_all
from chatcomet.errors import KeyReused, StartRefused, StoreBusy
from chatcomet.stores import commits, database, readers, rulings, schema, sqlite
from chatcomet.stores.commits import Asked
from chatcomet.stores.sqlite import SqliteStore
from tests.unit.stores import contract, erasing_contract, retention_contract, rulings_contract
from tests.unit.stores.hand_reactor import HandReactor
from tests.unit.stores.sqlite_case import SqliteCase

T = TypeVar("T")


class ThreadedCase(contract.StoreCase):
    """A store with real threads."""

    def setUp(self) -> None:
        self.reactor = HandReactor()
        super().setUp()

    def make(self, retain: Retain = keep_all) -> Store:
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        store = SqliteStore(folder / "chat.db", lambda: self.now, self.reactor, retain)
        self.successResultOf(store.open())
        self.addCleanup(lambda: self.result(store.close()))
        return store

    def wait_for(self, fired: Deferred[T]) -> None:
        self.reactor.run_until(fired)


class SqliteStoreContract(ThreadedCase, contract.StoreContract):
    """The same as of every store."""


class SqliteErasingContract(ThreadedCase, erasing_contract.ErasingContract):
    """The same as of every store."""


class SqliteRetentionContract(ThreadedCase, retention_contract.RetentionContract):
    """The same as of every store."""


class SqliteRulingsContract(ThreadedCase, rulings_contract.RulingsContract):
    """The same as of every store."""


class TurnTests(SqliteCase):
    """What is asked of the store in one turn of the reactor is written together."""

    def test_all_is_put_at_once(self) -> None:
        store = self.open_store()
        put, batches = store._commits.put, []

        def note(asked: Sequence[Asked]) -> None:
            batches.append(len(asked))
            put(asked)

        self.patch(store._commits, "put", note)
        posted = [store.append(room, Draft("ada", "hello")) for room in ("a", "b", "a")]
        erased = store.erase("a", 0)
        self.assertEqual(batches, [])
        self.assertTrue(self.result(erased))
        self.assertEqual([self.successResultOf(each).message.seq for each in posted], [0, 0, 1])
        self.post(store, "more")
        self.assertEqual(batches, [4, 1])


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
        store = self.open_store(retain=lambda room: 3)
        self.assertEqual(self.result(store.bounds("lobby")), (7, 10))
        self.assertEqual(self.texts(store), ["7", "8", "9"])

    def test_what_was_erased_stays_so(self) -> None:
        key = IdempotencyKey("session", "k")
        store = self.open_store()
        self.post(store, "hello", key)
        self.result(store.erase("lobby", 0))
        self.close_store(store)
        store = self.open_store()
        erased = Message(0, "ada", "", self.now, erased=True)
        self.assertEqual(self.read(store), (erased,))
        self.assertEqual(self.post(store, "hello", key), (erased, True))

    def test_what_was_ruled_is_ruled_again(self) -> None:
        store = self.open_store()
        ban = Ruling("ban", "lobby", "bob", inf, "ada", self.now)
        mute = Ruling("mute", "lobby", "eve", self.now + 10.0, "ada", self.now + 0.5)
        for ruling in (ban, mute):
            self.result(store.rule(ruling))
        self.close_store(store)
        store = self.open_store()
        self.assertEqual(self.successResultOf(store.rulings()), [ban, mute])
        self.result(store.lift(ban.key))
        self.close_store(store)
        self.now += 20.0
        self.assertEqual(self.successResultOf(self.open_store().rulings()), [])


class RulingRowsTests(SqliteCase):
    """What stays in the database of rulings that are over."""

    def test_they_go_as_others_are_made(self) -> None:
        self.patch(rulings, "OVER_ROWS", 3)
        store = self.open_store()
        connection = sqlite3.connect(self.path)
        self.addCleanup(connection.close)
        for number in range(30):
            self.result(store.rule(Ruling("ended", "", str(number), self.now + 10, "ada", self.now)))
        self.now += 10.0
        for number in range(30, 50):
            self.result(store.rule(Ruling("ended", "", str(number), self.now + 10, "ada", self.now)))
        left = [int(subject) for (subject,) in connection.execute("SELECT subject FROM rulings")]
        self.assertEqual(sorted(left), list(range(30, 50)))

    def test_they_are_found_by_their_index(self) -> None:
        self.open_store()
        connection = sqlite3.connect(self.path)
        self.addCleanup(connection.close)
        plan = connection.execute(f"EXPLAIN QUERY PLAN {rulings._DELETE_OVER}", (0.0, 10)).fetchall()
        self.assertIn("rulings_by_end", str(plan))
        self.assertNotIn("SCAN rulings", str(plan))


class ErasingTests(SqliteCase):
    """The bytes of what was erased, in the files."""

    text = "what was said " * 200
    data = '"what was meant"' + " " * 12_000 + '"or not"'

    def setUp(self) -> None:
        super().setUp()
        self.patch(commits, "SCRUB_SECONDS", 0.0)
        self.patch(database, "BUSY_SECONDS", 60.0)  # longer than a test takes: nobody waits for who reads the log
        self.store = self.open_store()
        self.result(self.store.append("lobby", Draft("ada", self.text, self.data, IdempotencyKey("session", "k"))))

    def tearDown(self) -> None:
        self.flushLoggedErrors(sqlite3.Error)

    def kept_in(self, path: Path) -> bool:
        """Whether something of what was said is in the file at `path`, or in its write-ahead log."""
        files = [str(path), *map(str, path.parent.glob(f"{path.name}-wal"))]
        # By another process: closing a file that this one has locks on would drop them.
        bytes_ = subprocess.run(["cat", *files], check=True, capture_output=True).stdout
        digest = hashlib.sha256(json.dumps(["ada", self.text, self.data]).encode()).digest()
        return any(piece in bytes_ for piece in (b"what was said", b"what was meant", b"or not", digest))

    def erase(self) -> None:
        self.assertTrue(self.result(self.store.erase("lobby", 0)))

    def settle(self) -> None:
        """Let the writer come round."""
        for _ in range(2):
            self.post(self.store, "something else")

    def test_are_gone(self) -> None:
        self.assertTrue(self.kept_in(self.path))
        self.erase()
        self.settle()
        self.assertFalse(self.kept_in(self.path))

    def test_are_gone_from_the_database_of_before(self) -> None:
        self.close_store(self.store)
        self.assertTrue(self.kept_in(self.path))
        self.store = self.open_store()
        self.erase()
        self.close_store(self.store)
        self.assertFalse(self.kept_in(self.path))

    def test_are_gone_when_who_reads_the_log_has_done_so(self) -> None:
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM messages").fetchone()
        self.erase()
        self.settle()
        self.assertTrue(self.kept_in(self.path))
        other.execute("ROLLBACK")
        self.settle()
        self.assertFalse(self.kept_in(self.path))

    def test_are_gone_when_a_disk_that_failed_does_not(self) -> None:
        self.disk.fail_checkpoints = True
        self.erase()
        self.settle()
        self.assertTrue(self.kept_in(self.path))
        self.disk.fail_checkpoints = False
        self.settle()
        self.assertFalse(self.kept_in(self.path))

    def test_are_gone_when_a_server_that_was_killed_starts_again(self) -> None:
        self.patch(commits, "SCRUB_SECONDS", 3600.0)
        self.erase()
        killed = self.folder / "killed"
        killed.mkdir()
        for suffix in ("", "-wal", ".life"):
            subprocess.run(["cp", f"{self.path}{suffix}", str(killed)], check=True)
        self.assertTrue(self.kept_in(killed / "chat.db"))
        store = self.open_store(killed / "chat.db")
        self.assertFalse(self.kept_in(killed / "chat.db"))
        self.assertTrue(self.read(store)[0].erased)


class UpgradeTests(SqliteCase):
    """A database of an earlier version is brought up to date where it is."""

    def test_from_version_1(self) -> None:
        self.path.touch()
        connection = sqlite3.connect(self.path, isolation_level=None)
        schema.upgrade(connection, schema.scripts()[:1])
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("INSERT INTO meta VALUES ('epoch', 'k3v9'), ('token', 'token')")
        connection.execute("INSERT INTO rooms VALUES (1, 'lobby', 1, 3, 1000.0)")
        digest = hashlib.sha256(b'["ada", "one", null]').digest()
        for seq, text, key in ((0, "pruned", None), (1, "one", "k"), (2, "two", None)):
            connection.execute(
                "INSERT INTO messages VALUES (1, ?, 1000.0, 'ada', ?, NULL, 'session', ?, ?)", (seq, text, key, digest)
            )
        connection.close()
        self.path.with_name("chat.db.life").write_text("token\n")

        store = self.open_store()
        self.assertEqual(store.epoch, "k3v9")
        one, two = self.read(store)
        self.assertEqual((one, two), (Message(1, "ada", "one", 1_000.0), Message(2, "ada", "two", 1_000.0)))
        self.assertEqual(self.post(store, "one", IdempotencyKey("session", "k")), (one, True))
        self.assertTrue(self.result(store.erase("lobby", 2)))
        self.assertEqual(self.texts(store), ["one", ""])
        self.assertEqual(self.post(store, "next").message.seq, 3)
        ban = Ruling("ban", "lobby", "bob", inf, "ada", self.now)
        self.result(store.rule(ban))
        self.assertEqual(self.successResultOf(store.rulings()), [ban])
        header = subprocess.run(["head", "-c", "64", str(self.path)], check=True, capture_output=True).stdout
        self.assertEqual(int.from_bytes(header[60:64], "big"), len(schema.scripts()))


class QueueTests(SqliteCase):
    """Appends and reads that wait for a thread, or for the reactor to hear of them."""

    def test_too_many_changes_are_refused_until_some_are_answered(self) -> None:
        self.patch(sqlite, "CHANGES_PENDING", 3)
        store = self.open_store()
        posted = [store.append("lobby", Draft("ada", str(number))) for number in range(3)]
        self.failureResultOf(store.append("lobby", Draft("ada", "too many")), StoreBusy)
        self.failureResultOf(store.erase("lobby", 0), StoreBusy)
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
