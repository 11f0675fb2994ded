"""The contract: what every store does with messages, in tests that run over each of them.

A new store's test is a subclass of `StoreContract`, and another one of ``rulings_contract.RulingsContract``, that says
how to make one, and how to wait for it.  Import these modules, and not the classes, or they are collected as tests
themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
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


class StoreContract(StoreCase):
    """Every store's rules about messages."""

    # What a test says

    def post(self, text: str, room: str = "lobby", key: IdempotencyKey | None = None, author: str = "ada") -> Posted:
        return self.result(self.store.append(room, Draft(author, text, None, key)))

    def post_all(self, *texts: str) -> list[Message]:
        return [self.post(text).message for text in texts]

    def read(self, start: int = 0, limit: int = ALL, room: str = "lobby") -> Sequence[Message]:
        return self.result(self.store.read(room, start, limit))

    def texts(self, start: int = 0, limit: int = ALL, room: str = "lobby") -> list[str]:
        return [message.text for message in self.read(start, limit, room)]

    def bounds(self, room: str = "lobby") -> Bounds:
        return self.result(self.store.bounds(room))

    def assert_key_reused(self, deferred: Deferred[Posted]) -> None:
        self.wait_for(deferred)
        self.failureResultOf(deferred, KeyReused)

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

    def rooms(self, after: str = "", limit: int = ALL) -> Sequence[tuple[str, Bounds]]:
        return self.result(self.store.rooms(after, limit))

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

    # Erasing

    def erase(self, seq: int, room: str = "lobby") -> bool:
        return self.result(self.store.erase(room, seq))

    def watch(self) -> list[tuple[str, int]]:
        """What is told from now on to be outdated."""
        outdated: list[tuple[str, int]] = []
        self.store.subscribe(lambda room, messages: None, lambda room, end: outdated.append((room, end)))
        return outdated

    def test_of_an_erased_message_its_place_stays(self) -> None:
        self.post_all("a", "b", "c")
        self.now += 10.0
        self.assertTrue(self.erase(1))
        self.assertEqual(self.read()[1], Message(1, "ada", "", 1_000.0, None, erased=True))
        self.assertIs(self.read()[1].erased, True)
        self.assertEqual(self.texts(), ["a", "", "c"])
        self.assertEqual(self.bounds(), (0, 3))
        self.assertEqual(self.post("d").message.seq, 3)

    def test_data_are_erased_too(self) -> None:
        self.result(self.store.append("lobby", Draft("ada", "", '{"a": 1}')))
        self.erase(0)
        self.assertIsNone(self.read()[0].data)

    def test_what_was_never_erased_is_not(self) -> None:
        self.post_all("a")
        self.assertIs(self.read()[0].erased, False)

    def test_an_erased_message_may_be_erased_again(self) -> None:
        self.post_all("a", "b")
        outdated = self.watch()
        self.assertTrue(self.erase(0))
        self.assertTrue(self.erase(0))
        self.assertEqual(outdated, [("lobby", 1)])
        self.assertEqual(self.texts(), ["", "b"])

    def test_what_is_not_kept_can_not_be_erased(self) -> None:
        self.store = self.make(retain=lambda room: 2)
        self.post_all("a", "b", "c")
        outdated = self.watch()
        for seq in (-1, 0, 3, 10**18 - 1):
            self.assertFalse(self.erase(seq), seq)
        self.assertFalse(self.erase(0, room="nobody-was-here"))
        self.assertEqual(outdated, [])
        self.assertEqual(self.texts(), ["b", "c"])
        self.assertEqual([name for name, _ in self.rooms()], ["lobby"])

    def test_who_listens_is_told_before_the_eraser_is_answered(self) -> None:
        self.post_all("a", "b", "c")
        order: list[object] = []
        self.store.subscribe(lambda room, messages: None, lambda room, end: order.append((room, end)))
        erased = self.store.erase("lobby", 1)
        erased.addCallback(order.append)
        self.wait_for(erased)
        self.assertEqual(order, [("lobby", 2), True])

    def test_what_listeners_are_told_of_is_erased(self) -> None:
        reads: list[Deferred[Sequence[Message]]] = []
        self.post_all("a")
        self.store.subscribe(lambda room, messages: None, lambda room, end: reads.append(self.store.read(room, 0, 1)))
        self.erase(0)
        self.assertTrue(self.result(reads[0])[0].erased)

    def test_erasing_tells_of_no_message(self) -> None:
        self.post_all("a")
        told: list[Message] = []
        self.store.subscribe(lambda room, messages: told.extend(messages))
        self.erase(0)
        self.post("b")
        self.assertEqual([message.text for message in told], ["b"])

    def test_of_a_message_who_listens_hears_before_its_erasure(self) -> None:
        order: list[tuple[str, int]] = []
        erased: list[Deferred[bool]] = []

        def erase(room: str, messages: Sequence[Message]) -> None:
            erased.append(self.store.erase(room, messages[0].seq))

        self.store.subscribe(erase)
        self.store.subscribe(
            lambda room, messages: order.append(("message", messages[-1].seq)),
            lambda room, end: order.append(("outdated", end)),
        )
        self.post("a")
        self.assertTrue(self.result(erased[0]))
        self.assertEqual(order, [("message", 0), ("outdated", 1)])

    def test_erasing_among_appends_at_once(self) -> None:
        posted = [self.store.append("lobby", Draft("ada", str(number))) for number in range(3)]
        erased = [self.store.erase("lobby", seq) for seq in (0, 2, 3)]
        posted.append(self.store.append("lobby", Draft("ada", "3")))
        self.assertEqual([self.result(each).message.text for each in posted], ["0", "1", "2", "3"])
        self.assertEqual([self.result(each) for each in erased], [True, True, False])
        self.assertEqual(self.texts(), ["", "1", "", "3"])

    def test_a_key_never_brings_back_an_erased_message(self) -> None:
        key = IdempotencyKey("session", "k")
        self.post("hello", key=key)
        self.erase(0)
        told: list[Message] = []
        self.store.subscribe(lambda room, messages: told.extend(messages))
        for text in ("hello", "other"):
            self.assertEqual(self.post(text, key=key), Posted(self.read()[0], repeated=True))
        self.assertTrue(self.read()[0].erased)
        self.assertEqual((told, self.bounds()), ([], (0, 1)))

    def test_the_key_of_an_erased_message_dies_with_it(self) -> None:
        self.store = self.make(retain=lambda room: 1)
        key = IdempotencyKey("session", "k")
        self.post("hello", key=key)
        self.erase(0)
        self.post("b")
        self.assertFalse(self.post("hello", key=key).repeated)
        self.assertEqual(self.texts(), ["hello"])

    def test_an_erased_message_is_pruned_like_others(self) -> None:
        self.post_at(10.0, 20.0)
        self.erase(0)
        self.prune(15.0)
        self.assertEqual((self.bounds(), self.texts()), ((1, 2), ["20.0"]))
        self.assertFalse(self.erase(0))

    def test_an_eraser_who_goes_away_does_not_undo_it(self) -> None:
        self.post_all("a")
        erased = self.store.erase("lobby", 0)
        erased.addErrback(lambda failure: None)
        erased.cancel()
        self.post("b")
        self.assertEqual(self.texts(), ["", "b"])

    # Retention

    def test_a_room_keeps_as_many_as_it_retains(self) -> None:
        self.store = self.make(retain=lambda room: 3)
        self.post_all(*"abcde")
        self.post("x", room="other")
        self.assertEqual(self.bounds(), (2, 5))
        self.assertEqual([(message.seq, message.text) for message in self.read()], [(2, "c"), (3, "d"), (4, "e")])
        self.assertEqual(self.texts(room="other"), ["x"])

    def test_the_head_goes_on_however_little_is_kept(self) -> None:
        self.store = self.make(retain=lambda room: 1)
        posted = [self.store.append("lobby", Draft("ada", str(number))) for number in range(20)]
        self.assertEqual([self.result(each).message.seq for each in posted], list(range(20)))
        self.assertEqual(self.bounds(), (19, 20))
        self.assertEqual(self.texts(), ["19"])

    def test_a_key_dies_with_its_message(self) -> None:
        self.store = self.make(retain=lambda room: 2)
        key = IdempotencyKey("session", "k")
        self.post("hello", key=key)
        self.post("b")
        self.assertTrue(self.post("hello", key=key).repeated)
        self.post("c")
        self.assertEqual(self.post("another", key=key).message.seq, 3)
        self.assertTrue(self.post("another", key=key).repeated)

    def test_a_key_dies_with_its_message_among_appends_at_once(self) -> None:
        self.store = self.make(retain=lambda room: 1)
        key = IdempotencyKey("session", "k")
        drafts = [Draft("ada", "a", None, key), Draft("ada", "b"), Draft("ada", "c", None, key)]
        posted = [self.store.append("lobby", draft) for draft in drafts]
        self.assertEqual([self.result(each).message.seq for each in posted], [0, 1, 2])
        self.assertEqual(self.texts(), ["c"])

    def test_rooms_retain_as_many_as_goes_with_their_names(self) -> None:
        self.store = self.make(retain=lambda room: {"lobby": 2, "other": 1}.get(room, 0))
        for room in ("lobby", "other", "third") * 3:
            self.post("hello", room=room)
        self.assertEqual(list(self.rooms()), [("lobby", (1, 3)), ("other", (2, 3)), ("third", (0, 3))])

    def test_a_room_that_comes_to_retain_less_does_so_with_the_next_append(self) -> None:
        retain = 0
        self.store = self.make(retain=lambda room: retain)
        self.post_all(*"abcde")
        retain = 2
        self.assertEqual(self.bounds(), (0, 5))
        self.post("f")
        self.assertEqual((self.bounds(), self.texts()), ((4, 6), ["e", "f"]))

    def test_or_when_it_is_pruned(self) -> None:
        retain = 3
        self.store = self.make(retain=lambda room: retain)
        self.post_all(*"abcde")
        self.post("x", room="other")
        outdated = self.watch()
        self.prune(0.0)
        self.assertEqual(outdated, [])
        retain = 1
        self.assertIsNone(self.prune(0.0))
        self.assertEqual((self.bounds(), self.texts(), self.texts(room="other")), ((4, 5), ["e"], ["x"]))
        self.assertEqual(outdated, [("lobby", 4)])
        retain = 0
        self.prune(0.0)
        self.post_all(*"fg")
        self.assertEqual(self.texts(), ["e", "f", "g"])

    def test_a_fault_in_what_says_how_many_spoils_nothing(self) -> None:
        def retain(room: str) -> int:
            return 1_000 // len(room.removeprefix("fault"))

        self.store = self.make(retain=retain)
        posted = [self.store.append(room, Draft("ada", room)) for room in ("lobby", "fault", "lobby", "fault")]
        for each in posted:
            self.wait_for(each)
        self.assertEqual([self.successResultOf(each).message.seq for each in posted[::2]], [0, 1])
        for each in posted[1::2]:
            self.failureResultOf(each, ZeroDivisionError)
        self.flushLoggedErrors(ZeroDivisionError)  # some stores log it, too
        self.assertEqual(list(self.rooms()), [("lobby", (0, 2))])
        self.assertEqual(self.post("more").message.seq, 2)

    # Retention by age

    def prune(self, before: float, after: str = "", limit: int = ALL) -> str | None:
        return self.result(self.store.prune(lambda room: before, after, limit))

    def post_at(self, *times: float, room: str = "lobby") -> None:
        """A message at each of these times, which is its text."""
        for self.now in times:
            self.post(str(self.now), room=room)

    def test_what_is_too_old_is_pruned(self) -> None:
        self.post_at(10.0, 20.0, 20.0, 30.0)
        self.post_at(25.0, room="other")
        self.assertIsNone(self.prune(20.0))
        self.assertEqual(self.bounds(), (1, 4))
        self.assertEqual(self.texts(), ["20.0", "20.0", "30.0"])
        self.prune(20.001)
        self.assertEqual(self.bounds(), (3, 4))
        self.assertEqual(self.texts(0, 1), ["30.0"])
        self.assertEqual(self.bounds("other"), (0, 1))

    def test_how_old_is_too_old_goes_by_the_room(self) -> None:
        for room in "abc":
            self.post_at(10.0, 20.0, 30.0, room=room)
        self.result(self.store.prune(lambda room: {"a": 15.0, "b": 1_000.0}.get(room, -inf), "", ALL))
        self.assertEqual([self.bounds(room) for room in "abc"], [(1, 3), (3, 3), (0, 3)])

    def test_of_too_old_and_too_many_what_is_more_counts(self) -> None:
        retain = 0
        self.store = self.make(retain=lambda room: retain)
        for room in ("a", "b"):
            self.post_at(10.0, 20.0, 30.0, 40.0, room=room)
        retain = 2
        self.result(self.store.prune({"a": 15.0, "b": 35.0}.__getitem__, "", ALL))
        self.assertEqual([self.bounds(room) for room in "ab"], [(2, 4), (3, 4)])

    def test_a_room_may_lose_all_to_age_and_goes_on(self) -> None:
        self.post_at(10.0, 20.0)
        self.prune(1_000.0)
        self.assertEqual(self.bounds(), (2, 2))
        self.assertEqual(self.texts(), [])
        self.assertIsNone(self.prune(2_000.0))
        self.assertEqual(self.post("next").message.seq, 2)
        self.assertEqual(self.texts(), ["next"])

    def test_at_does_not_decrease_when_all_has_been_pruned(self) -> None:
        self.post_at(500.0)
        self.prune(600.0)
        self.now = 10.0
        self.assertEqual(self.post("late").message.at, 500.0)

    def test_pruning_goes_by_rooms_a_few_at_a_time(self) -> None:
        for room in ("b", "a", "c"):
            self.post_at(10.0, room=room)
        self.assertEqual(self.prune(20.0, limit=2), "b")
        self.assertEqual([self.bounds(room).first for room in "abc"], [1, 1, 0])
        self.assertIsNone(self.prune(20.0, "b", limit=2))
        self.assertEqual(self.bounds("c"), (1, 1))

    def test_pruning_a_store_without_rooms_is_done_at_once(self) -> None:
        self.assertIsNone(self.prune(1_000.0))

    def test_who_listens_is_told_what_was_pruned_and_of_nothing_else(self) -> None:
        pruned: list[tuple[str, int]] = []
        self.store.subscribe(lambda room, messages: None, lambda room, first: pruned.append((room, first)))
        self.post_at(10.0, 20.0, 30.0)
        self.post_at(30.0, room="other")
        self.prune(5.0)
        self.assertEqual(pruned, [])
        self.prune(25.0)
        self.prune(25.0)
        self.assertEqual(pruned, [("lobby", 2)])

    def test_a_listener_that_raises_does_not_stop_pruning(self) -> None:
        def stumble(room: str, first: int) -> None:
            raise ZeroDivisionError

        self.store.subscribe(lambda room, messages: None, stumble)
        self.post_at(10.0)
        self.prune(20.0)
        self.assertEqual(self.bounds(), (1, 1))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_key_dies_of_age_with_its_message(self) -> None:
        key = IdempotencyKey("session", "k")
        self.post("hello", key=key)
        self.prune(self.now + 1)
        self.assertEqual(self.post("another", key=key).message.seq, 1)

    def test_pruning_goes_beside_retention_by_count(self) -> None:
        self.store = self.make(retain=lambda room: 3)
        self.post_at(10.0, 20.0, 30.0, 40.0)
        self.prune(35.0)
        self.assertEqual(self.bounds(), (3, 4))
        self.post_at(50.0, 60.0, 70.0)
        self.assertEqual(self.texts(), ["50.0", "60.0", "70.0"])

    def test_pruning_among_appends_at_once(self) -> None:
        self.now = 10.0
        posted = [self.store.append("lobby", Draft("ada", str(number))) for number in range(3)]
        pruned = self.store.prune(lambda room: 20.0, "", ALL)
        posted.append(self.store.append("lobby", Draft("ada", "3")))
        self.result(pruned)
        self.assertEqual([self.result(each).message.seq for each in posted], [0, 1, 2, 3])
        self.assertEqual(self.bounds().head, 4)
        self.assertGreaterEqual(self.bounds().first, 0)
        self.prune(20.0)
        self.assertEqual(self.bounds(), (4, 4))

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
