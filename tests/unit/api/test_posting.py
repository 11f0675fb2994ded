"""Posting: whose message it is, under which key, and that it stays posted."""

from __future__ import annotations

from twisted.internet.defer import CancelledError

from chatcomet.access.asker import Asker, holder
from chatcomet.access.identity import Session
from chatcomet.access.sessions import HOLD_NAME_SECONDS
from chatcomet.api.posting import Post, post
from chatcomet.core.message import DATA_BYTES, TEXT_CHARACTERS, Message
from chatcomet.errors import ChatcometError, KeyReused, Malformed, NameTaken, StoreUnavailable, TooLong
from tests.unit.api.running_chat import NOON, SOMEBODY, ChatTestCase

LONG_KEY = "0123456789abcdef"


class PostingTestCase(ChatTestCase):
    def post(self, asked: Post, asker: Asker = SOMEBODY) -> Message:
        return self.successResultOf(post(self.chat, asked, asker)).message

    def again(self, asker: Asker) -> Asker:
        """Who asks with the same cookie now."""
        assert asker.session is not None
        return self.chat.askers.holder(self.sessions.cookie(asker.session), asker.address)

    def assert_refused(self, error: type[ChatcometError], asked: Post, asker: Asker = SOMEBODY) -> None:
        self.assertRaises(error, post, self.chat, asked, asker)
        self.assertEqual(self.kept(asked.room), [])


class AuthorTests(PostingTestCase):
    def test_is_a_guest_without_a_session(self) -> None:
        self.assertEqual(self.post(Post("lobby", "hello")), Message(0, "guest", "hello", NOON))

    def test_is_the_name_of_the_session(self) -> None:
        ada = self.sign_in("Ada")
        self.assertEqual(self.post(Post("lobby", "hello", "[1]"), ada), Message(0, "Ada", "hello", NOON, "[1]"))

    def test_has_its_name_again_after_a_pause(self) -> None:
        ada = self.sign_in("ada")
        self.clock.advance(2 * HOLD_NAME_SECONDS)
        self.assertEqual(self.post(Post("lobby", "hello"), self.again(ada)).author, "ada")

    def test_a_lost_name_posts_nothing(self) -> None:
        ada = self.sign_in("ada")
        self.clock.advance(HOLD_NAME_SECONDS)
        self.sign_in("ADA")
        self.assert_refused(NameTaken, Post("lobby", "hello"), self.again(ada))

    def test_posting_keeps_the_name(self) -> None:
        ada = self.sign_in("ada")
        for text in ("one", "two"):
            self.clock.advance(HOLD_NAME_SECONDS - 1)
            self.post(Post("lobby", text), self.again(ada))
            self.assertRaises(NameTaken, self.sign_in, "ada")


class LimitTests(PostingTestCase):
    def test_what_just_fits(self) -> None:
        self.assertEqual(len(self.post(Post("lobby", "ü" * TEXT_CHARACTERS)).text), TEXT_CHARACTERS)
        self.post(Post("lobby", "", '"' + "a" * (DATA_BYTES - 2) + '"'))

    def test_what_does_not(self) -> None:
        self.assert_refused(TooLong, Post("lobby", "a" * (TEXT_CHARACTERS + 1)))
        self.assert_refused(TooLong, Post("lobby", "a", '"' + "ü" * (DATA_BYTES // 2) + '"'))

    def test_what_is_none(self) -> None:
        for asked in (Post("lobby", ""), Post("lobby", "\ud800"), Post("lobby", "a", '"\udfff"')):
            self.assert_refused(Malformed, asked)

    def test_an_empty_text_beside_data(self) -> None:
        self.assertEqual(self.post(Post("lobby", "", "null")).data, "null")

    def test_what_is_no_room(self) -> None:
        for name in ("", "Lobby", "a b", "a" * 65):
            self.assertRaises(Malformed, post, self.chat, Post(name, "hello"), SOMEBODY)


class KeyTests(PostingTestCase):
    def test_a_repeated_key_appends_nothing(self) -> None:
        first = self.post(Post("lobby", "hello", key=LONG_KEY))
        again = self.successResultOf(post(self.chat, Post("lobby", "hello", key=LONG_KEY), SOMEBODY))
        self.assertEqual((again.message, again.repeated), (first, True))
        self.assertEqual(self.texts(), ["hello"])

    def test_a_key_for_another_text_fails(self) -> None:
        self.post(Post("lobby", "hello", key=LONG_KEY))
        self.failureResultOf(post(self.chat, Post("lobby", "bye", key=LONG_KEY), SOMEBODY), KeyReused)

    def test_a_key_belongs_to_its_session(self) -> None:
        for asker in (self.sign_in("ada"), self.sign_in("bob"), SOMEBODY):
            self.post(Post("lobby", "hello", key=LONG_KEY), asker)
        self.assertEqual(len(self.kept()), 3)

    def test_a_session_keeps_its_keys_with_its_name_or_another(self) -> None:
        ada = self.sign_in("ada")
        self.post(Post("lobby", "hello", key="1"), ada)
        again = self.successResultOf(post(self.chat, Post("lobby", "hello", key="1"), self.again(ada)))
        self.assertTrue(again.repeated)
        bob = holder(self.sessions.sign_in("bob", ada.session), None)
        self.failureResultOf(post(self.chat, Post("lobby", "hello", key="1"), bob), KeyReused)

    def test_a_key_belongs_to_its_room(self) -> None:
        self.post(Post("lobby", "hello", key=LONG_KEY))
        self.post(Post("kitchen", "hello", key=LONG_KEY))
        self.assertEqual(self.texts("kitchen"), ["hello"])

    def test_a_short_key_needs_a_session(self) -> None:
        self.assert_refused(Malformed, Post("lobby", "hello", key=LONG_KEY[1:]))
        self.post(Post("lobby", "hello", key="1"), self.sign_in("ada"))

    def test_what_is_no_key(self) -> None:
        ada = self.sign_in("ada")
        for key in ("", "a" * 129, "a b", "schlüssel", "1\n", "\x7f"):
            self.assert_refused(Malformed, Post("lobby", "hello", key=key), ada)


class LostPosterTests(PostingTestCase):
    def test_a_poster_who_hangs_up_has_posted(self) -> None:
        self.store.holding = True
        answer = post(self.chat, Post("lobby", "hello"), SOMEBODY)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.store.release()
        self.assertEqual(self.texts(), ["hello"])

    def test_what_fails_after_it_hung_up_is_nobodys_error(self) -> None:
        self.store.holding = True
        answer = post(self.chat, Post("lobby", "hello"), SOMEBODY)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.store.fault = StoreUnavailable("the disk is gone")
        self.store.release()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_fault_of_the_store_is_the_answer(self) -> None:
        self.store.fault = StoreUnavailable("the disk is gone")
        self.failureResultOf(post(self.chat, Post("lobby", "hello"), SOMEBODY), StoreUnavailable)

    def test_a_forgotten_session_is_none_of_its_business(self) -> None:
        eve = holder(Session("made-elsewhere", "eve", NOON), None)
        self.assertEqual(self.post(Post("lobby", "hello"), eve).author, "eve")
