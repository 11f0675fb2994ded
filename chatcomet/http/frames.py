"""Frames: one connection that speaks WebSocket, by autobahn, and keeps our limits.  It knows nothing of chat.

=======================  ========================================  =====
limit                    whom it stops                             close
=======================  ========================================  =====
`MESSAGE_BYTES`          a message without end, in one frame or    1009
                         in many
text only                what nobody here reads                    1003
the protocol             what is no WebSocket                      1002
`UNANSWERED` pings       a peer that has vanished                  cut
`LINGER_SECONDS`         a peer that does not take part in the     cut
                         closing
=======================  ========================================  =====

* A message that is too long is refused when the header of a frame says so; nothing of it is kept.
* Nothing more is read while the peer does not take what is written, or while its messages wait for the listener
  (`listen`).  What was read already stays as it came, so that a close behind a message does not overtake it.
* One that is closing hears nothing but the peer's answer to that; behind a message that is too long not even this.
  What comes is read into the void until then, `LINGER_SECONDS` at most: to close at once would make the kernel reset
  the connection, and destroy the reason on its way (RFC 9112, 9.6).
* All time is the clock's: none of autobahn's own timers, which run on its global one, is ever set.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import txaio
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from zope.interface import implementer

from chatcomet.http.handshake import opening
from chatcomet.http.request import BODY_BYTES, LINGER_SECONDS

MESSAGE_BYTES = BODY_BYTES
UNANSWERED = 2
_REASON_BYTES = 123  # which is all that a close frame has room for

BINARY, NO_UTF8, NO_OBJECT, TOO_LONG, RESTART, TRY_LATER = 1003, 1007, 1008, 1009, 1012, 1013
"""Close codes (RFC 6455, 7.4.1, and IANA's registry)."""


class Listener(Protocol):
    """Whom a socket tells what happens."""

    def opened(self) -> None:
        """The handshake is complete."""

    def heard(self, message: bytes) -> None:
        """The peer has sent this as a text, which may be no UTF-8."""

    def pauseProducing(self) -> None:
        """The peer does not keep up with what is written."""

    def resumeProducing(self) -> None:
        """It does again."""

    def gone(self) -> None:
        """Nothing more can be said, and nothing will be heard; may be told again."""


class SocketFactory(WebSocketServerFactory):
    """What all sockets have in common."""

    def __init__(self, clock: IReactorTime) -> None:
        super().__init__(server="chatcomet", reactor=clock)
        self.setProtocolOptions(
            failByDrop=False, openHandshakeTimeout=0, closeHandshakeTimeout=0, utf8validateIncoming=False
        )
        self.options = {name: getattr(self, name) for name in WebSocketServerProtocol.CONFIG_ATTRS}

    def frame(self, text: bytes) -> bytes:
        """One message as it goes over the wire, the same for every peer."""
        framed: bytes = self.prepareMessage(text).payloadHybi
        return framed


@implementer(IPushProducer)
class Socket(WebSocketServerProtocol):
    """One connection that has asked for a WebSocket by `key`; it is open when it is connected.

    `write`: the connection's way to write, which may keep things for the end of a burst: all goes by it.
    """

    # Else each fault of a peer would write a line, or more, in our log.  (txaio has this since autobahn chose Twisted.)
    log = txaio.make_logger("none")  # type: ignore[attr-defined]
    # None of those that autobahn would copy from the factory one by one, and format for its log, at each opening.
    CONFIG_ATTRS = WebSocketServerProtocol.CONFIG_ATTRS[:0]
    transport: Any  # autobahn says only that it is a transport; a server's can do more

    def __init__(self, factory: SocketFactory, key: str, listener: Listener, write: Callable[[bytes], None]) -> None:
        super().__init__()
        self.factory = factory
        vars(self).update(factory.options)
        self._key = key
        self._listener = listener
        self._write = write
        self._message = bytearray()  # what has come of one that is not complete
        self._pings = 0  # that were not answered
        self._choked = False  # the peer does not take what is written
        self._listening = True  # the listener has room for more
        self._reading = True
        self._consuming = False
        self._deaf = False  # an answer to the closing would come behind a message that is too long
        self._linger: IDelayedCall | None = None

    # Out

    @property
    def open(self) -> bool:
        """Whether something can be said."""
        is_open: bool = self.state == self.STATE_OPEN
        return is_open

    def say(self, frame: bytes) -> None:
        """Write what `SocketFactory.frame` made, unless it is too late for that."""
        if self.open:
            self._write(frame)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """What autobahn says by itself, behind all that was said before."""
        self._write(data)

    def ping(self) -> None:
        """Ask for a sign of life; a peer that has not answered the last `UNANSWERED` is cut off."""
        if self._pings < UNANSWERED:
            self._pings += 1 if self._reading else 0
            self.sendPing()
        else:
            self.cut()

    def close(self, code: int, reason: str) -> None:
        """Begin to close, unless that was done; `reason` is a short one."""
        if self.open:
            self.sendCloseFrame(code, reason.encode()[:_REASON_BYTES])

    def cut(self) -> None:
        """End the connection now, whatever is on its way."""
        self.transport.abortConnection()

    # How it begins and ends

    def connectionMade(self) -> None:
        """Shake hands, at once."""
        super().connectionMade()
        self.dataReceived(opening(self._key))
        assert self.open, "autobahn takes an `opening`"
        self.registerProducer(self, True)
        self._listener.opened()

    def sendCloseFrame(self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False) -> None:  # noqa: N803  # autobahn's name
        """The last that is said: the peer's turn is to answer it, ours to end the connection then."""
        if self.open:
            super().sendCloseFrame(code, reasonUtf8, isReply)
            self.unregisterProducer()
            self._linger = self.factory.reactor.callLater(LINGER_SECONDS, self._cut_lingering)
            self._listener.gone()
            self._see_to_reading()

    def dropConnection(self, abort: bool = False) -> None:
        """The closing is complete: end the connection when all is sent, without a reset."""
        super().dropConnection(abort=False)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N803  # autobahn's name
        """The connection is no more."""
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        self._listener.gone()

    def _cut_lingering(self) -> None:
        self._linger = None
        self.cut()

    # How it is paused

    def pauseProducing(self) -> None:
        """The peer does not take what is written."""
        self._choked = True
        self._see_to_reading()
        self._listener.pauseProducing()

    def resumeProducing(self) -> None:
        """It has taken all of it."""
        self._choked = False
        self._listener.resumeProducing()
        self._see_to_reading()

    def stopProducing(self) -> None:
        """The connection is no more, as `onClose` hears, too."""

    def listen(self, listening: bool) -> None:
        """Whether the listener has room for more."""
        self._listening = listening
        self._see_to_reading()

    @property
    def _reads(self) -> bool:
        """Whether more is to be heard; of one that closes, until the peer has answered that."""
        return not self.open or (self._listening and not self._choked)

    def _see_to_reading(self) -> None:
        if self._reads == self._reading:
            return
        self._reading = self._reads
        if self._reading:
            self.transport.resumeProducing()
            self.consumeData()
        else:
            self.transport.pauseProducing()

    # In

    def dataReceived(self, data: bytes) -> None:
        """Bytes of frames, unless nothing is to be heard any more."""
        if not (self._deaf or self.failedByMe or self.state == self.STATE_CLOSED):
            super().dataReceived(data)

    def consumeData(self) -> None:
        """Hear what has come.  It may be called from what that leads to."""
        if not self._consuming:
            self._consuming = True
            super().consumeData()
            self._consuming = False

    def processData(self) -> bool:
        """Hear a part of what has come, if there is room for it; whether to go on."""
        return self._reads and not self._deaf and bool(super().processData())

    def onMessageBegin(self, isBinary: bool) -> None:  # noqa: N803  # autobahn's name
        """The first frame of a message comes."""
        if isBinary:
            self.close(BINARY, "messages are texts here")

    def onMessageFrameBegin(self, length: int) -> None:
        """A frame of `length` bytes comes."""
        if len(self._message) + length > MESSAGE_BYTES:
            self._deaf = True
            self._message = bytearray()
            self.close(TOO_LONG, f"a message has {MESSAGE_BYTES} bytes at most")

    def onMessageFrameData(self, payload: bytes) -> None:
        """A part of a frame."""
        if self.open:
            self._message += payload

    def onMessageFrameEnd(self) -> None:
        """All of a frame has come."""

    def onMessageEnd(self) -> None:
        """All of a message has come."""
        message, self._message = bytes(self._message), bytearray()
        if self.open:
            self._listener.heard(message)

    def onPong(self, payload: bytes) -> None:
        """A sign of life."""
        self._pings = 0
