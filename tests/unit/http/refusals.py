"""What all tests of refusals ask: one answer, nothing after it, and the end."""

from __future__ import annotations

from collections.abc import Iterable

from chatcomet.http.limited import LINGER_SECONDS
from tests.unit.http.peer import Peer, asking
from tests.unit.http.running_edge import EdgeTestCase

FORM = "application/x-www-form-urlencoded"
SESSION = asking("/session")
POLL = asking("/rooms/lobby/messages?cursor=k3v9.0")
POST = asking("/chat/post", "POST", b"message=smuggled", Content_Type=FORM)
CHUNKED = b"POST /chat/post HTTP/1.1\r\nHost: chat.example\r\nContent-Type: " + FORM.encode()
CHUNKED += b"\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; an empty one ends it."""
    return b"%x\r\n%s\r\n" % (len(data), data)


class RefusalTestCase(EdgeTestCase):
    def assert_refused(self, status: int, problem: str, peer: Peer | None = None) -> None:
        """One answer has come, nothing comes after it, whatever is sent, and the connection ends in a while."""
        peer = peer or self.peer
        answer = peer.answer()
        self.assertEqual((answer.status, answer.problem, answer.headers["connection"]), (status, problem, "close"))
        self.assertEqual(answer.headers["cache-control"], "no-store")
        self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
        self.assertTrue(peer.transport.half_closed)
        peer.send(POST, b"\r\n\r\n", POST, b"0\r\n\r\n", POST, b"x" * 100_000, POST, b"kept?")
        self.assertNotIn(b"kept?", peer.protocol._buffer)
        self.clock.advance(LINGER_SECONDS - 0.1)
        self.assertFalse(peer.transport.aborted)
        self.clock.advance(0.1)
        self.assertTrue(peer.transport.aborted)
        self.clock.advance(0)
        self.assertEqual((peer.taken(), self.texts(), self.hub.waiting), (b"", [], 0))
        self.assertTrue(peer.lost)

    def drip(self, data: Iterable[bytes], seconds: float = 1.0) -> float:
        """Send `data` one by one every `seconds` until something comes back; after how many seconds that was."""
        began = self.clock.seconds()
        for byte in data:
            self.peer.send(byte)
            self.clock.advance(seconds)
            if self.peer.transport.value():
                break
        return self.clock.seconds() - began
