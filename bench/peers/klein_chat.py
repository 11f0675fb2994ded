"""The seed's long poll as one writes it in Klein, a route that returns a Deferred: ``klein_chat.py PORT``.

``GET /get/ROOM/N`` waits for message N, at most 25 seconds (then 204); ``POST /post/ROOM`` with a form field `message`.
"""

from __future__ import annotations

import resource
import sys
from collections import defaultdict

from klein import Klein
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as HoldOver
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IReactorCore, IReactorTime
from twisted.python.failure import Failure
from twisted.web.http import NO_CONTENT
from twisted.web.iweb import IRequest
from twisted.web.server import Site

HOLD_SECONDS = 25.0

app = Klein()


class Room:
    """Messages, and who waits for the next one."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.waiters: set[Deferred[bytes]] = set()

    def post(self, message: bytes) -> None:
        """Keep it, and give it to everybody."""
        self.messages.append(message)
        waiters, self.waiters = self.waiters, set()
        for waiter in waiters:
            waiter.callback(message)


rooms: defaultdict[str, Room] = defaultdict(Room)


@app.route("/get/<name>/<int:number>", methods=["GET"])
def get(request: IRequest, name: str, number: int) -> bytes | Deferred[bytes]:
    """Answer with message `number`, when there is one."""
    room = rooms[name]
    request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
    request.setHeader(b"Cache-Control", b"no-store")
    if number < len(room.messages):
        return room.messages[number]

    def nothing(failure: Failure) -> bytes:
        failure.trap(HoldOver)
        request.setResponseCode(NO_CONTENT)
        return b""

    waiter: Deferred[bytes] = Deferred(room.waiters.discard)
    room.waiters.add(waiter)
    return waiter.addTimeout(HOLD_SECONDS, IReactorTime(reactor)).addErrback(nothing)


@app.route("/post/<name>", methods=["POST"])
def post(request: IRequest, name: str) -> bytes:
    """Keep a message, and give it to who waits."""
    rooms[name].post(request.args[b"message"][0])
    return b""


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Its backlog is that of the other servers here: Twisted's own, 50, would make thousands who come at once wait.
    endpoint = TCP4ServerEndpoint(reactor, int(sys.argv[1]), 4096, "127.0.0.1")
    endpoint.listen(Site(app.resource()))
    IReactorCore(reactor).run()
