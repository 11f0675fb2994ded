"""The Python client against the running server: posts and reads over kills, restarts and losses."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from threading import Event
from typing import Any, TypeVar, cast

import jwt
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.base import ReactorBase
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred, gatherResults
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from chatcomet.client import Client, Cursor, Gap, Message, Reader, Refused, Room, Unreachable, parse_data
from tests.integration.conftest import StartServer
from tests.integration.server import Server, free_port

PATIENCE_SECONDS = 30

T = TypeVar("T")
Connect = Callable[..., Client]


@pytest_twisted.async_yield_fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes clients, which are closed after the test."""
    clients: list[Client] = []

    def make(url: str, **options: Any) -> Client:
        clients.append(Client(url, **options))
        return clients[-1]

    yield make
    for client in clients:
        await client.close()


def within(awaited: Awaitable[T]) -> Deferred[T]:
    """The same, but not for ever."""

    async def wait() -> T:
        return await awaited

    return ensureDeferred(wait()).addTimeout(PATIENCE_SECONDS, cast(ReactorBase, reactor))


def sleep(seconds: float) -> Deferred[None]:
    """Let the reactor run for so long."""
    return deferLater(cast(ReactorBase, reactor), seconds, lambda: None)


async def read(reader: Reader, count: int) -> list[str | Gap]:
    """The texts of the next so many items, and gaps as they are."""
    seen: list[str | Gap] = []
    while len(seen) < count:
        item = await within(anext(reader))
        seen.append(item.text if isinstance(item, Message) else item)
    return seen


async def post_all(room: Room, texts: list[str]) -> list[int]:
    """Post these texts one after the other; their seqs."""
    return [(await room.post(text)).message.seq for text in texts]


@pytest_twisted.ensureDeferred
async def test_what_is_posted_is_read(server: Server, connect: Connect) -> None:
    room = connect(server.url).room("lobby")
    posted = await room.post("grüße\n😀", data={"any": ["JSON", None]})
    assert (posted.message.seq, posted.cursor.next) == (0, 1)
    page = await room.history()
    assert page.messages == (posted.message,)
    assert page.cursor == posted.cursor
    reader = room.messages("start")
    assert await within(anext(reader)) == posted.message
    assert reader.cursor == posted.cursor
    assert parse_data(posted.message) == {"any": ["JSON", None]}


@pytest_twisted.ensureDeferred
async def test_a_suspended_reader_is_woken(server: Server, connect: Connect) -> None:
    room = connect(server.url).room("lobby")
    reader = room.messages((await room.history()).cursor)
    reading = ensureDeferred(read(reader, 2))
    await sleep(0.2)
    await post_all(connect(server.url).room("lobby"), ["one", "two"])
    assert await reading == ["one", "two"]


@pytest_twisted.ensureDeferred
async def test_empty_holds_pass_unseen(start_server: StartServer, connect: Connect) -> None:
    room = connect(start_server("--hold", "1").url).room("lobby")
    reading = ensureDeferred(read(room.messages((await room.history()).cursor), 1))
    await sleep(2.5)
    await room.post("late")
    assert await reading == ["late"]


@pytest_twisted.ensureDeferred
async def test_a_kept_cursor_goes_on_exactly_there(server: Server, connect: Connect) -> None:
    room = connect(server.url).room("lobby")
    await post_all(room, [str(number) for number in range(260)])  # more than a page
    reader = room.messages("start")
    seen = await read(reader, 123)
    kept = str(reader.cursor)
    other = connect(server.url).room("lobby").messages(Cursor.parse(kept))
    assert seen + await read(other, 137) == [str(number) for number in range(260)]


async def post_until(room: Room, over: Event) -> list[int]:
    """Post 0, 1, 2 … one after the other, until it is over; their seqs."""
    seqs: list[int] = []
    while not over.is_set():
        seqs.append((await room.post(str(len(seqs)))).message.seq)
    return seqs


@pytest_twisted.ensureDeferred
async def test_kills_in_mid_tail_lose_and_double_nothing(server: Server, connect: Connect) -> None:
    over = Event()
    reader = connect(server.url).room("lobby").messages("start")
    posting = ensureDeferred(post_until(connect(server.url, patience_seconds=120).room("lobby"), over))
    seen = await read(reader, 1)
    for _ in range(3):
        server.kill()
        reading = ensureDeferred(read(reader, 5))
        await sleep(0.3)  # let both find it gone
        server.start()
        seen += await reading
    over.set()
    seqs = await within(posting)
    assert seqs == list(range(len(seqs)))
    assert seen + await read(reader, len(seqs) - len(seen)) == [str(seq) for seq in seqs]


@pytest_twisted.ensureDeferred
async def test_a_post_with_a_kept_key_is_not_doubled(server: Server, connect: Connect) -> None:
    first = await connect(server.url).room("lobby").post("hello", key="0123456789abcdef")
    server.kill()
    server.start()
    assert await connect(server.url).room("lobby").post("hello", key="0123456789abcdef") == first
    with pytest.raises(Refused) as refused:
        await connect(server.url).room("lobby").post("another", key="0123456789abcdef")
    assert (refused.value.problem.status, refused.value.problem.type) == (422, "/problems/key-reused")


@pytest_twisted.ensureDeferred
async def test_another_log_is_told(start_server: StartServer, connect: Connect) -> None:
    server = start_server("--store", "memory:")
    room = connect(server.url).room("lobby")
    await post_all(room, ["old", "older"])
    reader = room.messages("start")
    assert await read(reader, 2) == ["old", "older"]
    before = reader.cursor
    server.kill()
    server.start()
    await room.post("new")
    gap, text = await read(reader, 2)
    assert isinstance(gap, Gap)
    assert (gap.before, gap.lost, text) == (before, None, "new")


@pytest_twisted.ensureDeferred
async def test_pruned_messages_are_a_gap_but_not_at_the_start(start_server: StartServer, connect: Connect) -> None:
    room = connect(start_server("--retain", "5").url).room("lobby")
    reader = room.messages((await room.history()).cursor)
    await post_all(room, [str(number) for number in range(40)])
    page = await room.history(limit=200)
    kept = [message.text for message in page.messages]
    gap, *texts = await read(reader, 1 + len(kept))
    assert isinstance(gap, Gap)
    assert (gap.lost, texts) == (40 - len(kept), kept)
    assert await read(room.messages("start"), len(kept)) == kept


@pytest_twisted.ensureDeferred
async def test_names(server: Server, connect: Connect) -> None:
    ada, rival = connect(server.url), connect(server.url)
    assert await ada.sign_in("ada") == "ada"
    assert (await ada.room("lobby").post("hello")).message.author == "ada"
    with pytest.raises(Refused) as refused:
        await rival.sign_in("Ada")
    assert refused.value.problem.type == "/problems/name-taken"
    assert (await rival.room("lobby").post("hello")).message.author == "guest"
    await ada.sign_out()
    assert await rival.sign_in("Ada") == "Ada"


@pytest_twisted.ensureDeferred
async def test_a_ticket_and_its_end(start_server: StartServer, connect: Connect, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("x" * 32)
    server = start_server("--no-guests", "--ticket-key", str(key))
    claims = {"sub": "ada", "exp": time.time() + 60, "grants": {"*": ["read", "post"]}}
    client = connect(server.url, ticket=jwt.encode(claims, key.read_text(), "HS256"))
    room = client.room("lobby")
    assert (await room.post("hello")).message.author == "ada"
    reading = ensureDeferred(read(room.messages(), 1))
    await sleep(0.3)
    await client.sign_out()
    for asked in (reading, room.post("hello"), connect(server.url).room("lobby").history()):
        with pytest.raises(Refused) as refused:
            await within(asked)
        assert refused.value.problem.status == 401


@pytest_twisted.ensureDeferred
async def test_a_prefix(start_server: StartServer, connect: Connect) -> None:
    url = start_server("--prefix", "/chatty").url
    client = connect(f"{url}/chatty")
    await client.sign_in("ada")
    assert (await client.room("lobby").post("hello")).message.author == "ada"
    with pytest.raises(Refused) as refused:
        await connect(url).room("lobby").post("hello")
    assert refused.value.problem.status == 404


@pytest_twisted.ensureDeferred
async def test_many_at_once(server: Server, connect: Connect) -> None:
    client = connect(server.url)
    readers = [ensureDeferred(read(client.room("lobby").messages("start"), 20)) for _ in range(50)]
    await gatherResults([ensureDeferred(client.room("lobby").post("hello")) for _ in range(20)])
    assert await gatherResults(readers) == [["hello"] * 20] * 50


@pytest_twisted.ensureDeferred
async def test_nobody_there(connect: Connect) -> None:
    client = connect(f"http://127.0.0.1:{free_port()}", patience_seconds=0.5)
    with pytest.raises(Unreachable):
        await client.room("lobby").post("hello")


class Mute(Protocol):
    """Takes what comes and never answers; `asked` fires with the first of it, and `left` when the peer hangs up."""

    def __init__(self) -> None:
        self.asked: Deferred[bytes] = Deferred()
        self.left: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        if not self.asked.called:
            self.asked.callback(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.left.callback(None)


class OneMute(Factory):
    """All connections are the one."""

    def __init__(self, mute: Mute) -> None:
        self._mute = mute

    def buildProtocol(self, addr: IAddress | None) -> Mute:
        return self._mute


@pytest_twisted.ensureDeferred
async def test_cancelling_the_consumer_hangs_up_at_once(connect: Connect) -> None:
    mute = Mute()
    endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    port: IListeningPort = await endpoint.listen(OneMute(mute))
    address = cast(IPv4Address, port.getHost())
    reader = connect(f"http://127.0.0.1:{address.port}").room("lobby").messages(Cursor("k3v9", 5))
    reading = ensureDeferred(read(reader, 1))
    assert b"cursor=k3v9.5" in await within(mute.asked)
    reading.cancel()
    with pytest.raises(CancelledError):
        await reading
    await within(mute.left)
    port.stopListening()
