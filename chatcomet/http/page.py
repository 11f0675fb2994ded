"""The page: the browser client's files, read once and served from memory."""

from __future__ import annotations

from importlib import resources
from pathlib import PurePath

import chatcomet
from chatcomet.http.wire import Answer

FILES = {
    "": "index.html",
    **{
        name: name
        for name in (
            *("chatcomet.js", "moderation.js", "requests.js"),  # the library
            *("page.js", "place.js", "sign-in.js", "log.js", "outbox.js", "composer.js", "connection.js"),
            *("moderator.js", "menu.js"),
            *("chat.css", "icon.svg"),
        )
    },
}
"""The page and its files, by the names under which they are served."""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""The page runs nothing but its own files and talks to nobody but its own server."""

_HEADERS = (("Content-Security-Policy", POLICY), ("Referrer-Policy", "no-referrer"))


def read_page() -> dict[str, Answer]:
    """The answers for all `FILES`."""
    folder = resources.files(chatcomet) / "web"
    return {
        name: Answer(200, (folder / file).read_bytes(), _TYPES[PurePath(file).suffix], _HEADERS)
        for name, file in FILES.items()
    }
