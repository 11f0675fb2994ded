"""Cursors that don't lead on, over each transport: every reader is told, and goes on from there."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.integration.conftest import StartServer
from tests.integration.legs import TRANSPORTS, Leg, Message, Seen
from tests.integration.plain_client import JSON, Answer, Connection, ask, cursor, post_json, request, settle
from tests.integration.server import Server
from tests.integration.set_clock import SetClock

BY_CURSOR = {name: begin for name, begin in TRANSPORTS.items() if name != "seed"}
EACH = pytest.mark.parametrize("transport", BY_CURSOR)
PATHS = {
    "poll": "/rooms/{room}/messages?cursor={cursor}",
    "poll of rooms": "/poll?at=aside:{epoch}.0&at={room}:{cursor}",
    "event stream": "/rooms/{room}/events?cursor={cursor}",
    "socket": "/rooms/{room}/socket?cursor={cursor}",
}
TWO_MINUTES = "0.00139"  # in days; what is older is looked for every second
HOUR = 3_600


@pytest.fixture
def legs() -> Iterator[ExitStack]:
    """Readers to leave at the end."""
    with ExitStack() as legs:
        yield legs


def begin(legs: ExitStack, server: Server, transport: str, room: str, start: str) -> Leg:
    leg = TRANSPORTS[transport](server.port, room, start)
    legs.callback(leg.leave)
    return leg


def fill(server: Server, room: str, count: int) -> list[Message]:
    """Post so many messages; they, as they are in the log."""
    answers = [post_json(server.port, room, {"text": f"message {number}"}) for number in range(count)]
    return [answer.json()["message"] for answer in answers]


def check_lost(seen: Seen, room: str, earliest: str, latest: str) -> None:
    """The reader was told that its cursor leads nowhere, and what is here instead."""
    assert seen.lost is not None, seen
    assert (seen.lost["type"], seen.lost["status"]) == ("/problems/cursor-expired", 410)
    assert (seen.lost["room"], seen.lost["earliest"], seen.lost["latest"]) == (room, earliest, latest)
    assert (seen.messages, seen.cursor) == ([], earliest)


def take(leg: Leg, count: int) -> list[Message]:
    """The next `count` messages, before which nothing is lost."""
    messages: list[Message] = []
    while len(messages) < count:
        seen = leg.take()
        assert seen.lost is None
        messages += seen.messages
    return messages


@EACH
@pytest.mark.parametrize("wrong", ["another1.0", "another1.2", "another1.7", "{epoch}.4", "{epoch}." + "9" * 18])
def test_of_another_epoch_or_ahead(
    shared_server: Server, legs: ExitStack, room: str, transport: str, wrong: str
) -> None:
    messages = fill(shared_server, room, 3)
    epoch, _ = cursor(shared_server.port, room)
    leg = begin(legs, shared_server, transport, room, wrong.format(epoch=epoch))
    check_lost(leg.take(), room, f"{epoch}.0", f"{epoch}.3")
    assert take(leg, 3) == messages
    leg.ask()
    more = fill(shared_server, room, 1)
    assert take(leg, 1) == more, "it is a reader like any other now"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_ahead_by_one_is_not_the_head(shared_server: Server, legs: ExitStack, transport: str) -> None:
    """Who waits for the message after the next one would miss one."""
    epoch, head = cursor(shared_server.port, "lobby")
    start = f"{epoch}.{head + 1}"
    if transport == "seed":
        answer = ask(shared_server.port, "GET", f"/chat/get/{head + 1}")
        assert (answer.status, answer.body) == (404, b"")
    else:
        seen = begin(legs, shared_server, transport, "lobby", start).take()
        assert seen.lost is not None
        assert seen.lost["latest"] == f"{epoch}.{head}"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_pruned_while_the_reader_was_away(start_server: StartServer, legs: ExitStack, transport: str) -> None:
    server = start_server("--retain", "3")
    messages = fill(server, "lobby", 8)
    epoch, _ = cursor(server.port, "lobby")
    leg = begin(legs, server, transport, "lobby", f"{epoch}.2")
    seen = leg.take()
    assert seen.cursor == f"{epoch}.5"
    if transport != "seed":
        check_lost(seen, "lobby", f"{epoch}.5", f"{epoch}.8")
    texts = [message["text"] for message in take(leg, 3)]
    assert texts == [message["text"] for message in messages[5:]]


def test_all_before_it_is_pruned_while_it_is_suspended(
    start_server: StartServer, tmp_path: Path, legs: ExitStack
) -> None:
    """Whoever has seen all that there was has lost nothing when that goes: it waits on, for what comes next."""
    clock = SetClock(tmp_path / "clock")
    server = start_server("--retain-days", TWO_MINUTES, environ=clock.environ)
    fill(server, "lobby", 3)
    epoch, _ = cursor(server.port, "lobby")
    readers = [begin(legs, server, transport, "lobby", f"{epoch}.3") for transport in TRANSPORTS]
    for leg in readers:
        leg.ask()
    settle(server.port)
    clock.jump(HOUR)
    end = time.monotonic() + 10
    while ask(server.port, "GET", "/rooms/lobby").json()["first"] != 3:
        assert time.monotonic() < end, "nothing is pruned"
        time.sleep(0.02)
    (message,) = fill(server, "lobby", 1)
    for leg in readers:
        (seen,) = take(leg, 1)
        assert (seen["seq"], seen["text"]) == (3, message["text"])


def test_pruned_beyond_it_while_it_is_suspended(start_server: StartServer, legs: ExitStack) -> None:
    """More is posted at once than is kept: what was not brought by then is said to be lost, and nothing else is."""
    server, count, retain = start_server("--retain", "5"), 150, 5
    epoch, _ = cursor(server.port, "lobby")
    readers = {transport: begin(legs, server, transport, "lobby", f"{epoch}.0") for transport in TRANSPORTS}
    for leg in readers.values():
        leg.ask()
    texts = _post_at_once(server, count)
    for transport, leg in readers.items():
        seen: dict[int, str] = {}
        at, told = 0, 0
        while at < count:
            part = leg.take()
            next_at = int(part.cursor.partition(".")[2])
            if part.lost is not None:
                assert at < next_at <= count - retain, "only what is gone is said to be lost"
                told += 1
            else:
                assert [message["seq"] for message in part.messages] == list(range(at, next_at))
                seen |= {message["seq"]: message["text"] for message in part.messages}
            at = next_at
        assert [seen[seq] for seq in range(count - retain, count)] == texts[-retain:], "what is kept is brought"
        assert seen == {seq: texts[seq] for seq in seen}
        if "poll" in transport or transport == "seed":
            assert told >= 1, "who asked again only now has missed something"


def _post_at_once(server: Server, count: int) -> list[str]:
    """Let so many posts wait for a server that is stopped for a moment; their texts, in the order of the log."""
    texts = [""] * count
    with ExitStack() as stack:
        posters = [stack.enter_context(Connection(server.port)) for _ in range(count)]
        settle(server.port)
        os.kill(server.pid, signal.SIGSTOP)
        for number, poster in enumerate(posters):
            body = f'{{"text": "at once {number}"}}'
            poster.send(request("POST", "/rooms/lobby/messages", body, {"Content-Type": JSON}))
        os.kill(server.pid, signal.SIGCONT)
        for poster in posters:
            answer = poster.read()
            assert answer.status == 201
            message = answer.json()["message"]
            texts[message["seq"]] = message["text"]
    assert all(texts)
    return texts


def test_at_the_head_during_shutdown(server: Server, legs: ExitStack) -> None:
    """Polls are answered with an empty page, streams end; the same cursor leads on when the server is back."""
    epoch, _ = cursor(server.port, "lobby")
    start = f"{epoch}.1"
    fill(server, "lobby", 1)
    readers = {transport: begin(legs, server, transport, "lobby", start) for transport in TRANSPORTS}
    for leg in readers.values():
        leg.ask()
    settle(server.port)
    server.stop()
    for transport, leg in readers.items():
        if "poll" in transport or transport == "seed":
            assert leg.take() == Seen([], start)
        with pytest.raises(OSError):
            while True:
                assert leg.take() == Seen([], start), transport
    server.start()
    (message,) = fill(server, "lobby", 1)
    for transport in TRANSPORTS:
        (seen,) = take(begin(legs, server, transport, "lobby", start), 1)
        assert (seen["seq"], seen["text"]) == (1, message["text"])


# What is no cursor


def ask_with(server: Server, transport: str, room: str, wrong: str) -> Answer:
    """The answer to a request with the cursor `wrong`."""
    path = PATHS[transport].format(room=room, cursor=wrong, epoch="k3v9")
    if transport != "socket":
        return ask(server.port, "GET", path)
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://127.0.0.1:{server.port}{path}"):
        pass
    response = refused.value.response
    headers = {name.lower(): value for name, value in response.headers.raw_items()}
    return Answer(f"HTTP/1.1 {response.status_code}", headers, bytes(response.body))


@pytest.mark.parametrize("transport", PATHS)
@pytest.mark.parametrize(
    "wrong", ["nonsense", "k3v9.", ".1", "k3v9.-1", "k3v9.01", "k3v9.1.1", "K3V9.1", "k3v9.1%20", "k3v9." + "1" * 19]
)
def test_malformed(shared_server: Server, room: str, transport: str, wrong: str) -> None:
    answer = ask_with(shared_server, transport, room, wrong)
    assert (answer.status, answer.json()["type"]) == (400, "/problems/malformed")


@pytest.mark.parametrize("transport", PATHS)
def test_10_kilobytes_long(shared_server: Server, room: str, transport: str) -> None:
    answer = ask_with(shared_server, transport, room, "k3v9." + "1" * 10_000)
    assert (answer.status, answer.json()["type"]) == (414, "/problems/uri-too-long")
    assert post_json(shared_server.port, room, {"text": "hello"}).status == 201, "and nothing is the worse for it"


def test_10_kilobytes_long_as_the_seeds(shared_server: Server) -> None:
    assert ask(shared_server.port, "GET", "/chat/get/" + "1" * 10_000).status == 414
    with suppress(ConnectionError), Connection(shared_server.port) as connection:
        header = {"Last-Event-ID": "k3v9." + "1" * 10_000}
        assert connection.ask("GET", "/rooms/lobby/events", headers=header).status == 431
