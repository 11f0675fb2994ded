"""How ``twistd chatcomet`` starts, as a daemon too, and how it says that it can't."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatcomet import __version__
from tests.integration.conftest import StartServer
from tests.integration.plain_client import FORM, Connection, ask
from tests.integration.server import Server, free_port, run_twistd

FOREGROUND = ("--nodaemon", "--pidfile=", "chatcomet")
DAEMON = ("--pidfile=chat.pid", "--logfile=chat.log", "chatcomet")


def until(happened: Callable[[], bool], what: str) -> None:
    """Wait for another process."""
    end = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < end, what
        time.sleep(0.01)


# What there is to say


def test_help_tells_a_newcomer_all(tmp_path: Path) -> None:
    told = run_twistd(tmp_path, "chatcomet", "--help")
    assert told.returncode == 0
    for option in (
        "listen",
        "store",
        "hold",
        "retain",
        "retain-days",
        "prefix",
        "host",
        "origin",
        "ticket-key",
        "ticket-audience",
        "help",
        "version",
    ):
        assert f"--{option}" in told.stdout
    for option in ("rooms", "post-rate", "session-rate", "room-rate", "readers", "readers-per-address", "proxy"):
        assert f"--{option}" in told.stdout
    for default in ("tcp:8080", "sqlite:chatcomet.db", "25", "100000", "http://localhost:8080/"):
        assert default in told.stdout
    assert max(map(len, told.stdout.splitlines())) <= 80
    assert not list(tmp_path.iterdir()), "it leaves nothing behind"


def test_version(tmp_path: Path) -> None:
    told = run_twistd(tmp_path, "chatcomet", "--version")
    assert (told.returncode, told.stdout, told.stderr) == (0, f"chatcomet {__version__}\n", "")


def test_twistd_lists_it(tmp_path: Path) -> None:
    told = run_twistd(tmp_path, "--help")
    assert "chatcomet" in told.stdout


# Running


def test_a_daemon_has_a_pid_and_a_log_and_obeys(tmp_path: Path) -> None:
    port = free_port()
    started = run_twistd(tmp_path, *DAEMON, "--listen", f"tcp:{port}:interface=127.0.0.1")
    assert (started.returncode, started.stdout, started.stderr) == (0, "", "")
    pid = int((tmp_path / "chat.pid").read_text())
    assert ask(port, "GET", "/session").status == 200
    assert (tmp_path / "chatcomet.db").exists()
    until(lambda: f"http://localhost:{port}/" in (tmp_path / "chat.log").read_text(), "the log says where the page is")
    with Connection(port) as connection:
        os.kill(pid, signal.SIGTERM)
        until(lambda: not (tmp_path / "chat.pid").exists(), "the pid file goes with the process")
        assert connection.ended()
    assert "Traceback" not in (tmp_path / "chat.log").read_text()


def test_several_endpoints(start_server: StartServer, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    server = start_server("--listen", f"unix:{path}")
    with Connection(path) as connection:
        assert connection.ask("POST", "/rooms/lobby/messages", "text=hi", {"Content-Type": FORM}).status == 201
    assert ask(server.port, "GET", "/chat/get/0").body == b"hi"


def test_a_crowd_may_knock_at_once(server: Server) -> None:
    """As after a restart: they need not be taken in at once, but none is turned away."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        crowd = [Connection(server.port) for _ in range(500)]
    finally:
        os.kill(server.pid, signal.SIGCONT)
    for connection in crowd:
        assert connection.ask("GET", "/session").status == 200
        connection.close()


# Refusals


REFUSED = {
    "a bad store": (("--store", "redis:x"), "names no store"),
    "a store in no folder": (("--store", "sqlite:nowhere/chat.db"), "no directory"),
    "a bad hold": (("--hold", "0"), "--hold should be"),
    "an unknown endpoint": (("--listen", "carrier-pigeon:8080"), "--listen carrier-pigeon:8080"),
    "a certificate that is not there": (("--listen", "ssl:8443:privateKey=no.pem"), "--listen ssl"),
    "a ticket key that is not there": (("--ticket-key", "no.key"), "the key no.key can't be read"),
    "a ticket key that is none": (("--ticket-key", "/dev/null"), "a secret of 0 bytes"),
    "an audience without a key": (("--ticket-audience", "chat"), "needs a --ticket-key"),
    "nobody who could come in": (("--no-guests",), "--no-guests needs --auth or --ticket-key"),
    "a bad rate": (("--post-rate", "10"), "--post-rate: a rate is"),
    "a bad proxy": (("--proxy", "proxy.example"), "--proxy proxy.example"),
    "a policy that is not there": (("--rooms", "nowhere.toml"), "--rooms nowhere.toml: there is no such file"),
    "an unknown option": (("--colour", "red"), "--colour"),
}


@pytest.mark.parametrize(("options", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_option_is_refused(tmp_path: Path, options: tuple[str, ...], reason: str) -> None:
    refused = run_twistd(tmp_path, *FOREGROUND, *options)
    check_refused(refused.returncode, refused.stdout + refused.stderr, reason)
    assert not list(tmp_path.glob("*.db*")), "it leaves no store behind"


def check_refused(status: int, told: str, reason: str) -> None:
    """One sentence, at the end, says why it does not start."""
    assert status == 1
    assert "Traceback" not in told
    assert reason in told.splitlines()[-1]


@pytest.fixture
def used_port() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_in_use_is_refused(tmp_path: Path, used_port: int) -> None:
    refused = run_twistd(tmp_path, *FOREGROUND, "--listen", f"tcp:{used_port}:interface=127.0.0.1")
    check_refused(refused.returncode, refused.stdout + refused.stderr, f"can't listen on tcp:{used_port}")


def test_a_daemon_is_refused_a_port_in_use(tmp_path: Path, used_port: int) -> None:
    refused = run_twistd(tmp_path, *DAEMON, "--listen", f"tcp:{used_port}:interface=127.0.0.1")
    assert refused.returncode == 1
    assert f"can't listen on tcp:{used_port}" in refused.stderr
    assert "Traceback" not in refused.stderr
    until(lambda: not (tmp_path / "chat.pid").exists(), "it leaves no pid file behind")


@pytest.mark.parametrize("arguments", [FOREGROUND, DAEMON], ids=["foreground", "daemon"])
def test_a_second_server_on_one_database_is_refused(server: Server, arguments: tuple[str, ...]) -> None:
    listen = f"tcp:{free_port()}:interface=127.0.0.1"
    refused = run_twistd(server.folder, *arguments, "--listen", listen, "--store", "sqlite:chat.db")
    check_refused(refused.returncode, refused.stdout + refused.stderr, "is in use by another chatcomet")
    assert ask(server.port, "POST", "/chat/post", "message=still+there", {"Content-Type": FORM}).status == 200


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "chatcomet.db") as database:
        database.execute("PRAGMA user_version = 999")
    database.close()
    refused = run_twistd(tmp_path, *FOREGROUND, "--listen", f"tcp:{free_port()}")
    check_refused(refused.returncode, refused.stdout + refused.stderr, "chatcomet.db")


def test_what_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "chatcomet.db").write_bytes(b"my thesis" * 1000)
    refused = run_twistd(tmp_path, *FOREGROUND, "--listen", f"tcp:{free_port()}")
    check_refused(refused.returncode, refused.stdout + refused.stderr, "chatcomet.db")
    assert (tmp_path / "chatcomet.db").read_bytes() == b"my thesis" * 1000
