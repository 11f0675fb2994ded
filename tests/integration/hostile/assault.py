"""Assault: mutated requests, pipelined and cut into pieces, over many connections at once."""

from __future__ import annotations

import random
import select
import socket
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from tests.integration.hostile.answers import Strange, check
from tests.integration.hostile.grammar import Grammar, Keyring
from tests.integration.hostile.mutations import mutated
from tests.integration.plain_client import HOST, PATIENCE_SECONDS, Address, Connection, Tls

PIPELINED = 6
"""At most so many requests come on one connection."""

QUIET_SECONDS = 0.1
"""When nothing more comes for so long after all was heard, no more is waited for: the server may wait for the rest."""

THREADS = 48


@dataclass
class Outcome:
    """What came of it: how many requests there were, and answers by status; `strange`: what was none."""

    requests: int = 0
    connections: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    strange: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """What came of another part."""
        self.requests += other.requests
        self.connections += other.connections
        self.statuses += other.statuses
        self.strange += other.strange

    def __str__(self) -> str:
        statuses = ", ".join(f"{status}: {number}" for status, number in sorted(self.statuses.items()))
        return f"{self.requests} requests over {self.connections} connections; answers: {statuses}"


def assault(port: int, more: list[Address], keys: Keyring, requests: int, seed: int) -> Outcome:
    """Send so many mutated requests, drawn by `seed`, to a server at `port`, and where else it listens.

    Each connection is drawn by its own number, to be done again alone.
    """
    addresses = [*[port] * 8, *more]
    numbers: SimpleQueue[int] = SimpleQueue()
    parts = [Outcome() for _ in range(THREADS)]
    left = requests
    for number in count():
        if left <= 0:
            break
        numbers.put(number)
        left -= _pipelined(number)

    def work(part: Outcome) -> None:
        with suppress(Empty), Connection(port) as probe:
            while True:
                _attack(numbers.get_nowait(), addresses, keys, seed, part, probe)

    threads = [Thread(target=work, args=(part,), daemon=True) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcome = Outcome()
    for part in parts:
        outcome.add(part)
    return outcome


def _pipelined(number: int) -> int:
    """How many requests connection `number` sends."""
    return 1 + number % PIPELINED


def _requests(number: int, keys: Keyring, seed: int) -> list[bytes]:
    """What connection `number` sends."""
    draw = random.Random(f"{seed}:{number}")
    grammar = Grammar(draw, keys)
    lasts = [place == _pipelined(number) - 1 for place in range(_pipelined(number))]
    return [mutated(draw, grammar.wish(is_last), is_last) for is_last in lasts]


def _attack(
    number: int, addresses: list[Address], keys: Keyring, seed: int, outcome: Outcome, probe: Connection
) -> None:
    requests = _requests(number, keys, seed)
    draw = random.Random(f"{seed}:{number}:how")
    outcome.requests += len(requests)
    outcome.connections += 1
    received = b""
    try:
        with _connect(draw.choice(addresses)) as connection:
            received = _exchange(connection, _pieces(draw, requests), None if draw.random() < 0.05 else probe)
        for status in check(received):
            outcome.statuses[status] += 1
    except (Strange, ValueError, KeyError, TimeoutError) as error:
        told = f"sent: {requests!r:.3000}\nreceived: {received!r:.2000}"
        outcome.strange.append(f"connection {number}: {error!r}\n{told}")


def _pieces(draw: random.Random, requests: list[bytes]) -> Iterator[bytes]:
    """Each request by itself, all at once, or cut anywhere."""
    how = draw.randrange(4)
    if how == 0:
        yield from requests
        return
    data = b"".join(requests)
    cuts = sorted(draw.randrange(len(data) + 1) for _ in range((0, 0, 2, 12)[how]))
    for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        yield data[begin:end]


def _exchange(connection: socket.socket, pieces: Iterator[bytes], probe: Connection | None) -> bytes:
    """All that comes until the end, or until nothing comes any more; without a `probe`, nothing is waited for.

    By the `probe` it is found out whether the server has heard what was sent: it hears first what came first.
    """
    received = b""
    with suppress(ConnectionError, ssl.SSLError):  # it may end the connection at any time
        for piece in pieces:
            connection.sendall(piece)
            received += _ready(connection, 0.0)
        while probe is not None:
            assert probe.ask("GET", "/chat").status == 302
            data = _ready(connection, QUIET_SECONDS)
            if not data:
                break
            received += data
    return received


def _ready(connection: socket.socket, seconds: float) -> bytes:
    """What has come, or comes within so many seconds."""
    if isinstance(connection, ssl.SSLSocket):  # what has come there may be nothing of ours
        connection.settimeout(seconds or 0.001)
        try:
            return connection.recv(1 << 20)
        except TimeoutError:
            return b""
        finally:
            connection.settimeout(PATIENCE_SECONDS)
    return connection.recv(1 << 20) if select.select([connection], [], [], seconds)[0] else b""


def _connect(address: Address) -> socket.socket:
    if isinstance(address, Path):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(str(address))
        return connection
    port = address.port if isinstance(address, Tls) else address
    connection = socket.create_connection((HOST, port), PATIENCE_SECONDS)
    if isinstance(address, Tls):
        return ssl._create_unverified_context().wrap_socket(connection)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def resident_kib(pid: int) -> int:
    """How much memory a process has."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def descriptors(pid: int) -> int:
    """How many descriptors it has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def connections(pid: int) -> int:
    """How many of them are sockets: of its database it opens another one when it is asked for more at once."""
    count = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            count += str(descriptor.readlink()).startswith("socket:")
    return count


def settle(pid: int, before: int, seconds: float) -> int:
    """How many descriptors it has when these are as few as `before`, or so many seconds later."""
    end = time.monotonic() + seconds
    while descriptors(pid) > before and time.monotonic() < end:
        time.sleep(0.05)
    return descriptors(pid)
