"""Events: what a stream says in both forms, to the byte, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast
from unittest.mock import patch

from twisted.internet.defer import Deferred

from chatcomet.api.streaming import ALIVE_SECONDS, STALL_SECONDS
from chatcomet.core.hub import Hub
from chatcomet.core.message import Cursor, Message
from chatcomet.core.roster import GRACE_SECONDS, WAKE_SECONDS
from chatcomet.core.store import Bounds
from chatcomet.errors import StoreUnavailable
from chatcomet.http import wire
from chatcomet.http.events import EVENT_STREAM, LINES, RETRY_MS, EventStream, Lines, chosen_form
from chatcomet.stores.epoch import new_epoch
from tests.unit.http.peer import BUFFER_BYTES, Peer, asking
from tests.unit.http.running_edge import EdgeTestCase

EVENTS = "/rooms/lobby/events"
NDJSON = "application/x-ndjson"
HELLO = '{"seq":0,"author":"ada","text":"hello","at":1795354155.123}'
END = b"0\r\n\r\n"


def _without_chunks(data: bytes) -> bytes:
    """What the chunks of a body hold; the last one may be there or not."""
    body = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        length = int(size, 16)
        assert rest[length : length + 2] == b"\r\n"
        body, data = body + rest[:length], rest[length + 2 :]
    return body


class EventsTestCase(EdgeTestCase):
    """Each test has a stream or more, whose head has been read."""

    def begin(self, target: str = EVENTS, peer: Peer | None = None, **headers: str) -> dict[str, str]:
        """The header of a stream's answer; its body is left to be read."""
        peer = peer or self.peer
        peer.send(asking(target, "GET", b"", **headers))
        head, blank, body = peer.taken().partition(b"\r\n\r\n")
        assert blank, head
        status, *lines = head.decode().split("\r\n")
        self.assertEqual(status, "HTTP/1.1 200 OK")
        peer.transport.io.write(body)
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    def said(self, peer: Peer | None = None) -> str:
        """What the stream has said since the last time."""
        return _without_chunks((peer or self.peer).taken()).decode()

    def lines(self) -> list[object]:
        """The same of a stream in NDJSON."""
        return [json.loads(line) for line in self.said().splitlines() if line]


class FormTests(EventsTestCase):
    def test_an_event_stream(self) -> None:
        self.add("hello")
        headers = self.begin(f"{EVENTS}?cursor=k3v9.0")
        self.assertEqual(headers["content-type"], "text/event-stream")
        self.assertEqual((headers["cache-control"], headers["x-accel-buffering"]), ("no-store", "no"))
        self.assertEqual(headers["transfer-encoding"], "chunked")
        self.assertNotIn("content-length", headers)
        self.assertNotIn("set-cookie", headers)
        self.assertEqual(self.said(), f"id: k3v9.0\n\nretry: {RETRY_MS}\n\nid: k3v9.1\ndata: {HELLO}\n\n")
        self.clock.advance(ALIVE_SECONDS)
        self.assertEqual(self.said(), ": alive\n\n")
        self.hub.drain()
        self.assertEqual(self.said(), f"retry: {RETRY_MS}\n\n")

    def test_lines(self) -> None:
        self.add("hello")
        headers = self.begin(f"{EVENTS}?cursor=k3v9.0", Accept=NDJSON)
        self.assertEqual((headers["content-type"], headers["x-accel-buffering"]), (NDJSON, "no"))
        self.assertEqual(self.said(), f'{{"cursor":"k3v9.0"}}\n{{"cursor":"k3v9.1","message":{HELLO}}}\n')
        self.clock.advance(ALIVE_SECONDS)
        self.assertEqual(self.said(), "\n")
        self.hub.drain()
        self.assertEqual(self.said(), "")

    def test_the_id_of_each_message_is_the_cursor_after_it(self) -> None:
        self.add(*map(str, range(60)))
        self.begin(f"{EVENTS}?cursor=k3v9.5", Accept=NDJSON)
        first, *lines = self.lines()
        self.assertEqual(first, {"cursor": "k3v9.5"})
        expected = [(f"k3v9.{seq + 1}", seq) for seq in range(5, 60)]
        self.assertEqual([(line["cursor"], line["message"]["seq"]) for line in lines], expected)  # type: ignore[index]

    def test_no_text_breaks_out_of_its_block(self) -> None:
        text = 'a\n\ndata: "x"\r\n\rid: y\n\n\u2028'
        self.add(text, data='{"a":"\\n\\n"}')
        self.begin(f"{EVENTS}?cursor=k3v9.0")
        _, _, block, rest = self.said().split("\n\n")
        self.assertEqual(rest, "")
        name, data = block.split("\n")
        self.assertEqual(name, "id: k3v9.1")
        self.assertNotIn("\r", data)
        message = json.loads(data.removeprefix("data: "))
        self.assertEqual((message["text"], message["data"]), (text, {"a": "\n\n"}))

    def test_what_was_lost(self) -> None:
        self.add("hello")
        self.begin(f"{EVENTS}?cursor=other.7")
        first, retry, lost, message, rest = self.said().split("\n\n")
        self.assertEqual((first, retry, rest), ("id: other.7", f"retry: {RETRY_MS}", ""))
        self.assertEqual(message, f"id: k3v9.1\ndata: {HELLO}")
        name, event, data = lost.split("\n")
        self.assertEqual((name, event), ("id: k3v9.0", "event: lost"))
        problem = json.loads(data.removeprefix("data: "))
        self.assertEqual((problem["type"], problem["status"]), ("/problems/cursor-expired", 410))
        self.assertEqual((problem["room"], problem["earliest"], problem["latest"]), ("lobby", "k3v9.0", "k3v9.1"))

    def test_what_was_lost_in_lines(self) -> None:
        self.begin(f"{EVENTS}?cursor=k3v9.7", Accept=NDJSON)
        first, lost = self.lines()
        self.assertEqual(first, {"cursor": "k3v9.7"})
        assert isinstance(lost, dict)
        self.assertEqual((lost["cursor"], lost["lost"]["status"]), ("k3v9.0", 410))

    def test_lines_are_for_who_asks_for_them(self) -> None:
        for accept in (None, "", "*/*", "text/event-stream", "application/json"):
            self.assertIs(chosen_form(accept), EVENT_STREAM)
        for accept in (NDJSON, "Application/X-NDJSON", f"text/html, {NDJSON};q=0.9"):
            self.assertIs(chosen_form(accept), LINES)

    def test_a_page_is_encoded_once_a_form_for_all(self) -> None:
        peers = [(self.connect(), form) for form in ("text/event-stream", NDJSON) for _ in range(3)]
        for peer, form in peers:
            self.begin(peer=peer, Accept=form)
            self.said(peer)
        encoded: list[Message] = []
        encode = wire.message_json

        def count(message: Message) -> str:
            encoded.append(message)
            return encode(message)

        with patch.object(wire, "message_json", count):
            self.add("hello")
        self.assertEqual(len(encoded), 2)
        for peer, form in peers:
            block = f"id: k3v9.1\ndata: {HELLO}\n\n"
            self.assertEqual(self.said(peer), block if form != NDJSON else f'{{"cursor":"k3v9.1","message":{HELLO}}}\n')

    def test_not_all_come_again_at_once(self) -> None:
        self.luck = 0.5
        self.begin()
        self.assertEqual(self.said(), "id: k3v9.0\n\nretry: 3000\n\n")


class ResumingTests(EventsTestCase):
    def seqs(self, target: str, **headers: str) -> Sequence[int]:
        peer = self.connect()
        self.begin(target, peer, Accept=NDJSON, **headers)
        lines = [json.loads(line) for line in self.said(peer).splitlines()]
        return [line["message"]["seq"] for line in lines if "message" in line]

    def test_from_now_on_or_a_cursor_or_the_last_event_which_wins(self) -> None:
        self.add("one", "two", "three")
        self.assertEqual(self.seqs(EVENTS), [])
        self.assertEqual(self.seqs(f"{EVENTS}?cursor=k3v9.1"), [1, 2])
        self.assertEqual(self.seqs(f"{EVENTS}?cursor=k3v9.0", Last_Event_ID="k3v9.2"), [2])
        self.assertEqual(self.seqs(f"{EVENTS}?cursor=x", Last_Event_ID="k3v9.2"), [2])
        self.assertEqual(self.seqs(f"{EVENTS}?cursor=k3v9.1", Last_Event_ID=""), [1, 2])

    def test_what_has_no_form(self) -> None:
        for target in (f"{EVENTS}?cursor=7", f"{EVENTS}?cursor=a.1&cursor=a.1", "/rooms/Lobby/events"):
            for method in ("GET", "HEAD"):
                self.assertEqual(self.connect().ask(target, method).status, 400, (target, method))
        self.assertEqual(self.hub.waiting, 0)

    def test_a_last_event_that_is_no_cursor_has_expired(self) -> None:
        """A browser would give up for good on an error, and it was not its page that said this."""
        self.add("one", "two")
        for last in ("k3v9", "0", "k3v9.-1", "k3v9.1, k3v9.2", "k3v9.0\x85", "ü" * 4_000):
            for start in ("", "?cursor=k3v9.1"):
                peer = self.connect()
                self.begin(EVENTS + start, peer, Last_Event_ID=last)
                first, retry, lost, *messages = self.said(peer).split("\n\n")
                self.assertEqual((first, retry), ("id: elsewhere.0", f"retry: {RETRY_MS}"))
                self.assertEqual(lost.split("\n")[:2], ["id: k3v9.0", "event: lost"])
                self.assertEqual([block.split("\n")[0] for block in messages], ["id: k3v9.1", "id: k3v9.2", ""])

    def test_a_last_event_that_is_no_cursor_has_expired_in_lines(self) -> None:
        self.add("one", "two")
        self.begin(EVENTS, Accept=NDJSON, Last_Event_ID="nonsense")
        first, lost, *messages = cast(list[dict[str, Any]], self.lines())
        self.assertEqual(first, {"cursor": "elsewhere.0"})
        self.assertEqual((lost["cursor"], lost["lost"]["status"]), ("k3v9.0", 410))
        self.assertEqual([line["cursor"] for line in messages], ["k3v9.1", "k3v9.2"])

    def test_what_a_last_event_that_is_no_cursor_begins_with_has_expired_too(self) -> None:
        """Who is cut off before it hears of the loss comes with this, and is told then."""
        peer = self.connect()
        self.begin(EVENTS, peer, Last_Event_ID="nonsense")
        begun = self.said(peer).split("\n")[0].removeprefix("id: ")
        self.begin(EVENTS, Last_Event_ID=begun)
        self.assertIn("event: lost", self.said())
        self.assertEqual(Cursor.parse(begun).next, 0)
        self.assertNotEqual(len(Cursor.parse(begun).epoch), len(new_epoch()))


class RosterTests(EventsTestCase):
    def shown(self, peer: Peer | None = None) -> list[dict[str, Any]]:
        """The rosters that an event stream has told, each in a block without an id; it told nothing else."""
        blocks = [block.split("\n") for block in self.said(peer).split("\n\n")[:-1]]
        self.assertEqual({name for name, _ in blocks}, {"event: roster"} if blocks else set())
        return [json.loads(data.removeprefix("data: ")) for _, data in blocks]

    def begun(self, version: int, peer: Peer | None = None, **headers: str) -> str:
        """The rest of what a stream said first, behind where it begins; it looks."""
        self.begin(f"{EVENTS}?roster={version}", peer, **headers)
        return self.said(peer).partition(f"id: k3v9.0\n\nretry: {RETRY_MS}\n\n")[2]

    def come(self) -> Peer:
        """Ada comes, and all who look are told when it is time."""
        peer = self.connect()
        self.begin(EVENTS, peer, Cookie=self.take_name("ada").cookie)
        self.clock.advance(WAKE_SECONDS)
        return peer

    def test_at_first_and_when_it_changes(self) -> None:
        name, data, *rest = self.begun(0).split("\n")
        first = json.loads(data.removeprefix("data: "))
        self.assertEqual((name, rest), ("event: roster", ["", ""]))
        self.assertEqual((first["count"], first["people"]), (1, []))
        ada = self.come()
        (second,) = self.shown()
        self.assertEqual((second["count"], second["people"]), (2, [{"name": "ada", "typing": False}]))
        self.assertGreater(second["version"], first["version"])
        ada.lose()
        self.clock.pump([1.0] * int(GRACE_SECONDS))
        self.assertEqual([roster["count"] for roster in self.shown()], [1])

    def test_in_lines(self) -> None:
        self.begin(f"{EVENTS}?roster=0", Accept=NDJSON)
        self.come()
        said = self.said()
        first, second, third = map(json.loads, said.splitlines())
        self.assertEqual(first, {"cursor": "k3v9.0"})
        for line, count in ((second, 1), (third, 2)):
            self.assertEqual((list(line), line["roster"]["count"]), (["roster"], count))

    def test_who_does_not_ask_is_not_told(self) -> None:
        self.begin()
        self.said()
        self.come()
        self.assertEqual(self.said(), "")

    def test_a_version_that_is_known_is_not_told_again(self) -> None:
        version = json.loads(self.begun(0).split("\n")[1].removeprefix("data: "))["version"]
        self.assertEqual(self.begun(version, self.connect()), "")

    def test_who_comes_again_by_its_old_url_is_told_the_roster_of_now_once(self) -> None:
        version = json.loads(self.begun(0).split("\n")[1].removeprefix("data: "))["version"]
        self.come()
        again = self.connect()
        said = self.begun(version, again, Last_Event_ID="k3v9.0")
        self.assertEqual((said.count("event: roster"), json.loads(said.split("\n")[1][6:])["count"]), (1, 2))
        self.clock.advance(WAKE_SECONDS)
        self.assertEqual(self.shown(again), [])

    def test_it_is_encoded_once_a_form_for_all_who_look(self) -> None:
        peers = [(self.connect(), form) for form in ("text/event-stream", NDJSON) for _ in range(3)]
        for peer, form in peers:
            self.begin(f"{EVENTS}?roster=0", peer, Accept=form)
        with (
            patch.object(EventStream, "roster", autospec=True, side_effect=EventStream.roster) as block,
            patch.object(Lines, "roster", autospec=True, side_effect=Lines.roster) as line,
            patch.object(wire, "roster_object", side_effect=wire.roster_object) as encoded,
        ):
            self.come()
        self.assertEqual((block.call_count, line.call_count, encoded.call_count), (1, 1, 1))

    def test_what_is_no_version(self) -> None:
        for method in ("GET", "HEAD"):
            self.assertEqual(self.connect().ask(f"{EVENTS}?roster=x", method).status, 400)


class EndTests(EventsTestCase):
    def assert_gone(self) -> None:
        """Nothing is left of any stream."""
        self.assertEqual(self.hub.waiting, 0)
        self.clock.pump([60.0] * 4)
        self.assertEqual((len(self.hub), self.flushLoggedErrors()), (0, []))

    def test_head_begins_none(self) -> None:
        for target in (EVENTS, f"{EVENTS}?cursor=k3v9.0", f"{EVENTS}?cursor=other.0"):
            self.peer.send(asking(target, "HEAD", Accept=NDJSON))
            head, blank, body = self.peer.taken().partition(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"HTTP/1.1 200 OK\r\n"))
            self.assertIn(b"\r\nContent-Type: application/x-ndjson", head)
            self.assertEqual((blank, body, self.hub.waiting), (b"\r\n\r\n", b"", 0))
            self.assertFalse(self.peer.ended)
        self.assertEqual(self.peer.ask("/session").status, 200)
        self.assertEqual(len(self.hub.room("lobby").roster), 0)
        self.peer.lose()
        self.assert_gone()

    def test_http_1_0(self) -> None:
        self.peer.send(f"GET {EVENTS} HTTP/1.0\r\n\r\n".encode())
        head, _, body = self.peer.taken().partition(b"\r\n\r\n")
        self.assertNotIn(b"transfer-encoding", head.lower())
        self.assertEqual(body.decode(), f"id: k3v9.0\n\nretry: {RETRY_MS}\n\n")
        self.add("hello")
        self.assertEqual(self.peer.taken().decode(), f"id: k3v9.1\ndata: {HELLO}\n\n")
        self.hub.drain()
        self.assertEqual(self.peer.taken().decode(), f"retry: {RETRY_MS}\n\n")
        self.assertTrue(self.peer.ended)

    def test_it_outlives_the_time_outs_of_a_connection(self) -> None:
        self.begin()
        self.said()
        self.clock.pump([ALIVE_SECONDS] * 40)
        self.assertEqual(self.said(), ": alive\n\n" * 40)
        self.assertFalse(self.peer.ended)

    def test_a_peer_that_drops(self) -> None:
        for headers in ({}, {"Accept": NDJSON}):
            peer = self.connect()
            self.begin(peer=peer, **headers)
            self.assertEqual(self.hub.waiting, 1)
            peer.lose()
            self.assertEqual(self.hub.waiting, 0)
        self.add("hello")
        self.assertEqual(self.flushLoggedErrors(), [])
        self.peer.lose()
        self.assert_gone()

    def test_a_peer_that_drops_while_the_store_is_asked(self) -> None:
        answer: Deferred[Bounds] = Deferred()
        with patch.object(self.store, "bounds", return_value=answer):
            self.peer.send(asking(EVENTS))
        self.peer.lose()
        answer.callback(Bounds(0, 0))
        self.assertEqual(self.peer.taken(), b"")
        self.assert_gone()

    def test_draining_leaves_a_connection_that_goes_on(self) -> None:
        self.begin()
        self.said()
        self.hub.drain()
        self.assertTrue(self.peer.transport.value().endswith(END))
        self.assertEqual(self.said(), f"retry: {RETRY_MS}\n\n")
        self.assertEqual(self.peer.ask("/session").status, 200)

    def test_a_site_that_closes_ends_it_and_its_connection(self) -> None:
        self.begin()
        closed = self.site.close(1.5)
        self.hub.drain()
        self.assertTrue(self.peer.transport.value().endswith(END))
        self.assertTrue(self.peer.ended)
        self.clock.advance(0)
        self.successResultOf(closed)

    def test_a_store_that_is_gone(self) -> None:
        self.store.close()
        self.begin()
        self.assertTrue(self.peer.transport.value().endswith(END))
        self.assertEqual(self.said(), f"retry: {RETRY_MS}\n\n")
        self.begin(Accept=NDJSON)
        self.assertEqual(self.said(), "")

    def test_a_store_that_goes(self) -> None:
        self.begin()
        self.said()
        fault = Deferred[object]()
        fault.errback(StoreUnavailable("the disk is gone", 9))
        with patch.object(Hub, "wait", return_value=False), patch.object(Hub, "after", return_value=fault):
            self.clock.advance(ALIVE_SECONDS)
        self.assertEqual(self.said(), ": alive\n\nretry: 9000\n\n")
        self.assertEqual(self.peer.ask("/session").status, 200)

    def test_a_fault_of_ours(self) -> None:
        self.begin()
        self.said()
        with patch.object(wire, "message_json", side_effect=ZeroDivisionError):
            self.add("hello")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual((self.said(), self.hub.waiting), (f"retry: {RETRY_MS}\n\n", 0))


class SlowPeerTests(EventsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.begin()
        self.said()
        self.transport = cast(Any, self.peer.transport)
        self.transport.taking = False
        # What a TCP connection of Twisted's has not sent, as `LimitedChannel.unsent` finds it.
        self.transport.dataBuffer, self.transport.offset, self.transport._tempDataLen = bytes(1_000), 0, 0
        self.add(*(["x" * 4_000] * 40))

    def test_no_more_is_written_than_is_taken(self) -> None:
        self.assertEqual(self.hub.waiting, 0)
        self.assertLess(self.peer.transport.untaken, BUFFER_BYTES + 5_000)
        self.peer.transport.take()
        blocks = self.said().split("\n\n")
        self.assertEqual([block.split("\n")[0] for block in blocks[:-1]], [f"id: k3v9.{seq}" for seq in range(1, 41)])
        self.assertEqual(self.hub.waiting, 1)

    def test_who_takes_nothing_is_cut(self) -> None:
        self.clock.pump([1.0] * int(STALL_SECONDS - 1))
        self.assertFalse(self.peer.lost)
        self.clock.pump([1.0] * 2)
        self.assertTrue(self.peer.transport.aborted)
        self.clock.advance(0)
        self.assertTrue(self.peer.lost)
        self.clock.pump([60.0] * 4)
        self.assertEqual((len(self.hub), self.flushLoggedErrors()), (0, []))

    def test_who_takes_a_little_is_not(self) -> None:
        for _ in range(5):
            self.clock.pump([1.0] * int(STALL_SECONDS - 1))
            self.transport.offset += 1
            self.clock.advance(1.0)
        self.assertFalse(self.peer.transport.aborted)
