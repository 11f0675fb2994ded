"""PollChannel: a connection with a fast lane for polls, posts and event streams.

What the `Lane` understands is asked and answered right here.  All else reaches `HTTPChannel` untouched.

* The lane is taken by a request that comes whole, in one piece, while the connection is idle: nothing else is being
  read or answered, nor is a part of anything left over.
* What arrives behind a suspended poll or a stream waits where `HTTPChannel` keeps what is pipelined, by its rules
  (16 KiB, then the peer is not heard), and is read when that has been answered.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http

from chatcomet.access.asker import Asker
from chatcomet.api.waiting import Pending
from chatcomet.errors import ChatcometError
from chatcomet.http import wire
from chatcomet.http.asks import Ask
from chatcomet.http.body import LAST_CHUNK, ChunkedBody
from chatcomet.http.deadlines import NEVER
from chatcomet.http.limited import LimitedChannel
from chatcomet.http.wire import FAULT, Answer


class PollChannel(LimitedChannel):
    """A `LimitedChannel` with a fast lane."""

    _log = Logger()
    origin: str | None = None
    """The listed one of the page that asks in the lane; what has none adds nothing to its connection."""

    def __init__(self) -> None:
        super().__init__()
        self._at_first_line = True  # `HTTPChannel` has heard nothing of the next request
        self.somebody: Asker | None = None  # see `Peer`
        self._address: str | None = None
        self._ask: Ask[Any] | None = None  # is being answered in the lane
        self._outcome: Pending[Any] | None = None  # of that
        self._is_untaken = False  # the peer has yet to take the lane's last answer

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]  # Twisted's own is untyped
        """Forget the asker who has dropped."""
        super().connectionLost(reason)
        outcome, self._outcome = self._outcome, None
        if outcome is not None:
            outcome.cancel()

    def dataReceived(self, data: bytes) -> None:
        """A request for the lane, or anything else."""
        lane = self.site.lane
        if (
            lane is not None
            and self._is_plain
            and self._at_first_line
            and not (self._handlingRequest or self._buffer or self._busyReceiving or self._ended)
        ):
            self._handlingRequest = True  # by asking for a stream its first bytes are written already
            taken = lane.take(data, self)
            if taken is not None:
                self._suspend(*taken)
                return
            self._handlingRequest = False
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        """A line of a request that is not for the lane."""
        self._at_first_line = False
        super().lineReceived(line)

    def requestDone(self, request: http.Request) -> None:
        """Such a request has been answered; what comes next is another one."""
        self._at_first_line = True
        super().requestDone(request)

    def _suspend(self, ask: Ask[Any], outcome: Pending[Any]) -> None:
        """Wait for `outcome`; what comes meanwhile is kept as it is."""
        self.line_mode = 0
        self.deadline = NEVER
        self._ask, self._outcome = ask, outcome
        outcome.addBoth(self._came)  # one method for both: each would be kept as long as the poll

    def _came(self, outcome: Any) -> None:
        if isinstance(outcome, Failure) and outcome.check(CancelledError):
            return
        if self._upgraded is not None:  # what was to be answered is
            self._ask = self._outcome = None
            return
        try:
            self._give(self._answer(outcome))
        except Exception:  # nobody else would end this
            self._log.failure("a fault in giving an answer in the lane")
            self.cut()

    def _answer(self, outcome: Any) -> Answer | None:
        assert self._ask is not None
        try:
            if not isinstance(outcome, Failure):
                return self._ask.answer(outcome)
            if isinstance(outcome.value, ChatcometError):
                return self._ask.refuse(outcome.value)
        except Exception:
            outcome = Failure()
        self._log.failure("a fault in answering in the lane", outcome)
        return FAULT

    def _give(self, answer: Answer | None) -> None:
        """Write `answer`, or the end of the one that has been written in parts."""
        self._ask = self._outcome = None
        if answer is None:  # whose head did not say that it would be the last
            self.send(LAST_CHUNK)
            self._go_on()
            self._end_if_closing()
            return
        closes = answer.close or self.site.closing
        self.send(wire.encode(answer, self.site.date, closes, self.origin))
        if closes:
            self.loseConnection()
        else:
            self._go_on()

    def _go_on(self) -> None:
        """The answer is written: hear what is next, if the peer has taken enough."""
        site = self.site
        site.deadlines.set(self, site.limits.idle_seconds)
        if self._dataBuffer:
            site.outbox.flush()  # before anything that is answered by other ways, if the peer takes it
        if self._waitingForTransport:
            self._wait_until_taken()
            return
        self._handlingRequest = False
        if not self._dataBuffer:
            self.line_mode = 1
            return
        behind, self._dataBuffer = b"".join(self._dataBuffer), []
        self._networkProducer.resumeProducing()
        self.setLineMode(behind)

    def _wait_until_taken(self) -> None:
        """Be at the last answer still, and hear nothing."""
        self._handlingRequest = self._is_untaken = True
        self.line_mode = 0
        self._networkProducer.pauseProducing()

    def pauseProducing(self) -> None:
        """The peer takes no more for now.  Where its last answer was sent in a burst, only this tells of it."""
        super().pauseProducing()
        if self._at_first_line and not self._handlingRequest:
            self._wait_until_taken()

    def resumeProducing(self) -> None:
        """The peer has taken all that was written."""
        super().resumeProducing()
        if self._is_untaken:
            self._is_untaken = False
            self._networkProducer.resumeProducing()
            self._go_on()
            self._end_if_closing()  # which may have begun meanwhile

    # What the lane asks of it

    def address(self) -> str:
        """The peer's."""
        if self._address is None:
            self._address = str(getattr(self.getPeer(), "host", ""))
        return self._address

    def body(self) -> ChunkedBody:
        """Where an answer is written that goes on."""
        return ChunkedBody(self)

    def channel(self) -> PollChannel:
        """What may go on in another protocol."""
        return self
