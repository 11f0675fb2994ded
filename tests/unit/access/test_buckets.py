"""Buckets: GCRA lets in what a bucket of tokens would, and keeps little."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.buckets import Buckets
from chatcomet.settings import Rate

TEN = Rate(10.0, 30)
# All of these are exact in binary, so that the model and the code have nothing to round.
RATES = st.builds(Rate, st.sampled_from([0.25, 0.5, 1.0, 2.0, 8.0]), st.integers(1, 5))
PAUSES = st.integers(0, 64).map(lambda eighths: eighths / 8)


class Tokens:
    """A bucket as one would write it first: it is full of `burst` tokens, and one falls in `per_second` times."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.tokens = float(rate.burst)

    def wait(self, seconds: float) -> None:
        self.tokens = min(self.rate.burst, self.tokens + seconds * self.rate.per_second)

    def take(self) -> float:
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        return (1 - self.tokens) / self.rate.per_second


class BucketsTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.buckets = Buckets(self.clock)

    def taken(self, tries: int, rate: Rate = TEN, key: str = "ada") -> int:
        """How many of so many tries are let in now."""
        return sum(self.buckets.take(key, rate) == 0 for _ in range(tries))


class TakeTests(BucketsTestCase):
    def test_a_burst_and_then_evenly(self) -> None:
        self.assertEqual(self.taken(100), 30)
        for seconds, more in ((0.1, 1), (0.05, 0), (0.05, 1), (1.0, 10), (3.0, 30), (1_000.0, 30)):
            self.clock.advance(seconds)
            self.assertEqual(self.taken(100), more, seconds)

    def test_says_when_there_is_one_again(self) -> None:
        self.assertEqual(self.taken(30), 30)
        self.assertAlmostEqual(self.buckets.take("ada", TEN), 0.1)
        self.clock.advance(0.04)
        self.assertAlmostEqual(self.buckets.take("ada", TEN), 0.06)
        self.clock.advance(0.06)
        self.assertEqual(self.buckets.take("ada", TEN), 0.0)

    def test_whoever_is_refused_does_not_wait_for_longer(self) -> None:
        self.taken(30)
        for _ in range(9):
            self.clock.advance(0.01)
            self.assertEqual(self.taken(1_000), 0)
        self.clock.advance(0.01)
        self.assertEqual(self.taken(1_000), 1)

    def test_whoever_comes_in_time_is_never_refused(self) -> None:
        """However much is rounded: a tenth is no number of binary digits."""
        self.taken(30)
        for _ in range(10_000):
            self.clock.advance(0.1)
            self.assertEqual(self.taken(1), 1)

    def test_each_has_its_own(self) -> None:
        self.assertEqual(self.taken(100), 30)
        self.assertEqual(self.taken(100, key="bob"), 30)

    def test_ten_a_minute_and_twenty_an_hour(self) -> None:
        for rate, at_once, until_the_next in ((Rate(10 / 60, 10), 10, 6), (Rate(20 / 3600, 20), 20, 180)):
            self.assertEqual(self.taken(100, rate, str(rate)), at_once)
            self.assertAlmostEqual(self.buckets.take(str(rate), rate), until_the_next)

    def test_one_at_a_time(self) -> None:
        rate = Rate(2.0, 1)
        self.assertEqual(self.taken(9, rate), 1)
        self.clock.advance(0.5)
        self.assertEqual(self.taken(9, rate), 1)

    def test_another_rate_holds_at_once(self) -> None:
        slow = Rate(0.00001, 3)
        self.assertEqual(self.taken(9, slow), 3)
        self.assertGreater(self.buckets.take("ada", slow), 99_999)
        self.assertLessEqual(self.buckets.take("ada", TEN), 0.1)
        self.clock.advance(0.1)
        self.assertEqual(self.taken(9), 1)

    def test_what_is_given_back_can_be_taken_again(self) -> None:
        self.assertEqual(self.taken(100), 30)
        for _ in range(2):
            self.buckets.give_back("ada", TEN)
        self.assertEqual(self.taken(100), 2)
        self.clock.advance(0.1)
        self.assertEqual(self.taken(100), 1)

    def test_never_more_is_given_back_than_there_was(self) -> None:
        self.taken(1)
        self.clock.advance(100)
        self.buckets.give_back("ada", TEN)
        self.assertEqual(self.taken(100), 30)
        self.buckets.give_back("nobody", TEN)
        self.assertEqual(self.taken(100, key="nobody"), 30)

    @settings(deadline=None)
    @given(RATES, st.lists(st.tuples(PAUSES, st.integers(1, 7)), max_size=20))
    def test_lets_in_what_a_bucket_of_tokens_would(self, rate: Rate, tries: list[tuple[float, int]]) -> None:
        clock = Clock()
        buckets, tokens = Buckets(clock), Tokens(rate)
        for pause, count in tries:
            clock.advance(pause)
            tokens.wait(pause)
            for _ in range(count):
                self.assertEqual(buckets.take("ada", rate), tokens.take())


class MemoryTests(BucketsTestCase):
    def test_full_ones_are_forgotten(self) -> None:
        for number in range(1_000):
            self.taken(1, key=str(number))
        self.clock.advance(0.1)
        for number in range(500):
            self.taken(1, key=f"later {number}")
        self.assertEqual(len(self.buckets), 500)

    def test_forgetting_takes_no_long_moment(self) -> None:
        """However many there are to forget, each who comes pays for two."""
        for number in range(1_000):
            self.taken(1, key=str(number))
        self.clock.advance(10)
        self.taken(1)
        self.assertEqual(len(self.buckets), 999)

    def test_those_that_are_in_use_are_kept(self) -> None:
        self.taken(30)
        for number in range(100):
            self.clock.advance(0.001)
            self.taken(1, key=str(number))
        self.assertEqual(self.taken(9), 1)

    def test_there_are_so_many_at_most_and_the_oldest_go(self) -> None:
        self.buckets = Buckets(self.clock, keys=3)
        for key in "abc":
            self.assertEqual(self.taken(100, key=key), 30)
        self.clock.advance(0.1)
        self.assertEqual(self.taken(100, key="a"), 1)
        self.assertEqual(self.taken(100, key="d"), 30)
        self.assertEqual(len(self.buckets), 3)
        for key, taken in (("a", 0), ("d", 0), ("c", 1), ("b", 30)):
            self.assertEqual(self.taken(100, key=key), taken, key)

    def test_whoever_is_refused_takes_no_place(self) -> None:
        self.buckets = Buckets(self.clock, keys=3)
        for key in "abc":
            self.taken(30, key=key)
        self.taken(100, key="a")
        self.taken(1, key="d")
        self.assertEqual(self.taken(100, key="b"), 0)
        self.assertEqual(self.taken(100, key="a"), 30)
