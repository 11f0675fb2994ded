"""Crowds of whom each comes once: a server remembers so much of them, and no more.

How much memory 200,000 of each kind take is measured by ``tests/integration/hostile/strangers.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.hostile.castle import raise_castle
from tests.integration.hostile.forgetful import KEPT, ForgetfulServer
from tests.integration.hostile.strangers import STATUSES, UNLIMITED, Kind, Strangers

MANY = 8 * KEPT
PARTS = 4

Forgetful = tuple[ForgetfulServer, Strangers]


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forgetful]:
    """A server that remembers little, and those who come to it."""
    folder = tmp_path_factory.mktemp("forgetful")
    servers: list[ForgetfulServer] = []

    def start(*options: str, environ: dict[str, str] | None = None) -> ForgetfulServer:
        server = ForgetfulServer(folder, *options)
        servers.append(server)
        server.start()
        return server

    castle = raise_castle(start, folder, *UNLIMITED)
    yield servers[0], Strangers(castle)
    servers[0].close()
    assert "Traceback" not in servers[0].log


@pytest.mark.parametrize("kind", STATUSES, ids=lambda kind: kind.__name__)
def test_who_comes_once_leaves_no_more_than_others_have_left(forgetful: Forgetful, kind: Kind) -> None:
    """Whatever is kept of each is a block at least, each time; what comes and goes is some hundred, at times."""
    server, strangers = forgetful
    blocks = [server.blocks()]
    for part in range(PARTS):
        statuses = strangers.ask(kind, range(part * MANY, (part + 1) * MANY))
        assert sum(statuses[status] for status in STATUSES[kind]) > MANY // 2
        blocks.append(server.blocks())
        if part and blocks[-1] - blocks[-2] < MANY:
            return
    raise AssertionError(f"{blocks} blocks, and {MANY} come in between")
