"""SqliteStore on a disk that fails: what posters and listeners hear, and that it recovers by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from math import inf

from twisted.internet.defer import Deferred

from chatcomet.core.message import Draft, IdempotencyKey, Message
from chatcomet.core.rulings import Ruling
from chatcomet.core.store import Posted
from chatcomet.errors import StoreUnavailable
from chatcomet.stores import commits, database
from tests.unit.stores.sqlite_case import SqliteCase

BAN = Ruling("ban", "lobby", "bob", inf, "ada", 1_000.0)


class FaultCase(SqliteCase):
    """A store with one message, `before`, and a listener; a fault may be tried again at once."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(commits, "RETRY_SECONDS", 0.0)
        self.patch(database, "BUSY_SECONDS", 0.05)
        self.store = self.open_store()
        self.heard: list[str] = []
        self.store.subscribe(self._hear)
        self.post(self.store, "before")

    def tearDown(self) -> None:
        self.flushLoggedErrors(sqlite3.Error, StoreUnavailable)

    def append(self, text: str, key: IdempotencyKey | None = None, room: str = "lobby") -> Deferred[Posted]:
        return self.store.append(room, Draft("ada", text, None, key))

    def watch(self) -> list[tuple[str, int]]:
        """What is told from now on to be outdated."""
        outdated: list[tuple[str, int]] = []
        self.store.subscribe(lambda room, messages: None, lambda room, end: outdated.append((room, end)))
        return outdated

    def follow(self) -> list[Ruling | None]:
        """What is told from now on of rulings."""
        told: list[Ruling | None] = []
        self.store.follow_rulings(lambda key, ruling: told.append(ruling))
        return told

    def assert_goes_on(self, *texts: str) -> None:
        """The next append succeeds; then the log is `texts` and that one, and so is what was told."""
        self.post(self.store, "after")
        self.assertEqual(self.texts(self.store), ["before", *texts, "after"])
        self.assertEqual(self.heard, ["before", *texts, "after"])

    def _hear(self, room: str, messages: Sequence[Message]) -> None:
        self.heard.extend(message.text for message in messages)


class CommitFaultTests(FaultCase):
    """A commit fails: whether it happened is found out before anything else."""

    def test_a_commit_that_did_not_happen_is_a_failure(self) -> None:
        self.disk.fail_before_commit = True
        self.assert_unavailable(self.append("lost"))
        self.disk.fail_before_commit = False
        self.assert_goes_on()

    def test_a_commit_that_happened_is_a_success(self) -> None:
        self.disk.fail_after_commit = True
        self.assertEqual(self.post(self.store, "kept").message.seq, 1)
        self.disk.fail_after_commit = False
        self.assert_goes_on("kept")

    def test_what_happened_is_told_once_the_database_answers(self) -> None:
        self.disk.fail_after_commit = self.disk.gone = True
        self.assert_unavailable(self.append("unknown"))
        self.assertEqual(self.heard, ["before"])
        self.disk.fail_after_commit = self.disk.gone = False
        self.assert_goes_on("unknown")

    def test_what_did_not_happen_is_forgotten_once_the_database_answers(self) -> None:
        self.disk.fail_before_commit = self.disk.gone = True
        self.assert_unavailable(self.append("unknown"))
        self.disk.fail_before_commit = self.disk.gone = False
        self.assert_goes_on()

    def test_who_heard_unknown_finds_out_by_the_key(self) -> None:
        key = IdempotencyKey("session", "k")
        self.disk.fail_after_commit = self.disk.gone = True
        self.assert_unavailable(self.append("unknown", key))
        self.disk.fail_after_commit = self.disk.gone = False
        self.assertEqual(self.result(self.append("unknown", key)), (self.read(self.store, 1)[0], True))
        self.assertEqual(self.heard, ["before", "unknown"])

    def test_appends_fail_at_once_while_the_database_is_gone(self) -> None:
        self.disk.fail_before_commit = self.disk.gone = True
        for _ in range(3):
            self.assert_unavailable(self.append("lost"))
        self.disk.fail_before_commit = self.disk.gone = False
        self.assert_goes_on()

    def test_opening_is_tried_once_a_second(self) -> None:
        self.patch(commits, "RETRY_SECONDS", 3600.0)
        self.disk.fail_before_commit = self.disk.gone = True
        before = self.disk.connections
        for _ in range(3):
            self.assert_unavailable(self.append("lost"))
        self.assertEqual(self.disk.connections, before + 1)

    def test_pruning_that_may_have_happened_is_told_all_the_same(self) -> None:
        pruned = self.watch()
        self.disk.fail_after_commit = True
        self.assert_unavailable(self.store.prune(lambda room: self.now + 1, "", 10))
        self.disk.fail_after_commit = False
        self.assertEqual(pruned, [("lobby", 1)])
        self.assertEqual(self.result(self.store.bounds("lobby")), (1, 1))
        self.assertIsNone(self.result(self.store.prune(lambda room: self.now + 1, "", 10)))

    def test_pruning_fails_while_the_database_is_gone_and_goes_on_after_it(self) -> None:
        self.disk.fail_before_commit = self.disk.gone = True
        for _ in range(2):
            self.assert_unavailable(self.store.prune(lambda room: self.now + 1, "", 10))
        self.disk.fail_before_commit = self.disk.gone = False
        self.assertIsNone(self.result(self.store.prune(lambda room: self.now + 1, "", 10)))
        self.assertEqual(self.result(self.store.bounds("lobby")), (1, 1))

    def test_an_erasure_that_did_not_happen_is_a_failure(self) -> None:
        outdated = self.watch()
        self.disk.fail_before_commit = True
        self.assert_unavailable(self.store.erase("lobby", 0))
        self.disk.fail_before_commit = False
        self.assertEqual(outdated, [("lobby", 1)])
        self.assertEqual(self.texts(self.store), ["before"])
        self.assertTrue(self.result(self.store.erase("lobby", 0)))
        self.assertEqual(self.texts(self.store), [""])

    def test_an_erasure_that_may_have_happened_is_told_and_can_be_tried_again(self) -> None:
        outdated = self.watch()
        self.disk.fail_after_commit = True
        self.assert_unavailable(self.store.erase("lobby", 0))
        self.disk.fail_after_commit = False
        self.assertEqual(outdated, [("lobby", 1)])
        self.assertEqual(self.texts(self.store), [""])
        self.assertTrue(self.result(self.store.erase("lobby", 0)))

    def test_erasing_fails_while_the_database_is_gone_and_goes_on_after_it(self) -> None:
        self.disk.fail_before_commit = self.disk.gone = True
        for _ in range(2):
            self.assert_unavailable(self.store.erase("lobby", 0))
        self.disk.fail_before_commit = self.disk.gone = False
        self.assertTrue(self.result(self.store.erase("lobby", 0)))
        self.assertEqual(self.texts(self.store), [""])

    def test_a_ruling_that_did_not_happen_is_a_failure(self) -> None:
        told = self.follow()
        self.disk.fail_before_commit = True
        self.assert_unavailable(self.store.rule(BAN))
        self.disk.fail_before_commit = False
        self.assertEqual(told, [None])
        self.assertEqual(self.successResultOf(self.store.rulings()), [])
        self.result(self.store.rule(BAN))
        self.assertEqual(told, [None, BAN])

    def test_a_ruling_that_happened_counts_and_can_be_tried_again(self) -> None:
        told = self.follow()
        self.disk.fail_after_commit = True
        self.assert_unavailable(self.store.rule(BAN))
        self.disk.fail_after_commit = False
        self.assertEqual(told, [BAN])
        self.result(self.store.rule(BAN))
        self.assertEqual(self.successResultOf(self.store.rulings()), [BAN])

    def test_whether_a_ruling_happened_is_told_once_the_database_answers(self) -> None:
        self.result(self.store.rule(BAN))
        told = self.follow()
        self.disk.fail_after_commit = self.disk.gone = True
        self.assert_unavailable(self.store.lift(BAN.key))
        self.assertEqual(told, [])
        self.disk.fail_after_commit = self.disk.gone = False
        self.assert_goes_on()
        self.assertEqual(told, [None])
        self.assertFalse(self.result(self.store.lift(BAN.key)))

    def test_rulings_can_not_be_read_while_the_database_is_gone(self) -> None:
        self.disk.gone = True
        self.assert_unavailable(self.store.rulings())
        self.disk.gone = False
        self.assertEqual(self.successResultOf(self.store.rulings()), [])

    def test_reading_goes_on_while_nothing_can_be_written(self) -> None:
        self.disk.fail_before_commit = True
        self.assert_unavailable(self.append("lost"))
        self.assertEqual(self.texts(self.store), ["before"])

    def test_the_store_closes_while_the_database_is_gone(self) -> None:
        self.disk.fail_before_commit = self.disk.gone = True
        self.assert_unavailable(self.append("lost"))
        self.close_store(self.store)
        self.disk.fail_before_commit = self.disk.gone = False
        self.assertEqual(self.texts(self.open_store()), ["before"])

    def test_the_epoch_stays(self) -> None:
        epoch = self.store.epoch
        self.disk.fail_before_commit = self.disk.gone = True
        self.assert_unavailable(self.append("lost"))
        self.close_store(self.store)
        self.disk.fail_before_commit = self.disk.gone = False
        self.assertEqual(self.open_store().epoch, epoch)


class DiskTests(FaultCase):
    """Faults that SQLite itself reports."""

    def limit(self, pragma: str) -> None:
        """From now on the writer's connection has this limit."""
        self.disk.pragmas = [pragma]
        self.disk.fail_before_commit = True
        self.assert_unavailable(self.append("to have it opened again"))
        self.disk.fail_before_commit = False
        self.disk.pragmas = []

    def test_a_full_disk(self) -> None:
        self.limit("PRAGMA max_page_count = 1")
        self.assert_unavailable(self.append("x" * 4_000))
        self.assert_goes_on()

    def test_a_disk_that_can_only_be_read(self) -> None:
        self.limit("PRAGMA query_only = ON")
        self.assert_unavailable(self.append("lost"))
        self.assert_goes_on()

    def test_another_programs_transaction(self) -> None:
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        self.assert_unavailable(self.append("lost"))
        self.assertEqual(self.texts(self.store), ["before"])
        other.execute("ROLLBACK")
        self.assert_goes_on()

    def test_a_database_that_was_replaced_meanwhile(self) -> None:
        another = self.open_store(self.folder / "another.db")
        self.post(another, "of another store")
        self.close_store(another)
        (self.folder / "another.db").replace(self.path)
        self.path.with_name("chat.db-wal").unlink()
        self.disk.fail_before_commit = True
        self.assert_unavailable(self.append("lost"))
        self.disk.fail_before_commit = False
        self.assert_unavailable(self.append("lost"))

    def test_a_damaged_page(self) -> None:
        self.close_store(self.store)
        with self.path.open("r+b") as file:
            pages = len(file.read()) // 4096
            file.seek(4096)
            file.write(b"\xff" * 4096 * (pages - 1))
        refused = self.make_store().open()
        self.assertIn("malformed", str(self.failureResultOf(refused).value))


class ReaderFaultTests(FaultCase):
    """A reader's connection fails."""

    def test_a_read_fails_and_the_next_one_connects_anew(self) -> None:
        self.close_store(self.store)
        self.store = self.open_store()
        self.disk.gone = True
        self.assert_unavailable(self.store.read("lobby", 0, 1))
        self.assert_unavailable(self.store.bounds("lobby"))
        self.disk.gone = False
        self.assertEqual(self.texts(self.store), ["before"])
