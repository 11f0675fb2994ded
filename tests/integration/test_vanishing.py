"""Suspended polls whose peers vanish: each is forgotten at once, and leaves nothing in memory.

The server runs in this process, on a real port, so that its waiters can be counted and its memory measured.
"""

from __future__ import annotations

import gc
import logging
import resource
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import NamedTuple, cast

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.base import ReactorBase
from twisted.internet.task import deferLater

from chatcomet.service import ChatService
from chatcomet.settings import Settings
from tests.integration.plain_client import Connection, request
from tests.integration.server import free_port

POLLS = 2_000
WAVES = 10
WARM_UP_WAVES = 4  # until then the process grows to the size of one wave
LEVEL_BYTES = 4 * 1024 * 1024  # about 200 bytes for each poll of ten waves
LEVEL_OBJECTS = POLLS  # a tenth of an object for each poll of ten waves
PATIENCE_SECONDS = 60.0

log = logging.getLogger(__name__)


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Both ends of every connection are in this process."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest_twisted.async_yield_fixture
async def served(descriptors: None) -> AsyncIterator[tuple[ChatService, int]]:
    """A running service and its port."""
    port = free_port()
    listen = f"tcp:{port}:interface=127.0.0.1"
    service = ChatService(Settings(listen=(listen,), store="memory:", hold_seconds=300.0), cast(ReactorBase, reactor))
    service.startService()
    yield service, port
    await service.stopService()


async def until(happened: Callable[[], bool], what: str) -> None:
    """Let the reactor run until it `happened`."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < end, f"not within {PATIENCE_SECONDS} s: {what}"
        await deferLater(cast(ReactorBase, reactor), 0.001)


class Memory(NamedTuple):
    """What this process holds."""

    resident_bytes: int
    objects: int

    @classmethod
    def now(cls) -> Memory:
        """All that can be collected is."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return cls(pages * resource.getpagesize(), len(gc.get_objects()))


async def wave(service: ChatService, port: int) -> None:
    """Let many ask and be suspended, and then vanish: half of them by FIN, half by RST."""
    peers = [Connection(port) for _ in range(POLLS)]
    for peer in peers:
        peer.send(request("GET", "/chat/get/0"))
    await until(lambda: service.waiting == POLLS, "all are suspended")
    for polite, rude in zip(peers[::2], peers[1::2], strict=True):
        polite.close()
        rude.reset()
    await until(lambda: service.waiting == 0, "all are forgotten")


@pytest_twisted.ensureDeferred
async def test_who_vanishes_is_forgotten(served: tuple[ChatService, int]) -> None:
    service, port = served
    for _ in range(WARM_UP_WAVES):
        await wave(service, port)
    before = Memory.now()
    for number in range(WAVES):
        await wave(service, port)
        now = Memory.now()
        log.info("after wave %d: %d KiB, %d objects", number, now.resident_bytes // 1024, now.objects)
    assert now.resident_bytes - before.resident_bytes < LEVEL_BYTES
    assert now.objects - before.objects < LEVEL_OBJECTS
