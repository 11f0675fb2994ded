"""HTTP/2 over TLS, by clients that others have written: httpx, curl and Chromium."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.integration.chromium import chromium
from tests.integration.conftest import StartServer
from tests.integration.plain_client import FORM, JSON, PATIENCE_SECONDS, ask, cursor, post_text
from tests.integration.server import Server, tls_endpoint

ROOM = "/rooms/lobby/messages"
MANY = 40
STOP_SECONDS = 2.0

Talk = Callable[[httpx.AsyncClient], Awaitable[None]]


@dataclass
class Secure:
    """A server, and its URL by TLS."""

    server: Server
    url: str

    def talk(self, talk: Talk) -> None:
        """Let a client `talk`, over HTTP/2."""

        async def talked() -> None:
            async with httpx.AsyncClient(http2=True, verify=False, base_url=self.url, timeout=30) as client:
                await talk(client)

        asyncio.run(talked())


@pytest.fixture
def secure(start_server: StartServer, tmp_path: Path) -> Secure:
    port, endpoint = tls_endpoint(tmp_path)
    return Secure(start_server("--listen", endpoint, "--hold", "20"), f"https://localhost:{port}")


def local_port(answer: httpx.Response) -> int:
    """The connection by which `answer` came, which is HTTP/2."""
    assert answer.http_version == "HTTP/2"
    port: int = answer.extensions["network_stream"].get_extra_info("client_addr")[1]
    return port


def until_waiting(server: Server, count: int) -> None:
    """Return when so many wait.

    Asked elsewhere: with httpx, what has been answered may have to wait for what has not, on the same connection.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    while waiting(server) != count:
        assert time.monotonic() < end, f"{waiting(server)} wait, not {count}"
        time.sleep(0.02)


def waiting(server: Server) -> int:
    """How many wait in the lobby."""
    readers: int = ask(server.port, "GET", "/rooms/lobby").json()["readers"]
    return readers


@asynccontextmanager
async def polls(secure: Secure, client: httpx.AsyncClient) -> AsyncIterator[list[asyncio.Task[httpx.Response]]]:
    """Many suspended polls."""
    epoch, head = cursor(secure.server.port, "lobby")
    tasks = [asyncio.create_task(client.get(f"{ROOM}?cursor={epoch}.{head}")) for _ in range(MANY)]
    await asyncio.to_thread(until_waiting, secure.server, MANY)
    yield tasks


def test_many_polls_wait_on_one_connection(secure: Secure) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        async with polls(secure, client) as tasks:
            post_text(secure.server.port, "hello")
            answers = await asyncio.gather(*tasks)
        assert {local_port(answer) for answer in answers} == {local_port(answers[0])}
        for answer in answers:
            assert [message["text"] for message in answer.json()["messages"]] == ["hello"]
            assert "connection" not in answer.headers

    secure.talk(talk)


def test_posts(secure: Secure) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        keys = [f"{number:016}" for number in range(50)]
        posts = [client.post(ROOM, json={"text": "hello"}, headers={"Idempotency-Key": key}) for key in keys]
        answers = await asyncio.gather(*posts)
        assert {answer.status_code for answer in answers} == {201}
        assert sorted(answer.json()["message"]["seq"] for answer in answers) == list(range(50))
        again = await client.post(ROOM, json={"text": "hello"}, headers={"Idempotency-Key": keys[0]})
        assert (again.status_code, again.json()) == (200, answers[0].json())

    secure.talk(talk)


def test_streams_go_on_beside_each_other(secure: Secure) -> None:
    async def follow(client: httpx.AsyncClient, count: int) -> list[str]:
        texts: list[str] = []
        async with client.stream("GET", "/rooms/lobby/events", headers={"Accept": "application/x-ndjson"}) as answer:
            assert answer.http_version == "HTTP/2"
            async for line in answer.aiter_lines():
                texts += [json.loads(line)["message"]["text"]] if "message" in line else []
                if len(texts) == count:
                    break
        return texts

    async def talk(client: httpx.AsyncClient) -> None:
        followers = [asyncio.create_task(follow(client, 50)) for _ in range(10)]
        await asyncio.to_thread(until_waiting, secure.server, 10)
        wanted = [f"message {number}" for number in range(50)]
        for text in wanted:
            post_text(secure.server.port, text)
        for texts in await asyncio.gather(*followers):
            assert texts == wanted

    secure.talk(talk)


def test_large_pages_come_whole(secure: Secure) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        for number in range(30):
            assert (await client.post(ROOM, json={"text": f"{number}", "data": "x" * 15_000})).status_code == 201
        for answer in await asyncio.gather(*(client.get(f"{ROOM}?limit=200") for _ in range(20))):
            assert len(answer.content) > 200_000
            assert answer.json()["messages"][-1]["text"] == "29"

    secure.talk(talk)


def test_refusals_end_no_connection(secure: Secure) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        first = await client.get("/session")
        for answer, status in (
            (await client.get("/chat/get/0?wait=1"), 408),
            (await client.post("/chat/post", content=b"x" * 70_000, headers={"Content-Type": FORM}), 413),
            (await client.get("/" + "x" * 9_000), 414),
            (await client.get("/session", headers={"X": "x" * 9_000}), 431),
            (await client.get("/session", headers={"Host": "evil.example"}), 421),
            (await client.post(ROOM, content=b"{", headers={"Content-Type": JSON}), 400),
            (await client.put(ROOM), 405),
            (await client.get("/rooms/lobby/socket"), 426),
            (await client.get("/session"), 200),
        ):
            assert (answer.status_code, local_port(answer)) == (status, local_port(first))

    secure.talk(talk)


def test_a_stop_answers_all(secure: Secure) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        async with polls(secure, client) as tasks:
            follower = asyncio.create_task(client.get("/rooms/lobby/events"))
            await asyncio.to_thread(until_waiting, secure.server, MANY + 1)
            began = time.monotonic()
            secure.server.terminate()
            for answer in await asyncio.gather(*tasks):
                assert (answer.status_code, answer.json()["messages"]) == (200, [])
            assert "retry: " in (await follower).text
            assert await asyncio.to_thread(secure.server.wait) == -signal.SIGTERM
            assert time.monotonic() - began < STOP_SECONDS

    secure.talk(talk)
    assert "Traceback" not in secure.server.log


def test_a_stop_does_not_wait_for_who_asks_on(secure: Secure) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        async def ask_on() -> None:
            while True:
                await client.get(f"{ROOM}?cursor={epoch}.0")

        epoch, _ = cursor(secure.server.port, "lobby")
        asker = asyncio.create_task(ask_on())
        await asyncio.to_thread(until_waiting, secure.server, 1)
        began = time.monotonic()
        secure.server.terminate()
        assert await asyncio.to_thread(secure.server.wait) == -signal.SIGTERM
        assert time.monotonic() - began < STOP_SECONDS
        with pytest.raises(httpx.TransportError):
            await asker

    secure.talk(talk)


def test_curl(secure: Secure) -> None:
    curl = shutil.which("curl")
    assert curl is not None, "curl is not installed"
    command = [
        curl,
        "--silent",
        "--show-error",
        "--insecure",
        "--http2",
        "--write-out",
        "\n%{http_version} %{http_code}",
    ]

    def run(*arguments: str) -> list[str]:
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.splitlines()

    page, code = run(secure.url + ROOM)
    assert code == "2 200"
    target = f"{secure.url}{ROOM}?cursor={json.loads(page)['cursor']}"
    with subprocess.Popen([*command, target], stdout=subprocess.PIPE, text=True) as poll:
        assert run("--data", "message=hello", f"{secure.url}/chat/post")[-1] == "2 200"
        heard, _ = poll.communicate(timeout=30)
    assert json.loads(heard.splitlines()[0])["messages"][0]["text"] == "hello"
    refused, code = run("--data-binary", f"@{shutil.which('curl')}", f"{secure.url}/chat/post")
    assert (json.loads(refused)["type"], code) == ("/problems/too-long", "2 413")


# Chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def test_the_page_and_a_socket_in_chromium(secure: Secure, browser: Browser) -> None:
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(f"{secure.url}/")
    expect(page.locator("#status")).to_have_text("Connected")
    page.get_by_label("Your message").fill("hello")
    page.get_by_label("Your message").press("Enter")
    expect(page.locator("#log .text")).to_have_text(["hello"])
    spoken = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.nextHopProtocol)")
    assert set(spoken) == {"h2"}
    heard = page.evaluate(
        """() => new Promise((resolve, reject) => {
            const socket = new WebSocket(`wss://${location.host}/rooms/lobby/socket`);
            socket.onmessage = (event) => {
                const { posted, messages } = JSON.parse(event.data);
                if (posted) resolve(posted.message.text);
                else if (!messages.length) socket.send('{"post": {"key": "0123456789abcdef", "text": "by socket"}}');
            };
            socket.onerror = () => reject(new Error("no socket"));
        })"""
    )
    assert heard == "by socket"
    expect(page.locator("#log .text")).to_have_text(["hello", "by socket"])
    context.close()
    assert "Traceback" not in secure.server.log


def test_what_a_page_takes_back_waits_no_more(secure: Secure, browser: Browser) -> None:
    epoch, head = cursor(secure.server.port, "lobby")
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(f"{secure.url}/icon.svg")
    page.evaluate(
        """(target) => {
            window.life = new AbortController();
            window.polls = [1, 2, 3, 4, 5].map((n) => fetch(`${target}&limit=${n}`, { signal: window.life.signal }));
            window.outcomes = Promise.allSettled(window.polls);
        }""",
        f"{ROOM}?cursor={epoch}.{head}",
    )
    until_waiting(secure.server, 5)
    page.evaluate("window.life.abort()")
    until_waiting(secure.server, 0)
    assert page.evaluate("window.outcomes.then((all) => all.map((one) => one.reason.name))") == ["AbortError"] * 5
    assert page.evaluate(f"fetch('{ROOM}').then((answer) => answer.status)") == 200
    context.close()
