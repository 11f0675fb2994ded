"""URLs of stores: ``memory:`` and ``sqlite:PATH``.  Another kind of store is one more case in each function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from twisted.internet.interfaces import IReactorFromThreads

from chatcomet.core.store import Retain, Store
from chatcomet.errors import StartRefused
from chatcomet.stores import database
from chatcomet.stores.memory import MemoryStore
from chatcomet.stores.place import Place
from chatcomet.stores.sqlite import SqliteStore


def open_store(url: str, wall: Callable[[], float], reactor: IReactorFromThreads, retain: Retain) -> Store:
    """The store that `url` names, still to be opened.  Raises `StartRefused` if it names none.

    `wall` tells the time in seconds since 1970, in any thread.
    """
    match url.split(":", 1):
        case ["memory", ""]:
            return MemoryStore(wall, retain)
        case ["sqlite", path] if path:
            return SqliteStore(Path(path), wall, reactor, retain)
    raise _no_store(url)


def check_store(url: str) -> None:
    """Raises `StartRefused` if `url` names no store, or one that can be seen not to open; changes nothing."""
    match url.split(":", 1):
        case ["memory", ""]:
            pass
        case ["sqlite", path] if path:
            database.check(Path(path))
        case _:
            raise _no_store(url)


def key_path(url: str) -> Path | None:
    """Where the server that has this store keeps the key with which it signs; None for nowhere.

    Raises `StartRefused` if `url` names no store.
    """
    match url.split(":", 1):
        case ["memory", ""]:
            return None
        case ["sqlite", path] if path:
            return Place.of(Path(path)).key
    raise _no_store(url)


def _no_store(url: str) -> StartRefused:
    return StartRefused(f"{url!r} names no store: it should be sqlite:PATH, such as sqlite:chatcomet.db, or memory:")
