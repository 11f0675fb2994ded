"""The limits that an operator has set, on a running server; what does not go together does not start."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.integration.plain_client import FORM, JSON, Connection, ask, post_json, request
from tests.integration.server import Server, run_twistd
from tests.integration.test_limits import check_refused

TEXT, DATA, BODY, PAGE, LINE, HEADER = 500, 1_000, 8_200, 4_000, 2_100, 4_200
HEADER_SECONDS, BODY_SECONDS, IDLE_SECONDS = 1.0, 2.0, 5.0
LATE_SECONDS = 3.0
"""So much later than it should an end may come, on a machine that has much to do."""

LANES = {"fast": "/rooms/lobby/messages", "Klein's": "/rooms/lobby/message%73"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """All limits are less than usual."""
    server = Server(
        tmp_path_factory.mktemp("limited"),
        *("--text-characters", str(TEXT), "--data-bytes", str(DATA), "--body-bytes", str(BODY)),
        *("--page-bytes", str(PAGE), "--line-bytes", str(LINE), "--header-bytes", str(HEADER)),
        *("--header-seconds", str(HEADER_SECONDS), "--body-seconds", str(BODY_SECONDS)),
        *("--idle-seconds", str(IDLE_SECONDS), "--auth", "memory:ada:secret", "--sign-in-tries", "2"),
    )
    server.start()
    yield server
    assert "a fault in" not in server.log
    server.close()


@pytest.mark.parametrize("path", LANES.values(), ids=LANES.keys())
def test_what_is_too_long_to_be_posted(server: Server, path: str) -> None:
    def status(document: object) -> int:
        answer = ask(server.port, "POST", path, json.dumps(document), {"Content-Type": JSON})
        assert answer.status == 201 or answer.json()["type"] == "/problems/too-long"
        assert "retry-after" not in answer.headers, "it will never fit"
        return answer.status

    assert status({"text": "😀" * TEXT}) == 201, "escaped, it fits a body"
    assert status({"text": "x" * (TEXT + 1)}) == 413
    assert status({"text": "", "data": "x" * (DATA - 2)}) == 201
    assert status({"text": "", "data": "x" * (DATA - 1)}) == 413
    assert status({"text": "x" * BODY}) == 413


def test_the_longest_text_of_a_form(server: Server) -> None:
    assert (
        ask(server.port, "POST", "/chat/post", "message=" + "%F0%9F%98%80" * TEXT, {"Content-Type": FORM}).status == 200
    )


def test_clients_are_told(server: Server) -> None:
    assert ask(server.port, "GET", "/session").json()["limits"] == {"text": TEXT, "data": DATA}


def test_a_page_has_no_more(server: Server) -> None:
    for number in range(10):
        assert post_json(server.port, "pages", {"text": f"{number}" * TEXT}).status == 201
    page = ask(server.port, "GET", "/rooms/pages/messages").json()["messages"]
    assert (4 <= len(page) < 8, page[-1]["seq"]) == (True, 9)
    seen = 0
    cursor = ask(server.port, "GET", "/rooms/pages").json()["cursor"].partition(".")[0] + ".0"
    while seen < 10:
        page = ask(server.port, "GET", f"/rooms/pages/messages?cursor={cursor}&wait=0").json()
        assert [message["seq"] for message in page["messages"]] == list(range(seen, seen + len(page["messages"])))
        assert 1 <= len(page["messages"]) < 8
        seen, cursor = seen + len(page["messages"]), page["cursor"]


@pytest.mark.parametrize("path", ["/rooms/lobby/messages", "/session"])
def test_what_is_too_long_to_be_read(server: Server, path: str) -> None:
    for target, headers, status_line, name in (
        (path + "?x=" + "x" * LINE, {}, "414 Request-URI Too Long", "uri-too-long"),
        (path, {"X": "x" * LINE}, "431 Request Header Fields Too Large", "header-too-long"),
        (path, dict.fromkeys("XYZ", "x" * 1_500), "431 Request Header Fields Too Large", "header-too-long"),
    ):
        with Connection(server.port) as connection:
            connection.send(request("GET", target, headers=headers))
            assert "retry-after" not in check_refused(connection, status_line, name).headers
    assert ask(server.port, "GET", path + "?x=" + "x" * 1_500, headers={"X": "x" * 1_500}).status == 200


@pytest.mark.parametrize(
    ("begun", "seconds"),
    [
        (b"GET / HT", HEADER_SECONDS),
        (b"POST /chat/post HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n", BODY_SECONDS),
    ],
    ids=["header", "body"],
)
def test_what_is_too_slow(server: Server, begun: bytes, seconds: float) -> None:
    with Connection(server.port) as connection:
        began = time.monotonic()
        connection.send(begun)
        check_refused(connection, "408 Request Timeout", "too-slow")
        assert seconds - 0.1 <= time.monotonic() - began < seconds + 2.0 + LATE_SECONDS


@pytest.mark.parametrize(
    "asked", ["", "/rooms/lobby/messages?cursor={cursor}&wait=0", "/session"], ids=["nothing", "poll", "else"]
)
def test_who_is_idle(server: Server, asked: str) -> None:
    cursor = ask(server.port, "GET", "/rooms/lobby").json()["cursor"]
    with Connection(server.port) as connection:
        began = time.monotonic()
        if asked:
            assert connection.ask("GET", asked.format(cursor=cursor)).status == 200
        assert connection.ended()
        assert IDLE_SECONDS - 0.1 <= time.monotonic() - began < IDLE_SECONDS + LATE_SECONDS


def test_a_poll_waits_longer_than_one_may_be_idle(server: Server) -> None:
    cursor = ask(server.port, "GET", "/rooms/quiet").json()["cursor"]
    with Connection(server.port) as connection:
        wait = IDLE_SECONDS + 1
        assert connection.ask("GET", f"/rooms/quiet/messages?cursor={cursor}&wait={wait:g}").json()["messages"] == []
        assert connection.ask("GET", "/session").status == 200


def test_a_socket_has_the_same_limits(server: Server) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/rooms/socket/socket") as talk:
        talk.send(json.dumps({"post": {"key": "0123456789abcdef", "text": "x" * (TEXT + 1)}}))
        talk.recv(10)
        assert json.loads(talk.recv(10))["problem"]["type"] == "/problems/too-long"
        talk.send("x" * (BODY + 1))
        with pytest.raises(ConnectionClosed) as closed:
            talk.recv(10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


def test_how_many_sign_ins_may_fail(server: Server) -> None:
    secret = b64encode(b"ada:wrong").decode()
    answers = [ask(server.port, "GET", "/session", headers={"Authorization": f"Basic {secret}"}) for _ in range(3)]
    assert [answer.status for answer in answers] == [401, 401, 429]
    assert answers[-1].headers["retry-after"] == "1"


def test_what_does_not_go_together_does_not_start(tmp_path: Path) -> None:
    told = run_twistd(tmp_path, "--nodaemon", "--pidfile=", "chatcomet", "--data-bytes", "65536")
    assert told.returncode == 1
    wrong = "--body-bytes should be 114560 at least, and not 65536: the longest message"
    assert wrong in (told.stdout + told.stderr).splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
