"""A disk that is full, a database that is locked: posters are told so, nobody sees what is not stored, and it passes.

The disk is full for the server alone: `RLIMIT_FSIZE`, set from outside, makes every write of a file fail.
"""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress

import pytest

from tests.integration.plain_client import FORM, Answer, Connection, ask, cursor, post_json, request, settle
from tests.integration.server import Server

RECOVERY_SECONDS = 5.0  # from the end of a fault until posts are taken again, at most


@contextmanager
def full_disk(server: Server) -> Iterator[None]:
    """Within this, `server` can't write a byte to any file."""
    pid = server.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    yield
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def locked_database(server: Server) -> Iterator[None]:
    """Within this, another program has begun to write to the database of `server`."""
    with closing(sqlite3.connect(server.folder / "chat.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


Fault = Callable[[Server], AbstractContextManager[None]]
FAULTS = pytest.mark.parametrize("fault", [full_disk, locked_database])


def post(server: Server, text: str) -> Answer:
    """Post under a key, so that it can be repeated."""
    return post_json(server.port, "lobby", {"text": text}, Idempotency_Key=f"the-key-of-{text:-<20}")


def texts(server: Server) -> list[str]:
    """What is in the room."""
    messages = ask(server.port, "GET", "/rooms/lobby/messages?limit=200").json()["messages"]
    assert [message["seq"] for message in messages] == list(range(len(messages)))
    return [message["text"] for message in messages]


def check_refused(answer: Answer) -> None:
    """The server's fault, and when to try again."""
    assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
    assert answer.json()["type"] == "/problems/store-unavailable"
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def post_until_taken(server: Server, text: str) -> Answer:
    """Do as one is told by `Retry-After`."""
    end = time.monotonic() + RECOVERY_SECONDS
    while (answer := post(server, text)).status == 503:
        assert time.monotonic() < end, "it does not recover"
        time.sleep(float(answer.headers["retry-after"]))
    return answer


@FAULTS
def test_posters_are_told_and_readers_see_nothing(server: Server, fault: Fault) -> None:
    assert post(server, "before").status == 201
    epoch, head = cursor(server.port, "lobby")
    with Connection(server.port) as reader:
        reader.send(request("GET", f"/rooms/lobby/messages?cursor={epoch}.{head}"))
        settle(server.port)
        with fault(server):
            for number in range(4):
                check_refused(post(server, f"during-{number}"))
            check_refused(ask(server.port, "POST", "/chat/post", "message=seed", {"Content-Type": FORM}))
            assert reader.silent()
            assert texts(server) == ["before"]
            empty = ask(server.port, "GET", f"/rooms/lobby/messages?cursor={epoch}.{head}&wait=0.5")
            assert empty.json() == {"room": "lobby", "cursor": f"{epoch}.{head}", "messages": []}
            assert ask(server.port, "GET", "/chat/get/0").body == b"before"
        assert post_until_taken(server, "after").status == 201
        page = reader.read().json()
        assert [(message["seq"], message["text"]) for message in page["messages"]] == [(1, "after")]
    assert texts(server) == ["before", "after"]


@FAULTS
def test_a_post_that_was_refused_is_taken_later_once(server: Server, fault: Fault) -> None:
    with fault(server):
        check_refused(post(server, "again"))
        check_refused(post(server, "again"))
    assert post_until_taken(server, "again").status == 201
    assert post(server, "again").status == 200
    assert texts(server) == ["again"]


@FAULTS
def test_what_was_acknowledged_around_a_fault_survives_a_kill(server: Server, fault: Fault) -> None:
    epoch, _ = cursor(server.port, "lobby")
    kept = []
    for number in range(3):
        assert post_until_taken(server, f"kept-{number}").status == 201
        kept.append(f"kept-{number}")
        with fault(server):
            check_refused(post(server, f"lost-{number}"))
    server.kill()
    server.start()
    assert texts(server) == kept
    assert cursor(server.port, "lobby") == (epoch, len(kept))


@FAULTS
def test_it_stops_cleanly_during_a_fault(server: Server, fault: Fault) -> None:
    assert post(server, "before").status == 201
    with fault(server):
        check_refused(post(server, "during"))
        begun = time.monotonic()
        server.terminate()
        server.wait()
        assert time.monotonic() - begun < 2
    server.start()
    assert texts(server) == ["before"]
    assert post(server, "after").status == 201
