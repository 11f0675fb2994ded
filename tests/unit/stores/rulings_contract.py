"""The contract about rulings: what every store does with them; see ``contract.py``."""

from __future__ import annotations

from math import inf

from twisted.internet.defer import Deferred

from chatcomet.core.rulings import KINDS, Kind, Ruling, RulingKey
from chatcomet.errors import StoreUnavailable
from tests.unit.stores.contract import StoreCase


class RulingsContract(StoreCase):
    """Every store's rules about rulings."""

    def setUp(self) -> None:
        super().setUp()
        self.told: list[tuple[RulingKey, Ruling | None]] = []
        self.store.follow_rulings(lambda key, ruling: self.told.append((key, ruling)))

    def ruling(self, kind: Kind = "ban", room: str = "lobby", subject: str = "bob", seconds: float = inf) -> Ruling:
        """One that is made now."""
        return Ruling(kind, room, subject, self.now + seconds, "ada", self.now)

    def rule(self, ruling: Ruling) -> Ruling:
        self.result(self.store.rule(ruling))
        return ruling

    def kept(self) -> list[Ruling]:
        """All that there are; on this machine they are had at once."""
        rulings = self.successResultOf(self.store.rulings())
        return list(rulings)

    def test_there_are_none_at_first(self) -> None:
        self.assertEqual(self.kept(), [])

    def test_what_was_ruled_is_kept(self) -> None:
        made = []
        for kind in KINDS:
            for room in ("", "lobby"):
                self.now += 1.5
                made.append(self.rule(self.ruling(kind, room, "bob ✨")))
        self.assertEqual(self.kept(), made)
        self.assertEqual(self.told, [(ruling.key, ruling) for ruling in made])

    def test_a_newer_one_takes_the_place_of_the_older(self) -> None:
        self.rule(self.ruling(seconds=60.0))
        self.now += 1.0
        shorter = self.rule(self.ruling(seconds=5.0))
        self.assertEqual(self.kept(), [shorter])
        self.assertEqual(self.told[-1], (shorter.key, shorter))

    def test_others_stay(self) -> None:
        others = [
            self.rule(self.ruling("mute")),
            self.rule(self.ruling(room="other")),
            self.rule(self.ruling(room="")),
            self.rule(self.ruling(subject="Bob")),
        ]
        self.rule(self.ruling())
        self.assertTrue(self.result(self.store.lift(self.ruling().key)))
        self.assertEqual(set(self.kept()), set(others))

    def test_a_lifted_one_is_gone(self) -> None:
        key = self.rule(self.ruling()).key
        self.assertTrue(self.result(self.store.lift(key)))
        self.assertEqual(self.kept(), [])
        self.assertEqual(self.told[1:], [(key, None)])

    def test_what_is_not_ruled_can_not_be_lifted(self) -> None:
        key = self.rule(self.ruling()).key
        self.result(self.store.lift(key))
        self.told.clear()
        for other in (key, self.ruling("mute").key, self.ruling(room="").key):
            self.assertFalse(self.result(self.store.lift(other)))
        self.assertEqual(self.told, [])

    def test_what_is_over_is_as_if_it_had_never_been(self) -> None:
        key = self.rule(self.ruling(seconds=10.0)).key
        lasting = self.rule(self.ruling("mute", seconds=10.5))
        self.now += 10.0
        self.assertEqual(self.kept(), [lasting])
        self.told.clear()
        self.assertFalse(self.result(self.store.lift(key)))
        self.assertEqual(self.told, [])
        again = self.rule(self.ruling())
        self.assertEqual(set(self.kept()), {lasting, again})

    def test_who_follows_is_told_before_the_ruler_is_answered(self) -> None:
        ruling = self.ruling()
        told_by_then: list[int] = []
        self.result(self.store.rule(ruling).addCallback(lambda _: told_by_then.append(len(self.told))))
        self.result(self.store.lift(ruling.key).addCallback(lambda _: told_by_then.append(len(self.told))))
        self.assertEqual(told_by_then, [1, 2])

    def test_who_follows_and_raises_keeps_nothing_from_anybody(self) -> None:
        def stumble(key: RulingKey, ruling: Ruling | None) -> None:
            raise ZeroDivisionError

        self.store = self.make()
        self.store.follow_rulings(stumble)
        self.store.follow_rulings(lambda key, ruling: self.told.append((key, ruling)))
        made = self.rule(self.ruling())
        self.assertEqual(self.told, [(made.key, made)])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_changes_from_inside_come_after_what_was_told(self) -> None:
        lifted: list[Deferred[bool]] = []

        def lift(key: RulingKey, ruling: Ruling | None) -> None:
            if ruling is not None:
                lifted.append(self.store.lift(key))
                self.assertNoResult(lifted[0])

        self.store.follow_rulings(lift)
        self.store.follow_rulings(lambda key, ruling: self.told.append((key, ruling)))
        key = self.rule(self.ruling()).key
        self.assertTrue(self.result(lifted[0]))
        self.assertEqual([ruling is None for _, ruling in self.told], [False, False, True, True])
        self.assertEqual({key for key, _ in self.told}, {key})

    def test_a_ruler_who_goes_away_does_not_undo_it(self) -> None:
        ruling = self.ruling()
        ruled = self.store.rule(ruling)
        ruled.addErrback(lambda failure: None)
        ruled.cancel()
        other = self.rule(self.ruling("mute"))
        self.assertEqual(set(self.kept()), {ruling, other})

    def test_rulings_make_no_rooms(self) -> None:
        self.rule(self.ruling())
        rooms = self.result(self.store.rooms("", 10))
        self.assertEqual(list(rooms), [])

    def test_a_closed_store_is_unavailable(self) -> None:
        ruling = self.rule(self.ruling())
        self.result(self.store.close())
        self.failureResultOf(self.store.rule(ruling), StoreUnavailable)
        self.failureResultOf(self.store.lift(ruling.key), StoreUnavailable)
        self.failureResultOf(self.store.rulings(), StoreUnavailable)
