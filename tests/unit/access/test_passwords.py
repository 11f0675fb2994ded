"""Passwords, and the text of a file of their hashes."""

from __future__ import annotations

from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.passwords import (
    PASSWORD_BYTES,
    check_account,
    encode_password,
    hash_password,
    parse_entries,
    replace_entry,
)
from chatcomet.errors import Malformed
from tests.unit.access.cheap_hash import cheap_hash

HASH = cheap_hash("x")
OTHER = cheap_hash("y")


class PasswordTests(SynchronousTestCase):
    def test_is_text_in_its_composed_form(self) -> None:
        self.assertEqual(encode_password("cafe\u0301 "), "café ".encode())

    def test_has_a_length(self) -> None:
        self.assertEqual(len(encode_password("a" * PASSWORD_BYTES)), PASSWORD_BYTES)
        for text in ("", "a" * (PASSWORD_BYTES + 1), "é" * (PASSWORD_BYTES // 2 + 1), "\u1e9b\u0323" * 10_000_000):
            self.assertRaises(Malformed, encode_password, text)

    def test_is_text(self) -> None:
        self.assertRaises(Malformed, encode_password, "\udcff")

    @settings(deadline=None)
    @given(st.text(st.characters(codec=None, exclude_categories=())))
    def test_whatever_is_asked(self, text: str) -> None:
        try:
            password = encode_password(text)
        except Malformed:
            return
        self.assertTrue(1 <= len(password) <= PASSWORD_BYTES)
        self.assertEqual(encode_password(password.decode()), password)

    def test_its_hash_is_what_argon2_writes(self) -> None:
        hashed = hash_password(b"x")
        self.assertTrue(PasswordHasher().verify(hashed, b"x"))
        self.assertEqual(parse_entries(f"ada:{hashed}")["ada"].hash, hashed)


class AccountTests(SynchronousTestCase):
    def test_is_a_name(self) -> None:
        self.assertEqual(check_account(" Ａda Lovelace "), "Ada Lovelace")
        for text in ("", "a\nb", "a" * 33, "guest", "GUEST", "a:b", "a：b", "#ada", "＃ada"):
            self.assertRaises(Malformed, check_account, text)


class ParseTests(SynchronousTestCase):
    def assert_malformed(self, text: str, reason: str) -> None:
        error = self.assertRaises(Malformed, parse_entries, text)
        self.assertIn(reason, str(error))

    def test_a_file(self) -> None:
        text = f"# who may\n\nAda:{HASH}\n  \t\r\n bob lee : {OTHER} \r\n#eve:{OTHER}"
        entries = parse_entries(text)
        self.assertEqual(
            {key: (entry.name, entry.hash, entry.line) for key, entry in entries.items()},
            {"ada": ("Ada", HASH, 3), "bob lee": ("bob lee", OTHER, 5)},
        )

    def test_nobody(self) -> None:
        for text in ("", "\n", "# nobody yet\n"):
            self.assertEqual(parse_entries(text), {})

    def test_two_who_are_one(self) -> None:
        for name in ("ada", "ADA", "ａda"):
            self.assert_malformed(f"Ada:{HASH}\n\n{name}:{OTHER}\n", "line 3: ")

    def test_what_is_no_line(self) -> None:
        self.assert_malformed(f"ada:{HASH}\nbob", "line 2: this should be NAME:HASH")
        self.assert_malformed(f":{HASH}", "line 1: a name has")
        self.assert_malformed(f"Guest:{HASH}", "line 1: guest")
        self.assert_malformed(f"a\u200bb:{HASH}", "line 1: a name has no control")

    def test_what_is_no_hash_and_no_password_is_told(self) -> None:
        for wrong in (
            *("", "s3cret", "$2b$12$abc", "$6$salt$digest", HASH + "$", HASH + "=", HASH[1:], HASH[:-1] + "!"),
            *(HASH.replace("argon2id", "argon2x"), HASH.replace("m=8,t=1", "t=1,m=8"), HASH.replace("v=19", "v=99")),
            *(HASH.replace("t=1", "t=0"), HASH.replace("t=1", "t=100"), HASH.replace("p=1", "p=0"), HASH + HASH),
            *(HASH.replace("m=8", "m=+8"), HASH.replace("m=8", "m=８"), HASH.rsplit("$", 1)[0], HASH + ":x"),
        ):
            self.assert_malformed(f"ada:{wrong}", "line 1: what stands behind 'ada' is no Argon2 hash")
            error = self.assertRaises(Malformed, parse_entries, f"ada:{wrong}")
            self.assertNotIn("s3cret", str(error))

    def test_one_that_would_stop_the_machine(self) -> None:
        for memory in ("m=2097153", "m=9999999", "m=7"):
            self.assert_malformed("ada:" + HASH.replace("m=8", memory), "memory")
        self.assertIn("ada", parse_entries("ada:" + HASH.replace("m=8", "m=2097152")))

    def test_all_that_argon2_has_written_in_its_life(self) -> None:
        _, _, _, parameters, salt, digest = HASH.split("$")
        for kind in ("argon2i$v=19", "argon2d$v=19", "argon2id$v=16", "argon2id"):
            hashed = f"${kind}${parameters}${salt}${digest}"
            self.assertEqual(parse_entries(f"ada:{hashed}")["ada"].hash, hashed)

    def test_an_entry_shows_no_hash(self) -> None:
        self.assertNotIn("argon2", repr(parse_entries(f"ada:{HASH}")))

    @settings(deadline=None)
    @given(st.text(st.sampled_from("ada:\n#\r $argon2id$v=19$m=8,t=1,p=1$AAAA")) | st.text())
    def test_anything_else_is_malformed_or_nobody(self, text: str) -> None:
        try:
            entries = parse_entries(text)
        except Malformed:
            return
        self.assertTrue(all(entry.hash.startswith("$argon2") for entry in entries.values()))


class ReplaceTests(SynchronousTestCase):
    TEXT = f"# ours\n\nada:{HASH}\r\nbob:{HASH}"

    def test_a_line(self) -> None:
        self.assertEqual(replace_entry(self.TEXT, "Ada", OTHER), f"# ours\n\nAda:{OTHER}\nbob:{HASH}\n")

    def test_a_new_one(self) -> None:
        self.assertEqual(replace_entry(self.TEXT, "eve", OTHER), self.TEXT + f"\neve:{OTHER}\n")
        self.assertEqual(replace_entry("", "eve", OTHER), f"eve:{OTHER}\n")

    def test_one_less(self) -> None:
        self.assertEqual(replace_entry(self.TEXT, "ADA", None), f"# ours\n\nbob:{HASH}\n")
        self.assertEqual(replace_entry(f"ada:{HASH}\n", "ada", None), "")
        self.assertEqual(replace_entry(f"ada:{HASH}\n", "bob", None), f"ada:{HASH}\n")

    def test_what_is_no_such_file_stays(self) -> None:
        self.assertRaises(Malformed, replace_entry, "my thesis", "ada", OTHER)
