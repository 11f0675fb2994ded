"""Tickets and sessions that are forged, or come again when they should be over, on a running server."""

from __future__ import annotations

import base64
import itertools
import json
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.integration.conftest import StartServer
from tests.integration.hostile.castle import GRACE, Castle, raise_castle
from tests.integration.hostile.forgeries import forged_tickets
from tests.integration.plain_client import JSON, Answer, ask, cursor, request
from tests.integration.plain_client import Connection as PlainConnection

SLOW_LANE = {"TE": "trailers"}
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
UPGRADE |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
POST = '{"text":"forged"}'


@pytest.fixture
def castle(start_server: StartServer, tmp_path: Path) -> Castle:
    """A server with tickets, passwords and a policy."""
    return raise_castle(start_server, tmp_path)


# Tickets


def all_ways(connection: PlainConnection, ticket: str, is_good: bool = False) -> dict[str, int]:
    """The status of each way in which a ticket may be sent to read, post, or say who that is."""
    bearer = {"Authorization": f"Bearer {ticket}"}
    in_url = quote(ticket, safe=".=-_~")
    ways = {
        "a poll": ("GET", "/rooms/keep/messages?cursor=elsewhere.0", "", bearer),
        "a poll, slowly": ("GET", "/rooms/keep/messages?cursor=elsewhere.0", "", {**bearer, **SLOW_LANE}),
        "history": ("GET", "/rooms/keep/messages", "", bearer),
        "who": ("GET", "/session", "", bearer),
        "a post": ("POST", "/rooms/keep/messages", POST, {**bearer, "Content-Type": JSON}),
        "a post, slowly": ("POST", "/rooms/keep/messages", POST, {**bearer, **SLOW_LANE, "Content-Type": JSON}),
        "a ban": ("PUT", "/rooms/keep/bans/dora", "", bearer),
        "a stream": ("HEAD", f"/rooms/keep/events?ticket={in_url}", "", {}),
        "a socket": ("GET", f"/rooms/keep/socket?ticket={in_url}", "", {**UPGRADE, "Sec-WebSocket-Version": "7"}),
        "no socket": ("GET", f"/rooms/keep/socket?ticket={in_url}", "", UPGRADE),
    }
    if is_good:
        del ways["no socket"]
    return {way: connection.ask(*asked).status for way, asked in ways.items()}


@pytest.mark.parametrize("shared", [False, True])
def test_a_good_ticket_is_taken_in_all_ways(castle: Castle, shared: bool) -> None:
    """Or else the test below would show nothing."""
    ticket = castle.shared_ticket() if shared else castle.ticket()
    with PlainConnection(castle.port) as connection:
        statuses = all_ways(connection, ticket, is_good=True)
    assert statuses == {
        "a poll": 410,
        "a poll, slowly": 410,
        "history": 200,
        "who": 200,
        "a post": 201,
        "a post, slowly": 201,
        "a ban": 200,
        "a stream": 200,
        "a socket": 426,
    }
    with PlainConnection(castle.port) as connection:
        connection.send(request("GET", f"/rooms/keep/socket?ticket={ticket}", headers=UPGRADE))
        assert connection.read_head().status == 101


def test_no_forged_ticket_is_taken_in_any_way(castle: Castle) -> None:
    before = cursor(castle.port, "lobby"), ask(castle.port, "GET", "/rooms").json()
    forged = dict(forged_tickets(castle))
    assert len(forged) > 150
    with PlainConnection(castle.port) as connection:
        for name, ticket in forged.items():
            statuses = all_ways(connection, ticket)
            assert statuses.pop("a socket") == 426, "that is found out first"
            assert set(statuses.values()) == {401}, (name, statuses)
    assert (cursor(castle.port, "lobby"), ask(castle.port, "GET", "/rooms").json()) == before
    assert "Traceback" not in castle.server.log
    for ticket in forged.values():
        assert len(ticket) < 60 or ticket not in castle.server.log


def test_a_ticket_that_was_good_is_not_when_it_has_expired(castle: Castle) -> None:
    ticket = castle.ticket(exp=int(time.time()) + 2)
    with PlainConnection(castle.port) as connection:
        assert all_ways(connection, ticket, is_good=True)["history"] == 200
        time.sleep(2.1)
        statuses = all_ways(connection, ticket)
    assert set(statuses.values()) == {401, 426}


# Sessions


def of(castle: Castle, cookie: str) -> Answer:
    """What a member may read, asked for with `cookie`."""
    return ask(castle.port, "GET", "/rooms/keep/messages", headers={"Cookie": cookie})


def who(castle: Castle, cookie: str) -> str:
    """Whom the server takes `cookie` for."""
    name: str = ask(castle.port, "GET", "/session", headers={"Cookie": cookie}).json()["name"]
    return name


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_session_that_was_signed_out_is_over_for_good(castle: Castle, end: str) -> None:
    ended, other = castle.cookie("grace", GRACE), castle.cookie("grace", GRACE)
    assert of(castle, ended).status == of(castle, other).status == 200
    assert ask(castle.port, "DELETE", "/session", headers={"Cookie": ended}).status == 204
    for _ in range(2):
        for cookie in (ended, f"{ended}; {ended}", f"chatcomet=x; {ended}", f"{ended}; a=b"):
            assert (of(castle, cookie).status, who(castle, cookie)) == (401, "guest")
            for lane in ({}, SLOW_LANE):
                headers = {"Cookie": cookie, **lane}
                assert ask(castle.port, "GET", "/rooms/keep/messages?cursor=elsewhere.0", headers=headers).status == 401
        assert (of(castle, other).status, who(castle, other)) == (200, "grace"), "who is signed in elsewhere stays so"
        getattr(castle.server, end)()
        castle.server.start()


def test_what_a_session_says_can_not_be_spliced(castle: Castle) -> None:
    guest, member = (cookie.partition("=")[2] for cookie in (castle.cookie("dora"), castle.cookie("grace", GRACE)))
    (said, signature), (other, others) = (cookie.rsplit(".", 1) for cookie in (guest, member))
    session, _, issued, *_ = json.loads(base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)))
    splices = [f"{said}.{others}", f"{other}.{signature}", f"{said}.{signature[::-1]}", f"{said}{signature}"]
    names = ("grace", "Ada", "dora")
    accounts: tuple[list[str | None], ...] = ([], [None], ["0" * 32])
    for parts in itertools.product(names, (True, False, 1), (issued, issued + 9e9), accounts):
        name, is_member, when, account = parts
        if parts != ("dora", False, issued, [None]):
            spliced = json.dumps([session, name, when, is_member, *account], separators=(",", ":")).encode()
            splices.append(f"{base64.urlsafe_b64encode(spliced).rstrip(b'=').decode()}.{signature}")
    splices += [f".{said}.{signature}", f"{said}.{signature}.{signature}", f"{said}=.{signature}"]
    for splice in splices:
        cookie = f"chatcomet={splice}"
        assert (of(castle, cookie).status, who(castle, cookie)) == (401, "guest"), splice
    assert who(castle, f"chatcomet={guest}") == "dora"
    assert of(castle, f"chatcomet={member}").status == 200
