"""WebSockets of a running server, by `websockets`, whose frames are the server's, too, and by a browser."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect

from tests.integration.plain_client import JSON, ask, cursor, post_json
from tests.integration.server import Server

PATIENCE_SECONDS = 10.0
KEY = "0123456789abcdef"
MEBIBYTE = 1024 * 1024
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]


@contextmanager
def talking(server: Server, room: str, query: str = "", **options: Any) -> Iterator[ClientConnection]:
    """An open socket; the first page, which says from where it goes on, is still to come."""
    uri = f"ws://127.0.0.1:{server.port}/rooms/{room}/socket{query}"
    with connect(uri, open_timeout=PATIENCE_SECONDS, close_timeout=PATIENCE_SECONDS, **options) as talk:
        yield talk


def hear(talk: ClientConnection) -> Any:
    """The next document."""
    return json.loads(talk.recv(PATIENCE_SECONDS))


def hear_of(talk: ClientConnection, member: str) -> Any:
    """The next document that has `member`: what it is; others are passed over."""
    while member not in (document := hear(talk)):
        pass
    return document[member]


def post(talk: ClientConnection, text: str, key: str = KEY) -> Any:
    """Post, and wait for the answer."""
    talk.send(json.dumps({"post": {"key": key, "text": text}}))
    return hear_of(talk, "posted")


def texts(page: Any) -> list[str]:
    """What the messages of a page say."""
    return [message["text"] for message in page["messages"]]


def closing(talk: ClientConnection) -> tuple[int, str]:
    """The code and reason that the server closes with, after all that it says before."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            talk.recv(PATIENCE_SECONDS)
    assert closed.value.rcvd is not None, "the connection was lost without a closing"
    return closed.value.rcvd.code, closed.value.rcvd.reason


def resident_bytes(server: Server) -> int:
    """How much memory the server takes."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def test_pages(shared_server: Server) -> None:
    room = "socket-pages"
    post_json(shared_server.port, room, {"text": "before"})
    with talking(shared_server, room) as talk:
        start = hear(talk)
        assert (start["room"], texts(start)) == (room, [])
        post_json(shared_server.port, room, {"text": "one"})
        page = hear(talk)
        assert texts(page) == ["one"]
    post_json(shared_server.port, room, {"text": "two"})
    with talking(shared_server, room, f"?cursor={page['cursor']}") as talk:
        assert texts(hear(talk)) == []
        assert texts(hear(talk)) == ["two"]
    assert cursor(shared_server.port, room)[1] == 3


def test_a_cursor_that_leads_nowhere(shared_server: Server) -> None:
    room = "socket-lost"
    post_json(shared_server.port, room, {"text": "one"})
    with talking(shared_server, room, "?cursor=0000.7") as talk:
        hear(talk)
        problem = hear_of(talk, "problem")
        assert problem["type"] == "/problems/cursor-expired"
        assert problem["earliest"].endswith(".0")
        assert texts(hear(talk)) == ["one"]


def test_posts_are_answered_by_their_keys(shared_server: Server) -> None:
    room = "socket-posts"
    with talking(shared_server, room) as talk, talking(shared_server, room) as other:
        hear(other)
        keys = [f"{number:016}" for number in range(100)]
        for key in [*keys, keys[0]]:
            talk.send(json.dumps({"post": {"key": key, "text": key}}))
        answers = [hear_of(talk, "posted") for _ in range(101)]
        assert [answer["key"] for answer in answers] == [*keys, keys[0]]
        assert answers[0] == answers[-1]
        heard: list[str] = []
        while len(heard) < len(keys):
            heard += texts(hear(other))
    assert heard == keys
    assert cursor(shared_server.port, room)[1] == 100


def test_what_is_refused(shared_server: Server) -> None:
    with talking(shared_server, "socket-refused") as talk:
        hear(talk)
        talk.send(json.dumps({"post": {"key": KEY, "text": "x" * 4_001}}))
        problem = hear_of(talk, "problem")
        assert (problem["key"], problem["type"]) == (KEY, "/problems/too-long")
        talk.send(json.dumps({"greeting": 1}))
        assert hear_of(talk, "problem")["type"] == "/problems/malformed"
        talk.send("hello")
        assert closing(talk) == (1008, "each message is one JSON object")
    with talking(shared_server, "socket-refused") as talk:
        talk.send(b"{}")
        assert closing(talk)[0] == 1003


def test_a_restart(server: Server) -> None:
    with talking(server, "lobby") as talk:
        start = hear(talk)
        posted = post(talk, "hello")
        began = time.monotonic()
        server.terminate()
        assert closing(talk) == (1012, "come again in 1 s")
        server.wait()
        assert time.monotonic() - began < 2
    server.start()
    with talking(server, "lobby", f"?cursor={start['cursor']}") as talk:
        hear(talk)
        assert hear(talk)["messages"] == [posted["message"]]
        assert post(talk, "hello") == posted
        assert post(talk, "again", "f" * 16)["message"]["seq"] == 1


def test_a_crash(server: Server) -> None:
    with talking(server, "lobby") as talk:
        start = hear(talk)
        post(talk, "hello")
        server.kill()
    server.start()
    with talking(server, "lobby", f"?cursor={start['cursor']}") as talk:
        hear(talk)
        assert texts(hear(talk)) == ["hello"]


def test_a_server_that_stops_does_not_wait_for_who_does_not_listen(server: Server) -> None:
    raw = _raw_peer(server, "lobby")
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 3
    assert raw.recv(4) == b"\x88\x13\x03\xf4"
    raw.close()


def test_ping_and_pong(shared_server: Server) -> None:
    with talking(shared_server, "socket-ping") as talk:
        assert talk.ping(b"there?").wait(PATIENCE_SECONDS)


def test_other_sites(shared_server: Server) -> None:
    for origin in ("https://evil.example", "null"):
        with pytest.raises(InvalidStatus) as refused, talking(shared_server, "lobby", origin=origin):
            pass
        assert refused.value.response.status_code == 403
        assert json.loads(refused.value.response.body)["type"] == "/problems/cross-site"
    for origin in (shared_server.url, "https://friend.example"):
        with talking(shared_server, "lobby", origin=origin) as talk:
            hear(talk)


def test_what_opens_no_socket(shared_server: Server) -> None:
    answer = ask(shared_server.port, "GET", "/rooms/lobby/socket")
    assert (answer.status, answer.headers["upgrade"], answer.json()["status"]) == (426, "websocket", 426)
    with pytest.raises(InvalidStatus) as refused, talking(shared_server, "lobby", "?cursor=x"):
        pass
    assert refused.value.response.status_code == 400


def test_roster_and_typing(shared_server: Server) -> None:
    room = "socket-roster"
    answer = ask(shared_server.port, "POST", "/session", '{"name": "ada"}', {"Content-Type": JSON})
    cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    with talking(shared_server, room, "?roster=0") as talk:
        assert hear_of(talk, "roster")["count"] == 1
        with talking(shared_server, room, additional_headers=cookie) as ada:
            assert hear_of(talk, "roster")["people"] == [{"name": "ada", "typing": False}]
            ada.send('{"typing": true}')
            assert hear_of(talk, "roster")["people"] == [{"name": "ada", "typing": True}]
            assert post(ada, "hello", "k1")["message"]["author"] == "ada"


@pytest.mark.parametrize("frame_bytes", [100 * MEBIBYTE, 32 * 1024])
def test_a_message_without_end(server: Server, frame_bytes: int) -> None:
    with talking(server, "lobby") as talk:
        hear(talk)
    before = resident_bytes(server)
    raw = _raw_peer(server, "lobby")
    opcode, sent = Opcode.TEXT, 0
    part = Frame(Opcode.CONT, b" " * min(frame_bytes, MEBIBYTE), False).serialize(mask=True)
    if frame_bytes > MEBIBYTE:
        raw.sendall(b"\x01\xff" + frame_bytes.to_bytes(8, "big") + b"mask")
    try:
        while sent < 100 * MEBIBYTE and b"\x03\xf1" not in _come(raw):
            if sent == 0 and frame_bytes < MEBIBYTE:
                raw.sendall(Frame(opcode, b" " * frame_bytes, False).serialize(mask=True))
            raw.sendall(part)
            sent += len(part)
    except (BrokenPipeError, ConnectionResetError):
        pytest.fail("the connection was cut before its closing could be heard")
    assert sent < 20 * MEBIBYTE, "it was told at once"
    assert resident_bytes(server) - before < 8 * MEBIBYTE
    raw.close()
    with talking(server, "lobby") as talk:
        assert post(talk, "hello")["message"]["text"] == "hello"


def test_a_peer_that_stops_reading(server: Server) -> None:
    data = "x" * 16_000
    count = 1_500
    raw = _raw_peer(server, "lobby", receive_bytes=8 * 1024)
    with talking(server, "lobby", max_size=None) as talk, talking(server, "lobby", max_size=None) as poster:
        hear(talk)
        for part in range(15):
            if part == 5:
                before = resident_bytes(server)
            for number in range(count // 15):
                poster.send(json.dumps({"post": {"key": f"{part:08}{number:08}", "text": "", "data": data}}))
            for _ in range(count // 15):
                hear_of(poster, "posted")
        heard = 0
        while heard < count:
            heard += len(hear(talk)["messages"])
        grown = resident_bytes(server) - before  # by 6 to 9 MB: to catch up takes some pages at a time, of 256 KiB each
        assert grown < 12 * MEBIBYTE < 1_000 * len(data)
    raw.close()


# Chromium's WebSocket


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """An empty page in Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        yield browser.new_page()
        browser.close()


CHAT = """([path, texts, data]) => new Promise((resolve) => {
  const told = { pages: [], posted: [] };
  const socket = new WebSocket(path.replace(/^http/, "ws"));
  socket.onopen = () => texts.forEach((text, number) => socket.send(JSON.stringify(
    { post: { key: `${number}`.padStart(16, "0"), text, data } })));
  socket.onmessage = (event) => {
    const { messages = [], posted } = JSON.parse(event.data);
    told.pages.push(...messages.map((message) => message.text));
    if (posted) told.posted.push(posted.message.text);
    if (told.posted.length === texts.length) socket.close(1000, "thank you");
  };
  socket.onclose = ({ wasClean, code }) => resolve({ ...told, wasClean, code, extensions: socket.extensions });
})"""


def test_a_browser(shared_server: Server, page: Page) -> None:
    texts = ["hello", "\N{EARTH GLOBE EUROPE-AFRICA}" * 4_000, *map(str, range(50))]
    page.goto(f"{shared_server.url}/rooms")
    told = page.evaluate(CHAT, [f"{shared_server.url}/rooms/socket-browser/socket", texts, "x" * 16_000])
    assert told == {"pages": texts, "posted": texts, "wasClean": True, "code": 1000, "extensions": ""}


def _raw_peer(server: Server, room: str, receive_bytes: int | None = None) -> socket.socket:
    """An open socket of which nothing is read but what the test reads."""
    raw = socket.socket()
    if receive_bytes is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    raw.settimeout(PATIENCE_SECONDS)
    raw.connect(("127.0.0.1", server.port))
    raw.sendall(
        f"GET /rooms/{room}/socket HTTP/1.1\r\nHost: chat.localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    head = b""
    while b"]}" not in head:  # the end of the first page
        head += raw.recv(1)
    assert head.startswith(b"HTTP/1.1 101 ")
    return raw


def _come(raw: socket.socket) -> bytes:
    """What has come, without waiting."""
    raw.setblocking(False)
    try:
        return raw.recv(65536)
    except BlockingIOError:
        return b""
    finally:
        raw.settimeout(PATIENCE_SECONDS)
