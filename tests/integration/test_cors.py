"""A page of another site in Chromium: of a listed one it may do what this site's own may, of any other nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.integration.conftest import StartServer
from tests.integration.plain_client import cursor, post_text
from tests.integration.server import Server

LIBRARY = """async (chat) => {
    const { openRoom } = await import(`${chat}/chatcomet.js`);
    const room = openRoom({ base: `${chat}/`, room: "lobby" });
    const heard = new Promise((resolve) => room.on("messages", resolve));
    room.start();
    const posted = await room.post("by the library");
    const [first] = (await heard).map((message) => message.text); // what was just posted may have come with it
    room.stop();
    return [posted.message.text, first];
}"""

POST = """async (chat) => {
    const headers = { "Content-Type": "application/json", "Idempotency-Key": "0123456789abcdef" };
    const answer = await fetch(`${chat}/rooms/lobby/messages`, { method: "POST", headers, body: '{"text": "hello"}' });
    return [answer.status, (await answer.json()).message.author];
}"""

EVENTS = """async ([chat, cursor]) => {
    const source = new EventSource(`${chat}/rooms/lobby/events?cursor=${cursor}`);
    try {
        return await new Promise((resolve, reject) => {
            source.onmessage = (event) => resolve(JSON.parse(event.data).text);
            source.onerror = () => reject(new Error("no stream"));
        });
    } finally {
        source.close();
    }
}"""

SOCKET = """async ([chat, cursor]) => {
    const socket = new WebSocket(`${chat.replace("http", "ws")}/rooms/lobby/socket?cursor=${cursor}`);
    try {
        return await new Promise((resolve, reject) => {
            socket.onmessage = (event) => {
                const [message] = JSON.parse(event.data).messages;
                if (message) resolve(message.text);
            };
            socket.onerror = () => reject(new Error("no socket"));
        });
    } finally {
        socket.close();
    }
}"""

STATUS = "async ([url, way]) => (await fetch(url, way)).status"


@pytest.fixture
def chat(start_server: StartServer, site: int) -> Server:
    """A server with one message in the lobby, which lists `site`, as ``localhost`` alone."""
    server = start_server("--origin", f"http://localhost:{site}")
    assert post_text(server.port, "first").status == 200
    return server


@pytest.fixture
def friend(browser: Browser, site: int) -> Iterator[Page]:
    """A page of the listed site."""
    yield from _page(browser, f"http://localhost:{site}/")


@pytest.fixture
def stranger(browser: Browser, site: int) -> Iterator[Page]:
    """A page of another one."""
    yield from _page(browser, f"http://127.0.0.1:{site}/")


def _page(browser: Browser, url: str) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(url)
    yield page
    page.close()


def fails(page: Page, script: str, argument: Any) -> bool:
    """Whether the browser lets `script` not do what it does."""
    failed: bool = page.evaluate(f"(argument) => ({script})(argument).then(() => false, () => true)", argument)
    return failed


def test_a_listed_page_reads_and_posts(chat: Server, friend: Page) -> None:
    assert friend.evaluate(POST, chat.url) == [201, "guest"]
    assert friend.evaluate(POST, chat.url) == [200, "guest"], "its key was seen"
    epoch, head = cursor(chat.port, "lobby")
    assert head == 2
    for script in (EVENTS, SOCKET):
        assert friend.evaluate(script, [chat.url, f"{epoch}.1"]) == "hello"
    assert friend.evaluate(LIBRARY, chat.url) == ["by the library", "first"]


def test_a_listed_page_sees_what_is_wrong(chat: Server, friend: Page) -> None:
    for path, way, status in (
        ("/rooms/lobby/messages?cursor=other.0", {}, 410),
        ("/rooms/lobby/messages?cursor=x", {}, 400),
        ("/nowhere", {}, 404),
        ("/rooms/lobby/messages/0", {"method": "DELETE"}, 403),
        ("/rooms/lobby/messages", {"method": "POST", "body": "x"}, 415),
        ("/rooms/lobby/messages", {"method": "POST", "body": "x" * 70_000}, 413),
        ("/session", {"method": "DELETE"}, 204),
    ):
        assert friend.evaluate(STATUS, [chat.url + path, way]) == status, path


def test_a_listed_page_is_a_guest(chat: Server, friend: Page) -> None:
    session = f"{chat.url}/session"
    headers = {"Content-Type": "application/json"}
    assert friend.evaluate(STATUS, [session, {"method": "POST", "headers": headers, "body": '{"name": "ada"}'}]) == 200
    who = "async (url) => (await (await fetch(url)).json()).name"
    assert friend.evaluate(who, session) == "guest", "another site's page is given no cookies"
    assert fails(friend, STATUS, [session, {"credentials": "include"}])


def test_another_page_gets_nothing(chat: Server, stranger: Page) -> None:
    before = cursor(chat.port, "lobby")
    assert fails(stranger, POST, chat.url)
    for script in (EVENTS, SOCKET):
        assert fails(stranger, script, [chat.url, f"{before[0]}.0"])
    assert fails(stranger, LIBRARY, chat.url)
    for path in ("/rooms/lobby/messages", "/rooms/lobby/messages?cursor=x", "/session", "/nowhere"):
        assert fails(stranger, STATUS, [chat.url + path, {}]), path
    assert cursor(chat.port, "lobby") == before
