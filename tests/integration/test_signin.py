"""Who may sign in: files of passwords, as ``chatcomet passwd`` makes them and ``twistd chatcomet`` takes them."""

from __future__ import annotations

import os
import pty
import signal
import stat
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from tests.integration.conftest import StartServer
from tests.integration.plain_client import ask
from tests.integration.server import START_SECONDS, free_port, run_twistd

CHATCOMET = str(Path(sys.executable).with_name("chatcomet"))


def passwd(path: Path, name: str, password: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run ``chatcomet passwd`` with a pipe."""
    command = [CHATCOMET, "passwd", *options, str(path), name]
    return subprocess.run(command, input=password, capture_output=True, text=True, timeout=START_SECONDS)


def at_terminal(path: Path, name: str, *typed: bytes) -> tuple[int, bytes]:
    """Run it with a terminal; how it ended, and all that was seen there."""
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # which is ignored in what a shell runs in the background
        signal.alarm(int(START_SECONDS))  # or nobody would end it
        os.execv(CHATCOMET, [CHATCOMET, "passwd", str(path), name])
    seen = b""
    for line in typed:
        seen += _read_until(terminal, b": ")
        os.write(terminal, line)
    seen += _read_until(terminal, None)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), seen


def _read_until(terminal: int, end: bytes | None) -> bytes:
    """What is written there, until it ends so, or altogether."""
    seen = b""
    while end is None or not seen.endswith(end):
        try:
            read = os.read(terminal, 1_024)
        except OSError:  # nobody has it any more
            return seen
        if not read:
            return seen
        seen += read
    return seen


# The start


def test_a_server_starts_with_a_file_that_the_command_made(start_server: StartServer, tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    for name in ("Ada", "bob"):
        made = passwd(path, name, f"{name}'s\n")
        assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    server = start_server("--auth", f"argon2:{path}")
    assert ask(server.port, "GET", "/session").status == 200
    assert server.stop() == -signal.SIGTERM
    assert "Traceback" not in server.log


REFUSED = {
    "missing": (None, "can't be read: No such file or directory"),
    "malformed": ("# ours\nada:s3cret\n", "line 2: what stands behind 'ada' is no Argon2 hash"),
}
FOREGROUND = ("--nodaemon", "--pidfile=")
DAEMON = ("--pidfile=chat.pid", "--logfile=chat.log")


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("how", [FOREGROUND, DAEMON], ids=["foreground", "daemon"])
def test_a_file_that_is_none_stops_the_start(
    tmp_path: Path, text: str | None, reason: str, how: tuple[str, ...]
) -> None:
    path = tmp_path / "passwords"
    if text is not None:
        path.write_text(text)
    listen = f"tcp:{free_port()}:interface=127.0.0.1"
    refused = run_twistd(tmp_path, *how, "chatcomet", "--listen", listen, "--auth", "argon2:passwords")
    told = refused.stdout + refused.stderr
    assert refused.returncode == 1
    assert "Traceback" not in told
    assert "--auth argon2: " in told.splitlines()[-1]
    assert str(path) in told.splitlines()[-1]
    assert reason in told.splitlines()[-1]
    assert "s3cret" not in told
    assert not list(tmp_path.glob("chat*")), "it leaves nothing behind"


def test_help_lists_the_checkers(tmp_path: Path) -> None:
    told = run_twistd(tmp_path, "chatcomet", "--help-auth")
    assert told.returncode == 0
    for kind in ("argon2", "file", "memory", "unix"):
        assert f"  {kind}" in told.stdout
    told = run_twistd(tmp_path, "chatcomet", "--help-auth-type", "argon2")
    assert "chatcomet passwd FILE NAME" in told.stdout
    assert "WARNING" not in told.stdout


# The command


def test_a_password_is_asked_for_twice_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    status, seen = at_terminal(path, "ada", b"s3cret\n", b"s3cret\n")
    assert status == 0
    assert b"Password for ada: " in seen
    assert b"The same again: " in seen
    assert b"s3cret" not in seen
    assert path.read_text().startswith("ada:$argon2id$")
    before = path.read_text()
    status, _ = at_terminal(path, "ada", b"one\n", b"two\n")
    assert (status, path.read_text()) == (1, before)
    status, _ = at_terminal(path, "ada", b"\x03")
    assert (status, path.read_text()) == (-signal.SIGINT, before)


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    commands = [[CHATCOMET, "passwd", str(path), f"ada{number}"] for number in range(3)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, text=True) for command in commands]
    for process in processes:
        process.communicate("x\n", START_SECONDS)
    assert [process.returncode for process in processes] == [0] * 3
    assert len(path.read_text().splitlines()) == 3
    assert [file.name for file in tmp_path.iterdir()] == ["passwords"]


# Guessing


def test_those_who_have_to_wait_are_counted_in_the_log(start_server: StartServer, tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    path.write_text(f"ada:{hasher.hash('hers')}\n")
    server = start_server("--auth", f"argon2:{path}")
    guess = {"Authorization": "Basic " + b64encode(b"ada:mine").decode(), "X-Forwarded-For": "192.0.2.1"}
    statuses = [ask(server.port, "GET", "/session", headers=guess).status for _ in range(8)]
    assert statuses == [401] * 5 + [429] * 3
    assert server.log.count("a sign-in from 192.0.2.1 has failed") == 5
    assert "too many sign-ins: 1 refused" in server.log
    server.stop()
    assert "too many sign-ins: 2 refused" in server.log, "the others are told at the end of the minute, or of all"
    assert "mine" not in server.log
