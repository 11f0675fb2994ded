"""Life: when an epoch stays and when it changes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.stores import database, schema
from chatcomet.stores.life import Life
from chatcomet.stores.place import Place
from tests.unit.stores.sqlite_case import SqliteCase


class Killed(Exception):
    """The process ended here."""


class MortalLife(Life):
    """A life whose process is killed some moments later: those before and after each writing of the sidecar.

    A change of tokens has four of them: before its first step, and after each step.
    """

    def __init__(self, place: Place, moments: int) -> None:
        super().__init__(place)
        self._moments = moments

    def _write(self, tokens: list[str]) -> None:
        self._pass_moment()
        super()._write(tokens)
        self._pass_moment()

    def _pass_moment(self) -> None:
        if self._moments == 0:
            raise Killed
        self._moments -= 1


class CrashTests(SynchronousTestCase):
    """A crash between any two steps."""

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        self.place = Place.of(folder / "chat.db")
        self.place.database.touch()
        self.connection = database.connect(self.place.database, "rw")
        self.addCleanup(self.connection.close)
        schema.upgrade(self.connection, schema.scripts())

    def begin(self) -> Life:
        life = Life(self.place)
        life.begin(self.connection)
        return life

    def token(self) -> str:
        (token,) = self.connection.execute("SELECT value FROM meta WHERE name = 'token'").fetchone()
        return str(token)

    def restore(self, token: str) -> None:
        """The database is as it was when it had `token`; its epoch was never another."""
        self.connection.execute("UPDATE meta SET value = ? WHERE name = 'token'", (token,))

    def test_at_the_very_beginning_there_is_one_epoch_in_the_end(self) -> None:
        for moments in range(4):
            self.assertRaises(Killed, MortalLife(self.place, moments).begin, self.connection)
        self.assertEqual(self.begin().epoch, self.begin().epoch)

    def test_at_an_opening_the_epoch_stays(self) -> None:
        epoch = self.begin().epoch
        for moments in range(4):
            self.assertRaises(Killed, MortalLife(self.place, moments).begin, self.connection)
            self.assertEqual(self.begin().epoch, epoch)

    def test_at_a_close_the_epoch_stays(self) -> None:
        epoch = self.begin().epoch
        for moments in range(4, 8):
            life = MortalLife(self.place, moments)
            life.begin(self.connection)
            self.assertRaises(Killed, life.end, self.connection)
            self.assertEqual(self.begin().epoch, epoch)

    def test_at_the_opening_of_a_backup_the_epoch_changes_all_the_same(self) -> None:
        for moments in range(4):
            epoch = self.begin().epoch
            backup = self.token()
            self.begin()
            self.restore(backup)
            self.assertRaises(Killed, MortalLife(self.place, moments).begin, self.connection)
            self.assertNotEqual(self.begin().epoch, epoch)

    def test_no_earlier_copy_is_known_when_a_life_has_begun(self) -> None:
        epoch = self.begin().epoch
        backup = self.token()
        self.begin()
        self.restore(backup)
        self.assertNotEqual(self.begin().epoch, epoch)


class CopyTests(SqliteCase):
    """What people do to the files of a store."""

    def copy(self, name: str, *suffixes: str) -> Path:
        """The database and the files with these suffixes, as they are at this moment, in another folder."""
        folder = self.folder / name
        folder.mkdir()
        for suffix in ("", *suffixes):
            # By another process: closing a file that this one has locks on would drop them.
            subprocess.run(["cp", f"{self.path}{suffix}", str(folder)], check=True)
        return folder / self.path.name

    def test_reopened_it_has_the_same_epoch(self) -> None:
        first = self.open_store()
        self.close_store(first)
        second = self.open_store()
        self.assertEqual(second.epoch, first.epoch)

    def test_killed_it_has_the_same_epoch(self) -> None:
        store = self.open_store()
        self.post(store, "hello")
        killed = self.open_store(self.copy("killed", "-wal", ".life"))
        self.assertEqual(killed.epoch, store.epoch)
        self.assertEqual(self.texts(killed), ["hello"])

    def test_moved_with_all_its_files_it_has_the_same_epoch(self) -> None:
        store = self.open_store()
        self.close_store(store)
        self.assertEqual(self.open_store(self.copy("moved", ".life")).epoch, store.epoch)

    def test_copied_alone_it_has_another_epoch(self) -> None:
        store = self.open_store()
        self.post(store, "hello")
        self.close_store(store)
        copy = self.open_store(self.copy("copy"))
        self.assertNotEqual(copy.epoch, store.epoch)
        self.assertEqual(self.texts(copy), ["hello"])

    def test_restored_from_before_the_last_run_it_has_another_epoch(self) -> None:
        first = self.open_store()
        self.close_store(first)
        backup = self.copy("backup")
        self.close_store(self.open_store())
        shutil.copy(backup, self.path)
        self.assertNotEqual(self.open_store().epoch, first.epoch)

    def test_restored_from_before_a_run_that_was_killed_it_has_another_epoch(self) -> None:
        first = self.open_store()
        self.close_store(first)
        backup = self.copy("backup")
        self.open_store()
        killed = self.copy("killed", ".life")
        shutil.copy(backup, killed)
        self.assertNotEqual(self.open_store(killed).epoch, first.epoch)

    def test_restored_from_during_the_last_run_it_has_another_epoch(self) -> None:
        store = self.open_store()
        backup = self.copy("backup", "-wal")
        self.post(store, "not in the backup")
        self.close_store(store)
        shutil.copytree(backup.parent, self.folder, dirs_exist_ok=True)
        restored = self.open_store()
        self.assertNotEqual(restored.epoch, store.epoch)
        self.assertEqual(self.texts(restored), [])

    def test_an_epoch_that_changed_stays(self) -> None:
        store = self.open_store()
        self.close_store(store)
        self.path.with_name("chat.db.life").unlink()
        restored = self.open_store()
        self.assertNotEqual(restored.epoch, store.epoch)
        self.close_store(restored)
        self.assertEqual(self.open_store().epoch, restored.epoch)

    def test_made_anew_it_has_another_epoch(self) -> None:
        store = self.open_store()
        self.close_store(store)
        self.path.unlink()
        self.assertNotEqual(self.open_store().epoch, store.epoch)
