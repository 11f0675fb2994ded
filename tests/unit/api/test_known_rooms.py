"""KnownRooms: which rooms are there, by as few questions as that takes."""

from __future__ import annotations

from functools import partial

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.api import known_rooms as known_rooms_module
from chatcomet.api.known_rooms import KnownRooms
from chatcomet.errors import StoreUnavailable
from tests.unit.core.slow_store import SlowStore


class KnownRoomsTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = SlowStore()
        self.rooms = KnownRooms(self.store)

    def has(self, name: str = "lobby") -> bool:
        """As who posts asks."""
        return self.rooms.knows(name) or self.successResultOf(self.rooms.ask(name))


class HasTests(KnownRoomsTestCase):
    def test_one_in_which_somebody_has_posted(self) -> None:
        self.assertFalse(self.has())
        self.store.post("lobby")
        self.assertEqual((self.has(), self.has("kitchen")), (True, False))

    def test_also_when_nothing_of_it_is_kept(self) -> None:
        self.store.post("lobby")
        self.store.lose("lobby", 1)
        self.assertTrue(self.has())

    def test_what_is_there_is_asked_once_and_what_is_not_each_time(self) -> None:
        for _ in range(3):
            self.has()
        self.store.post("lobby")
        for _ in range(3):
            self.has()
        self.assertEqual(self.store.asked, [("bounds", "lobby")] * 4)

    def test_who_asks_meanwhile_shares_the_answer_in_order(self) -> None:
        self.store.hold_bounds = True
        answers: list[tuple[int, bool]] = []
        for number in range(3):
            self.rooms.ask("lobby").addCallback(partial(self.note, answers, number))
        self.assertEqual((len(self.store.bounds_asked), answers), (1, []))
        self.store.post("lobby")
        self.store.answer_all()
        self.assertEqual(answers, [(0, True), (1, True), (2, True)])

    def note(self, answers: list[tuple[int, bool]], number: int, has: bool) -> None:
        answers.append((number, has))

    def test_one_who_asks_no_more_leaves_the_others_as_they_are(self) -> None:
        self.store.hold_bounds = True
        first, second = self.rooms.ask("lobby"), self.rooms.ask("lobby")
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.store.post("lobby")
        self.store.answer_all()
        self.assertTrue(self.successResultOf(second))

    def test_fails_with_the_store_and_is_asked_again(self) -> None:
        self.store.post("lobby")
        self.store.down = True
        self.failureResultOf(self.rooms.ask("lobby"), StoreUnavailable)
        self.store.down = False
        self.assertTrue(self.has())

    def test_so_many_are_remembered_and_the_oldest_go_first(self) -> None:
        self.patch(known_rooms_module, "_REMEMBERED", 3)
        for name in "abcd":
            self.store.post(name)
            self.assertTrue(self.has(name))
        self.store.down = True
        self.assertEqual([self.has(name) for name in "bcd"], [True] * 3)
        self.failureResultOf(self.rooms.ask("a"), StoreUnavailable)


class MakingTests(KnownRoomsTestCase):
    def test_one_that_is_being_made_is_there(self) -> None:
        made: Deferred[int] = Deferred()
        making = self.rooms.making("lobby", made)
        self.assertEqual((self.has(), self.has("kitchen")), (True, False))
        made.callback(7)
        self.assertEqual((self.successResultOf(making), self.has()), (7, True))

    def test_also_for_who_asked_before(self) -> None:
        self.store.hold_bounds = True
        first, second = self.rooms.ask("lobby"), self.rooms.ask("lobby")
        first.addCallback(lambda _: self.rooms.making("lobby", succeed(None)))
        self.store.answer_all()
        self.successResultOf(first)
        self.assertTrue(self.successResultOf(second))

    def test_one_that_could_not_be_made_is_not(self) -> None:
        made: Deferred[None] = Deferred()
        makings = [self.rooms.making("lobby", made), self.rooms.making("lobby", fail(StoreUnavailable("gone")))]
        made.errback(StoreUnavailable("gone"))
        for making in makings:
            self.failureResultOf(making, StoreUnavailable)
        self.assertFalse(self.has())
