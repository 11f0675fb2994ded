"""The command ``chatcomet`` and who may: tickets that it makes, and tickets and passwords that it shows."""

from __future__ import annotations

import os
import pty
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest

from tests.integration.command import CHATCOMET, END_SECONDS, environment, run, spawn
from tests.integration.plain_client import ask
from tests.integration.server import Server

# ticket


def test_a_ticket_is_all_that_is_printed(tmp_path: Path) -> None:
    key = tmp_path / "tickets.key"
    made = run("", "ticket-key", str(key))
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    assert key.stat().st_mode & 0o777 == 0o600
    words = ("--name", "ada", "--grant", "team-*:read,post", "--grant", "lobby:read", "--for", "1h", "--id", "t-1")
    ended = run("", "ticket", "--key", str(key), *words)
    assert (ended.returncode, ended.stderr) == (0, "")
    claims = jwt.decode(ended.stdout.removesuffix("\n"), key.read_text().strip(), ["HS256"])
    assert claims.pop("exp") - claims.pop("iat") == 3_600
    assert claims == {"sub": "ada", "jti": "t-1", "grants": {"lobby": ["read"], "team-*": ["read", "post"]}}


def test_a_private_key_signs_what_its_public_key_checks(tmp_path: Path) -> None:
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    for algorithm, name in ((("ed25519",), "EdDSA"), (("rsa", "-pkeyopt", "rsa_keygen_bits:2048"), "RS256")):
        subprocess.run(["openssl", "genpkey", "-quiet", "-out", private, "-algorithm", *algorithm], check=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
        ended = run("", "ticket", "--key", str(private), "--name", "ada")
        assert jwt.decode(ended.stdout.strip(), public.read_text(), [name])["sub"] == "ada"
        assert run("", "ticket", "--key", str(public), "--name", "ada").returncode == 2


def test_what_no_ticket_can_be_made_of(tmp_path: Path) -> None:
    key = tmp_path / "tickets.key"
    for content, words, reason in (
        ("short", (), "a secret of 5 bytes"),
        ("x" * 32, ("--grant", "*:raed"), "one of read, post, moderate, as"),
        ("x" * 32, ("--name", "guest"), "nobody can be called guest"),
        ("x" * 32, ("--for", "soon"), "30s, 15m, 1h"),
    ):
        key.write_text(content)
        ended = run("", "ticket", "--key", str(key), "--name", "ada", *words)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert reason in ended.stderr
        assert "Traceback" not in ended.stderr
    ended = run("", "ticket", "--key", str(tmp_path / "nowhere"), "--name", "ada")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"chatcomet: the key {tmp_path}/nowhere can't be read: No such file or directory\n"


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    key = tmp_path / "tickets.key"
    key.write_text("precious")
    ended = run("", "ticket-key", str(key))
    assert (ended.returncode, ended.stdout, key.read_text()) == (74, "", "precious")
    assert ended.stderr == f"chatcomet: [Errno 17] File exists: '{key}'\n"


# Who may


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without guests; its folder has the key of its tickets."""
    folder = tmp_path_factory.mktemp("closed")
    (folder / "key").write_text("x" * 32)
    passwd = [CHATCOMET, "passwd", str(folder / "passwords"), "ada"]
    subprocess.run(passwd, input="s3cret", text=True, check=True)
    auth = f"argon2:{folder / 'passwords'}"
    server = Server(folder, "--no-guests", "--auth", auth, "--ticket-key", str(folder / "key"))
    server.start()
    yield server
    server.close()


def issue(server: Server, **claims: object) -> str:
    """A ticket for bob."""
    said = {"sub": "bob", "exp": time.time() + 60, "grants": {"*": ["read", "post"]}, **claims}
    return jwt.encode(said, (server.folder / "key").read_text(), "HS256")


def authors(server: Server, room: str) -> list[str]:
    """Who has posted."""
    ticket = issue(server)
    page = ask(server.port, "GET", f"/rooms/{room}/messages", headers={"Authorization": f"Bearer {ticket}"}).json()
    return [message["author"] for message in page["messages"]]


def test_a_ticket_or_an_account_lets_one_in(closed: Server, room: str, tmp_path: Path) -> None:
    file = tmp_path / "ticket"
    file.write_text(issue(closed) + "\n")
    assert run(closed.url, "post", room, "one", "--ticket-file", str(file)).returncode == 0
    assert run(closed.url, "post", room, "two", CHATCOMET_TICKET=issue(closed)).returncode == 0
    ended = run(closed.url, "post", room, "--user", "Ada", stdin="three\nfour", CHATCOMET_PASSWORD="s3cret")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert authors(closed, room) == ["bob", "bob", "ada", "ada"]
    words = ("tail", room, "--from-start", "--count", "4", "--ticket-file", str(file))
    assert len(run(closed.url, *words).stdout.splitlines()) == 4
    assert "s3cret" not in closed.log


def test_who_is_not_let_in_is_told(closed: Server, room: str, tmp_path: Path) -> None:
    (tmp_path / "ticket").write_text(issue(closed, grants={"*": ["read"]}))
    words = ("post", room, "hello")
    for more, environ, told in (
        ((), {}, "you have to sign in, or to have a ticket, to post in this room (see --user and --ticket-file)"),
        ((), {"CHATCOMET_TICKET": "a.b.c"}, "ticket"),
        ((), {"CHATCOMET_TICKET": issue(closed, exp=time.time() - 1)}, "expired"),
        (("--user", "ada"), {"CHATCOMET_PASSWORD": "wrong"}, "the name or the password is wrong"),
        (("--ticket-file", str(tmp_path / "ticket")), {}, "you may not post in this room"),
    ):
        ended = run(closed.url, *words, *more, **environ)
        assert (ended.returncode, ended.stdout) == (77, ""), ended.stderr
        assert told in ended.stderr
        assert len(ended.stderr.splitlines()) == 1
    assert run(closed.url, "tail", room, CHATCOMET_TICKET="a.b.c").returncode == 77
    assert run(closed.url, "rooms", CHATCOMET_TICKET="a.b.c").returncode == 77
    assert authors(closed, room) == []


def test_what_is_wrong_with_a_ticket_or_a_password_is_told(closed: Server, tmp_path: Path) -> None:
    missing = run(closed.url, "rooms", "--ticket-file", str(tmp_path / "ticket"))
    assert (missing.returncode, missing.stdout) == (74, "")
    assert "No such file" in missing.stderr
    (tmp_path / "ticket").write_text("no ticket")
    for words in (("rooms", "--ticket-file", str(tmp_path / "ticket")), ("rooms", "--user", "a:b")):
        wrong = run(closed.url, *words, CHATCOMET_PASSWORD="x")
        assert (wrong.returncode, wrong.stdout) == (2, "")
        assert "Traceback" not in wrong.stderr
    unasked = subprocess.run(
        [CHATCOMET, "rooms", "--user", "ada"],
        env=environment(closed.url, {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
        start_new_session=True,  # without a terminal
    )
    assert (unasked.returncode, unasked.stdout) == (2, "")
    assert "CHATCOMET_PASSWORD" in unasked.stderr


def test_a_password_is_asked_for_while_the_messages_come_by_a_pipe(closed: Server, room: str) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        script = f"printf 'one\ntwo\n' | {CHATCOMET} post {room} --user ada"
        os.execve("/bin/sh", ["sh", "-c", script], environment(closed.url, {}))
    seen = b""
    while b"Password for ada: " not in seen:
        seen += os.read(terminal, 1_024)
    os.write(terminal, b"s3cret\n")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    assert authors(closed, room) == ["ada", "ada"]


def test_a_tail_outlives_its_ticket_where_the_file_is_renewed(
    processes: list[subprocess.Popen[str]], closed: Server, room: str, tmp_path: Path
) -> None:
    file = tmp_path / "ticket"
    assert run(closed.url, "post", room, "one", CHATCOMET_TICKET=issue(closed)).returncode == 0
    end = time.time() + 6
    file.write_text(issue(closed, exp=end))
    process = spawn(processes, closed.url, "tail", room, "--from-start", "--ticket-file", str(file))
    assert process.stdout is not None
    assert process.stdout.readline().endswith("bob: one\n")
    (tmp_path / "next").write_text(issue(closed))
    (tmp_path / "next").replace(file)
    time.sleep(max(end + 1 - time.time(), 0))
    assert run(closed.url, "post", room, "two", CHATCOMET_TICKET=issue(closed)).returncode == 0
    assert process.stdout.readline().endswith("bob: two\n")
