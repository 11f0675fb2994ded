"""Incoming: what a WebSocket's peer has sent and nobody has heard yet; bytes in, whole messages out, one at a time.

`websockets` reads the frames.  Its `Protocol`, which would also know what may follow what, reads all that it is given
at once and answers it at once: a closing would overtake the messages before it while these have to wait.  And it is
to be kept as long as its connection is, 1.2 KiB for each; whereas an `Incoming` of which nothing is left is nothing.
"""

from __future__ import annotations

from collections.abc import Generator

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import CTRL_OPCODES, Frame, Opcode
from websockets.streams import StreamReader

MOST_OF_CONTROL = 125
"""How many bytes a control frame may carry (RFC 6455, 5.5)."""


class Incoming:
    """What comes from one peer.  `most_bytes`: of a message."""

    __slots__ = ("_bytes", "_frame", "_message", "_most_bytes")

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = StreamReader()
        self._frame: Generator[None, None, Frame] | None = None  # it is being read
        self._message: Frame | None = None  # of which there are parts, as if it had come in one

    def add(self, data: bytes) -> None:
        """`data` has come."""
        self._bytes.feed_data(data)

    def __bool__(self) -> bool:
        """Whether there is anything left of what has come."""
        return bool(self._frame or self._message or self._bytes.buffer)

    def take(self) -> Frame | None:
        """The next message or control frame, in one piece; None as long as it is not all there.

        Raises `PayloadTooBig` as soon as the header of a frame says so, and `ProtocolError` for what is no WebSocket.
        """
        while (frame := self._take_frame()) is not None:
            if frame.opcode in CTRL_OPCODES:
                return frame
            self._join(frame)
            if frame.fin:
                whole, self._message = self._message, None
                return whole
        return None

    @property
    def within_message(self) -> bool:
        """Whether a message has begun that is not whole, as far as it was taken."""
        return self._message is not None

    @property
    def _length(self) -> int:
        """That of the message of which there are parts."""
        return 0 if self._message is None else len(self._message.data)

    def _take_frame(self) -> Frame | None:
        if self._frame is None:
            if not self._bytes.buffer:
                return None
            most = max(self._most_bytes - self._length, MOST_OF_CONTROL)
            self._frame = Frame.parse(self._bytes.read_exact, mask=True, max_size=most)
        try:
            next(self._frame)
        except StopIteration as read:
            self._frame = None
            frame: Frame = read.value
            return frame
        return None

    def _join(self, frame: Frame) -> None:
        """Put `frame` behind the parts of its message."""
        if (frame.opcode is Opcode.CONT) != (self._message is not None):
            raise ProtocolError("a message begins within another, or goes on that has not begun")
        if self._length + len(frame.data) > self._most_bytes:
            raise PayloadTooBig(len(frame.data), self._most_bytes - self._length)
        if self._message is None:
            self._message = frame
            if not frame.fin:
                frame.data = bytearray(frame.data)
        else:
            assert isinstance(self._message.data, bytearray)
            self._message.data += frame.data
