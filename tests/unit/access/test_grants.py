"""Grants: what they allow, what is none, and what is remembered."""

from __future__ import annotations

import json
import time
import timeit
from fnmatch import fnmatchcase

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.grants import _ROOMS, ACTIONS, PATTERNS, Action, Grants
from chatcomet.errors import Malformed

OBJECTS = st.dictionaries(
    st.text("ab*", min_size=1, max_size=5), st.lists(st.sampled_from(ACTIONS), max_size=5), max_size=5
)


def granted(grants: Grants, room: str) -> list[Action]:
    """All that may be done in a room."""
    return [action for action in ACTIONS if grants.may(action, room)]


class MayTests(SynchronousTestCase):
    def test_none_allow_nothing(self) -> None:
        self.assertEqual(granted(Grants(), "lobby"), [])
        self.assertEqual(granted(Grants.parse({}), "lobby"), [])

    def test_where_a_pattern_matches(self) -> None:
        grants = Grants.parse({"team-*": ["read", "post"], "lobby": ["read"]})
        self.assertEqual(granted(grants, "team-1"), ["read", "post"])
        self.assertEqual(granted(grants, "lobby"), ["read"])
        self.assertEqual(granted(grants, "lobby2"), [])

    def test_all_patterns_that_match_together(self) -> None:
        grants = Grants.parse({"*": ["read"], "team-*": ["post"], "*-a": ["moderate"]})
        self.assertEqual(granted(grants, "team-a"), ["read", "post", "moderate"])
        self.assertEqual(granted(grants, "team-b"), ["read", "post"])

    def test_none_implies_another(self) -> None:
        for action in ACTIONS:
            self.assertEqual(granted(Grants.parse({"*": [action]}), "lobby"), [action])

    @settings(deadline=None)
    @given(OBJECTS, st.lists(st.text("ab", min_size=1, max_size=5), max_size=50))
    def test_is_the_same_however_often_and_in_what_order_it_is_asked(
        self, value: dict[str, list[Action]], rooms: list[str]
    ) -> None:
        grants = Grants.parse(value)
        for room in [*rooms, *reversed(rooms)]:
            expected = {
                action for pattern, actions in value.items() if fnmatchcase(room, pattern) for action in actions
            }
            self.assertEqual(set(granted(grants, room)), expected)


class ParseTests(SynchronousTestCase):
    def assert_malformed(self, value: object, reason: str) -> None:
        error = self.assertRaises(Malformed, Grants.parse, value)
        self.assertIn(reason, str(error))
        self.assertLess(len(str(error)), 250)

    def test_goes_there_and_back(self) -> None:
        value = {"team-*": ["post", "read"], "a": ["as", "moderate", "as"]}
        written = json.loads(json.dumps(Grants.parse(value).to_object()))
        self.assertEqual(list(written.items()), [("a", ["moderate", "as"]), ("team-*", ["read", "post"])])

    @settings(deadline=None)
    @given(OBJECTS)
    def test_whatever_it_is(self, value: dict[str, list[Action]]) -> None:
        grants = Grants.parse(value)
        self.assertEqual(Grants.parse(json.loads(json.dumps(grants.to_object()))), grants)
        self.assertEqual(Grants.parse(dict(reversed(value.items()))), grants)

    def test_a_pattern_with_no_actions_is_left_out(self) -> None:
        self.assertEqual(Grants.parse({"a": [], "b": ["read"]}), Grants.parse({"b": ["read"]}))

    def test_what_is_no_object(self) -> None:
        for value in (None, [], ["read"], "*", 7, True, [["*", ["read"]]]):
            self.assert_malformed(value, "an object, from room pattern to a list of actions")

    def test_what_is_no_list(self) -> None:
        odd: tuple[object, ...] = (None, "read", {"read": True}, 7, True)
        for value in odd:
            self.assert_malformed({"*": value}, "'*' should be a list of actions")

    def test_what_is_no_action(self) -> None:
        odd: tuple[object, ...] = ("raed", "READ", "read ", "", "*", "admin", None, 0, True, ["read"], {}, "x" * 9_999)
        for value in odd:
            self.assert_malformed({"*": ["read", value]}, "one of read, post, moderate, as")

    def test_what_is_no_pattern(self) -> None:
        for pattern in ("", "Lobby", "a/b", "x" * 9_999, 7, None):
            self.assert_malformed({pattern: ["read"]}, "no pattern of rooms")

    def test_too_many(self) -> None:
        value = {f"room-{number}": ["read"] for number in range(PATTERNS)}
        self.assertEqual(len(Grants.parse(value).rules), PATTERNS)
        self.assert_malformed({**value, "*": ["read"]}, "256 room patterns at most")

    @settings(deadline=None)
    @given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=9), lambda some: st.lists(some)))
    def test_whatever_else_it_is(self, value: object) -> None:
        for odd in (value, {"*": value}, {"*": [value]}):
            try:
                Grants.parse(odd)
            except Malformed:
                continue
            self.assertIn(odd, ({"*": []}, *({"*": [action]} for action in ACTIONS)))


class MemoryTests(SynchronousTestCase):
    def test_a_look_at_a_room_of_before_is_quick(self) -> None:
        grants = Grants.parse({f"*a{number}*b*": ["read"] for number in range(PATTERNS)})
        self.assertFalse(grants.may("read", "a" * 64))
        seconds = (
            min(timeit.repeat(lambda: grants.may("read", "a" * 64), number=1_000, repeat=20, timer=time.thread_time))
            / 1_000
        )
        self.assertLess(seconds, 5e-6)  # 0.1 µs mostly; to look at all patterns takes some 300

    def test_only_so_many_rooms_are_remembered(self) -> None:
        grants = Grants.parse({"room-1*": ["read"]})
        for number in range(10 * _ROOMS):
            self.assertEqual(grants.may("read", f"room-{number}"), str(number).startswith("1"))
            self.assertLessEqual(len(grants._seen), _ROOMS)

    def test_what_was_asked_makes_no_difference_between_equals(self) -> None:
        one, other = Grants.parse({"*": ["read"]}), Grants.parse({"*": ["read"]})
        one.may("read", "lobby")
        self.assertEqual((one, hash(one), repr(one)), (other, hash(other), repr(other)))
