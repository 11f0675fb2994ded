"""Crowds that mean no good, over TLS and HTTP/2: all are gone at their deadlines, and readers served."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import StartServer
from tests.integration.hostile.assault import connections
from tests.integration.hostile.honest import HonestReaders
from tests.integration.hostile.multiplexed_siege import CALM, KINDS, MultiplexedSiege, taken_back
from tests.integration.hostile.siege import fill
from tests.integration.plain_client import settle
from tests.integration.server import Server, tls_endpoint
from tests.integration.set_clock import HastyClock

EACH = 24
HONEST = 30
PATIENCE_SECONDS = 20.0

DEADLINES = ((11, ("frame", "header")), (76, ("silent", "pings", "windows", "body", "choked")))
"""After how many seconds who has gone."""

LATE_SECONDS = tuple(range(110, 350, 20))
"""A stream that nobody takes ends after 30 s, another answer after 75; a connection 75 s behind its last one."""


@pytest.fixture
def clock(tmp_path: Path) -> HastyClock:
    """A clock that shows our time."""
    return HastyClock(tmp_path / "clock")


@pytest.fixture
def tls(tmp_path: Path) -> tuple[int, str]:
    """A port with TLS, and its endpoint."""
    return tls_endpoint(tmp_path)


def until(server: Server, siege: MultiplexedSiege, come_true: Callable[[], bool]) -> None:
    """Wait."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not come_true():
        assert time.monotonic() < end, (siege.ends, [(kind, siege.left(kind)) for kind in siege.kinds])
        settle(server.port)  # the server looks at its clock
        siege.look(0.05)


def check_leaves_nothing(server: Server, before: int) -> None:
    """The server has no more connections than `before`, soon, and has logged no fault."""
    end = time.monotonic() + PATIENCE_SECONDS
    while connections(server.pid) > before:
        assert time.monotonic() < end, connections(server.pid)
        settle(server.port)
        time.sleep(0.02)
    assert "Traceback" not in server.log
    assert "Unhandled" not in server.log


def test_who_agrees_on_http2_and_does_nothing_is_cut(
    start_server: StartServer, clock: HastyClock, tls: tuple[int, str]
) -> None:
    server = start_server("--listen", tls[1], "--hold", "3600", environ=clock.environ)
    start = fill(server.port, "full")
    before = connections(server.pid)
    honest = HonestReaders(server.port, HONEST)
    siege = MultiplexedSiege(tls[0], EACH * len(KINDS), start)
    assert len(honest.post("at once")) == HONEST
    for seconds, kinds in DEADLINES:
        assert [siege.left(kind) for kind in kinds] == [EACH] * len(kinds), f"before {seconds} s"
        clock.jump(seconds)
        siege.trickle()
        until(server, siege, lambda kinds=kinds: not any(map(siege.left, kinds)))  # type: ignore[misc]
        assert len(honest.post(f"after {seconds}")) == HONEST
    for seconds in LATE_SECONDS:
        clock.jump(seconds)
        settle(server.port)
        siege.look(0.2)
    until(server, siege, lambda: len(siege) == 0)
    honest.renew_poster()  # to post that seldom is to be idle
    assert len(honest.post("in the end")) == HONEST
    honest.close()
    siege.end()
    check_leaves_nothing(server, before)


QUICK = 30
TAKEN_BACK = 300


def test_who_asks_and_takes_it_back_at_once_is_cut(start_server: StartServer, tls: tuple[int, str]) -> None:
    """Rapid reset, CVE-2023-44487."""
    server = start_server("--listen", tls[1], "--hold", "3600")
    before = connections(server.pid)
    honest = HonestReaders(server.port, HONEST)
    siege = MultiplexedSiege(tls[0], QUICK, "elsewhere.0", ("silent",))
    siege.send_all(b"".join(taken_back(1 + 2 * number, "/rooms/lobby/messages") for number in range(TAKEN_BACK)))
    assert len(honest.post("meanwhile")) == HONEST
    until(server, siege, lambda: len(siege) == 0)
    assert siege.ends == {("silent", CALM): QUICK}
    assert len(honest.post("afterwards")) == HONEST
    honest.close()
    siege.end()
    check_leaves_nothing(server, before)
