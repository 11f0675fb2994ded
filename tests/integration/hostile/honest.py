"""Honest readers: each waits for the next message, and asks again at once; how long a message takes to come."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterable

from tests.integration.plain_client import HOST, JSON, NAME, Connection, cursor

PATIENCE_SECONDS = 20.0


class HonestReaders:
    """So many of one room, over a connection each."""

    def __init__(self, port: int, count: int, room: str = "lobby") -> None:
        self._room = room
        self._port = port
        self._poster = Connection(port)
        epoch, head = cursor(port, room)
        self._epoch, self._head = epoch, head
        self._connections: dict[int, socket.socket] = {}
        self._poller = select.epoll()
        for _ in range(count):
            connection = socket.create_connection((HOST, port), PATIENCE_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._poller.register(connection, select.EPOLLIN)
            self._connections[connection.fileno()] = connection
        self._ask(self._connections.values())

    def _ask(self, connections: Iterable[socket.socket]) -> None:
        path = f"/rooms/{self._room}/messages?cursor={self._epoch}.{self._head}"
        poll = f"GET {path} HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode()
        for connection in connections:
            connection.sendall(poll)

    def post(self, text: str) -> list[float]:
        """Post, and after how many seconds each reader has it; all have asked again then."""
        body = f'{{"text":"{text}"}}'
        begun = time.monotonic()
        assert self._poster.ask("POST", f"/rooms/{self._room}/messages", body, {"Content-Type": JSON}).status == 201
        self._head += 1
        waiting, latencies = set(self._connections), []
        received: dict[int, bytes] = {}
        while waiting:
            ready = self._poller.poll(PATIENCE_SECONDS)
            assert ready, f"{len(waiting)} readers were not served"
            now = time.monotonic()
            for fd, _ in ready:
                data = received.get(fd, b"") + self._connections[fd].recv(65_536)
                received[fd] = data
                assert data, "a reader was cut off"
                if _is_whole(data):
                    assert text.encode() in data, data
                    latencies.append(now - begun)
                    waiting.discard(fd)
                    self._ask([self._connections[fd]])
        return latencies

    def renew_poster(self) -> None:
        """Post over another connection: the one that there was has asked for nothing since."""
        self._poster.close()
        self._poster = Connection(self._port)

    def close(self) -> None:
        """All go."""
        self._poster.close()
        self._poller.close()
        for connection in self._connections.values():
            connection.close()


def _is_whole(data: bytes) -> bool:
    head, blank, body = data.partition(b"\r\n\r\n")
    length = head.partition(b"Content-Length: ")[2].split(b"\r\n")[0]
    return bool(blank) and len(body) == int(length)
