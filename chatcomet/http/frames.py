"""Frames: one connection that speaks WebSocket, by the frames of `websockets`, and keeps our limits.

It knows nothing of chat.

=======================  ========================================  =====
limit                    whom it stops                             close
=======================  ========================================  =====
`body_bytes`             a message without end, in one frame or    1009
                         in many
text only                what nobody here reads                    1003
the protocol             what is no WebSocket                      1002
`UNANSWERED` pings       a peer that has vanished                  cut
`LINGER_SECONDS`         a peer that does not take part in the     cut
                         closing
=======================  ========================================  =====

* A message that is too long is refused when the header of a frame says so; nothing of it is kept.
* Nothing more is read while the peer does not take what is written, or while its messages have to wait (`listen`).
  What was read already stays as it came, so that a close behind a message does not overtake it.
* One that is closing hears nothing but the peer's answer to that; behind what is no WebSocket, or too long, not even
  this.  What comes is read into the void until then, `LINGER_SECONDS` at most: to close at once would make the kernel
  reset the connection, and destroy the reason on its way (RFC 9112, 9.6).
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Close, Frame, Opcode
from zope.interface import implementer

from chatcomet.http.handshake import switch
from chatcomet.http.incoming import Incoming
from chatcomet.http.limited import LINGER_SECONDS, LimitedChannel

UNANSWERED = 2

NORMAL, NO_PROTOCOL, BINARY, NO_UTF8 = 1000, 1002, 1003, 1007
NO_OBJECT, TOO_LONG, RESTART, TRY_LATER, UNAUTHORIZED, FORBIDDEN = 1008, 1009, 1012, 1013, 3000, 3003
"""Close codes (RFC 6455, 7.4.1, and IANA's registry)."""


def framed(data: bytes, opcode: Opcode = Opcode.TEXT) -> bytes:
    """One message, or a control frame, as it goes over the wire: the same for every peer."""
    return Frame(opcode, data).serialize(mask=False)


_PING = framed(b"", Opcode.PING)


@implementer(IPushProducer)
class Socket:
    """One WebSocket on `channel`, from `begin` on.  Whoever inherits it is told what is `heard`."""

    __slots__ = (
        *("_channel", "_choked", "_deaf", "_hearing", "_incoming", "_listening", "_pings", "_reading"),
        *("_speaker", "is_open"),
    )

    def __init__(self, channel: LimitedChannel) -> None:
        self.is_open = False
        """Whether something can be said."""
        self._channel = channel
        self._speaker: IPushProducer | None = None  # whose words are said here
        self._incoming: Incoming | None = None  # while there is any
        self._pings = 0  # that were not answered
        self._choked = False  # the peer does not take what is written
        self._listening = True  # there is room for more
        self._reading = True
        self._hearing = False
        self._deaf = False  # nothing that may come can be understood any more, or has to be

    def heard(self, message: bytes) -> None:
        """The peer has sent this as a text, which may be no UTF-8."""
        raise NotImplementedError

    # How it begins and ends

    def begin(self, key: str, greeting: bytes, speaker: IPushProducer) -> None:
        """Shake hands by `key`, say `greeting`, which was `framed`, and let `speaker` say on; hear what has come.

        It is told whether the peer keeps up, and to stop when nothing more can be said.
        """
        self.is_open = True
        self._speaker = speaker
        behind = self._channel.upgrade(self)
        self._transport.registerProducer(self, True)
        self._channel.send(switch(key) + greeting)
        speaker.resumeProducing()
        if behind:
            self.dataReceived(behind)

    def close(self, code: int, reason: str) -> None:
        """Begin to close, unless that was done; `reason` is a short one.  The peer's turn is to answer it."""
        if not self.is_open:
            return
        self.say(framed(Close(code, reason).serialize(), Opcode.CLOSE))
        self.is_open = False
        self._transport.unregisterProducer()
        self._channel.cut_after(LINGER_SECONDS)
        self._silence()
        self._see_to_reading()

    def cut(self) -> None:
        """End the connection now, whatever is on its way."""
        self._channel.cut()

    def connectionLost(self, reason: Failure) -> None:
        """The connection is no more."""
        self.is_open, self._reading = False, True  # there is nothing to pause or to resume
        self._deaf, self._incoming = True, None
        self._silence()

    def _silence(self) -> None:
        """Nothing more can be said."""
        if self._speaker is not None:
            self._speaker.stopProducing()
            self._speaker = None

    @property
    def _transport(self) -> Any:
        return self._channel.transport

    # Out

    def say(self, frame: bytes) -> None:
        """Write what was `framed`, unless it is too late for that."""
        if self.is_open:
            self._channel.send(frame)

    def ping(self) -> None:
        """Ask for a sign of life; a peer that has not answered the last `UNANSWERED` is cut off."""
        if self._pings < UNANSWERED:
            self._pings += 1 if self._reading else 0
            self.say(_PING)
        else:
            self.cut()

    def unsent(self) -> int:
        """How many bytes were written that the system has not yet taken."""
        return self._channel.unsent()

    # How it is paused

    def pauseProducing(self) -> None:
        """The peer does not take what is written."""
        self._choked = True
        self._see_to_reading()
        if self._speaker is not None:
            self._speaker.pauseProducing()

    def resumeProducing(self) -> None:
        """It has taken all of it."""
        self._choked = False
        if self._speaker is not None:
            self._speaker.resumeProducing()
        self._see_to_reading()

    def stopProducing(self) -> None:
        """The connection is no more, as `connectionLost` hears, too."""

    def listen(self, listening: bool) -> None:
        """Whether there is room for more."""
        self._listening = listening
        self._see_to_reading()

    @property
    def _reads(self) -> bool:
        """Whether more is to be heard; of one that closes, until the peer has answered that."""
        return not self.is_open or (self._listening and not self._choked)

    def _see_to_reading(self) -> None:
        if self._reads == self._reading:
            return
        self._reading = self._reads
        if self._reading:
            self._transport.resumeProducing()
            self._hear()
        else:
            self._transport.pauseProducing()

    # In

    @property
    def _most_bytes(self) -> int:
        return self._channel.site.limits.body_bytes

    def dataReceived(self, data: bytes) -> None:
        """Bytes of frames, unless nothing is to be heard any more."""
        if not self._deaf:
            if self._incoming is None:
                self._incoming = Incoming(self._most_bytes)
            self._incoming.add(data)
            self._hear()

    def _hear(self) -> None:
        """Hear what has come, as long as there is room for it.  It may be called from what that leads to."""
        if self._hearing:
            return
        self._hearing = True
        try:
            while self._incoming is not None and self._reads:
                if (frame := self._incoming.take()) is None:
                    break
                self._take(frame)
        except PayloadTooBig:
            self._give_up(TOO_LONG, f"a message has {self._most_bytes} bytes at most")
        except ProtocolError as error:
            self._give_up(NO_PROTOCOL, str(error))
        finally:
            self._hearing = False
            if not self._incoming:
                self._incoming = None

    def _take(self, frame: Frame) -> None:
        data = bytes(frame.data)
        if frame.opcode is Opcode.CLOSE:
            self._answer_close(data)
        elif frame.opcode is Opcode.PONG:
            self._pings = 0
        elif not self.is_open:
            pass
        elif frame.opcode is Opcode.PING:
            self.say(framed(data, Opcode.PONG))
        elif frame.opcode is Opcode.BINARY:
            self.close(BINARY, "messages are texts here")
        else:
            self.heard(data)

    def _give_up(self, code: int, reason: str) -> None:
        """Close, and hear no more: where the next frame begins, if there is one, can't be known."""
        self._deaf, self._incoming = True, None
        self.close(code, reason)

    def _answer_close(self, data: bytes) -> None:
        """The peer closes, or agrees to it: end the connection when all is sent, without a reset."""
        try:
            Close.parse(data)
        except UnicodeDecodeError:
            self._give_up(NO_UTF8, "reasons are UTF-8")
            return
        if self._incoming is not None and self._incoming.within_message:
            self._give_up(NO_PROTOCOL, "a message was not finished")
        else:
            self._give_up(NORMAL, "")
        self._transport.loseConnection()
