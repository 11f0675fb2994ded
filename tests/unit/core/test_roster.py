"""Roster: who is here, across polls, and how often the others hear of it."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.roster import (
    GRACE_SECONDS,
    NAMES,
    TYPING_SECONDS,
    VERSIONS_A_SECOND,
    WAKE_SECONDS,
    WAKES_A_SECOND,
    Listed,
    Person,
    Roster,
)

ADA, BOB, GUEST = Person("a", "ada"), Person("b", "bob"), Person("203.0.113.7", None)


class RosterTestCase(SynchronousTestCase):
    """A roster that somebody looks at, and when that was told of a change."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(100.0)
        self.looking = True
        self.told: list[float] = []
        self.roster = self.make()

    def make(self) -> Roster:
        return Roster(self.clock, lambda: self.looking, lambda: self.told.append(self.clock.seconds()))

    def names(self) -> list[str]:
        return [listed.name for listed in self.roster.state.people]

    def typists(self) -> list[str]:
        return [listed.name for listed in self.roster.state.people if listed.typing]


class PresenceTests(RosterTestCase):
    def test_nobody(self) -> None:
        state = self.roster.state
        self.assertEqual((state.version, state.count, state.people), (self.roster.version, 0, ()))
        self.assertEqual((len(self.roster), self.clock.getDelayedCalls()), (0, []))

    def test_by_name_and_a_guest_is_only_counted(self) -> None:
        for person in (BOB, GUEST, ADA):
            self.roster.enter(person)
        self.assertEqual(self.roster.state.people, (Listed("ada", False), Listed("bob", False)))
        self.assertEqual((self.roster.state.count, len(self.roster)), (3, 3))

    def test_one_state_for_all_until_it_changes(self) -> None:
        self.roster.enter(ADA)
        before = self.roster.state
        self.roster.enter(ADA)
        self.assertIs(self.roster.state, before)
        self.roster.enter(BOB)
        self.assertEqual((before.count, self.roster.state.count), (1, 2))
        self.assertGreater(self.roster.state.version, before.version)

    def test_here_while_one_of_its_readers_is(self) -> None:
        self.roster.enter(ADA)
        self.roster.enter(ADA)
        self.roster.leave(ADA)
        self.clock.advance(10 * GRACE_SECONDS)
        self.assertEqual(self.names(), ["ada"])

    def test_here_for_the_grace_after_and_not_longer(self) -> None:
        self.roster.enter(ADA)
        self.roster.leave(ADA)
        self.clock.advance(GRACE_SECONDS - 0.01)
        self.assertEqual(self.names(), ["ada"])
        self.clock.advance(0.01)
        self.assertEqual((self.names(), len(self.roster)), ([], 0))

    def test_coming_back_within_the_grace_changes_nothing(self) -> None:
        self.roster.enter(ADA)
        version = self.roster.version
        for _ in range(20):
            self.roster.leave(ADA)
            self.clock.advance(GRACE_SECONDS - 0.5)
            self.roster.enter(ADA)
            self.clock.advance(5.0)
        self.assertEqual((self.roster.version, self.names()), (version, ["ada"]))
        self.roster.leave(ADA)
        self.clock.advance(GRACE_SECONDS)
        self.assertEqual((self.roster.version, self.names()), (version + 1, []))

    def test_each_has_a_grace_of_its_own(self) -> None:
        for person in (ADA, BOB, GUEST):
            self.roster.enter(person)
        self.roster.leave(ADA)
        self.clock.advance(4.0)
        self.roster.leave(BOB)
        self.clock.advance(1.0)
        self.roster.enter(ADA)
        self.roster.leave(ADA)  # at 5: after bob
        self.clock.advance(8.9)
        self.assertEqual(self.names(), ["ada", "bob"])
        self.clock.advance(0.1)
        self.assertEqual(self.names(), ["ada"])
        self.clock.advance(0.9)
        self.assertEqual(self.names(), ["ada"])
        self.clock.advance(0.1)
        self.assertEqual((self.names(), len(self.roster)), ([], 1))

    def test_the_grace_ends_at_times_that_do_not_add_up_exactly(self) -> None:
        self.looking = False
        for tenths in range(1, 60):  # (0.1 + 10) - 10 is less than 0.1
            self.clock = Clock()
            self.clock.advance(tenths / 10)
            self.roster = self.make()
            self.roster.enter(ADA)
            self.roster.leave(ADA)
            self.clock.advance(GRACE_SECONDS)
            self.assertEqual((len(self.roster), self.clock.getDelayedCalls()), (0, []))

    def test_who_left_and_came_back_leaves_no_timer_running_on(self) -> None:
        self.looking = False
        self.roster.enter(ADA)
        self.roster.leave(ADA)
        self.clock.advance(1.0)
        self.roster.enter(ADA)
        self.clock.advance(GRACE_SECONDS)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_renamed_person_is_one_person(self) -> None:
        self.roster.enter(ADA)
        version = self.roster.version
        self.roster.enter(Person(ADA.id, "lovelace"))
        self.assertEqual((self.names(), self.roster.version), (["lovelace"], version + 1))
        self.roster.leave(ADA)
        self.clock.advance(GRACE_SECONDS)
        self.assertEqual(self.names(), ["lovelace"])
        self.roster.leave(Person(ADA.id, "lovelace"))
        self.clock.advance(GRACE_SECONDS)
        self.assertEqual(len(self.roster), 0)

    def test_a_hundred_names_and_a_count(self) -> None:
        for number in range(NAMES + 50, 0, -1):
            self.roster.enter(Person(str(number), f"{number:04}"))
        self.assertEqual(self.names(), [f"{number:04}" for number in range(1, NAMES + 1)])
        self.assertEqual(self.roster.state.count, NAMES + 50)

    def test_one_made_anew_does_not_show_an_old_version(self) -> None:
        for number in range(500):
            self.roster.enter(Person(str(number), None))
        self.clock.advance(500 / VERSIONS_A_SECOND + 0.001)
        self.assertGreater(self.make().version, self.roster.version)


class ManyTests(RosterTestCase):
    """Rooms of many people, who come and go and are renamed."""

    PEOPLE = st.tuples(st.integers(0, 3), st.none() | st.sampled_from("ab"))

    @given(st.lists(st.tuples(PEOPLE, st.booleans()), max_size=40))
    def test_who_is_listed_is_who_is_here(self, steps: list[tuple[tuple[int, str | None], bool]]) -> None:
        self.setUp()
        names: dict[int, str | None] = {}
        for (number, name), comes in steps:
            person = Person(str(number), name)
            if comes:
                self.roster.enter(person)
                if number in names:
                    self.roster.leave(person)  # one reader is enough
                names[number] = name
            elif number in names:
                self.roster.leave(person)
                self.clock.advance(GRACE_SECONDS)
                del names[number]
            self.assertEqual(self.names(), sorted(name for name in names.values() if name is not None))
            self.assertEqual(len(self.roster), len(names))

    def test_two_of_one_name_are_not_taken_for_each_other(self) -> None:
        """One of them has lost it to the other, and has not yet gone."""
        for goes, stays in (("1", "2"), ("2", "1")):
            roster = self.roster = self.make()
            for who in (goes, stays):
                roster.enter(Person(who, "ada"))
            roster.leave(Person(goes, "ada"))
            self.clock.advance(GRACE_SECONDS)
            roster.type(Person(stays, "ada"))
            self.assertEqual(roster.state.people, (Listed("ada", True),))

    def test_another_version_of_many_is_not_sorted_anew(self) -> None:
        compared = 0

        class Name(str):
            def __lt__(self, other: str) -> bool:
                nonlocal compared
                compared += 1
                return super().__lt__(other)

        for number in range(2_000):
            self.roster.enter(Person(str(number), Name(f"{number * 7 % 2_000:04}")))
        self.assertEqual(self.names()[:2], ["0000", "0001"])
        compared = 0
        self.roster.enter(Person("2000", Name("0000a")))
        self.assertEqual(self.names()[:2], ["0000", "0000a"])
        self.assertTrue(0 < compared < 100, compared)

    def test_the_end_of_one_grace_is_not_the_matter_of_all_who_left(self) -> None:
        reckoned = 0

        class Seconds(float):
            def __add__(self, other: float) -> float:
                nonlocal reckoned
                reckoned += 1
                return super().__add__(other)

        people = [Person(str(number), None) for number in range(500)]
        for person in people:
            self.roster.enter(person)
        with patch.object(self.clock, "seconds", lambda: Seconds(self.clock.rightNow)):
            for person in people:
                self.roster.leave(person)
                self.clock.advance(0.01)
            reckoned = 0
            self.clock.pump([GRACE_SECONDS - 5.0] + [0.01] * 501)
        self.assertEqual(len(self.roster), 0)
        self.assertLess(reckoned, 10 * len(people))


class TypingTests(RosterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.roster.enter(ADA)

    def test_shows_for_a_while(self) -> None:
        version = self.roster.version
        self.roster.type(ADA)
        self.assertEqual((self.typists(), self.roster.version), (["ada"], version + 1))
        self.clock.advance(TYPING_SECONDS - 0.01)
        self.assertEqual(self.typists(), ["ada"])
        self.clock.advance(0.01)
        self.assertEqual((self.typists(), self.names(), self.roster.version), ([], ["ada"], version + 2))

    def test_typing_on_prolongs_it_and_changes_nothing(self) -> None:
        self.roster.type(ADA)
        version = self.roster.version
        for _ in range(5):
            self.clock.advance(TYPING_SECONDS - 1)
            self.roster.type(ADA)
        self.assertEqual((self.typists(), self.roster.version), (["ada"], version))
        self.clock.advance(TYPING_SECONDS)
        self.assertEqual((self.typists(), self.roster.version), ([], version + 1))

    def test_who_is_not_here_or_has_no_name_does_not_type(self) -> None:
        self.roster.enter(GUEST)
        version = self.roster.version
        for person in (BOB, GUEST):
            self.roster.type(person)
        self.assertEqual((self.roster.version, self.typists()), (version, []))

    def test_who_is_gone_does_not_stop_typing(self) -> None:
        self.looking = False
        self.roster.leave(ADA)
        self.clock.advance(GRACE_SECONDS - 1)
        self.roster.type(ADA)
        self.assertEqual(self.typists(), ["ada"])
        self.clock.advance(1.0)
        version = self.roster.version
        self.assertEqual((len(self.roster), self.clock.getDelayedCalls()), (0, []))
        self.clock.advance(TYPING_SECONDS)
        self.assertEqual(self.roster.version, version)


class WakingTests(RosterTestCase):
    def test_a_change_is_told_at_once_after_a_quiet_time(self) -> None:
        self.roster.enter(ADA)
        self.assertEqual(self.told, [])  # not from inside the one who enters
        self.clock.advance(0)
        self.assertEqual(self.told, [100.0])
        self.clock.advance(50.0)
        self.roster.enter(BOB)
        self.clock.advance(0)
        self.assertEqual(self.told, [100.0, 150.0])

    def test_many_changes_are_told_once_a_second(self) -> None:
        for number in range(40):
            self.roster.enter(Person(str(number), None))
            self.clock.advance(0.1)
        self.assertEqual([round(at - 100.0) for at in self.told], [0, 1, 2, 3])
        self.clock.pump([0.1] * 50)
        self.assertEqual([round(at - 100.0) for at in self.told], [0, 1, 2, 3, 4])

    def test_the_more_are_here_the_more_seldom(self) -> None:
        count = 5 * WAKES_A_SECOND
        for number in range(count):
            self.roster.enter(Person(str(number), None))
        self.clock.pump([20.0] * 2)
        self.told.clear()
        self.roster.enter(ADA)
        self.clock.advance(0)
        self.roster.enter(BOB)
        self.clock.advance(5.0)
        self.assertEqual(len(self.told), 1)
        self.clock.advance(0.03)
        self.assertEqual(len(self.told), 2)
        self.assertGreater(self.told[1] - self.told[0], 5 * WAKE_SECONDS)

    def test_nobody_looks(self) -> None:
        self.looking = False
        self.roster.enter(ADA)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.names(), ["ada"])


class LookTests(RosterTestCase):
    """What who looks is shown, when nobody else does."""

    def setUp(self) -> None:
        super().setUp()
        self.looking = False

    def test_the_first_change_is_shown_at_once(self) -> None:
        self.roster.enter(ADA)
        self.assertEqual(self.roster.look(), self.roster.state)

    def test_the_next_one_at_its_time(self) -> None:
        self.roster.enter(ADA)
        shown = self.roster.look()
        self.roster.enter(BOB)
        self.assertIs(self.roster.look(), shown)
        self.assertIs(self.roster.look(), shown)
        self.clock.advance(WAKE_SECONDS)
        self.assertEqual(self.told, [100.0 + WAKE_SECONDS])
        self.assertEqual(self.roster.look().count, 2)

    def test_nothing_is_scheduled_where_nothing_has_changed(self) -> None:
        self.roster.enter(ADA)
        self.assertIs(self.roster.look(), self.roster.look())
        self.assertEqual(self.clock.getDelayedCalls(), [])
