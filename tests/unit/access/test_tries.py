"""Tries: how long who has failed has to wait."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access import tries as tries_module
from chatcomet.access.tries import KNOWN_SECONDS, NAME_WAIT_SECONDS, QUIET_SECONDS, WAIT_SECONDS, Tries
from chatcomet.errors import TooManyTries
from chatcomet.settings import FREE_TRIES as FREE

HOME = "192.0.2.1"
AWAY = "192.0.2.2"


class TriesTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.tries = Tries(self.clock, FREE)

    def wait(self, name: str = "ada", address: str | None = HOME) -> int:
        """For how many seconds a try has to wait; 0 if it is looked at."""
        try:
            self.tries.check(name, address)
        except TooManyTries as error:
            self.assertIn(f"{error.retry_after} s", str(error))
            return error.retry_after
        return 0

    def fail(self, name: str = "ada", address: str | None = HOME, times: int = 1) -> None:  # type: ignore[override]
        """Fail, and wait before each try for as long as one has to."""
        for _ in range(times):
            self.clock.advance(self.wait(name, address))
            self.tries.begin(name, address)

    def succeed(self, name: str = "ada", address: str | None = HOME) -> None:
        self.fail(name, address)
        self.tries.succeed(name, address)


class WaitTests(TriesTestCase):
    def test_five_are_free_and_then_it_doubles(self) -> None:
        waits = []
        for _ in range(18):
            waits.append(self.wait())
            self.fail()
        self.assertEqual(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900])

    def test_all_at_once_get_no_further(self) -> None:
        for _ in range(FREE):
            self.tries.begin("ada", HOME)
        self.assertRaises(TooManyTries, self.tries.begin, "ada", HOME)

    def test_one_that_has_to_wait_is_not_counted(self) -> None:
        self.fail(times=FREE)
        for _ in range(100):
            self.assertRaises(TooManyTries, self.tries.begin, "ada", HOME)
        self.assertEqual(self.wait(), 1)
        self.clock.advance(0.25)
        self.assertEqual(self.wait(), 1)
        self.clock.advance(0.75)
        self.assertEqual(self.wait(), 0)

    def test_for_however_long_somebody_goes_on(self) -> None:
        self.fail(times=3_000)
        self.assertEqual(self.wait(), WAIT_SECONDS)

    def test_one_password_on_many_names(self) -> None:
        for number in range(FREE):
            self.fail(f"ada{number}")
        self.assertEqual(self.wait("bob"), 1)
        self.assertEqual(self.wait("bob", AWAY), 0)

    def test_a_name_from_many_addresses(self) -> None:
        waits = []
        for number in range(14):
            address = f"198.51.100.{number}"
            waits.append(self.wait(address=address))
            self.fail(address=address)
        self.assertEqual(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60])

    def test_whoever_has_a_network_of_addresses_has_one(self) -> None:
        for number in range(FREE):
            self.fail(f"ada{number}", f"2001:db8:0:1:{number}::1")
        self.assertEqual(self.wait("bob", "2001:db8:0:1:ffff:ffff:ffff:ffff"), 1)
        self.assertEqual(self.wait("bob", "2001:db8:0:2::1"), 0)

    def test_an_address_that_can_be_written_in_two_ways_is_one(self) -> None:
        for number in range(FREE):
            self.fail(f"ada{number}", f"::ffff:{HOME}")
        self.assertEqual(self.wait("bob", HOME), 1)

    def test_what_is_no_address_of_the_internet_is_one_too(self) -> None:
        for number in range(FREE):
            self.fail(f"ada{number}", "unix:peer")
        self.assertEqual((self.wait("bob", "unix:peer"), self.wait("bob", "unix:other")), (1, 0))


class ExemptTests(TriesTestCase):
    def test_the_address_does_not_count(self) -> None:
        for number in range(100):
            self.fail(f"ada{number}", None)
        self.assertEqual(self.wait("bob", None), 0)

    def test_the_name_does_and_is_never_locked_for_long(self) -> None:
        self.fail(address=None, times=FREE)
        self.assertEqual((self.wait(address=None), self.wait(address=AWAY)), (1, 1))
        self.fail(address=None, times=100)
        self.assertEqual(self.wait(address=None), NAME_WAIT_SECONDS)

    def test_nobody_is_known_there(self) -> None:
        self.succeed(address=None)
        self.fail(address=None, times=FREE)
        self.assertEqual(self.wait(address=None), 1)


class SuccessTests(TriesTestCase):
    def test_takes_back_what_failed_before_it(self) -> None:
        for address in (HOME, None):
            for _ in range(10):
                self.fail(address=address, times=FREE - 1)
                self.succeed(address=address)
            self.assertEqual(self.wait(address=address), 0)
        self.assertEqual(self.tries._counts, {})

    def test_and_nothing_else(self) -> None:
        """Who has an account guesses no faster by signing in now and then."""
        for number in range(FREE):
            self.fail(f"ada{number}")
            self.clock.advance(self.wait("eve"))
            self.succeed("eve")
        self.assertEqual(self.wait("bob"), 1)

    def test_what_failed_elsewhere_stays(self) -> None:
        self.fail(address=AWAY, times=FREE)
        self.succeed()
        self.assertEqual(self.wait(address=AWAY), 1)

    def test_one_that_could_not_be_looked_at_is_taken_back(self) -> None:
        self.fail(times=FREE - 1)
        for _ in range(10):
            self.tries.begin("ada", HOME)
            self.tries.withdraw("ada", HOME)
        self.tries.begin("ada", HOME)
        self.assertEqual(self.wait(), 1)


class OwnerTests(TriesTestCase):
    """Nobody locks somebody out by failing in their name."""

    def attack(self) -> None:
        for number in range(200):
            self.fail("ada", f"198.51.100.{number}")

    def test_is_let_in_where_they_have_signed_in_before(self) -> None:
        self.succeed()
        self.attack()
        self.assertEqual(self.wait(), 0)
        self.clock.advance(QUIET_SECONDS)
        self.attack()
        self.assertEqual((self.wait(), self.wait(address=AWAY)), (0, NAME_WAIT_SECONDS))

    def test_whatever_others_do_there(self) -> None:
        self.succeed()
        for number in range(20):
            self.fail(f"eve{number}")
        self.assertEqual(self.wait(), 0)
        self.assertEqual(self.wait("bob"), WAIT_SECONDS)

    def test_for_a_month(self) -> None:
        self.succeed()
        self.clock.advance(KNOWN_SECONDS)
        self.attack()
        self.assertEqual(self.wait(), NAME_WAIT_SECONDS)

    def test_where_somebody_guesses_from_the_same_address_they_wait(self) -> None:
        self.succeed()
        self.fail(times=FREE)
        self.assertEqual(self.wait(), 1)

    def test_anywhere_else_within_a_minute(self) -> None:
        self.attack()
        self.assertEqual(self.wait(), NAME_WAIT_SECONDS)
        self.clock.advance(NAME_WAIT_SECONDS)
        self.succeed()


class MemoryTests(TriesTestCase):
    def test_after_a_quiet_time_all_is_forgotten(self) -> None:
        self.fail(times=20)
        self.clock.advance(QUIET_SECONDS)
        self.fail("bob", AWAY)
        self.assertEqual(len(self.tries._counts), 3)
        self.assertEqual(self.wait(), 0)
        self.fail(times=FREE)
        self.assertEqual(self.wait(), 1)

    def test_the_oldest_go_where_there_are_too_many(self) -> None:
        with patch.object(tries_module, "REMEMBERED", 9):
            for number in range(10):
                self.fail(f"ada{number}", f"192.0.2.{number}")
            self.assertEqual({whose.name for whose in self.tries._counts} - {None}, {"ada7", "ada8", "ada9"})
            for number in range(10):
                self.tries.succeed(f"ada{number}", f"192.0.2.{number}")
        self.assertEqual(len(self.tries._known), 9)

    @settings(deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["begin", "succeed", "withdraw"]),
                st.sampled_from(["ada", "bob"]),
                st.sampled_from([HOME, AWAY, None]),
                st.sampled_from([0.0, 1.0, WAIT_SECONDS, QUIET_SECONDS]),
            )
        )
    )
    def test_no_count_is_ever_less_than_one_or_waits_for_ever(
        self, steps: list[tuple[str, str, str | None, float]]
    ) -> None:
        self.setUp()
        for step, name, address, seconds in steps:
            self.clock.advance(seconds)
            if step == "begin" and self.wait(name, address):
                continue
            getattr(self.tries, step)(name, address)
            self.assertTrue(all(count.failed >= 1 for count in self.tries._counts.values()))
        self.clock.advance(WAIT_SECONDS)
        self.assertEqual([self.wait(name, address) for name in ("ada", "bob") for address in (HOME, None)], [0] * 4)
