"""Who is here; and what is said of rooms."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import StartServer
from tests.integration.plain_client import JSON, Connection, ask, cursor, post_json, request, settle
from tests.integration.server import Server
from tests.integration.stream_client import NDJSON, Stream

CHATCOMET = str(Path(sys.executable).with_name("chatcomet"))
GRACE_SECONDS = 10.0
TYPING_SECONDS = 5.0

Roster = dict[str, Any]


def sign_in(server: Server, name: str) -> dict[str, str]:
    """The headers of requests under `name`."""
    answer = ask(server.port, "POST", "/session", json.dumps({"name": name}), {"Content-Type": JSON})
    assert answer.status == 200, answer
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def state(server: Server, room: str) -> dict[str, Any]:
    answer = ask(server.port, "GET", f"/rooms/{room}")
    assert answer.status == 200
    found: dict[str, Any] = answer.json()
    return found


def roster(server: Server, room: str) -> Roster:
    found: Roster = state(server, room)["roster"]
    return found


def names(roster: Roster) -> list[str]:
    return [person["name"] for person in roster["people"]]


class Watcher:
    """Polls for the roster of a room, with the version that it saw last."""

    def __init__(self, server: Server, room: str, headers: dict[str, str]) -> None:
        epoch, head = cursor(server.port, room)
        self._path = f"/rooms/{room}/messages?cursor={epoch}.{head}&wait=20&roster="
        self._headers = headers
        self._connection = Connection(server.port, 25)
        self.version = 0
        self.see()

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def see(self) -> Roster:
        """The next version, waited for."""
        answer = self._connection.ask("GET", f"{self._path}{self.version}", headers=self._headers)
        assert answer.status == 200
        page = answer.json()
        assert page["messages"] == []
        seen: Roster = page["roster"]
        assert seen["version"] > self.version
        self.version = seen["version"]
        return seen


def poll(connection: Connection, server: Server, room: str, headers: dict[str, str]) -> None:
    """Suspend a poll, and return when it is."""
    epoch, head = cursor(server.port, room)
    connection.send(request("GET", f"/rooms/{room}/messages?cursor={epoch}.{head}", headers=headers))
    settle(server.port)


def test_nobody_is_in_a_room_that_nobody_reads(shared_server: Server, room: str) -> None:
    found = roster(shared_server, room)
    assert (found["count"], found["people"]) == (0, [])


def test_everybody_is_here_whatever_they_read_by(server: Server, room: str) -> None:
    ada, bob, eve = (sign_in(server, name) for name in ("ada", "bob", "eve"))
    epoch, _ = cursor(server.port, room)
    with (
        Connection(server.port) as polling,
        Connection(server.port) as polling_rooms,
        Stream(server.port, f"/rooms/{room}/events", bob) as streaming,
        Stream(server.port, f"/rooms/{room}/events", {"Accept": "application/x-ndjson"}) as guest,
    ):
        poll(polling, server, room, ada)
        polling_rooms.send(request("GET", f"/poll?at={room}:{epoch}.0&at=lobby:{epoch}.0", headers=eve))
        streaming.block()
        guest.line()
        settle(server.port)
        found = roster(server, room)
        assert found["count"] == 4
        assert found["people"] == [{"name": name, "typing": False} for name in ("ada", "bob", "eve")]
        assert names(roster(server, "lobby")) == ["eve"]
        with Stream(server.port, f"/rooms/{room}/events", bob) as again:
            again.block()
            assert roster(server, room) == found


def test_coming_wakes_who_looks_and_going_does_so_after_the_grace(server: Server, room: str) -> None:
    ada, bob = sign_in(server, "ada"), sign_in(server, "bob")
    with Watcher(server, room, ada) as watcher, Connection(server.port) as polling:
        poll(polling, server, room, bob)
        here = watcher.see()
        assert names(here) == ["ada", "bob"]
        post_json(server.port, room, {"text": "hello"})  # ends bob's poll: he is between two of them
        polling.read()
        assert roster(server, room) == here
        poll(polling, server, room, bob)
        polling.reset()
        with Stream(server.port, f"/rooms/{room}/events", bob) as streaming:  # he has come back by another way
            streaming.block()
            assert roster(server, room) == here
        left = time.monotonic()
    with Watcher(server, room, ada) as watcher:
        assert watcher.version == here["version"]
        assert names(watcher.see()) == ["ada"]
        assert time.monotonic() - left >= GRACE_SECONDS - 0.5


def test_typing_shows_and_ends(server: Server, room: str) -> None:
    ada, bob = sign_in(server, "ada"), sign_in(server, "bob")
    with Stream(server.port, f"/rooms/{room}/events", bob) as streaming:
        streaming.block()
        with Watcher(server, room, ada) as watcher:
            typed = ask(server.port, "POST", f"/rooms/{room}/typing", headers=bob)
            assert (typed.status, typed.body) == (204, b"")
            began = time.monotonic()
            people = {"ada": False, "bob": True}
            assert {person["name"]: person["typing"] for person in watcher.see()["people"]} == people
            people["bob"] = False
            assert {person["name"]: person["typing"] for person in watcher.see()["people"]} == people
            assert TYPING_SECONDS - 0.5 < time.monotonic() - began < TYPING_SECONDS + 3


@pytest.mark.parametrize("accept", ["text/event-stream", NDJSON])
def test_a_stream_that_asks_is_shown_who_is_here(shared_server: Server, room: str, accept: str) -> None:
    name = f"ada {room[-8:]}"
    with Stream(shared_server.port, f"/rooms/{room}/events?roster=0", {"Accept": accept}) as watching:

        def see() -> Roster:
            """The next thing said, which is a roster."""
            if accept == NDJSON:
                line: dict[str, Roster] = watching.line()
                assert list(line) == ["roster"]
                return line["roster"]
            block = watching.block()
            assert (block.names, block["event"]) == (["event", "data"], "roster")
            seen: Roster = block.json()
            return seen

        for _ in range(1 if accept == NDJSON else 2):  # the cursor at which it begins; when to come again
            assert watching.line() if accept == NDJSON else watching.block()
        assert (see()["count"], roster(shared_server, room)["count"]) == (1, 1)
        with Stream(shared_server.port, f"/rooms/{room}/events", sign_in(shared_server, name)) as streaming:
            streaming.block()
            assert names(see()) == [name]


def test_who_is_not_here_does_not_type(shared_server: Server, room: str) -> None:
    before = roster(shared_server, room)
    assert ask(shared_server.port, "POST", f"/rooms/{room}/typing").status == 204
    assert roster(shared_server, room) == before
    refused = ask(shared_server.port, "POST", f"/rooms/{room}/typing", headers={"Origin": "https://evil.example"})
    assert (refused.status, refused.json()["type"]) == (403, "/problems/cross-site")
    assert ask(shared_server.port, "GET", f"/rooms/{room}/typing").status == 405


def test_only_who_asks_is_shown_a_roster(shared_server: Server, room: str) -> None:
    epoch, _ = cursor(shared_server.port, room)
    path = f"/rooms/{room}/messages?cursor={epoch}.0&wait=0"
    assert "roster" not in ask(shared_server.port, "GET", path).json()
    shown = ask(shared_server.port, "GET", f"{path}&roster=0").json()["roster"]
    assert shown["count"] == 1
    assert "roster" not in ask(shared_server.port, "GET", f"{path}&roster={shown['version']}").json()
    assert ask(shared_server.port, "GET", f"{path}&roster=x").status == 400


def test_a_message_wakes_who_looks_at_the_roster(shared_server: Server, room: str) -> None:
    epoch, _ = cursor(shared_server.port, room)
    path = f"/rooms/{room}/messages?cursor={epoch}.0&roster="
    with Connection(shared_server.port) as connection:
        version = connection.ask("GET", f"{path}0").json()["roster"]["version"]
        connection.send(request("GET", f"{path}{version}"))
        settle(shared_server.port)
        assert connection.silent()
        post_json(shared_server.port, room, {"text": "hello"})
        assert [message["text"] for message in connection.read().json()["messages"]] == ["hello"]


def test_rooms(start_server: StartServer) -> None:
    server = start_server("--retain", "5")
    assert ask(server.port, "GET", "/rooms").json() == {"rooms": []}
    for room, count in (("lobby", 2), ("attic", 1)):
        for number in range(count):
            post_json(server.port, room, {"text": str(number)})
    epoch, _ = cursor(server.port, "lobby")
    with Stream(server.port, "/rooms/lobby/events") as streaming:
        streaming.block()
        settle(server.port)
        lobby = {"room": "lobby", "cursor": f"{epoch}.2", "first": 0, "readers": 1}
        attic = {"room": "attic", "cursor": f"{epoch}.1", "first": 0, "readers": 0}
        assert ask(server.port, "GET", "/rooms").json() == {"rooms": [attic, lobby]}
        assert ask(server.port, "GET", "/rooms?after=attic").json() == {"rooms": [lobby]}
        found = state(server, "lobby")
        assert found.pop("roster")["count"] == 1
        assert found == lobby
        environment = {**os.environ, "CHATCOMET_URL": server.url}
        printed = subprocess.run([CHATCOMET, "rooms"], capture_output=True, text=True, timeout=20, env=environment)
        assert (printed.returncode, printed.stdout) == (0, "attic\t1\t0\nlobby\t2\t1\n")
    for number in range(40):
        post_json(server.port, "attic", {"text": str(number)})
    found = state(server, "attic")
    assert found["cursor"] == f"{epoch}.41"
    assert 0 < found["first"] <= 36


def test_who_may_read_few_of_many_rooms_finds_them_all(start_server: StartServer, tmp_path: Path) -> None:
    (tmp_path / "rooms.toml").write_text('[[rooms]]\nname = "team-*"\nread = "members"')
    server = start_server("--rooms", str(tmp_path / "rooms.toml"))
    for room in ("attic", "zoo"):
        post_json(server.port, room, {"text": "hello"})
    server.stop()
    with closing(sqlite3.connect(server.folder / "chat.db")) as database, database:
        rooms = ((f"team-{number}",) for number in range(25_000))
        database.executemany("INSERT INTO rooms (name, first, head, last_at) VALUES (?, 0, 1, 0)", rooms)
    server.start()
    found, path, asked = [], "/rooms", 0
    while path:
        answer = ask(server.port, "GET", path)
        assert "team" not in answer.body.decode()
        found += [room["room"] for room in answer.json()["rooms"]]
        path = f"/rooms?after={answer.json()['next']}" if "next" in answer.json() else ""
        asked += 1
    assert (found, asked) == (["attic", "zoo"], 3)
    environment = {**os.environ, "CHATCOMET_URL": server.url}
    printed = subprocess.run([CHATCOMET, "rooms"], capture_output=True, text=True, timeout=60, env=environment)
    assert printed.stdout.split() == ["attic", "1", "0", "zoo", "1", "0"]


def test_a_room_that_nobody_used_is_an_empty_one(shared_server: Server, room: str) -> None:
    epoch, _ = cursor(shared_server.port, "lobby")
    found = state(shared_server, room)
    assert (found["room"], found["cursor"], found["first"], found["readers"]) == (room, f"{epoch}.0", 0, 0)
    assert room not in {one["room"] for one in ask(shared_server.port, "GET", "/rooms").json()["rooms"]}
    assert ask(shared_server.port, "GET", "/rooms/Lobby").status == 400


def test_erasing_is_refused_to_strangers(shared_server: Server, room: str) -> None:
    post_json(shared_server.port, room, {"text": "hello"})
    for seq in (0, 7):
        refused = ask(shared_server.port, "DELETE", f"/rooms/{room}/messages/{seq}")
        assert (refused.status, refused.json()["type"]) == (403, "/problems/not-allowed"), "nobody can sign in here"
    assert ask(shared_server.port, "DELETE", f"/rooms/{room}/messages/x").status == 404
    page = ask(shared_server.port, "GET", f"/rooms/{room}/messages").json()
    assert [message["text"] for message in page["messages"]] == ["hello"]
