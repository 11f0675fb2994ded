"""Limits: whom each of them stops, and when they may come again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.limits import BURST, GUESTS, Limits
from chatcomet.access.refusals import Refusals
from chatcomet.access.rules import Rules
from chatcomet.errors import TooMany
from chatcomet.settings import Rate, Settings

OPEN = Rules()


class LimitsTestCase(SynchronousTestCase):
    settings = Settings()

    def setUp(self) -> None:
        self.clock = Clock()
        self.limits = Limits(self.settings, self.clock, Refusals(self.clock))

    def allowed(self, act: Callable[[], object], tries: int = 100) -> int:
        """How many of so many tries are let in now."""
        count = 0
        for _ in range(tries):
            try:
                act()
                count += 1
            except TooMany:
                pass
        return count

    def posts(self, who: str | None = "ada", room: str = "lobby", rules: Rules = OPEN) -> int:
        """How many of a hundred posts are let in now."""
        return self.allowed(lambda: self.limits.post(who, room, rules))


class DefaultTests(LimitsTestCase):
    def test_posts(self) -> None:
        self.assertEqual(self.posts(), 30)
        self.clock.advance(1)
        self.assertEqual(self.posts(), 10)
        self.assertEqual(self.posts("bob"), 30)

    def test_posts_in_all_rooms_are_counted_together(self) -> None:
        self.assertEqual(self.posts(room="a"), 30)
        self.assertEqual(self.posts(room="b"), 0)

    def test_typing(self) -> None:
        self.assertEqual(self.allowed(lambda: self.limits.typing("ada")), 30)
        self.clock.advance(1)
        self.assertEqual(self.allowed(lambda: self.limits.typing("ada")), 10)
        self.assertEqual(self.allowed(lambda: self.limits.typing("bob")), 30)

    def test_sessions(self) -> None:
        self.assertEqual(self.allowed(lambda: self.limits.session("192.0.2.1")), 10)
        self.clock.advance(6)
        self.assertEqual(self.allowed(lambda: self.limits.session("192.0.2.1")), 1)

    def test_rooms(self) -> None:
        self.assertEqual(self.allowed(lambda: self.limits.room("ada")), 20)
        self.clock.advance(180)
        self.assertEqual(self.allowed(lambda: self.limits.room("ada")), 1)

    def test_each_limit_counts_by_itself(self) -> None:
        self.assertEqual(self.posts("192.0.2.1"), 30)
        self.assertEqual(self.allowed(lambda: self.limits.typing("192.0.2.1")), 30)
        self.assertEqual(self.allowed(lambda: self.limits.session("192.0.2.1")), 10)
        self.assertEqual(self.allowed(lambda: self.limits.room("192.0.2.1")), 20)

    def test_whoever_is_not_counted_is_not_stopped(self) -> None:
        self.assertEqual(self.posts(None), 100)
        self.assertEqual(self.allowed(lambda: self.limits.typing(None)), 100)
        self.assertEqual(self.posts(None, rules=Rules(posts_per_second=1.0)), 100)
        self.assertEqual(self.allowed(lambda: self.limits.session(None)), 100)
        self.assertEqual(self.allowed(lambda: self.limits.room(None)), 100)


class RefusalTests(LimitsTestCase):
    def test_says_of_what_and_when_to_come_again(self) -> None:
        acts: dict[str, tuple[Callable[[], object], int]] = {
            "posts": (lambda: self.limits.post("ada", "lobby", OPEN), 1),
            "sessions": (lambda: self.limits.session("192.0.2.1"), 6),
            "rooms": (lambda: self.limits.room("ada"), 180),
        }
        for name, (act, seconds) in acts.items():
            with capturedLogs() as events:
                self.allowed(act)
            error = self.assertRaises(TooMany, act)
            self.assertEqual((error.name, error.retry_after), (name, seconds))
            self.assertEqual([(event["name"], event["count"]) for event in events], [(name, 1)])

    def test_says_of_typing_what_it_says_of_posts(self) -> None:
        with capturedLogs() as events:
            self.allowed(lambda: self.limits.typing("ada"))
        error = self.assertRaises(TooMany, self.limits.typing, "ada")
        self.assertEqual((error.name, error.retry_after), ("posts", 1))
        self.assertEqual([(event["name"], event["count"]) for event in events], [("posts", 1)])

    def test_then_it_is_right_to_come(self) -> None:
        self.allowed(lambda: self.limits.session("192.0.2.1"))
        self.clock.advance(0.9)
        self.clock.advance(self.assertRaises(TooMany, self.limits.session, "192.0.2.1").retry_after)
        self.limits.session("192.0.2.1")


class RoomRateTests(LimitsTestCase):
    """A room may have a rate of its own: docs/rooms.md."""

    rules = Rules(posts_per_second=1.0, post_burst=5)

    def test_holds_for_each_person_there(self) -> None:
        self.assertEqual(self.posts(rules=self.rules), 5)
        self.clock.advance(2)
        self.assertEqual(self.posts(rules=self.rules), 2)
        self.assertEqual(self.posts("bob", rules=self.rules), 5)

    def test_is_counted_by_itself(self) -> None:
        self.assertEqual(self.posts(room="a", rules=self.rules), 5)
        self.assertEqual(self.posts(room="b", rules=self.rules), 5)
        self.assertEqual(self.posts(room="c"), 30)

    def test_nobody_is_taken_for_another(self) -> None:
        self.assertEqual(self.posts("b c", "a", self.rules), 5)
        self.assertEqual(self.posts("c", "a b", self.rules), 0, "no room has such a name")
        self.assertEqual(self.posts("a b", "lobby", OPEN), 30)

    def test_what_it_does_not_say_is_as_elsewhere(self) -> None:
        self.assertEqual(self.posts(rules=Rules(posts_per_second=1.0)), 30)
        self.clock.advance(2)
        self.assertEqual(self.posts(rules=Rules(posts_per_second=1.0)), 2)
        self.assertEqual(self.posts("bob", rules=Rules(post_burst=2)), 2)
        self.clock.advance(0.1)
        self.assertEqual(self.posts("bob", rules=Rules(post_burst=2)), 1)

    def test_may_be_none(self) -> None:
        self.assertEqual(self.posts(rules=Rules(posts_per_second=0.0)), 100)
        self.assertEqual(self.posts(rules=Rules(posts_per_second=0.0, post_burst=1)), 100)


class CrowdTests(LimitsTestCase):
    """All guests at one address together may do ten times what one may."""

    def posts_of_guests(self, number: int, crowd: str | None = "guests of 192.0.2.1", rules: Rules = OPEN) -> list[int]:
        """How many of a hundred posts of each of so many guests are let in now."""
        return [
            self.allowed(partial(self.limits.post, f"guest {guest}", "lobby", rules, crowd)) for guest in range(number)
        ]

    def test_posts(self) -> None:
        self.assertEqual(self.posts_of_guests(12), [30] * GUESTS + [0, 0])
        self.clock.advance(1)
        self.assertEqual(self.posts_of_guests(12), [10] * GUESTS + [0, 0])
        self.assertEqual(self.allowed(lambda: self.limits.post("late", "lobby", OPEN, "guests of 192.0.2.2")), 30)
        self.assertEqual((self.posts("ada"), self.posts("192.0.2.1")), (30, 30), "nobody else is slowed")

    def test_posts_in_a_room_that_has_its_own_rate(self) -> None:
        rules = Rules(posts_per_second=1.0, post_burst=5)
        self.assertEqual(self.posts_of_guests(12, rules=rules), [5] * GUESTS + [0, 0])
        self.assertEqual(sum(self.posts_of_guests(12)), 300)

    def test_typing(self) -> None:
        for guest in range(12):
            typed = self.allowed(partial(self.limits.typing, f"guest {guest}", "guests of 192.0.2.1"))
            self.assertEqual(typed, 30 if guest < GUESTS else 0)

    def test_rooms(self) -> None:
        for guest in range(12):
            made = self.allowed(partial(self.limits.room, f"guest {guest}", "guests of 192.0.2.1"))
            self.assertEqual(made, 20 if guest < GUESTS else 0)

    def test_who_is_refused_for_others_has_lost_nothing(self) -> None:
        self.posts_of_guests(GUESTS)
        crowd = "guests of 192.0.2.1"
        error = self.assertRaises(TooMany, self.limits.post, "late", "lobby", OPEN, crowd)
        self.assertEqual((error.name, error.retry_after), ("posts", 1))
        self.assertIn("at your address", str(error))
        self.assertEqual(self.allowed(lambda: self.limits.post("late", "lobby", OPEN, "guests of 192.0.2.2")), 30)

    def test_nobody_is_counted_for_others_where_there_is_no_limit(self) -> None:
        self.limits = Limits(replace(Settings(), post_rate=None), self.clock, Refusals(self.clock))
        self.assertEqual(self.posts_of_guests(12), [100] * 12)


class GiveBackTests(LimitsTestCase):
    def test_what_was_taken_from_whomever(self) -> None:
        for rules in (OPEN, Rules(posts_per_second=10.0)):
            taken = [self.limits.post("ada", "lobby", rules, "guests of 192.0.2.1") for _ in range(30)]
            self.assertRaises(TooMany, self.limits.post, "ada", "lobby", rules)
            for each in taken:
                for one in each:
                    one.give_back()
            self.assertEqual(self.posts("ada", rules=rules), 30)
            for guest in range(GUESTS):
                act = partial(self.limits.post, f"guest {guest}", "lobby", rules, "guests of 192.0.2.1")
                self.assertEqual(self.allowed(act), 30)

    def test_nothing_where_nobody_is_counted(self) -> None:
        self.assertEqual(self.limits.post(None, "lobby", OPEN), ())


class OtherRatesTests(LimitsTestCase):
    settings = replace(Settings(), post_rate=Rate(1.0, 2), session_rate=Rate(1.0, 3), room_rate=Rate(1.0, 4))

    def test_are_those_of_the_settings(self) -> None:
        self.assertEqual(self.posts(), 2)
        self.assertEqual(self.allowed(lambda: self.limits.typing("ada")), 2)
        self.assertEqual(self.allowed(lambda: self.limits.session("192.0.2.1")), 3)
        self.assertEqual(self.allowed(lambda: self.limits.room("ada")), 4)


class NoLimitTests(LimitsTestCase):
    settings = replace(Settings(), post_rate=None, session_rate=None, room_rate=None)

    def test_nobody_is_stopped(self) -> None:
        self.assertEqual(self.posts(), 100)
        self.assertEqual(self.allowed(lambda: self.limits.typing("ada")), 100)
        self.assertEqual(self.posts(rules=Rules(post_burst=2)), 100)
        self.assertEqual(self.allowed(lambda: self.limits.session("192.0.2.1")), 100)
        self.assertEqual(self.allowed(lambda: self.limits.room("ada")), 100)

    def test_but_where_a_room_has_a_rate(self) -> None:
        self.assertEqual(self.posts(rules=Rules(posts_per_second=1.0)), BURST)
