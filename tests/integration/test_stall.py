"""A stream whose reader takes nothing is cut off after 30 s, over whatever transport; its cursor resumes it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.integration.conftest import StartServer
from tests.integration.legs import Events, Frames, Leg, Lines
from tests.integration.plain_client import JSON, Connection, Tls, cursor, settle
from tests.integration.server import Server, tls_endpoint
from tests.integration.set_clock import HastyClock

MESSAGES = 500  # of 16 kB: more than the systems at both ends take in for one connection
CUT = "took nothing for 30.0 s"
PATIENCE_SECONDS = 10.0


@pytest.fixture
def clock(tmp_path: Path) -> HastyClock:
    """A clock that shows our time."""
    return HastyClock(tmp_path / "clock")


def post_much(server: Server) -> None:
    """Post `MESSAGES` to the lobby."""
    body = b'{"text": "", "data": "%b"}' % (b"x" * 16_000)
    with Connection(server.port) as connection:
        for _ in range(MESSAGES):
            assert connection.ask("POST", "/rooms/lobby/messages", body, {"Content-Type": JSON}).status == 201


def take_until_it_ends(leg: Leg) -> Sequence[int]:
    """What was on its way still comes, in order; then the connection is lost."""
    seqs: list[int] = []
    with pytest.raises(OSError):
        while len(seqs) <= MESSAGES:
            seen = leg.take()
            assert seen.lost is None
            seqs += [message["seq"] for message in seen.messages]
    assert leg.cursor.endswith(f".{len(seqs)}")
    return seqs


def take_messages(leg: Leg, count: int) -> Sequence[int]:
    """The seqs of the next `count` messages."""
    seqs: list[int] = []
    while len(seqs) < count:
        seen = leg.take()
        assert seen.lost is None
        seqs += [message["seq"] for message in seen.messages]
    return seqs


def cuts(server: Server, count: int, seconds: float) -> int:
    """How many the server has cut off, when there are so many or `seconds` have passed."""
    end = time.monotonic() + seconds
    while server.log.count(CUT) < count and time.monotonic() < end:
        settle(server.port)
        time.sleep(0.02)
    return server.log.count(CUT)


def test_who_takes_nothing_for_30_seconds_is_cut_off(
    start_server: StartServer, clock: HastyClock, tmp_path: Path
) -> None:
    path = tmp_path / "socket"
    tls_port, endpoint = tls_endpoint(tmp_path)
    server = start_server("--listen", f"unix:{path}", "--listen", endpoint, environ=clock.environ)
    epoch, _ = cursor(server.port, "lobby")
    start = f"{epoch}.0"
    by_tls = Tls(tls_port, receive_bytes=8 * 1024)
    stalled: list[Leg] = [Events(path, "lobby", start), Lines(path, "lobby", start), Frames(path, "lobby", start)]
    stalled.append(Events(by_tls, "lobby", start))
    reads_on, slowly = Lines(path, "lobby", start), Lines(path, "lobby", start)
    post_much(server)
    assert take_messages(reads_on, MESSAGES) == list(range(MESSAGES))
    time.sleep(1.5)  # the systems take in what they may
    clock.jump(15)  # and to post took a few seconds
    settle(server.port)
    time.sleep(0.1)
    settle(server.port)
    assert CUT not in server.log, "they have 30 s"
    some = take_messages(slowly, 40)
    settle(server.port)
    clock.jump(33)
    if cuts(server, len(stalled), seconds=2.0) < len(stalled):  # some system has taken in a little more meanwhile
        some = [*some, *take_messages(slowly, 40)]
        settle(server.port)
        clock.jump(66)
    assert cuts(server, len(stalled), PATIENCE_SECONDS) == len(stalled)
    for leg in stalled:
        seqs = take_until_it_ends(leg)
        assert seqs == list(range(len(seqs)))
        assert len(seqs) < MESSAGES
        leg.leave()
        resumed = type(leg)(leg.address, "lobby", leg.cursor)
        assert take_messages(resumed, MESSAGES - len(seqs)) == list(range(len(seqs), MESSAGES))
        resumed.leave()
    assert [*some, *take_messages(slowly, MESSAGES - len(some))] == list(range(MESSAGES)), "who takes little goes on"
    clock.jump(110)
    settle(server.port)
    assert server.log.count(CUT) == len(stalled), "nor are those cut off who have taken all"
    reads_on.leave()
    slowly.leave()
    assert "Traceback" not in server.log
