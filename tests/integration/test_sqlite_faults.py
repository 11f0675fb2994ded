"""SqliteStore in processes that are killed, or may write no more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred

from chatcomet.stores.sqlite import SqliteStore
from tests.unit.stores.hand_reactor import HandReactor

T = TypeVar("T")

_CHECKOUT = Path(__file__).parents[2]

_OPEN = """
import resource, sys, time
from pathlib import Path
from chatcomet.core.message import Draft
from chatcomet.errors import StoreUnavailable
from chatcomet.stores.sqlite import SqliteStore
from tests.unit.stores.hand_reactor import HandReactor

reactor = HandReactor()
store = SqliteStore(Path(sys.argv[1]), time.time, reactor)
store.open()

def post(text):
    outcomes = []
    posted = store.append("lobby", Draft("ada", text)).addBoth(outcomes.append)
    reactor.run_until(posted)
    return outcomes[0]
"""

_POST_FOR_EVER = """
print(store.epoch, flush=True)
while True:
    print(post("x" * 1000).message.seq, flush=True)
"""

_FILL_THE_DISK = """
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
kept = 0
while hasattr(outcome := post("x" * 1000), "message"):
    kept += 1
print(outcome.type.__name__, kept)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
while not hasattr(outcome := post("again"), "message"):
    time.sleep(0.1)
print(outcome.message.seq)
"""


def _start(script: str, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _OPEN + script, str(path)]
    return subprocess.Popen(command, cwd=_CHECKOUT, stdout=subprocess.PIPE, text=True)


def _result(reactor: HandReactor, deferred: Deferred[T]) -> T:
    results: list[T] = []
    deferred.addCallback(results.append)
    reactor.run_until(deferred)
    return results[0]


def test_what_was_acknowledged_survives_kills_and_so_does_the_epoch(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    acknowledged = -1
    epochs = set()
    for _ in range(4):
        with _start(_POST_FOR_EVER, path) as poster:
            assert poster.stdout is not None
            epochs.add(poster.stdout.readline())
            for _ in range(100):
                seq = int(poster.stdout.readline())
                assert seq in (acknowledged + 1, acknowledged + 2)  # one may have been durable, and not acknowledged
                acknowledged = seq
            poster.kill()
            rest = poster.stdout.read().split("\n")[:-1]  # what it printed before it heard
            acknowledged = int(rest[-1]) if rest else acknowledged
    assert len(epochs) == 1

    reactor = HandReactor()
    store = SqliteStore(path, lambda: 0.0, reactor)
    store.open()
    messages = _result(reactor, store.read("lobby", 0, 10**6))
    assert [message.seq for message in messages] == list(range(len(messages)))
    assert len(messages) - 1 in (acknowledged, acknowledged + 1)
    _result(reactor, store.close())


def test_a_full_disk_refuses_posts_until_there_is_room_again(tmp_path: Path) -> None:
    with _start(_FILL_THE_DISK, tmp_path / "chat.db") as poster:
        output, _ = poster.communicate(timeout=60)
    (refusal, kept), (seq,) = (line.split() for line in output.splitlines())
    assert refusal == "StoreUnavailable"
    assert int(kept) > 10
    assert seq == kept
