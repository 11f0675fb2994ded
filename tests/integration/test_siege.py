"""Crowds that mean no good: slow senders, and more readers and connections than there may be; nobody else is hurt.

How much slower honest readers are served meanwhile is measured by ``tests/integration/hostile/measure.py``.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.conftest import StartServer
from tests.integration.hostile.assault import connections, descriptors
from tests.integration.hostile.honest import HonestReaders
from tests.integration.hostile.siege import Siege, fill
from tests.integration.plain_client import HOST, JSON, Connection, ask, cursor, request, settle
from tests.integration.server import TWISTD, Server
from tests.integration.set_clock import HastyClock
from tests.integration.stream_client import Stream

SLOW = 300
HONEST = 50
PATIENCE_SECONDS = 20.0


@pytest.fixture
def clock(tmp_path: Path) -> HastyClock:
    """A clock that shows our time."""
    return HastyClock(tmp_path / "clock")


def until(siege: Siege, come_true: Callable[[], bool]) -> None:
    """Wait."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not come_true():
        assert time.monotonic() < end, (siege.ends, [siege.left(kind) for kind in siege.kinds])
        settle(siege.port)  # the server looks at its clock
        siege.look(0.05)


DEADLINES = ((11, "header", "408"), (61, "body", "408"), (76, "silent", "cut"))
"""After how many seconds who has gone, and how they were told.  A test that takes its time adds some."""

DEAF_SECONDS = (110, 150, 190, 230, 270)
"""When those have gone who take nothing: some system may have taken in a little more just before."""


def test_slow_senders_are_cut_at_their_deadlines_and_readers_served(
    start_server: StartServer, clock: HastyClock
) -> None:
    server = start_server("--hold", "3600", environ=clock.environ)
    start = fill(server.port, "full")
    before = connections(server.pid)
    honest = HonestReaders(server.port, HONEST)
    siege = Siege(server.port, SLOW, start)
    siege.begin()
    each = SLOW // len(siege.kinds)
    assert len(honest.post("at once")) == HONEST
    for seconds, kind, told in DEADLINES:
        assert siege.left(kind) == each, f"{kind} before {seconds} s"
        clock.jump(seconds)
        siege.trickle()
        until(siege, lambda kind=kind, told=told: siege.ends[kind, told] == each)  # type: ignore[misc]
        assert len(honest.post(f"after {seconds}")) == HONEST
    for seconds in DEAF_SECONDS:
        clock.jump(seconds)
        settle(server.port)
        siege.look(0.5)
    until(siege, lambda: len(siege) == 0)
    honest.renew_poster()  # to post that seldom is to be idle
    assert len(honest.post("in the end")) == HONEST
    honest.close()
    siege.end()
    until_there_are_no_more_than(server, before)
    assert "Traceback" not in server.log


def until_there_are_no_more_than(server: Server, count: int) -> None:
    """Wait until the server has no more connections."""
    end = time.monotonic() + PATIENCE_SECONDS
    while connections(server.pid) > count:
        assert time.monotonic() < end, connections(server.pid)
        settle(server.port)
        time.sleep(0.02)


CAP = 60
CROWD = 100


def test_readers_past_the_cap_are_told_when_to_come_again(start_server: StartServer) -> None:
    server = start_server("--readers", str(CAP))
    honest = HonestReaders(server.port, HONEST)
    settle(server.port)
    epoch, head = cursor(server.port, "lobby")
    path = f"/rooms/lobby/messages?cursor={epoch}.{head}"
    crowd = [Connection(server.port) for _ in range(CROWD)]
    for connection in crowd:
        connection.send(request("GET", path))
    settle(server.port)
    time.sleep(0.2)
    waiting = [connection for connection in crowd if connection.silent()]
    assert len(waiting) == CAP - HONEST
    for connection in crowd:
        if connection not in waiting:
            answer = connection.read()
            assert (answer.status, answer.json()["messages"], answer.headers["retry-after"]) == (200, [], "5")
    with Stream(server.port, f"/rooms/lobby/events?cursor={epoch}.{head}") as stream:
        assert stream.rest() == b"retry: 5000\n\n"
    assert len(honest.post("for all who wait")) == HONEST
    assert [len(connection.read().json()["messages"]) for connection in waiting] == [1] * len(waiting)
    late = ask(server.port, "GET", path)
    assert [message["text"] for message in late.json()["messages"]] == ["for all who wait"], "and for who is put off"
    for connection in crowd:
        connection.close()
    honest.close()
    assert "Traceback" not in server.log
    assert server.log.count("too many readers") == 1


DESCRIPTORS = 1_024
FLOOD = 3 * DESCRIPTORS
PACE = 50
"""So many knock at once."""
FEWEST = 200


def poor(folder: Path, most: int) -> Iterator[Server]:
    """A server that may have few descriptors."""
    twistd = folder / "twistd"
    twistd.write_text(f'#!/bin/sh\nulimit -n {most}\nexec {TWISTD} "$@"\n')
    twistd.chmod(twistd.stat().st_mode | stat.S_IXUSR)
    server = Server(folder, twistd=twistd)
    server.start()
    yield server
    server.close()


@pytest.fixture
def poor_server(tmp_path: Path) -> Iterator[Server]:
    """One that may have few."""
    yield from poor(tmp_path, DESCRIPTORS)


@pytest.fixture
def poorest_server(tmp_path: Path) -> Iterator[Server]:
    """One that may have very few."""
    yield from poor(tmp_path, FEWEST)


def test_a_flood_of_connections_locks_nobody_out(poor_server: Server) -> None:
    honest = HonestReaders(poor_server.port, HONEST)
    flood: list[socket.socket] = []
    for number in range(FLOOD):
        with suppress(ConnectionResetError):  # it was cut already
            flood.append(socket.create_connection((HOST, poor_server.port), PATIENCE_SECONDS))
        if number % PACE == 0:
            assert ask(poor_server.port, "GET", "/chat").status == 302
    assert descriptors(poor_server.pid) < DESCRIPTORS
    body = {"Content-Type": JSON}
    assert ask(poor_server.port, "POST", "/rooms/elsewhere/messages", '{"text": "hi"}', body).status == 201
    honest.renew_poster()
    assert len(honest.post("for all who wait")) == HONEST, "who waits is not cut"
    for connection in flood:
        connection.close()
    honest.close()
    assert "Traceback" not in poor_server.log
    assert poor_server.log.count("too many connections") == 1
    assert "EMFILE" not in poor_server.log


@pytest.mark.parametrize(
    "asked", [b"", b"GET /chat HTTP/1.1\r\nHost: localhost\r\n", b"poll"], ids=["silent", "slow", "poll"]
)
def test_however_many_knock_at_once_descriptors_suffice_and_the_log_stays_short(
    poorest_server: Server, asked: bytes
) -> None:
    server = poorest_server
    if asked == b"poll":
        epoch, head = cursor(server.port, "lobby")
        asked = request("GET", f"/rooms/lobby/messages?cursor={epoch}.{head}")
    before = len(server.log.splitlines())
    flood: list[socket.socket] = []
    os.kill(server.pid, signal.SIGSTOP)
    try:
        for _ in range(3 * FEWEST):
            knocking = socket.create_connection((HOST, server.port), PATIENCE_SECONDS)
            knocking.sendall(asked)
            flood.append(knocking)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert ask(server.port, "GET", "/chat").status == 302
    assert descriptors(server.pid) < FEWEST
    for connection in flood:
        connection.close()
    lines = server.log.splitlines()[before:]
    assert [line for line in lines if "too many connections" not in line and "too many readers" not in line] == []
    assert len(lines) <= 2
