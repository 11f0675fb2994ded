"""The contract about erasing: what every store does with it; see ``contract.py``."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred

from chatcomet.core.message import Draft, IdempotencyKey, Message
from chatcomet.core.store import Posted
from tests.unit.stores import contract


class ErasingContract(contract.StoreCase):
    """Of an erased message its place stays, for all who ask, and nothing else."""

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
