"""Event streams and NDJSON: byte by byte, by curl, by a client from PyPI, and by Chromium's own EventSource."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from itertools import islice

import pytest
import sseclient
from playwright.sync_api import Page

from tests.integration.chromium import chromium
from tests.integration.conftest import StartServer
from tests.integration.plain_client import Answer, ask, cursor, post_json
from tests.integration.server import Server
from tests.integration.stream_client import NDJSON, Block, Stream

LONG = 20_000  # milliseconds: an EventSource may be waiting to come again
STOP_SECONDS = 2.0


@pytest.fixture
def epoch(shared_server: Server) -> str:
    """That of the shared server."""
    return cursor(shared_server.port, "lobby")[0]


def post(server: Server, room: str, *texts: str) -> None:
    for text in texts:
        assert post_json(server.port, room, {"text": text}).status == 201


def follow(server: Server, room: str, start: str = "", **headers: str) -> Stream:
    """A stream from the cursor `start`; headers are named with ``_`` for ``-``."""
    path = f"/rooms/{room}/events" + (f"?cursor={start}" if start else "")
    return Stream(server.port, path, {name.replace("_", "-"): value for name, value in headers.items()})


def begun(stream: Stream) -> str:
    """The cursor in the first block, which is an `id` alone; a `retry` alone follows it."""
    block, retry = stream.block(), stream.block()
    assert (block.names, retry.names) == (["id"], ["retry"])
    assert 2_000 <= int(retry["retry"]) <= 4_000
    return block["id"]


def texts(stream: Stream, count: int) -> list[str]:
    return [stream.block().json()["text"] for _ in range(count)]


def check_lost(lost: Block, room: str, earliest: str) -> None:
    assert lost.names == ["id", "event", "data"]
    assert (lost["id"], lost["event"]) == (earliest, "lost")
    problem = lost.json()
    assert (problem["type"], problem["status"]) == ("/problems/cursor-expired", 410)
    assert (problem["room"], problem["earliest"]) == (room, earliest)


# Byte by byte


def test_an_event_stream(shared_server: Server, room: str, epoch: str) -> None:
    with follow(shared_server, room) as stream:
        headers = stream.head.headers
        assert stream.head.status == 200
        assert headers["content-type"] == "text/event-stream"
        assert headers["cache-control"] == "no-store"
        assert headers["x-accel-buffering"] == "no"
        assert headers["x-content-type-options"] == "nosniff"
        assert "content-length" not in headers
        assert "set-cookie" not in headers
        assert begun(stream) == f"{epoch}.0"
        for seq, text in enumerate(["hello", "two\nlines", "grüße 😀"]):
            posted = post_json(shared_server.port, room, {"text": text, "data": {"n": seq}}).json()
            block = stream.block()
            assert block.names == ["id", "data"]
            assert block["id"] == posted["cursor"] == f"{epoch}.{seq + 1}"
            assert block.json() == posted["message"]


def test_ndjson(shared_server: Server, room: str, epoch: str) -> None:
    with follow(shared_server, room, Accept=f"{NDJSON}, text/plain;q=0.5") as stream:
        assert stream.head.status == 200
        assert stream.head.headers["content-type"] == NDJSON
        assert stream.head.headers["x-accel-buffering"] == "no"
        assert stream.line() == {"cursor": f"{epoch}.0"}
        posted = post_json(shared_server.port, room, {"text": "two\nlines"}).json()
        assert stream.line() == posted


def test_a_stream_begins_now_unless_it_is_told_where(shared_server: Server, room: str, epoch: str) -> None:
    post(shared_server, room, "zero", "one")
    with follow(shared_server, room) as now, follow(shared_server, room, f"{epoch}.0") as whole:
        assert begun(now) == f"{epoch}.2"
        assert begun(whole) == f"{epoch}.0"
        post(shared_server, room, "two")
        assert texts(now, 1) == ["two"]
        assert texts(whole, 3) == ["zero", "one", "two"]


def test_the_last_event_id_wins(shared_server: Server, room: str, epoch: str) -> None:
    post(shared_server, room, "zero", "one", "two")
    with follow(shared_server, room, f"{epoch}.0", Last_Event_ID=f"{epoch}.2") as stream:
        assert begun(stream) == f"{epoch}.2"
        assert texts(stream, 1) == ["two"]
    with follow(shared_server, room, f"{epoch}.1", Accept=NDJSON, Last_Event_ID=f"{epoch}.2") as stream:
        assert stream.line() == {"cursor": f"{epoch}.2"}
        assert stream.line()["message"]["text"] == "two"


def test_more_than_a_page_comes_message_by_message(shared_server: Server, room: str, epoch: str) -> None:
    numbers = [str(number) for number in range(120)]
    post(shared_server, room, *numbers)
    with follow(shared_server, room, f"{epoch}.0") as stream:
        begun(stream)
        blocks = [stream.block() for _ in numbers]
    assert [block["id"] for block in blocks] == [f"{epoch}.{number + 1}" for number in range(120)]
    assert [block.json()["text"] for block in blocks] == numbers


def test_a_cursor_of_another_epoch_is_told_and_the_stream_goes_on(server: Server) -> None:
    post(server, "lobby", "zero")
    epoch, _ = cursor(server.port, "lobby")
    with follow(server, "lobby", "another1.7") as stream:
        assert begun(stream) == "another1.7"
        check_lost(stream.block(), "lobby", f"{epoch}.0")
        post(server, "lobby", "one")
        assert texts(stream, 2) == ["zero", "one"]
    with follow(server, "lobby", "another1.7", Accept=NDJSON) as stream:
        assert stream.line() == {"cursor": "another1.7"}
        lost = stream.line()
        assert (lost["cursor"], lost["lost"]["status"]) == (f"{epoch}.0", 410)
        assert [stream.line()["message"]["text"] for _ in range(2)] == ["zero", "one"]


def test_what_was_pruned_is_told_and_the_stream_goes_on(start_server: StartServer) -> None:
    server = start_server("--retain", "5")
    post(server, "lobby", *(str(number) for number in range(40)))
    epoch, head = cursor(server.port, "lobby")
    first = ask(server.port, "GET", "/rooms/lobby").json()["first"]
    assert 0 < first <= 35
    with follow(server, "lobby", f"{epoch}.0") as stream:
        begun(stream)
        check_lost(stream.block(), "lobby", f"{epoch}.{first}")
        assert texts(stream, head - first) == [str(number) for number in range(first, 40)]


@pytest.mark.parametrize("accept", ["text/event-stream", NDJSON])
def test_head_answers_at_once(shared_server: Server, room: str, accept: str) -> None:
    answer = ask(shared_server.port, "HEAD", f"/rooms/{room}/events", headers={"Accept": accept})
    assert (answer.status, answer.headers["content-type"]) == (200, accept)


@pytest.mark.parametrize("wrong", ["nonsense", "k3v9.", ".1", "k3v9.-1", "k3v9." + "1" * 10_000])
def test_a_malformed_cursor(shared_server: Server, room: str, wrong: str) -> None:
    def refused(answer: Answer) -> tuple[int, str]:
        return answer.status, answer.json()["type"]

    path = f"/rooms/{room}/events"
    if len(wrong) < 8_000:
        assert refused(ask(shared_server.port, "GET", f"{path}?cursor={wrong}")) == (400, "/problems/malformed")
    else:
        assert refused(ask(shared_server.port, "GET", f"{path}?cursor={wrong}")) == (414, "/problems/uri-too-long")


@pytest.mark.parametrize("wrong", ["nonsense", "k3v9.", "k3v9.-1", "x" * 8_000])
def test_a_malformed_last_event_id_has_expired(shared_server: Server, room: str, epoch: str, wrong: str) -> None:
    """A browser sends it by itself, and would never come again if it were refused."""
    post(shared_server, room, "zero", "one")
    with follow(shared_server, room, f"{epoch}.2", Last_Event_ID=wrong) as stream:
        begun(stream)
        check_lost(stream.block(), room, f"{epoch}.0")
        assert texts(stream, 2) == ["zero", "one"]
    with follow(shared_server, room, Accept=NDJSON, Last_Event_ID=wrong) as stream:
        stream.line()
        lost = stream.line()
        assert (lost["cursor"], lost["lost"]["status"]) == (f"{epoch}.0", 410)
        assert [stream.line()["message"]["text"] for _ in range(2)] == ["zero", "one"]


def test_a_room_without_a_proper_name(shared_server: Server) -> None:
    assert ask(shared_server.port, "GET", "/rooms/Lobby/events").status == 400


@pytest.mark.parametrize("accept", ["text/event-stream", NDJSON])
def test_a_stop_ends_a_stream_and_says_when_to_come_again(server: Server, accept: str) -> None:
    with follow(server, "lobby", Accept=accept) as stream:
        post(server, "lobby", "hello")
        began = time.monotonic()
        server.terminate()
        rest = stream.rest().decode()
        assert time.monotonic() - began < STOP_SECONDS
        assert stream.connection.ended()
        assert server.wait() == -signal.SIGTERM
    assert "hello" in rest
    if accept != NDJSON:
        *_, last, nothing = rest.split("\n\n")
        assert nothing == ""
        assert last.startswith("retry: ")


# curl


@pytest.mark.parametrize("accept", ["text/event-stream", NDJSON])
def test_curl(shared_server: Server, room: str, epoch: str, accept: str) -> None:
    curl = shutil.which("curl")
    assert curl is not None, "curl is not installed"
    url = f"{shared_server.url}/rooms/{room}/events?cursor={epoch}.0"
    command = [curl, "--silent", "--no-buffer", "--max-time", "20", "--header", f"Accept: {accept}", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = (line for line in process.stdout if '"text"' in line)
        for text in ("one", "two"):
            post(shared_server, room, text)
            message = json.loads(next(lines).removeprefix("data: "))
            assert message.get("message", message)["text"] == text
        process.send_signal(signal.SIGINT)


# sseclient-py


def test_sseclient(shared_server: Server, room: str, epoch: str) -> None:
    post(shared_server, room, "zero", "one", "two\nlines")
    url = f"{shared_server.url}/rooms/{room}/events?cursor={epoch}.0"
    with urllib.request.urlopen(url, timeout=10) as answer:
        events = list(islice(sseclient.SSEClient(answer).events(), 3))
    assert [json.loads(event.data)["text"] for event in events] == ["zero", "one", "two\nlines"]
    assert [event.id for event in events] == [f"{epoch}.{number}" for number in (1, 2, 3)]
    assert {event.event for event in events} == {"message"}


# Chromium's EventSource


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """An empty page in Chromium."""
    with chromium() as browser:
        yield browser.new_page()


LISTEN = """(path) => {
  window.seen = [];
  window.lost = [];
  window.rosters = [];
  window.opened = 0;
  const source = new EventSource(path);
  source.onopen = () => { window.opened += 1; };
  source.onmessage = (event) => window.seen.push([event.lastEventId, JSON.parse(event.data).text]);
  source.addEventListener("roster", (event) => window.rosters.push([event.lastEventId, JSON.parse(event.data).count]));
  source.addEventListener("lost", (event) => window.lost.push(JSON.parse(event.data).earliest));
}"""


def listen(page: Page, server: Server, start: str, more: str = "") -> None:
    """Let the page have an EventSource of the lobby, and wait until it is open."""
    page.goto(f"{server.url}/rooms")
    page.evaluate(LISTEN, f"/rooms/lobby/events?cursor={start}{more}")
    page.wait_for_function("window.opened === 1")


def has_seen(page: Page, count: int) -> list[list[str]]:
    """The ids and texts that the EventSource has told, when there are so many."""
    page.wait_for_function("(count) => window.seen.length >= count", arg=count, timeout=LONG)
    seen: list[list[str]] = page.evaluate("window.seen")
    return seen


def test_an_event_source_comes_again_by_itself(server: Server, page: Page) -> None:
    """Its URL has the cursor of the beginning all the time; what it saw last is in `Last-Event-ID`."""
    post(server, "lobby", "0", "1", "2")
    epoch, _ = cursor(server.port, "lobby")
    listen(page, server, f"{epoch}.0")
    has_seen(page, 3)
    server.kill()
    server.start()
    post(server, "lobby", "3", "4")
    has_seen(page, 5)
    server.stop()
    server.start()
    post(server, "lobby", "5")
    assert has_seen(page, 6) == [[f"{epoch}.{number + 1}", str(number)] for number in range(6)]
    assert page.evaluate("window.opened") == 3
    assert page.evaluate("window.lost") == []


def test_an_event_source_that_saw_nothing_yet_keeps_its_place(server: Server, page: Page) -> None:
    """The first block gives it an id: what comes while it is away is not missed, even without a ``?cursor=``."""
    page.goto(f"{server.url}/rooms")
    page.evaluate(LISTEN, "/rooms/lobby/events")
    page.wait_for_function("window.opened === 1")
    server.kill()
    server.start()
    post(server, "lobby", "0")
    assert [text for _, text in has_seen(page, 1)] == ["0"]


def test_an_event_source_keeps_its_place_over_a_roster(server: Server, page: Page) -> None:
    """It comes again with the version of its URL, and is shown the roster of then."""
    post(server, "lobby", "0")
    epoch, _ = cursor(server.port, "lobby")
    listen(page, server, f"{epoch}.0", "&roster=0")
    has_seen(page, 1)
    server.kill()
    server.start()
    post(server, "lobby", "1")
    assert has_seen(page, 2) == [[f"{epoch}.1", "0"], [f"{epoch}.2", "1"]]
    assert page.evaluate("window.rosters.length") == 2
    for at, count in page.evaluate("window.rosters"):
        assert at.startswith(f"{epoch}.")
        assert count == 1
    assert page.evaluate("window.lost") == []


def test_an_event_source_is_told_of_what_it_lost(server: Server, page: Page) -> None:
    post(server, "lobby", "0")
    epoch, _ = cursor(server.port, "lobby")
    listen(page, server, "another1.7")
    assert [text for _, text in has_seen(page, 1)] == ["0"]
    assert page.evaluate("window.lost") == [f"{epoch}.0"]
