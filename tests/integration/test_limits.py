"""What is too long, before it is read: each refusal reaches a client that is still sending, and ends the connection."""

from __future__ import annotations

import pytest

from tests.integration.plain_client import FORM, Answer, Connection, ask, cursor, request
from tests.integration.server import Server

MEGABYTE = b"x" * 1024 * 1024


def check_refused(connection: Connection, status_line: str, name: str) -> Answer:
    """The next answer refuses, by a problem, and the connection ends."""
    answer = connection.read()
    assert answer.status_line == f"HTTP/1.1 {status_line}"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["type"] == f"/problems/{name}"
    assert answer.json()["status"] == answer.status
    assert connection.ended()
    return answer


def posting(*headers: str) -> bytes:
    """The head of a post."""
    lines = ["POST /chat/post HTTP/1.1", "Host: localhost", f"Content-Type: {FORM}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


@pytest.mark.parametrize("sent", [0, 1, 9, 10])
def test_a_declared_body_too_long_is_refused_before_it_is_read(shared_server: Server, sent: int) -> None:
    before = cursor(shared_server.port, "lobby")
    with Connection(shared_server.port) as connection:
        connection.send(posting(f"Content-Length: {10 * len(MEGABYTE)}"))
        for _ in range(sent):
            connection.send(MEGABYTE)
        check_refused(connection, "413 Request Entity Too Large", "too-long")
    assert cursor(shared_server.port, "lobby") == before


def test_the_refusal_is_heard_while_the_client_goes_on_sending(shared_server: Server) -> None:
    with Connection(shared_server.port) as connection:
        connection.send(posting(f"Content-Length: {10 * len(MEGABYTE)}") + b"message=")
        answer = connection.read()
        for _ in range(10):
            connection.send(MEGABYTE)  # would raise if the server had reset the connection
        assert answer.status == 413


def test_a_body_of_chunks_without_end_is_refused(shared_server: Server) -> None:
    before = cursor(shared_server.port, "lobby")
    with Connection(shared_server.port) as connection:
        connection.send(posting("Transfer-Encoding: chunked"))
        for _ in range(10):
            connection.send(b"100000\r\n" + MEGABYTE + b"\r\n")
        check_refused(connection, "413 Request Entity Too Large", "too-long")
    assert cursor(shared_server.port, "lobby") == before


def test_whoever_asks_first_is_told_before_sending(shared_server: Server) -> None:
    with Connection(shared_server.port) as connection:
        connection.send(posting("Content-Length: 65537", "Expect: 100-continue"))
        check_refused(connection, "413 Request Entity Too Large", "too-long")
    with Connection(shared_server.port) as connection:
        connection.send(posting("Content-Length: 10", "Expect: 100-continue"))
        while connection.receive(1) and not connection.received.endswith(b"\r\n\r\n"):
            pass
        assert connection.received == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_the_longest_body_is_read(shared_server: Server) -> None:
    pad = "a" * (64 * 1024 - len("message=hi&pad="))
    answer = ask(shared_server.port, "POST", "/chat/post", f"message=hi&pad={pad}", {"Content-Type": FORM})
    assert answer.status == 400, "read, and then refused for its second field"


@pytest.mark.parametrize("length", [9 * 1024, 100 * 1024, 2 * 1024 * 1024])
def test_a_first_line_too_long_is_refused(shared_server: Server, length: int) -> None:
    with Connection(shared_server.port) as connection:
        connection.send(request("GET", "/" + "x" * length))
        check_refused(connection, "414 Request-URI Too Long", "uri-too-long")


def test_a_first_line_without_end_is_refused(shared_server: Server) -> None:
    with Connection(shared_server.port) as connection:
        connection.send(b"GET /" + b"x" * 20_000)
        check_refused(connection, "414 Request-URI Too Long", "uri-too-long")


@pytest.mark.parametrize("length", [9 * 1024, 2 * 1024 * 1024])
def test_a_header_line_too_long_is_refused(shared_server: Server, length: int) -> None:
    with Connection(shared_server.port) as connection:
        connection.send(request("GET", "/chat", headers={"X-Long": "x" * length}))
        check_refused(connection, "431 Request Header Fields Too Large", "header-too-long")


@pytest.mark.parametrize("lines", [40, 10_000])
def test_a_header_too_long_in_all_is_refused(shared_server: Server, lines: int) -> None:
    headers = {f"X-{number}": "x" * 1000 for number in range(lines)}
    with Connection(shared_server.port) as connection:
        connection.send(request("GET", "/chat", headers=headers))
        check_refused(connection, "431 Request Header Fields Too Large", "header-too-long")


def test_headers_within_the_limits_are_read(shared_server: Server) -> None:
    headers = {f"X-{number}": "x" * 7000 for number in range(3)}
    assert ask(shared_server.port, "GET", "/chat?" + "x" * 7000, headers=headers).status == 302


BROKEN = {
    "no HTTP": b"hello\r\n\r\n",
    "TLS on the plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a header without a colon": b"GET /chat HTTP/1.1\r\nHost chat.example\r\n\r\n",
    "two lengths": posting("Content-Length: 10", "Content-Length: 11") + b"message=hi!",
    "a length that is none": posting("Content-Length: -1"),
    "a length and chunks": posting("Content-Length: 10", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "an unknown transfer encoding": posting("Transfer-Encoding: gzip") + b"x",
    "chunks that are none": posting("Transfer-Encoding: chunked") + b"zz\r\n\r\n",
}


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_request_is_refused(shared_server: Server, sent: bytes) -> None:
    before = cursor(shared_server.port, "lobby")
    with Connection(shared_server.port) as connection:
        connection.send(sent)
        check_refused(connection, "400 Bad Request", "malformed")
    assert cursor(shared_server.port, "lobby") == before


def test_what_follows_a_refusal_is_not_carried_out(shared_server: Server) -> None:
    before = cursor(shared_server.port, "lobby")
    with Connection(shared_server.port) as connection:
        whole = request("POST", "/chat/post", "message=smuggled", {"Content-Type": FORM})
        connection.send(posting("Content-Length: 70000") + whole * 700)
        check_refused(connection, "413 Request Entity Too Large", "too-long")
    assert cursor(shared_server.port, "lobby") == before


def test_a_refusal_comes_after_the_answers_before_it(shared_server: Server) -> None:
    """A suspended poll, and behind it a request too long: the order of answers is the order of requests."""
    epoch, head = cursor(shared_server.port, "lobby")
    with Connection(shared_server.port) as connection:
        connection.send(request("GET", f"/rooms/lobby/messages?cursor={epoch}.{head}&wait=1"))
        connection.send(request("GET", "/" + "x" * 9000))
        assert connection.read().json()["cursor"] == f"{epoch}.{head}"
        check_refused(connection, "414 Request-URI Too Long", "uri-too-long")
