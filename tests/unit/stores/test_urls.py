"""URLs of stores."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.store import keep_all
from chatcomet.errors import StartRefused
from chatcomet.stores.memory import MemoryStore
from chatcomet.stores.sqlite import SqliteStore
from chatcomet.stores.urls import check_store, key_path, open_store
from tests.unit.stores.hand_reactor import HandReactor


class UrlTests(SynchronousTestCase):
    """What a URL names."""

    def test_memory(self) -> None:
        self.assertIsInstance(open_store("memory:", lambda: 0.0, HandReactor(), keep_all), MemoryStore)
        check_store("memory:")
        self.assertIsNone(key_path("memory:"))

    def test_sqlite(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        url = f"sqlite:{folder}/chat.db"
        self.assertIsInstance(open_store(url, lambda: 0.0, HandReactor(), keep_all), SqliteStore)
        check_store(url)
        self.assertEqual(key_path(url), folder.resolve() / "chat.db.key")
        self.assertEqual(list(folder.iterdir()), [])

    def test_anything_else_is_refused_with_what_would_be_right(self) -> None:
        for url in ("", "memory", "memory:x", "sqlite", "sqlite:", "chat.db", "postgres:chat", "SQLITE:chat.db"):
            for refuse in (
                lambda url: open_store(url, lambda: 0.0, HandReactor(), keep_all),
                check_store,
                key_path,
            ):
                self.assertIn("sqlite:PATH", str(self.assertRaises(StartRefused, refuse, url)))

    def test_what_can_be_seen_beforehand_is_refused(self) -> None:
        refusal = self.assertRaises(StartRefused, check_store, "sqlite:/no/such/folder/chat.db")
        self.assertIn("there is no directory /no/such/folder", str(refusal))
