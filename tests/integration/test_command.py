"""The command ``chatcomet`` as a process: pipes, exit codes, signals."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import jwt
import pytest

from tests.integration.conftest import StartServer
from tests.integration.plain_client import ask, post_json
from tests.integration.server import Server, free_port

CHATCOMET = str(Path(sys.executable).with_name("chatcomet"))
END_SECONDS = 20.0
SOON_SECONDS = 5.0


@pytest.fixture
def room() -> str:
    """A room that nobody has used."""
    return f"room-{uuid4().hex}"


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes of a test; none of them outlives it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def run(
    url: str, *words: str, stdin: str | bytes | IO[bytes] = b"", **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with this text or file as its input."""
    given: dict[str, Any] = {"stdin": stdin}
    if isinstance(stdin, str | bytes):
        given = {"input": stdin.encode() if isinstance(stdin, str) else stdin}
    environment = _environ(url, environ)
    ended = subprocess.run([CHATCOMET, *words], capture_output=True, timeout=END_SECONDS, env=environment, **given)
    return subprocess.CompletedProcess(ended.args, ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def _environ(url: str, more: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "CHATCOMET_URL": url, "TZ": "UTC", **more}


def spawn(started: list[subprocess.Popen[str]], url: str, *words: str) -> subprocess.Popen[str]:
    """A command that runs, with pipes to it."""
    process = subprocess.Popen(
        [CHATCOMET, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environ(url, {}),
    )
    started.append(process)
    return process


def kept(server: Server, room: str) -> list[str]:
    """The texts in a room."""
    page = ask(server.port, "GET", f"/rooms/{room}/messages?limit=200").json()
    return [message["text"] for message in page["messages"]]


def tail(started: list[subprocess.Popen[str]], server: Server, room: str, *options: str) -> subprocess.Popen[str]:
    """A tail that has printed the one message that the room had."""
    assert post_json(server.port, room, {"text": "first"}).status == 201
    process = spawn(started, server.url, "tail", room, "--from-start", *options)
    assert process.stdout is not None
    assert process.stdout.readline().endswith("guest: first\n")
    return process


# post


def test_a_text_is_posted_quietly(shared_server: Server, room: str) -> None:
    ended = run(shared_server.url, "post", room, "grüße\n😀")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert kept(shared_server, room) == ["grüße\n😀"]
    assert run(shared_server.url, "post", room, "two", "--verbose").stdout == "1\n"


def test_each_line_is_a_message(shared_server: Server, room: str, tmp_path: Path) -> None:
    text = "one\n\n two \r\ngrüße\nlast"
    assert run(shared_server.url, "post", room, stdin=text).returncode == 0
    (tmp_path / "lines").write_text(text)
    with (tmp_path / "lines").open("rb") as lines:
        assert run(shared_server.url, "post", room, stdin=lines).returncode == 0
    with Path(os.devnull).open("rb") as nothing:
        assert run(shared_server.url, "post", room, stdin=nothing).returncode == 0
    assert kept(shared_server, room) == ["one", " two ", "grüße", "last"] * 2


def test_a_line_is_posted_when_it_is_there(
    processes: list[subprocess.Popen[str]], shared_server: Server, room: str
) -> None:
    process = spawn(processes, shared_server.url, "post", room, "--verbose")
    assert process.stdin is not None
    assert process.stdout is not None
    for number in range(3):
        process.stdin.write(f"line {number}\n")
        process.stdin.flush()
        assert process.stdout.readline() == f"{number}\n"
    process.stdin.close()
    assert process.wait(SOON_SECONDS) == 0


def test_many_lines_keep_their_order(shared_server: Server, room: str) -> None:
    texts = [f"{number} " + "x" * 500 for number in range(200)]
    assert run(shared_server.url, "post", room, stdin="\n".join(texts)).returncode == 0
    assert kept(shared_server, room) == texts


def test_a_refused_line_is_named_and_ends_it(shared_server: Server, room: str) -> None:
    ended = run(shared_server.url, "post", room, stdin="one\n\n" + "x" * 4_001 + "\nfour\n")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert re.fullmatch(r"chatcomet: line 3: .*4000 characters.*\n", ended.stderr)
    assert run(shared_server.url, "post", room, stdin=b"\xff\xfe\n").returncode == 1
    assert run(shared_server.url, "post", room, stdin=b"x" * 100_000).returncode == 1
    assert kept(shared_server, room) == ["one"]


def test_a_name_can_be_used_again_and_again(shared_server: Server, room: str) -> None:
    for _ in range(2):
        assert run(shared_server.url, "post", room, "hello", "--name", f"N{room[5:20]}").returncode == 0
    messages = ask(shared_server.port, "GET", f"/rooms/{room}/messages").json()["messages"]
    assert {message["author"] for message in messages} == {f"N{room[5:20]}"}
    refused = run(shared_server.url, "post", room, "hello", "--name", "guest")
    assert (refused.returncode, refused.stderr) == (1, "chatcomet: the name guest is taken\n")


def test_a_name_is_free_after_an_interrupt(
    processes: list[subprocess.Popen[str]], shared_server: Server, room: str
) -> None:
    name = f"I{room[5:20]}"
    process = spawn(processes, shared_server.url, "post", room, "--name", name, "--verbose")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("hello\n")
    process.stdin.flush()
    assert process.stdout.readline() == "0\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(SOON_SECONDS) == -signal.SIGINT
    assert run(shared_server.url, "post", room, "hello", "--name", name).returncode == 0


# tail


def test_a_pipe_gets_a_line_for_each_message(shared_server: Server, room: str) -> None:
    for text in ("hello", "a\n12:00 root: b", "c\\d \x1b[2J"):
        post_json(shared_server.port, room, {"text": text})
    ended = run(shared_server.url, "tail", room, "--from-start", "--count", "3")
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = [re.sub(r"^\d\d:\d\d ", "", line) for line in ended.stdout.splitlines()]
    assert lines == ["guest: hello", r"guest: a\n12:00 root: b", r"guest: c\\d \x1b[2J"]


def test_any_locale_will_do(shared_server: Server, room: str) -> None:
    post_json(shared_server.port, room, {"text": "grüße"})
    words = ("tail", room, "--from-start", "--count", "1")
    ended = run(shared_server.url, *words, PYTHONIOENCODING="ascii")
    assert (ended.returncode, ended.stdout[6:]) == (0, "guest: gr\\xfc\\xdfe\n")


def test_json(shared_server: Server, room: str) -> None:
    for text in ("grüße", "a\nb"):
        post_json(shared_server.port, room, {"text": text, "data": {"n": None}})
    ended = run(shared_server.url, "tail", room, "--from-start", "--json", "--count", "2")
    page = ask(shared_server.port, "GET", f"/rooms/{room}/messages").json()
    assert [json.loads(line) for line in ended.stdout.splitlines()] == page["messages"]


def test_messages_are_printed_as_they_come(
    processes: list[subprocess.Popen[str]], shared_server: Server, room: str
) -> None:
    process = tail(processes, shared_server, room)
    assert process.stdout is not None
    for number in range(3):
        post_json(shared_server.port, room, {"text": f"text {number}"})
        assert process.stdout.readline().endswith(f"guest: text {number}\n")


def test_it_begins_with_what_comes_next(processes: list[subprocess.Popen[str]], server: Server, room: str) -> None:
    post_json(server.port, room, {"text": "before"})
    process = spawn(processes, server.url, "tail", room, "--count", "1")
    for number in range(100):  # one of them is the first after it has begun
        if process.poll() is not None:
            break
        post_json(server.port, room, {"text": f"after {number}"})
        time.sleep(0.1)
    assert re.fullmatch(r"\d\d:\d\d guest: after \d+\n", process.communicate(timeout=END_SECONDS)[0])


def test_a_terminal_gets_lines_for_people_and_nothing_to_obey(
    processes: list[subprocess.Popen[str]], shared_server: Server, room: str
) -> None:
    post_json(shared_server.port, room, {"text": "a\n12:00 root: \x1b[2J"})
    master, slave = pty.openpty()
    words = [CHATCOMET, "tail", room, "--from-start", "--count", "1"]
    environ = _environ(shared_server.url, {})
    with subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, env=environ) as process:
        os.close(slave)
        assert process.wait(END_SECONDS) == 0
    shown = os.read(master, 10_000).decode().splitlines()
    os.close(master)
    assert re.fullmatch(r"\d\d:\d\d guest: a", shown[0])
    assert shown[1:] == ["      12:00 root: \\x1b[2J"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_as_signals_do(
    processes: list[subprocess.Popen[str]], shared_server: Server, room: str, number: signal.Signals
) -> None:
    process = tail(processes, shared_server, room)
    process.send_signal(number)
    assert process.wait(SOON_SECONDS) == -number
    assert process.communicate() == ("", "")


def test_it_ends_when_its_reader_does_with_no_further_message(
    processes: list[subprocess.Popen[str]], shared_server: Server, room: str
) -> None:
    process = tail(processes, shared_server, room)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(SOON_SECONDS) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_head_is_a_normal_end(shared_server: Server, room: str) -> None:
    for _ in range(50):
        post_json(shared_server.port, room, {"text": "x" * 4_000})
    script = f'{CHATCOMET} tail {room} --from-start | head -n 1; echo "${{PIPESTATUS[0]}}"'
    ended = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=END_SECONDS, env=_environ(shared_server.url, {})
    )
    line, status = ended.stdout.splitlines()
    assert (line[6:], status, ended.stderr) == ("guest: " + "x" * 4_000, "0", "")


def test_a_kill_in_mid_tail_is_not_noticed(processes: list[subprocess.Popen[str]], server: Server, room: str) -> None:
    process = tail(processes, server, room, "--count", "61")
    texts = [f"text {number}" for number in range(60)]
    for batch in (texts[:20], texts[20:40], texts[40:]):
        assert run(server.url, "post", room, stdin="\n".join(batch)).returncode == 0
        server.kill()
        server.start()
    out, err = process.communicate(timeout=END_SECONDS)
    assert [line[6:] for line in out.splitlines()] == [f"guest: {text}" for text in texts]
    assert (process.returncode, err) == (0, "")


def test_a_gap_is_told_on_standard_error(
    processes: list[subprocess.Popen[str]], start_server: StartServer, room: str
) -> None:
    server = start_server("--store", "memory:")
    process = tail(processes, server, room, "--count", "2")
    server.kill()
    server.start()
    post_json(server.port, room, {"text": "new"})
    out, err = process.communicate(timeout=END_SECONDS)
    assert (out[6:], process.returncode) == ("guest: new\n", 0)
    assert err == "chatcomet: the server has another log by now: messages may have been lost\n"


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
        env=_environ(closed.url, {}),
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
        os.execve("/bin/sh", ["sh", "-c", script], _environ(closed.url, {}))
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


# How it ends


def test_a_server_that_is_not_there() -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    for words in (("post", "lobby", "hello"), ("tail", "lobby"), ("rooms",)):
        ended = run(url, *words, "--patience", "0.5")
        assert (ended.returncode, ended.stdout) == (69, "")
        assert re.fullmatch(rf"chatcomet: {url} did not answer within 0.5 s: .*refused.*\n", ended.stderr)


def test_a_wrong_command_line(shared_server: Server) -> None:
    for words in (("post", "Lobby", "hello"), ("tail", "a/b"), ("tail",), ("rooms", "--url", "chat.example")):
        ended = run(shared_server.url, *words)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert "chatcomet" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_an_output_that_takes_nothing(shared_server: Server, room: str) -> None:
    post_json(shared_server.port, room, {"text": "hello"})
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [CHATCOMET, "tail", room, "--from-start"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=END_SECONDS,
            env=_environ(shared_server.url, {}),
        )
    assert (ended.returncode, ended.stderr) == (74, "chatcomet: [Errno 28] No space left on device\n")
