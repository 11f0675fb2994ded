"""Settings: rates, as the command line has them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.errors import Malformed
from chatcomet.settings import Rate, Settings


class RateTests(SynchronousTestCase):
    def test_as_they_are_written(self) -> None:
        for text, per_second, burst in (
            *(("10/s", 10.0, 10), ("10/s:30", 10.0, 30), ("30/min", 0.5, 30), ("90/h", 0.025, 90)),
            *(("1/h:1", 1 / 3600, 1), ("999999/s:999999", 999_999.0, 999_999)),
        ):
            self.assertEqual(Rate.parse(text), Rate(per_second, burst))

    def test_of_several(self) -> None:
        self.assertEqual(Rate(0.5, 3).times(10), Rate(5.0, 30))

    def test_what_is_none(self) -> None:
        for text in (
            *("", "0", "10", "0/s", "10/", "/s", "10/S", "10/d", "10/30", "-1/s", "1.5/s", "010/s", "1e3/s", "10 /s"),
            *("10/s:", "10/s:0", "10/s:x", "10/s:30:1", "1000000/s", "10/s:1000000", "١/s", "10/s\n", "inf/s"),
        ):
            error = self.assertRaises(Malformed, Rate.parse, text)
            self.assertIn("10/s:30", str(error))

    def test_are_shown_as_they_are_written(self) -> None:
        shown = [str(rate) for rate in (Settings().post_rate, Settings().session_rate, Settings().room_rate)]
        self.assertEqual(shown, ["10/s:30", "10/min", "20/h"])
        self.assertEqual(str(Rate.parse("90/min")), "90/min")

    @settings(deadline=None)
    @given(st.integers(1, 999_999), st.sampled_from(["s", "min", "h"]), st.integers(1, 999_999))
    def test_what_is_shown_is_read_again(self, count: int, unit: str, burst: int) -> None:
        rate = Rate.parse(f"{count}/{unit}:{burst}")
        again = Rate.parse(str(rate))
        self.assertEqual(again.burst, burst)
        self.assertAlmostEqual(again.per_second, rate.per_second, places=9)
