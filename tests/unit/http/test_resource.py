"""ChatResource: what is read, and what becomes of a request whose peer drops."""

from __future__ import annotations

import json
from unittest.mock import patch

from tests.unit.http.peer import Peer, PeerTransport, asking
from tests.unit.http.running_edge import HELLO, EdgeTestCase
from tests.unit.http.running_lane import JSON, ROOM


class ReadTests(EdgeTestCase):
    def test_the_newest(self) -> None:
        self.add("one", "two", "three")
        page = self.peer.ask(f"{ROOM}?limit=2").json
        self.assertEqual([message["text"] for message in page["messages"]], ["two", "three"])
        self.assertEqual((page["room"], page["cursor"]), ("lobby", "k3v9.3"))

    def test_a_room_that_nobody_has_used(self) -> None:
        for target in (ROOM, f"{ROOM}?cursor=k3v9.0&wait=0", f"{ROOM}?before=7"):
            self.assertEqual(self.peer.ask(target).json, {"room": "lobby", "cursor": "k3v9.0", "messages": []})

    def test_after_a_cursor(self) -> None:
        self.add("one", "two")
        page = self.peer.ask(f"{ROOM}?cursor=k3v9.1").json
        self.assertEqual([message["seq"] for message in page["messages"]], [1])

    def test_before_a_message(self) -> None:
        self.add("one", "two")
        page = self.peer.ask(f"{ROOM}?before=1").json
        self.assertEqual([message["seq"] for message in page["messages"]], [0])

    def test_at_the_head_it_waits_for_the_next_message(self) -> None:
        self.peer.send(asking(f"{ROOM}?cursor=k3v9.0"))
        self.assertEqual((self.peer.taken(), self.hub.waiting), (b"", 1))
        self.post("hello")
        answer = self.peer.answer()
        self.assertEqual(answer.json, {"room": "lobby", "cursor": "k3v9.1", "messages": [HELLO]})
        self.assertNotIn("connection", answer.headers)

    def test_at_the_end_of_the_wait_it_is_an_empty_page(self) -> None:
        self.peer.send(asking(f"{ROOM}?cursor=k3v9.0&wait=3"))
        self.clock.advance(2.9)
        self.assertEqual(self.peer.taken(), b"")
        self.clock.advance(0.1)
        self.assertEqual(self.peer.answer().json["messages"], [])
        self.assertFalse(self.peer.ended)

    def test_a_cursor_that_leads_nowhere(self) -> None:
        self.add("one")
        for cursor in ("k3v9.2", "other.0"):
            answer = self.peer.ask(f"{ROOM}?cursor={cursor}")
            self.assertEqual((answer.status, answer.problem), (410, "cursor-expired"))
            self.assertEqual((answer.json["earliest"], answer.json["latest"]), ("k3v9.0", "k3v9.1"))

    def test_what_has_no_form(self) -> None:
        for query in (
            *("cursor=", "cursor=7", "cursor=k3v9.-1", "cursor=k3v9.00", "cursor=a.1&cursor=a.1", "cursor=%FF"),
            *("before=-1", "before=x", "limit=0", "limit=x", "wait=x", "wait=-1", "cursor=k3v9.0&before=1"),
            f"cursor=k3v9.{'9' * 5_000}",
        ):
            answer = self.peer.ask(f"{ROOM}?{query}")
            self.assertEqual((answer.status, answer.problem), (400, "malformed"), query)
        for room in ("Lobby", "-", "a" * 65, "%FF", "%20", "%0D%0A"):
            self.assertEqual(self.peer.ask(f"/rooms/{room}/messages").status, 400, room)

    def test_a_store_that_is_gone(self) -> None:
        self.store.close()
        for target in (ROOM, f"{ROOM}?cursor=k3v9.0"):
            answer = self.peer.ask(target)
            self.assertEqual(
                (answer.status, answer.problem, answer.headers["retry-after"]), (503, "store-unavailable", "1")
            )


class DroppedTests(EdgeTestCase):
    def test_a_reader_who_drops_is_forgotten_at_once(self) -> None:
        for target in (f"{ROOM}?cursor=k3v9.0", f"{ROOM}?cursor=k3v9.0&limit=1", "/chat/get/0"):
            peer = self.connect()
            peer.send(asking(target))
            self.assertEqual(self.hub.waiting, 1)
            peer.lose()
            self.assertEqual(self.hub.waiting, 0)
        self.post("hello")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_poster_who_hangs_up_still_has_posted(self) -> None:
        self.store.holding = True
        body = json.dumps({"text": "hello"}).encode()
        self.peer.send(asking(ROOM, "POST", body, Content_Type=JSON))
        self.peer.lose()
        self.store.release()
        self.assertEqual(self.texts(), ["hello"])
        self.assertEqual((self.peer.taken(), self.flushLoggedErrors()), (b"", []))


class DroppedWithoutLaneTests(DroppedTests):
    plain_transport = PeerTransport


class PollTests(EdgeTestCase):
    """One poll for several rooms."""

    def test_what_is_there(self) -> None:
        self.add("hello", room="a")
        answer = self.peer.ask("/poll?at=a:k3v9.0&at=b:k3v9.0")
        message = {**HELLO, "author": "ada"}
        self.assertEqual(answer.json, {"pages": [{"room": "a", "cursor": "k3v9.1", "messages": [message]}]})

    def test_it_waits_for_the_next_message_in_any(self) -> None:
        self.peer.send(asking("/poll?at=a:k3v9.0&at=b:k3v9.0"))
        self.assertEqual((self.peer.taken(), self.hub.waiting), (b"", 2))
        self.add("hello", room="b")
        (page,) = self.peer.answer().json["pages"]
        self.assertEqual((page["room"], page["cursor"], self.hub.waiting), ("b", "k3v9.1", 0))

    def test_at_the_end_of_the_wait_there_are_all(self) -> None:
        empty = [{"room": name, "cursor": "k3v9.0", "messages": []} for name in "ab"]
        target = "/poll?at=a:k3v9.0&at=b:k3v9.0"
        self.assertEqual(self.peer.ask(f"{target}&wait=0").json, {"pages": empty})
        self.peer.send(asking(f"{target}&wait=3"))
        self.clock.advance(3.0)
        self.assertEqual(self.peer.answer().json, {"pages": empty})
        self.assertEqual(self.peer.ask(target, "HEAD").status, 200)

    def test_an_expired_cursor_names_its_room(self) -> None:
        answer = self.peer.ask("/poll?at=a:k3v9.0&at=b:other.0")
        self.assertEqual((answer.status, answer.problem, answer.json["room"]), (410, "cursor-expired", "b"))

    def test_what_has_no_form(self) -> None:
        many = "&".join(f"at=room{number}:k3v9.0" for number in range(33))
        for text in ("", "at=a", "at=A:k3v9.0", "at=a:7", "at=a:k3v9.0&at=a:k3v9.0", "at=a:k3v9.0&limit=0", many):
            self.assertEqual(self.peer.ask(f"/poll?{text}").status, 400, text)
        self.assertEqual(self.hub.waiting, 0)

    def test_a_peer_that_drops(self) -> None:
        self.peer.send(asking("/poll?at=a:k3v9.0&at=b:k3v9.0"))
        self.peer.lose()
        self.assertEqual((self.hub.waiting, self.flushLoggedErrors()), (0, []))


class PollWithoutLaneTests(PollTests):
    plain_transport = PeerTransport


class RosterTests(EdgeTestCase):
    """Who is in a room, as polls and the room itself say."""

    def look(self, version: int, peer: Peer | None = None, **headers: str) -> None:
        (peer or self.peer).send(asking(f"{ROOM}?cursor=k3v9.0&roster={version}", "GET", b"", **headers))

    def version(self) -> int:
        return self.hub.room("lobby").roster.version

    def test_the_first_look(self) -> None:
        self.look(0, Cookie=self.take_name("ada").cookie)
        people = [{"name": "ada", "typing": False}]
        roster = {"version": self.version(), "count": 1, "people": people}
        page = {"room": "lobby", "cursor": "k3v9.0", "messages": []}
        self.assertEqual(self.peer.answer().json, {**page, "roster": roster})

    def test_a_change_wakes_who_looks(self) -> None:
        self.look(0)
        self.look(self.peer.answer().json["roster"]["version"])
        self.connect().send(asking(f"{ROOM}?cursor=k3v9.0", Cookie=self.take_name("ada").cookie))
        self.clock.advance(1.0)
        self.assertEqual(self.peer.answer().json["roster"]["people"], [{"name": "ada", "typing": False}])

    def test_typing(self) -> None:
        cookie = self.take_name("ada").cookie
        self.look(0, Cookie=cookie)
        self.peer.taken()
        answer = self.peer.ask("/rooms/lobby/typing", "POST", Cookie=cookie)
        self.assertEqual((answer.status, answer.body), (204, b""))
        room = self.peer.ask("/rooms/lobby").json
        self.assertEqual(room["roster"]["people"], [{"name": "ada", "typing": True}])
        self.clock.advance(5.0)
        room = self.peer.ask("/rooms/lobby").json
        self.assertEqual(room["roster"]["people"], [{"name": "ada", "typing": False}])

    def test_typing_is_for_our_own_pages(self) -> None:
        answer = self.peer.ask("/rooms/lobby/typing", "POST", Origin="https://evil.example")
        self.assertEqual((answer.status, answer.problem), (403, "cross-site"))
        self.assertEqual(self.peer.ask("/rooms/Lobby/typing", "POST").status, 400)

    def test_guests_of_one_address_are_one(self) -> None:
        for peer in (self.connect(), self.connect()):
            peer.send(asking(f"{ROOM}?cursor=k3v9.0"))
        room = self.peer.ask("/rooms/lobby").json
        self.assertEqual((room["readers"], room["roster"]["count"], room["roster"]["people"]), (2, 1, []))

    def test_only_the_last_roster_is_kept_with_the_page_of_a_quiet_room(self) -> None:
        for _ in range(20):
            self.look(0)
            self.peer.answer()
            self.clock.advance(20.0)
        self.assertLessEqual(len(self.hub.room("lobby").nothing().encodings), 2)

    def test_what_has_no_form(self) -> None:
        for version in ("", "x", "-1", "07"):
            self.assertEqual(self.peer.ask(f"{ROOM}?cursor=k3v9.0&roster={version}").status, 400, version)


class RosterWithoutLaneTests(RosterTests):
    plain_transport = PeerTransport


class RoomsTests(EdgeTestCase):
    def test_a_room(self) -> None:
        self.add("one", "two")
        roster = {"version": self.hub.room("lobby").roster.version, "count": 0, "people": []}
        room = {"room": "lobby", "cursor": "k3v9.2", "first": 0, "readers": 0, "roster": roster}
        self.assertEqual(self.peer.ask("/rooms/lobby").json, room)
        self.assertEqual(self.peer.ask("/rooms/unused").json["cursor"], "k3v9.0")
        self.assertEqual(self.peer.ask("/rooms/Lobby").status, 400)

    def test_rooms(self) -> None:
        self.assertEqual(self.peer.ask("/rooms").json, {"rooms": []})
        for name in ("b", "a"):
            self.add("hello", room=name)
        rooms = [{"room": name, "cursor": "k3v9.1", "first": 0, "readers": 0} for name in "ab"]
        self.assertEqual(self.peer.ask("/rooms").json, {"rooms": rooms})
        self.assertEqual(self.peer.ask("/rooms?after=a").json, {"rooms": rooms[1:]})
        with patch("chatcomet.api.rooms.ROOMS", 1):
            self.assertEqual(self.peer.ask("/rooms").json, {"rooms": rooms[:1], "next": "a"})
        for after in ("%FF", "a&after=b", "~", "~gAAAAA"):
            self.assertEqual(self.peer.ask(f"/rooms?after={after}").status, 400, after)

    def test_a_store_that_is_gone(self) -> None:
        self.store.close()
        for target in ("/rooms", "/rooms/lobby", "/poll?at=a:k3v9.0"):
            self.assertEqual(self.peer.ask(target).status, 503, target)
