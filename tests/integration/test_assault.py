"""Requests that are nearly right, by thousands: each is answered as documented or refused, and the server goes on.

With `CHATCOMET_HUNT` in the environment others are drawn each time, as many as it says.
"""

from __future__ import annotations

import logging
import os
import random
import time
from pathlib import Path

import pytest

from tests.integration.conftest import StartServer
from tests.integration.hostile.assault import assault, descriptors, resident_kib, settle
from tests.integration.hostile.castle import GRACE, PASSWORDS, Castle, raise_castle
from tests.integration.hostile.grammar import Keyring
from tests.integration.plain_client import Address, Connection, Tls, ask, cursor, post_json, request
from tests.integration.server import tls_endpoint

HUNT = int(os.environ.get("CHATCOMET_HUNT") or 0)
REQUESTS = max(HUNT, 10_000)
SEED = random.SystemRandom().randrange(1 << 32) if HUNT else 5
GROWTH_KIB = 64 * 1024
"""What is remembered on purpose has its limits: of headers 32 MiB, of rooms, names and addresses some thousands."""

log = logging.getLogger(__name__)


@pytest.fixture
def tls(tmp_path: Path) -> tuple[int, str]:
    """A port with TLS, and its endpoint."""
    return tls_endpoint(tmp_path)


@pytest.fixture
def castle(start_server: StartServer, tmp_path: Path, tls: tuple[int, str]) -> Castle:
    """A server with everything on."""
    return raise_castle(start_server, tmp_path, "--listen", tls[1], "--hold", "2", "--post-rate", "200/s")


def check_serves(castle: Castle) -> None:
    """A poll that waits gets what is posted, by who may."""
    ticket = {"Authorization": f"Bearer {castle.ticket(sub='frank', jti='after')}"}
    assert castle.cookie("grace", GRACE)
    epoch, head = cursor(castle.port, "lobby")
    with Connection(castle.port) as connection:
        connection.send(request("GET", f"/rooms/lobby/messages?cursor={epoch}.{head}"))
        assert ask(castle.port, "GET", "/rooms/keep/messages", headers=ticket).status == 200
        assert ask(castle.port, "GET", "/rooms/cell/messages").status == 401
        assert post_json(castle.port, "lobby", {"text": "are you there?"}).status == 201
        assert [message["text"] for message in connection.read().json()["messages"]] == ["are you there?"]


def test_mutated_requests_do_no_harm(castle: Castle, tls: tuple[int, str]) -> None:
    keys = Keyring.of(castle)
    more: list[Address] = [castle.socket, Tls(tls[0])]
    assault(castle.port, more, keys, 500, SEED + 1)  # what the first of each kind leaves behind, stays
    pid, before = castle.server.pid, descriptors(castle.server.pid)
    memory, begun = resident_kib(pid), time.monotonic()
    outcome = assault(castle.port, more, keys, REQUESTS, SEED)
    grown = resident_kib(pid) - memory
    log.info("seed %d, %.1f s: %s; %+d KiB", SEED, time.monotonic() - begun, outcome, grown)
    assert outcome.strange == [], f"seed {SEED}: {len(outcome.strange)}"
    assert settle(pid, before, 15) <= before, "connections are left"
    check_serves(castle)
    assert grown < GROWTH_KIB
    castle.server.stop()
    for word in ("Traceback", "Unhandled", "fault", *PASSWORDS.values(), *keys.tickets):
        assert word not in castle.server.log, word
