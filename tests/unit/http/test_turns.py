"""Turns: little is heard at once, and much in turn, a share of each."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.http.turns import FRAMES, SHARE, Turns


class _Speaker:
    def __init__(self, name: str, heard: list[tuple[str, int]], frames: int = 0) -> None:
        self.name = name
        self.frames = frames
        self.is_choked = self.is_cut = self.is_faulty = False
        self._heard = heard

    @property
    def has_more(self) -> bool:
        return self.frames > 0 and not self.is_choked

    def hear_some(self, most: int) -> int:
        if self.is_faulty:
            raise RuntimeError
        count = min(most, self.frames)
        self.frames -= count
        self._heard.append((self.name, count))
        return count

    def cut(self) -> None:
        self.is_cut = True


class TurnsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.turns = Turns(self.clock)
        self.heard: list[tuple[str, int]] = []

    def say(self, name: str, frames: int) -> _Speaker:
        """Somebody says so much."""
        speaker = _Speaker(name, self.heard, frames)
        self.turns.take(speaker)
        return speaker

    def turn(self) -> list[tuple[str, int]]:
        """What is heard in the next turn of the reactor: with a `Clock` all of them would come in one."""
        self.heard.clear()
        calls, self.clock.calls = self.clock.calls, []
        for call in calls:
            call.func()
        return list(self.heard)

    def test_little_is_heard_at_once(self) -> None:
        self.say("ada", FRAMES - 1)
        self.say("bob", 1)
        self.assertEqual(self.heard, [("ada", FRAMES - 1), ("bob", 1)])

    def test_much_is_heard_in_the_next_turns(self) -> None:
        self.say("ada", 2 * FRAMES + 1)
        self.assertEqual(self.heard, [("ada", FRAMES)])
        self.assertEqual(self.turn(), [("ada", SHARE)] * (FRAMES // SHARE))
        self.assertEqual(self.turn(), [("ada", 1)])
        self.assertEqual(self.turn(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [], "nothing turns when there is nothing to hear")

    def test_a_turn_is_for_all_together(self) -> None:
        self.say("ada", FRAMES)
        self.say("bob", 1)
        self.assertEqual(self.heard, [("ada", FRAMES)])
        self.assertEqual(self.turn(), [("bob", 1)])
        self.say("ada", FRAMES)
        self.assertEqual(self.heard[1:], [("ada", FRAMES - 1)])

    def test_each_has_a_share(self) -> None:
        self.say("ada", 1_000)
        self.say("bob", 2 * SHARE)
        self.say("eve", 1)
        self.assertEqual(self.turn(), [("ada", SHARE), ("bob", SHARE), ("eve", 1), ("ada", SHARE), ("bob", SHARE - 1)])
        self.assertEqual(self.turn()[:2], [("ada", SHARE), ("bob", 1)])

    def test_who_says_more_while_others_wait_does_not_come_sooner(self) -> None:
        ada, bob = self.say("ada", FRAMES + 1), self.say("bob", 1)
        bob.frames += 1
        self.turns.take(bob)
        self.turns.take(ada)
        self.assertEqual(self.turn(), [("ada", 1), ("bob", 2)])

    def test_who_takes_nothing_is_not_heard(self) -> None:
        self.say("ada", FRAMES)
        bob = self.say("bob", 2)
        bob.is_choked = True
        self.assertEqual(self.turn(), [])
        bob.is_choked = False
        self.turns.take(bob)
        self.assertEqual(self.heard, [("bob", 2)])

    def test_who_has_gone_is_not_heard(self) -> None:
        ada, bob = self.say("ada", FRAMES + 1), self.say("bob", 1)
        ada.frames = 0
        self.assertEqual(self.turn(), [("bob", 1)])
        self.assertEqual(bob.frames, 0)

    def test_a_fault_is_that_of_one_alone(self) -> None:
        ada, bob = self.say("ada", FRAMES + 1), self.say("bob", FRAMES)
        ada.is_faulty = True
        self.assertEqual(sum(count for _, count in self.turn()), FRAMES)
        self.assertEqual((ada.is_cut, bob.frames), (True, 0))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
