"""SIGTERM: what was asked is answered, what was acknowledged is kept, and the process ends in under 2 s."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.integration.conftest import StartServer
from tests.integration.crowd import Crowd
from tests.integration.plain_client import FORM, Connection, ask, cursor, post_json, request, settle
from tests.integration.server import Server

STOP_SECONDS = 2.0
POLLS = 200


class LargeAnswer(NamedTuple):
    """An answer of which a part is still with the server."""

    server: Server
    peer: Connection
    body: bytes


def stop(server: Server) -> float:
    """Stop `server`; how many seconds that took."""
    begun = time.monotonic()
    # twistd ends itself by the signal that it was sent, once all is done: that is how a supervisor knows it obeyed.
    assert server.stop() == -signal.SIGTERM
    took = time.monotonic() - begun
    assert "Main loop terminated" in server.log, "all was done before the end"
    assert "Traceback" not in server.log
    return took


@pytest.mark.parametrize("store", ["sqlite", "memory"])
def test_every_suspended_poll_is_answered_whole(start_server: StartServer, store: str) -> None:
    server = start_server(*(["--store", "memory:"] if store == "memory" else []))
    epoch, _ = cursor(server.port, "lobby")
    connections = [Connection(server.port) for _ in range(POLLS)]
    for number, connection in enumerate(connections):
        path = "/chat/get/0" if number % 2 else f"/rooms/lobby/messages?cursor={epoch}.0"
        connection.send(request("GET", path))
    settle(server.port)
    assert all(connection.silent() for connection in connections)
    assert stop(server) < STOP_SECONDS
    for number, connection in enumerate(connections):
        answer = connection.read()
        assert answer.headers["connection"] == "close"
        if number % 2:
            assert (answer.status, answer.body) == (408, b"")
        else:
            assert answer.json() == {"room": "lobby", "cursor": f"{epoch}.0", "messages": []}
        assert connection.ended()
        connection.close()


def test_idle_connections_do_not_delay_the_end(server: Server) -> None:
    connections = [Connection(server.port) for _ in range(50)]
    for connection in connections[10:]:
        assert connection.ask("GET", "/session").status == 200
    settle(server.port)
    assert stop(server) < 1
    for connection in connections:
        assert connection.ended()
        connection.close()


def test_what_is_pipelined_behind_a_poll_is_not_carried_out(server: Server) -> None:
    epoch, _ = cursor(server.port, "lobby")
    with Connection(server.port) as connection:
        post = request("POST", "/chat/post", "message=behind", {"Content-Type": FORM})
        connection.send(request("GET", f"/rooms/lobby/messages?cursor={epoch}.0") + post)
        settle(server.port)
        assert stop(server) < STOP_SECONDS
        assert connection.read().headers["connection"] == "close"
        assert connection.ended()
    server.start()
    assert cursor(server.port, "lobby")[1] == 0, "its poster was told that the connection closes, and will try again"


# Large answers on their way


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    """A UNIX socket to listen on: unlike TCP's on one machine, its buffer is smaller than a large page."""
    return tmp_path / "socket"


@pytest.fixture
def large_answer(start_server: StartServer, socket_path: Path) -> Iterator[LargeAnswer]:
    """An answer on its way, to a peer that has not taken anything yet."""
    server = start_server("--listen", f"unix:{socket_path}")
    for _ in range(15):
        assert post_json(server.port, "large", {"text": "😀" * 4000}).status == 201
    path = "/rooms/large/messages?limit=200"
    body = ask(server.port, "GET", path).body
    with Connection(socket_path) as peer:
        peer.send(request("GET", path))
        peer.receive(1)
        settle(server.port)
        assert 0 < peer.arrived_bytes < len(body), "a part of it is still with the server"
        yield LargeAnswer(server, peer, body)


def test_a_large_answer_is_sent_whole_to_a_slow_peer(large_answer: LargeAnswer) -> None:
    server, peer, body = large_answer
    begun = time.monotonic()
    server.terminate()
    while peer.arrived_bytes or len(peer.received) < len(body):
        time.sleep(0.02)  # this is what is slow in it
        peer.receive(8 * 1024)
    assert peer.read().body == body
    assert peer.ended()
    assert server.wait() == -signal.SIGTERM
    assert 0.5 < time.monotonic() - begun < STOP_SECONDS


def test_a_peer_that_takes_nothing_does_not_delay_the_end(large_answer: LargeAnswer) -> None:
    assert stop(large_answer.server) < STOP_SECONDS


# Posts in flight


def test_posts_in_flight_are_acknowledged_or_not_done(server: Server) -> None:
    with Crowd(server.port) as crowd:
        for _ in range(3):
            posted = len(crowd.acknowledged)
            while len(crowd.acknowledged) < posted + 100:
                time.sleep(0.01)
            assert stop(server) < STOP_SECONDS
            server.start()
        crowd.check(crowd.finish())
    assert crowd.repeated == 0, "a message was appended and its poster not told so"
