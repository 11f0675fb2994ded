"""The rooms' policy of a running server: read at the start, and again at SIGHUP."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.integration.conftest import StartServer
from tests.integration.plain_client import ask
from tests.integration.server import Server, free_port, run_twistd
from tests.integration.test_start import DAEMON, FOREGROUND, check_refused, until

READ_AGAIN = "the rooms' policy was read again"
NOT_CHANGED = "the rooms' policy was not changed"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A policy."""
    path = tmp_path / "rooms.toml"
    path.write_text('[[rooms]]\nname = "lobby"\nread = "members"')
    return path


@pytest.fixture
def governed(start_server: StartServer, path: Path) -> Server:
    """A server with it."""
    return start_server("--rooms", str(path))


def hang_up(server: Server, says: str, times: int = 1) -> None:
    """Let it read its policy again; wait until it has said, for so many times, how that went."""
    os.kill(server.pid, signal.SIGHUP)
    until(lambda: server.log.count(says) == times, f"it says: {says}")
    assert ask(server.port, "GET", "/session").status == 200


def test_is_read_again_at_each_hangup(governed: Server) -> None:
    for times in (1, 2, 3):
        hang_up(governed, READ_AGAIN, times)


def test_tells_the_names_of_closed_rooms_to_nobody_who_may_not_enter(governed: Server, path: Path) -> None:
    path.write_text('[[rooms]]\nname = "merger-*"\nread = ["ada"]\n[[rooms]]\nname = "news"\npost = []')
    hang_up(governed, READ_AGAIN)
    told = ask(governed.port, "GET", "/session")
    assert told.json()["grants"] == {"news": ["read"], "*": ["read", "post", "create"]}
    for room, actions in (("news", ["read"]), ("merger-x", []), ("lobby", ["read", "post", "create"])):
        assert ask(governed.port, "GET", f"/session?room={room}").json()["grants"] == {room: actions}
    assert ask(governed.port, "GET", "/session?room=merger-*").status == 400


def test_one_that_errs_is_refused_with_its_block_and_key(governed: Server, path: Path) -> None:
    path.write_text('[[rooms]]\nname = "lobby"\nread = "friends"')
    hang_up(governed, NOT_CHANGED)
    (line,) = [line for line in governed.log.splitlines() if NOT_CHANGED in line]
    assert f'--rooms {path}: block 1 ("lobby"): read: should be' in line
    assert "Traceback" not in governed.log
    path.write_text("")
    hang_up(governed, READ_AGAIN)


def test_one_that_errs_refuses_the_start(tmp_path: Path, path: Path) -> None:
    path.write_text('[[rooms]]\nname = "lobby"\ncolour = "red"')
    listen = f"tcp:{free_port()}:interface=127.0.0.1"
    refused = run_twistd(tmp_path, *FOREGROUND, "--listen", listen, "--rooms", "rooms.toml")
    check_refused(refused.returncode, refused.stdout + refused.stderr, "'colour' is not known")
    assert not list(tmp_path.glob("*.db*")), "it leaves no store behind"


def test_a_daemon_reads_it_again(tmp_path: Path, path: Path) -> None:
    port = free_port()
    listen = f"tcp:{port}:interface=127.0.0.1"
    started = run_twistd(tmp_path, *DAEMON, "--listen", listen, "--rooms", path.name)
    assert (started.returncode, started.stdout, started.stderr) == (0, "", "")
    pid = int((tmp_path / "chat.pid").read_text())
    log = tmp_path / "chat.log"
    try:
        os.kill(pid, signal.SIGHUP)
        until(lambda: READ_AGAIN in log.read_text(), "it is read again, from where the daemon was started")
        assert ask(port, "GET", "/session").status == 200
    finally:
        os.kill(pid, signal.SIGTERM)
    until(lambda: not (tmp_path / "chat.pid").exists(), "the pid file goes with the process")


def test_without_one_a_hangup_is_what_it_is_to_any_program(start_server: StartServer) -> None:
    server = start_server()
    os.kill(server.pid, signal.SIGHUP)
    assert server.wait() == -signal.SIGHUP
