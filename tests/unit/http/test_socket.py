"""SocketSink: what is said and heard."""

from __future__ import annotations

import json
from unittest.mock import patch

from twisted.internet.defer import fail
from websockets.frames import Opcode

from chatcomet.access.sessions import HOLD_NAME_SECONDS, LIFE_SECONDS
from chatcomet.core.message import Cursor, Page
from chatcomet.core.roster import GRACE_SECONDS, TYPING_SECONDS, WAKE_SECONDS
from chatcomet.errors import StoreUnavailable, TooMany
from chatcomet.http import socket as socket_module
from chatcomet.http.frames import UNAUTHORIZED, framed
from chatcomet.http.socket import IN_FLIGHT, page_frame
from tests.unit.http.peer import BUFFER_BYTES, PeerTransport
from tests.unit.http.running_sockets import KEY, SocketTestCase, keys_of, posting, texts
from tests.unit.http.socket_peer import text_frame


class PageTests(SocketTestCase):
    def test_from_now_on(self) -> None:
        self.add("before")
        peer = self.open()
        self.assertEqual(peer.hear(), [{"room": "lobby", "cursor": "k3v9.1", "messages": []}])
        self.add("hello")
        (page,) = peer.hear()
        self.assertEqual((page["cursor"], texts(page)), ("k3v9.2", ["hello"]))

    def test_from_a_cursor_on(self) -> None:
        self.add("one", "two")
        start, page = self.open("?cursor=k3v9.1").hear()
        self.assertEqual((start["cursor"], texts(start)), ("k3v9.1", []))
        self.assertEqual((page["cursor"], texts(page)), ("k3v9.2", ["two"]))

    def test_a_cursor_that_leads_nowhere(self) -> None:
        self.add("one")
        for cursor in ("0000.5", "k3v9.7"):
            _, lost, page = self.open(f"?cursor={cursor}").hear()
            self.assertEqual(lost["problem"]["type"], "/problems/cursor-expired")
            self.assertEqual((lost["problem"]["earliest"], lost["problem"]["latest"]), ("k3v9.0", "k3v9.1"))
            self.assertEqual(texts(page), ["one"])

    def test_a_page_is_framed_once(self) -> None:
        page = Page("lobby", (), Cursor("k3v9", 0))
        self.assertIs(page_frame(page), page_frame(page))
        self.assertEqual(len(page.encodings), 1, "a page may be large, and many of them kept")

    def test_who_does_not_take_what_is_written(self) -> None:
        peer = self.begun()
        peer.transport.taking = False
        for _ in range(8):
            self.add("x" * 4_000, "x" * 4_000, "x" * 4_000, "x" * 4_000)
        self.assertLess(len(peer.transport.value()), BUFFER_BYTES + 20_000)
        self.assertEqual((self.hub.waiting, peer.transport.producerState), (0, "paused"))
        peer.say(posting())
        self.assertNotIn("hello", self.texts())
        peer.transport.take()
        self.assertEqual(peer.transport.producerState, "producing")
        self.assertEqual(sum(len(document.get("messages", ())) for document in peer.hear()), 33)

    def test_who_takes_nothing_is_cut_off(self) -> None:
        peer = self.begun()
        peer.transport.taking = False
        for _ in range(20):
            self.add("x" * 4_000)
        self.clock.pump([1.0] * 29)
        self.assertFalse(peer.transport.aborted)
        self.clock.pump([1.0] * 2)
        self.assertTrue(peer.transport.aborted)


class PostTests(SocketTestCase):
    def test_a_post_is_answered_when_it_is_durable(self) -> None:
        peer = self.begun()
        self.store.holding = True
        peer.say(posting(data={"a": 1}))
        self.assertEqual(peer.hear(), [])
        self.store.release()
        page, posted = peer.hear()
        self.assertEqual(texts(page), ["hello"])
        self.assertEqual(posted, {"posted": {"key": KEY, "cursor": "k3v9.1", "message": page["messages"][0]}})
        self.assertEqual(posted["posted"]["message"]["data"], {"a": 1})

    def test_a_repeated_key(self) -> None:
        peer = self.begun()
        peer.say(posting(), posting())
        first, second = (document for document in peer.hear() if "posted" in document)
        self.assertEqual((first, self.texts()), (second, ["hello"]))
        self.assertEqual(self.post("hello", Idempotency_Key=KEY).status, 200)

    def test_a_key_that_was_used_for_another_message(self) -> None:
        peer = self.begun()
        peer.say(posting(), posting(text="other"))
        problem = peer.hear()[-1]["problem"]
        self.assertEqual((problem["type"], problem["key"]), ("/problems/key-reused", KEY))

    def test_who_posts(self) -> None:
        cookie = self.take_name("ada").cookie
        peer = self.open(Cookie=cookie)
        peer.say(posting(key="k1"))
        self.assertEqual(self.kept()[-1].author, "ada")
        self.now += LIFE_SECONDS + 1
        peer.say(posting(key="k2"))
        problem = peer.hear()[-1]["problem"]
        self.assertEqual((problem["type"], problem["key"]), ("/problems/session-ended", "k2"))
        self.assertEqual(len(self.kept()), 1)

    def test_who_has_lost_the_name_meanwhile(self) -> None:
        peer = self.open(Cookie=self.take_name("ada").cookie)
        for _ in range(int(HOLD_NAME_SECONDS)):
            self.clock.advance(1.0)
            peer.hear()
        self.assertEqual(self.take_name("ada").status, 200)
        peer.say(posting())
        (refused,) = peer.hear()
        self.assertEqual((refused["problem"]["type"], refused["problem"]["key"]), ("/problems/name-taken", KEY))
        self.assertEqual((self.texts(), peer.is_open), ([], True))

    def test_whose_session_ends_hears_no_more_and_what_it_posted_before_goes_on(self) -> None:
        cookie = self.take_name("ada").cookie
        peer = self.open(Cookie=cookie)
        peer.hear()
        self.store.holding = True
        peer.say(posting(key="k1"))
        self.assertEqual(self.connect().ask("/session", "DELETE", Cookie=cookie).status, 204)
        self.store.release()
        peer.say(posting())
        (ended,) = peer.hear()
        self.assertEqual(ended["problem"]["type"], "/problems/not-signed-in")
        self.assertNotIn("key", ended["problem"])
        self.assertEqual(self.texts(), ["hello"])
        self.assert_closes(peer, UNAUTHORIZED)

    def test_answers_come_in_the_order_of_the_posts(self) -> None:
        peer = self.begun()
        self.store.holding = True
        keys = [f"{number:016}" for number in range(4)]
        peer.say(posting(keys[0]), posting(keys[1], text=""), posting(keys[2], "two"), posting(keys[3], other=1))
        self.assertEqual(peer.hear(), [])
        held, self.store.held = self.store.held, self.store.held[:1]
        self.store.release()
        self.assertEqual(keys_of(peer.hear()), keys[:2])
        self.store.held = held[1:]
        self.store.release()
        self.assertEqual(keys_of(peer.hear()), keys[2:])

    def test_what_is_refused(self) -> None:
        for document, problem, key in (
            (posting(text="x" * 4_001), "too-long", KEY),
            (posting(text="\ud800"), "malformed", KEY),
            (posting(text=7), "malformed", KEY),
            (posting(other=1), "malformed", KEY),
            ({**posting(), "typing": True}, "malformed", KEY),
            (posting(key="guessable"), "malformed", "guessable"),
            (posting(key="x" * 129), "malformed", None),
            (posting(key="\ud800"), "malformed", None),
            (posting(key=7), "malformed", None),
            ({"post": {"text": "hello"}}, "malformed", None),
            ({"post": "hello"}, "malformed", None),
            ({"typing": 1}, "malformed", None),
            ({"typing": False}, "malformed", None),
            ({}, "malformed", None),
        ):
            peer = self.begun()
            peer.say(document)
            (refused,) = peer.hear()
            self.assertEqual(refused["problem"]["type"], f"/problems/{problem}", document)
            self.assertEqual(refused["problem"].get("key"), key)
            self.assertTrue(peer.is_open)
        self.assertEqual(self.texts(), [])

    def test_a_store_that_is_not_there(self) -> None:
        peer = self.begun()
        self.store.fault = StoreUnavailable("gone", retry_after=7)
        peer.say(posting())
        (refused,) = peer.hear()
        self.assertEqual((refused["problem"]["status"], refused["problem"]["retry_after"]), (503, 7))

    def test_too_many(self) -> None:
        peer = self.begun()
        self.patch(self.store, "append", lambda room, draft: fail(TooMany("you write too often", "posts", 6.5)))
        peer.say(posting())
        (refused,) = peer.hear()
        self.assertEqual((refused["problem"]["status"], refused["problem"]["retry_after"]), (429, 7))
        self.assertTrue(peer.is_open)

    def test_a_fault(self) -> None:
        peer = self.begun()
        self.patch(self.store, "append", lambda room, draft: 1 / 0)
        peer.say(posting())
        (refused,) = peer.hear()
        self.assertEqual((refused["problem"]["status"], refused["problem"]["key"]), (500, KEY))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_so_many_at_once_and_no_more(self) -> None:
        peer = self.begun()
        self.store.holding = True
        keys = [f"{number:016}" for number in range(IN_FLIGHT + 8)]
        peer.send(b"".join(text_frame(json.dumps(posting(key, key)).encode()) for key in keys))
        self.assertEqual((len(self.store.held), peer.transport.producerState), (IN_FLIGHT, "paused"))
        self.store.release()
        self.assertEqual(sorted(self.texts()), keys)
        self.assertEqual(keys_of(peer.hear()), keys)

    def test_a_closing_does_not_overtake_the_posts_before_it(self) -> None:
        peer = self.begun()
        self.store.holding = True
        keys = [f"{number:016}" for number in range(IN_FLIGHT + 8)]
        bye = text_frame(b"", opcode=Opcode.CLOSE)
        peer.send(b"".join(text_frame(json.dumps(posting(key)).encode()) for key in keys) + bye)
        self.assertIsNone(peer.closed_with)
        self.store.release()
        self.assertEqual((len(self.texts()), peer.closed_with), (len(keys), 1000))

    def test_a_post_goes_on_when_its_socket_closes(self) -> None:
        for polite in (True, False):
            peer = self.begun()
            self.store.holding = True
            peer.say(posting(f"{polite:016}"))
            if polite:
                peer.send(text_frame(b"", opcode=Opcode.CLOSE))
            else:
                peer.lose()
            self.store.release()
        self.assertEqual(self.texts(), ["hello", "hello"])


class RosterTests(SocketTestCase):
    def test_who_does_not_ask_is_not_told(self) -> None:
        peer = self.begun()
        self.open(Cookie=self.take_name("ada").cookie)
        self.clock.advance(WAKE_SECONDS)
        self.assertEqual(peer.hear(), [])

    def test_who_asks_is_told_at_first_and_when_it_changes(self) -> None:
        peer = self.open("?roster=0")
        _, first = peer.hear()
        self.assertEqual((first["roster"]["count"], first["roster"]["people"]), (1, []))
        other = self.open(Cookie=self.take_name("ada").cookie)
        self.clock.advance(WAKE_SECONDS)
        (second,) = peer.hear()
        self.assertEqual((second["roster"]["count"], second["roster"]["people"][0]["name"]), (2, "ada"))
        self.assertGreater(second["roster"]["version"], first["roster"]["version"])
        other.lose()
        self.clock.pump([1] * int(GRACE_SECONDS + WAKE_SECONDS))
        self.assertEqual(peer.hear()[-1]["roster"]["count"], 1)

    def test_it_is_framed_once_for_all_who_look(self) -> None:
        for _ in range(3):
            self.open("?roster=0")
        self.clock.advance(WAKE_SECONDS)
        with patch.object(socket_module, "framed", side_effect=framed) as frame:
            self.open(Cookie=self.take_name("ada").cookie)
            frame.reset_mock()
            self.clock.advance(WAKE_SECONDS)
        self.assertEqual(frame.call_count, 1)

    def test_a_version_that_is_known_is_not_told_again(self) -> None:
        version = self.open("?roster=0").hear()[1]["roster"]["version"]
        self.assertEqual(len(self.open(f"?roster={version}").hear()), 1)

    def test_typing(self) -> None:
        peer = self.open("?roster=0", Cookie=self.take_name("ada").cookie)
        peer.hear()
        peer.say({"typing": True})
        self.clock.advance(WAKE_SECONDS)
        self.assertEqual(peer.hear()[-1]["roster"]["people"], [{"name": "ada", "typing": True}])
        self.clock.pump([1] * int(TYPING_SECONDS + WAKE_SECONDS))
        self.assertEqual(peer.hear()[-1]["roster"]["people"], [{"name": "ada", "typing": False}])

    def test_a_reader_that_did_not_keep_up_is_told_when_it_does(self) -> None:
        peer = self.begun("?roster=0")
        peer.transport.taking = False
        self.add(*["x" * 4_000] * 20)
        self.open(Cookie=self.take_name("ada").cookie)
        self.clock.advance(WAKE_SECONDS)
        peer.transport.take()
        self.assertEqual([document["roster"]["count"] for document in peer.hear() if "roster" in document], [2])


class PageWithoutLaneTests(PageTests):
    plain_transport = PeerTransport


class PostWithoutLaneTests(PostTests):
    plain_transport = PeerTransport


class RosterWithoutLaneTests(RosterTests):
    plain_transport = PeerTransport
