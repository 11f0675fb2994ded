"""The server as a client sees it: a thing to ask, again and again, until there is an answer for good.

* Tried again, after a back-off: what got no answer, 408, 425, 429, 5xx, a redirection, and what is not the
  answer of a chatcomet (a captive portal says 200, too).  A post carries its key, so that it is never doubled.
* Final: every other 4xx.  The same request would get the same answer.  But for 401, where there is another ticket by
  then: the first one may have expired.

Every trouble is logged as a warning, with the seconds until the next try.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Generic, NamedTuple, TypeVar

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from chatcomet.client.answers import parse_json, read_problem
from chatcomet.client.backoff import delay
from chatcomet.client.credentials import Authorization
from chatcomet.client.errors import Refused, Trouble, Unreachable
from chatcomet.client.exchange import Answer, Request, exchange

_JSON = ("application/json", "application/problem+json")
_NOT_FINAL = (408, 425, 429)
_UNAUTHORIZED = 401
_AT_ONCE_SECONDS = 1.0
"""A ticket that was refused later was good at first, and has expired while the request was suspended."""

_TICKETS = 3
"""So many refused at once, one after the other: there is no use in another one."""

T = TypeVar("T")


class Heard(NamedTuple, Generic[T]):
    """What an answer says, and in how many seconds it says to come again, if it does."""

    value: T
    retry_after: float | None


class Server:
    """A chatcomet at `url` (which ends with a slash), asked through `treq` by who shows `authorization`.

    `clock` times waits, and `random` gives numbers from 0 to 1 for their jitter.
    """

    _log = Logger()

    def __init__(
        self,
        url: str,
        treq: HTTPClient,
        clock: IReactorTime,
        random: Callable[[], float],
        authorization: Authorization = lambda: None,
    ) -> None:
        self.url = url
        self._authorization = authorization
        self._treq = treq
        self._clock = clock
        self._random = random

    async def ask(self, request: Request, read: Callable[[object], T], patience_seconds: float | None) -> T:
        """What `read` makes of the answer to `request`; fails as `hear` does."""
        return (await self.hear(request, read, patience_seconds)).value

    async def hear(self, request: Request, read: Callable[[object], T], patience_seconds: float | None) -> Heard[T]:
        """The same, and when to come again.  Raises `Refused`, and what is wrong with the ticket that there is.

        Begins no new try after `patience_seconds` (None: there is no such end), and raises `Unreachable` then.
        """
        began = self.seconds()
        failures = 0
        while True:
            try:
                answer = await self._exchange(request)
                return Heard(read(_meaning(answer)), answer.retry_after)
            except Trouble as trouble:
                seconds = delay(failures, self._random(), trouble.retry_after)
                if patience_seconds is not None and self.seconds() + seconds - began > patience_seconds:
                    raise Unreachable(self.url, patience_seconds, trouble) from trouble
                self._log.warn("{trouble}; trying again in {seconds:.0f} s", trouble=trouble, seconds=seconds)
            await self.sleep(seconds)
            failures += 1

    async def _exchange(self, request: Request) -> Answer:
        """The answer to the ticket there is, or to another one if that is refused and there is one by then."""
        shown = self._authorization()
        left = _TICKETS
        while True:
            began = self.seconds()
            answer = await exchange(self._treq, self.url, replace(request, authorization=shown), self._clock)
            if self.seconds() - began < _AT_ONCE_SECONDS:
                left -= 1
            if answer.status != _UNAUTHORIZED or not left or (another := self._authorization()) == shown:
                return answer
            shown = another

    def seconds(self) -> float:
        """The time by the clock."""
        return self._clock.seconds()

    def rest(self, failures: int, retry_after: float | None = None) -> Deferred[None]:
        """Fires when a client that was fruitless so often before, or told to come in so many seconds, may ask again."""
        return self.sleep(delay(failures, self._random(), retry_after))

    def sleep(self, seconds: float) -> Deferred[None]:
        """Fires in so many seconds."""
        return deferLater(self._clock, seconds, lambda: None)


def _meaning(answer: Answer) -> object:
    """The value that an answer brings (None for one without a body).  Raises `Refused` or `Trouble`."""
    is_json = answer.content_type in _JSON
    if 400 <= answer.status < 500 and answer.status not in _NOT_FINAL:
        raise Refused(read_problem(answer.status, parse_json(answer.body) if is_json else None))
    if not 200 <= answer.status < 300:
        raise Trouble(_complaint(answer), answer.retry_after)
    if answer.status == 204:
        return None
    if not is_json:
        raise Trouble(f"something other than a chatcomet has answered ({answer.content_type or 'without a type'})")
    return parse_json(answer.body)


def _complaint(answer: Answer) -> str:
    if answer.location is not None:
        return f"the answer is a redirection to {answer.location}"
    if answer.content_type in _JSON:
        detail = read_problem(answer.status, parse_json(answer.body)).detail
        return f"the server answered {answer.status}: {detail}"
    return f"the server answered {answer.status}"
