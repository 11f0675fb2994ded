"""Identity: what may be a name, and which names are one."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.identity import NAME_CHARACTERS, check_name, fold
from chatcomet.errors import Malformed


class NameTests(SynchronousTestCase):
    def test_is_kept_as_it_is(self) -> None:
        for name in ("a", "Ada Lovelace", "Ōta", "李小龍", "😀", "a" * NAME_CHARACTERS, "<b>", "'\"\\"):
            self.assertEqual(check_name(name), name)

    def test_is_trimmed(self) -> None:
        self.assertEqual(check_name(" \u00a0\t ada \n"), "ada")

    def test_takes_the_one_form_that_unicode_has_for_it(self) -> None:
        self.assertEqual(check_name("ａｄａ"), "ada")
        self.assertEqual(check_name("A\u030astro\u0308m"), "Åström")
        self.assertEqual(check_name("ﬁn"), "fin")

    def test_is_measured_in_that_form(self) -> None:
        self.assertEqual(check_name("e\u0301" * NAME_CHARACTERS), "é" * NAME_CHARACTERS)
        self.assertRaises(Malformed, check_name, "ﬁ" * (NAME_CHARACTERS // 2 + 1))
        self.assertRaises(Malformed, check_name, "\ufdfa" * 2)

    def test_has_a_length(self) -> None:
        for text in ("", " ", "\u3000\u2003", "a" * (NAME_CHARACTERS + 1)):
            self.assertRaises(Malformed, check_name, text)

    def test_has_nothing_that_cannot_be_seen(self) -> None:
        for character in "\x00\x1f\n\t\x7f\x85\u00ad\u200b\u200d\u202e\u2066\u2028\u2029\ufeff\ud800\U000e0041":
            self.assertRaises(Malformed, check_name, f"a{character}b")

    @settings(deadline=None)
    @given(st.text(st.characters(codec=None, exclude_categories=())))
    def test_is_stable_short_and_visible_whatever_is_asked(self, text: str) -> None:
        try:
            name = check_name(text)
        except Malformed:
            return
        self.assertEqual(check_name(name), name)
        self.assertTrue(1 <= len(name) <= NAME_CHARACTERS)
        self.assertFalse({unicodedata.category(character) for character in name} & {"Cc", "Cf", "Cs", "Zl", "Zp"})
        name.encode()


class FoldTests(SynchronousTestCase):
    def test_case_tells_nobody_apart(self) -> None:
        for one, other in (("Ada", "aDA"), ("STRASSE", "straße"), ("ΟΔΥΣΣΕΎΣ", "οδυσσεύς"), ("Å", "\u212b")):
            self.assertEqual(fold(check_name(one)), fold(check_name(other)))

    def test_other_letters_do(self) -> None:
        self.assertNotEqual(fold("ada"), fold("adà"))

    @settings(deadline=None)
    @given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=NAME_CHARACTERS))
    def test_folding_again_changes_nothing(self, text: str) -> None:
        try:
            folded = fold(check_name(text))
        except Malformed:
            return
        self.assertEqual(fold(folded), folded)
