"""Multiplexed: a connection that speaks HTTP/2 (RFC 9113), by `h2`, and keeps our limits.

Each request is an `Exchange`, and takes the slow lane.  Over TLS only, where it was negotiated.

=========================  ==============================================  ======================================
limit                      whom it stops                                   what happens
=========================  ==============================================  ======================================
those of `http.limited`    as there                                        414, 431, 413, 408; the exchange ends
a share of the `turns`     who says much at once                           it is heard in the next turns of the
                                                                           reactor, and no more is read before
`EXCHANGES` at once        who asks without end and waits for nothing      the connection ends (`h2` sees to it)
`UNTAKEN_BYTES`            who asks for much, and takes nothing            what else is asked waits (`backlog`)
`HELD_BYTES`               many bodies of which none is complete           the newest is refused, to be sent again
`RESETS`                   who asks and takes it back at once, for the     the connection ends
                           work that it makes (CVE-2023-44487)
`FRAME_BYTES`, and         frames, and headers in many, without end        the connection ends
`MORE_BYTES`, `arrival`
`header_seconds` in all    a frame that comes byte by byte; bodies have    the connection ends
                           their own time
`idle_seconds`             a connection that asks for nothing, whatever    the connection ends
                           else it says, or takes nothing
=========================  ==============================================  ======================================

* As long as the peer does not take what was written, nothing is read: what would have to be answered (pings,
  settings) waits with the peer, and not here.
* An answer is sent as far as the peer's windows allow (RFC 9113, 5.2), and all answers in turn.  One that is not taken
  is cut off alone: a stream by its own rule (`api.streaming`), any other in `idle_seconds`.
* A peer may let us remember its headers in a table as large as it likes: we use one of the usual size.
* When the service stops, what was asked is answered, what is asked after that is refused (unprocessed, which lets
  clients ask again elsewhere), and the connection ends `GOODBYE_SECONDS` behind the last answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from h2 import events
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from twisted.internet.interfaces import IDelayedCall, IPushProducer, ISSLTransport
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from chatcomet.access.buckets import Buckets
from chatcomet.http import eager
from chatcomet.http.arrival import FRAME_BYTES, MORE_BYTES, Arrival
from chatcomet.http.backlog import Backlog
from chatcomet.http.deadlines import NEVER
from chatcomet.http.exchange import Exchange, Fields
from chatcomet.http.limited import UNTAKEN_SECONDS
from chatcomet.http.spoken import Spoken
from chatcomet.settings import Rate

if TYPE_CHECKING:
    from chatcomet.http.site import ChatSite

HELD_BYTES = 1024 * 1024
RESETS = Rate(20.0, 200)
GOODBYE_SECONDS = 0.1
"""Between the last answer and the goodbye: there are clients that read no answer any more when they have heard that."""


@implementer(IPushProducer)
class Multiplexed(Protocol):
    """One connection to `site`."""

    transport: Any

    def __init__(self, site: ChatSite) -> None:
        self.site = site
        self.deadline = self.looked_at = NEVER
        self._limits = site.limits
        block_bytes = site.limits.header_bytes + MORE_BYTES
        self._spoken = Spoken(block_bytes)
        self._arrival = Arrival(block_bytes)
        self._kept = bytearray()  # has come, and is yet to be heard
        self._exchanges: dict[int, Exchange] = {}
        self.backlog = Backlog(self._exchanges)
        """Those that are complete, and wait until the peer has taken more."""
        self._ready: dict[Exchange, None] = {}  # which may have something to send, in turn
        self._sending: IDelayedCall | None = None
        self._leaving: IDelayedCall | None = None
        self._is_choked = False  # the peer does not take what was written
        self._is_paused = False  # the transport: no more comes
        self._is_ended = False  # all has been said
        self._resets = Buckets(site.reactor)
        self._idle_due = self._choked_due = self._arrival_due = NEVER

    # How it begins and ends

    def connectionMade(self) -> None:
        """Say how we speak."""
        self.is_secure = ISSLTransport.providedBy(self.transport)
        self.transport.registerProducer(self, True)
        self.site.connected(self)
        self._idle_due = self._now + self._limits.idle_seconds
        self._mind()
        self._spoken.initiate_connection()
        self._send()
        if self.site.closing:
            self.loseConnection()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]  # Twisted's own is untyped
        """All exchanges have lost their peer."""
        self._end_exchanges()
        self.site.deadlines.forget(self)
        self.site.disconnected(self)

    @property
    def idle(self) -> bool:
        """Whether nothing is asked."""
        return not self._exchanges

    def loseConnection(self, error: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """Say goodbye, and end the connection when all is sent; a peer that does not take it in time is cut."""
        if self._is_ended:
            return
        self._end_exchanges()
        self._spoken.close_connection(error)
        self._end()

    def _end(self) -> None:
        self._is_ended = True
        self._write()
        self.transport.unregisterProducer()
        self.transport.resumeProducing()  # to hear the peer's consent
        self.transport.loseConnection()
        self.site.deadlines.set(self, self._limits.idle_seconds)

    def cut(self) -> None:
        """End the connection now, whatever is on its way."""
        self._kept.clear()
        self.transport.abortConnection()

    def _end_exchanges(self) -> None:
        self._kept.clear()
        for call in (self._sending, self._leaving):
            if call is not None and call.active():
                call.cancel()
        self._ready.clear()
        while self._exchanges:
            _, exchange = self._exchanges.popitem()
            self.backlog.drop(exchange)
            exchange.lose()

    # In

    def dataReceived(self, data: bytes) -> None:
        """Frames, or parts of them: no more come as long as some are kept."""
        if not self._is_ended:
            self._kept += data
            self.site.turns.take(self)
            self._mind_transport()

    @property
    def has_more(self) -> bool:
        """Whether something can be heard now."""
        return bool(self._kept) and not self._is_choked

    def hear_some(self, most: int) -> int:
        """Hear what has come, `most` frames of it; how many it were."""
        before = self._arrival.ended
        size = self._arrival.hear(self._kept, most)
        if size is None:
            self.loseConnection(ErrorCodes.FRAME_SIZE_ERROR)
        else:
            data = bytes(self._kept[:size])
            del self._kept[:size]
            self._hear_frames(data)
            self._mind_transport()
        return self._arrival.ended - before

    def _mind_transport(self) -> None:
        """Let no more come as long as it would not be heard."""
        is_paused = bool(self._kept) or self._is_choked
        if is_paused == self._is_paused or self._is_ended:
            return
        self._is_paused = is_paused
        if is_paused:
            self.transport.pauseProducing()
        else:
            self.transport.resumeProducing()

    def _hear_frames(self, data: bytes) -> None:
        try:
            heard = self._spoken.receive_data(data)
        except ProtocolError:  # to which `h2` has the answer ready
            self._end_exchanges()
            self._end()
            return
        self._hear_all(heard)
        if not self._is_ended:
            self._mind_arrival()
            self._mind_idle()
            self._send()

    def _hear_all(self, heard: Sequence[events.Event]) -> None:
        """Do what was heard.

        `h2` has gone ahead to the end of that: first those leave, or take something back, who can't be answered any
        more, whatever they have said before.
        """
        if any(isinstance(event, events.ConnectionTerminated) for event in heard):
            self._end_exchanges()
            self._end()
            return
        taken_back = {event.stream_id for event in heard if isinstance(event, events.StreamReset)}
        for number in taken_back:
            self._lose_exchange(number)
        for event in heard:
            if self._is_ended:
                return
            if getattr(event, "stream_id", None) not in taken_back or isinstance(event, events.DataReceived):
                self._hear(event)

    def _lose_exchange(self, number: int | None) -> None:
        exchange = self._exchanges.get(number or 0)
        if exchange is not None:
            self._forget(exchange)
            exchange.lose()
        self._count_reset()

    def _hear(self, event: events.Event) -> None:
        exchange = self._exchanges.get(getattr(event, "stream_id", None) or 0)
        if isinstance(event, events.RequestReceived):
            self._begin(event)
        elif isinstance(event, events.DataReceived):
            self._hear_body(event, exchange)
        elif isinstance(event, events.StreamEnded) and exchange is not None:
            exchange.complete()
        elif isinstance(event, events.WindowUpdated):
            self._ready.update(dict.fromkeys([exchange] if exchange else self._exchanges.values()))
        elif isinstance(event, events.RemoteSettingsChanged):
            self._spoken.keep_table_small()
            self._ready.update(dict.fromkeys(self._exchanges.values()))

    def _begin(self, event: events.RequestReceived) -> None:
        if self.site.closing:
            self._spoken.reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)
            return
        exchange = self._exchanges[event.stream_id] = Exchange(self, event.stream_id)
        if self._idle_due < NEVER:
            self._idle_due = self._now + self._limits.idle_seconds
            self._mind()
        exchange.begin(event.headers, event.stream_ended is not None)

    def _hear_body(self, event: events.DataReceived, exchange: Exchange | None) -> None:
        self._spoken.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if exchange is None:
            return
        exchange.hear(event.data)
        if exchange.is_arriving and sum(each.held_bytes for each in self._exchanges.values()) > HELD_BYTES:
            self.cut_exchange(exchange, ErrorCodes.REFUSED_STREAM)
            self._count_reset()

    def _count_reset(self) -> None:
        if self._resets.take("", RESETS):
            self.loseConnection(ErrorCodes.ENHANCE_YOUR_CALM)

    # Out

    def send_header(self, exchange: Exchange, fields: Fields) -> None:
        """Begin the answer of `exchange`; it goes out with what follows."""
        self._spoken.send_headers(exchange.number, fields)
        self.send_soon(exchange)

    def send_soon(self, exchange: Exchange) -> None:
        """Send what there is of `exchange`, together with all that is written in this turn."""
        if exchange.number in self._exchanges:
            self._ready[exchange] = None
            self._send_later()

    def _send_later(self) -> None:
        if self._sending is None:
            self._sending = self.site.reactor.callLater(0, self._send_now)

    def unsent(self) -> int:
        """How many bytes are to be sent, of all exchanges, that the system has not yet taken."""
        return eager.unsent(self.transport) + self.backlog.queued_bytes

    def cut_exchange(self, exchange: Exchange, error: ErrorCodes) -> None:
        """End one exchange now."""
        if exchange.number in self._exchanges:
            self._spoken.reset_stream(exchange.number, error)
            self._forget(exchange)
            exchange.lose()
            self._write()

    def _send_now(self) -> None:
        self._sending = None
        self._send()

    def _send(self) -> None:
        """Send what is ready, a frame of each in turn, as far as the peer takes it, and let others be answered."""
        written = 0
        while self._ready and not self._is_choked:
            exchange = next(iter(self._ready))
            del self._ready[exchange]
            written += self._send_part(exchange)
            if written >= FRAME_BYTES:
                self._write()
                written = 0
        self._write()
        if self.backlog:
            self.backlog.begin_some()
            self._mind_idle()

    def _send_part(self, exchange: Exchange) -> int:
        """Send a frame of `exchange`, if there is one that may be sent; its size."""
        window = self._spoken.local_flow_control_window(exchange.number)
        part = exchange.next_part(min(window, FRAME_BYTES))
        if part is None:
            exchange.sent()
            return 0
        data, is_last = part
        self._spoken.send_data(exchange.number, data, end_stream=is_last)
        if is_last:
            exchange.linger()
        else:
            self._ready[exchange] = None
        return len(data)

    def release(self, exchange: Exchange) -> None:
        """All of `exchange` has been heard and said."""
        if exchange.number in self._exchanges:
            self._forget(exchange)
            exchange.lose()

    def _forget(self, exchange: Exchange) -> None:
        del self._exchanges[exchange.number]
        self._ready.pop(exchange, None)
        self.backlog.drop(exchange)
        if self.backlog:
            self._send_later()
        self._mind_idle()
        if self.site.closing and not self._exchanges and self._leaving is None:
            self._leaving = self.site.reactor.callLater(GOODBYE_SECONDS, self.loseConnection)

    def _write(self) -> None:
        data = self._spoken.data_to_send()
        if data:
            self.transport.write(data)

    def pauseProducing(self) -> None:
        """The peer takes no more for now; this may be told again."""
        if not self._is_choked:
            self._is_choked = True
            self._choked_due = self._now + self._limits.idle_seconds
            self._mind_transport()
            self._mind()

    def resumeProducing(self) -> None:
        """The peer has taken all that was written."""
        self._is_choked = False
        self._choked_due = NEVER
        self._mind_transport()
        self._mind()
        self._send()
        if self._kept:
            self.site.turns.take(self)

    def stopProducing(self) -> None:
        """The connection is lost, as will be told."""

    # When it is late

    @property
    def _now(self) -> float:
        return self.site.reactor.seconds()

    def _mind_idle(self) -> None:
        """Since when nothing was asked, or begun to be, what else was said does not matter.

        While bodies arrive, and nothing is answered, it is the peer's turn (see `connections`).
        """
        is_its_turn = all(each.is_arriving for each in self._exchanges.values())
        due = self._now + self._limits.idle_seconds if is_its_turn else NEVER
        if (due == NEVER) != (self._idle_due == NEVER):
            self._idle_due = due
            self._mind()

    def _mind_arrival(self) -> None:
        due = self._arrival.due(self._now + self._limits.header_seconds)
        if due != self._arrival_due:
            self._arrival_due = due
            self._mind()

    def _mind(self) -> None:
        if not self._is_ended:
            due = min(self._idle_due, self._choked_due, self._arrival_due)
            self.site.deadlines.set(self, None if due == NEVER else due - self._now)

    def timeoutConnection(self) -> None:
        """It asks for nothing, or takes nothing, or what arrives took too long."""
        if self._is_ended or self._choked_due <= self._now:
            self.cut()
        else:
            self.loseConnection()
            self.site.deadlines.set(self, UNTAKEN_SECONDS)
