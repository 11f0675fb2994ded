"""How much slower honest readers are served under siege: by hand, on a machine that does nothing else.

``python -m tests.integration.hostile.measure [SECONDS [COUNT KIND…]]``: 500 readers, in quiet; while 5,000 slow senders
are there, who come again when they are cut off, for 100 s, in which every deadline passes; while 500 are there who take
nothing; and afterwards.  A message is posted each fifth of a second.

Where there are two processors, the server has the first one to itself, and those who lay siege have what the readers
leave of the second one: what is measured is what the siege costs the server, and not what it costs to lay it.  Started
by ``chrt --rr 1``, server and readers are not kept waiting by anything else on the machine.

Beside how long a delivery took it tells for how long the server has run meanwhile, and how long it had to wait for a
processor: where that is much, the machine does something else, and only what the server has run can be compared.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.integration.hostile.assault import descriptors, resident_kib
from tests.integration.hostile.honest import HonestReaders
from tests.integration.hostile.siege import fill
from tests.integration.server import Server

READERS = 500
SIEGES = (["5000", "silent", "header", "body"], ["500", "deaf", "stream"])
PAUSE_SECONDS = 0.2


def main(seconds: float, *siege: str) -> None:
    """Measure in quiet, under siege, and when that is over."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), "--hold", "300", "--post-rate", "0")
        server.start()
        _share_processors(server)
        try:
            _measure(server, seconds, [siege] if siege else SIEGES)
        finally:
            server.close()


def _measure(server: Server, seconds: float, sieges: Sequence[Sequence[str]]) -> None:
    start = fill(server.port, "full")
    honest = HonestReaders(server.port, READERS)
    for _ in range(20):
        honest.post("to warm up")
    _serve("in quiet", server, honest, seconds / 4)
    for count, *kinds in sieges:
        siege = [
            "chrt",
            "--other",
            "0",
            "nice",
            sys.executable,
            "-m",
            "tests.integration.hostile.siege",
            str(server.port),
            str(seconds),
            count,
        ]
        with subprocess.Popen([*siege, start, *kinds], stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            running.stdout.readline()
            _serve(f"beside {count} ({', '.join(kinds)})", server, honest, seconds - 5)
            print(f"  {running.stdout.read().strip()}")  # noqa: T201  # this is for whoever measures
        time.sleep(3)
        _serve("afterwards", server, honest, seconds / 4)
    honest.close()
    faults = [word for word in ("Traceback", "Unhandled", "fault") if word in server.log]
    print(f"in the log: {faults or 'nothing unhandled'}")  # noqa: T201


def _serve(when: str, server: Server, honest: HonestReaders, seconds: float) -> None:
    latencies: list[float] = []
    ran: list[float] = []
    waited: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = _scheduled(server.pid)
        latencies += honest.post("how long does it take?")
        after = _scheduled(server.pid)
        ran.append(after[0] - before[0])
        waited.append(after[1] - before[1])
        time.sleep(PAUSE_SECONDS)
    told = [f"latency {_spread(latencies)}", f"the server ran {_spread(ran)}", f"waited {_spread(waited)}"]
    memory = f"{resident_kib(server.pid) // 1024} MiB, {descriptors(server.pid)} descriptors"
    print(f"{when}: {len(ran)} posts: {'; '.join(told)}; {memory}", flush=True)  # noqa: T201


def _share_processors(server: Server) -> None:
    first, *others = sorted(os.sched_getaffinity(0))
    if others:
        for thread in Path(f"/proc/{server.pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {first})
        os.sched_setaffinity(0, {others[0]})


def _scheduled(pid: int) -> tuple[float, float]:
    """For how many seconds its main thread has run, and has waited to run."""
    ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    return int(ran) / 1e9, int(waited) / 1e9


def _spread(seconds: Sequence[float]) -> str:
    """The median, the 99th and 99.9th percentile."""
    ordered = sorted(seconds)
    points = (1_000 * ordered[int(len(ordered) * share)] for share in (0.5, 0.99, 0.999))
    return "/".join(f"{point:.0f}" for point in points) + " ms"


if __name__ == "__main__":
    main(float(sys.argv[1]) if sys.argv[1:] else 100.0, *sys.argv[2:])
