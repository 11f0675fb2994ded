"""Rulings: the view of them, over a store in memory."""

from __future__ import annotations

from math import inf

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access import rulings as rulings_module
from chatcomet.access.rulings import SESSION, Rulings, of_session, ruled_name
from chatcomet.core.rulings import Kind, Ruling, RulingKey
from chatcomet.errors import StoreUnavailable
from chatcomet.stores.memory import MemoryStore


class RulingsTestCase(SynchronousTestCase):
    """A view of a store, and a clock that both of them go by."""

    def setUp(self) -> None:
        self.now = 1_000.0
        self.store = MemoryStore(lambda: self.now)
        self.rulings = Rulings(self.store, lambda: self.now)
        self.successResultOf(self.rulings.load())

    def ruling(self, kind: Kind = "ban", room: str = "lobby", subject: str = "bob", seconds: float = inf) -> Ruling:
        return Ruling(kind, room, subject, self.now + seconds, "ada", self.now)

    def rule(self, ruling: Ruling) -> Ruling:
        self.successResultOf(self.rulings.rule(ruling))
        return ruling

    def kept(self) -> list[str]:
        """Whom the store has rulings about."""
        return [ruling.subject for ruling in self.successResultOf(self.store.rulings())]


class LookingTests(RulingsTestCase):
    def test_nobody_is_ruled_at_first(self) -> None:
        self.assertFalse(self.rulings.is_ruled("ban", "lobby", "bob"))
        self.assertEqual(self.rulings.of("lobby"), [])

    def test_what_was_ruled_counts_and_nothing_else(self) -> None:
        ban = self.rule(self.ruling())
        self.assertTrue(self.rulings.is_ruled("ban", "lobby", "bob"))
        self.assertEqual(self.rulings.find("ban", "lobby", "bob"), ban)
        others: list[tuple[Kind, str, str]] = [("mute", "lobby", "bob"), ("ban", "", "bob"), ("ban", "lobby", "Bob")]
        for other in others:
            self.assertFalse(self.rulings.is_ruled(*other))

    def test_until_it_is_over(self) -> None:
        self.rule(self.ruling(seconds=10.0))
        self.now += 9.9
        self.assertTrue(self.rulings.is_ruled("ban", "lobby", "bob"))
        self.now += 0.1
        self.assertFalse(self.rulings.is_ruled("ban", "lobby", "bob"))
        self.assertEqual(self.rulings.of("lobby"), [])

    def test_until_it_is_lifted(self) -> None:
        self.rule(self.ruling())
        self.assertTrue(self.successResultOf(self.rulings.lift("ban", "lobby", "bob")))
        self.assertFalse(self.rulings.is_ruled("ban", "lobby", "bob"))
        self.assertFalse(self.successResultOf(self.rulings.lift("ban", "lobby", "bob")))

    def test_the_newer_one_counts(self) -> None:
        self.rule(self.ruling())
        newer = self.rule(self.ruling(seconds=5.0))
        self.assertEqual(self.rulings.of("lobby"), [newer])
        self.assertEqual(len(self.rulings), 1)

    def test_of_a_session_for_each_name(self) -> None:
        subjects = [of_session("the id", name) for name in ("bob", "rob")]
        for subject in subjects:
            self.rule(self.ruling(subject=subject))
        self.rule(self.ruling(subject=of_session("another id", "bob"), seconds=10.0))
        self.assertEqual([ruled_name(subject) for subject in (*subjects, "bob")], ["bob", "rob", "bob"])
        for subject in subjects:
            self.assertTrue(self.rulings.is_ruled("ban", "lobby", SESSION + "the id"))
            self.successResultOf(self.rulings.lift("ban", "lobby", subject))
        self.assertFalse(self.rulings.is_ruled("ban", "lobby", SESSION + "the id"))
        self.assertTrue(self.rulings.is_ruled("ban", "lobby", SESSION + "another id"))
        self.assertFalse(self.rulings.is_ruled("ban", "lobby", "bob"))
        self.assertFalse(self.rulings.is_ruled("ban", "kitchen", SESSION + "another id"))
        self.now += 10.0
        self.assertFalse(self.rulings.is_ruled("ban", "lobby", SESSION + "another id"))

    def test_those_of_a_room_are_listed(self) -> None:
        made = [self.ruling("mute", subject="eve"), self.ruling("mute", subject="bob"), self.ruling("ban")]
        for ruling in (*made, self.ruling(room="other"), self.ruling("ended", "")):
            self.rule(ruling)
        self.assertEqual(self.rulings.of("lobby"), [made[2], made[0], made[1]])
        self.assertEqual(self.rulings.of(""), [self.ruling("ended", "")])


class LearningTests(RulingsTestCase):
    def test_what_was_ruled_before_is_loaded(self) -> None:
        ban = self.rule(self.ruling())
        another = Rulings(self.store, lambda: self.now)
        self.assertFalse(another.is_ruled("ban", "lobby", "bob"))
        self.successResultOf(another.load())
        self.assertEqual(another.of("lobby"), [ban])
        self.successResultOf(another.load())
        self.assertEqual(len(another), 1)

    def test_a_store_that_can_not_be_read(self) -> None:
        self.store.close()
        self.failureResultOf(Rulings(self.store, lambda: self.now).load(), StoreUnavailable)

    def test_what_somebody_else_rules_counts_too(self) -> None:
        self.store.rule(self.ruling())
        self.assertTrue(self.rulings.is_ruled("ban", "lobby", "bob"))
        self.store.lift(self.ruling().key)
        self.assertFalse(self.rulings.is_ruled("ban", "lobby", "bob"))

    def test_who_subscribed_hears_of_each_that_begins(self) -> None:
        began: list[Ruling] = []
        self.rule(self.ruling(subject="before"))
        self.rulings.subscribe(began.append)
        first, newer = self.rule(self.ruling(seconds=5.0)), self.rule(self.ruling())
        self.rule(self.ruling(subject="over already", seconds=0.0))
        self.rulings.lift("ban", "lobby", "bob")
        self.successResultOf(self.rulings.load())
        self.assertEqual(began, [first, newer])

    def test_when_who_subscribed_hears_of_it_it_counts(self) -> None:
        counted: list[bool] = []
        self.rulings.subscribe(lambda ruling: counted.append(self.rulings.is_ruled(*ruling.key)))
        self.rule(self.ruling())
        self.assertEqual(counted, [True])

    def test_one_who_raises_keeps_it_from_nobody(self) -> None:
        def stumble(ruling: Ruling) -> None:
            raise ZeroDivisionError

        began: list[Ruling] = []
        self.rulings.subscribe(stumble)
        self.rulings.subscribe(began.append)
        ban = self.rule(self.ruling())
        self.assertEqual(began, [ban])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class BoundTests(RulingsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(rulings_module, "KEPT", 3)

    def mute(self, *names: str) -> None:
        for name in names:
            self.now += 1.0
            self.rule(self.ruling("mute", "lobby", name))

    def test_of_too_many_the_oldest_is_lifted(self) -> None:
        self.mute("a", "b", "c")
        self.rule(self.ruling())
        self.mute("d")
        self.assertEqual(set(self.kept()), {"b", "c", "bob", "d"})
        self.assertFalse(self.rulings.is_ruled("mute", "lobby", "a"))
        self.assertEqual([ruling.subject for ruling in self.rulings.of("lobby")], ["bob", "b", "c", "d"])

    def test_one_that_is_made_again_is_the_newest(self) -> None:
        self.mute("a", "b", "c", "a", "d")
        self.assertEqual(self.kept(), ["c", "a", "d"])

    def test_each_room_has_its_own(self) -> None:
        for room in ("one", "other"):
            for subject in "abc":
                self.rule(self.ruling("ban", room, subject))
        self.assertEqual(len(self.kept()), 6)

    def test_what_has_ended_never_counts_again(self) -> None:
        kinds: tuple[Kind, ...] = ("ended", "revoked")
        for kind in kinds:
            for subject in "abcdefgh":
                self.rule(self.ruling(kind, "", subject))
        self.successResultOf(Rulings(self.store, lambda: self.now).load())
        for kind in kinds:
            self.assertTrue(all(self.rulings.is_ruled(kind, "", subject) for subject in "abcdefgh"))
            self.assertEqual(self.rulings.count(kind, ""), 8)
        self.assertEqual(len(self.kept()), 16)

    def test_are_counted_without_those_that_are_over(self) -> None:
        for subject, seconds in (("a", 1.0), ("b", 2.0), ("c", 60.0), ("d", 3.0)):
            self.rule(self.ruling("ended", "", subject, seconds=seconds))
        self.assertEqual((self.rulings.count("ended", ""), self.rulings.count("ended", "lobby")), (4, 0))
        self.now += 3.0
        self.assertEqual((self.rulings.count("ended", ""), len(self.rulings)), (2, 2), "d was made later than c")
        self.now += 60.0
        self.assertEqual((self.rulings.count("ended", ""), len(self.rulings)), (0, 0))

    def test_one_that_can_not_be_lifted_goes_at_the_next_start(self) -> None:
        self.mute("a", "b", "c")
        lift = self.store.lift
        self.store.lift = self.down  # type: ignore[method-assign]
        self.mute("d")
        self.assertEqual((len(self.kept()), len(self.rulings)), (4, 3))
        self.store.lift = lift  # type: ignore[method-assign]
        self.successResultOf(Rulings(self.store, lambda: self.now).load())
        self.assertEqual(self.kept(), ["b", "c", "d"])

    def down(self, key: RulingKey) -> Deferred[bool]:
        return fail(StoreUnavailable("the disk is gone"))

    def test_nothing_stays_of_sessions_that_are_ruled_no_more(self) -> None:
        for _ in range(2):
            ruling = self.rule(self.ruling(subject=of_session("the id", "bob")))
        self.successResultOf(self.rulings.lift(*ruling.key))
        self.assertEqual((self.rulings._ruled, self.rulings._sessions, len(self.rulings)), ({}, {}, 0))

    def test_those_that_are_over_do_not_stay(self) -> None:
        self.patch(rulings_module, "CROWD", 10)
        self.rulings = Rulings(self.store, lambda: self.now)
        for number in range(1_000):
            self.now += 1.0
            self.rule(self.ruling("mute", f"room{number}", seconds=4.5))
        self.assertLessEqual(len(self.rulings), 10)
        self.assertLessEqual(len(self.rulings._ruled), 10)
        self.assertTrue(self.rulings.is_ruled("mute", "room999", "bob"))
