"""Sessions as endpoints: sign in, who am I, sign out."""

from __future__ import annotations

from chatcomet.access.sessions import HOLD_NAME_SECONDS
from chatcomet.api.sessions import Who, reader, sign_in, sign_out, who
from chatcomet.core.roster import Person
from chatcomet.errors import Malformed, NameTaken
from tests.unit.api.running_chat import ChatTestCase

EVERYWHERE = {"*": ("read", "post")}


class SessionsTests(ChatTestCase):
    def test_without_a_session_one_is_guest(self) -> None:
        self.assertEqual(who(self.chat, None), Who("guest", EVERYWHERE))

    def test_with_one_its_name(self) -> None:
        self.assertEqual(who(self.chat, sign_in(self.chat, None, "Ada")), Who("Ada", EVERYWHERE))

    def test_a_lost_name_is_guest(self) -> None:
        ada = sign_in(self.chat, None, "ada")
        self.clock.advance(HOLD_NAME_SECONDS)
        sign_in(self.chat, None, "ada")
        self.assertEqual(who(self.chat, ada).name, "guest")

    def test_who_keeps_the_name(self) -> None:
        ada = sign_in(self.chat, None, "ada")
        self.clock.advance(HOLD_NAME_SECONDS - 1)
        who(self.chat, ada)
        self.clock.advance(HOLD_NAME_SECONDS - 1)
        self.assertRaises(NameTaken, sign_in, self.chat, None, "ada")

    def test_reading_keeps_the_name(self) -> None:
        ada = sign_in(self.chat, None, "ada")
        self.clock.advance(HOLD_NAME_SECONDS - 1)
        self.assertEqual(reader(self.chat, ada, "192.0.2.1"), Person(ada.id, "ada"))
        self.clock.advance(HOLD_NAME_SECONDS - 1)
        self.assertRaises(NameTaken, sign_in, self.chat, None, "ada")

    def test_who_has_no_name_reads_as_somebody_at_an_address(self) -> None:
        ada = sign_in(self.chat, None, "ada")
        self.clock.advance(HOLD_NAME_SECONDS)
        sign_in(self.chat, None, "ada")
        for session in (None, ada):
            self.assertEqual(reader(self.chat, session, "192.0.2.1"), Person("192.0.2.1", None))

    def test_a_renamed_session_is_the_same(self) -> None:
        ada = sign_in(self.chat, None, "ada")
        self.assertEqual(sign_in(self.chat, ada, "bob").id, ada.id)

    def test_signing_out_frees_the_name(self) -> None:
        sign_out(self.chat, sign_in(self.chat, None, "ada"))
        sign_in(self.chat, None, "ada")

    def test_signing_out_without_a_session_is_nothing(self) -> None:
        sign_out(self.chat, None)

    def test_what_is_no_name(self) -> None:
        self.assertRaises(Malformed, sign_in, self.chat, None, " ")
