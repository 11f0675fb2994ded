"""How often one may: counted for whoever asks, and for all guests at one address, by a running server."""

from __future__ import annotations

import json

import pytest

from tests.integration.conftest import StartServer
from tests.integration.plain_client import JSON, Answer, ask
from tests.integration.server import Server

GUESTS = 10
LANES = {"fast": "messages", "Klein's": "message%73"}


@pytest.fixture
def limited(start_server: StartServer) -> Server:
    """Each posts twice, and makes one room."""
    return start_server("--post-rate", "1/h:2", "--room-rate", "1/h", "--session-rate", "0")


def send(server: Server, method: str, path: str, document: object, **headers: str) -> Answer:
    """What comes of it; headers are named with ``_`` for ``-``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(server.port, method, path, json.dumps(document), {"Content-Type": JSON, **named})


def guest(server: Server, name: str, address: str) -> dict[str, str]:
    """The headers of a guest at `address`."""
    answer = send(server, "POST", "/session", {"name": name}, X_Forwarded_For=address)
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0], "X-Forwarded-For": address}


def post(server: Server, room: str, headers: dict[str, str], path: str = "messages") -> str:
    """How a post fares."""
    answer = send(server, "POST", f"/rooms/{room}/{path}", {"text": "hello"}, **headers)
    if answer.status == 429:
        assert int(answer.headers["retry-after"]) > 0
        return str(answer.json()["type"].removeprefix("/problems/"))
    assert answer.status == 201, answer
    return "posted"


@pytest.mark.parametrize("path", LANES.values(), ids=LANES.keys())
def test_many_guests_at_one_address_are_held_together(limited: Server, path: str) -> None:
    assert post(limited, "lobby", {}) == "posted"
    guests = [guest(limited, f"guest {number}", "192.0.2.1") for number in range(GUESTS + 1)]
    fared = [[post(limited, "lobby", each, path) for _ in range(3)] for each in guests]
    assert fared == [["posted", "posted", "too-many-posts"]] * GUESTS + [["too-many-posts"] * 3]
    assert post(limited, "lobby", guest(limited, "elsewhere", "192.0.2.2"), path) == "posted"
    assert post(limited, "lobby", {"X-Forwarded-For": "192.0.2.1"}, path) == "posted"


@pytest.mark.parametrize("path", LANES.values(), ids=LANES.keys())
def test_what_one_limit_refuses_counts_in_no_other(limited: Server, path: str) -> None:
    ada = guest(limited, "ada", "192.0.2.1")
    rooms = ("one", "two", "two", "two", "one", "one", "two")
    fared = [post(limited, room, ada, path) for room in rooms]
    refused = ["too-many-rooms"] * 3
    assert fared == ["posted", *refused, "posted", "too-many-posts", "too-many-posts"]
    bob = {"X-Forwarded-For": "192.0.2.2"}
    assert post(limited, "two", bob, path) == "posted", "nobody has made it"
