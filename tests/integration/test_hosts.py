"""The names by which a running server may be called, and a page whose own name leads to it (DNS rebinding)."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.integration.chromium import chromium
from tests.integration.conftest import StartServer
from tests.integration.plain_client import FORM, Answer, Connection, cursor
from tests.integration.server import Server

ALWAYS = ["127.0.0.1:{port}", "localhost", "LOCALHOST.:{port}", "chat.localhost", "[::1]:{port}", "10.1.2.3"]
NEVER = ["evil.example", "evil.example:{port}", "chat.example.evil.example", "127.0.0.1.evil.example", "x", ""]


def ask_for(server: Server, host: str, path: str = "/rooms/lobby/messages?cursor={cursor}&wait=0") -> list[Answer]:
    """What comes of a poll and of a post, as they are asked of `host`."""
    epoch, head = cursor(server.port, "lobby")
    lines = f"HTTP/1.1\r\nHost: {host.format(port=server.port)}"
    poll = f"GET {path.format(cursor=f'{epoch}.{head}')} {lines}\r\n\r\n"
    post = f"POST /chat/post {lines}\r\nContent-Type: {FORM}\r\nContent-Length: 10\r\n\r\nmessage=hi"
    with Connection(server.port) as connection:
        answers = []
        for request in (poll, post):
            connection.send(request.encode())
            answers.append(connection.read())
    return answers


def check_known(server: Server, *hosts: str) -> None:
    for host in hosts:
        assert [answer.status for answer in ask_for(server, host)] == [200, 200], host


def check_unknown(server: Server, *hosts: str) -> None:
    before = cursor(server.port, "lobby")
    for host in hosts:
        for answer in ask_for(server, host):
            assert (answer.status_line, answer.json()["status"]) == ("HTTP/1.1 421 Misdirected Request", 421), host
            assert answer.json()["type"] == "/problems/misdirected"
    assert cursor(server.port, "lobby") == before


def test_without_an_option_it_has_the_machines_name(server: Server) -> None:
    check_known(server, *ALWAYS, socket.gethostname(), f"{socket.gethostname().upper()}:{{port}}")
    check_known(server, f"{socket.gethostname().partition('.')[0]}.local")
    check_unknown(server, *NEVER, "chat.example")


def test_with_names_it_has_those(start_server: StartServer) -> None:
    server = start_server("--host", "chat.example", "--host", "Chat.Example.NET")
    check_known(server, *ALWAYS, "chat.example", "chat.example.net:{port}", "CHAT.example.")
    check_unknown(server, *NEVER, "a.chat.example", "example")


def test_with_a_star_it_has_any(start_server: StartServer) -> None:
    check_known(start_server("--host", "*"), *ALWAYS, *NEVER)


# A browser that is told that a name of another site's leads here


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium("--host-resolver-rules=MAP *.example 127.0.0.1") as browser:
        yield browser


def test_a_page_of_a_name_that_leads_here_gets_nothing(start_server: StartServer, browser: Browser) -> None:
    server = start_server("--host", "chat.example")
    page = browser.new_page()
    for name, status in (("chat.example", 200), ("evil.example", 421)):
        arrived = page.goto(f"http://{name}:{server.port}/")
        assert arrived is not None
        assert arrived.status == status
        asked = 'async (way) => (await fetch("/rooms/lobby/messages", way)).status'
        assert page.evaluate(asked) == status
        posted = {"method": "POST", "body": '{"text": "hi"}', "headers": {"Content-Type": "application/json"}}
        assert page.evaluate(asked, posted) == (201 if status == 200 else status)
        opened = page.evaluate(
            """() => new Promise((resolve) => {
                const socket = new WebSocket(`ws://${location.host}/rooms/lobby/socket`);
                socket.onopen = () => resolve(true);
                socket.onerror = () => resolve(false);
            })"""
        )
        assert opened == (status == 200)
    page.close()
    assert cursor(server.port, "lobby")[1] == 1
