"""The house's direction: who may import whom.

``plugin → tap → service → http → api → access → core``, and ``stores → core``.  All may import the errors.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import chatcomet

PACKAGE = Path(chatcomet.__file__).parent

_CORE = frozenset({"core", "errors"})
_ACCESS = _CORE | {"access", "settings"}
_API = _ACCESS | {"api"}
_HTTP = _API | {"http"}
_SERVICE = _HTTP | {"stores", "process", "rest", "service"}

MAY_IMPORT: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "settings": frozenset({"errors", "core"}),
    "process": frozenset({"errors"}),
    "rest": frozenset(),
    "core": _CORE,
    "stores": _CORE | {"stores"},
    "access": _ACCESS,
    "api": _API,
    "http": _HTTP,
    "service": _SERVICE,
    "tap": _SERVICE | {"tap"},
    # The command issues tickets and sets passwords; of who may come in, the client knows nothing.
    "client": frozenset({"client", "errors", "core.message"})
    | {f"access.{name}" for name in ("grants", "identity", "issuing", "keys", "password_file", "passwords")},
    "__main__": frozenset({"tap", "client", "errors"}),
}
"""What each part of the house may import of the others, the top-level package (its version) aside."""

NOT_IN_CORE = (
    *(
        "asyncio",
        "datetime",
        "fcntl",
        "http",
        "io",
        "json",
        "os",
        "pathlib",
        "random",
        "secrets",
        "select",
        "selectors",
    ),
    *("socket", "socketserver", "sqlite3", "ssl", "subprocess", "threading", "time", "urllib", "uuid"),
    *("itsdangerous", "klein", "multipart", "werkzeug", "twisted.application", "twisted.internet.reactor"),
    *("twisted.internet.endpoints", "twisted.internet.protocol", "twisted.internet.threads", "twisted.web"),
)
"""Sockets, files, clocks, chance, HTTP and JSON: they come to the core as arguments, or not at all."""


def imports(source: str, module: str, is_package: bool = False) -> Iterator[str]:
    """The full name of all that `source`, which is `module`, imports, at its top or anywhere else."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".")[: None if is_package and node.level == 1 else -node.level + is_package]
                base = ".".join([*package, base]) if base else ".".join(package)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def trespasses(source: str, module: str, is_package: bool = False) -> list[str]:
    """What `source`, which is `module` of chatcomet, imports and may not."""
    found = []
    part = _part(module)
    for name in imports(source, module, is_package):
        if name == "chatcomet" or name.startswith("chatcomet."):
            inside = name.removeprefix("chatcomet").removeprefix(".")
            if inside not in ("", "__version__") and not _covers(MAY_IMPORT.get(part, frozenset()), inside):
                found.append(f"{module} imports {name}")
        elif part == "core" and _covers(NOT_IN_CORE, name):
            found.append(f"{module} imports {name}")
    return found


def _part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def _covers(names: frozenset[str] | tuple[str, ...], name: str) -> bool:
    return any(name == each or name.startswith(each + ".") for each in names)


def _modules() -> Iterator[tuple[str, Path, bool]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("chatcomet", *path.relative_to(PACKAGE).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        yield ".".join(parts[:-1] if is_package else parts), path, is_package


class DirectionTests(SynchronousTestCase):
    def test_the_house(self) -> None:
        found = []
        for module, path, is_package in _modules():
            found += trespasses(path.read_text("utf-8"), module, is_package)
        self.assertEqual(found, [])

    def test_every_part_has_its_rule(self) -> None:
        parts = {_part(module) for module, _, _ in _modules()} - {""}
        self.assertEqual(parts - set(MAY_IMPORT), set())
        self.assertLessEqual({"core", "errors", "settings"}, parts)

    def test_the_edge_and_a_store_meet_in_the_service_alone(self) -> None:
        """``service.py`` is the only file that knows both."""
        for module, path, is_package in _modules():
            inside = [name.removeprefix("chatcomet.") for name in imports(path.read_text("utf-8"), module, is_package)]
            knows_a_store = _part(module) == "stores" or any(_covers(("stores",), name) for name in inside)
            knows_the_edge = _part(module) in ("http", "api") or any(_covers(("http", "api"), name) for name in inside)
            if module != "chatcomet.service":
                self.assertFalse(knows_a_store and knows_the_edge, module)

    def test_the_plugin(self) -> None:
        """It names the module that makes the service, and imports nothing of ours but what makes checkers."""
        path = PACKAGE.parent / "twisted" / "plugins" / "chatcomet_plugin.py"
        if not path.exists():
            return
        ours = {name for name in imports(path.read_text("utf-8"), "chatcomet_plugin") if _covers(("chatcomet",), name)}
        may = ("chatcomet.tap", "chatcomet.access.argon2_plugin")
        self.assertEqual({name for name in ours if not _covers(may, name)}, set())


class TrespassTests(SynchronousTestCase):
    """That the reading of imports above sees what it is to see."""

    def check(self, module: str, source: str, allowed: bool) -> None:
        self.assertEqual(trespasses(source, module) == [], allowed, f"{module}: {source}")

    def test_refused(self) -> None:
        for module, source in (
            ("chatcomet.core.room", "from chatcomet.stores import memory"),
            ("chatcomet.core.room", "from chatcomet import settings"),
            ("chatcomet.core.room", "import chatcomet.http.wire"),
            ("chatcomet.core.room", "from ..stores.memory import MemoryStore"),
            ("chatcomet.core.room", "from .. import api"),
            ("chatcomet.core.room", "def f():\n    from twisted.internet import reactor"),
            ("chatcomet.core.room", "import twisted.internet.reactor"),
            ("chatcomet.core.room", "import json"),
            ("chatcomet.core.room", "from json import dumps"),
            ("chatcomet.core.room", "if TYPE_CHECKING:\n    import socket"),
            ("chatcomet.http.resource", "from chatcomet.stores.memory import MemoryStore"),
            ("chatcomet.http.resource", "import chatcomet.service"),
            ("chatcomet.api.posting", "from chatcomet.http import wire"),
            ("chatcomet.api.posting", "from chatcomet import stores"),
            ("chatcomet.access.identity", "from chatcomet.api import posting"),
            ("chatcomet.stores.memory", "from chatcomet.settings import Settings"),
            ("chatcomet.service", "from chatcomet import tap"),
            ("chatcomet.client.room", "from chatcomet.core.room import Room"),
            ("chatcomet.client.command", "from chatcomet.access.tickets import Tickets"),
            ("chatcomet.errors", "from chatcomet.core import message"),
            ("chatcomet", "from chatcomet.core import message"),
            ("chatcomet.elsewhere", "from chatcomet.core import message"),
        ):
            with self.subTest(module=module, source=source):
                self.check(module, source, False)

    def test_allowed(self) -> None:
        for module, source in (
            (
                "chatcomet.core.room",
                "from chatcomet.core.waiters import WaiterSet\nfrom chatcomet.errors import Malformed",
            ),
            ("chatcomet.core.room", "from . import waiters\nfrom ..errors import Malformed"),
            ("chatcomet.core.room", "from twisted.internet.interfaces import IReactorTime"),
            (
                "chatcomet.http.wire",
                "import json\nfrom chatcomet.core.message import Page\nfrom chatcomet.api import polling",
            ),
            ("chatcomet.http.wire", "from chatcomet import __version__, errors"),
            ("chatcomet.api.posting", "from chatcomet.settings import Settings\nfrom chatcomet.access import identity"),
            ("chatcomet.stores.memory", "import os\nfrom chatcomet.core import message"),
            ("chatcomet.service", "from chatcomet.stores import memory\nfrom chatcomet.http import resource"),
            ("chatcomet.client.room", "from chatcomet.core.message import Cursor\nfrom chatcomet.core import message"),
            ("chatcomet.client.command", "from chatcomet.access.issuing import issue"),
        ):
            with self.subTest(module=module, source=source):
                self.check(module, source, True)

    def test_packages(self) -> None:
        self.assertEqual(list(imports("from . import room", "chatcomet.core", True)), ["chatcomet.core.room"])
        self.assertEqual(list(imports("from .. import api", "chatcomet.core", True)), ["chatcomet.api"])
        self.assertEqual(list(imports("from .room import Room", "chatcomet.core.hub")), ["chatcomet.core.room.Room"])
