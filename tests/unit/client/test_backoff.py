"""How long to wait before asking again."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.client.backoff import delay, parse_retry_after

DATE = "Sun, 22 Nov 2026 22:00:00 GMT"


class DelayTests(SynchronousTestCase):
    def test_it_doubles_up_to_its_cap(self) -> None:
        self.assertEqual([delay(failures, 1.0) for failures in range(7)], [1, 2, 4, 8, 16, 30, 30])

    def test_it_is_jittered_after_the_cap(self) -> None:
        self.assertEqual([delay(100_000, luck) for luck in (0.0, 0.5, 1.0)], [15, 22.5, 30])

    def test_it_is_never_less_than_what_the_server_asks_for(self) -> None:
        self.assertEqual(delay(0, 0.0, retry_after=7), 7)
        self.assertEqual(delay(0, 0.5, retry_after=7), 7.5)
        self.assertEqual(delay(9, 1.0, retry_after=7), 30)


class RetryAfterTests(SynchronousTestCase):
    def test_seconds(self) -> None:
        self.assertEqual(parse_retry_after("7", DATE), 7)
        self.assertEqual(parse_retry_after(" 0 ", None), 0)

    def test_a_moment_is_taken_by_the_server_s_clock(self) -> None:
        self.assertEqual(parse_retry_after("Sun, 22 Nov 2026 22:01:30 GMT", DATE), 90)
        self.assertEqual(parse_retry_after("Sun, 22 Nov 2026 21:01:30 GMT", DATE), 0)
        self.assertIsNone(parse_retry_after("Sun, 22 Nov 2026 22:01:30 GMT", None))

    def test_more_than_five_minutes_are_five_minutes(self) -> None:
        self.assertEqual(parse_retry_after("86400", DATE), 300)

    def test_what_is_neither_is_nothing(self) -> None:
        for header in (None, "", "soon", "-1", "1.5", "9" * 40, "Sun, 99 Nov 2026 22:01:30 GMT"):
            self.assertIsNone(parse_retry_after(header, DATE), header)
