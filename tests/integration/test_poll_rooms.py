"""One poll for several rooms."""

from __future__ import annotations

import signal
import time
from uuid import uuid4

import pytest

from tests.integration.conftest import StartServer
from tests.integration.plain_client import Answer, Connection, ask, cursor, post_json, request, settle
from tests.integration.server import Server


@pytest.fixture
def rooms() -> list[str]:
    """Three rooms that nobody has used."""
    return [f"room-{number}-{uuid4().hex}" for number in range(3)]


@pytest.fixture
def epoch(shared_server: Server) -> str:
    """That of the shared server."""
    return cursor(shared_server.port, "lobby")[0]


def path(at: dict[str, str], **parameters: object) -> str:
    pairs = [f"at={room}:{start}" for room, start in at.items()]
    return "/poll?" + "&".join([*pairs, *(f"{name}={value}" for name, value in parameters.items())])


def brought(answer: Answer) -> dict[str, tuple[str, list[str]]]:
    """Each room's cursor and texts."""
    assert answer.status == 200, answer
    pages = answer.json()["pages"]
    return {page["room"]: (page["cursor"], [message["text"] for message in page["messages"]]) for page in pages}


def problem(answer: Answer) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status, answer.json()["type"]


def test_what_is_there_comes_at_once_and_alone(shared_server: Server, rooms: list[str], epoch: str) -> None:
    for text in ("one", "two"):
        post_json(shared_server.port, rooms[0], {"text": text})
    post_json(shared_server.port, rooms[2], {"text": "three"})
    at = dict.fromkeys(rooms, f"{epoch}.0")
    answer = brought(ask(shared_server.port, "GET", path(at)))
    assert answer == {rooms[0]: (f"{epoch}.2", ["one", "two"]), rooms[2]: (f"{epoch}.1", ["three"])}
    limited = brought(ask(shared_server.port, "GET", path(at, limit=1)))
    assert limited[rooms[0]] == (f"{epoch}.1", ["one"])


def test_a_suspended_poll_is_woken_once(shared_server: Server, rooms: list[str], epoch: str) -> None:
    at = dict.fromkeys(rooms, f"{epoch}.0")
    with Connection(shared_server.port) as connection:
        connection.send(request("GET", path(at)))
        settle(shared_server.port)
        assert connection.silent()
        post_json(shared_server.port, rooms[1], {"text": "one"})
        assert brought(connection.read()) == {rooms[1]: (f"{epoch}.1", ["one"])}
        post_json(shared_server.port, rooms[2], {"text": "two"})
        settle(shared_server.port)
        assert connection.silent()
        at[rooms[1]] = f"{epoch}.1"
        assert brought(connection.ask("GET", path(at))) == {rooms[2]: (f"{epoch}.1", ["two"])}


def test_nobody_waits_any_more_for_who_was_answered(shared_server: Server, rooms: list[str], epoch: str) -> None:
    """Neither an answer nor a lost connection leaves a waiter behind in the other rooms."""

    def readers() -> list[int]:
        return [ask(shared_server.port, "GET", f"/rooms/{room}").json()["readers"] for room in rooms]

    with Connection(shared_server.port) as answered, Connection(shared_server.port) as lost:
        answered.send(request("GET", path(dict.fromkeys(rooms, f"{epoch}.0"))))
        lost.send(request("GET", path({rooms[2]: f"{epoch}.0", rooms[1]: f"{epoch}.0"})))
        settle(shared_server.port)
        assert readers() == [1, 2, 2]
        post_json(shared_server.port, rooms[0], {"text": "one"})
        answered.read()
        assert readers() == [0, 1, 1]
        lost.reset()
        settle(shared_server.port)
        assert readers() == [0, 0, 0]


def test_all_rooms_come_at_the_end_of_the_hold(shared_server: Server, rooms: list[str], epoch: str) -> None:
    began = time.monotonic()
    answer = brought(ask(shared_server.port, "GET", path(dict.fromkeys(rooms, f"{epoch}.0"), wait=1)))
    assert time.monotonic() - began > 0.85
    assert answer == dict.fromkeys(rooms, (f"{epoch}.0", []))


def test_who_does_not_wait_gets_all_rooms_at_once(shared_server: Server, rooms: list[str], epoch: str) -> None:
    at = dict.fromkeys(rooms, f"{epoch}.0")
    empty: dict[str, tuple[str, list[str]]] = dict.fromkeys(rooms, (f"{epoch}.0", []))
    assert brought(ask(shared_server.port, "GET", path(at, wait=0))) == empty
    assert ask(shared_server.port, "HEAD", path(at)).status == 200


def test_32_rooms_are_not_too_many(shared_server: Server, epoch: str) -> None:
    at = {f"room-{uuid4().hex[:8]}-{number}": f"{epoch}.0" for number in range(32)}
    last = list(at)[-1]
    with Connection(shared_server.port) as connection:
        connection.send(request("GET", path(at)))
        settle(shared_server.port)
        post_json(shared_server.port, last, {"text": "hello"})
        assert brought(connection.read()) == {last: (f"{epoch}.1", ["hello"])}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?wait=0",
        "?at=",
        "?at=lobby",
        "?at=lobby:",
        "?at=:k3v9.0",
        "?at=Lobby:k3v9.0",
        "?at=lobby:nonsense",
        "?at=lobby:k3v9.0&at=lobby:k3v9.1",
        "?" + "&".join(f"at=room{number}:k3v9.0" for number in range(33)),
    ],
)
def test_malformed(shared_server: Server, query: str) -> None:
    assert problem(ask(shared_server.port, "GET", f"/poll{query}")) == (400, "/problems/malformed")


def test_an_expired_cursor_names_its_room(shared_server: Server, rooms: list[str], epoch: str) -> None:
    post_json(shared_server.port, rooms[0], {"text": "one"})
    for wrong in ("another1.0", f"{epoch}.7"):
        answer = ask(shared_server.port, "GET", path({rooms[1]: f"{epoch}.0", rooms[0]: wrong}))
        assert problem(answer) == (410, "/problems/cursor-expired")
        said = answer.json()
        assert (said["room"], said["earliest"], said["latest"]) == (rooms[0], f"{epoch}.0", f"{epoch}.1")


def test_a_stop_answers_with_all_rooms(start_server: StartServer, rooms: list[str]) -> None:
    server = start_server()
    epoch, _ = cursor(server.port, "lobby")
    with Connection(server.port) as connection:
        connection.send(request("GET", path(dict.fromkeys(rooms, f"{epoch}.0"))))
        settle(server.port)
        server.terminate()
        answer = connection.read()
        assert brought(answer) == dict.fromkeys(rooms, (f"{epoch}.0", []))
        assert answer.headers["connection"] == "close"
        assert server.wait() == -signal.SIGTERM
