"""PasswordFile: the file as it is now; and how one is changed."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access import password_file
from chatcomet.access.password_file import PasswordFile, read_text, rewrite
from chatcomet.errors import Malformed, StartRefused
from tests.unit.access.cheap_hash import cheap_hash

HASH = cheap_hash("x")


class PasswordFileTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = self.folder / "passwords"
        self.write("ada")

    def write(self, *names: str) -> None:
        """Put a file with these accounts in the place of the old one."""
        new = self.folder / "new"
        new.write_text("".join(f"{name}:{HASH}\n" for name in names))
        new.replace(self.path)


class StartTests(PasswordFileTestCase):
    def assert_refused(self, reason: str) -> None:
        error = self.assertRaises(StartRefused, PasswordFile, self.path)
        self.assertIn(str(self.path), str(error))
        self.assertIn(reason, str(error))

    def test_reads_it(self) -> None:
        self.assertEqual(list(PasswordFile(self.path).entries()), ["ada"])

    def test_missing(self) -> None:
        self.path.unlink()
        self.assert_refused("can't be read: No such file")

    def test_unreadable(self) -> None:
        with patch.object(Path, "open", side_effect=PermissionError(13, "Permission denied")):
            self.assert_refused("can't be read: Permission denied")

    def test_malformed(self) -> None:
        self.path.write_text("# ours\nada:secret\n")
        self.assert_refused(": line 2: what stands behind 'ada'")

    def test_no_text(self) -> None:
        self.path.write_bytes(b"\xff\xfe")
        self.assert_refused("no text in UTF-8")

    def test_what_begins_with_a_mark_of_its_order_is_text(self) -> None:
        self.path.write_text(f"ada:{HASH}", "utf-8-sig")
        self.assertEqual(list(PasswordFile(self.path).entries()), ["ada"])

    def test_no_file(self) -> None:
        self.path.unlink()
        self.path.mkdir()
        self.assert_refused("this is no file")

    def test_a_pipe_is_not_waited_for(self) -> None:
        self.path.unlink()
        os.mkfifo(self.path)
        self.assert_refused("this is no file")

    def test_without_an_end(self) -> None:
        with patch.object(password_file, "FILE_BYTES", 100):
            self.path.write_text("#" * 101)
            self.assert_refused("too large")
            self.path.write_text("#" * 100)
            PasswordFile(self.path)


class ChangeTests(PasswordFileTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = PasswordFile(self.path)

    def names(self) -> list[str]:
        return list(self.file.entries())

    def test_is_seen(self) -> None:
        before = self.file.stamp()
        self.write("ada", "bob")
        self.assertNotEqual(self.file.stamp(), before)
        self.assertEqual(self.names(), ["ada", "bob"])

    def test_is_seen_whatever_its_date_and_size(self) -> None:
        os.utime(self.path, ns=(10**18, 10**18))
        self.assertEqual(self.names(), ["ada"])
        self.write("bob")
        os.utime(self.path, ns=(10**18, 10**18))
        self.assertEqual(self.names(), ["bob"])

    def test_without_one_it_is_not_read_again(self) -> None:
        with patch.object(password_file, "read_text", side_effect=AssertionError):
            self.assertIs(self.file.entries(), self.file.entries())

    def test_a_bad_one_leaves_the_accounts_and_is_told_once(self) -> None:
        for spoil in (lambda: self.path.write_text("ada:secret"), self.path.unlink):
            spoil()
            with capturedLogs() as told:
                self.assertEqual([self.names(), self.names()], [["ada"], ["ada"]])
            (event,) = told
            self.assertIn(str(self.path), str(event["error"]))
            self.assertNotIn("secret", str(event["error"]))
        self.write("bob")
        self.assertEqual(self.names(), ["bob"])

    def test_counts_when_it_was_read(self) -> None:
        (ada,) = self.file.entries().values()
        self.write("bob")
        with patch.object(password_file, "read_text", side_effect=AssertionError):
            self.assertEqual([self.file.has("ada"), self.file.vouches(ada.fingerprint)], [True, True])
        (bob,) = self.file.entries().values()
        self.assertEqual([self.file.has("ada"), self.file.vouches(ada.fingerprint)], [False, False])
        self.assertEqual([self.file.has("bob"), self.file.vouches(bob.fingerprint)], [True, True])

    def test_a_server_may_go_elsewhere(self) -> None:
        here = Path.cwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.folder)
        self.file = PasswordFile(Path("passwords"))
        os.chdir("/")
        self.write("bob")
        self.assertEqual(self.names(), ["bob"])

    def test_another_file_behind_the_same_link(self) -> None:
        link = self.folder / "link"
        link.symlink_to(self.path)
        self.file = PasswordFile(link)
        other = self.folder / "other"
        other.write_text(f"eve:{HASH}")
        link.unlink()
        link.symlink_to(other)
        self.assertEqual(self.names(), ["eve"])


class RewriteTests(PasswordFileTestCase):
    def mode(self) -> int:
        return stat.S_IMODE(self.path.stat().st_mode)

    def test_a_new_one_is_for_its_owner(self) -> None:
        self.path.unlink()
        rewrite(self.path, lambda text: text + "new")
        self.assertEqual((self.path.read_text(), self.mode()), ("new", 0o600))

    def test_an_old_one_stays_for_whom_it_was(self) -> None:
        for mode in (0o600, 0o640):
            self.path.chmod(mode)
            rewrite(self.path, lambda text: text + "# new\n")
            self.assertEqual(self.mode(), mode)
        self.assertEqual(self.path.read_text(), f"ada:{HASH}\n# new\n# new\n")

    def test_an_old_one_stays_whose_it_was(self) -> None:
        owner = os.stat_result((0o640, 0, 0, 1, 12_345, 54_321, 0, 0, 0, 0))
        with self.path.open("rb") as file, patch.object(os, "fchown") as given:
            password_file._take_after(file.fileno(), owner)
        self.assertEqual(given.call_args.args[1:], (12_345, 54_321))

    def test_the_old_one_stays_whatever_happens(self) -> None:
        for fault in ("fsync", "fchmod"):
            with patch.object(os, fault, side_effect=OSError(28, "No space left")):
                self.assertRaises(OSError, rewrite, self.path, str.upper)
        self.assertRaises(ZeroDivisionError, rewrite, self.path, lambda text: str(1 / 0))
        self.assertEqual(self.path.read_text(), f"ada:{HASH}\n")
        self.assertEqual([path.name for path in self.folder.iterdir()], ["passwords"])

    def test_behind_a_link_it_is_the_file_that_changes(self) -> None:
        link = self.folder / "link"
        link.symlink_to(self.path)
        rewrite(link, lambda text: text + "# new\n")
        self.assertTrue(link.is_symlink())
        self.assertIn("# new", self.path.read_text())

    def test_lines_end_as_they_did(self) -> None:
        self.path.write_bytes(b"# a\r\n")
        rewrite(self.path, lambda text: text + "# b\n")
        self.assertEqual(self.path.read_bytes(), b"# a\r\n# b\n")

    def test_many_at_once_lose_nothing(self) -> None:
        def add(number: int) -> None:
            rewrite(self.path, lambda text: f"{text}# {number}\n")

        threads = [threading.Thread(target=add, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(read_text(self.path).splitlines()), 21)

    def test_what_is_no_text_stays(self) -> None:
        self.path.write_bytes(b"\xff")
        self.assertRaises(Malformed, rewrite, self.path, str.upper)
        self.assertEqual(self.path.read_bytes(), b"\xff")
