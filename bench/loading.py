"""The load: built from load/*.c, run beside a server, its figures read."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.contenders import HERE, Route
from bench.server import Server, processors
from bench.tickets import bearer_header

PATIENCE_SECONDS = 600.0
COOKIE = "session=" + "eyJuYW1lIjoicmVhZGVyIn0." * 4
"""About as long as a signed session, for servers that have none."""


class LoadFault(Exception):
    """A delivery was lost, repeated, garbled or refused, or the load itself failed."""


Figures = dict[str, Any]


def build(folder: Path) -> Path:
    """Compile the load, and return the program."""
    program = folder / "load"
    sources = sorted((HERE / "load").glob("*.c"))
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-o", program, *sources], check=True)
    return program


@dataclass(frozen=True, slots=True)
class Load:
    """The load on one server over one route."""

    program: Path
    server: Server
    route: Route

    def fanout(self, room: str, readers: int, rounds: int, *more: str) -> Figures:
        """All wait in one room, and each round gives them a message."""
        words = ("fanout", *self._reading(room), "--readers", str(readers), "--rounds", str(rounds), *more)
        figures = self.finished(self._start(*words))
        self.server.posted[self._room(room)] += rounds
        return figures

    def browsing(self) -> tuple[str, ...]:
        """What makes readers send what a browser sends, and a session."""
        return ("--browser", *(("--sign-in", self.route.sign_in) if self.route.sign_in else ("--cookie", COOKIE)))

    def bearing(self, readers: int) -> tuple[str, ...]:
        """What makes each reader send a ticket of its own, and be one behind a proxy: as whom limits count it."""
        file = self.program.with_name("headers")
        file.write_bytes(b"".join(map(bearer_header, range(readers))))
        return ("--headers", str(file))

    def idle(self, room: str, readers: int, seconds: float) -> Figures:
        """All wait, nobody posts; in the end each has to get one message."""
        words = ("--readers", str(readers), "--seconds", str(seconds))
        return self.finished(self._start("idle", *self._reading(room), *words), seconds)

    def posts(self, room: str, connections: int, seconds: float) -> Figures:
        """Each connection posts again when it was acknowledged."""
        words = ("--writers", str(connections), "--seconds", str(seconds))
        return self.finished(self._start("posts", *self._reading(room), *words))

    def chat(self, prefix: str, rooms: int, readers: int, rate: float, seconds: float) -> Figures:
        """Posts at a rate over so many new rooms, with so many readers in each."""
        words = ("--rooms", str(rooms), "--readers", str(readers), "--rate", str(rate), "--seconds", str(seconds))
        return self.finished(self._start("chat", *self._reading(prefix), *words))

    def probe(self, room: str, rate: float) -> Probe:
        """One reader and one writer in a room of theirs, until they are asked what they saw."""
        words = ("--readers", "1", "--rate", str(rate), "--seconds", "3600", "--samples")
        return Probe(self, self._start("chat", *self._reading(room), *words))

    def _room(self, room: str) -> str:
        return self.route.room or room

    def _reading(self, room: str) -> tuple[str, ...]:
        route, first = self.route, self.server.posted[self._room(room)]
        words: tuple[str, ...] = ("--way", route.way, "--read", route.read, "--post", route.post, "--form", route.form)
        words += ("--prefix", self._room(room), "--first", str(first))
        return words + (("--json", "--at", f"{self.server.epoch}.{first}") if route.json else ())

    def _start(self, mode: str, *words: str) -> subprocess.Popen[bytes]:
        pids = [word for pid in self.server.pids for word in ("--pid", str(pid))]
        command = [str(self.program), mode, "--port", str(self.server.port), *pids, *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=_apart)

    def finished(self, process: subprocess.Popen[bytes], seconds: float = 0.0) -> Figures:
        """What a load tells when it has ended by itself.  Raises `LoadFault`."""
        try:
            output, _ = process.communicate(timeout=PATIENCE_SECONDS + seconds)
        except subprocess.TimeoutExpired:
            raise LoadFault("the load did not end in time") from None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if not output:
            raise LoadFault(f"the load ended with status {process.returncode} and without figures")
        figures: Figures = json.loads(output)
        if not figures["right"]:
            raise LoadFault(figures["first_error"] or "what was acknowledged is not what was posted")
        return figures


@dataclass(frozen=True, slots=True)
class Probe:
    """A small chat that runs while something else does."""

    load: Load
    process: subprocess.Popen[bytes]

    def seen(self) -> Figures:
        """End it: `dues` and `latencies` of all that it posted, in seconds."""
        self.process.terminate()
        return self.load.finished(self.process)

    def end(self) -> None:
        """If nobody has asked."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def _apart() -> None:
    os.sched_setaffinity(0, processors()[1])
