"""The contract about retention: what every store keeps, and of what it lets go; see ``contract.py``."""

from __future__ import annotations

from math import inf

from chatcomet.core.message import Draft, IdempotencyKey
from tests.unit.stores import contract
from tests.unit.stores.contract import ALL


class RetentionContract(contract.StoreCase):
    """Rooms keep so many messages, for so long."""

    # By count

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

    # By age

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
