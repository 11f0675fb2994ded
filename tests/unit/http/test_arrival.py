"""Arrival: where in its frames a connection is, however they are cut."""

from __future__ import annotations

from hyperframe.frame import ContinuationFrame, DataFrame, HeadersFrame, PingFrame
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.http.arrival import FRAME_BYTES, PREFACE, Arrival

BLOCK_BYTES = 64 * 1024
MANY = 1_000
PING = PingFrame(0, b"12345678").serialize()
BODY = DataFrame(1, b"x" * 100).serialize()
WHOLE = HeadersFrame(1, b"x" * 50, flags=["END_HEADERS"]).serialize()
BEGINNING = HeadersFrame(1, b"x" * 50).serialize()
MORE = ContinuationFrame(1, b"x" * 50).serialize()
END = ContinuationFrame(1, b"x" * 50, flags=["END_HEADERS"]).serialize()
EMPTY_PART = DataFrame(1, b"").serialize()
EMPTY = ContinuationFrame(1, b"", flags=["END_HEADERS"]).serialize()


class ArrivalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.arrival = Arrival(BLOCK_BYTES)

    def hear(self, *parts: bytes) -> bool:
        """Hear parts, which are within the limits; whether something is on its way then."""
        for part in parts:
            self.assertEqual(self.arrival.hear(part, MANY), len(part))
        return self.arrival.on_its_way

    def test_the_preface_comes_first(self) -> None:
        self.assertTrue(self.arrival.on_its_way)
        self.assertTrue(self.hear(PREFACE[:10]))
        self.assertFalse(self.hear(PREFACE[10:]))

    def test_whole_frames(self) -> None:
        self.assertFalse(self.hear(PREFACE, PING, WHOLE, BODY, BEGINNING + MORE + END, PING + PING))
        self.assertEqual(self.arrival.begun, 6)

    def test_a_part_of_a_frame(self) -> None:
        self.hear(PREFACE)
        for frame in (PING, WHOLE):
            for at in range(1, len(frame)):
                self.assertTrue(self.hear(frame[:at]), at)
                self.assertFalse(self.hear(frame[at:]), at)

    def test_a_part_of_a_header_in_many_frames(self) -> None:
        self.hear(PREFACE)
        for last in (END, EMPTY):
            frames, begun = BEGINNING + MORE + MORE + last, self.arrival.begun
            for at in range(1, len(frames)):
                self.assertTrue(self.hear(frames[:at]), at)
                self.assertFalse(self.hear(frames[at:]), at)
            self.assertEqual(self.arrival.begun - begun, len(frames) - 1, "each is one")

    def test_a_body_has_its_own_time(self) -> None:
        self.hear(PREFACE)
        self.assertTrue(self.hear(BODY[:8]), "it is not known yet what this is")
        self.assertFalse(self.hear(BODY[8:20]))
        self.assertFalse(self.hear(BODY[20:]))

    def test_byte_by_byte(self) -> None:
        said = PREFACE + PING + BEGINNING + MORE + EMPTY + BODY + WHOLE
        self.assertFalse(self.hear(*(said[at : at + 1] for at in range(len(said)))))
        self.assertEqual(self.arrival.begun, 4)

    def test_no_more_than_so_many_at_once(self) -> None:
        frames = [PING, EMPTY_PART, BODY, BEGINNING, MORE, END]
        said = PREFACE + b"".join(frames) + PING[:5]
        heard = []
        while said:
            count = self.arrival.hear(said, 1)
            assert count
            heard.append(said[:count])
            said = said[count:]
        self.assertEqual(heard, [PREFACE + PING, *frames[1:], PING[:5]])
        self.assertEqual(self.arrival.ended, len(frames))
        self.assertEqual(self.arrival.hear(PING[5:] + PING * 3, 3), 3 * len(PING) - 5)

    def test_a_frame_too_long(self) -> None:
        for kind in range(12):
            arrival = Arrival(BLOCK_BYTES)
            head = bytes([kind, 4, 0, 0, 0, 1])
            fits = PREFACE + FRAME_BYTES.to_bytes(3, "big") + head + b"x" * FRAME_BYTES
            self.assertEqual(arrival.hear(fits, MANY), len(fits))
            self.assertIsNone(arrival.hear((FRAME_BYTES + 1).to_bytes(3, "big") + head, MANY), kind)

    def test_a_header_too_long(self) -> None:
        self.hear(PREFACE)
        part = ContinuationFrame(1, b"x" * FRAME_BYTES).serialize()
        parts = [HeadersFrame(1, b"x" * FRAME_BYTES).serialize(), *[part] * (BLOCK_BYTES // FRAME_BYTES - 1)]
        self.hear(*parts, EMPTY, *parts, EMPTY, *parts)
        self.assertIsNone(self.arrival.hear(ContinuationFrame(1, b"x").serialize(), MANY))
