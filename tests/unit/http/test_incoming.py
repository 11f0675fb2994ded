"""Incoming: frames come to the same however they are cut, and messages come out whole, one at a time."""

from __future__ import annotations

from itertools import pairwise

from twisted.trial.unittest import SynchronousTestCase
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Opcode

from chatcomet.http.incoming import Incoming
from tests.unit.http.socket_peer import text_frame

MOST = 1_000
HELLO = bytes.fromhex("818537fa213d7f9f4d5158")
"""RFC 6455, 5.7."""
PARTS = (
    HELLO,
    text_frame(b"one, ", fin=False),
    text_frame(b"", opcode=Opcode.PING),
    text_frame(b"two, ", fin=False, opcode=Opcode.CONT),
    text_frame(b"there?", opcode=Opcode.PONG),
    text_frame(b"x" * 300, opcode=Opcode.CONT),
    text_frame(b"", opcode=Opcode.BINARY),
    text_frame(b"", opcode=Opcode.CLOSE),
)
WHOLE = [
    (Opcode.TEXT, b"Hello"),
    (Opcode.PING, b""),
    (Opcode.PONG, b"there?"),
    (Opcode.TEXT, b"one, two, " + b"x" * 300),
    (Opcode.BINARY, b""),
    (Opcode.CLOSE, b""),
]


class IncomingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.incoming = Incoming(MOST)

    def come(self, *segments: bytes) -> list[tuple[Opcode, bytes]]:
        """What is taken of `segments`."""
        taken = []
        for segment in segments:
            self.incoming.add(segment)
            while (frame := self.incoming.take()) is not None:
                taken.append((frame.opcode, bytes(frame.data)))
        return taken

    def test_all_at_once(self) -> None:
        self.assertEqual(self.come(b"".join(PARTS)), WHOLE)
        self.assertFalse(self.incoming)

    def test_cut_at_each_byte(self) -> None:
        data = b"".join(PARTS)
        self.assertEqual(self.come(*(data[at : at + 1] for at in range(len(data)))), WHOLE)
        for first in range(0, len(data), 3):
            for second in range(first, len(data), 7):
                cuts = pairwise((0, first, second, len(data)))
                self.assertEqual(self.come(*(data[start:end] for start, end in cuts)), WHOLE)
                self.assertFalse(self.incoming)

    def test_there_is_something_until_all_is_taken(self) -> None:
        for at in range(1, len(HELLO)):
            self.incoming.add(HELLO[:at])
            self.assertTrue(self.incoming)
            self.assertIsNone(self.incoming.take())
            self.assertTrue(self.incoming, at)
            self.assertEqual(self.come(HELLO[at:]), WHOLE[:1])
            self.assertFalse(self.incoming)
        self.assertEqual(self.come(*PARTS[1:3]), WHOLE[1:2])
        self.assertTrue(self.incoming)

    def test_nothing_is_read_before_it_is_taken(self) -> None:
        self.incoming.add(HELLO + b"no WebSocket")
        frame = self.incoming.take()
        assert frame is not None
        self.assertEqual(frame.data, b"Hello")
        self.assertRaises(ProtocolError, self.incoming.take)

    def test_a_message_may_be_so_long(self) -> None:
        self.assertEqual(self.come(text_frame(b"x" * MOST)), [(Opcode.TEXT, b"x" * MOST)])
        parts = [text_frame(b"x" * (MOST - 1), False), text_frame(b"x", False, Opcode.CONT)]
        ping = text_frame(b"p" * 125, opcode=Opcode.PING)
        taken = self.come(*parts, ping, text_frame(b"", True, Opcode.CONT))
        self.assertEqual(taken, [(Opcode.PING, b"p" * 125), (Opcode.TEXT, b"x" * MOST)])

    def test_and_no_longer(self) -> None:
        for before in ([], [text_frame(b"x" * (MOST - 200), False)], [text_frame(b"x" * MOST, False)]):
            self.incoming = Incoming(MOST)
            self.assertEqual(self.come(*before), [])
            most = 1 + (200 if len(before) and len(before[0]) < MOST else 0 if before else MOST)
            opcode = Opcode.CONT if before else Opcode.TEXT
            self.assertRaises(PayloadTooBig, self.come, text_frame(b"x" * most, opcode=opcode))

    def test_too_long_is_known_by_the_header(self) -> None:
        self.assertRaises(PayloadTooBig, self.come, b"\x81\xff" + (MOST + 1).to_bytes(8, "big"))

    def test_what_may_not_follow(self) -> None:
        begun, goes_on = text_frame(b"one", False), text_frame(b"two", opcode=Opcode.CONT)
        for parts in (
            [goes_on],
            [begun, HELLO],
            [begun, goes_on, goes_on],
            [begun, text_frame(b"", True, Opcode.BINARY)],
        ):
            self.incoming = Incoming(MOST)
            self.assertRaises(ProtocolError, self.come, *parts)
