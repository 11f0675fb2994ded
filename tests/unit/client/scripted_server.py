"""A server that answers as a test tells it to, in memory and by a clock that stands still until it is moved."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from treq.client import HTTPClient
from treq.testing import StubTreq
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from chatcomet.client import Client, Gap, Message, Reader

EPOCH = "k3v9"
HTML = "<!DOCTYPE html><title>Welcome to the hotel</title>"

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """An answer: `value` as JSON, or the text in `body`.  A status of 0: the connection is lost instead."""

    status: int = 200
    value: object = None
    body: str | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


DOWN = Reply(0)


class ScriptedServer(Resource):
    """Answers by `answer` if that is set, else by what stands in `replies`; suspends a request if there is none."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.asked: list[Asked] = []
        self.replies: deque[Reply] = deque()
        self.answer: Callable[[Asked], Reply] | None = None
        self.suspended: list[Request] = []
        self._stub = StubTreq(self)

    def client(self, **options: Any) -> Client:
        """A client of this server, with no luck and no bad luck."""
        treq = cast(HTTPClient, self._stub)
        return Client("http://chat.example/chatty", treq=treq, clock=self.clock, random=lambda: 0.5, **options)

    def render(self, request: Request) -> bytes | int:
        """Answer, now or later."""
        asked = _asked(request)
        self.asked.append(asked)
        if self.answer is not None:
            return self._write(request, self.answer(asked))
        if self.replies:
            return self._write(request, self.replies.popleft())
        self.suspended.append(request)
        request.notifyFinish().addErrback(lambda _: self._forget(request))
        return NOT_DONE_YET

    def reply(self, reply: Reply) -> None:
        """Answer the one request that is suspended."""
        (request,) = self.suspended
        self.suspended.clear()
        body = self._write(request, reply)
        if isinstance(body, bytes):
            request.write(body)
            request.finish()
        self.flush()

    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self.clock.advance(seconds)
        self.flush()

    def flush(self) -> None:
        """Deliver what is on the wire."""
        self._stub.flush()

    def _forget(self, request: Request) -> None:
        """The client has hung up."""
        if request in self.suspended:
            self.suspended.remove(request)

    def _write(self, request: Request, reply: Reply) -> bytes | int:
        if reply.status == 0:
            assert request.transport is not None
            request.transport.loseConnection()
            return NOT_DONE_YET
        request.setResponseCode(reply.status)
        request.setHeader("Content-Type", reply.content_type)
        for name, value in reply.headers.items():
            request.setHeader(name, value)
        return (json.dumps(reply.value) if reply.body is None else reply.body).encode()


def _asked(request: Request) -> Asked:
    headers = {name.decode().lower(): values[0].decode() for name, values in request.requestHeaders.getAllRawHeaders()}
    params = {name.decode(): values[0].decode() for name, values in request.args.items()}
    assert request.content is not None
    return Asked(request.method.decode(), request.path.decode(), params, headers, request.content.read())


def message(seq: int, **more: object) -> dict[str, object]:
    """Message number `seq` as on the wire."""
    return {"seq": seq, "author": "ada", "text": f"text {seq}", "at": 1795354155.125, **more}


def page(*seqs: int, cursor: str | None = None) -> Reply:
    """A page of these messages; its cursor is after the last one if none is given."""
    cursor = cursor or f"{EPOCH}.{seqs[-1] + 1}"
    return Reply(value={"room": "lobby", "cursor": cursor, "messages": [message(seq) for seq in seqs]})


def posted(seq: int) -> Reply:
    """The answer to a post."""
    return Reply(201, {"message": message(seq), "cursor": f"{EPOCH}.{seq + 1}"})


def problem(status: int, name: str = "malformed", **more: object) -> Reply:
    """A problem document."""
    retry_after = more.pop("retry_after", None)
    value = {"type": f"/problems/{name}", "title": name, "status": status, "detail": f"it is {name}", **more}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Reply(status, value, content_type="application/problem+json", headers=headers)


def expired(earliest: str, latest: str) -> Reply:
    """What a cursor that does not lead on gets."""
    return problem(410, "cursor-expired", earliest=earliest, latest=latest)


def start(coroutine: Coroutine[Deferred[Any], Any, T]) -> Deferred[T]:
    """Run a coroutine."""
    return ensureDeferred(coroutine)


class Consumer:
    """Reads from `reader` until it is cancelled; `seen` is what it got: the seqs of messages, and gaps."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.seen: list[int | Gap] = []
        self.ended = start(self._read())

    async def _read(self) -> None:
        async for item in self.reader:
            if isinstance(item, Message):
                assert item.text == f"text {item.seq}"
                self.seen.append(item.seq)
            else:
                self.seen.append(item)
