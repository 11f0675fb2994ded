"""Tables: retention, and the garbage that it leaves."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.message import Draft, IdempotencyKey
from chatcomet.core.store import Posted
from chatcomet.stores import schema
from chatcomet.stores import tables as tables_module
from chatcomet.stores.tables import Tables, read, read_bounds


class GarbageTests(SynchronousTestCase):
    """Rows below a room's `first`."""

    def setUp(self) -> None:
        self.connection = sqlite3.connect(str(Path(self.mktemp())), isolation_level=None)
        self.addCleanup(self.connection.close)
        schema.upgrade(self.connection, schema.scripts())

    def append(self, tables: Tables, *drafts: Draft) -> list[Posted]:
        tables.begin()
        posted = [tables.append("lobby", draft, 1_000.0) for draft in drafts]
        tables.commit()
        return posted

    def seqs(self) -> list[int]:
        """All that has a row."""
        return [seq for (seq,) in self.connection.execute("SELECT seq FROM messages ORDER BY seq")]

    def fill(self, count: int, retain: int) -> Tables:
        """Tables that have just begun to retain less than there is."""
        self.append(Tables(self.connection, lambda room: 0), *[Draft("ada", str(number)) for number in range(count)])
        return Tables(self.connection, lambda room: retain)

    def test_nobody_reads_it(self) -> None:
        self.fill(10, retain=3)
        self.assertEqual(self.seqs(), list(range(10)))
        self.assertEqual([message.seq for message in read(self.connection, "lobby", 0, 100)], [7, 8, 9])
        self.assertEqual(read_bounds(self.connection, "lobby"), (7, 10))

    def test_it_is_swept_a_few_rows_at_a_time(self) -> None:
        tables = self.fill(10, retain=3)
        tables.sweep(5)
        self.assertEqual(self.seqs(), [5, 6, 7, 8, 9])
        self.assertTrue(tables.has_garbage)
        tables.sweep(5)
        self.assertEqual(self.seqs(), [7, 8, 9])
        self.assertFalse(tables.has_garbage)

    def test_a_sweep_goes_through_rooms_until_it_has_done_enough(self) -> None:
        tables = Tables(self.connection, lambda room: 1)
        tables.begin()
        for number in range(12):
            tables.append(f"room{number % 4}", Draft("ada", "hello"), 1_000.0)
        tables.sweep(6)
        self.assertEqual(len(self.seqs()), 6)
        tables.sweep(6)
        self.assertEqual(self.seqs(), [2, 2, 2, 2])
        self.assertFalse(tables.has_garbage)
        tables.commit()

    def test_what_is_left_of_it_is_found_again(self) -> None:
        self.fill(10, retain=3).sweep(5)
        tables = Tables(self.connection, lambda room: 3)
        self.assertTrue(tables.has_garbage)
        tables.sweep(100)
        self.assertEqual(self.seqs(), [7, 8, 9])

    def test_its_keys_can_be_used_anew(self) -> None:
        tables = Tables(self.connection, lambda room: 1)
        key = IdempotencyKey("session", "k")
        self.append(tables, Draft("ada", "one", None, key), Draft("ada", "two"))
        self.assertEqual(self.seqs(), [0, 1])
        self.assertEqual([posted.repeated for posted in self.append(tables, Draft("bob", "x", None, key))], [False])
        self.assertEqual(self.seqs(), [1, 2])
        self.assertEqual([posted.repeated for posted in self.append(tables, Draft("bob", "x", None, key))], [True])

    def test_a_room_that_retains_more_again_does_not_get_it_back(self) -> None:
        self.fill(10, retain=3)
        Tables(self.connection, lambda room: 5)
        self.assertEqual(read_bounds(self.connection, "lobby"), (7, 10))

    def test_what_is_too_old_becomes_it_and_is_swept_like_the_rest(self) -> None:
        tables = self.fill(10, retain=0)
        tables.begin()
        tables.prune(lambda room: 999.0, "", 10)
        self.assertEqual(tables.outdated, {})
        self.assertFalse(tables.has_garbage)
        tables.append("lobby", Draft("ada", "new"), 2_000.0)
        tables.prune(lambda room: 1_001.0, "", 10)
        self.assertEqual(tables.outdated, {"lobby": 10})
        tables.sweep(4)
        tables.commit()
        self.assertEqual(read_bounds(self.connection, "lobby"), (10, 11))
        self.assertEqual(self.seqs(), list(range(4, 11)))
        self.assertTrue(Tables(self.connection, lambda room: 0).has_garbage)

    def test_where_to_prune_is_found_in_a_few_rows(self) -> None:
        tables = self.fill(1_000, retain=0)
        rows: list[str] = []
        self.connection.set_trace_callback(rows.append)
        tables.begin()
        tables.prune(lambda room: 2_000.0, "", 10)
        tables.commit()
        self.connection.set_trace_callback(None)
        self.assertLess(len(rows), 20)

    def test_the_first_rows_of_rooms_are_looked_up_by_their_key(self) -> None:
        plan = self.connection.execute(f"EXPLAIN QUERY PLAN {tables_module._KEPT}", ("", 10)).fetchall()
        self.assertNotIn("SCAN messages", str(plan))
        self.assertNotIn("TEMP B-TREE", str(plan))

    def test_keys_are_looked_up_by_their_index(self) -> None:
        plan = self.connection.execute(
            "EXPLAIN QUERY PLAN SELECT digest FROM messages WHERE room = ? AND scope = ? AND key = ?", (1, "", "k")
        )
        self.assertIn("messages_by_key", str(plan.fetchall()))
