"""A reader of an event stream that does not read: it costs the server next to nothing, and nobody else anything."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import pytest

from tests.integration.conftest import StartServer
from tests.integration.plain_client import JSON, Address, Connection, Tls, cursor, settle
from tests.integration.server import Server, tls_endpoint
from tests.integration.stream_client import NDJSON, Stream

DATA_BYTES = 16_000
POSTERS = 4
MESSAGES = 1_252  # 20 MB
LIMIT_KIB = 2_048
NOISE_KIB = 2_048
DELAY_SECONDS = 2.0
PATH = "/rooms/lobby/messages"


def post_much(server: Server) -> None:
    """Post `MESSAGES` to the lobby."""
    body = json.dumps({"text": "", "data": "x" * DATA_BYTES})

    def post_share(_: int) -> None:
        with Connection(server.port) as connection:
            for _ in range(MESSAGES // POSTERS):
                assert connection.ask("POST", PATH, body, {"Content-Type": JSON}).status == 201

    with ThreadPoolExecutor(POSTERS) as posters:
        list(posters.map(post_share, range(POSTERS)))


def resident_kib(server: Server) -> int:
    """How much memory the server uses now."""
    settle(server.port)
    status = Path(f"/proc/{server.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1])


class FastReader(Thread):
    """Reads so many messages as they come, and notes how late each was."""

    def __init__(self, stream: Stream, count: int) -> None:
        super().__init__(daemon=True)
        self.seqs: list[int] = []
        self.delays: list[float] = []
        self._stream = stream
        self._count = count

    def run(self) -> None:
        """Until all have come."""
        while len(self.seqs) < self._count:
            block = self._stream.block()
            if "data" in block.names:
                message = block.json()
                self.seqs.append(message["seq"])
                self.delays.append(time.time() - message["at"])


def begin(address: Address, start: str, accept: str = "text/event-stream") -> Stream:
    return Stream(address, f"/rooms/lobby/events?cursor={start}", {"Accept": accept}, 20)


def read_seqs(stream: Stream, count: int) -> tuple[list[int], str]:
    """The next so many messages' seqs, and the cursor after them."""
    seqs: list[int] = []
    after = ""
    while len(seqs) < count:
        block = stream.block()
        if "data" in block.names:
            assert "event" not in block.names, block
            seqs.append(block.json()["seq"])
            after = block["id"]
    return seqs, after


@pytest.fixture
def tls(tmp_path: Path) -> tuple[Tls, str]:
    """A port with TLS, and its endpoint."""
    port, endpoint = tls_endpoint(tmp_path)
    return Tls(port), endpoint


@pytest.fixture
def warm_server(start_server: StartServer, tls: tuple[Tls, str]) -> Server:
    """One that has had as much to do already, so that what it needs for that is not counted again."""
    server = start_server("--listen", tls[1])
    epoch, _ = cursor(server.port, "lobby")
    with begin(server.port, f"{epoch}.0") as stream:
        reader = FastReader(stream, MESSAGES)
        reader.start()
        post_much(server)
        reader.join(20)
        assert not reader.is_alive()
    return server


@pytest.mark.parametrize("by_tls", [False, True], ids=["plain", "TLS"])
def test_a_reader_that_stops_reading(warm_server: Server, tls: tuple[Tls, str], by_tls: bool) -> None:
    server = warm_server
    address = tls[0] if by_tls else server.port
    epoch, head = cursor(server.port, "lobby")
    with begin(address, f"{epoch}.{head}") as slow, begin(server.port, f"{epoch}.{head}") as fast:
        slow.block()
        fast.block()
        before = resident_kib(server)
        reader = FastReader(fast, MESSAGES)
        reader.start()
        post_much(server)
        reader.join(20)
        assert not reader.is_alive()
        grown = resident_kib(server) - before
        assert reader.seqs == list(range(head, head + MESSAGES))
        assert max(reader.delays) < DELAY_SECONDS
        assert grown < LIMIT_KIB + NOISE_KIB
        # It reads again: nothing is lost or repeated; and half way it vanishes, with much unread.
        seqs, after = read_seqs(slow, MESSAGES // 2)
        assert seqs == list(range(head, head + MESSAGES // 2))
        slow.connection.reset()
    with begin(address, after) as resumed:
        rest, end = read_seqs(resumed, MESSAGES - len(seqs))
        assert rest == list(range(head + len(seqs), head + MESSAGES))
        assert end == f"{epoch}.{head + MESSAGES}"


def test_a_stop_does_not_wait_for_it(server: Server) -> None:
    """A stop does not wait for a reader that takes nothing; the cursor it came to resumes it."""
    epoch, _ = cursor(server.port, "lobby")
    with begin(server.port, f"{epoch}.0", NDJSON) as slow:
        post_much(server)
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 3
        after, seen = f"{epoch}.0", 0
        try:
            while True:
                line = slow.line()
                if line is not None and "message" in line:
                    assert line["message"]["seq"] == seen
                    after, seen = line["cursor"], seen + 1
        except OSError:
            assert seen < MESSAGES
    server.start()
    with begin(server.port, after) as resumed:
        assert read_seqs(resumed, MESSAGES - seen)[0] == list(range(seen, MESSAGES))
