"""The contract: what every store does with messages, in tests that run over each of them.

A new store's tests are subclasses of `StoreContract`, and of the contracts in ``erasing_contract.py``,
``retention_contract.py`` and ``rulings_contract.py``, that say how to make one, and how to wait for it.  Import these
modules, and not the classes, or they are collected as tests themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.message import Draft, IdempotencyKey, Message
from chatcomet.core.store import Bounds, Posted, Retain, Store, keep_all
from chatcomet.errors import KeyReused, StoreUnavailable

T = TypeVar("T")

ALL = 1_000


class StoreCase(SynchronousTestCase):
    """A test over a store; `make` and `wait_for` are the store's test to write."""

    def setUp(self) -> None:
        self.now = 1_000.0
        self.store = self.make()

    def make(self, retain: Retain = keep_all) -> Store:
        """An open and empty store, whose wall clock shows `self.now`, to be closed at the end of the test."""
        raise NotImplementedError

    def wait_for(self, fired: Deferred[T]) -> None:
        """Let the store work until `fired` has fired."""
        raise NotImplementedError

    def result(self, deferred: Deferred[T]) -> T:
        self.wait_for(deferred)
        result: T = self.successResultOf(deferred)
        return result

    # What a test says

    def post(self, text: str, room: str = "lobby", key: IdempotencyKey | None = None, author: str = "ada") -> Posted:
        return self.result(self.store.append(room, Draft(author, text, None, key)))

    def post_all(self, *texts: str) -> list[Message]:
        return [self.post(text).message for text in texts]

    def post_at(self, *times: float, room: str = "lobby") -> None:
        """A message at each of these times, which is its text."""
        for self.now in times:
            self.post(str(self.now), room=room)

    def read(self, start: int = 0, limit: int = ALL, room: str = "lobby") -> Sequence[Message]:
        return self.result(self.store.read(room, start, limit))

    def texts(self, start: int = 0, limit: int = ALL, room: str = "lobby") -> list[str]:
        return [message.text for message in self.read(start, limit, room)]

    def bounds(self, room: str = "lobby") -> Bounds:
        return self.result(self.store.bounds(room))

    def assert_key_reused(self, deferred: Deferred[Posted]) -> None:
        self.wait_for(deferred)
        self.failureResultOf(deferred, KeyReused)

    def rooms(self, after: str = "", limit: int = ALL) -> Sequence[tuple[str, Bounds]]:
        return self.result(self.store.rooms(after, limit))

    def erase(self, seq: int, room: str = "lobby") -> bool:
        return self.result(self.store.erase(room, seq))

    def prune(self, before: float, after: str = "", limit: int = ALL) -> str | None:
        return self.result(self.store.prune(lambda room: before, after, limit))

    def watch(self) -> list[tuple[str, int]]:
        """What is told from now on to be outdated."""
        outdated: list[tuple[str, int]] = []
        self.store.subscribe(lambda room, messages: None, lambda room, end: outdated.append((room, end)))
        return outdated


class StoreContract(StoreCase):
    """Every store's rules about messages, but for what becomes of old and erased ones."""

    # Numbering and reading

    def test_epoch_is_a_short_name(self) -> None:
        self.assertRegex(self.store.epoch, r"^[a-z0-9]{1,16}$")

    def test_messages_are_numbered_from_0_in_each_room(self) -> None:
        self.assertEqual([message.seq for message in self.post_all("a", "b", "c")], [0, 1, 2])
        self.assertEqual(self.post("x", room="other").message.seq, 0)
        self.assertEqual(self.post("d").message.seq, 3)

    def test_what_was_posted_is_read(self) -> None:
        self.now = 1_795_354_155.123456
        draft = Draft("ada", "hello, ✨\0", '{"x": null}', IdempotencyKey("session", "k"))
        posted = self.result(self.store.append("lobby", draft))
        self.assertEqual(posted, Posted(Message(0, "ada", "hello, ✨\0", self.now, '{"x": null}'), repeated=False))
        self.assertEqual(tuple(self.read()), (posted.message,))

    def test_a_read_begins_and_ends_where_it_is_asked_to(self) -> None:
        self.post_all(*"abcde")
        self.assertEqual(self.texts(0, 2), ["a", "b"])
        self.assertEqual(self.texts(3), ["d", "e"])
        self.assertEqual(self.texts(3, 0), [])
        self.assertEqual(self.texts(5), [])
        self.assertEqual(self.texts(10**18), [])

    def test_a_room_without_posts_is_empty_and_stays_so(self) -> None:
        self.assertEqual(self.texts(), [])
        self.assertEqual(self.bounds(), (0, 0))
        self.assertEqual(self.post("first").message.seq, 0)

    def test_bounds_are_the_first_seq_and_the_head(self) -> None:
        self.post_all(*"abc")
        self.assertEqual(self.bounds(), (0, 3))

    def test_at_never_decreases_in_a_room(self) -> None:
        first = self.post("a").message
        self.now -= 500.0
        self.assertEqual(self.post("b").message.at, first.at)
        self.assertEqual(self.post("x", room="other").message.at, self.now)
        self.now += 600.0
        self.assertEqual(self.post("c").message.at, self.now)

    # Rooms

    def test_there_are_no_rooms_before_the_first_post(self) -> None:
        self.read()
        self.bounds()
        self.assertEqual(list(self.rooms()), [])

    def test_rooms_come_by_name_with_what_they_keep(self) -> None:
        for name in ("lobby", "a_b", "a-b", "a.b", "a", "9", "lobby"):
            self.post("hello", room=name)
        rooms = self.rooms()
        self.assertEqual([name for name, _ in rooms], ["9", "a", "a-b", "a.b", "a_b", "lobby"])
        self.assertEqual({name: bounds for name, bounds in rooms if bounds != (0, 1)}, {"lobby": Bounds(0, 2)})

    def test_rooms_are_listed_in_parts(self) -> None:
        for name in "abcd":
            self.post("hello", room=name)
        self.assertEqual([name for name, _ in self.rooms(limit=2)], ["a", "b"])
        self.assertEqual([name for name, _ in self.rooms("b", 1)], ["c"])
        self.assertEqual([name for name, _ in self.rooms("bb")], ["c", "d"])
        self.assertEqual(list(self.rooms("d")), [])

    def test_rooms_after_what_is_no_name(self) -> None:
        self.post("hello")
        for after, count in (("\0", 1), ("'", 1), ("L", 1), ("ü", 0), ("✨", 0), ("a" * 5_000, 1)):
            self.assertEqual(len(self.rooms(after)), count, after)

    def test_rooms_say_what_has_been_pruned(self) -> None:
        self.store = self.make(retain=lambda room: 3)
        self.post_all(*"abcde")
        self.assertEqual(list(self.rooms()), [("lobby", (2, 5))])

    # Telling

    def test_listeners_are_told_before_the_poster_is_answered(self) -> None:
        order: list[object] = []
        self.store.subscribe(lambda room, messages: order.append((room, [message.text for message in messages])))
        posted = self.store.append("lobby", Draft("ada", "hello"))
        posted.addCallback(order.append)
        self.wait_for(posted)
        self.assertEqual(order, [("lobby", ["hello"]), Posted(Message(0, "ada", "hello", self.now), repeated=False)])

    def test_listeners_are_told_of_everything_in_order(self) -> None:
        told: list[Message] = []
        self.store.subscribe(lambda room, messages: told.extend(messages))
        posted = [self.store.append("lobby", Draft("ada", str(number))) for number in range(50)]
        self.assertEqual([self.result(each).message for each in posted], told)
        self.assertEqual([message.text for message in told], [str(number) for number in range(50)])

    def test_what_listeners_are_told_of_can_be_read(self) -> None:
        reads: list[Deferred[Sequence[Message]]] = []
        self.store.subscribe(lambda room, messages: reads.append(self.store.read(room, messages[0].seq, 1)))
        message = self.post("hello").message
        self.assertEqual(self.result(reads[0])[0], message)

    def test_an_append_from_inside_a_listener_comes_after_what_it_was_told_of(self) -> None:
        order: list[tuple[str, int]] = []
        replies: list[Deferred[Posted]] = []

        def reply(room: str, messages: Sequence[Message]) -> None:
            order.extend(("first", message.seq) for message in messages)
            if messages[0].seq == 0:
                replies.append(self.store.append(room, Draft("bob", "reply")))
                self.assertNoResult(replies[0])

        self.store.subscribe(reply)
        self.store.subscribe(lambda room, messages: order.extend(("second", message.seq) for message in messages))
        self.post("hello")
        self.assertEqual(self.result(replies[0]).message.seq, 1)
        self.assertEqual(order, [("first", 0), ("second", 0), ("first", 1), ("second", 1)])

    def test_a_listener_that_raises_keeps_nothing_from_anybody(self) -> None:
        told: list[Message] = []

        def stumble(room: str, messages: Sequence[Message]) -> None:
            raise ZeroDivisionError

        self.store.subscribe(stumble)
        self.store.subscribe(lambda room, messages: told.extend(messages))
        self.assertEqual(self.post_all("a", "b"), told)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_a_poster_who_goes_away_does_not_undo_its_post(self) -> None:
        posted = self.store.append("lobby", Draft("ada", "hello"))
        posted.addErrback(lambda failure: None)
        posted.cancel()
        self.assertEqual(self.post("next").message.seq, 1)
        self.assertEqual(self.texts(), ["hello", "next"])

    # Keys

    def test_a_known_key_answers_with_the_first_message_and_tells_nobody(self) -> None:
        key = IdempotencyKey("session", "k")
        first = self.post("hello", key=key).message
        told: list[Message] = []
        self.store.subscribe(lambda room, messages: told.extend(messages))
        self.now += 10.0
        self.assertEqual(self.post("hello", key=key), Posted(first, repeated=True))
        self.assertEqual(told, [])
        self.assertEqual(self.bounds(), (0, 1))

    def test_a_key_with_another_message_is_refused_alone(self) -> None:
        key = IdempotencyKey("session", "k")
        self.post("hello", key=key)
        before = self.store.append("lobby", Draft("ada", "before"))
        reuses = [
            self.store.append("lobby", Draft("ada", "other", None, key)),
            self.store.append("lobby", Draft("bob", "hello", None, key)),
            self.store.append("lobby", Draft("ada", "hello", "null", key)),
        ]
        after = self.store.append("lobby", Draft("ada", "after"))
        for reuse in reuses:
            self.assert_key_reused(reuse)
        self.assertEqual([self.result(before).message.seq, self.result(after).message.seq], [1, 2])

    def test_a_key_belongs_to_a_scope_and_a_room(self) -> None:
        first = IdempotencyKey("session 1", "k")
        second = IdempotencyKey("session 2", "k")
        self.assertFalse(self.post("a", key=first).repeated)
        self.assertFalse(self.post("b", key=second).repeated)
        self.assertFalse(self.post("c", key=first, room="other").repeated)

    def test_one_key_twice_at_once_is_one_message(self) -> None:
        draft = Draft("ada", "hello", None, IdempotencyKey("session", "k"))
        answers = [self.result(posted) for posted in [self.store.append("lobby", draft) for _ in range(3)]]
        self.assertEqual([answer.repeated for answer in answers], [False, True, True])
        self.assertEqual({answer.message for answer in answers}, set(self.read()))

    def test_of_one_key_with_two_messages_at_once_the_first_wins(self) -> None:
        key = IdempotencyKey("session", "k")
        first = self.store.append("lobby", Draft("ada", "one", None, key))
        second = self.store.append("lobby", Draft("ada", "two", None, key))
        self.result(first)
        self.assert_key_reused(second)
        self.assertEqual(self.texts(), ["one"])

    # The end

    def test_a_closed_store_is_unavailable(self) -> None:
        self.post("hello")
        self.result(self.store.close())
        self.failureResultOf(self.store.append("lobby", Draft("ada", "more")), StoreUnavailable)
        self.failureResultOf(self.store.read("lobby", 0, 1), StoreUnavailable)
        self.failureResultOf(self.store.bounds("lobby"), StoreUnavailable)
        self.failureResultOf(self.store.rooms("", 1), StoreUnavailable)
        self.failureResultOf(self.store.erase("lobby", 0), StoreUnavailable)
        self.failureResultOf(self.store.prune(lambda room: 0.0, "", 1), StoreUnavailable)

    def test_closing_twice_is_closing(self) -> None:
        first, second = self.store.close(), self.store.close()
        self.result(first)
        self.result(second)
        self.result(self.store.close())
