"""Rest: when memory is given back, and what is forgotten."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.rest import AGE_SECONDS, GROWN, LONGEST_SECONDS, LOOK_SECONDS, QUIET, Rest

BEGIN = 60_000_000
MORE = round(GROWN * BEGIN) + 1
"""Memory has grown by so much, at the least."""

BUSY_SECONDS = 2 * QUIET * LOOK_SECONDS
"""Of a processor, between two looks."""


class RestTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.worked = 7.0
        self.used = BEGIN
        """Bytes that are in use."""
        self.free = 0
        """And that are not, and could be given back."""
        self.ages = self.other_ages = 0
        self.tidied: list[float] = []
        self.faults = 0
        self.rest = self.resting()
        self.rest.start()

    def resting(self, hold_seconds: float = 0.0) -> Rest:
        ages, resident = [self.age, self.age_others], lambda: self.used + self.free
        return Rest(ages, self.tidy, lambda: self.worked, resident, self.clock, hold_seconds)

    def age(self) -> None:
        self.ages += 1

    def age_others(self) -> None:
        self.other_ages += 1

    def tidy(self) -> None:
        if self.faults:
            self.faults -= 1
            raise ZeroDivisionError
        self.tidied.append(self.clock.seconds())
        self.free = 0
        self.worked += 10.0  # which is not to be taken for being busy

    def look(self, times: int = 1, busy: bool = False) -> None:
        """Let the time pass until it has looked so often."""
        for _ in range(times):
            if busy:
                self.worked += BUSY_SECONDS
            self.clock.advance(LOOK_SECONDS)

    def assert_tidied(self, times: int) -> None:
        self.assertEqual(len(self.tidied), times)

    def test_in_quiet_after_memory_has_grown(self) -> None:
        self.free = MORE
        self.look()
        self.assert_tidied(1)

    def test_once_where_all_comes_back(self) -> None:
        self.free = MORE
        self.look(99)
        self.assert_tidied(1)

    def test_not_while_there_is_much_to_do(self) -> None:
        self.free = MORE
        self.look(9, busy=True)
        self.assert_tidied(0)
        self.look()
        self.assert_tidied(1)

    def test_not_where_there_is_no_more_than_before(self) -> None:
        self.free = MORE - 2
        self.look(9, busy=True)
        self.look(9)
        self.assert_tidied(0)

    def test_where_it_brings_little_seldom(self) -> None:
        self.used += 2 * MORE
        self.look(400)
        pauses = [later - before for before, later in zip(self.tidied, self.tidied[1:], strict=False)]
        self.assertEqual(pauses[:5], [20.0, 40.0, 80.0, 160.0, 300.0])
        self.assertEqual(set(pauses[4:]), {LONGEST_SECONDS})

    def test_what_was_in_use_then_is_given_back_later(self) -> None:
        self.used += 2 * MORE
        self.look(10)
        before = len(self.tidied)
        self.used, self.free = BEGIN, 2 * MORE
        self.look(round(LONGEST_SECONDS / LOOK_SECONDS))
        self.assert_tidied(before + 1)
        self.assertEqual(self.free, 0)

    def test_at_once_where_it_has_grown_again(self) -> None:
        self.used += 2 * MORE
        self.look(60)
        before = len(self.tidied)
        self.free = 2 * MORE
        self.look()
        self.assert_tidied(before + 1)

    def test_what_was_not_used_is_forgotten_in_time(self) -> None:
        self.look(round(AGE_SECONDS / LOOK_SECONDS) - 1)
        self.assertEqual((self.ages, self.other_ages), (0, 0))
        self.look(1, busy=True)
        self.assertEqual((self.ages, self.other_ages), (1, 1))
        self.look(round(2 * AGE_SECONDS / LOOK_SECONDS))
        self.assertEqual((self.ages, self.other_ages), (3, 3))

    def test_who_is_held_for_long_is_not_forgotten_meanwhile(self) -> None:
        self.rest.stop()
        self.resting(hold_seconds=AGE_SECONDS).start()
        self.look(round(2 * AGE_SECONDS / LOOK_SECONDS) - 1)
        self.assertEqual(self.ages, 0)
        self.look()
        self.assertEqual(self.ages, 1)

    def test_a_part_that_raises_is_logged_and_ends_nothing(self) -> None:
        self.faults = 1
        self.free = MORE
        self.look(2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assert_tidied(1)
        self.rest.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stops(self) -> None:
        self.rest.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.rest.stop()
