"""One log, every way to read it, by schedules that Hypothesis draws: each reader sees the log, less what it was told.

Where ``test_one_log.py`` lets all go on at once, here one step follows the other, so that a reader is in a certain
place when something happens: suspended, away, or not taking what is written to it until its stream is paused; then so
much is posted that its cursor is pruned, or the server stops, or is killed, and starts again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

import pytest
import pytest_twisted
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.base import ReactorBase
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.defer import TimeoutError as TooLate
from twisted.internet.threads import blockingCallFromThread, deferToThread

from chatcomet import client
from tests.integration.conftest import StartServer
from tests.integration.legs import TRANSPORTS, Leg, Message, Seen
from tests.integration.plain_client import JSON, PATIENCE_SECONDS, Address, Connection, cursor, settle
from tests.integration.server import Server

READERS = 3
RETAIN = 60
EXAMPLES = 5
CLIENT = "python client"

T = TypeVar("T")
Item = client.Message | client.Gap

_reactor = cast(ReactorBase, reactor)


class ClientReads(Leg):
    """``async for item in room.messages(cursor)``, by the Python client, which lives in the reactor's thread."""

    def __init__(self, address: Address, room: str, cursor: str) -> None:
        super().__init__(address, room, cursor)
        self._client = client.Client(f"http://127.0.0.1:{address}")
        self._reader = self._client.room(room).messages(client.Cursor.parse(cursor))
        self._reading: Deferred[Item] | None = None

    def ask(self) -> None:
        _reactor.callFromThread(self._read)

    def take(self) -> Seen:
        item = _wait_for(self._item)
        self.cursor = str(self._reader.cursor)
        if isinstance(item, client.Gap):
            return Seen([], self.cursor, {"earliest": str(item.after)})
        return Seen([{"seq": item.seq, "author": item.author, "text": item.text}], self.cursor)

    def leave(self) -> None:
        _wait_for(self._end)

    def _read(self) -> Deferred[Item]:
        """The item that is being waited for."""

        async def read() -> Item:
            return await anext(self._reader)

        if self._reading is None:
            self._reading = ensureDeferred(read())
        return self._reading

    def _item(self) -> Deferred[Item]:
        reading, self._reading = self._read(), None
        return reading.addTimeout(PATIENCE_SECONDS, _reactor)

    def _end(self) -> Deferred[None]:
        if self._reading is not None:
            self._reading.addErrback(lambda _: None)
            self._reading.cancel()
        return self._client.close()


def _wait_for(ask: Callable[[], Deferred[T]]) -> T:
    """What `ask`, in the reactor's thread, comes to."""
    outcome: T = blockingCallFromThread(_reactor, ask)  # type: ignore[arg-type]  # its types allow for no Deferred
    return outcome


WAYS = {**TRANSPORTS, CLIENT: ClientReads}


@dataclass(frozen=True)
class Post:
    """So many messages, one after the other."""

    count: int
    large: bool


@dataclass(frozen=True)
class Begin:
    """A reader goes on by this transport, from its cursor; it hangs up first."""

    reader: int
    transport: str


@dataclass(frozen=True)
class Leave:
    """A reader vanishes."""

    reader: int


@dataclass(frozen=True)
class Take:
    """A reader takes so many of the messages that are there."""

    reader: int
    count: int


@dataclass(frozen=True)
class Restart:
    """The server stops or is killed, and starts again."""

    kill: bool


Step = Post | Begin | Leave | Take | Restart

readers = st.integers(0, READERS - 1)
takes = st.builds(Take, readers, st.sampled_from([1, 5, 30, 200]))
begins = st.builds(Begin, readers, st.sampled_from(list(WAYS)))
posts = st.builds(Post, st.sampled_from([1, 3, 20, 70, 130]), st.booleans())
rare = st.builds(Leave, readers) | st.builds(Restart, st.booleans())
schedules = st.lists(st.one_of(takes, begins, posts, takes, begins, posts, rare), min_size=12, max_size=20)


@dataclass
class Walk:
    """One reader's way along the log; its cursor is all that it carries."""

    cursor: str
    transport: str = "poll"
    leg: Leg | None = None
    seen: list[Message] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)

    @property
    def next(self) -> int:
        """The seq that the cursor stands before."""
        return int(self.cursor.partition(".")[2])


class Play:
    """A server, its log as it has to be, and its readers, through a schedule."""

    def __init__(self, server: Server, path: Path) -> None:
        self.server = server
        self.path = path
        self.epoch, self.start = cursor(server.port, "lobby")
        self.log: list[Message] = []
        self.walks = [Walk(f"{self.epoch}.{self.start}") for _ in range(READERS)]

    @property
    def head(self) -> int:
        return self.start + len(self.log)

    def run(self, schedule: Sequence[Step]) -> None:
        """Step by step; then every reader reads to the end, and has seen the log or was told what it lost."""
        for step in schedule:
            self._do(step)
        for walk in self.walks:
            self._finish(walk, self.start)
        first = max(self.start, self.head - RETAIN)
        for transport in WAYS:  # not every schedule has them all
            walk = Walk(f"{self.epoch}.{first}", transport)
            self._finish(walk, first)
            assert not walk.lost

    def _finish(self, walk: Walk, start: int) -> None:
        self._take(walk, self.head)
        self._leave(walk)
        seqs = [message["seq"] for message in walk.seen]
        assert sorted(seqs + walk.lost) == list(range(start, self.head))
        assert seqs == sorted(seqs)
        for seen in walk.seen:
            message = self.log[seen["seq"] - self.start]
            assert seen == {name: message[name] for name in seen}

    def _do(self, step: Step) -> None:
        match step:
            case Post():
                self._post(step)
            case Begin():
                walk = self.walks[step.reader]
                self._leave(walk)
                walk.transport = step.transport
                self._begin(walk).ask()
                settle(self.server.port)
            case Leave():
                self._leave(self.walks[step.reader])
            case Take():
                walk = self.walks[step.reader]
                self._take(walk, min(self.head, walk.next + step.count))
            case Restart():
                self.server.kill() if step.kill else self.server.stop()
                self.server.start()

    def _post(self, step: Post) -> None:
        data = {"data": "x" * 16_000} if step.large else {}
        with Connection(self.server.port) as connection:
            for _ in range(step.count):
                body = json.dumps({"text": f"message {self.head}", **data})
                answer = connection.ask("POST", "/rooms/lobby/messages", body, {"Content-Type": JSON})
                assert answer.status == 201
                self.log.append(answer.json()["message"])

    def _begin(self, walk: Walk) -> Leg:
        address: Address = self.server.port if walk.transport == CLIENT else self.path
        walk.leg = WAYS[walk.transport](address, "lobby", walk.cursor)
        return walk.leg

    def _leave(self, walk: Walk) -> None:
        if walk.leg is not None:
            walk.leg.leave()
        walk.leg = None

    def _take(self, walk: Walk, target: int) -> None:
        """Read until the cursor is at `target` or beyond it; whose connection was lost begins again, once."""
        lives = 2
        end = time.monotonic() + PATIENCE_SECONDS
        while walk.next < target:
            assert time.monotonic() < end, f"nothing but nothing by {walk.transport} at {walk.next} of {self.head}"
            try:
                self._see(walk, (walk.leg or self._begin(walk)).take())
            except (TimeoutError, TooLate):
                raise AssertionError(f"nothing comes by {walk.transport} at {walk.next} of {self.head}") from None
            except OSError:
                lives -= 1
                assert lives, f"no way to read by {walk.transport} at {walk.next} of {self.head}"
                with suppress(OSError):
                    self._leave(walk)
                walk.leg = None

    def _see(self, walk: Walk, seen: Seen) -> None:
        before, walk.cursor = walk.next, seen.cursor
        if seen.lost is not None:
            assert before < walk.next <= self.head - RETAIN, "only what is gone is said to be lost"
            walk.lost += range(before, walk.next)
        else:
            assert [message["seq"] for message in seen.messages] == list(range(before, walk.next))
            walk.seen += seen.messages


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A UNIX socket to listen on: what its buffers take is much less than TCP's, so a slow reader is soon noticed."""
    return tmp_path / "socket"


@pytest.fixture
def server(start_server: StartServer, path: Path) -> Server:
    """A server that keeps little."""
    return start_server("--retain", str(RETAIN), "--listen", f"unix:{path}")


@pytest_twisted.ensureDeferred
async def test_who_does_not_read_is_told_what_it_lost(server: Server, path: Path) -> None:
    streams = ["event stream", "lines", "socket"]
    play = Play(server, path)
    begins = [Begin(reader, transport) for reader, transport in enumerate(streams)]
    await deferToThread(play.run, [*begins, Post(180, large=True)])
    for walk in play.walks:
        assert walk.lost, f"{walk.transport} kept more than it should"
        assert len(walk.seen) > RETAIN, f"{walk.transport} lost what was on its way"


@pytest_twisted.ensureDeferred
async def test_every_reader_sees_the_log(server: Server, path: Path) -> None:
    @given(schedule=schedules)
    @settings(
        max_examples=EXAMPLES,
        phases=(Phase.generate,),
        deadline=None,
        database=None,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    def play(schedule: list[Step]) -> None:
        Play(server, path).run(schedule)

    await deferToThread(play)
