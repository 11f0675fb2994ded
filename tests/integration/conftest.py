"""What integration tests share: running servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.server import Server

StartServer = Callable[..., Server]


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
