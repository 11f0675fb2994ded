"""Schema: which files are refused, and how others are brought up to date."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.errors import StartRefused
from chatcomet.stores import schema


class SchemaTests(SynchronousTestCase):
    """One file."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(connection.close)
        return connection

    def refusal(self) -> str:
        return str(self.assertRaises(StartRefused, schema.check_file, self.path))

    def test_the_newest_version_is_what_the_scripts_lead_to(self) -> None:
        connection = self.connect()
        schema.upgrade(connection, schema.scripts())
        self.assertEqual(connection.execute("PRAGMA user_version").fetchone(), (len(schema.scripts()),))
        schema.check_file(self.path)

    def test_an_older_version_is_brought_up_to_date_and_keeps_what_it_has(self) -> None:
        connection = self.connect()
        schema.upgrade(connection, ["CREATE TABLE one (a);", "INSERT INTO one VALUES (1);"])
        script = "CREATE TABLE two (a); INSERT INTO two SELECT a + 1 FROM one;"
        schema.upgrade(connection, ["the first again would fail", "and so would the second", script])
        self.assertEqual(connection.execute("SELECT one.a, two.a FROM one, two").fetchall(), [(1, 2)])
        self.assertEqual(connection.execute("PRAGMA user_version").fetchone(), (3,))

    def test_a_script_that_fails_leaves_the_version_before_it(self) -> None:
        connection = self.connect()
        scripts = ["CREATE TABLE one (a);", "CREATE TABLE two (a); CREATE TABLE one (a);"]
        self.assertRaises(sqlite3.OperationalError, schema.upgrade, connection, scripts)
        connection.close()
        connection = self.connect()
        self.assertEqual(connection.execute("SELECT name FROM sqlite_master").fetchall(), [("one",)])
        self.assertEqual(connection.execute("PRAGMA user_version").fetchone(), (1,))

    def test_a_newer_version_is_refused(self) -> None:
        connection = self.connect()
        schema.upgrade(connection, schema.scripts())
        connection.execute("PRAGMA user_version = 999")
        self.assertIn("newer chatcomet: its schema is version 999", self.refusal())

    def test_another_programs_database_is_refused(self) -> None:
        self.connect().execute("CREATE TABLE sheep (a)")
        self.assertIn("not one of chatcomet's", self.refusal())

    def test_another_file_is_refused(self) -> None:
        for content in (b"x", b"this is no database\n" * 20):
            self.path.write_bytes(content)
            self.assertIn("is not a database", self.refusal())

    def test_a_missing_and_an_empty_file_are_not(self) -> None:
        schema.check_file(self.path)
        self.path.touch()
        schema.check_file(self.path)
