"""Arrival: how far the frames of an HTTP/2 connection have come (RFC 9113, 4.1 and 4.3).

`h2` reads frames, but keeps what has come of one without telling, for as long as that takes, and says only at its end
that it was too long.  So the frames are counted here, before it hears them; and only so many at once (see `turns`).
"""

from __future__ import annotations

from chatcomet.http.deadlines import NEVER

FRAME_BYTES = 16 * 1024
"""The longest frame that anybody may send us."""

MORE_BYTES = 32 * 1024
"""A header in all its frames, as it is sent, may be longer by this than as it is counted (`ConnectionLimits`): what is
only a little too long is answered, and each line may count for 32 bytes more (RFC 9113, 6.5.2)."""

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

_HEAD_BYTES = 9
_DATA, _HEADERS, _CONTINUATION = 0x0, 0x1, 0x9
_END_HEADERS = 0x4


class Arrival:
    """What has come of one connection.  `block_bytes`: of a header in all its frames."""

    def __init__(self, block_bytes: int) -> None:
        self._block_bytes = block_bytes
        self.begun = 0
        """How many frames and headers have begun to come; the last one is on its way if there is one `on_its_way`."""
        self.ended = 0
        """How many frames are complete."""
        self._head = bytearray()  # what has come of a frame's
        self._left = len(PREFACE)  # of a frame's payload, and first of the preface
        self._is_data = False
        self._block: int | None = None  # how long the header is that is not complete
        self._seen = 0  # of what has begun
        self._due = NEVER

    @property
    def on_its_way(self) -> bool:
        """Whether a part of a frame, or of a header in several, has come; a body has a time of its own."""
        return bool(self._head) or self._block is not None or (self._left > 0 and not self._is_data)

    def due(self, until: float) -> float:
        """When what is on its way has to have come: `until`, or as was said of it before; `NEVER` for nothing."""
        if not self.on_its_way:
            self._due = NEVER
        elif self.begun != self._seen or self._due == NEVER:
            self._due = until
        self._seen = self.begun
        return self._due

    def hear(self, data: bytes | bytearray, most: int) -> int | None:
        """Count what comes, up to the end of `most` frames; how many bytes that is, or None where a limit is passed."""
        at, last = 0, self.ended + most
        while at < len(data) and self.ended < last:
            if self._left:
                step = min(self._left, len(data) - at)
                self._advance(step)
            else:
                if not self._head and self._block is None:
                    self.begun += 1
                step = min(_HEAD_BYTES - len(self._head), len(data) - at)
                self._head += data[at : at + step]
                if len(self._head) == _HEAD_BYTES and not self._begin_frame():
                    return None
            at += step
        return at

    def _advance(self, count: int) -> None:
        self._left -= count
        if not self._left and self.begun:  # and not the preface
            self.ended += 1

    def _begin_frame(self) -> bool:
        length, kind, flags = int.from_bytes(self._head[:3], "big"), self._head[3], self._head[4]
        self._head.clear()
        self._left, self._is_data = length, kind == _DATA
        if kind in (_HEADERS, _CONTINUATION):
            self._block = (self._block or 0) + length
            if self._block > self._block_bytes:
                return False
            if flags & _END_HEADERS:
                self._block = None
        self._advance(0)
        return length <= FRAME_BYTES
