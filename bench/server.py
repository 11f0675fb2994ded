"""A server that runs while it is measured: on a free port, in a folder and on a processor of its own."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from http.client import HTTPConnection
from pathlib import Path
from tempfile import mkdtemp

from bench.contenders import Program

START_SECONDS = 20.0
STOP_SECONDS = 10.0
DESCRIPTORS = 65_536


class ServerFault(Exception):
    """The server did not start, or did not stay."""


class Server:
    """A running server; `posted` counts what was posted to each room, for readers begin where that ends."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.port = port
        self.posted: Counter[str] = Counter()
        self._process = process

    @property
    def pids(self) -> list[int]:
        """The process and those that it has started."""
        return list(_descendants(self._process.pid))

    @cached_property
    def epoch(self) -> str:
        """What chatcomet's cursors begin with in this run."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/rooms/lobby/messages")
            cursor: str = json.loads(connection.getresponse().read())["cursor"]
        return cursor.partition(".")[0]

    def head(self, room: str) -> int:
        """How many messages chatcomet has in a room."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", f"/rooms/{room}/messages?limit=1")
            return int(json.loads(connection.getresponse().read())["cursor"].partition(".")[2])

    def wait_until_it_listens(self) -> None:
        """Raises `ServerFault` if it ends, or takes too long."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise ServerFault(f"the server ended at once with status {self._process.returncode}")
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.05)
        raise ServerFault("the server did not listen in time")

    def stop(self) -> None:
        """Ask it to end, then make it."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def running(program: Program, work: Path) -> Iterator[Server]:
    """Start it, wait until it listens, and end it after.  Raises `ServerFault`, with the end of its log."""
    folder = Path(mkdtemp(dir=work))
    port = _free_port()
    if program.config is not None:
        (folder / program.config.name).write_text(_filled(program.config.read_text(), port, folder))
    command = [_filled(word, port, folder) for word in program.command]
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder, preexec_fn=_alone)
    server = Server(process, port)
    try:
        server.wait_until_it_listens()
        yield server
    except ServerFault as fault:
        raise ServerFault(f"{fault}: {log.read_text(errors='replace')[-300:]}") from fault
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def processors() -> tuple[set[int], set[int]]:
    """Those for the server, and for the load: apart where there are two, and the server on one in any case."""
    first, *rest = sorted(os.sched_getaffinity(0))
    return {first}, set(rest) or {first}


def raise_descriptor_limit() -> int:
    """As far as this user may; the limit then."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, DESCRIPTORS), max(hard, DESCRIPTORS)))
        return max(hard, DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _alone() -> None:
    os.sched_setaffinity(0, processors()[0])


def _filled(text: str, port: int, folder: Path) -> str:
    return text.replace("{port}", str(port)).replace("{folder}", str(folder))


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _descendants(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from _descendants(int(child))
