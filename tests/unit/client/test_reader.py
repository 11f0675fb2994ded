"""Reading a room's log to no end: what is asked for, what is handed out, and when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.client import Cursor, Gap, Message, Reader, Refused, Unreachable
from chatcomet.client.reader import Beginning
from tests.unit.client.scripted_server import (
    DOWN,
    HTML,
    Consumer,
    Reply,
    ScriptedServer,
    expired,
    page,
    problem,
    start,
)

HERE = Cursor("k3v9", 5)
POLL_SECONDS = 40  # the hold and a margin


class ReaderCase(SynchronousTestCase):
    """A scripted server, and consumers of its lobby."""

    def setUp(self) -> None:
        self.server = ScriptedServer()

    def reader(self, begin: Beginning = HERE, **options: Any) -> Reader:
        """A reader of the lobby."""
        return self.server.client().room("lobby").messages(begin, **options)

    def consume(self, begin: Beginning = HERE, **options: Any) -> Consumer:
        """A consumer that reads on and on."""
        return Consumer(self.reader(begin, **options))

    def cursors(self) -> list[str | None]:
        """The cursors of all polls."""
        return [asked.params.get("cursor") for asked in self.server.asked]

    def asks_within(self, seconds: int) -> int:
        """How many requests come in so many seconds."""
        before = len(self.server.asked)
        for _ in range(seconds * 10):
            self.server.wait(0.1)
        return len(self.server.asked) - before


class BeginningTests(ReaderCase):
    def test_at_a_cursor(self) -> None:
        consumer = self.consume()
        (asked,) = self.server.asked
        self.assertEqual(asked.params, {"cursor": "k3v9.5", "limit": "200", "wait": "25"})
        self.assertEqual(consumer.reader.cursor, HERE)

    def test_from_now_on(self) -> None:
        self.server.replies.append(page(41))
        consumer = self.consume(None)
        self.assertEqual(self.cursors(), [None, "k3v9.42"])
        self.assertEqual((consumer.seen, consumer.reader.cursor), ([], Cursor("k3v9", 42)))

    def test_from_the_start(self) -> None:
        self.server.replies.extend([page(2), page(0, 1, 2)])
        consumer = self.consume("start")
        self.assertEqual(self.cursors(), [None, "k3v9.0", "k3v9.3"])
        self.assertEqual(consumer.seen, [0, 1, 2])

    def test_a_start_that_is_not_kept_is_no_gap(self) -> None:
        self.server.replies.extend([page(19), expired("k3v9.17", "k3v9.20"), page(17, 18, 19)])
        consumer = self.consume("start")
        self.assertEqual(self.cursors(), [None, "k3v9.0", "k3v9.17", "k3v9.20"])
        self.assertEqual(consumer.seen, [17, 18, 19])

    def test_but_one_that_is_lost_later_is(self) -> None:
        self.server.replies.extend([page(2), page(0, 1, 2), expired("k3v9.17", "k3v9.20")])
        consumer = self.consume("start")
        self.assertEqual(consumer.seen, [0, 1, 2, Gap(Cursor("k3v9", 3), Cursor("k3v9", 17))])

    def test_trouble_at_the_beginning_is_waited_out(self) -> None:
        self.server.replies.extend([DOWN, page(41)])
        self.consume(None)
        self.server.wait(1)
        self.assertEqual(self.cursors(), [None, None, "k3v9.42"])


class ResumingTests(ReaderCase):
    def test_each_poll_begins_where_the_last_one_led(self) -> None:
        consumer = self.consume()
        for reply in (page(5), page(6, 7), page(cursor="k3v9.8"), page(8)):
            self.server.wait(1)
            self.server.reply(reply)
        self.assertEqual(self.cursors(), ["k3v9.5", "k3v9.6", "k3v9.8", "k3v9.8", "k3v9.9"])
        self.assertEqual(consumer.seen, [5, 6, 7, 8])

    def test_after_trouble_it_goes_on_from_the_same_cursor(self) -> None:
        consumer = self.consume()
        self.server.reply(page(5))
        troubles = (DOWN, problem(503), Reply(body=HTML, content_type="text/html"), Reply(value={"messages": "none"}))
        for trouble in troubles:
            self.server.reply(trouble)
            self.server.wait(60)
        self.server.reply(page(6))
        self.assertEqual(self.cursors(), ["k3v9.5", *["k3v9.6"] * 5, "k3v9.7"])
        self.assertEqual(consumer.seen, [5, 6])

    def test_a_dead_network_is_noticed(self) -> None:
        self.consume()
        self.server.wait(POLL_SECONDS - 1)
        self.assertEqual(len(self.server.suspended), 1)
        self.server.wait(1)
        self.assertEqual(self.server.suspended, [])
        self.server.wait(1)
        self.assertEqual(self.cursors(), ["k3v9.5", "k3v9.5"])

    def test_repeated_and_disordered_messages_are_handed_out_once_and_in_order(self) -> None:
        consumer = self.consume()
        self.server.reply(page(6, 5, 6, cursor="k3v9.7"))
        self.server.reply(page(5, 6, 7, 3, cursor="k3v9.8"))
        self.assertEqual(consumer.seen, [5, 6, 7])

    def test_the_cursor_moves_with_what_was_handed_out(self) -> None:
        reader = self.reader()
        self.server.replies.append(page(5, 6, 7))
        for expected in (5, 6, 7):
            item = self.successResultOf(start(reader.__anext__()))
            assert isinstance(item, Message)
            self.assertEqual((item.seq, reader.cursor), (expected, Cursor("k3v9", expected + 1)))
        self.assertEqual(len(self.server.asked), 1)  # nothing is asked for before it is wanted

    def test_reading_goes_on_after_a_refusal(self) -> None:
        reader = self.reader()
        self.server.replies.extend([problem(403), page(5)])
        self.failureResultOf(start(reader.__anext__()), Refused)
        self.successResultOf(start(reader.__anext__()))
        self.assertEqual(self.cursors(), ["k3v9.5", "k3v9.5"])


class GapTests(ReaderCase):
    def test_pruned_messages(self) -> None:
        consumer = self.consume()
        self.server.reply(expired("k3v9.17", "k3v9.42"))
        self.server.reply(page(17))
        gap = Gap(HERE, Cursor("k3v9", 17))
        self.assertEqual((consumer.seen, gap.lost), ([gap, 17], 12))

    def test_another_log(self) -> None:
        consumer = self.consume()
        self.server.reply(expired("m7q2.0", "m7q2.1"))
        self.server.reply(page(0, cursor="m7q2.1"))
        gap = Gap(HERE, Cursor("m7q2", 0))
        self.assertEqual((consumer.seen, gap.lost), ([gap, 0], None))
        self.assertEqual(self.cursors(), ["k3v9.5", "m7q2.0", "m7q2.1"])

    def test_a_hole_in_a_page(self) -> None:
        consumer = self.consume()
        self.server.reply(page(5, 8))
        self.assertEqual(consumer.seen, [5, Gap(Cursor("k3v9", 6), Cursor("k3v9", 8)), 8])

    def test_the_cursor_is_after_the_gap(self) -> None:
        consumer = self.consume()
        self.server.reply(expired("k3v9.17", "k3v9.42"))
        self.assertEqual(consumer.reader.cursor, Cursor("k3v9", 17))

    def test_a_410_that_tells_no_way_on_is_a_refusal(self) -> None:
        for reply in (problem(410), problem(410, earliest="nowhere"), Reply(410, body=HTML, content_type="text/html")):
            consumer = self.consume()
            self.server.reply(reply)
            self.failureResultOf(consumer.ended, Refused)


class PacingTests(ReaderCase):
    def test_immediate_empty_answers_do_not_spin(self) -> None:
        self.server.answer = lambda _: page(cursor="k3v9.5")
        self.consume()
        self.assertLess(self.asks_within(60), 9)
        self.assertLess(self.asks_within(600), 45)

    def test_nor_do_old_pages_from_a_cache(self) -> None:
        self.server.answer = lambda _: page(3, 4)
        consumer = self.consume()
        self.assertLess(self.asks_within(600), 45)
        self.assertEqual(consumer.seen, [])

    def test_nor_does_a_cursor_that_expires_again_and_again(self) -> None:
        self.server.answer = lambda asked: expired(f"k3v9.{Cursor.parse(asked.params['cursor']).next + 1}", "k3v9.999")
        consumer = self.consume()
        self.assertLess(self.asks_within(600), 45)
        self.assertEqual(len(consumer.seen), len(self.server.asked))

    def test_nor_does_one_that_expires_in_place(self) -> None:
        self.server.answer = lambda _: expired("k3v9.5", "k3v9.5")
        consumer = self.consume()
        self.assertLess(self.asks_within(600), 45)
        self.assertEqual(consumer.seen, [])

    def test_nor_does_any_trouble(self) -> None:
        for trouble in (DOWN, problem(500), problem(429, retry_after=0), Reply(body=HTML), Reply(302, body="")):
            server = self.server = ScriptedServer()
            server.answer = lambda _, trouble=trouble: trouble
            self.consume()
            self.assertLess(self.asks_within(600), 45)

    def test_one_immediate_empty_answer_is_innocent(self) -> None:
        self.consume()
        self.server.reply(page(cursor="k3v9.5"))
        self.assertEqual(len(self.server.suspended), 1)

    def test_a_server_with_a_short_hold_is_asked_again_at_once(self) -> None:
        self.consume()
        for _ in range(10):
            self.server.wait(0.9)
            self.server.reply(page(cursor="k3v9.5"))
            self.assertEqual(len(self.server.suspended), 1)

    def test_messages_end_the_pauses(self) -> None:
        self.consume()
        for _ in range(3):
            self.server.wait(5)
            self.server.reply(page(cursor="k3v9.5"))
        self.server.reply(page(5))
        self.assertEqual(len(self.server.suspended), 1)

    def test_in_a_crowd_one_comes_again_when_one_is_told_to(self) -> None:
        crowded = {"Retry-After": "7"}
        consumer = self.consume()
        self.server.reply(replace(page(cursor="k3v9.5"), headers=crowded))
        self.server.wait(7.49)
        self.assertEqual(self.server.suspended, [])
        self.server.wait(0.01)
        self.server.reply(replace(page(5), headers=crowded))  # with a message there is nothing to wait for
        self.assertEqual(len(self.server.suspended), 1)
        self.assertEqual(consumer.seen, [5])

    def test_retry_after_is_honoured(self) -> None:
        self.consume()
        self.server.reply(problem(503, retry_after=120))
        self.server.wait(120)
        self.assertEqual(len(self.server.asked), 1)
        self.server.wait(0.5)
        self.assertEqual(len(self.server.asked), 2)


class EndTests(ReaderCase):
    def test_cancelling_the_consumer_ends_the_poll_at_once(self) -> None:
        consumer = self.consume()
        self.server.reply(page(5))
        self.assertEqual(len(self.server.suspended), 1)
        consumer.ended.cancel()
        self.server.flush()
        self.failureResultOf(consumer.ended, CancelledError)
        self.assertEqual(self.server.suspended, [])
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_a_cancelled_reader_can_be_read_on(self) -> None:
        reader = self.reader()
        first = start(reader.__anext__())
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.server.replies.append(page(5))
        self.successResultOf(start(reader.__anext__()))

    def test_patience(self) -> None:
        self.server.answer = lambda _: DOWN
        consumer = self.consume(patience_seconds=10)
        self.asks_within(10)
        self.failureResultOf(consumer.ended, Unreachable)

    def test_patience_begins_anew_with_each_answer(self) -> None:
        consumer = self.consume(patience_seconds=10)
        for _ in range(10):
            self.server.wait(30)
            self.server.reply(page(cursor="k3v9.5"))
        self.assertNoResult(consumer.ended)
