"""Lane: what is known from its bytes, and asked of the chat without a `Request`: polls, posts, streams, WebSockets.

Klein and werkzeug take a few hundred microseconds to find out what a request is about.  Here the first line and the
header of a poll are each read once, and looked up when they come again (a header by its hash, or headers would be half
of what a crowd takes): all who wait for the same message send the same line, and a browser sends the same header each
time.  The chat is asked by the functions that Klein's routes call, too, so that both lanes give the same answers (law
12).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any, NoReturn, Protocol

from twisted.internet.defer import fail, succeed

from chatcomet.access.asker import Asker
from chatcomet.access.recent import Recent
from chatcomet.access.tickets import ticket_bytes
from chatcomet.api.chat import Chat
from chatcomet.api.waiting import Pending
from chatcomet.core.message import parse_number
from chatcomet.errors import Malformed
from chatcomet.http import query
from chatcomet.http.asks import Ask, room_poll, room_post, rooms_poll, seed_poll, seed_post
from chatcomet.http.body import Body
from chatcomet.http.cookies import SessionCookie, read_cookies
from chatcomet.http.cors import listed_origin
from chatcomet.http.credentials import NONE, Credentials, known_by, read_credentials, with_ticket, without_ticket
from chatcomet.http.events import follow_room
from chatcomet.http.hosts import Hosts
from chatcomet.http.limited import LimitedChannel
from chatcomet.http.plain import Head, most_bytes, read_head, read_line, read_upgrade
from chatcomet.http.socket import open_socket

ASKS = 1_024
"""How many first lines are remembered."""

HEADS_BYTES = 60 * 1024 * 1024
"""How much is remembered of headers, which is who sends them: a crowd of 20,000, with a ticket each."""

_SOURCE_BYTES = 1_600  # what there may be of one beside a ticket: who that is, and for which rooms cleared

_ELSEWHERE = 20_000
"""How many are remembered who send what others do from another address, as all do to whom one ticket was given."""

_FOLLOWED: Ask[None] = Ask(lambda _: succeed(None), lambda _: None)
"""What remains of a stream when it has ended: nothing."""

_UNREAD: Ask[NoReturn] = Ask(lambda _: fail(), lambda outcome: outcome)
"""What was asked by whoever is refused before that was understood."""

_SEED_GET = "/chat/get/"
_SEED_POST = "/chat/post"
_POLL = "/poll"
_EVENTS = re.compile(r"/rooms/([a-z0-9][a-z0-9._-]{0,63})/events")
_SOCKET = re.compile(r"/rooms/([a-z0-9][a-z0-9._-]{0,63})/socket")
_MESSAGES = re.compile(r"/rooms/([a-z0-9][a-z0-9._-]{0,63})/messages")


@dataclass(slots=True, eq=False)
class Source:
    """From whom requests with one header come; `origin`: the page's that asks, if that is a listed one.

    `asker`: who that is, over connections from `peer`; None where the header does not say.
    """

    origin: str | None
    peer: str
    asker: Asker | None


class Peer(Protocol):
    """A connection, for the lane."""

    origin: str | None
    """The origin to which its next answer is shown."""

    somebody: Asker | None
    """Who asks there without saying who, once that was found out."""

    def address(self) -> str:
        """Where the asker is."""

    def body(self) -> Body:
        """Where an answer is written that goes on."""

    def channel(self) -> LimitedChannel:
        """What may go on in another protocol."""


class Lane:
    """The fast lane into one chat, shared by all connections; for whoever calls the server one of `hosts`."""

    def __init__(self, chat: Chat, hosts: Hosts) -> None:
        self._chat = chat
        self._hosts = hosts
        self._cookie = SessionCookie(chat.settings.prefix)
        self._most_bytes = most_bytes(chat.settings.connections)
        self._asks: Recent[bytes, Ask[Any]] = Recent(ASKS)  # by first line
        self._sources: Recent[bytes, Source] = Recent(HEADS_BYTES, _source_bytes)  # by a hash of the header
        self._elsewhere: Recent[tuple[Source, str], Asker] = Recent(_ELSEWHERE)

    def take(self, data: bytes, peer: Peer) -> tuple[Ask[Any], Pending[Any]] | None:
        """What the request that `data` is asks for, and the outcome of that; None if it is not for this lane.

        The outcome fails with what the functions of `api` raise or fail with.
        Cancelling it forgets who polls.
        """
        if len(data) > self._most_bytes:
            return None
        first, _, rest = data.partition(b"\r\n")
        try:
            return self._get(first, rest, peer) if first.startswith(b"GET ") else self._post(first, rest, peer)
        except Exception:
            return _UNREAD, fail()

    def age(self) -> None:
        """Forget what nobody has asked for lately, and who did not ask."""
        for recent in (self._asks, self._sources, self._elsewhere):
            recent.age()

    def _get(self, first: bytes, block: bytes, peer: Peer) -> tuple[Ask[Any], Pending[Any]] | None:
        if b"/socket" in first and (opened := self._open(first, block, peer)) is not None:
            return opened  # its header is another one each time
        key = sha256(block).digest()
        source = self._sources.get(key)
        credentials = None if source else self._read_block(block, peer)
        if source is None and credentials is None:
            return None
        if source is not None and peer.origin is not source.origin:
            peer.origin = source.origin
        ask = self._asks.get(first) or self._learn_poll(first)
        if ask is None:
            return self._follow(first, block, peer)
        asker = self._recall(source, peer) if source else None
        if asker is None:
            credentials = credentials or self._read_block(block, peer)
            assert credentials is not None, "it was read before"
            asker = self._find(key, source, credentials, peer)
        return ask, ask.begin(asker)

    def _learn_poll(self, first: bytes) -> Ask[Any] | None:
        """What the line asks for, if that is a poll."""
        line = read_line(first)
        path = None if line is None else self._under_prefix(line.path)
        if line is None or path is None:
            return None
        if path.startswith(_SEED_GET):
            number = parse_number(path.removeprefix(_SEED_GET))
            ask: Ask[Any] | None = None if number is None else seed_poll(self._chat, number, line)
        elif path == _POLL:
            ask = rooms_poll(self._chat, line)
        else:
            room = _MESSAGES.fullmatch(path)
            cursor = query.parameter(line, "cursor") if room else None
            ask = None if room is None or cursor is None else room_poll(self._chat, room[1], cursor, line)
        if ask is not None:
            without_ticket(line)
            self._asks.put(first, ask)
        return ask

    def _follow(self, first: bytes, block: bytes, peer: Peer) -> tuple[Ask[Any], Pending[Any]] | None:
        """The end of the event stream that is asked for, if one is."""
        line, head = read_line(first), read_head(block)
        path = None if line is None else self._under_prefix(line.path)
        room = None if path is None else _EVENTS.fullmatch(path)
        credentials = None if head is None or room is None else self._read_credentials(head, peer)
        if line is None or head is None or room is None or credentials is None:
            return None
        asker = self._known_by(with_ticket(credentials, line), peer)
        return _FOLLOWED, follow_room(self._chat, room[1], line, head, asker, peer.body())

    def _open(self, first: bytes, block: bytes, peer: Peer) -> tuple[Ask[Any], Pending[Any]] | None:
        """The beginning of the WebSocket that is asked for, if one is."""
        line, head = read_line(first), self._for_us(read_upgrade(block))
        path = None if line is None else self._under_prefix(line.path)
        room = None if path is None else _SOCKET.fullmatch(path)
        if line is None or head is None or room is None:
            return None
        credentials = self._read_credentials(head, peer)
        if credentials is None:
            return None
        credentials = with_ticket(credentials, line)
        who = partial(known_by, self._chat, credentials, peer.address())
        return _FOLLOWED, open_socket(self._chat, room[1], line, head, who, peer.channel())

    def _post(self, first: bytes, rest: bytes, peer: Peer) -> tuple[Ask[Any], Pending[Any]] | None:
        line = read_line(first)
        path = None if line is None else self._under_prefix(line.path)
        room = None if path is None else _MESSAGES.fullmatch(path)
        if line is None or (room is None and path != _SEED_POST):
            return None
        block, blank, body = rest.partition(b"\r\n\r\n")
        head = self._for_us(read_head(block + blank))  # without the empty line it is only the beginning of one
        if head is None or head.length != len(body):
            return None
        credentials = self._read_credentials(head, peer)
        if credentials is None:
            return None
        ask = seed_post(self._chat, head, body) if room is None else room_post(self._chat, room[1], head, body)
        without_ticket(line)
        return ask, ask.begin(self._known_by(credentials, peer))

    def _recall(self, source: Source, peer: Peer) -> Asker | None:
        """Who asks with a header that is known, unless that is to be found out (again): the way of each poll."""
        if source.asker is None:
            return self._known_by(NONE, peer)
        here = peer.address()
        asker = source.asker if source.peer == here else self._elsewhere.get((source, here))
        return asker if asker is not None and self._chat.askers.holds(asker) else None

    def _find(self, key: bytes, source: Source | None, credentials: Credentials, peer: Peer) -> Asker:
        """Who asks by `credentials`; to be remembered by `key` where that holds."""
        here, asker = peer.address(), self._known_by(credentials, peer)
        if not self._chat.askers.holds(asker):
            return asker
        known = None if credentials is NONE else asker
        if source is None:
            self._sources.put(key, Source(peer.origin, here, known))
        elif source.peer == here:
            source.asker = known
        elif known is not None:
            self._elsewhere.put((source, here), known)
        return asker

    def _known_by(self, credentials: Credentials, peer: Peer) -> Asker:
        if credentials is not NONE:
            return known_by(self._chat, credentials, peer.address())
        if peer.somebody is None:
            peer.somebody = known_by(self._chat, NONE, peer.address())
        return peer.somebody

    def _under_prefix(self, path: str) -> str | None:
        prefix = self._chat.settings.prefix
        return path[len(prefix) :] if path.startswith(prefix) else None

    def _for_us(self, head: Head | None) -> Head | None:
        """`head`, if it is there and calls this server by a name of its own; `ChatRequest` refuses the others."""
        return head if head is not None and self._hosts.knows(head.header("Host") or "") else None

    def _read_block(self, block: bytes, peer: Peer) -> Credentials | None:
        """What `block` says of who asks, if that is a plain header of a request for this server and nothing else."""
        head = self._for_us(read_head(block))
        return None if head is None or head.length else self._read_credentials(head, peer)

    def _read_credentials(self, head: Head, peer: Peer) -> Credentials | None:
        """What `peer` says of who it is; and it learns to which page it will be answered.

        None for a password, which is not looked into here, and for what says nothing: not all paths ask who it is.
        """
        origin = listed_origin(head, self._chat.settings.origins)
        if peer.origin is not origin:
            peer.origin = origin  # also of what is refused
        cookies = head.headers.get(b"cookie")
        cookie = None if cookies is None else self._cookie.read(read_cookies(cookies).get, secure=False)
        try:
            credentials = read_credentials(head, cookie)
        except Malformed:
            return None
        return None if credentials.password is not None else credentials


def _source_bytes(key: bytes, source: Source) -> int:
    ticket = source.asker.ticket if source.asker else None
    return _SOURCE_BYTES + (ticket_bytes(ticket) if ticket else 0)
