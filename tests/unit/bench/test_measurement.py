"""What was measured: kept by part, server, place and turn, and over a file."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.measurement import Measurement, Measurements


def taken() -> Measurements:
    """Two servers, two places, two turns; one of them failed once."""
    return Measurements(
        [
            Measurement("polls", "chatcomet", 1000, 0, {"cpu_us": 20.0}),
            Measurement("polls", "Nchan", 1000, 0, {"cpu_us": 40.0}),
            Measurement("polls", "chatcomet", 1000, 1, {"cpu_us": 30.0}),
            Measurement("polls", "Nchan", 1000, 1, {"cpu_us": 50.0}),
            Measurement("polls", "chatcomet", 200, 0, {"cpu_us": 10.0}),
            Measurement("polls", "Nchan", 200, 0, fault="one was lost"),
            Measurement("posts", "chatcomet", 64, 0, {"per_second": 9.0}),
        ]
    )


class MeasurementTests(SynchronousTestCase):
    def test_no_figures_beside_a_fault(self) -> None:
        self.assertRaises(ValueError, Measurement, "polls", "Nchan", 1, 0, {"cpu_us": 1.0}, "one was lost")


class MeasurementsTests(SynchronousTestCase):
    def test_who_and_where(self) -> None:
        polls = taken().of("polls")
        self.assertEqual((polls.servers, polls.places), (["chatcomet", "Nchan"], [200, 1000]))

    def test_turn_by_turn(self) -> None:
        polls = taken().of("polls")
        self.assertEqual(polls.turns("Nchan", 1000, "cpu_us"), {0: 40.0, 1: 50.0})
        self.assertEqual(polls.turns("Nchan", 1000, "last_ms"), {})
        self.assertEqual(polls.turns("Nchan", 200, "cpu_us"), {})

    def test_who_failed(self) -> None:
        self.assertEqual([each.fault for each in taken().faults], ["one was lost"])
        self.assertTrue(taken().of("polls").failed("Nchan", 200))
        self.assertFalse(taken().of("polls").failed("Nchan", 1000))

    def test_over_a_file(self) -> None:
        path = Path(self.mktemp())
        taken().save(path)
        self.assertEqual(list(Measurements.load(path)), list(taken()))
