"""Several requests on one connection, in whatever pieces they arrive: each is answered in its turn."""

from __future__ import annotations

from urllib.parse import urlencode

from tests.integration.conftest import StartServer
from tests.integration.plain_client import FORM, JSON, Connection, cursor, post_text, request, settle
from tests.integration.server import Server


def head_of(server: Server) -> int:
    """The seq that the next message of the seed's room will get."""
    return cursor(server.port, "lobby")[1]


def get(seq: int) -> bytes:
    """A request for one message of the seed's room."""
    return request("GET", f"/chat/get/{seq}")


def post(text: str) -> bytes:
    """A post to the seed's room."""
    return request("POST", "/chat/post", urlencode({"message": text}), {"Content-Type": FORM})


def test_two_gets_in_one_segment_are_answered_in_order(shared_server: Server) -> None:
    seq = head_of(shared_server)
    post_text(shared_server.port, "one")
    post_text(shared_server.port, "two")
    with Connection(shared_server.port) as connection:
        connection.send(get(seq) + get(seq + 1))
        assert [connection.read().body, connection.read().body] == [b"one", b"two"]


def test_answers_come_in_the_order_of_their_requests(shared_server: Server) -> None:
    seq = head_of(shared_server)
    post_text(shared_server.port, "one")
    requests = [
        get(seq + 2),
        request("GET", "/chat"),
        post("two"),
        get(seq),
        request("GET", "/chat/post"),
        get(seq + 1),
    ]
    with Connection(shared_server.port) as connection:
        connection.send(b"".join(requests))
        answers = [connection.read() for _ in requests]
    assert [answer.status for answer in answers] == [404, 302, 200, 200, 405, 200]
    assert [answers[3].body, answers[5].body] == [b"one", b"two"]


def test_a_post_behind_a_suspended_get_waits_its_turn(shared_server: Server) -> None:
    port, seq = shared_server.port, head_of(shared_server)
    with Connection(port) as connection:
        connection.send(get(seq) + post("behind"))
        settle(port)
        assert connection.silent()
        assert head_of(shared_server) == seq, "the post was carried out before its turn"
        post_text(port, "before")
        assert connection.read().body == b"before"
        assert (connection.read().status, head_of(shared_server)) == (200, seq + 2)
        assert connection.ask("GET", f"/chat/get/{seq + 1}").body == b"behind"


def test_a_post_that_comes_while_a_get_is_suspended_waits_its_turn(shared_server: Server) -> None:
    port, seq = shared_server.port, head_of(shared_server)
    with Connection(port) as connection:
        connection.send(get(seq))
        settle(port)
        connection.send(post("behind"))
        settle(port)
        assert connection.silent()
        assert head_of(shared_server) == seq, "the post was carried out before its turn"
        post_text(port, "before")
        assert connection.read().body == b"before"
        assert (connection.read().status, head_of(shared_server)) == (200, seq + 2)


def test_two_suspended_gets_are_answered_one_after_the_other(shared_server: Server) -> None:
    port, seq = shared_server.port, head_of(shared_server)
    with Connection(port) as connection:
        connection.send(get(seq) + get(seq + 1) + request("GET", "/chat"))
        settle(port)
        assert connection.silent()
        post_text(port, "one")
        assert connection.read().body == b"one"
        settle(port)
        assert connection.silent()
        post_text(port, "two")
        assert connection.read().body == b"two"
        assert connection.read().status == 302


def test_what_is_behind_the_end_of_a_hold_is_not_carried_out(start_server: StartServer) -> None:
    server = start_server("--hold", "1")
    with Connection(server.port) as connection:
        connection.send(get(0) + post("never"))
        assert connection.read().status == 408
        assert connection.ended()
    assert head_of(server) == 0, "its poster was told that the connection closes, and will try again"


def test_requests_may_be_split_anywhere(shared_server: Server) -> None:
    """In two pieces, at every byte: the server has taken in the first before the second is sent."""
    port, seq = shared_server.port, head_of(shared_server)
    requests = post("split & whole") + get(seq) + request("GET", "/chat/get/x")
    for at in range(1, len(requests)):
        with Connection(port) as connection:
            connection.send(requests[:at])
            settle(port)
            connection.send(requests[at:])
            assert [connection.read().status for _ in range(3)] == [200, 200, 302], f"split at {at}"
        assert head_of(shared_server) == seq + at, f"split at {at}"


def test_requests_may_come_byte_by_byte(shared_server: Server) -> None:
    port, seq = shared_server.port, head_of(shared_server)
    with Connection(port) as connection:
        for byte in post("bytes") + get(seq) + request("GET", "/chat"):
            connection.send(bytes([byte]))
            settle(port)
        assert connection.read().status == 200
        assert connection.read().body == b"bytes"
        assert connection.read().status == 302


def test_a_chunked_body_may_be_split_anywhere(shared_server: Server) -> None:
    port, seq = shared_server.port, head_of(shared_server)
    head = request("POST", "/rooms/lobby/messages", headers={"Content-Type": JSON, "Transfer-Encoding": "chunked"})
    body = b'7\r\n{"text"\r\nA;note=x\r\n:"chunked"\r\n1\r\n}\r\n0\r\n\r\n'
    for at in range(len(body)):
        with Connection(port) as connection:
            connection.send(head + body[:at])
            settle(port)
            connection.send(body[at:] + get(seq + at))
            assert connection.read().status == 201, f"split at {at}"
            assert connection.read().body == b"chunked", f"split at {at}"
