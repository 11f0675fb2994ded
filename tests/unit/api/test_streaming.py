"""Streaming: a reader that stays, at every pace of its transport."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

from twisted.internet.defer import CancelledError, Deferred, fail

from chatcomet.access.asker import holder
from chatcomet.access.identity import Session
from chatcomet.api.polling import JITTER
from chatcomet.api.streaming import ALIVE_SECONDS, RETURN_SECONDS, STALL_SECONDS, Follow, follow
from chatcomet.core.hub import Hub
from chatcomet.core.message import DEFAULT_LIMIT, Cursor, Draft, Page
from chatcomet.core.roster import GRACE_SECONDS, WAKE_SECONDS
from chatcomet.core.store import Bounds
from chatcomet.errors import Malformed, StoreUnavailable
from tests.unit.api.running_chat import EPOCH, NOON, SOMEBODY
from tests.unit.api.streams import StreamingTestCase

ADA, BOB, CY = (holder(Session(name[0], name, NOON), None) for name in ("ada", "bob", "cy"))


class FollowTests(StreamingTestCase):
    def test_from_now_on_where_no_cursor_is_given(self) -> None:
        self.add("before")
        stream = self.begin(cursor=None)
        self.assertEqual(stream.cursor, Cursor(EPOCH, 1))
        self.add("after")
        self.assertEqual(self.sink.seqs, [1])

    def test_asks_for_nothing_before_it_begins(self) -> None:
        self.add("hello")
        self.follow()
        self.assertEqual((self.sink.said, self.hub.waiting), ([], 0))

    def test_fails_with_the_store(self) -> None:
        self.store.close()
        self.failureResultOf(follow(self.chat, Follow("lobby"), SOMEBODY, self.sink), StoreUnavailable)
        self.assertEqual(self.sink.said, [])

    def test_cancelled_while_the_store_is_asked(self) -> None:
        answer: Deferred[Bounds] = Deferred()
        with patch.object(self.store, "bounds", return_value=answer):
            following = follow(self.chat, Follow("lobby"), ADA, self.sink)
        following.cancel()
        self.failureResultOf(following, CancelledError)
        answer.callback(Bounds(0, 0))
        self.assertEqual((len(self.hub.room("lobby").roster), len(self.chat.readers)), (0, 0))

    def test_raises_for_what_is_no_room(self) -> None:
        self.assertRaises(Malformed, Follow, "Lobby")


class PagesTests(StreamingTestCase):
    def test_what_is_there_and_what_comes(self) -> None:
        self.add_many(2 * DEFAULT_LIMIT + 10)
        stream = self.begin()
        self.assertEqual(self.sink.said, [DEFAULT_LIMIT, DEFAULT_LIMIT, 10])
        self.add("more")
        self.add("still more")
        self.assertEqual(self.sink.seqs, list(range(112)))
        self.assertEqual((stream.cursor, self.hub.waiting), (Cursor(EPOCH, 112), 1))

    def test_asks_for_nothing_while_it_is_paused(self) -> None:
        self.sink.pauses = "at each page"
        self.add_many(120)
        stream = self.begin()
        for count in (50, 100, 120):
            self.assertEqual((len(self.sink.seqs), self.hub.waiting), (count, 0))
            self.clock.advance(20.0)
            stream.resumeProducing()
        self.assertEqual(self.hub.waiting, 1)
        self.assertEqual(self.sink.seqs, list(range(120)))

    def test_what_comes_while_it_is_paused_comes_in_one_page(self) -> None:
        stream = self.begin()
        self.sink.pauses = "at each page"
        self.add_many(4)
        self.assertEqual(self.sink.said, [1])
        stream.resumeProducing()
        self.assertEqual(self.sink.said, [1, 3])

    def test_each_once_whenever_it_pauses_and_resumes(self) -> None:
        self.sink.pauses = "for a moment at each page"
        self.add_many(300)
        stream = self.begin()
        stream.resumeProducing()
        self.add_many(2)
        stream.pauseProducing()
        stream.pauseProducing()
        stream.resumeProducing()
        stream.resumeProducing()
        self.add_many(2)
        self.assertEqual((self.sink.seqs, self.hub.waiting), (list(range(304)), 1))

    def test_a_post_from_inside_a_page_comes_after_it(self) -> None:
        stream = self.begin()
        page = self.sink.page

        def reply(each: Page) -> None:
            page(each)
            if each.messages[0].seq < 3:
                self.store.append("lobby", Draft("bob", "reply"))

        with patch.object(self.sink, "page", reply):
            self.add("hello")
        self.assertEqual((self.sink.seqs, stream.cursor.next), ([0, 1, 2, 3], 4))

    def test_streams_share_a_page(self) -> None:
        pages: list[Page] = []
        for _ in range(3):
            self.begin()
        with patch.object(self.sink, "page", pages.append):
            self.add("hello")
        self.assertEqual((len(pages), len({id(page) for page in pages})), (3, 1))


class AliveTests(StreamingTestCase):
    def test_when_nothing_came(self) -> None:
        self.begin()
        self.clock.advance(ALIVE_SECONDS - 0.1)
        self.assertEqual(self.sink.said, [])
        self.clock.pump([0.1] + [1.0] * 30)
        self.assertEqual(self.sink.said, ["alive"] * 3)

    def test_not_while_messages_come(self) -> None:
        self.begin()
        for _ in range(4):
            self.clock.advance(ALIVE_SECONDS - 1)
            self.add("hello")
        self.assertEqual(self.sink.said, [1] * 4)

    def test_not_at_once_to_all(self) -> None:
        self.luck = 1.0
        self.begin()
        self.clock.advance(ALIVE_SECONDS * (1 - JITTER))
        self.assertEqual(self.sink.said, ["alive"])


class LostTests(StreamingTestCase):
    retain = 10

    def test_goes_on_from_the_earliest(self) -> None:
        self.add_many(15)
        stream = self.begin()
        self.assertEqual(self.sink.said, [("lost", 5), 10])
        self.assertEqual((self.sink.seqs, stream.cursor.next), (list(range(5, 15)), 15))

    def test_of_another_log(self) -> None:
        self.begin(Cursor("other", 3))
        self.assertEqual(self.sink.said, [("lost", 0)])
        self.add("hello")
        self.assertEqual(self.sink.seqs, [0])

    def test_while_it_is_paused(self) -> None:
        self.sink.pauses = "at each page"
        stream = self.begin()
        self.add("hello")
        self.clock.advance(1.0)
        self.hub._rooms.clear()  # or the room's backlog has them all
        self.add_many(14)
        self.sink.pauses = "never"
        stream.resumeProducing()
        self.assertEqual(self.sink.said, [1, ("lost", 5), 10])


class EndTests(StreamingTestCase):
    def test_draining_ends_it(self) -> None:
        self.begin(asker=ADA)
        self.hub.drain()
        self.assertEqual(self.sink.said, [("end", RETURN_SECONDS)])
        self.assert_gone()

    def test_one_that_begins_while_draining_gets_what_is_there_first(self) -> None:
        self.add("hello")
        self.hub.drain()
        self.begin(asker=ADA)
        self.assertEqual(self.sink.said, [1, ("end", RETURN_SECONDS)])
        self.assert_gone()

    def test_a_paused_one_ends_when_it_is_resumed(self) -> None:
        self.sink.pauses = "at each page"
        self.add("hello")
        stream = self.begin(asker=ADA)
        self.hub.drain()
        self.assertEqual(self.sink.said, [1])
        stream.resumeProducing()
        self.assertEqual(self.sink.said, [1, ("end", RETURN_SECONDS)])
        self.assert_gone()

    def test_a_fault_of_the_store_ends_it(self) -> None:
        with patch.object(Hub, "after", return_value=fail(StoreUnavailable("the disk is gone", 7))):
            self.begin(asker=ADA)
        self.assertEqual(self.sink.said, [("end", 7)])
        self.assert_gone()

    def test_a_fault_of_ours_ends_it_and_is_logged(self) -> None:
        with patch.object(Hub, "after", return_value=fail(ZeroDivisionError())):
            self.begin(asker=ADA)
        self.assertEqual(self.sink.said, [("end", RETURN_SECONDS)])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assert_gone()

    def test_a_sink_that_raises_ends_it_and_is_logged(self) -> None:
        self.begin(asker=ADA)
        self.sink.raises = ZeroDivisionError()
        self.add("hello")
        self.assertEqual(self.sink.said, [1, ("end", RETURN_SECONDS)])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assert_gone()

    def test_stopped_while_it_waits(self) -> None:
        stream = self.begin(asker=ADA)
        stream.stopProducing()
        stream.stopProducing()
        self.add("hello")
        stream.resumeProducing()
        self.assertEqual(self.sink.said, [])
        self.assert_gone()

    def test_stopped_from_inside_a_page(self) -> None:
        self.add_many(120)
        stream = self.follow()
        with patch.object(self.sink, "page", lambda _: stream.stopProducing()):
            stream.resumeProducing()
        self.assertEqual(stream.cursor.next, DEFAULT_LIMIT)
        self.assert_gone()

    def test_stopped_before_it_begins(self) -> None:
        stream = self.follow(asker=ADA)
        stream.stopProducing()
        stream.resumeProducing()
        self.assert_gone()

    def test_stopped_while_it_is_paused(self) -> None:
        stream = self.begin(asker=ADA)
        stream.pauseProducing()
        stream.stopProducing()
        stream.pauseProducing()
        self.clock.advance(2 * STALL_SECONDS)
        self.assertEqual(self.sink.said, [])
        self.assert_gone()


class StallTests(StreamingTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.sink.pauses = "at each page"
        self.sink.left = 100_000
        self.add("hello")
        self.stream = self.begin()

    def pass_seconds(self, seconds: float) -> None:
        self.clock.pump([0.1] * round(seconds / 0.1))

    def test_who_takes_nothing_is_cut(self) -> None:
        self.pass_seconds(STALL_SECONDS - 0.1)
        self.assertEqual(self.sink.said, [1])
        self.pass_seconds(0.2)
        self.assertEqual(self.sink.said, [1, "cut"])
        self.stream.stopProducing()
        self.assert_gone()

    def test_pausing_again_gives_no_more_time(self) -> None:
        self.pass_seconds(STALL_SECONDS - 1)
        self.stream.pauseProducing()
        self.pass_seconds(1.1)
        self.assertEqual(self.sink.said, [1, "cut"])

    def test_who_takes_little_is_not(self) -> None:
        for _ in range(10):
            self.pass_seconds(STALL_SECONDS - 1)
            self.sink.left -= 1
            self.pass_seconds(1.0)
        self.assertEqual(self.sink.said, [1])
        self.pass_seconds(STALL_SECONDS + 2)
        self.assertEqual(self.sink.said, [1, "cut"])

    def test_nor_who_takes_less_than_it_is_answered_posts_meanwhile(self) -> None:
        self.pass_seconds(STALL_SECONDS - 1)
        self.sink.left += 1_000 - 1
        self.pass_seconds(1.1)
        self.assertEqual(self.sink.said, [1])
        self.pass_seconds(STALL_SECONDS)
        self.assertEqual(self.sink.said, [1, "cut"])

    def test_what_systems_take_in_at_first_does_not_count(self) -> None:
        self.sink.left -= 1
        self.pass_seconds(STALL_SECONDS + 0.1)
        self.assertEqual(self.sink.said, [1, "cut"])

    def test_who_takes_all_is_not(self) -> None:
        self.pass_seconds(STALL_SECONDS - 1)
        self.stream.resumeProducing()
        self.pass_seconds(1.0)
        self.assertEqual(self.sink.said, [1])
        self.add("more")
        self.pass_seconds(STALL_SECONDS - 1)
        self.assertEqual(self.sink.said, [1, 1])
        self.pass_seconds(1.1)
        self.assertEqual(self.sink.said, [1, 1, "cut"])


class PresenceTests(StreamingTestCase):
    def here(self) -> int:
        return len(self.hub.room("lobby").roster)

    def test_from_its_beginning_to_the_grace_after_its_end(self) -> None:
        stream = self.begin(asker=ADA)
        self.clock.pump([30.0] * 10)
        self.assertEqual(self.here(), 1)
        stream.stopProducing()
        self.clock.advance(GRACE_SECONDS - 1)
        self.assertEqual(self.here(), 1)
        self.clock.advance(1.0)
        self.assertEqual(self.here(), 0)

    def test_two_streams_of_one_person(self) -> None:
        first, second = self.begin(asker=ADA), self.begin(asker=ADA)
        first.stopProducing()
        first.stopProducing()
        self.clock.advance(GRACE_SECONDS + 1)
        self.assertEqual(self.here(), 1)
        second.stopProducing()
        self.clock.advance(GRACE_SECONDS + 1)
        self.assertEqual(self.here(), 0)

    def test_a_room_with_a_paused_stream_is_not_forgotten(self) -> None:
        stream = self.begin(asker=ADA)
        room = self.hub.room("lobby")
        self.sink.pauses = "at each page"
        self.add("hello")
        self.clock.pump([60.0] * 5)
        self.assertIs(self.hub.room("lobby"), room)
        stream.stopProducing()
        self.assert_gone()


class LookingTests(StreamingTestCase):
    """Streams that look at the roster."""

    def setUp(self) -> None:
        super().setUp()
        self.stream = self.begin(asker=ADA, roster=0)

    def test_shown_as_it_begins_and_not_again(self) -> None:
        self.assertEqual(self.sink.said, [["ada"]])
        self.stream.resumeProducing()
        self.clock.advance(ALIVE_SECONDS)
        self.assertEqual(self.sink.said, [["ada"], "alive"])

    def test_shown_when_it_changes(self) -> None:
        self.hub.room("lobby").roster.enter(BOB.person)
        self.clock.advance(WAKE_SECONDS)
        self.assertEqual(self.sink.said, [["ada"], ["ada", "bob"]])
        self.add("hello")
        self.assertEqual(self.sink.seqs, [0])

    def test_whoever_is_found_slow_while_it_waits_is_given_nothing(self) -> None:
        """Its last page was sent in a burst with others, after it had asked on."""
        self.stream.pauseProducing()
        self.assertEqual(self.hub.waiting, 0)
        self.add("hello")
        self.assertEqual(self.sink.seqs, [])
        self.stream.resumeProducing()
        self.assertEqual((self.sink.seqs, self.hub.waiting), ([0], 1))

    def test_shown_between_pages_to_who_is_behind(self) -> None:
        self.stream.pauseProducing()
        self.add_many(2 * DEFAULT_LIMIT)
        with patch.object(self.sink, "page", self.announcing(self.sink.page)):
            self.stream.resumeProducing()
        self.assertEqual(self.sink.said[1:], [DEFAULT_LIMIT, ["ada", "bob"], DEFAULT_LIMIT])

    def test_not_after_a_page_that_has_not_left(self) -> None:
        self.sink.pauses = "at each page"
        with patch.object(self.sink, "page", self.announcing(self.sink.page)):
            self.add("hello")
        self.assertEqual(self.sink.said, [["ada"], 1])
        self.stream.resumeProducing()
        self.assertEqual(self.sink.said, [["ada"], 1, ["ada", "bob"]])

    def announcing(self, page: Callable[[Page], None]) -> Callable[[Page], None]:
        """`page`, while which bob comes, and that is announced."""

        def announced(each: Page) -> None:
            page(each)
            self.hub.room("lobby").roster.enter(BOB.person)
            self.clock.advance(WAKE_SECONDS)

        return announced

    def test_not_while_it_is_paused_but_afterwards(self) -> None:
        self.sink.pauses = "at each page"
        self.add("hello")
        self.hub.room("lobby").roster.enter(BOB.person)
        self.clock.advance(WAKE_SECONDS)
        self.assertEqual(self.sink.said, [["ada"], 1])
        self.stream.resumeProducing()
        self.assertEqual(self.sink.said, [["ada"], 1, ["ada", "bob"]])

    def test_who_does_not_look_is_shown_none(self) -> None:
        self.stream.stopProducing()
        self.sink.said.clear()
        self.begin(asker=BOB)
        self.hub.room("lobby").roster.enter(CY.person)
        self.clock.advance(WAKE_SECONDS)
        self.assertEqual(self.sink.said, [])

    def test_ended_it_is_shown_none(self) -> None:
        self.stream.stopProducing()
        self.hub.room("lobby").roster.enter(BOB.person)
        self.stream.resumeProducing()
        self.assertEqual((self.sink.said, self.hub.waiting), ([["ada"]], 0))
