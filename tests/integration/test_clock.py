"""The wall clock is set an hour forward, or back, under a running server: it goes on as if nothing had happened."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from chatcomet.access.sessions import LIFE_SECONDS
from tests.integration.conftest import StartServer
from tests.integration.plain_client import JSON, Connection, ask, cursor, post_json, request, settle
from tests.integration.server import Server
from tests.integration.set_clock import SetClock

HOUR = 3600
JUMPS = pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])


@pytest.fixture
def clock(tmp_path: Path) -> SetClock:
    """A clock that shows our time."""
    return SetClock(tmp_path / "clock")


@pytest.fixture
def server(start_server: StartServer, clock: SetClock) -> Server:
    """A running server that goes by `clock`."""
    return start_server("--hold", "2", environ=clock.environ)


def poll(server: Server) -> bytes:
    """A request that is suspended."""
    epoch, head = cursor(server.port, "lobby")
    return request("GET", f"/rooms/lobby/messages?cursor={epoch}.{head}")


def wall_time_of_a_post(server: Server, room: str) -> float:
    """What time a new message says it is."""
    at: float = post_json(server.port, room, {"text": "what time is it?"}).json()["message"]["at"]
    return at


@JUMPS
def test_the_servers_clock_is_set(server: Server, clock: SetClock, jump: int) -> None:
    """Or else the tests below would show nothing."""
    assert abs(wall_time_of_a_post(server, "before") - time.time()) < 5
    clock.jump(jump)
    assert abs(wall_time_of_a_post(server, "after") - time.time() - jump) < 5


def test_what_was_begun_by_a_session_ends_when_its_cookie_is_too_old(server: Server, clock: SetClock) -> None:
    answer = ask(server.port, "POST", "/session", '{"name": "ada"}', {"Content-Type": JSON})
    known = {"Cookie": answer.headers["set-cookie"].split(";")[0]}
    with Connection(server.port) as stream, Connection(server.port) as others:
        stream.send(request("GET", "/rooms/lobby/events", headers=known))
        others.send(request("GET", "/rooms/lobby/events"))
        for connection in (stream, others):
            assert connection.read_head().status == 200
            connection.read_chunk()
        clock.jump(LIFE_SECONDS - HOUR)
        settle(server.port)
        time.sleep(1.0)
        assert stream.silent()
        clock.jump(LIFE_SECONDS + HOUR)
        assert stream.read_chunk().startswith(b"retry: ")
        assert stream.read_chunk() == b""
        assert others.silent()
    assert ask(server.port, "GET", "/session", headers=known).json()["name"] == "guest"


@JUMPS
def test_holds_end_on_time(server: Server, clock: SetClock, jump: int) -> None:
    with Connection(server.port) as before, Connection(server.port) as after:
        begun = time.monotonic()
        before.send(poll(server))
        settle(server.port)
        clock.jump(jump)
        after.send(poll(server))
        settle(server.port)  # the server has looked at the clock
        assert before.silent()
        for connection in (before, after):
            assert connection.read().json()["messages"] == []
            assert 1.8 <= time.monotonic() - begun < 3.5


@JUMPS
def test_posts_wake_polls(server: Server, clock: SetClock, jump: int) -> None:
    with Connection(server.port) as connection:
        connection.send(poll(server))
        settle(server.port)
        clock.jump(jump)
        begun = time.monotonic()
        post_json(server.port, "lobby", {"text": "wake up"})
        assert connection.read().json()["messages"][0]["text"] == "wake up"
        assert time.monotonic() - begun < 1


def test_times_of_messages_never_decrease(server: Server, clock: SetClock) -> None:
    times = []
    for jump in (0, HOUR, 0, -HOUR, 0, 2 * HOUR, HOUR):
        clock.jump(jump)
        times.append(wall_time_of_a_post(server, "lobby"))
    assert times == sorted(times)
    assert times[1] == times[4], "those in between can't be earlier, and are not later"
    assert times[5] - times[4] == pytest.approx(HOUR, abs=10)
    server.stop()
    clock.jump(0)
    server.start()
    assert wall_time_of_a_post(server, "lobby") == times[5], "nor after a restart"


@JUMPS
def test_no_time_out_is_hit_early(server: Server, clock: SetClock, jump: int) -> None:
    whole = request("POST", "/rooms/lobby/messages", '{"text": "slowly"}', {"Content-Type": JSON})
    cookie = ask(server.port, "POST", "/session", '{"name": "ada"}', {"Content-Type": JSON}).headers["set-cookie"]
    with Connection(server.port) as idle, Connection(server.port) as header, Connection(server.port) as body:
        assert idle.ask("GET", "/session").status == 200
        header.send(whole[:30])
        body.send(whole[:-5])
        settle(server.port)
        clock.jump(jump)
        settle(server.port)
        assert [connection.silent() for connection in (idle, header, body)] == [True, True, True]
        header.send(whole[30:])
        body.send(whole[-5:])
        assert [header.read().status, body.read().status] == [201, 201]
        assert idle.ask("GET", "/session", headers={"Cookie": cookie.split(";")[0]}).json()["name"] == "ada"
    answer = ask(server.port, "POST", "/session", '{"name": "ada"}', {"Content-Type": JSON})
    assert answer.status == 409, "the name was used a moment ago"
