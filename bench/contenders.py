"""The servers that are measured: how each is started, and how one reads from it and posts to it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = HERE / "peers"


@dataclass(frozen=True, slots=True)
class Route:
    """One protocol of a server; the words are those of load/main.c."""

    way: str
    read: str
    post: str
    form: str
    json: bool = False
    """Whether messages are in JSON, and readers carry a cursor."""
    sign_in: str = ""
    """Where a reader gets a session; without it, it sends a cookie that means nothing there."""
    room: str = ""
    """The only room that there is."""


@dataclass(frozen=True, slots=True)
class Program:
    """How a server is started in the foreground; {port} and {folder} are filled in, also in the file `config`."""

    command: tuple[str, ...]
    config: Path | None = None


@dataclass(frozen=True, slots=True)
class Contender:
    """One server by one of its protocols."""

    name: str
    program: Program
    route: Route
    is_slow: bool = False
    """Whether it takes minutes for what others do in seconds."""


_TWISTD = Program(
    (
        str(Path(sys.executable).with_name("twistd")),
        *("--nodaemon", "--pidfile=", "chatcomet"),
        *("--listen", "tcp:{port}:interface=127.0.0.1", "--store", "sqlite:{folder}/chat.db"),
    )
)
_GUARDED = Program((*_TWISTD.command, "--ticket-key", "{folder}/ticket.key"), PEERS / "ticket.key")
_NGINX = Program(("nginx", "-e", "{folder}/error.log", "-c", "{folder}/nchan.conf"), PEERS / "nchan.conf")
_TORNADO = Program((sys.executable, str(PEERS / "tornado_chat.py"), "{port}"))
_KLEIN = Program((sys.executable, str(PEERS / "klein_chat.py"), "{port}"))

_SEED = Route("counted", "/chat/get/{at}", "/chat/post", "form", sign_in="/session", room="lobby")
_SEEDLIKE = Route("counted", "/get/{room}/{at}", "/post/{room}", "form")
_MESSAGES = "/rooms/{room}/messages"
_PAGES = Route("paged", _MESSAGES + "?cursor={at}", _MESSAGES, "json", json=True, sign_in="/session")
_EVENTS = Route("events", "/rooms/{room}/events?cursor={at}", _MESSAGES, "json", json=True)
_SOCKET = Route("socket", "/rooms/{room}/socket?cursor={at}", _MESSAGES, "json", json=True)

OURS = "chatcomet"
CHATCOMET = Contender(OURS, _TWISTD, _SEED)
CHATCOMET_ROOMS = Contender(OURS, _TWISTD, _PAGES)
CHATCOMET_JSON = Contender("chatcomet, JSON pages", _TWISTD, _PAGES)
CHATCOMET_TICKETS = Contender(OURS, _GUARDED, _SEED)
NCHAN = Contender("Nchan", _NGINX, Route("tagged", "/poll/{room}", "/post/{room}", "text"))
TORNADO = Contender("Tornado", _TORNADO, _SEEDLIKE, is_slow=True)
KLEIN = Contender("Klein", _KLEIN, _SEEDLIKE, is_slow=True)

POLLS = (CHATCOMET, CHATCOMET_JSON, NCHAN, TORNADO, KLEIN)
"""The seed's protocol, or what is nearest to it."""
TICKETS = (CHATCOMET_TICKETS, NCHAN)
"""Where each reader shows a ticket; to Nchan it means nothing."""
ROOMS = (CHATCOMET_ROOMS, NCHAN, TORNADO, KLEIN)
"""Where several rooms are needed, or holds that end as an ordinary answer."""
EVENTS = (
    Contender(OURS, _TWISTD, _EVENTS),
    Contender("Nchan", _NGINX, Route("events", "/stream/{room}", "/post/{room}", "text")),
)
SOCKETS = (
    Contender(OURS, _TWISTD, _SOCKET),
    Contender("Nchan", _NGINX, Route("socket", "/stream/{room}", "/post/{room}", "text")),
)
