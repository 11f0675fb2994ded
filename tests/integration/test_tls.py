"""Over TLS nothing can be read on the wire, however fast an answer goes out.

The transport of a TLS connection passes on what writes past its buffers to the socket beneath it: what is written like
that is not encrypted, and a client may not even notice until it fails to decrypt the next record.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.conftest import StartServer
from tests.integration.plain_client import FORM, JSON, Connection, Tls, request, settle
from tests.integration.server import tls_endpoint
from tests.integration.set_clock import HastyClock
from tests.integration.wiretap import Wiretap

MESSAGES = "/rooms/lobby/messages"
ROUNDS = 3
LARGE = 20


def converse(connect: Callable[[], Connection], text: str) -> None:
    """Post, poll and follow the lobby in all ways there are, several times on each connection; `text` is in all."""
    with ExitStack() as open_connections:
        poster, *readers, stream = (open_connections.enter_context(connect()) for _ in range(5))
        cursor = poster.ask("GET", MESSAGES).json()["cursor"]
        stream.send(request("GET", f"/rooms/lobby/events?cursor={cursor}"))
        assert stream.read_head().status == 200
        for number in range(ROUNDS):
            seq = cursor.partition(".")[2]
            for reader, target in zip(
                readers, (f"{MESSAGES}?cursor={cursor}", f"/poll?at=lobby:{cursor}", f"/chat/get/{seq}"), strict=True
            ):
                reader.send(request("GET", target))
            wanted = f"{text}-{number}"
            if number % 2:
                assert poster.ask("POST", "/chat/post", f"message={wanted}", {"Content-Type": FORM}).status == 200
            else:
                answer = poster.ask("POST", MESSAGES, json.dumps({"text": wanted}), {"Content-Type": JSON})
                assert answer.json()["message"]["text"] == wanted
            for reader in readers:
                assert wanted in reader.read().body.decode()
            while wanted.encode() not in stream.read_chunk():
                pass
            cursor = poster.ask("GET", MESSAGES).json()["cursor"]
        read_much(poster, readers[0], cursor, text)


def read_much(poster: Connection, reader: Connection, cursor: str, text: str) -> None:
    """Messages of more bytes than a socket takes at once."""
    body = json.dumps({"text": text, "data": text * 400})
    for _ in range(LARGE):
        assert poster.ask("POST", MESSAGES, body, {"Content-Type": JSON}).status == 201
    for _ in range(ROUNDS):
        page = reader.ask("GET", f"{MESSAGES}?cursor={cursor}").json()
        assert page["messages"][0]["data"] == text * 400


@pytest.fixture
def text() -> str:
    """What nobody has said yet."""
    return uuid4().hex


def test_nothing_can_be_read_on_the_wire(start_server: StartServer, tmp_path: Path, text: str) -> None:
    port, endpoint = tls_endpoint(tmp_path)
    server = start_server("--listen", endpoint)
    assert f"https://localhost:{port}/" in server.log
    with Wiretap(port) as wiretap:
        converse(lambda: Connection(Tls(wiretap.port)), text)
        assert len(wiretap.heard) == 10
        for heard in wiretap.heard:
            assert heard.startswith(b"\x16\x03")  # a TLS handshake
            for word in (text.encode(), b"HTTP/1.1", b"cursor", b"chatcomet"):
                assert word not in heard


def test_who_does_not_agree_on_tls_is_cut(start_server: StartServer, tmp_path: Path) -> None:
    port, endpoint = tls_endpoint(tmp_path)
    clock = HastyClock(tmp_path / "clock")
    server = start_server("--listen", endpoint, environ=clock.environ)
    hello = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost").do_handshake()
    with Connection(Tls(port)) as agreed, Connection(port) as silent, Connection(port) as slow:
        for seconds, byte in enumerate(hello.read(5)):
            clock.jump(seconds)
            slow.send(bytes([byte]))
            settle(server.port)
        assert slow.silent()
        assert silent.silent()
        clock.jump(11)
        settle(server.port)
        assert silent.ended()
        assert slow.ended()
        assert agreed.ask("GET", "/session").status == 200
    assert "Traceback" not in server.log


def test_without_tls_it_can(start_server: StartServer, text: str) -> None:
    """The wiretap hears what there is to be heard."""
    server = start_server()
    with Wiretap(server.port) as wiretap:
        converse(lambda: Connection(wiretap.port), text)
        assert len(wiretap.heard) == 10
        for heard in wiretap.heard:
            assert b"HTTP/1.1" in heard
        assert sum(text.encode() in heard for heard in wiretap.heard) >= 6
