"""Polling: who may, who is put off, and who may no more."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import CancelledError, Deferred

from chatcomet.access.asker import Asker, stranger
from chatcomet.access.policy import Policy
from chatcomet.api.polling import CROWDED_SECONDS, History, Poll, PollRooms, history, look, poll, poll_rooms
from chatcomet.core.message import Cursor, Page
from chatcomet.core.roster import GRACE_SECONDS
from chatcomet.core.rulings import Kind, Ruling
from chatcomet.core.store import Bounds
from chatcomet.errors import AskerError, BadTicket, Crowded, CursorExpired, NotAllowed, NotSignedIn
from chatcomet.settings import Settings
from tests.unit.api.running_chat import EPOCH, SOMEBODY, ChatTestCase, with_ticket

HEAD = Cursor(EPOCH, 0)


class WaysTestCase(ChatTestCase):
    """What holds for each way to wait for pages of the lobby, and of others."""

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.hub.drain)  # or whatever still waits is ended by the garbage collector

    def waits(self, asker: Asker) -> list[Deferred[Any]]:
        """One of each way."""
        return [
            poll(self.chat, Poll("lobby", HEAD), asker),
            poll(self.chat, Poll("lobby", HEAD, limit=1, is_present=False), asker),
            look(self.chat, Poll("lobby", HEAD), self.hub.room("lobby").roster.look().version, asker),
            poll_rooms(self.chat, PollRooms({"aside": HEAD, "lobby": HEAD}), asker),
        ]

    def assert_nobody_waits(self) -> None:
        self.assertEqual((len(self.chat.readers), self.hub.waiting), (0, 0))
        self.clock.advance(GRACE_SECONDS)
        self.assertEqual([len(self.hub.room(name).roster) for name in ("aside", "lobby")], [0, 0])


class PermissionTests(WaysTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.policy.policy = Policy.parse('[[rooms]]\nname = "lobby"\nread = "members"')
        self.asks: list[Callable[[Asker], Deferred[Any]]] = [
            lambda asker: poll(self.chat, Poll("lobby", HEAD), asker),
            lambda asker: look(self.chat, Poll("lobby", HEAD), 0, asker),
            lambda asker: poll_rooms(self.chat, PollRooms({"aside": HEAD, "lobby": HEAD}), asker),
            lambda asker: history(self.chat, History("lobby"), asker),
        ]

    def test_who_may_not_read_is_told_so_before_anything_is_asked(self) -> None:
        robot = with_ticket("robot", "post")
        for asker, error in ((stranger(None), NotSignedIn), (self.sign_in("ada"), NotSignedIn), (robot, NotAllowed)):
            for ask in self.asks:
                self.assertRaises(error, ask, asker)
        self.assertEqual((len(self.hub), len(self.chat.readers)), (0, 0))

    def test_whether_there_is_such_a_room_or_such_a_cursor(self) -> None:
        poll_of_none = Poll("lobby", Cursor("other", 7))
        errors = [str(self.assertRaises(NotSignedIn, poll, self.chat, poll_of_none, stranger(None)))]
        self.add("hello")
        errors += [str(self.assertRaises(NotSignedIn, ask, stranger(None))) for ask in self.asks]
        self.assertEqual(len(set(errors)), 1)

    def test_who_may_reads(self) -> None:
        self.add("hello")
        for asker in (self.account("mo"), with_ticket("robot", "read")):
            for ask in self.asks[:1] + self.asks[3:]:
                self.assertEqual(len(self.successResultOf(ask(asker)).messages), 1)

    def test_of_several_rooms_all_are_looked_at(self) -> None:
        for names in (("lobby", "aside"), ("aside", "lobby")):
            asked = PollRooms(dict.fromkeys(names, HEAD))
            self.assertRaises(NotSignedIn, poll_rooms, self.chat, asked, stranger(None))


class DismissTests(WaysTestCase):
    """Who loses the right to read while it waits."""

    def setUp(self) -> None:
        super().setUp()
        self.ada = self.sign_in("ada")
        self.others = self.waits(self.sign_in("bob"))

    def rule(self, kind: Kind, subject: str, room: str = "") -> None:
        self.successResultOf(self.rulings.rule(Ruling(kind, room, subject, inf, "mo", self.now)))

    def assert_dismissed(self, waits: list[Deferred[Any]], error: type[AskerError]) -> None:
        """All of them, and nobody else."""
        for waiting in waits:
            self.failureResultOf(waiting, error)
        for other in self.others:
            self.assertNoResult(other)
            other.cancel()
            self.failureResultOf(other, CancelledError)
        self.assert_nobody_waits()

    def test_whose_session_ends(self) -> None:
        waits = self.waits(self.ada)
        assert self.ada.right is not None
        self.rule("ended", self.ada.right)
        self.assert_dismissed(waits, NotSignedIn)

    def test_who_is_banned_and_not_who_is_muted(self) -> None:
        waits = self.waits(self.ada)
        self.rule("mute", "ada", "lobby")
        self.rule("ban", "ada", "elsewhere")
        for waiting in waits:
            self.assertNoResult(waiting)
        self.rule("ban", "ada", "lobby")
        self.assert_dismissed(waits, NotAllowed)

    def test_who_may_not_by_a_new_policy(self) -> None:
        waits = self.waits(self.ada)
        self.others, others = [], self.others
        mo = self.waits(self.account("mo"))
        self.policy.policy = Policy.parse('[[rooms]]\nname = "lobby"\nread = "members"')
        self.chat.gate.forget()
        self.chat.readers.check_all()
        self.others = mo
        self.assert_dismissed([*waits, *others], NotSignedIn)

    def test_whose_ticket_expires_within_a_second(self) -> None:
        waits = self.waits(with_ticket("robot", "read", seconds=10.0))
        for looking in (waits.pop(2), self.others.pop(2)):  # or it is shown that the robot has come
            looking.cancel()
            self.failureResultOf(looking, CancelledError)
        self.now += 9.9
        self.clock.advance(9.9)
        for waiting in waits:
            self.assertNoResult(waiting)
        self.now += 1.0
        self.clock.advance(1.0)
        self.assert_dismissed(waits, BadTicket)

    def test_whose_ticket_is_revoked(self) -> None:
        waits = self.waits(with_ticket("robot", "read"))
        self.rule("revoked", "jti:1")
        self.assert_dismissed(waits, NotSignedIn)

    def test_while_the_store_is_asked(self) -> None:
        for waiting in self.others:
            waiting.cancel()
            self.failureResultOf(waiting, CancelledError)
        self.others = []
        self.hub._forget(self.clock.seconds(), self.clock.seconds())
        self.assertEqual(len(self.hub), 0)
        answer: Deferred[Bounds] = Deferred()
        with patch.object(self.store, "bounds", return_value=answer):
            waits = self.waits(self.ada)
        self.rule("ban", "ada", "lobby")
        self.assert_dismissed(waits, NotAllowed)
        answer.callback(Bounds(0, 0))

    def test_who_has_been_answered_is_not(self) -> None:
        waits = self.waits(self.ada)
        for message in self.add("hello"):
            self.rule("ban", "ada", "lobby")
            for waiting in waits[:2]:
                self.assertEqual(self.successResultOf(waiting).messages, (message,))
            self.assertEqual(self.successResultOf(waits[2]).page.messages, (message,))
            self.assertEqual(self.successResultOf(waits[3])[0].messages, (message,))


class CrowdTests(WaysTestCase):
    settings = Settings(readers=4, readers_per_address=3)

    def setUp(self) -> None:
        super().setUp()
        self.waiting = self.waits(SOMEBODY)
        self.bob = self.sign_in("bob")

    def assert_put_off(self, asker: Asker) -> None:
        """Each way is answered at once, with nothing and when to come again."""
        for refused, rooms in zip(self.waits(asker), (["lobby"],) * 3 + (["aside", "lobby"],), strict=True):
            error = self.failureResultOf(refused, Crowded).value
            self.assertEqual(error.pages, [Page(room, (), HEAD) for room in rooms])
            self.assertEqual(error.retry_after, CROWDED_SECONDS)

    def test_who_is_too_many_is_told_when_to_come_again(self) -> None:
        self.assert_put_off(self.bob)
        self.assertEqual((len(self.chat.readers), self.hub.waiting), (4, 5))
        self.assertEqual(self.hub.room("lobby").roster.state.people, ())
        for waiting in self.waiting:
            self.assertNoResult(waiting)

    def test_then_there_is_room(self) -> None:
        self.waiting[0].cancel()
        self.failureResultOf(self.waiting[0], CancelledError)
        waiting = poll(self.chat, Poll("lobby", HEAD), self.bob)
        self.assertNoResult(waiting)
        self.assert_put_off(self.bob)

    def test_nobody_is_locked_out_of_what_is_there(self) -> None:
        (message,) = self.add("hello", room="other")
        for asker in (self.bob, SOMEBODY):
            page = self.successResultOf(poll(self.chat, Poll("other", HEAD), asker))
            self.assertEqual(page, Page("other", (message,), Cursor(EPOCH, 1)))
            self.assertEqual(self.successResultOf(look(self.chat, Poll("other", HEAD), 0, asker)).page, page)
            several = PollRooms({"lobby": HEAD, "other": HEAD})
            self.assertEqual(self.successResultOf(poll_rooms(self.chat, several, asker)), [page])
        self.successResultOf(history(self.chat, History("other"), self.bob))

    def test_an_expired_cursor_is_said_to_be(self) -> None:
        for cursor in (Cursor("other", 0), Cursor(EPOCH, 7)):
            self.failureResultOf(poll(self.chat, Poll("lobby", cursor), self.bob), CursorExpired)
            self.failureResultOf(poll_rooms(self.chat, PollRooms({"lobby": cursor}), self.bob), CursorExpired)

    def test_so_is_one_too_many_from_an_address(self) -> None:
        for waiting in self.waiting:
            waiting.cancel()
            self.failureResultOf(waiting, CancelledError)
        *_, last = self.waits(stranger("192.0.2.1"))
        self.failureResultOf(last, Crowded)
        self.assert_put_off(self.sign_in("ada", "192.0.2.1"))
        self.assertNoResult(poll(self.chat, Poll("lobby", HEAD), stranger("192.0.2.2")))
