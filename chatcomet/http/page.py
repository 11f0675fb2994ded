"""The page: the browser client's files, read once and served from memory."""

from __future__ import annotations

from importlib import resources

import chatcomet
from chatcomet.http.wire import Answer

_TYPES = {
    "index.html": "text/html; charset=utf-8",
    "chatcomet.js": "text/javascript; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "chat.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""The page runs nothing but its own files and talks to nobody but its own server."""

_HEADERS = (("Content-Security-Policy", POLICY), ("Referrer-Policy", "no-referrer"))


def read_page() -> dict[str, Answer]:
    """The answers for the page's files, by name; "" is the page itself."""
    folder = resources.files(chatcomet) / "web"
    files = {name: Answer(200, (folder / name).read_bytes(), kind, _HEADERS) for name, kind in _TYPES.items()}
    files[""] = files.pop("index.html")
    return files
