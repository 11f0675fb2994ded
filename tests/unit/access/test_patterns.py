"""Patterns: which room names they match, and that none takes long."""

from __future__ import annotations

import re
import time
from fnmatch import fnmatchcase

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.patterns import PATTERN_CHARACTERS, check_pattern, matches
from chatcomet.errors import Malformed

FEW = "ab.-"  # the fewer characters, the more coincidences


class MatchTests(SynchronousTestCase):
    def assert_matches(self, pattern: str, names: tuple[str, ...], others: tuple[str, ...]) -> None:
        self.assertEqual([name for name in (*names, *others) if matches(pattern, name)], list(names))

    def test_a_name_is_itself(self) -> None:
        self.assert_matches("lobby", ("lobby",), ("lobb", "lobbyy", "1lobby", ""))

    def test_a_star_is_any_run_also_an_empty_one(self) -> None:
        self.assert_matches("*", ("a", "lobby", "a.b-c_d", ""), ())
        self.assert_matches("team-*", ("team-", "team-1", "team-a-b"), ("team", "a-team-1", "teams-1"))
        self.assert_matches("*-team", ("-team", "a-team"), ("team", "a-team-"))
        self.assert_matches("a*b*c", ("abc", "axbxc", "abbcc", "abcbc"), ("ab", "ac", "acb", "abcd"))

    def test_of_many_too(self) -> None:
        self.assert_matches("a**b", ("ab", "axb"), ("a", "b"))
        self.assert_matches("**", ("", "a"), ())

    def test_the_parts_do_not_overlap(self) -> None:
        self.assert_matches("ab*ba", ("abba", "abxba"), ("aba",))
        self.assert_matches("a*aa*a", ("aaaa", "aaaaa"), ("aaa", "aa"))

    def test_nothing_else_is_special(self) -> None:
        self.assert_matches("a.c", ("a.c",), ("abc",))
        self.assert_matches("[ab]*", (), ("a", "b", "ab"))

    def test_it_is_the_whole_name(self) -> None:
        self.assert_matches("a", ("a",), ("a\n", "\na", "b\na"))
        self.assert_matches("a*b", ("a\nb",), ("a\nb\n",))

    @settings(deadline=None, max_examples=300)
    @given(st.text(FEW + "*", max_size=12), st.text(FEW, max_size=12))
    @example("*a*a*a*b", "aaaaaaaa")
    def test_is_what_a_shell_does(self, pattern: str, name: str) -> None:
        self.assertEqual(matches(pattern, name), fnmatchcase(name, pattern))

    @settings(deadline=None)
    @given(st.lists(st.text(FEW, max_size=4), min_size=1, max_size=6), st.data())
    def test_matches_what_was_made_from_it(self, parts: list[str], data: st.DataObject) -> None:
        name = parts[0]
        for part in parts[1:]:
            name += data.draw(st.text(FEW, max_size=4)) + part
        self.assertTrue(matches("*".join(parts), name))

    @settings(deadline=None)
    @given(st.text("ab*", max_size=6), st.text("ab*", max_size=6), st.text("ab", max_size=6))
    def test_what_matches_a_pattern_matches_its_names(self, wide: str, narrow: str, name: str) -> None:
        if matches(wide, narrow) and matches(narrow, name):
            self.assertTrue(matches(wide, name))

    @settings(deadline=None)
    @given(st.text("ab*", max_size=6), st.text("ab*", max_size=6))
    def test_what_does_not_match_a_pattern_misses_some_of_its_names(self, wide: str, narrow: str) -> None:
        if not matches(wide, narrow):
            self.assertFalse(matches(wide, narrow.replace("*", "c" * 9)))

    def test_none_takes_long(self) -> None:
        name = "a" * 64
        for pattern in ("*a" * 64, "*a" * 32 + "*b", "*" * 128, "a*" * 63 + "b*", "*" + "aa*" * 42 + "ab"):
            began = time.thread_time()
            for _ in range(100):
                matches(pattern, name)
            self.assertLess(time.thread_time() - began, 0.5, pattern)


class CheckTests(SynchronousTestCase):
    def test_what_may_be_one(self) -> None:
        for text in ("*", "lobby", "team-*", "*.log", "a_b-c.9", "-*", "*" * PATTERN_CHARACTERS):
            self.assertEqual(check_pattern(text), text)

    def test_what_may_not(self) -> None:
        texts = ("", "Lobby", "a b", "a/b", "ä", "a?", "[ab]", "a\n", "\n", "٣", "a" * (PATTERN_CHARACTERS + 1))
        for text in (*texts, None, 7, b"a", ["a"]):
            error = self.assertRaises(Malformed, check_pattern, text)
            self.assertRegex(str(error), r"no pattern of rooms: that is 1 to 128 of a-z")
            self.assertLess(len(str(error)), 200)

    @settings(deadline=None)
    @given(st.text(st.characters(codec=None, exclude_categories=())))
    def test_is_what_a_room_name_may_have_and_stars(self, text: str) -> None:
        try:
            check_pattern(text)
        except Malformed:
            return
        self.assertTrue(re.fullmatch(r"[a-z0-9._*-]+", text, re.ASCII))
