"""What integration tests share: running servers, and a browser."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page

from tests.integration.browser_library import evaluate, library_page, web_url
from tests.integration.chromium import chromium
from tests.integration.pages import Visit
from tests.integration.server import Server

__all__ = ["evaluate", "library_page", "web_url"]

StartServer = Callable[..., Server]


@pytest.fixture
def room() -> str:
    """A room that nobody has used."""
    return f"room-{uuid4().hex}"


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Starts servers with options of ``twistd chatcomet``, each over a store of its own."""
    servers: list[Server] = []

    def start(*options: str, environ: dict[str, str] | None = None) -> Server:
        folder = tmp_path / f"server{len(servers)}"
        folder.mkdir()
        server = Server(folder, *options, environ=environ)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def server(start_server: StartServer) -> Server:
    """A running server with no options but its port and store."""
    return start_server()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that let it run as it is; what they post in a room stays there."""
    server = Server(tmp_path_factory.mktemp("shared"), "--hold", "5", "--origin", "https://friend.example")
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    """The port of a server of empty pages: another site, as ``127.0.0.1`` and as ``localhost``."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _EmptyPages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


class _EmptyPages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens a page as somebody of their own (other cookies), with options of a browser context.

    Whatever a page throws, shows as a dialog, or tries against its Content-Security-Policy fails the test.
    """
    contexts = []
    wrongs: list[str] = []

    def refuse_dialog(dialog: Dialog) -> None:
        wrongs.append(dialog.message)
        dialog.dismiss()

    def read_console(said: ConsoleMessage) -> None:
        if "Content Security Policy" in said.text:
            wrongs.append(said.text)

    def visit(url: str, *, script: str = "", **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.on("pageerror", lambda error: wrongs.append(str(error)))
        page.on("dialog", refuse_dialog)
        page.on("console", read_console)
        page.goto(url)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert wrongs == []


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes of a test; none of them outlives it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream is not None
            stream.close()
