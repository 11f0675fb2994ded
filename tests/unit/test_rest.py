"""Rest: when memory is given back, and what is forgotten."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.rest import AGE_SECONDS, GROWN, LOOK_SECONDS, MUCH, QUIET, Rest

BEGIN = 60_000_000
MORE = round(GROWN * BEGIN) + 1
"""Memory has grown by so much, at the least."""

BUSY_SECONDS = 2 * QUIET * LOOK_SECONDS
"""Of a processor, between two looks."""


class RestTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.worked = 7.0
        self.resident = BEGIN
        self.left = BEGIN
        """How much memory there is after it was given back."""
        self.remembered = [0, 0]
        self.ages = 0
        self.tidied = 0
        self.faults = 0
        self.rest = Rest([self.age, self.age_others], self.tidy, lambda: self.worked, lambda: self.resident, self.clock)
        self.rest.start()

    def age(self) -> int:
        self.ages += 1
        forgotten, self.remembered[0] = self.remembered[0], 0
        return forgotten

    def age_others(self) -> int:
        forgotten, self.remembered[1] = self.remembered[1], 0
        return forgotten

    def tidy(self) -> None:
        if self.faults:
            self.faults -= 1
            raise ZeroDivisionError
        self.tidied += 1
        self.resident = self.left
        self.worked += 10.0  # which is not to be taken for being busy

    def look(self, times: int = 1, busy: bool = False) -> None:
        """Let the time pass until it has looked so often."""
        for _ in range(times):
            if busy:
                self.worked += BUSY_SECONDS
            self.clock.advance(LOOK_SECONDS)

    def test_in_quiet_after_memory_has_grown(self) -> None:
        self.resident += MORE
        self.look()
        self.assertEqual(self.tidied, 1)

    def test_once(self) -> None:
        self.resident += MORE
        self.look(20)
        self.assertEqual(self.tidied, 1)

    def test_again_when_it_has_grown_again(self) -> None:
        for times in range(1, 4):
            self.resident += 3 * MORE
            self.left += MORE  # not all comes back
            self.look(2)
            self.assertEqual(self.tidied, times)

    def test_not_while_there_is_much_to_do(self) -> None:
        self.resident += MORE
        self.look(9, busy=True)
        self.assertEqual(self.tidied, 0)
        self.look()
        self.assertEqual(self.tidied, 1)

    def test_not_where_nothing_is_to_be_had(self) -> None:
        self.resident += MORE - 1
        self.look(9, busy=True)
        self.look(9)
        self.assertEqual(self.tidied, 0)

    def test_what_was_not_used_is_forgotten_in_time(self) -> None:
        self.look(round(AGE_SECONDS / LOOK_SECONDS) - 1)
        self.assertEqual(self.ages, 0)
        self.look(1, busy=True)
        self.assertEqual(self.ages, 1)
        self.look(round(2 * AGE_SECONDS / LOOK_SECONDS))
        self.assertEqual(self.ages, 3)

    def test_who_is_held_for_long_is_not_forgotten_meanwhile(self) -> None:
        arguments = (self.tidy, lambda: self.worked, lambda: self.resident, self.clock)
        Rest([self.age], *arguments, hold_seconds=AGE_SECONDS).start()
        self.rest.stop()
        self.look(round(2 * AGE_SECONDS / LOOK_SECONDS) - 1)
        self.assertEqual(self.ages, 0)
        self.look()
        self.assertEqual(self.ages, 1)

    def test_where_much_was_forgotten_memory_is_given_back(self) -> None:
        for forgotten, tidied in ((MUCH - 1, 0), (MUCH, 1)):
            self.remembered = [forgotten - 9, 9]
            self.tidied = 0
            self.rest.stop()
            self.rest.start()
            self.look(round(AGE_SECONDS / LOOK_SECONDS) + 3)
            self.assertEqual(self.tidied, tidied)

    def test_what_was_forgotten_while_there_was_much_to_do_counts_then(self) -> None:
        self.remembered = [MUCH, 0]
        self.look(round(AGE_SECONDS / LOOK_SECONDS), busy=True)
        self.assertEqual((self.ages, self.tidied), (1, 0))
        self.look(3)
        self.assertEqual(self.tidied, 1)

    def test_a_part_that_raises_is_logged_and_ends_nothing(self) -> None:
        self.faults = 1
        for _ in range(2):
            self.resident += 2 * MORE
            self.look()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.tidied, 1)
        self.rest.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stops(self) -> None:
        self.rest.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.rest.stop()
