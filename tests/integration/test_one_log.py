"""One log, every way to read it: whatever a reader reads by, and however often it changes that, it sees the log.

Readers go in legs.  On a leg, a reader reads by one transport, a random number of messages or for a random time, and
then vanishes in the midst of whatever is going on; the next leg begins with nothing but the cursor.  Meanwhile
somebody posts at random times, and the server is killed and started again.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from threading import Event
from typing import Any, cast
from uuid import uuid4

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.base import ReactorBase
from twisted.internet.defer import Deferred, TimeoutError, ensureDeferred, gatherResults  # noqa: A004
from twisted.internet.threads import deferToThread
from websockets.exceptions import ConnectionClosed, InvalidMessage
from websockets.sync.client import connect

from chatcomet.client import Client, Cursor, Message
from tests.integration.plain_client import JSON, Connection, ask, cursor
from tests.integration.server import Server
from tests.integration.stream_client import NDJSON, Stream

MESSAGES = 400
ASIDE = "aside"
TURN_SECONDS = 0.15  # the mean time between two posts is a tenth of it, so that most legs see some come
PATIENCE_SECONDS = 60

log = logging.getLogger(__name__)


class Over(Exception):
    """A leg is over."""


@dataclass
class Walk:
    """One reader's way along the log of the lobby: what it has seen, and the cursor, which is all that it carries.

    `budget`: how many messages it takes on this leg; `seconds`: for how long it waits for one.
    """

    port: int
    cursor: str
    random: Random
    budget: int = 0
    seconds: float = 0.0
    seen: list[dict[str, Any]] = field(default_factory=list)
    legs: int = 0

    @property
    def done(self) -> bool:
        """Whether it has seen as many messages as there will be."""
        return len(self.seen) >= MESSAGES

    @property
    def next(self) -> int:
        """The seq that the cursor stands before."""
        return int(self.cursor.partition(".")[2])

    def draw(self) -> None:
        """Choose how long the next leg is."""
        self.legs += 1
        self.budget = self.random.randint(1, 40)
        self.seconds = self.random.uniform(0.005, TURN_SECONDS)

    def take(self, message: dict[str, Any], after: str) -> None:
        """See a message; `after`: the cursor after it.  Raises `Over` at the end of the leg."""
        self.seen.append(message)
        self.cursor = after
        self.budget -= 1
        if self.done or self.budget <= 0:
            raise Over

    def take_page(self, page: dict[str, Any]) -> None:
        """See all of a page, and only then go on from its cursor."""
        self.seen += page["messages"]
        self.cursor = page["cursor"]
        self.budget -= len(page["messages"])
        if self.done or self.budget <= 0:
            raise Over


# The transports: each goes one leg.  `Over` and an OSError (a time-out, a lost connection) end it.


def by_poll(walk: Walk) -> None:
    """``GET /rooms/R/messages?cursor=``"""
    with Connection(walk.port, walk.seconds) as connection:
        while True:
            limit = walk.random.randint(1, 20)
            answer = connection.ask("GET", f"/rooms/lobby/messages?cursor={walk.cursor}&limit={limit}")
            assert answer.status == 200, answer
            walk.take_page(answer.json())


def by_poll_of_rooms(walk: Walk) -> None:
    """``GET /poll``, in which another room has news as well."""
    epoch = walk.cursor.partition(".")[0]
    aside = f"{epoch}.0"
    with Connection(walk.port, walk.seconds) as connection:
        while True:
            answer = connection.ask("GET", f"/poll?at={ASIDE}:{aside}&at=lobby:{walk.cursor}")
            assert answer.status == 200, answer
            pages = {page["room"]: page for page in answer.json()["pages"]}
            aside = pages.get(ASIDE, {"cursor": aside})["cursor"]
            if "lobby" in pages:
                walk.take_page(pages["lobby"])


def by_event_stream(walk: Walk) -> None:
    """``GET /rooms/R/events``, resumed by ``?cursor=`` or, as an EventSource does, by `Last-Event-ID`."""
    path, headers = f"/rooms/lobby/events?cursor={walk.cursor}", {}
    if walk.random.random() < 0.5:
        path, headers = f"/rooms/lobby/events?cursor=stale.{walk.next}", {"Last-Event-ID": walk.cursor}
    with Stream(walk.port, path, headers, walk.seconds) as stream:
        assert stream.block()["id"] == walk.cursor
        while True:
            block = stream.block()
            if "data" in block.names:
                assert "event" not in block.names, block
                walk.take(block.json(), block["id"])


def by_lines(walk: Walk) -> None:
    """``GET /rooms/R/events`` as NDJSON."""
    with Stream(walk.port, f"/rooms/lobby/events?cursor={walk.cursor}", {"Accept": NDJSON}, walk.seconds) as stream:
        assert stream.line() == {"cursor": walk.cursor}
        while True:
            line = stream.line()
            if line is not None:
                walk.take(line["message"], line["cursor"])


def by_socket(walk: Walk) -> None:
    """``GET /rooms/R/socket?cursor=``"""
    uri = f"ws://127.0.0.1:{walk.port}/rooms/lobby/socket?cursor={walk.cursor}"
    try:
        with connect(uri, open_timeout=PATIENCE_SECONDS, close_timeout=0.1) as talk:
            first = json.loads(talk.recv(PATIENCE_SECONDS))
            assert (first["messages"], first["cursor"]) == ([], walk.cursor)
            while True:
                walk.take_page(json.loads(talk.recv(walk.seconds)))
    except (ConnectionClosed, InvalidMessage) as error:
        raise ConnectionError(error) from error


def by_seed(walk: Walk) -> None:
    """``GET /chat/get/N``, which brings the text alone."""
    epoch = walk.cursor.partition(".")[0]
    with Connection(walk.port, walk.seconds) as connection:
        while True:
            answer = connection.ask("GET", f"/chat/get/{walk.next}")
            assert answer.status == 200, answer
            walk.take({"seq": walk.next, "text": answer.body.decode()}, f"{epoch}.{walk.next + 1}")


async def by_python_client(walk: Walk, client: Client) -> None:
    """``async for message in room.messages(cursor)``"""
    reader = client.room("lobby").messages(Cursor.parse(walk.cursor))
    while True:

        async def read() -> Message:
            item = await anext(reader)
            assert isinstance(item, Message), item
            return item

        message = await ensureDeferred(read()).addTimeout(walk.seconds, cast(ReactorBase, reactor))
        walk.take({"seq": message.seq, "author": message.author, "text": message.text}, str(reader.cursor))


Blocking = Callable[[Walk], None]

BLOCKING: dict[str, Blocking] = {
    "poll": by_poll,
    "poll of rooms": by_poll_of_rooms,
    "event stream": by_event_stream,
    "lines": by_lines,
    "socket": by_socket,
    "seed": by_seed,
}
CLIENT = "python client"
TRANSPORTS = [*BLOCKING, CLIENT]


async def read_all(walk: Walk, transports: Sequence[str], client: Client) -> None:
    """Leg after leg, each by one of `transports`."""
    while not walk.done:
        walk.draw()
        transport = walk.random.choice(transports)
        with suppress(Over, OSError, TimeoutError):
            if transport == CLIENT:
                await by_python_client(walk, client)
            else:
                await deferToThread(BLOCKING[transport], walk)


def post_all(port: int, random: Random, half_way: Event) -> list[dict[str, Any]]:
    """Post at random times, each message until it is acknowledged; what was acknowledged."""
    posted = []
    for number in range(MESSAGES):
        if number == MESSAGES // 2:
            half_way.set()
        if random.random() < 0.3:  # the others come in bursts
            time.sleep(random.uniform(0, TURN_SECONDS / 2))
        posted.append(post(port, "lobby", f"{number} " + "x" * random.choice((1, 30, 3_000))))
        if random.random() < 0.1:
            post(port, ASIDE, f"beside {number}")
    return posted


def post(port: int, room: str, text: str) -> dict[str, Any]:
    """Post until it is acknowledged."""
    headers = {"Content-Type": JSON, "Idempotency-Key": uuid4().hex}
    while True:
        with suppress(OSError):
            answer = ask(port, "POST", f"/rooms/{room}/messages", json.dumps({"text": text}), headers)
            assert answer.status in (200, 201), answer
            message: dict[str, Any] = answer.json()["message"]
            return message


def kill_and_start(server: Server, half_way: Event) -> None:
    """When half is posted."""
    assert half_way.wait(PATIENCE_SECONDS)
    server.kill()
    server.start()


def whole_log(port: int, epoch: str) -> list[dict[str, Any]]:
    """The lobby, page by page, after all is over."""
    messages: list[dict[str, Any]] = []
    while len(messages) < MESSAGES:
        page = ask(port, "GET", f"/rooms/lobby/messages?cursor={epoch}.{len(messages)}&wait=0").json()
        assert page["messages"]
        messages += page["messages"]
    return messages


def check(walk: Walk, messages: list[dict[str, Any]]) -> None:
    """What was seen is the log: each message once, in order.  Not every transport tells all of a message."""
    assert [message["seq"] for message in walk.seen] == list(range(MESSAGES))
    for seen, message in zip(walk.seen, messages, strict=True):
        assert seen == {name: message[name] for name in seen}


@pytest.fixture
def seed() -> int:
    """What the schedule is drawn from: another one each time, unless CHATCOMET_SEED says which."""
    seed = int(os.environ.get("CHATCOMET_SEED") or Random().randrange(10**6))
    print(f"CHATCOMET_SEED={seed}")  # noqa: T201  # pytest shows it where the test fails
    return seed


@pytest_twisted.ensureDeferred
async def test_every_reader_sees_the_log(server: Server, seed: int) -> None:
    random = Random(seed)
    epoch, _ = cursor(server.port, "lobby")
    client = Client(server.url, patience_seconds=PATIENCE_SECONDS)
    choices = [*([transport] for transport in TRANSPORTS), TRANSPORTS, TRANSPORTS, TRANSPORTS]
    walks = [Walk(server.port, f"{epoch}.0", Random(random.random())) for _ in choices]
    half_way = Event()
    threads = cast(ReactorBase, reactor).getThreadPool()
    before = threads.max
    threads.adjustPoolsize(maxthreads=len(choices) + 2)  # readers, the poster and the killer
    try:
        posting = deferToThread(post_all, server.port, Random(random.random()), half_way)
        killing = deferToThread(kill_and_start, server, half_way)
        reading = [
            ensureDeferred(read_all(walk, transports, client)) for walk, transports in zip(walks, choices, strict=True)
        ]
        everything: Deferred[Any] = gatherResults([posting, killing, *reading], consumeErrors=True)
        posted, *_ = await everything.addTimeout(PATIENCE_SECONDS, cast(ReactorBase, reactor))
    finally:
        threads.adjustPoolsize(maxthreads=before)
        await client.close()
    messages = whole_log(server.port, epoch)
    assert messages == posted
    for walk, transports in zip(walks, choices, strict=True):
        log.info("%d legs by %s", walk.legs, " or ".join(transports))
        check(walk, messages)
