"""The running server against its own description: schemathesis asks what ``docs/openapi.yaml`` allows, and what it
does not, and looks at each answer's status, type, headers and body.

It asks the same every time.  Streams are left out, since they have no end; sockets are asked for, but never opened.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from chatcomet.access.grants import Grants
from chatcomet.access.issuing import issue
from chatcomet.access.keys import load_signing_key, write_secret
from tests.integration.plain_client import JSON, ask, post_json, post_text
from tests.integration.server import Server

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.yaml"
EXAMPLES = 20

HELD = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

api = schemathesis.openapi.from_path(DOCUMENT).exclude(operation_id="followRoom")


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all that is asked; nobody is suspended for long."""
    server = Server(tmp_path_factory.mktemp("described"), "--hold", "1")
    server.start()
    yield server
    assert "a fault in" not in server.log
    server.close()


@api.parametrize()
@settings(max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_as_it_is_described(case: schemathesis.Case[Any], described: Server) -> None:
    case.call_and_validate(base_url=described.url, checks=HELD)


# What chance does not find: answers that need something to be there before


KEY = "0123456789abcdef"
ADA = {"headers": {"Authorization": "Bearer {ada}"}}
EVE = {"whom": "Eve"}
SLASHED = {"whom": "a/b"}
KNOWN: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "a page": ("GET", "/rooms/{room}/messages", {"query": {"cursor": "{epoch}.0"}}, 200),
    "a page with the roster": ("GET", "/rooms/{room}/messages", {"query": {"cursor": "{epoch}.1", "roster": 0}}, 200),
    "an empty page": ("GET", "/rooms/{room}/messages", {"query": {"cursor": "{epoch}.2", "wait": 0}}, 200),
    "a cursor ahead": ("GET", "/rooms/{room}/messages", {"query": {"cursor": "{epoch}.9"}}, 410),
    "pages": ("GET", "/poll", {"query": {"at": ["known:{epoch}.0", "nobody:{epoch}.0"]}}, 200),
    "rooms": ("GET", "/rooms", {}, 200),
    "a room": ("GET", "/rooms/{room}", {}, 200),
    "a known key": (
        "POST",
        "/rooms/{room}/messages",
        {"body": {"text": "one"}, "headers": {"Idempotency-Key": KEY}},
        200,
    ),
    "a key reused": (
        "POST",
        "/rooms/{room}/messages",
        {"body": {"text": "x"}, "headers": {"Idempotency-Key": KEY}},
        422,
    ),
    "a long text": ("POST", "/rooms/{room}/messages", {"body": {"text": "x" * 4001}}, 413),
    "another site": ("POST", "/rooms/{room}/messages", {"body": {"text": "x"}, "headers": {"Origin": "null"}}, 403),
    "erasing": ("DELETE", "/rooms/{room}/messages/{seq}", {"path_parameters": {"seq": 1}, **ADA}, 204),
    "erasing as nobody": ("DELETE", "/rooms/{room}/messages/{seq}", {"path_parameters": {"seq": 0}}, 401),
    "erasing nothing": ("DELETE", "/rooms/{room}/messages/{seq}", {"path_parameters": {"seq": 9}, **ADA}, 404),
    "a ban": ("PUT", "/rooms/{room}/bans/{whom}", {"path_parameters": EVE, "body": {"seconds": 60}, **ADA}, 200),
    "a ban for good": ("PUT", "/rooms/{room}/bans/{whom}", {"path_parameters": EVE, "body": {}, **ADA}, 200),
    "who is banned": ("GET", "/rooms/{room}/bans", ADA, 200),
    "the end of a ban": ("DELETE", "/rooms/{room}/bans/{whom}", {"path_parameters": EVE, **ADA}, 204),
    "a mute of a name with a slash": ("PUT", "/rooms/{room}/mutes/{whom}", {"path_parameters": SLASHED, **ADA}, 200),
    "the end of it": ("DELETE", "/rooms/{room}/mutes/{whom}", {"path_parameters": SLASHED, **ADA}, 204),
    "a mute": ("PUT", "/rooms/{room}/mutes/{whom}", {"path_parameters": EVE, "body": {"seconds": 1.5}, **ADA}, 200),
    "who is muted": ("GET", "/rooms/{room}/mutes", ADA, 200),
    "the end of no mute": ("DELETE", "/rooms/{room}/mutes/{whom}", {"path_parameters": {"whom": "x"}, **ADA}, 404),
    "a grant that is not there": ("POST", "/rooms/{room}/messages", {"body": {"text": "x"}, **ADA}, 403),
    "another's name": ("POST", "/rooms/{room}/messages", {"body": {"text": "x", "author": "bob"}}, 403),
    "who has a ticket": ("GET", "/session", ADA, 200),
    "a ticket that is none": ("GET", "/session", {"headers": {"Authorization": "Bearer x"}}, 401),
    "a password where none is": ("GET", "/session", {"headers": {"Authorization": "Basic YWRhOng="}}, 401),
    "typing": ("POST", "/rooms/{room}/typing", {}, 204),
    "signing in": ("POST", "/session", {"body": {"name": "ada"}}, 200),
    "a name that is taken": ("POST", "/session", {"body": {"name": "guest"}}, 409),
    "signing out": ("DELETE", "/session", {}, 204),
    "the end of a hold": ("GET", "/chat/get/{number}", {"path_parameters": {"number": 1}, "query": {"wait": 0}}, 408),
    "the lobby's first": ("GET", "/chat/get/{number}", {"path_parameters": {"number": 0}}, 200),
    "far ahead": ("GET", "/chat/get/{number}", {"path_parameters": {"number": 10**17}}, 404),
}


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a message in the lobby and two in the room `known`; it takes tickets."""
    folder = tmp_path_factory.mktemp("lived_in")
    write_secret(folder / "tickets.key")
    server = Server(folder, "--hold", "1", "--ticket-key", "tickets.key")
    server.start()
    post_text(server.port, "zero")
    post_json(server.port, "known", {"text": "one"}, **{"Idempotency-Key": KEY})
    post_json(server.port, "known", {"text": "two"})
    yield server
    server.close()


@pytest.mark.parametrize("what", KNOWN)
def test_answers_as_it_is_described_when_there_is_something(what: str, lived_in: Server) -> None:
    method, path, members, status = KNOWN[what]
    epoch = ask(lived_in.port, "GET", "/rooms/known").json()["cursor"].split(".")[0]
    members = _filled({"path_parameters": {}, **members}, {"{epoch}": epoch, "{ada}": _moderator(lived_in)})
    if "{room}" in path:
        members["path_parameters"]["room"] = "known"
    if "body" in members:
        members["media_type"] = JSON
    response = api[path][method].Case(**members).call_and_validate(base_url=lived_in.url, checks=HELD)
    assert response.status_code == status


def _moderator(server: Server) -> str:
    """Ada's ticket, who reads and moderates."""
    key = load_signing_key(server.folder / "tickets.key")
    return issue(key, "ada", Grants.parse({"*": ["read", "moderate"]}), time.time(), 600)


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    """A copy of `value`, in which other texts stand for each of the `words`."""
    if isinstance(value, dict):
        return {name: _filled(member, words) for name, member in value.items()}
    if isinstance(value, list):
        return [_filled(each, words) for each in value]
    for word in words if isinstance(value, str) else ():
        value = value.replace(word, words[word])
    return value
