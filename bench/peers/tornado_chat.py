"""The seed's long poll as one writes it in Tornado: ``tornado_chat.py PORT``.

``GET /get/ROOM/N`` waits for message N, at most 25 seconds (then 204); ``POST /post/ROOM`` with a form field `message`.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sys
from collections import defaultdict

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

HOLD_SECONDS = 25.0


class Room:
    """Messages, and who waits for the next one."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.waiters: set[asyncio.Future[None]] = set()

    def post(self, message: str) -> None:
        """Keep it, and wake everybody."""
        self.messages.append(message)
        waiters, self.waiters = self.waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


rooms: defaultdict[str, Room] = defaultdict(Room)


class Get(RequestHandler):
    """One poll."""

    waiter: asyncio.Future[None] | None = None

    async def get(self, name: str, number: str) -> None:
        """Answer with message `number`, when there is one."""
        room = rooms[name]
        if int(number) >= len(room.messages):
            self.waiter = asyncio.get_running_loop().create_future()
            room.waiters.add(self.waiter)
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(self.waiter, HOLD_SECONDS)
            room.waiters.discard(self.waiter)
        if int(number) < len(room.messages):
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.set_header("Cache-Control", "no-store")
            self.write(room.messages[int(number)])
        else:
            self.set_status(204)

    def on_connection_close(self) -> None:
        """Nobody waits there any more."""
        if self.waiter is not None:
            self.waiter.cancel()

    def compute_etag(self) -> None:
        """None: it is of no use here, and would be a hash of each answer."""


class Post(RequestHandler):
    """One message."""

    def post(self, name: str) -> None:
        """Keep it, and give it to who waits."""
        rooms[name].post(self.get_body_argument("message", strip=False))


async def main(port: int) -> None:
    """Serve until the process is ended."""
    application = Application([(r"/get/(\w+)/(\d+)", Get), (r"/post/(\w+)", Post)], log_function=lambda _request: None)
    HTTPServer(application).listen(port, "127.0.0.1", backlog=4096)
    await asyncio.Event().wait()


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main(int(sys.argv[1])))
