"""Streaming: who may, who is put off, and who may no more."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from unittest.mock import patch

from twisted.internet.defer import Deferred

from chatcomet.access.asker import Asker, stranger
from chatcomet.access.policy import Policy
from chatcomet.api.polling import CROWDED_SECONDS
from chatcomet.api.streaming import Follow, follow
from chatcomet.core.message import DEFAULT_LIMIT, Cursor, Page
from chatcomet.core.rulings import Kind, Ruling
from chatcomet.core.store import Bounds
from chatcomet.errors import AskerError, BadTicket, Crowded, NotAllowed, NotSignedIn
from chatcomet.settings import Settings
from tests.unit.api.running_chat import with_ticket
from tests.unit.api.streams import BEGINNING, StreamingTestCase


class PermissionTests(StreamingTestCase):
    def test_who_may_not_read_is_told_so_before_anything_is_asked(self) -> None:
        self.policy.policy = Policy.parse('[[rooms]]\nname = "lobby"\nread = "members"')
        robot = with_ticket("robot", "post")
        for asker, error in ((stranger(None), NotSignedIn), (self.sign_in("ada"), NotSignedIn), (robot, NotAllowed)):
            for cursor in (BEGINNING, None):
                self.assertRaises(error, follow, self.chat, Follow("lobby", cursor), asker, self.sink)
        self.assertEqual((len(self.hub), len(self.chat.readers), self.sink.said), (0, 0, []))


class DismissTests(StreamingTestCase):
    """Who loses the right to read while the stream goes on."""

    def setUp(self) -> None:
        super().setUp()
        self.ada = self.sign_in("ada")

    def rule(self, kind: Kind, subject: str) -> None:
        room = "lobby" if kind in ("ban", "mute") else ""
        self.successResultOf(self.rulings.rule(Ruling(kind, room, subject, inf, "mo", self.now)))

    def sign_out(self) -> None:
        assert self.ada.right is not None
        self.rule("ended", self.ada.right)

    def test_while_it_waits(self) -> None:
        self.begin(asker=self.ada)
        self.rule("mute", "ada")
        self.assertEqual(self.sink.said, [])
        self.rule("ban", "ada")
        self.assertEqual(self.sink.said, [("dismissed", NotAllowed)])
        self.add("hello")
        self.assertEqual(self.sink.seqs, [])
        self.assert_gone()

    def test_while_it_is_paused(self) -> None:
        stream = self.begin(asker=self.ada)
        stream.pauseProducing()
        self.sign_out()
        stream.resumeProducing()
        self.add("hello")
        self.assertEqual(self.sink.said, [("dismissed", NotSignedIn)])
        self.assert_gone()

    def test_before_it_begins(self) -> None:
        self.add("hello")
        stream = self.follow(asker=self.ada)
        self.sign_out()
        stream.resumeProducing()
        self.assertEqual(self.sink.said, [("dismissed", NotSignedIn)])
        self.assert_gone()

    def test_from_inside_a_page(self) -> None:
        self.add_many(2 * DEFAULT_LIMIT)
        stream, page = self.follow(asker=self.ada), self.sink.page

        def ban(each: Page) -> None:
            page(each)
            self.rule("ban", "ada")

        with patch.object(self.sink, "page", ban):
            stream.resumeProducing()
        self.assertEqual(self.sink.said, [DEFAULT_LIMIT, ("dismissed", NotAllowed)])
        self.assert_gone()

    def test_by_a_new_policy(self) -> None:
        self.begin(asker=self.ada)
        self.policy.policy = Policy.parse('[[rooms]]\nname = "lobby"\nread = "members"')
        self.chat.gate.forget()
        self.chat.readers.check_all()
        self.assertEqual(self.sink.said, [("dismissed", NotSignedIn)])
        self.assert_gone()

    def test_by_its_ticket_within_a_second(self) -> None:
        self.begin(asker=with_ticket("robot", "read", seconds=10.0))
        self.now += 9.9
        self.clock.advance(9.9)
        self.assertEqual(self.sink.said, [])
        self.now += 1.0
        self.clock.advance(1.0)
        self.assertEqual(self.sink.said, [("dismissed", BadTicket)])
        self.assert_gone()

    def test_one_that_has_ended_is_not(self) -> None:
        self.begin(asker=self.ada).stopProducing()
        self.rule("ban", "ada")
        self.assertEqual(self.sink.said, [])

    def test_nor_is_anybody_else(self) -> None:
        self.begin(asker=self.sign_in("bob"))
        self.rule("ban", "ada")
        self.sign_out()
        self.add("hello")
        self.assertEqual(self.sink.said, [1])

    def test_a_sink_that_raises_is_logged_and_gone(self) -> None:
        self.begin(asker=self.ada)
        with patch.object(self.sink, "dismiss", side_effect=ZeroDivisionError):
            self.rule("ban", "ada")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assert_gone()

    def test_while_the_store_is_asked_where_to_begin(self) -> None:
        robot = with_ticket("robot", "read", seconds=10.0)
        ends: list[tuple[Asker, Callable[[], None], type[AskerError]]] = [
            (self.ada, self.sign_out, NotSignedIn),
            (self.sign_in("bob"), lambda: self.rule("ban", "bob"), NotAllowed),
            (robot, lambda: self.rule("revoked", "jti:1"), NotSignedIn),
            (robot, self.expire, BadTicket),
        ]
        for asker, end, error in ends:
            answer: Deferred[Bounds] = Deferred()
            with patch.object(self.store, "bounds", return_value=answer):
                following = follow(self.chat, Follow("lobby"), asker, self.sink)
            end()
            self.failureResultOf(following, error)
            answer.callback(Bounds(0, 0))
            self.assertEqual((len(self.chat.readers), len(self.hub.room("lobby").roster)), (0, 0))
            self.hub._rooms.clear()  # or it knows its head
        self.assertEqual(self.sink.said, [])

    def expire(self) -> None:
        self.now += 10.0
        self.clock.advance(1.0)


class CrowdTests(StreamingTestCase):
    settings = Settings(readers=2, readers_per_address=1)

    def setUp(self) -> None:
        super().setUp()
        self.ada = self.sign_in("ada")

    def refused(self, asker: Asker, cursor: Cursor | None = BEGINNING) -> Crowded:
        following = follow(self.chat, Follow("lobby", cursor), asker, self.sink)
        error = self.failureResultOf(following, Crowded).value
        assert isinstance(error, Crowded)
        return error

    def test_who_is_too_many_is_told_when_to_come_again(self) -> None:
        first = self.begin()
        self.begin()
        for cursor in (BEGINNING, None):
            error = self.refused(self.ada, cursor)
            self.assertEqual((error.pages, error.retry_after), ((), CROWDED_SECONDS))
        self.assertEqual((len(self.chat.readers), self.hub.waiting), (2, 2))
        self.assertEqual(self.hub.room("lobby").roster.state.count, 1)
        first.stopProducing()
        self.begin(asker=self.ada)
        self.add("hello")
        self.assertEqual(self.sink.said, [1, 1])

    def test_so_is_one_too_many_from_an_address(self) -> None:
        stream = self.begin(asker=stranger("192.0.2.1"))
        self.refused(self.sign_in("eve", "192.0.2.1"))
        self.begin(asker=stranger("192.0.2.2")).stopProducing()
        stream.stopProducing()
        self.begin(asker=self.sign_in("bob", "192.0.2.1"))

    def test_who_asks_the_store_where_to_begin_is_one_and_not_two(self) -> None:
        self.begin(asker=stranger("192.0.2.1"))
        answer: Deferred[Bounds] = Deferred()
        self.hub._rooms.clear()
        with patch.object(self.store, "bounds", return_value=answer):
            following = follow(self.chat, Follow("lobby"), stranger("192.0.2.2"), self.sink)
            self.assertEqual(len(self.chat.readers), 2)
            self.refused(self.ada, None)
        answer.callback(Bounds(0, 0))
        self.successResultOf(following)
        self.assertEqual(len(self.chat.readers), 2)
