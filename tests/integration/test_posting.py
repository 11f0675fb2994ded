"""Posting by the native protocol: ``POST /rooms/R/messages``."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.plain_client import FORM, JSON, Answer, Connection, ask, cursor, post_json, request
from tests.integration.server import Server


def post(server: Server, room: str, body: bytes | str, content_type: str = JSON, **headers: str) -> Answer:
    """Post a body as it is."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(server.port, "POST", f"/rooms/{room}/messages", body, {"Content-Type": content_type, **named})


def kept(server: Server, room: str) -> list[dict[str, Any]]:
    """The newest messages of `room`."""
    messages: list[dict[str, Any]] = ask(server.port, "GET", f"/rooms/{room}/messages?limit=200").json()["messages"]
    return messages


def test_a_post_is_answered_with_its_message(shared_server: Server, room: str) -> None:
    for seq in (0, 1):
        answer = post(shared_server, room, '{"text": "Grüße 😀"}')
        epoch = cursor(shared_server.port, room)[0]
        assert answer.status_line == "HTTP/1.1 201 Created"
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json().keys() == {"message", "cursor"}
        assert answer.json()["cursor"] == f"{epoch}.{seq + 1}"
        message = answer.json()["message"]
        assert message == {"seq": seq, "author": "guest", "text": "Grüße 😀", "at": message["at"]}
        assert kept(shared_server, room)[seq] == message


def test_a_form_posts_too(shared_server: Server, room: str) -> None:
    assert post(shared_server, room, "text=a+b%26c", FORM).status == 201
    multipart = '--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nparts\r\n--x--\r\n'
    assert post(shared_server, room, multipart, "multipart/form-data; boundary=x").status == 201
    assert [message["text"] for message in kept(shared_server, room)] == ["a b&c", "parts"]


DATA: list[object] = [
    None,
    True,
    0,
    -1.5,
    1e300,
    10**4000,
    "",
    "text 世界",
    [],
    {},
    {"": None, "a": [1, [2, {"b": "\0\u2028"}]]},
    {"text": "not the text"},
    "x" * (16 * 1024 - 2),
]


@pytest.mark.parametrize("data", DATA, ids=lambda data: ascii(str(data)[:16]))
def test_data_is_any_json(shared_server: Server, room: str, data: object) -> None:
    for body in ({"text": "with", "data": data}, {"data": data}, {"text": "", "data": data}):
        answer = post_json(shared_server.port, room, body)
        assert answer.status == 201
        assert answer.json()["message"]["data"] == data
    assert [message["data"] for message in kept(shared_server, room)] == [data] * 3
    assert [message["text"] for message in kept(shared_server, room)] == ["with", "", ""]


REFUSED = {
    "no JSON": ("{", 400),
    "nothing": ("", 400),
    "an array": ('["text"]', 400),
    "a string": ('"text"', 400),
    "null": ("null", 400),
    "no text": ("{}", 400),
    "an empty text": ('{"text": ""}', 400),
    "a number for a text": ('{"text": 1}', 400),
    "null for a text": ('{"text": null}', 400),
    "a text too long": (json.dumps({"text": "a" * 4001}), 413),
    "a text too long in characters": (json.dumps({"text": "😀" * 4001}, ensure_ascii=False), 413),
    "data too long": (json.dumps({"data": "x" * (16 * 1024 - 1)}), 413),
    "a body too long": (json.dumps({"text": "a", "pad": "x" * 65536}), 413),
    "a lone surrogate": ('{"text": "\\ud800"}', 400),
    "a lone surrogate in data": ('{"data": "\\udfff"}', 400),
    "invalid UTF-8": (b'{"text": "\xff"}', 400),
    "NaN": ('{"data": NaN}', 400),
    "infinity": ('{"data": -Infinity}', 400),
    "a number too large": ('{"data": 1e999}', 400),
    "a number too long": ('{"data": ' + "9" * 5000 + "}", 400),
    "nested too deep": ('{"data": ' + "[" * 30000 + "]" * 30000 + "}", 400),
}


@pytest.mark.parametrize(("body", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_post_has_a_reason_and_appends_nothing(
    shared_server: Server, room: str, body: bytes | str, status: int
) -> None:
    answer = post(shared_server, room, body)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].endswith({400: "/malformed", 413: "/too-long"}[status])
    assert answer.json()["detail"]
    assert kept(shared_server, room) == []


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/xml", "application/jsonx", "json", ";"])
def test_another_form_is_refused(shared_server: Server, room: str, content_type: str) -> None:
    answer = post(shared_server, room, '{"text": "hi"}', content_type)
    assert (answer.status, answer.json()["type"]) == (415, "/problems/unsupported-form")
    assert kept(shared_server, room) == []


# Idempotency-Key


def key() -> str:
    """One that nobody can guess."""
    return uuid4().hex


def test_a_repeated_key_gives_the_first_answer_again(shared_server: Server, room: str) -> None:
    same = key()
    first = post_json(shared_server.port, room, {"text": "once", "data": [1]}, Idempotency_Key=same)
    post_json(shared_server.port, room, {"text": "between"}, Idempotency_Key=key())
    again = post_json(shared_server.port, room, {"text": "once", "data": [1]}, Idempotency_Key=same)
    quoted = post_json(shared_server.port, room, {"text": "once", "data": [1]}, Idempotency_Key=f'"{same}"')
    assert (first.status, again.status, quoted.status) == (201, 200, 200)
    assert first.body == again.body == quoted.body
    assert [message["text"] for message in kept(shared_server, room)] == ["once", "between"]


def test_a_key_is_known_after_a_restart(server: Server) -> None:
    same = key()
    first = post_json(server.port, "lobby", {"text": "once"}, Idempotency_Key=same)
    for end in (server.stop, server.kill):
        end()
        server.start()
        again = post_json(server.port, "lobby", {"text": "once"}, Idempotency_Key=same)
        assert (first.status, again.status) == (201, 200)
        assert again.body == first.body
        assert post_json(server.port, "lobby", {"text": "twice"}, Idempotency_Key=same).status == 422
    assert len(kept(server, "lobby")) == 1


@pytest.mark.parametrize("other", [{"text": "other"}, {"text": "once", "data": None}, {"text": "once", "data": 2}])
def test_a_key_with_another_message_is_refused(shared_server: Server, room: str, other: dict[str, object]) -> None:
    same = key()
    post_json(shared_server.port, room, {"text": "once"}, Idempotency_Key=same)
    answer = post_json(shared_server.port, room, other, Idempotency_Key=same)
    assert (answer.status, answer.json()["type"]) == (422, "/problems/key-reused")
    assert len(kept(shared_server, room)) == 1


def test_a_key_belongs_to_its_room(shared_server: Server, room: str) -> None:
    same = key()
    for name in (room, room + "2"):
        assert post_json(shared_server.port, name, {"text": name}, Idempotency_Key=same).status == 201
        assert len(kept(shared_server, name)) == 1


def test_of_two_at_once_one_is_appended(shared_server: Server, room: str) -> None:
    path, body = f"/rooms/{room}/messages", '{"text": "once"}'
    sent = request("POST", path, body, {"Content-Type": JSON, "Idempotency-Key": key()})
    connections = [Connection(shared_server.port) for _ in range(8)]
    for connection in connections:
        connection.send(sent)
    answers = [connection.read() for connection in connections]
    for connection in connections:
        connection.close()
    assert sorted(answer.status for answer in answers) == [200] * 7 + [201]
    assert len({answer.body for answer in answers}) == 1
    assert len(kept(shared_server, room)) == 1


def test_a_refused_post_does_not_use_up_its_key(shared_server: Server, room: str) -> None:
    same = key()
    assert post_json(shared_server.port, room, {"text": "x" * 4001}, Idempotency_Key=same).status == 413
    assert post_json(shared_server.port, room, {"text": "x"}, Idempotency_Key=same).status == 201


@pytest.mark.parametrize("bad", ["short", "x" * 15, "x" * 129, "with a space in it", "ümlaut-ümlaut-ümlaut", '""'])
def test_without_a_session_a_key_must_be_unguessable(shared_server: Server, room: str, bad: str) -> None:
    answer = post_json(shared_server.port, room, {"text": "hi"}, Idempotency_Key=bad)
    assert (answer.status, answer.json()["type"]) == (400, "/problems/malformed")
    assert kept(shared_server, room) == []


def test_a_poster_who_hangs_up_has_posted(shared_server: Server, room: str) -> None:
    epoch = cursor(shared_server.port, room)[0]
    with Connection(shared_server.port) as reader:
        reader.send(request("GET", f"/rooms/{room}/messages?cursor={epoch}.0"))
        poster = Connection(shared_server.port)
        poster.send(request("POST", f"/rooms/{room}/messages", "text=gone", {"Content-Type": FORM}))
        poster.reset()
        poster = Connection(shared_server.port)
        poster.send(request("POST", f"/rooms/{room}/messages", "text=gone", {"Content-Type": FORM}))
        poster.close()
        assert reader.read().json()["messages"][0]["text"] == "gone"
