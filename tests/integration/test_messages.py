"""Reading messages by the native protocol: ``GET /rooms/R/messages``."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

import pytest

from tests.integration.conftest import StartServer
from tests.integration.plain_client import FORM, Answer, Connection, ask, cursor, post_json, request, settle
from tests.integration.server import Server


def read(server: Server, room: str, query: str = "") -> Answer:
    """Ask for messages."""
    return ask(server.port, "GET", f"/rooms/{room}/messages?{query}")


def fill(server: Server, room: str, count: int) -> str:
    """Post `count` messages, named by their seq; the epoch."""
    with Connection(server.port) as connection:
        for seq in range(count):
            answer = connection.ask("POST", f"/rooms/{room}/messages", f"text={seq}", {"Content-Type": FORM})
            assert answer.status == 201
    return cursor(server.port, room)[0]


def seqs(page: dict[str, Any]) -> list[int]:
    """The seqs of a page, whose messages are what `fill` posted."""
    assert [message["text"] for message in page["messages"]] == [str(message["seq"]) for message in page["messages"]]
    return [message["seq"] for message in page["messages"]]


def check_problem(answer: Answer, status: int, name: str) -> dict[str, Any]:
    """A problem document of the kind `name`."""
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.headers["cache-control"] == "no-store"
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["type"].rsplit("/", 1)[1]) == (status, name)
    assert problem["title"]
    assert problem["detail"]
    return problem


# Without a cursor


def test_a_room_that_nobody_used_is_an_empty_one(shared_server: Server, room: str) -> None:
    answer = read(shared_server, room)
    epoch = cursor(shared_server.port, "lobby")[0]
    assert answer.status_line == "HTTP/1.1 200 OK"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json() == {"room": room, "cursor": f"{epoch}.0", "messages": []}


def test_asking_creates_nothing(server: Server) -> None:
    epoch = fill(server, "lobby", 1)
    server.stop()
    before = dump(server)
    server.start()
    for number in range(50):
        assert read(server, f"other{number}").json()["messages"] == []
        assert read(server, f"other{number}", f"cursor={epoch}.0&wait=0").json()["messages"] == []
        assert read(server, f"other{number}", f"cursor={epoch}.1&wait=0").status == 410
    server.stop()
    assert dump(server) == before


def dump(server: Server) -> list[str]:
    """What the database of a server that is not running holds, but for its tokens: they change at every start."""
    connection = sqlite3.connect(server.folder / "chat.db")
    try:
        return [line for line in connection.iterdump() if 'INTO "meta"' not in line]
    finally:
        connection.close()


def test_a_message_has_its_shape(shared_server: Server, room: str) -> None:
    before = time.time()
    post_json(shared_server.port, room, {"text": "hello"})
    page = read(shared_server, room).json()
    epoch = cursor(shared_server.port, room)[0]
    (message,) = page["messages"]
    assert before - 0.001 <= message.pop("at") <= time.time() + 0.001
    assert message == {"seq": 0, "author": "guest", "text": "hello"}
    assert (page["room"], page["cursor"]) == (room, f"{epoch}.1")


def test_the_newest_are_given(shared_server: Server, room: str) -> None:
    epoch = fill(shared_server, room, 210)
    for query, count in (("", 50), ("limit=3", 3), ("limit=200", 200), ("limit=201", 200), ("limit=1000000", 200)):
        page = read(shared_server, room, query).json()
        assert seqs(page) == list(range(210 - count, 210)), query
        assert page["cursor"] == f"{epoch}.210"


def test_scrolling_back_comes_to_the_beginning(shared_server: Server, room: str) -> None:
    fill(shared_server, room, 25)
    before = 10**9
    seen: list[int] = []
    while page := seqs(read(shared_server, room, f"before={before}&limit=10").json()):
        seen[:0] = page
        before = page[0]
    assert seen == list(range(25))
    assert seqs(read(shared_server, room, "before=5").json()) == [0, 1, 2, 3, 4]
    assert seqs(read(shared_server, room, "before=0").json()) == []


# With a cursor


@pytest.mark.parametrize("limit", [1, 7, 50, 200])
def test_following_the_cursor_gives_all_once(shared_server: Server, room: str, limit: int) -> None:
    at, seen = f"{fill(shared_server, room, 60)}.0", []
    while page := read(shared_server, room, f"cursor={at}&limit={limit}&wait=0").json():
        if not page["messages"]:
            break
        assert len(page["messages"]) <= limit
        seen += seqs(page)
        assert page["cursor"] == f"{at.split('.')[0]}.{len(seen)}"
        at = page["cursor"]
    assert seen == list(range(60))


def test_a_page_has_a_limit_in_bytes(shared_server: Server, room: str) -> None:
    for _ in range(24):
        assert post_json(shared_server.port, room, {"text": "😀" * 4000}).status == 201
    epoch = cursor(shared_server.port, room)[0]
    for query in ("", f"cursor={epoch}.0&wait=0"):
        answer = read(shared_server, room, f"limit=200&{query}")
        assert len(answer.body) <= 256 * 1024
        assert 12 <= len(answer.json()["messages"]) < 24
    assert read(shared_server, room, "limit=200").json()["messages"][-1]["seq"] == 23
    assert read(shared_server, room, f"limit=200&cursor={epoch}.0").json()["messages"][0]["seq"] == 0


def test_at_the_head_one_is_suspended_until_somebody_posts(shared_server: Server, room: str) -> None:
    port, epoch = shared_server.port, fill(shared_server, room, 2)
    with Connection(port) as one, Connection(port) as other:
        for connection in (one, other):
            connection.send(request("GET", f"/rooms/{room}/messages?cursor={epoch}.2"))
        settle(port)
        assert one.silent()
        assert other.silent()
        message = post_json(port, room, {"text": "2", "data": {"a": None}}).json()["message"]
        expected = {"room": room, "cursor": f"{epoch}.3", "messages": [message]}
        assert one.read().json() == expected
        assert other.read().json() == expected


def test_a_post_wakes_its_room_alone(shared_server: Server, room: str) -> None:
    port, epoch = shared_server.port, fill(shared_server, room, 1)
    with Connection(port) as connection:
        connection.send(request("GET", f"/rooms/{room}/messages?cursor={epoch}.1"))
        settle(port)
        post_json(port, room + "2", {"text": "elsewhere"})
        settle(port)
        assert connection.silent()


@pytest.mark.parametrize(("wait", "least", "most"), [("0", 0.0, 0.5), ("0.5", 0.4, 1.5), ("1", 0.9, 2.0)])
def test_a_wait_ends_with_an_empty_page(shared_server: Server, room: str, wait: str, least: float, most: float) -> None:
    epoch = fill(shared_server, room, 1)
    begun = time.monotonic()
    with Connection(shared_server.port) as connection:
        answer = connection.ask("GET", f"/rooms/{room}/messages?cursor={epoch}.1&wait={wait}")
        assert least <= time.monotonic() - begun <= most
        assert answer.json() == {"room": room, "cursor": f"{epoch}.1", "messages": []}
        assert connection.ask("GET", "/session").status == 200, "the connection stays"


def test_nobody_waits_longer_than_the_hold(start_server: StartServer) -> None:
    server = start_server("--hold", "1")
    epoch = cursor(server.port, "lobby")[0]
    for query in ("", "&wait=3", "&wait=999999999"):
        begun = time.monotonic()
        assert read(server, "lobby", f"cursor={epoch}.0{query}").status == 200
        assert 0.9 <= time.monotonic() - begun < 2.5, query


def test_head_is_never_suspended(shared_server: Server, room: str) -> None:
    epoch = fill(shared_server, room, 1)
    begun = time.monotonic()
    with Connection(shared_server.port) as connection:
        answer = connection.ask("HEAD", f"/rooms/{room}/messages?cursor={epoch}.1")
        assert (answer.status, answer.body) == (200, b"")
        again = connection.ask("GET", f"/rooms/{room}/messages?cursor={epoch}.1&wait=0")
        assert answer.headers["content-length"] == again.headers["content-length"]
    assert time.monotonic() - begun < 2


# Cursors that do not lead on


def check_expired(server: Server, room: str, query: str, first: int, head: int) -> None:
    """410, and what is said to be here is here."""
    epoch = cursor(server.port, room)[0]
    problem = check_problem(read(server, room, query), 410, "cursor-expired")
    assert (problem["earliest"], problem["latest"]) == (f"{epoch}.{first}", f"{epoch}.{head}")
    if first < head:
        assert read(server, room, f"cursor={problem['earliest']}").json()["messages"][0]["seq"] == first
    assert read(server, room, f"cursor={problem['latest']}&wait=0").json()["messages"] == []


def test_a_cursor_of_another_epoch_expired(shared_server: Server, room: str) -> None:
    fill(shared_server, room, 3)
    for seq in (0, 2, 3, 4):
        check_expired(shared_server, room, f"cursor=other.{seq}", 0, 3)


def test_a_cursor_ahead_of_the_head_expired(shared_server: Server, room: str) -> None:
    epoch = fill(shared_server, room, 3)
    for seq in (4, 1000, 10**18 - 1):
        check_expired(shared_server, room, f"cursor={epoch}.{seq}", 0, 3)


def test_a_cursor_whose_messages_were_pruned_expired(start_server: StartServer) -> None:
    server = start_server("--retain", "5")
    epoch = fill(server, "lobby", 3)
    head = 3
    while (answer := read(server, "lobby", f"cursor={epoch}.0")).status == 200 and head < 2000:
        post_json(server.port, "lobby", {"text": str(head)})
        head += 1
    first = int(answer.json()["earliest"].split(".")[1])
    assert 0 < first <= head - 5, "what is to be kept is kept"
    check_expired(server, "lobby", f"cursor={epoch}.{first - 1}", first, head)
    assert seqs(read(server, "lobby", f"cursor={epoch}.{first}").json())[0] == first
    server.stop()
    server.start()
    check_expired(server, "lobby", f"cursor={epoch}.0", first, head)


def test_a_new_store_has_another_epoch(start_server: StartServer) -> None:
    server = start_server("--store", "memory:")
    epoch = fill(server, "lobby", 1)
    server.kill()
    server.start()
    assert cursor(server.port, "lobby")[0] != epoch
    check_expired(server, "lobby", f"cursor={epoch}.0", 0, 0)


# What is not understood


MALFORMED = [
    "cursor=",
    "cursor=x",
    "cursor=.0",
    "cursor=e.",
    "cursor=e.-1",
    "cursor=e.00",
    "cursor=e.01",
    "cursor=E.0",
    "cursor=e.1.2",
    "cursor=e.%D9%A3",
    "cursor=%FF.1",
    "cursor=e.0%0A",
    f"cursor=e.{'9' * 19}",
    f"cursor={'e' * 17}.0",
    "cursor=e.0&cursor=e.0",
    "before=-1",
    "before=x",
    "before=01",
    f"before={'9' * 19}",
    "before=",
    "cursor=e.0&before=1",
    "limit=0",
    "limit=-1",
    "limit=ten",
    "limit=1&limit=2",
    "limit=",
    "wait=-1",
    "wait=soon",
    "wait=",
    "wait=1e3",
    "wait=nan",
    "wait=inf",
]


@pytest.mark.parametrize("query", MALFORMED, ids=lambda query: ascii(query[:24]))
def test_a_malformed_question_is_refused(shared_server: Server, query: str) -> None:
    check_problem(read(shared_server, "lobby", query), 400, "malformed")


@pytest.mark.parametrize("name", ["a", "0", "a.b_c-d", "x" * 64, "lobby"])
def test_a_room_may_be_called_so(shared_server: Server, name: str) -> None:
    assert read(shared_server, name).json()["room"] == name


@pytest.mark.parametrize(
    "name", ["A", "-a", ".a", "_a", "..", "a%20b", "x" * 65, "%C3%BC", "a%2Fb", "a%00", "a%0A", "%FF", "a+b"]
)
def test_a_room_may_not_be_called_so(shared_server: Server, name: str) -> None:
    for answer in (read(shared_server, name), post_json(shared_server.port, name, {"text": "x"})):
        assert answer.status in (400, 404)
        check_problem(answer, answer.status, {400: "malformed", 404: "not-found"}[answer.status])


@pytest.mark.parametrize("path", ["/rooms//messages", "/rooms/a/b/messages", "/rooms/a/messages/", "/nothing"])
def test_there_is_nothing_else(shared_server: Server, path: str) -> None:
    check_problem(ask(shared_server.port, "GET", path), 404, "not-found")


def test_another_method_is_refused(shared_server: Server) -> None:
    answer = ask(shared_server.port, "PUT", "/rooms/lobby/messages")
    check_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, HEAD, POST, OPTIONS"
