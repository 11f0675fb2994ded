"""Lock: one holder at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.errors import StartRefused
from chatcomet.stores.lock import Lock, refuse_if_held
from chatcomet.stores.place import Place

_HOLD = """
import sys
from pathlib import Path
from chatcomet.stores.lock import Lock
from chatcomet.stores.place import Place
Lock(Place.of(Path(sys.argv[1]))).acquire()
print("held", flush=True)
sys.stdin.read()
"""


class LockTests(SynchronousTestCase):
    """In one process, and against another one."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir(parents=True)
        self.path = self.folder / "chat.db"

    def lock(self, path: Path | None = None) -> Lock:
        lock = Lock(Place.of(path or self.path))
        self.addCleanup(lock.release)
        return lock

    def test_one_holds_it_until_it_is_released(self) -> None:
        first, second = self.lock(), self.lock()
        first.acquire()
        self.assertIn("in use by another chatcomet", str(self.assertRaises(StartRefused, second.acquire)))
        first.release()
        second.acquire()

    def test_two_ways_to_one_database_lead_to_one_lock(self) -> None:
        self.path.touch()
        (self.folder / "link.db").symlink_to(self.path.absolute())
        self.lock().acquire()
        self.assertRaises(StartRefused, self.lock(self.folder / "link.db").acquire)

    def test_looking_whether_it_is_held_changes_nothing(self) -> None:
        place = Place.of(self.path)
        refuse_if_held(place)
        self.assertEqual(list(self.folder.iterdir()), [])
        lock = self.lock()
        lock.acquire()
        self.assertRaises(StartRefused, refuse_if_held, place)
        self.assertRaises(StartRefused, self.lock().acquire)
        lock.release()
        refuse_if_held(place)

    def test_it_goes_with_its_process(self) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(self.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as holder:
            assert holder.stdout is not None
            self.assertEqual(holder.stdout.readline(), b"held\n")
            self.assertRaises(StartRefused, self.lock().acquire)
            holder.kill()
        self.lock().acquire()

    def test_only_the_owner_may_read_it(self) -> None:
        self.lock().acquire()
        self.assertEqual(Place.of(self.path).lock.stat().st_mode & 0o777, 0o600)
