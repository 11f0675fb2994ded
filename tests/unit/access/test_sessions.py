"""Sessions: who is known again, and whose a name is."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access import sessions as sessions_module
from chatcomet.access.identity import Session
from chatcomet.access.sessions import HOLD_NAME_SECONDS, KEY_BYTES, LIFE_SECONDS, RENEW_SECONDS, read_key
from chatcomet.errors import Malformed, StartRefused
from tests.unit.access.sessions_case import NOON, SessionsTestCase, signed


class NameTests(SessionsTestCase):
    def test_a_name_belongs_to_one(self) -> None:
        self.sessions.sign_in("Ada", None)
        for name in ("Ada", "ADA", " ada ", "ａｄａ"):
            self.assert_taken(name)

    def test_nobody_is_guest(self) -> None:
        for name in ("guest", "GUEST", "Ｇuest"):
            self.assert_taken(name)
        self.assertEqual(self.sessions.sign_in("guest1", None).name, "guest1")

    def test_what_is_no_name(self) -> None:
        self.assertRaises(Malformed, self.sessions.sign_in, "", None)

    def test_each_session_has_an_id_of_its_own(self) -> None:
        ids = {self.sessions.sign_in(f"ada{number}", None).id for number in range(100)}
        self.assertEqual(len(ids), 100)
        self.assertTrue(all(len(id_) >= 20 for id_ in ids))

    def test_signing_in_again_under_ones_name(self) -> None:
        ada = self.sessions.sign_in("ada", None)
        self.now += 60
        self.assertEqual(self.sessions.sign_in("Ada", ada), Session(ada.id, "Ada", self.now))
        self.assert_taken("ada")

    def test_whoever_is_renamed_lets_go_of_the_old_name(self) -> None:
        ada = self.sessions.sign_in("ada", None)
        self.sessions.sign_in("bob", ada)
        self.sessions.sign_in("ada", None)
        self.assert_taken("bob")

    def test_a_refused_name_leaves_the_old_one(self) -> None:
        ada = self.sessions.sign_in("ada", None)
        self.sessions.sign_in("bob", None)
        self.assert_taken("bob", ada)
        self.assertTrue(self.sessions.holds_name(ada))
        self.assert_taken("ada")

    def test_an_unused_name_is_free_after_a_while(self) -> None:
        ada = self.sessions.sign_in("ada", None)
        self.clock.advance(HOLD_NAME_SECONDS - 0.1)
        self.assert_taken("ada")
        self.clock.advance(0.1)
        other = self.sessions.sign_in("ada", None)
        self.assertFalse(self.sessions.holds_name(ada))
        self.assertTrue(self.sessions.holds_name(other))

    def test_a_refused_attempt_is_no_use_of_it(self) -> None:
        self.sessions.sign_in("ada", None)
        self.clock.advance(HOLD_NAME_SECONDS / 2)
        self.assert_taken("ada")
        self.clock.advance(HOLD_NAME_SECONDS / 2)
        self.sessions.sign_in("ada", None)

    def test_a_use_keeps_it(self) -> None:
        ada = self.sessions.sign_in("ada", None)
        for _ in range(3):
            self.clock.advance(HOLD_NAME_SECONDS - 1)
            self.assertTrue(self.sessions.holds_name(ada))
        self.assert_taken("ada")

    def test_uses_are_noted_to_the_second(self) -> None:
        ada = self.sessions.sign_in("ada", None)
        first, noted = self.sessions._holders["ada"], sessions_module._SEEN_SECONDS
        self.clock.advance(noted / 2)
        self.assertTrue(self.sessions.holds_name(ada))
        self.assertIs(self.sessions._holders["ada"], first)
        self.clock.advance(noted / 2)
        self.assertTrue(self.sessions.holds_name(ada))
        self.assertEqual(self.sessions._holders["ada"].seen, noted)

    def test_a_name_that_was_used_just_now_is_let_go_of_at_once(self) -> None:
        ada, bob = self.sessions.sign_in("ada", None), self.sessions.sign_in("bob", None)
        self.sessions.sign_out(ada)
        self.accounts.names.add("bob")
        self.assertNotEqual(self.sessions.sign_in("ada", None).id, ada.id)
        self.assertEqual((self.sessions.holds_name(ada), self.sessions.holds_name(bob)), (False, False))

    def test_the_wall_clock_frees_no_name(self) -> None:
        self.sessions.sign_in("ada", None)
        self.now += HOLD_NAME_SECONDS
        self.assert_taken("ada")

    def test_whoever_comes_back_late_has_it_again_unless_it_is_taken(self) -> None:
        ada = self.sessions.sign_in("ada", None)
        self.clock.advance(2 * HOLD_NAME_SECONDS)
        self.assertTrue(self.sessions.holds_name(ada))
        self.assert_taken("ada")

    def test_after_a_restart_the_first_who_comes_has_it(self) -> None:
        ada = self.sessions.sign_in("ada", None)
        self.sessions = self.restarted()
        self.assertTrue(self.sessions.holds_name(ada))
        self.assert_taken("ada")


class RenewTests(SessionsTestCase):
    def test_not_before_it_is_time(self) -> None:
        ada = self.sessions.sign_in("ada", None)
        for seconds in (0.0, RENEW_SECONDS - 0.5):
            self.now = NOON + seconds
            self.assertIsNone(self.sessions.renew(ada))

    def test_then_the_same_one_lives_as_long_again(self) -> None:
        for session in (self.sessions.sign_in("Ada", None), self.sessions.admit("bob", None)):
            self.now = NOON + RENEW_SECONDS
            renewed = self.sessions.renew(session)
            assert renewed is not None
            self.assertEqual(renewed, replace(session, issued=self.now))
            self.assertTrue(self.sessions.holds_name(renewed))
            self.now += LIFE_SECONDS - 1
            self.assertIsNone(self.sessions.recall(self.sessions.cookie(session)))
            self.assertEqual(self.sessions.recall(self.sessions.cookie(renewed)), renewed)
            self.now = NOON


class CookieTests(SessionsTestCase):
    def test_is_known_again(self) -> None:
        ada = self.sessions.sign_in("Ada 😀", None)
        cookie = self.sessions.cookie(ada)
        recalled = self.sessions.recall(cookie)
        self.assertEqual(recalled, ada)
        self.assertIs(self.sessions.recall(cookie), recalled)

    def test_outlives_a_restart(self) -> None:
        for ada in (self.sessions.sign_in("ada", None), self.sessions.admit("ada", None)):
            self.assertEqual(self.restarted().recall(self.sessions.cookie(ada)), ada)

    def test_of_before_there_were_members_is_a_guests(self) -> None:
        cookie = signed("chatcomet.session", ["id", "ada", NOON])
        self.assertEqual(self.sessions.recall(cookie), Session("id", "ada", NOON, member=False))

    def test_goes_into_a_header_as_it_is(self) -> None:
        for name in ("ada", "\U0001f600" * 32, '"; Path=/x', "a,b;c"):
            cookie = self.sessions.cookie(self.sessions.sign_in(name, None))
            self.assertRegex(cookie, r"\A[A-Za-z0-9._-]{1,1024}\Z")

    def test_of_another_key_is_nobodys(self) -> None:
        cookie = self.restarted(b"x" * KEY_BYTES).cookie(Session("id", "ada", NOON))
        self.assertIsNone(self.sessions.recall(cookie))

    def test_of_another_form_is_nobodys_though_it_is_signed(self) -> None:
        forms: list[object] = [
            *([], ["id", "ada"], ["id", "ada", NOON, {}], ["id", "ada", "noon"], ["id", "ada", None]),
            *([1, "ada", NOON], ["id", ["ada"], NOON], {"id": "i", "name": "ada", "issued": NOON}, "ada", 3, None),
            *(["id", "ada", NOON, 1], ["id", "ada", NOON, "true"], ["id", "ada", NOON, True, True]),
            *(["id", "ada", NOON, True, ["x"]], ["id", "ada", NOON, 1, "x"], ["id", "ada", NOON, True, "x", "y"]),
        ]
        for form in forms:
            cookie = signed("chatcomet.session", form)
            self.assertIsNone(self.sessions.recall(cookie), form)
            self.assertIsNone(self.sessions.recall(cookie), form)

    def test_signed_for_something_else_is_nobodys(self) -> None:
        for salt in ("itsdangerous", "chatcomet.ticket"):
            for form in (["id", "ada", NOON], ["id", "ada", NOON, True]):
                self.assertIsNone(self.sessions.recall(signed(salt, form)))

    def test_one_character_changed_makes_it_nobodys(self) -> None:
        cookie = self.sessions.cookie(Session("id", "ada", NOON))
        for place in range(len(cookie) - 1):  # of the last one only some bits count
            forged = cookie[:place] + ("A" if cookie[place] != "A" else "B") + cookie[place + 1 :]
            self.assertIsNone(self.sessions.recall(forged), place)

    @settings(deadline=None)
    @given(st.text())
    def test_anything_else_is_nobodys(self, text: str) -> None:
        self.assertIsNone(self.sessions.recall(text))

    def test_is_too_old_one_day(self) -> None:
        cookie = self.sessions.cookie(self.sessions.sign_in("ada", None))
        self.now += LIFE_SECONDS - 0.5
        self.assertIsNotNone(self.sessions.recall(cookie))
        self.now += 0.5
        self.assertIsNone(self.sessions.recall(cookie))
        self.assertIsNone(self.restarted().recall(cookie))


class SignOutTests(SessionsTestCase):
    def test_the_cookie_is_worth_nothing(self) -> None:
        ada = self.sessions.sign_in("ada", None)
        cookie, other = self.sessions.cookie(ada), self.sessions.cookie(self.sessions.sign_in("bob", None))
        self.assertEqual(self.sessions.recall(cookie), ada)
        self.ended.add(ada.id)
        self.assertIsNone(self.sessions.recall(cookie))
        self.assertIsNone(self.restarted().recall(cookie))
        self.assertIsNotNone(self.sessions.recall(other))

    def test_nor_is_one_under_an_older_name(self) -> None:
        ada = self.sessions.sign_in("ada", None)
        old = self.sessions.cookie(ada)
        self.ended.add(self.sessions.sign_in("bob", ada).id)
        self.assertIsNone(self.sessions.recall(old))

    def test_the_name_is_free(self) -> None:
        self.sessions.sign_out(self.sessions.sign_in("ada", None))
        self.sessions.sign_in("ada", None)

    def test_a_name_that_nobody_held_is_free_too(self) -> None:
        ada = self.sessions.sign_in("ada", None)
        self.sessions = self.restarted()
        self.sessions.sign_out(ada)
        self.sessions.sign_in("ada", None)

    def test_a_name_that_was_lost_stays_with_who_has_it(self) -> None:
        ada = self.sessions.sign_in("ada", None)
        self.clock.advance(HOLD_NAME_SECONDS)
        self.sessions.sign_in("ada", None)
        self.sessions.sign_out(ada)
        self.assert_taken("ada")


class MemoryTests(SessionsTestCase):
    """What is remembered has an end."""

    def test_cookies(self) -> None:
        with patch.object(sessions_module, "_REMEMBERED", 3):
            self.setUp()
        cookies = [self.sessions.cookie(self.sessions.sign_in(f"ada{number}", None)) for number in range(5)]
        for cookie in cookies:
            self.assertIsNotNone(self.sessions.recall(cookie))
        self.assertEqual(len(self.sessions._known), 3)
        for cookie in cookies:
            self.assertIsNotNone(self.sessions.recall(cookie))

    def test_one_that_nobody_uses_is_forgotten_in_time(self) -> None:
        used, unused = (self.sessions.cookie(self.sessions.sign_in(name, None)) for name in ("ada", "bob"))
        self.sessions.recall(unused)
        for _ in range(2):
            self.sessions.recall(used)
            self.sessions.age()
        self.assertEqual(list(self.sessions._known), [used])
        self.assertIsNotNone(self.sessions.recall(unused))

    def test_forged_cookies_are_not_remembered(self) -> None:
        self.sessions.recall("forged")
        self.assertEqual(len(self.sessions._known), 0)

    def test_a_cookie_written_at_length_is_not_either(self) -> None:
        payload, dot, signature = self.sessions.cookie(Session("id", "ada", NOON)).rpartition(".")
        self.assertIsNone(self.sessions.recall(payload + dot + "!" * 4_000 + signature))
        self.assertEqual(len(self.sessions._known), 0)

    def test_names_that_are_not_used_in_time(self) -> None:
        for name in ("ada", "bob"):
            self.sessions.sign_in(name, None)
            self.clock.advance(HOLD_NAME_SECONDS / 2)
        self.sessions.age()
        self.assertEqual(list(self.sessions._holders), ["bob"])

    def test_names_that_are_not_used(self) -> None:
        for number in range(5):
            self.sessions.sign_in(f"ada{number}", None)
        self.clock.advance(HOLD_NAME_SECONDS)
        self.sessions.sign_in("bob", None)
        self.assertEqual(list(self.sessions._holders), ["bob"])

    def test_names_that_are(self) -> None:
        with patch.object(sessions_module, "_NAMES", 3):
            first, *_ = [self.sessions.sign_in(f"ada{number}", None) for number in range(3)]
            self.clock.advance(sessions_module._SEEN_SECONDS)
            self.sessions.holds_name(first)
            self.sessions.sign_in("bob", None)
        self.assertEqual(list(self.sessions._holders), ["ada2", "ada0", "bob"])


class KeyTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "chat.key"

    def assert_refused(self) -> None:
        error = self.assertRaises(StartRefused, read_key, self.path)
        self.assertIn("key", str(error))

    def test_is_made_once(self) -> None:
        key = read_key(self.path)
        self.assertEqual(len(key), KEY_BYTES)
        self.assertEqual(read_key(self.path), key)
        self.assertEqual([path.name for path in self.path.parent.iterdir()], ["chat.key"])

    def test_is_readable_for_its_owner_alone(self) -> None:
        read_key(self.path)
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)

    def test_what_a_crash_left_is_made_anew(self) -> None:
        left = self.path.with_name("chat.key.new")
        left.write_text("a much longer text than a key in hexadecimal is, without any hexadecimal key in it at all")
        left.chmod(0o644)
        key = read_key(self.path)
        self.assertEqual(read_key(self.path), key)
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)

    def test_is_another_in_another_place(self) -> None:
        self.assertNotEqual(read_key(self.path), read_key(self.path.with_name("other.key")))

    def test_without_a_path_lives_as_long_as_the_process(self) -> None:
        self.assertEqual(len(read_key(None)), KEY_BYTES)
        self.assertNotEqual(read_key(None), read_key(None))

    def test_may_be_written_by_hand(self) -> None:
        self.path.write_text("  " + "AB" * KEY_BYTES + "\r\n")
        self.assertEqual(read_key(self.path), b"\xab" * KEY_BYTES)

    def test_damaged_refuses_the_start_and_stays_as_it_is(self) -> None:
        for damaged in (
            b"",
            b"\n",
            b"not hexadecimal",
            b"ab" * (KEY_BYTES - 1),
            b"a" * 63,
            b"\xff\xfe",
            "ａｂ".encode() * 32,
        ):
            self.path.write_bytes(damaged)
            self.assert_refused()
            self.assertEqual(self.path.read_bytes(), damaged)

    def test_unreadable_refuses_the_start(self) -> None:
        self.path.mkdir()
        self.assert_refused()

    def test_nowhere_to_make_it_refuses_the_start(self) -> None:
        self.path = self.path / "deeper" / "chat.key"
        self.assert_refused()
