"""Database: what is refused, by looking and by opening, and what is made."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from chatcomet.core.store import keep_all
from chatcomet.errors import StartRefused
from chatcomet.stores import database
from chatcomet.stores.database import Database


class DatabaseTests(SynchronousTestCase):
    """A folder with one database, or with something in its way."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir(parents=True)
        self.path = self.folder / "chat.db"

    def open(self) -> Database:
        """The database, closed at the end of the test."""
        opened = Database(self.path, keep_all, database.connect)
        self.addCleanup(opened.close, opened.open())
        return opened

    def close(self) -> None:
        """Make a database and close it."""
        opened = Database(self.path, keep_all, database.connect)
        opened.close(opened.open())

    def assert_refused(self, reason: str) -> None:
        """Both looking and opening say `reason`; and looking changes nothing."""
        before = sorted(self.folder.iterdir())
        self.assertIn(reason, str(self.assertRaises(StartRefused, database.check, self.path)))
        self.assertEqual(sorted(self.folder.iterdir()), before)
        self.assertIn(reason, str(self.assertRaises(StartRefused, self.open)))

    def test_a_good_place_is_not_refused_and_not_changed_by_looking(self) -> None:
        database.check(self.path)
        self.assertEqual(list(self.folder.iterdir()), [])
        self.close()
        before = sorted(self.folder.iterdir())
        database.check(self.path)
        self.assertEqual(sorted(self.folder.iterdir()), before)

    def test_a_missing_directory(self) -> None:
        self.path = self.folder / "missing" / "chat.db"
        self.assert_refused("there is no directory")

    def test_a_directory_in_its_place(self) -> None:
        self.path.mkdir()
        self.assert_refused("is not a file")

    def test_a_directory_that_may_not_be_written(self) -> None:
        if os.geteuid() == 0:
            raise SkipTest("root may write everywhere")
        self.folder.chmod(0o500)
        self.addCleanup(self.folder.chmod, 0o700)
        self.assert_refused("can't be written to")

    def test_a_file_that_may_not_be_written(self) -> None:
        if os.geteuid() == 0:
            raise SkipTest("root may write everything")
        self.close()
        self.path.chmod(0o400)
        self.assert_refused("can't be read and written")

    def test_something_else_than_a_database(self) -> None:
        self.path.write_text("this is no database\n" * 20)
        self.assert_refused("is not a database")

    def test_another_programs_database(self) -> None:
        sqlite3.connect(self.path, isolation_level=None).execute("CREATE TABLE sheep (a)").connection.close()
        self.assert_refused("not one of chatcomet's")

    def test_a_newer_chatcomets_database(self) -> None:
        self.close()
        sqlite3.connect(self.path, isolation_level=None).execute("PRAGMA user_version = 999").connection.close()
        self.assert_refused("newer chatcomet")

    def test_a_database_in_use(self) -> None:
        self.open()
        self.assert_refused("in use by another chatcomet")

    def test_a_truncated_database(self) -> None:
        self.close()
        os.truncate(self.path, 4096)
        self.assertIn("malformed", str(self.assertRaises(StartRefused, self.open)))

    def test_a_refused_database_is_let_go(self) -> None:
        self.path.write_text("this is no database\n" * 20)
        self.assertRaises(StartRefused, self.open)
        self.path.unlink()
        self.open()

    def test_only_the_owner_may_read_what_is_made(self) -> None:
        self.open()
        for path in self.folder.iterdir():
            self.assertEqual((path.name, path.stat().st_mode & 0o777), (path.name, 0o600))

    def test_a_creation_that_was_cut_short_is_begun_again(self) -> None:
        self.path.touch()
        database.check(self.path)
        self.open()

    def test_a_name_that_is_not_plain(self) -> None:
        self.path = self.folder / "what? 100% #1 ü.db"
        self.close()
        database.check(self.path)
        self.assertIn(self.path, list(self.folder.iterdir()))

    def test_a_reader_can_only_read(self) -> None:
        connection = self.open().connect_reader()
        self.addCleanup(connection.close)
        self.assertEqual(connection.execute("SELECT count(*) FROM messages").fetchone(), (0,))
        self.assertRaises(sqlite3.OperationalError, connection.execute, "DELETE FROM messages")
