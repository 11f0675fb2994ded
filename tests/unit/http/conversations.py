"""Conversations to be held with both twins: requests as they are and as they should not be, however they are cut.

Most requests are plain, so that the fast lane is taken; most of the others differ from a plain one in one thing only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.unit.http.twins import (
    ADA,
    BOB,
    GRACE,
    MIA,
    PEERS,
    ROOMS,
    STALE,
    TICKETS,
    Hold,
    Listen,
    Lose,
    Rule,
    Say,
    Step,
    Stop,
    Tell,
    Wait,
    id_of,
)

FORM = b"application/x-www-form-urlencoded"
JSON = b"application/json"
HOST = b"Host: chat.example"


@dataclass
class Asked:
    """A request that is being written; `lines` are its header's."""

    method: bytes
    target: bytes
    lines: list[bytes] = field(default_factory=lambda: [HOST])
    body: bytes = b""
    version: bytes = b"HTTP/1.1"
    before: bytes = b""
    end: bytes = b"\r\n"
    waits: bool = False
    """Whether the body comes in a segment of its own, mostly."""

    @property
    def head(self) -> bytes:
        """All that comes before the body."""
        first = b" ".join([self.method, self.target, self.version])
        return self.before + self.end.join([first, *self.lines, b"", b""])


# What is asked for (each strategy is made once: to make one takes longer than to draw from it)

VALUES: dict[bytes, Sequence[bytes]] = {
    b"cursor": [*(b"k3v9.%d" % number for number in range(4)), b"k3v9.99", b"other.0", b"k3v9.00", b"k3v9", b""],
    b"limit": [b"1", b"2", b"0", b"999", b"x", b""],
    b"wait": [b"0", b"1", b"2.5", b"99", b"-1", b"2.", b""],
    b"before": [b"0", b"1", b"x"],
    b"roster": [*(b"%d" % number for number in range(4)), b"1000", b"07", b""],
    b"nothing": [b"", b"1"],
    b"ticket": [*(text.encode() for text in TICKETS), b"none", b""],
}
PATHS = [
    *(f"/rooms/{room}/messages".encode() for room in [*ROOMS, "Lobby", "-"]),
    *(b"/rooms/lobby", b"/rooms/lobby/messages/0", b"/session", b"/", b"/nowhere", b"/chat", b"*"),
]
NUMBERS = [*(b"%d" % number for number in range(4)), b"99", b"00", b"-1", b"x", b""]
BODIES = [
    (FORM, b"message=one"),
    (FORM, b"text=two"),
    (FORM, b"message=a+%2B%26&message=b"),
    (FORM, b"message=%FF"),
    (FORM, b""),
    (JSON, b'{"text": "three"}'),
    (JSON, b'{"text": "four", "data": [1, null]}'),
    (JSON, b'{"text": "five", "author": "bob"}'),
    (JSON, b'{"text": "five", "author": 5}'),
    (JSON, b'{"text": 1}'),
    (JSON, b"{"),
    (
        b'multipart/form-data; boundary="b"',
        b'--b\r\nContent-Disposition: form-data; name="message"\r\n\r\nfive\r\n--b--\r\n',
    ),
    (b"multipart/form-data", b"--b--"),
    (b"text/plain", b"six"),
]
KNOWN = [
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) \xe9",
    b"Accept: */*",
    b"Accept: text/event-stream",
    b"Accept: application/x-ndjson",
    b"Last-Event-ID: k3v9.1",
    b"Last-Event-ID: other.1",
    b"Last-Event-ID:",
    b"accept-encoding: gzip, deflate",
    b"Referer: http://chat.example/?room=lobby",
    b"Connection: keep-alive",
    b"CONNECTION:Keep-Alive",
    b"Sec-Fetch-Site: same-origin",
    b"Origin: https://friend.example",
    b"Origin: https://other-friend.example",
    b"Origin: https://evil.example",
    b"X-Empty:",
    b"X-Odd: \t a \t b \t",
    *(f"Cookie: chatcomet={cookie}".encode() for cookie in (ADA, BOB, STALE, ADA[:-1] + "x", "", "\xe9")),
    f"Cookie: a=b;chatcomet={ADA}; c".encode(),
    f"cookie: chatcomet={ADA}; chatcomet={BOB}".encode(),
    f"Cookie: chatcomet={MIA}".encode(),
    *(f"Authorization: Bearer {text}".encode() for text in (GRACE, *TICKETS)),
    *(b"X-Forwarded-For: " + value for value in (b"198.51.100.7", b"203.0.113.9, 198.51.100.7", b"unknown", b"")),
    *(b"Forwarded: " + value for value in (b"for=198.51.100.7", b'for="[2001:db8::7]:80";proto=http', b"for=_x")),
]
STRANGE = [
    *(b"Connection: " + value for value in (b"close", b"Close", b"keep-alive, close", b"x close", b"upgrade", b"")),
    *(b"Expect: 100-continue", b"Upgrade: websocket", b"TE: trailers", b"Trailer: X", b"Origin: http://evil.example"),
    *(b"Origin: null", b"Origin: https://friend.example:443", b"Access-Control-Request-Method: POST"),
    *(b"Sec-Fetch-Site: cross-site", b"Origin: http://chat.example", b"Content-Type: text/plain"),
    *(b"Content-Length: " + value for value in (b"0", b"5", b"+5", b"-5", b"005", b"5, 5", b"0x5", b"", b"9999999")),
    *(b"Transfer-Encoding: " + value for value in (b"chunked", b"identity", b"Chunked", b"gzip, chunked", b"")),
    *(b"Idempotency-Key: " + value for value in (b"short", b"long-enough-for-a-guest", b'"quoted-long-enough-key"')),
    *(b" folded", b"\tfolded", b"X : y", b": nameless", b"no colon", b"X\x00: y", b"X: \x00", b"X: a\rb", b"X: a\nb"),
    *(b"Authorization: " + value for value in (b"", b"Bearer", b"bearer  none", b"Basic YWRhOng=", b"Basic ?", b"X y")),
    *(b"X\xe9: y", b"X: " + b"a" * 8_190, b"X: " + b"a" * 8_186, b"X: " + b"a" * 4_000, b"\r", b"\x0b: y", b"X:\x0by"),
    b"\r\n".join(b"X%d: y" % number for number in range(101)),
    b"\r\n".join(b"X%d: y" % number for number in range(501)),
]


OTHER_HOSTS = [
    *(b" chat.example:80", b"CHAT.Example.", b" localhost", b" a.localhost:8080", b" 127.0.0.1:8080", b"[::1]:1"),
    *(b" evil.example", b" chat.example.evil.example", b" chat.example..", b"127.1", b"[::1", b"[x]", b"", b"\xe9"),
]

NAMES = st.lists(st.sampled_from(sorted(VALUES)), max_size=3)
GIVEN = {name: st.sampled_from(values) for name, values in VALUES.items()}
SEEN = st.sampled_from(VALUES[b"cursor"][:3])
SOME_ROOM = st.sampled_from([b"lobby", *(room.encode() for room in ROOMS)])
AT = st.lists(st.tuples(st.sampled_from([b"lobby", b"kitchen", b"vault", b"Lobby", b""]), GIVEN[b"cursor"]), max_size=3)
ONE_OF_FOUR, ONE_OF_TEN = st.integers(0, 3), st.integers(0, 9)


@st.composite
def parameters(draw: DrawFn) -> bytes:
    """A query, with its question mark."""
    given = [name + b"=" + draw(GIVEN[name]) for name in draw(NAMES)]
    return b"?" + b"&".join(given) if given else b""


PARAMETERS = parameters()


@st.composite
def polls(draw: DrawFn) -> Asked:
    """Polls and streams, which may be answered at once, later, or be refused."""
    kind = draw(ONE_OF_TEN)
    if kind < 3:
        return Asked(b"GET", b"/chat/get/" + draw(st.sampled_from(NUMBERS)) + draw(PARAMETERS))
    if kind < 7:
        more = draw(PARAMETERS).replace(b"?", b"&")
        return Asked(b"GET", b"/rooms/%b/messages?cursor=%b%b" % (draw(SOME_ROOM), draw(SEEN), more))
    if kind == 7:
        return Asked(b"GET", b"/rooms/%b/events%b" % (draw(SOME_ROOM), draw(PARAMETERS)))
    if kind == 8:
        at = [b"at=" + room + b":" + cursor for room, cursor in draw(AT)]
        return Asked(b"GET", b"/poll?" + b"&".join(at) + draw(PARAMETERS).replace(b"?", b"&"))
    return Asked(b"GET", draw(st.sampled_from(PATHS)) + draw(PARAMETERS))


def frame(opcode: int, text: bytes) -> bytes:
    """A WebSocket's frame as a client sends it, by a mask that changes nothing."""
    return bytes([0x80 | opcode, 0x80 | len(text)]) + b"\0\0\0\0" + text


FRAMES = st.lists(
    st.sampled_from(
        [
            frame(1, b'{"post": {"key": "long-enough-for-a-guest", "text": "said"}}'),
            frame(1, b'{"post": {"key": "guessable", "text": "by name"}}'),
            frame(1, b'{"post": {"key": "guessable-2", "text": "so", "author": "bob"}}'),
            *(frame(1, b'{"typing": true}'), frame(1, b"{}"), frame(1, b"no JSON"), frame(2, b"")),
            *(frame(9, b"there?"), frame(10, b""), frame(8, b""), frame(8, b"\x03\xe9"), frame(1, b"{")[:-1]),
        ]
    ),
    max_size=4,
)
HANDSHAKE = [
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
]
SAID_OTHERWISE = [
    *(b"Upgrade: WebSocket", b"Upgrade: h2c, websocket", b"Upgrade: h2c", b"Upgrade:"),
    *(b"Connection: keep-alive, Upgrade", b"Connection: upgrade,keep-alive", b"Connection: close, Upgrade"),
    *(b"Connection: Keep-Alive", b"Connection: upgrade close"),
    *(b"Sec-WebSocket-Version: 8", b"Sec-WebSocket-Version: 13, 8", b"Sec-WebSocket-Key: x", b"Sec-WebSocket-Key:"),
]


@st.composite
def handshakes(draw: DrawFn) -> Asked:
    """Requests for a WebSocket, many of which get it, and what is said there."""
    lines = [HOST, *HANDSHAKE]
    if draw(ONE_OF_FOUR) == 0:
        other = draw(st.sampled_from(SAID_OTHERWISE))
        name, _, _ = other.partition(b":")
        lines = [other if line.startswith(name + b":") else line for line in lines]
    elif draw(ONE_OF_TEN) == 0:
        lines.remove(draw(st.sampled_from(lines)))
    target = b"/rooms/%b/socket%b" % (draw(SOME_ROOM), draw(PARAMETERS))
    return Asked(b"GET", target, lines, b"".join(draw(FRAMES)), waits=True)


@st.composite
def posts(draw: DrawFn) -> Asked:
    """Posts, many of which are taken."""
    target = draw(st.sampled_from([b"/chat/post", *(b"/rooms/%b/messages" % room.encode() for room in (*ROOMS, "-"))]))
    if draw(ONE_OF_FOUR):
        kind, body = BODIES[0] if target == b"/chat/post" else (JSON, json.dumps({"text": "mine"}).encode())
    else:
        kind, body = draw(st.sampled_from(BODIES))
    length = b"Content-Length: %d" % len(body)
    return Asked(b"POST", target, [HOST, b"Content-Type: " + kind, length], body)


# How it is asked

Oddity = Callable[[DrawFn, Asked], None]


def strange_line(draw: DrawFn, asked: Asked) -> None:
    """A header that should not be there, or asks for something else."""
    asked.lines.insert(draw(st.integers(0, len(asked.lines))), draw(st.sampled_from(STRANGE)))


def repeated_line(draw: DrawFn, asked: Asked) -> None:
    """A header that stands there twice, maybe with the name of one and the value of another."""
    if asked.lines:
        name, _, value = draw(st.sampled_from(asked.lines)).partition(b":")
        _, _, other = draw(st.sampled_from(asked.lines)).partition(b":")
        asked.lines.append(
            draw(st.sampled_from([name, name.lower(), name.upper()])) + b":" + draw(st.sampled_from([value, other]))
        )


def other_length(draw: DrawFn, asked: Asked) -> None:
    """A length in another form, or another length."""
    size = len(asked.body)
    forms = [
        b"%d" % (size + 1),
        b"%d" % max(0, size - 1),
        b"+%d" % size,
        b"000%d" % size,
        b" %d " % size,
        b"%d,%d" % (size, size),
    ]
    asked.lines = [line for line in asked.lines if not line.lower().startswith(b"content-length")]
    if draw(st.booleans()):
        asked.lines.append(b"Content-Length: " + draw(st.sampled_from(forms)))


def other_method(draw: DrawFn, asked: Asked) -> None:
    asked.method = draw(
        st.sampled_from([b"HEAD", b"PUT", b"OPTIONS", b"get", b"Post", b"POST", b"GET", b"G(T", b"", b" GET"])
    )


def other_version(draw: DrawFn, asked: Asked) -> None:
    versions = [b"HTTP/1.0", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b"HTTP/1.1x", b"HTTP/1.10", b"HTTP/01.1", b""]
    asked.version = draw(st.sampled_from(versions))


def other_target(draw: DrawFn, asked: Asked) -> None:
    target, kind = asked.target, draw(st.integers(0, 3))
    if kind == 0:  # something at its end
        ends = [
            b"?x=1",
            b"?cursor=k3v9.0",
            b"&cursor=k3v9.1",
            b";limit=1",
            b"&limit=%31",
            b"&a+b=1",
            b"#x",
            b"/",
            b"%2F",
            b"&",
            b"&cursor",
        ]
        asked.target = target + draw(st.sampled_from(ends))
    elif kind == 1:  # something in its midst
        at = draw(st.integers(0, len(target)))
        asked.target = (
            target[:at]
            + draw(st.sampled_from([b"?", b"%", b"/", b"//", b" ", b"%2F", b"\xc3\xbc", b"\x00", b"="]))
            + target[at:]
        )
    elif kind == 2:  # the same in other letters
        at = draw(st.integers(0, len(target) - 1))
        asked.target = target[:at] + b"%%%02x" % target[at] + target[at + 1 :]
    else:
        asked.target = draw(st.sampled_from([b"http://chat.example", b"/.", b"/x/..", b"/", b"*", b"x"])) + target


def other_host(draw: DrawFn, asked: Asked) -> None:
    """A name that is this server's, too, or none of its names, or no name."""
    asked.lines = [line for line in asked.lines if not line.lower().startswith(b"host")]
    if draw(ONE_OF_FOUR):
        asked.lines.append(b"Host:" + draw(st.sampled_from(OTHER_HOSTS)))


def other_ends(draw: DrawFn, asked: Asked) -> None:
    asked.end = draw(st.sampled_from([b"\n", b"\r", b"\r\r\n", b"\r\n "]))


def begun_with_empty_lines(draw: DrawFn, asked: Asked) -> None:
    asked.before = draw(st.sampled_from([b"\r\n", b"\r\n\r\n", b"\n", b" ", b"\r"]))


def chunked(draw: DrawFn, asked: Asked) -> None:
    """A body in chunks, which may say that it has a length, too."""
    keep = draw(st.booleans())
    asked.lines = [line for line in asked.lines if keep or not line.lower().startswith(b"content-length")]
    asked.lines.append(b"Transfer-Encoding: " + draw(st.sampled_from([b"chunked", b"Chunked", b"identity"])))
    asked.body = (b"%x\r\n%s\r\n" % (len(asked.body), asked.body) if asked.body else b"") + b"0\r\n\r\n"


def body_like_a_request(draw: DrawFn, asked: Asked) -> None:
    other = draw(PLAIN)
    asked.body = other.head + other.body
    asked.lines = [line for line in asked.lines if not line.lower().startswith(b"content-length")]
    asked.lines.append(b"Content-Length: %d" % len(asked.body))


def more_behind(draw: DrawFn, asked: Asked) -> None:
    asked.body += draw(st.sampled_from([b"\r\n", b"x", b"G", b"GET /", b"\x00", b"x" * 20_000]))


ODDITIES: Sequence[Oddity] = [
    *(strange_line, repeated_line, other_length, other_method, other_version, other_target, other_host, other_ends),
    *(begun_with_empty_lines, chunked, body_like_a_request, more_behind),
]


def _name(line: bytes) -> bytes:
    return line.partition(b":")[0].lower()


CLIENTS = st.lists(st.sampled_from(KNOWN), max_size=4, unique_by=_name)
SOME_KIND = st.one_of(polls(), polls(), posts(), handshakes())


@st.composite
def plain_requests(draw: DrawFn) -> Asked:
    """Requests as clients send them."""
    asked = draw(SOME_KIND)
    said = {_name(line) for line in asked.lines}
    for line in draw(CLIENTS):
        if _name(line) not in said:
            asked.lines.insert(draw(ONE_OF_FOUR), line)
    if draw(ONE_OF_FOUR) == 0:
        spelt = draw(st.sampled_from([bytes.lower, bytes.upper]))
        asked.lines = [
            spelt(name) + colon + value for name, colon, value in (line.partition(b":") for line in asked.lines)
        ]
    return asked


PLAIN = plain_requests()
SOME_ODDITIES = st.lists(st.sampled_from(ODDITIES), min_size=1, max_size=2)


@st.composite
def requests(draw: DrawFn) -> Asked:
    """Requests of any kind."""
    asked = draw(PLAIN)
    if draw(ONE_OF_TEN) > 5:
        for oddity in draw(SOME_ODDITIES):
            oddity(draw, asked)
    return asked


# What happens

EVENTS: Sequence[Step] = [
    *(Tell(room) for room in ROOMS),
    *(Hold(True), Hold(False), Stop()),
    *(Rule("ban", "lobby", "grace"), Rule("mute", "lobby", "ada"), Rule("ban", "vault", "mia")),
    *(Rule("ended", "", id_of("ada")), Rule("ended", "", id_of("mia")), Rule("revoked", "", "jti:of-grace")),
    *(Wait(seconds) for seconds in (0.25, 1, 2.5, 10, 25, 75)),
    *(Lose(peer) for peer in range(PEERS)),
    *(Listen(peer, takes) for peer in range(PEERS) for takes in (True, False, False)),
]


REQUESTS = requests()
EVENT = st.sampled_from(EVENTS)
SOME_EVENTS = st.lists(EVENT, max_size=2)
SOME_REQUESTS = st.one_of(st.lists(REQUESTS, min_size=1, max_size=1), st.lists(REQUESTS, min_size=1, max_size=3))


BEGINNINGS = st.sampled_from(
    [b"\r\n", b"\r", b"G", b"GET / HTTP/1.1", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nX: y\r\n"]
)
"""After each of these it depends on what was heard before what a segment is."""


@st.composite
def segments(draw: DrawFn) -> list[bytes]:
    """One request or some behind each other, cut anywhere; mostly not, or where something ends."""
    way = draw(ONE_OF_TEN)
    data = draw(BEGINNINGS) if way > 7 else b""
    ends, cuts = [len(data)], [0, len(data)]
    for asked in draw(SOME_REQUESTS):
        ends.append(len(data + asked.before))
        start = len(data)
        data += asked.head
        ends.append(len(data))
        if asked.waits and way != 6:
            cuts += [start, len(data)]
        data += asked.body
        ends.append(len(data))
    cuts.append(len(data))
    if way < 3:
        cuts += draw(st.lists(st.sampled_from(ends), max_size=4))
    elif way < 5:
        cuts += draw(st.lists(st.integers(1, len(data) - 1), max_size=4))
    elif way == 5:
        cuts.append(max(0, draw(st.sampled_from(ends)) - 2))
    cuts = sorted({*cuts})
    return [data[start:end] for start, end in pairwise(cuts)]


SEGMENTS = segments()


@st.composite
def conversations(draw: DrawFn) -> list[Step]:
    """What comes from each of the peers, and what happens between."""
    steps: list[Step] = []
    for segments_of_one in draw(st.lists(SEGMENTS, min_size=1, max_size=4)):
        peer = 0 if draw(ONE_OF_FOUR) else 1
        for segment in segments_of_one:
            steps.append(Say(peer, segment))
            if draw(ONE_OF_FOUR) == 0:
                steps.append(draw(EVENT))
        steps += draw(SOME_EVENTS)
    return steps
