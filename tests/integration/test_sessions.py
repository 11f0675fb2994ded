"""The guest's session: ``/session``, its cookie, and whose name stands on a message."""

from __future__ import annotations

import http.client
import json
import sqlite3
import ssl
import time
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.conftest import StartServer
from tests.integration.plain_client import FORM, JSON, Answer, ask, post_json
from tests.integration.server import Server, tls_endpoint

A_GUEST = {
    "guest": True,
    "grants": {"*": ["read", "post", "create"]},
    "sign_in": {"password": False, "guest": True},
    "limits": {"text": 4_000, "data": 16_384},
}


@pytest.fixture
def name() -> str:
    """A name that nobody holds."""
    return f"ada-{uuid4().hex[:20]}"


def sign_in(server: Server, name: object, cookie: str | None = None) -> Answer:
    """Ask for `name`."""
    return ask(server.port, "POST", "/session", f'{{"name": {quoted(name)}}}', {"Content-Type": JSON, **sent(cookie)})


def quoted(name: object) -> str:
    """`name` as JSON."""

    return json.dumps(name)


def sent(cookie: str | None) -> dict[str, str]:
    """The header that brings `cookie` back."""
    return {} if cookie is None else {"Cookie": cookie}


def cookie_of(answer: Answer) -> str:
    """What a browser would send back."""
    assert answer.status == 200, answer.body
    return answer.headers["set-cookie"].split(";")[0]


def who(server: Server, cookie: str | None = None) -> str:
    """Whom the server takes us for."""
    answer = ask(server.port, "GET", "/session", headers=sent(cookie))
    assert answer.status == 200
    assert "set-cookie" not in answer.headers
    assert answer.json() == {"name": answer.json()["name"], **A_GUEST}
    found: str = answer.json()["name"]
    return found


def sign_out(server: Server, cookie: str) -> Answer:
    """End a session."""
    return ask(server.port, "DELETE", "/session", headers=sent(cookie))


# Signing in


def test_a_name_gives_a_cookie(shared_server: Server, name: str) -> None:
    answer = sign_in(shared_server, name)
    assert answer.status_line == "HTTP/1.1 200 OK"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {"name": name, **A_GUEST}
    value, *attributes = answer.headers["set-cookie"].split("; ")
    assert value.startswith("chatcomet=")
    assert sorted(attributes) == ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Lax"]
    assert who(shared_server, value) == name


def test_a_form_signs_in_too(shared_server: Server, name: str) -> None:
    answer = ask(shared_server.port, "POST", "/session", f"name={name}", {"Content-Type": FORM})
    assert who(shared_server, cookie_of(answer)) == name


def test_without_a_session_one_is_a_guest(shared_server: Server) -> None:
    assert who(shared_server) == "guest"


@pytest.mark.parametrize("wanted", ["x" * 32, "  Zoë  ", "日本語 の 名前", "😀", "o'neil <b>", "ﬁve"])
def test_a_name_may_be(shared_server: Server, wanted: str) -> None:
    answer = sign_in(shared_server, wanted)
    assert answer.json()["name"] == {"  Zoë  ": "Zoë", "ﬁve": "five"}.get(wanted, wanted)
    assert sign_out(shared_server, cookie_of(answer)).status == 204


@pytest.mark.parametrize(
    "wanted",
    ["", "   ", "x" * 33, "a\0b", "a\nb", "a\u200bb", "\u202eabc", "a\u2028b", "\ud800", "ﷺ" * 2, 1, None, ["ada"]],
    ids=lambda wanted: ascii(wanted)[:12],
)
def test_a_name_may_not_be(shared_server: Server, wanted: object) -> None:
    answer = sign_in(shared_server, wanted)
    assert (answer.status, answer.json()["type"]) == (400, "/problems/malformed")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '"ada"'])
def test_what_is_no_name_is_refused(shared_server: Server, body: str) -> None:
    assert ask(shared_server.port, "POST", "/session", body, {"Content-Type": JSON}).status == 400


def test_another_form_is_refused(shared_server: Server) -> None:
    assert ask(shared_server.port, "POST", "/session", "ada", {"Content-Type": "text/plain"}).status == 415


@pytest.mark.parametrize("taken", ["guest", "Guest", "GUEST", " guest ", "ｇｕｅｓｔ"])
def test_nobody_is_called_guest(shared_server: Server, taken: str) -> None:
    answer = sign_in(shared_server, taken)
    assert (answer.status, answer.json()["type"]) == (409, "/problems/name-taken")


# Whose name it is


def test_a_name_is_held_by_one_session(shared_server: Server, name: str) -> None:
    holder = cookie_of(sign_in(shared_server, name))
    for same in (name, name.upper(), f" {name} ", name.replace("a", "ａ")):
        answer = sign_in(shared_server, same)
        assert (answer.status, answer.json()["type"]) == (409, "/problems/name-taken")
        assert "set-cookie" not in answer.headers
    assert who(shared_server, holder) == name
    assert sign_in(shared_server, name.upper(), holder).json()["name"] == name.upper()


def test_another_name_frees_the_first(shared_server: Server, name: str) -> None:
    holder = cookie_of(sign_in(shared_server, name))
    renamed = cookie_of(sign_in(shared_server, name + "-2", holder))
    assert who(shared_server, renamed) == name + "-2"
    assert sign_in(shared_server, name).status == 200


def test_a_name_that_is_refused_leaves_the_session_as_it_is(shared_server: Server, name: str) -> None:
    sign_in(shared_server, name + "-2")
    holder = cookie_of(sign_in(shared_server, name))
    assert sign_in(shared_server, name + "-2", holder).status == 409
    assert who(shared_server, holder) == name


def test_signing_out_ends_it(shared_server: Server, name: str) -> None:
    cookie = cookie_of(sign_in(shared_server, name))
    answer = sign_out(shared_server, cookie)
    assert (answer.status_line, answer.body) == ("HTTP/1.1 204 No Content", b"")
    assert "content-length" not in answer.headers
    value, *attributes = answer.headers["set-cookie"].split("; ")
    assert value == "chatcomet="
    assert "Max-Age=0" in attributes
    assert who(shared_server, cookie) == "guest", "the cookie is worth nothing any more"
    assert sign_in(shared_server, name).status == 200, "the name is free"


def test_signing_out_without_a_session_is_no_error(shared_server: Server) -> None:
    assert ask(shared_server.port, "DELETE", "/session").status == 204


# The cookie


def test_a_forged_cookie_is_nobody(shared_server: Server, name: str) -> None:
    cookie = cookie_of(sign_in(shared_server, name))
    payload, _, signature = cookie.partition("=")[2].rpartition(".")
    other = cookie_of(sign_in(shared_server, name + "-2")).partition("=")[2].rpartition(".")[0]
    forged = [f"{other}.{signature}", f"{payload}.{signature[::-1]}", f"{payload}.", payload, signature, "", "x" * 6000]
    for value in forged:
        assert who(shared_server, f"chatcomet={value}") == "guest", value
    assert who(shared_server, "chatcomet=\xff.\xff") == "guest"
    assert who(shared_server, f"other=1; {cookie}; more=2") == name


def test_a_cookie_of_another_server_is_nobody(shared_server: Server, server: Server, name: str) -> None:
    assert who(server, cookie_of(sign_in(shared_server, name))) == "guest"


def test_a_restart_signs_nobody_out(server: Server) -> None:
    cookie = cookie_of(sign_in(server, "ada"))
    for end in (server.stop, server.kill):
        end()
        server.start()
        assert who(server, cookie) == "ada"
        assert sign_in(server, "ADA").status == 409
    (key,) = (path for path in server.folder.iterdir() if "key" in path.name)
    assert key.stat().st_mode & 0o077 == 0, "what signs cookies is its owner's"


def test_a_session_that_has_ended_stays_so_however_many_end_after_it(server: Server) -> None:
    ended = cookie_of(sign_in(server, "ada"))
    assert sign_out(server, ended).status == 204
    server.stop()
    later = time.time() + 1
    others = (("ended", "", f"session {number}", later + 3600, "eve", later) for number in range(50_001))
    with closing(sqlite3.connect(server.folder / "chat.db")) as database, database:
        database.executemany(
            "INSERT INTO rulings (kind, room, subject, until, by_whom, at) VALUES (?,?,?,?,?,?)", others
        )
    server.start()
    assert who(server, ended) == "guest"
    another = cookie_of(sign_in(server, "bob"))
    assert sign_out(server, another).status == 204
    assert [who(server, cookie) for cookie in (ended, another)] == ["guest", "guest"]


def test_over_tls_the_cookie_is_the_hosts_own(start_server: StartServer, tmp_path: Path) -> None:
    port, endpoint = tls_endpoint(tmp_path)
    start_server("--listen", endpoint)
    client = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=ssl._create_unverified_context())
    client.request("POST", "/session", '{"name": "ada"}', {"Content-Type": JSON})
    value, *attributes = client.getresponse().headers["Set-Cookie"].split("; ")
    assert value.startswith("__Host-chatcomet=")
    assert sorted(attributes) == ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Lax", "Secure"]
    client.close()
    client.request("GET", "/session", headers={"Cookie": value})
    assert b'"name":"ada"' in client.getresponse().read()
    client.close()
    client.request("GET", "/session", headers={"Cookie": value.removeprefix("__Host-")})
    assert b'"name":"guest"' in client.getresponse().read()
    client.close()


# Authors


def test_messages_bear_the_name_of_the_session(shared_server: Server, name: str) -> None:
    room, port = f"room-{uuid4().hex}", shared_server.port
    cookie = cookie_of(sign_in(shared_server, name))
    assert post_json(port, room, {"text": "named"}, Cookie=cookie).json()["message"]["author"] == name
    assert post_json(port, room, {"text": "nameless"}).json()["message"]["author"] == "guest"
    assert post_json(port, room, {"text": "x", "author": "eve"}, Cookie=cookie).status == 403
    messages = ask(port, "GET", f"/rooms/{room}/messages").json()["messages"]
    assert [message["author"] for message in messages] == [name, "guest"]


def test_the_seeds_posts_bear_it_too(shared_server: Server, name: str) -> None:
    cookie = cookie_of(sign_in(shared_server, name))
    headers = {"Content-Type": FORM, "Cookie": cookie}
    assert ask(shared_server.port, "POST", "/chat/post", "message=hi", headers).status == 200
    newest = ask(shared_server.port, "GET", "/rooms/lobby/messages?limit=1").json()["messages"][0]
    assert (newest["author"], newest["text"]) == (name, "hi")


def test_a_key_belongs_to_its_session(shared_server: Server, name: str) -> None:
    room, port = f"room-{uuid4().hex}", shared_server.port
    cookies = [cookie_of(sign_in(shared_server, f"{name}-{number}")) for number in range(2)]
    for cookie in cookies:
        assert post_json(port, room, {"text": "k"}, Cookie=cookie, Idempotency_Key="1").status == 201
    for cookie in cookies:
        assert post_json(port, room, {"text": "k"}, Cookie=cookie, Idempotency_Key="1").status == 200


def test_polls_set_no_cookie(shared_server: Server, name: str) -> None:
    cookie = cookie_of(sign_in(shared_server, name))
    for path in ("/rooms/lobby/messages", "/chat/get/0", "/"):
        assert "set-cookie" not in ask(shared_server.port, "GET", path, headers={"Cookie": cookie}).headers
