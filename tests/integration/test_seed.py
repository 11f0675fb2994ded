"""The seed's protocol, row by row of its table, byte by byte: ``/chat/get/N`` and ``/chat/post``."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest

from tests.integration.conftest import StartServer
from tests.integration.plain_client import FORM, Answer, Connection, ask, cursor, post_text, request, settle
from tests.integration.server import Server

BOUNDARY = "----seed"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


def multipart(*texts: bytes, name: str = "message") -> bytes:
    """A form whose fields are all called `name`."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
    return b"".join(head + text + b"\r\n" for text in texts) + f"--{BOUNDARY}--\r\n".encode()


def head_of(server: Server) -> int:
    """The seq that the next message of the seed's room will get."""
    return cursor(server.port, "lobby")[1]


def check_headers(answer: Answer) -> None:
    """What every answer says."""
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-length"] == str(len(answer.body))


def check_text(answer: Answer, text: str) -> None:
    """A message, and nothing added to it."""
    assert answer.status_line == "HTTP/1.1 200 OK"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.body == text.encode()
    check_headers(answer)


def check_empty(answer: Answer, status_line: str) -> None:
    """An answer that is all said by its status."""
    assert answer.status_line == status_line
    assert answer.body == b""
    check_headers(answer)


def check_home(answer: Answer, location: str = "/") -> None:
    """The way to the page."""
    check_empty(answer, "HTTP/1.1 302 Found")
    assert answer.headers["location"] == location


# GET /chat/get/N


@pytest.mark.parametrize("text", ["hello", "Grüße, 世界 😀", "<b>&amp;</b>\r\n two lines ", " ", "\0", "a+b=c&d%20e"])
def test_a_message_that_is_there_comes_as_it_was_posted(shared_server: Server, text: str) -> None:
    seq = head_of(shared_server)
    post_text(shared_server.port, text)
    check_text(ask(shared_server.port, "GET", f"/chat/get/{seq}"), text)


def test_each_message_comes_under_its_own_number(shared_server: Server) -> None:
    seq = head_of(shared_server)
    for text in ("one", "two", "three"):
        post_text(shared_server.port, text)
    for offset, text in ((2, "three"), (0, "one"), (1, "two")):
        check_text(ask(shared_server.port, "GET", f"/chat/get/{seq + offset}"), text)


def test_a_request_at_the_head_is_suspended_until_somebody_posts(shared_server: Server) -> None:
    port, seq = shared_server.port, head_of(shared_server)
    with Connection(port) as one, Connection(port) as other:
        one.send(request("GET", f"/chat/get/{seq}"))
        other.send(request("GET", f"/chat/get/{seq}"))
        settle(port)
        assert one.silent()
        assert other.silent()
        post_text(port, "at last")
        for reader in (one, other):
            check_text(reader.read(), "at last")
        post_text(port, "and more")
        check_text(one.ask("GET", f"/chat/get/{seq + 1}"), "and more")  # the connection stays


def test_at_the_end_of_the_hold_the_connection_is_closed(start_server: StartServer) -> None:
    server = start_server("--hold", "1")
    with Connection(server.port) as connection:
        begun = time.monotonic()
        answer = connection.ask("GET", "/chat/get/0")
        waited = time.monotonic() - begun
        check_empty(answer, "HTTP/1.1 408 Request Timeout")
        assert answer.headers["connection"] == "close"
        assert connection.ended()
    assert 0.9 <= waited < 2.5, "a hold is shortened by a tenth at most, and ends at the next tick"


@pytest.mark.parametrize("ahead", [1, 1000, 10**17])
def test_ahead_of_the_head_there_is_nothing(shared_server: Server, ahead: int) -> None:
    seq = head_of(shared_server) + ahead
    check_empty(ask(shared_server.port, "GET", f"/chat/get/{seq}"), "HTTP/1.1 404 Not Found")


def test_what_is_no_longer_kept_is_gone(start_server: StartServer) -> None:
    server = start_server("--retain", "3")
    post_text(server.port, "text 0")
    while (first := ask(server.port, "GET", "/chat/get/0")).status == 200 and head_of(server) < 2000:
        post_text(server.port, f"text {head_of(server)}")
    check_empty(first, "HTTP/1.1 410 Gone")
    for seq in range(head_of(server) - 3, head_of(server)):
        check_text(ask(server.port, "GET", f"/chat/get/{seq}"), f"text {seq}")


MALFORMED = [
    "-1",
    "+1",
    "abc",
    "00",
    "01",
    "1.0",
    "1e3",
    "0x1",
    "1_0",
    "%201",
    "1%0a",
    "",
    "0/",
    "0/0",
    "9" * 19,
    "9" * 5000,
    quote("٣"),
    quote("１"),
    "%c2%b2",
    "%00",
    "%ff",
    "0;1",
]


@pytest.mark.parametrize("number", MALFORMED, ids=lambda number: ascii(number[:12]))
def test_what_is_no_number_leads_to_the_page(shared_server: Server, number: str) -> None:
    check_home(ask(shared_server.port, "GET", f"/chat/get/{number}"))


@pytest.mark.parametrize("digit", ["٣", "１", "²"])
def test_raw_unicode_digits_are_no_number(shared_server: Server, digit: str) -> None:
    with Connection(shared_server.port) as connection:
        connection.send(f"GET /chat/get/{digit} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        check_home(connection.read())


# POST /chat/post


@pytest.mark.parametrize(
    ("content_type", "encode"),
    [
        (FORM, lambda text: urlencode({"message": text}).encode()),
        (FORM + "; charset=UTF-8", lambda text: urlencode({"message": text}).encode()),
        (MULTIPART, lambda text: multipart(text.encode())),
    ],
    ids=["urlencoded", "urlencoded with a charset", "multipart"],
)
@pytest.mark.parametrize("text", ["hi", "😀" * 4000, "1 + 1 = 2 & more"], ids=["short", "4000 astral", "reserved"])
def test_a_post_is_answered_empty_and_reaches_all(
    shared_server: Server, text: str, content_type: str, encode: Callable[[str], bytes]
) -> None:
    port, seq = shared_server.port, head_of(shared_server)
    with Connection(port) as reader:
        reader.send(request("GET", f"/chat/get/{seq}"))
        answer = ask(port, "POST", "/chat/post", encode(text), {"Content-Type": content_type})
        check_empty(answer, "HTTP/1.1 200 OK")
        check_text(reader.read(), text)
    assert head_of(shared_server) == seq + 1


REFUSED = {
    "missing": (FORM, b"text=hi", 400),
    "no field at all": (FORM, b"", 400),
    "repeated": (FORM, b"message=a&message=b", 400),
    "empty": (FORM, b"message=", 400),
    "no value": (FORM, b"message", 400),
    "too long": (FORM, b"message=" + b"a" * 4001, 413),
    "too long in characters": (FORM, b"message=" + b"%F0%9F%98%80" * 4001, 413),
    "a body too long": (FORM, b"message=" + b"a" * 65536, 413),
    "invalid UTF-8": (FORM, b"message=%FF", 400),
    "raw invalid UTF-8": (FORM, b"message=\xff", 400),
    "a lone surrogate": (FORM, b"message=%ED%A0%80", 400),
    "multipart, missing": (MULTIPART, multipart(b"hi", name="text"), 400),
    "multipart, repeated": (MULTIPART, multipart(b"a", b"b"), 400),
    "multipart, empty": (MULTIPART, multipart(b""), 400),
    "multipart, too long": (MULTIPART, multipart(b"a" * 4001), 413),
    "multipart, invalid UTF-8": (MULTIPART, multipart(b"\xff"), 400),
    "multipart, cut": (MULTIPART, multipart(b"hello")[:-20], 400),
    "multipart, no boundary": ("multipart/form-data", multipart(b"hello"), 400),
    "plain text": ("text/plain", b"message=hi", 415),
    "JSON": ("application/json", b'{"message":"hi"}', 415),
    "no type": ("", b"message=hi", 415),
}


@pytest.mark.parametrize(("content_type", "body", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_post_has_a_reason_and_appends_nothing(
    shared_server: Server, content_type: str, body: bytes, status: int
) -> None:
    seq = head_of(shared_server)
    answer = ask(shared_server.port, "POST", "/chat/post", body, {"Content-Type": content_type} if content_type else {})
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["detail"]
    check_headers(answer)
    assert head_of(shared_server) == seq


# Other methods, other paths


@pytest.mark.parametrize(
    ("path", "allowed", "methods"),
    [
        ("/chat/get/0", "GET, HEAD", ("POST", "PUT", "DELETE", "PATCH", "BREW")),
        ("/chat/get/abc", "GET, HEAD", ("POST",)),
        ("/chat/post", "POST", ("GET", "HEAD", "PUT", "DELETE", "PATCH", "BREW")),
        ("/chat", "GET, HEAD", ("POST", "DELETE")),
        ("/chat/", "GET, HEAD", ("POST", "DELETE")),
        ("/chat/anything/else", "GET, HEAD", ("POST", "DELETE")),
    ],
)
def test_another_method_is_refused(shared_server: Server, path: str, allowed: str, methods: tuple[str, ...]) -> None:
    for method in methods:
        answer = ask(shared_server.port, method, path)
        assert answer.status_line == "HTTP/1.1 405 Method Not Allowed", method
        assert answer.headers["allow"] == f"{allowed}, OPTIONS", method
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/chat", "/chat/", "/chat/get", "/chat/get/", "/chat/x/y/z", "/chat/post/", "/chat?x"]
)
def test_anything_else_under_chat_leads_to_the_page(shared_server: Server, path: str) -> None:
    check_home(ask(shared_server.port, "GET", path))


@pytest.mark.parametrize("path", ["//chat/get/x", "//evil.example/chat", "/chat//get/0", "//chat//post", "//"])
def test_no_redirect_leads_to_the_host_that_was_asked_for(shared_server: Server, path: str) -> None:
    assert ask(shared_server.port, "GET", path).headers.get("location", "/") == "/"


def test_everything_lies_under_the_prefix(start_server: StartServer) -> None:
    server = start_server("--prefix", "/chatty")
    posted = ask(server.port, "POST", "/chatty/chat/post", "message=hi", {"Content-Type": FORM})
    check_empty(posted, "HTTP/1.1 200 OK")
    check_text(ask(server.port, "GET", "/chatty/chat/get/0"), "hi")
    check_empty(ask(server.port, "GET", "/chatty/chat/get/2"), "HTTP/1.1 404 Not Found")
    for path in ("/chatty/chat", "/chatty/chat/", "/chatty/chat/get/abc"):
        check_home(ask(server.port, "GET", path), "/chatty/")
    assert ask(server.port, "GET", "/chatty/chat/post").headers["allow"] == "POST, OPTIONS"
    for path in ("/chat/get/0", "/chat", "/chatt/chat/get/0", "/chattychat/get/0", "/"):
        assert ask(server.port, "GET", path).status == 404, path


# HEAD and HTTP/1.0


def test_head_is_answered_like_get_without_the_body(shared_server: Server) -> None:
    seq = head_of(shared_server)
    post_text(shared_server.port, "twelve bytes")
    with Connection(shared_server.port) as connection:
        answer = connection.ask("HEAD", f"/chat/get/{seq}")
        assert (answer.status, answer.headers["content-length"]) == (200, "12")
        assert connection.ask("GET", f"/chat/get/{seq}").body == b"twelve bytes"
        assert connection.ask("HEAD", f"/chat/get/{seq + 2}").status == 404
        assert connection.ask("HEAD", "/chat").headers["location"] == "/"


def test_head_is_never_suspended(shared_server: Server) -> None:
    begun = time.monotonic()
    with Connection(shared_server.port) as connection:
        answer = connection.ask("HEAD", f"/chat/get/{head_of(shared_server)}")
        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert connection.ended()
    assert time.monotonic() - begun < 2


def test_http_1_0_is_answered_and_closed(shared_server: Server) -> None:
    seq = head_of(shared_server)
    with Connection(shared_server.port) as connection:
        head = f"POST /chat/post HTTP/1.0\r\nContent-Type: {FORM}\r\nContent-Length: 11\r\n\r\n"
        connection.send(head.encode() + b"message=old")
        assert connection.read().status == 200
        assert connection.ended()
    with Connection(shared_server.port) as connection:
        connection.send(f"GET /chat/get/{seq} HTTP/1.0\r\n\r\n".encode())
        assert connection.read().body == b"old"
        assert connection.ended()
