"""A server that is killed (SIGKILL) again and again, at random moments, while 8 post and 8 read.

Nothing that was acknowledged is lost, nothing is there twice although posters repeat what was not acknowledged,
no reader has a gap or a repeat, and the log goes on in the same epoch.

`CHATCOMET_KILLS` in the environment says how often the server is killed (4 times unless told); with
``pytest --log-cli-level=info`` the test says what it has seen, and the seed of its random moments.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable

import pytest

from tests.integration.crowd import Crowd
from tests.integration.plain_client import cursor
from tests.integration.server import Server

KILLS = int(os.environ.get("CHATCOMET_KILLS", "4"))
LIFE_SECONDS = 0.8  # a server lives for as long as that at most

log = logging.getLogger(__name__)


@pytest.fixture
def moment() -> Callable[[], float]:
    """For how many seconds a server may live, each time."""
    seed = random.randrange(10**9)
    log.info("moments are random with the seed %d", seed)
    chance = random.Random(seed)
    return lambda: chance.uniform(0, LIFE_SECONDS)


def test_kills_lose_nothing_and_double_nothing(server: Server, moment: Callable[[], float]) -> None:
    with Crowd(server.port) as crowd:
        for _ in range(KILLS):
            time.sleep(moment())
            server.kill()
            server.start()
            assert cursor(server.port, "lobby")[0] == crowd.epoch
        crowd.check(crowd.finish())
    assert len(crowd.acknowledged) >= 8 * KILLS, "hardly anything was posted: this shows nothing"
