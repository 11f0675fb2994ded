"""Grammar: requests that a castle takes, in all of their forms, for mutations to begin with."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from urllib.parse import urlencode

from tests.integration.hostile.castle import PASSWORDS, ROOMS, Castle
from tests.integration.plain_client import FORM, JSON, NAME

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="

Pairs = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """A request in its parts; `behind` comes after it on the connection: a WebSocket's frames.

    `chunks`: the body is sent so, and not with its length.
    """

    method: bytes
    path: bytes
    query: Pairs = ()
    headers: Pairs = ()
    body: bytes = b""
    chunks: bool = False
    version: bytes = b"HTTP/1.1"
    behind: bytes = b""

    def to_bytes(self) -> bytes:
        """As it is sent."""
        query = b"?" + b"&".join(b"=".join(pair) for pair in self.query) if self.query else b""
        headers, body = self.headers, self.body
        if self.chunks:
            headers = (*headers, (b"Transfer-Encoding", b"chunked"))
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        elif body:
            headers = (*headers, (b"Content-Length", b"%d" % len(body)))
        lines = [b" ".join([self.method, self.path + query, self.version]), *(b": ".join(pair) for pair in headers)]
        return b"\r\n".join([*lines, b"", body]) + self.behind


@dataclass(frozen=True, slots=True)
class Keyring:
    """What opens a castle: cookies and tickets, got once, for all wishes."""

    epoch: str
    cookies: Sequence[str]
    tickets: Sequence[str]

    @classmethod
    def of(cls, castle: Castle) -> Keyring:
        """Some of each sort."""
        cookies = [castle.cookie("dora"), castle.cookie("Ada", PASSWORDS["Ada"])]
        tickets = [castle.ticket(), castle.shared_ticket(sub="dave", jti="t1"), castle.ticket(sub="erin", grants=None)]
        return cls(castle.epoch(), cookies, tickets)


class Grammar:
    """Draws wishes.  Whoever waits does so for a moment; whoever deletes a session signs out one of its own making."""

    def __init__(self, random: Random, keys: Keyring) -> None:
        self._random = random
        self._keys = keys
        self._kinds: Sequence[tuple[int, Callable[[], Wish]]] = (
            (6, self._poll),
            (3, self._history),
            (3, self._poll_rooms),
            (6, self._post),
            (3, self._seed),
            (3, self._events),
            (4, self._socket),
            (5, self._session),
            (4, self._moderation),
            (3, self._room),
            (1, self._page),
        )

    def wish(self, is_last: bool) -> Wish:
        """One, by chance; one after which nothing else is heard is the last of its connection, mostly."""
        weights, kinds = zip(*self._kinds, strict=True)
        kind: Callable[[], Wish] = self._random.choices(kinds, weights)[0]
        if kind in (self._events, self._socket) and not is_last and self._random.random() < 0.8:
            kind = self._poll
        return kind()

    def _pick(self, *choices: str) -> str:
        return self._random.choice(choices)

    def _room_name(self) -> str:
        return self._random.choice((*ROOMS, f"r{self._random.randrange(50)}"))

    def _cursor(self) -> str:
        return self._pick(f"{self._keys.epoch}.0", f"{self._keys.epoch}.{self._random.randrange(99)}", "elsewhere.3")

    def _wish(self, method: str, path: str, query: dict[str, str], *more: tuple[str, str], body: str = "") -> Wish:
        headers = [("Host", self._pick(NAME, "localhost:8080", "127.0.0.1", "[::1]")), *more, *self._who()]
        if self._random.random() < 0.2:
            headers.append(self._from_where())
        if self._random.random() < 0.2:
            headers.append(self._random.choice(_SOURCES))
        pairs = tuple((name.encode(), value.encode()) for name, value in query.items())
        chunks = bool(body) and self._random.random() < 0.2
        encoded = tuple((name.encode(), value.encode()) for name, value in headers)
        return Wish(method.encode(), path.encode(), pairs, encoded, body.encode(), chunks)

    def _who(self) -> list[tuple[str, str]]:
        match self._random.randrange(6):
            case 0:
                return [("Authorization", f"Bearer {self._random.choice(self._keys.tickets)}")]
            case 1:
                return [("Authorization", "Basic QWRhOmNvcnJlY3QgaG9yc2U=")]
            case 2 | 3:
                return [("Cookie", self._random.choice(self._keys.cookies))]
        return []

    def _from_where(self) -> tuple[str, str]:
        client = f"203.0.113.{self._random.randrange(256)}"
        return self._random.choice([("X-Forwarded-For", client), ("Forwarded", f"for={client};proto=https")])

    def _poll(self) -> Wish:
        query = {"cursor": self._cursor(), "wait": self._pick("0", "0.05"), "limit": self._pick("1", "50", "200")}
        if self._random.random() < 0.3:
            query["roster"] = self._pick("0", "7")
        return self._wish("GET", f"/rooms/{self._room_name()}/messages", query)

    def _history(self) -> Wish:
        query = {"limit": "3"} if self._random.random() < 0.5 else {"before": str(self._random.randrange(9))}
        return self._wish("GET", f"/rooms/{self._room_name()}/messages", query)

    def _poll_rooms(self) -> Wish:
        rooms = [self._room_name() for _ in range(self._random.randrange(1, 5))]
        wish = self._wish("GET", "/poll", {"wait": "0"})
        return Wish(
            *(wish.method, wish.path),
            (*wish.query, *((b"at", f"{room}:{self._cursor()}".encode()) for room in rooms)),
            wish.headers,
        )

    def _post(self) -> Wish:
        draft: dict[str, object] = {"text": self._pick("hello", "añ\u200d\U0001f600", "<b>&amp;</b>")}
        if self._random.random() < 0.3:
            draft["data"] = {"a": [1, 2.5, None, {"b": "c"}]}
        if self._random.random() < 0.2:
            draft["author"] = "someone"
        path, key = f"/rooms/{self._room_name()}/messages", ("Idempotency-Key", f"{self._random.randrange(99):032}")
        match self._random.randrange(4):
            case 0:
                return self._wish("POST", path, {}, ("Content-Type", FORM), body=urlencode({"text": "of a form"}))
            case 1:
                kind, body = _multipart("text", "of parts")
                return self._wish("POST", path, {}, ("Content-Type", kind), body=body)
            case 2:
                return self._wish("POST", path, {}, ("Content-Type", JSON), key, body=json.dumps(draft))
        return self._wish("POST", path, {}, ("Content-Type", JSON), body=json.dumps(draft, ensure_ascii=False))

    def _seed(self) -> Wish:
        if self._random.random() < 0.5:
            number = self._pick("0", "1", "999", "12345678901234567")
            return self._wish("GET", f"/chat/get/{number}", {"wait": "0.05"})
        if self._random.random() < 0.5:
            kind, body = _multipart("message", "of the seed")
            return self._wish("POST", "/chat/post", {}, ("Content-Type", kind), body=body)
        return self._wish("POST", "/chat/post", {}, ("Content-Type", FORM), body="message=of+the+seed")

    def _events(self) -> Wish:
        query = {"cursor": self._cursor()} if self._random.random() < 0.7 else {"roster": "0"}
        if self._random.random() < 0.3:
            query["ticket"] = self._random.choice(self._keys.tickets)
        accept = ("Accept", self._pick("text/event-stream", "application/x-ndjson"))
        last = [("Last-Event-ID", self._cursor())] if self._random.random() < 0.3 else []
        return self._wish("GET", f"/rooms/{self._room_name()}/events", query, accept, *last)

    def _socket(self) -> Wish:
        query = {"cursor": self._cursor()}
        if self._random.random() < 0.3:
            query["ticket"] = self._random.choice(self._keys.tickets)
        offer = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
        wish = self._wish(
            "GET", f"/rooms/{self._room_name()}/socket", query, *offer, ("Sec-WebSocket-Key", KEY.decode())
        )
        posts = [json.dumps({"post": {"key": f"k{number}", "text": "by socket"}}).encode() for number in range(3)]
        frames = b"".join(map(frame, [*posts, b'{"typing":true}'])) + frame(b"\x03\xe8", 8)
        return Wish(wish.method, wish.path, wish.query, wish.headers, behind=frames)

    def _session(self) -> Wish:
        match self._random.randrange(5):
            case 0:
                return self._wish("GET", "/session", {})
            case 1:
                return self._wish("DELETE", "/session", {})
            case 2:
                name = self._random.choice(list(PASSWORDS))
                document = {"name": name, "password": self._pick(PASSWORDS[name], "wrong")}
                return self._wish("POST", "/session", {}, ("Content-Type", JSON), body=json.dumps(document))
            case 3:
                return self._wish("POST", "/session", {}, ("Content-Type", FORM), body="name=fred&password=wrong")
        name = f"guest{self._random.randrange(30)}"
        return self._wish("POST", "/session", {}, ("Content-Type", JSON), body=json.dumps({"name": name}))

    def _moderation(self) -> Wish:
        room, sort = self._random.choice(("hall", "keep", "lobby")), self._pick("bans", "mutes")
        whom = self._pick("mallory", "eve", "%C3%A9ve")
        match self._random.randrange(4):
            case 0:
                return self._wish("GET", f"/rooms/{room}/{sort}", {})
            case 1:
                body = json.dumps({"seconds": self._random.choice([1, 0.5, 60])})
                return self._wish("PUT", f"/rooms/{room}/{sort}/{whom}", {}, ("Content-Type", JSON), body=body)
            case 2:
                return self._wish("DELETE", f"/rooms/{room}/{sort}/{whom}", {})
        return self._wish("DELETE", f"/rooms/{room}/messages/{self._random.randrange(20)}", {})

    def _room(self) -> Wish:
        match self._random.randrange(3):
            case 0:
                return self._wish("GET", "/rooms", {"after": self._room_name()})
            case 1:
                return self._wish("POST", f"/rooms/{self._room_name()}/typing", {})
        return self._wish("GET", f"/rooms/{self._room_name()}", {})

    def _page(self) -> Wish:
        path = self._pick(
            "/", "/chatcomet.js", "/page.js", "/chat.css", "/icon.svg", "/openapi.yaml", "/chat", "/chat/x"
        )
        return self._wish(self._pick("GET", "HEAD", "OPTIONS"), path, {})


_SOURCES = (
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Site", "cross-site"),
    ("Origin", "https://friend.example"),
    ("Origin", "https://evil.example"),
    ("Origin", "null"),
)


def frame(payload: bytes, opcode: int = 1, first: int = 0x80) -> bytes:
    """A client's WebSocket frame, masked with zeros."""
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65536:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    return bytes([first | opcode]) + length + bytes(4) + payload


def _multipart(name: str, value: str) -> tuple[str, str]:
    parts = f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--edge--\r\n'
    return "multipart/form-data; boundary=edge", parts
