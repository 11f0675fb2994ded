"""The command ``chatcomet`` as a process: pipes, exit codes, signals."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.command import CHATCOMET, END_SECONDS, SOON_SECONDS, environment, run, spawn
from tests.integration.conftest import StartServer
from tests.integration.plain_client import ask, post_json
from tests.integration.server import Server, free_port


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
    environ = environment(shared_server.url, {})
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
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
        env=environment(shared_server.url, {}),
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
            env=environment(shared_server.url, {}),
        )
    assert (ended.returncode, ended.stderr) == (74, "chatcomet: [Errno 28] No space left on device\n")
