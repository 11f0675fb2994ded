"""One request and its whole answer, or `Trouble`: no third thing, and always within the request's time.

A connection can be dead without either end being told, so every exchange has an end; an answer can be anybody's
(a hotel's login page), so its size has one too.  Cancelling an exchange closes its connection at once, which is
how a server learns that a suspended poll is wanted no more, and fails with `CancelledError` whatever the
connection makes of being closed: a cancelled request must never look like one to try again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web._newclient import RequestNotSent  # a post over a connection just closed: not exported
from twisted.web.client import RequestTransmissionFailed, ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from chatcomet.client.backoff import parse_retry_after
from chatcomet.client.errors import Trouble

ANSWER_SECONDS = 15.0
"""For all but suspended polls: connecting, sending, thinking, the way back."""

ANSWER_BYTES = 4 * 1024 * 1024
"""More than any answer of a chatcomet has, with its text escaped in the worst way."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked; `path` is below the server's URL, `body` is JSON, and the answer is there within `seconds`.

    `authorization`: who asks, which is a secret.
    """

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    key: str | None = None
    seconds: float = ANSWER_SECONDS
    authorization: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole; `content_type` is without its parameters and in lower case."""

    status: int
    content_type: str
    body: bytes
    location: str | None = None
    retry_after: float | None = None


def exchange(treq: HTTPClient, url: str, request: Request, clock: IReactorTime) -> Deferred[Answer]:
    """Fires with the answer to `request`, asked of the server at `url`; fails with `Trouble`."""
    answer = _parted(ensureDeferred(_exchange(treq, url, request)))
    answer.addTimeout(request.seconds, clock, onTimeoutCancel=_too_late)
    return answer.addErrback(_troubled)


async def _exchange(treq: HTTPClient, url: str, request: Request) -> Answer:
    headers = Headers({"Accept": ["application/json"]})
    if request.body is not None:
        headers.setRawHeaders("Content-Type", ["application/json"])
    if request.key is not None:
        headers.setRawHeaders("Idempotency-Key", [request.key])
    if request.authorization is not None:
        headers.setRawHeaders("Authorization", [request.authorization])
    response = await treq.request(
        request.method,
        url + request.path,
        params=list(request.params),
        headers=headers,
        data=request.body,
        allow_redirects=False,  # a post must not go elsewhere than it was sent
        unbuffered=True,
    )
    return _answer(response, await _Body.of(response))


def _answer(response: IResponse, body: bytes) -> Answer:
    def header(name: str) -> str | None:
        values = response.headers.getRawHeaders(name)
        return values[0] if values else None

    content_type = (header("Content-Type") or "").partition(";")[0].strip().lower()
    retry_after = parse_retry_after(header("Retry-After"), header("Date"))
    return Answer(response.code, content_type, body, header("Location"), retry_after)


class _Body(Protocol):
    """Collects an answer's body.  `finished` fires with it; cancelling that closes the connection."""

    def __init__(self) -> None:
        self.finished: Deferred[bytes] = Deferred(lambda _: self._close())
        self._received = bytearray()

    @classmethod
    def of(cls, response: IResponse) -> Deferred[bytes]:
        """Fires with the body of `response`, or fails with `Trouble`."""
        body = cls()
        response.deliverBody(body)
        return body.finished

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > ANSWER_BYTES and not self.finished.called:
            self.finished.errback(Trouble("the answer is longer than any of a chatcomet"))
            self._close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.finished.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.finished.callback(bytes(self._received))
        else:
            self.finished.errback(reason)

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


def _parted(asked: Deferred[T]) -> Deferred[T]:
    """The same as `asked`, but that cancelling fails with `CancelledError` before `asked` can say anything else."""

    def cancel(parted: Deferred[T]) -> None:
        parted.errback(CancelledError())
        asked.cancel()

    def fire(result: T | Failure) -> None:
        if not parted.called:
            parted.callback(result)

    parted: Deferred[T] = Deferred(cancel)
    asked.addBoth(fire)
    return parted


def _too_late(_: object, seconds: float) -> Failure:
    return Failure(Trouble(f"no answer in {seconds:g} s"))


def _troubled(failure: Failure) -> Failure:
    """What a network can do to a request, as `Trouble`; all else, a fault of ours included, as it is."""
    error = failure.value
    if isinstance(error, RequestNotSent):
        return Failure(Trouble("the connection was lost before the request was sent"))
    if isinstance(error, ResponseFailed | RequestTransmissionFailed):
        return Failure(Trouble("; ".join(reason.getErrorMessage() for reason in error.reasons)))
    if isinstance(error, ConnectError | ConnectionClosed | DNSLookupError | OSError):
        return Failure(Trouble(failure.getErrorMessage()))
    return failure
