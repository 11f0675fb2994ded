"""Posting: whose message it is, under which key, and that it stays posted."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from twisted.internet.defer import CancelledError, Deferred

from chatcomet.access.asker import Asker, bearer, holder, stranger
from chatcomet.access.grants import Grants
from chatcomet.access.identity import Session
from chatcomet.access.policy import Policy
from chatcomet.access.sessions import HOLD_NAME_SECONDS
from chatcomet.access.tickets import Ticket
from chatcomet.api.posting import Post, post
from chatcomet.core.message import DATA_BYTES, TEXT_CHARACTERS, Message, Sizes
from chatcomet.core.rulings import Kind, Ruling
from chatcomet.core.store import Bounds
from chatcomet.errors import (
    ChatcometError,
    KeyReused,
    Malformed,
    NameTaken,
    NotAllowed,
    NotSignedIn,
    StoreUnavailable,
    TooLong,
    TooMany,
)
from chatcomet.settings import Rate, Settings
from tests.unit.api.running_chat import NOON, SOMEBODY, ChatTestCase, with_ticket

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


class NamedAuthorTests(PostingTestCase):
    """A back end may say who the author is, where its ticket grants `as`."""

    def test_is_who_it_says(self) -> None:
        robot = with_ticket("robot", "post", "as")
        for author, name in (
            ("Eve", "Eve"),
            (" Ｅve ", "Eve"),
            ("robot", "robot"),
            ("guest", "guest"),
            (None, "robot"),
        ):
            self.assertEqual(self.post(Post("lobby", "hello", author=author), robot).author, name)

    def test_need_not_be_free(self) -> None:
        self.sign_in("ada")
        self.account("bob")
        for author in ("ada", "bob"):
            self.assertEqual(
                self.post(Post("lobby", "hi", author=author), with_ticket("robot", "post", "as")).author, author
            )

    def test_nobody_else_says_it_not_even_the_own_name(self) -> None:
        ada, member = self.sign_in("ada"), self.account("mo")
        elsewhere = bearer(Ticket("robot", Grants.parse({"lobby": ["post"], "k*": ["as"]}), NOON + 60, "jti:1"), None)
        for asker in (SOMEBODY, ada, member, with_ticket("robot", "post"), elsewhere):
            self.assert_refused(NotAllowed, Post("lobby", "hello", author=asker.name), asker)

    def test_to_name_authors_is_not_to_post(self) -> None:
        self.assert_refused(NotAllowed, Post("lobby", "hello", author="eve"), with_ticket("robot", "as"))

    def test_is_nobody_who_was_banned_or_muted(self) -> None:
        robot = with_ticket("robot", "post", "as")
        kinds: tuple[Kind, ...] = ("ban", "mute")
        for kind in kinds:
            self.successResultOf(self.rulings.rule(Ruling(kind, "lobby", kind, inf, "mo", NOON)))
        for author in ("ban", "Mute"):
            self.assert_refused(NotAllowed, Post("lobby", "hello", author=author), robot)
            self.assertEqual(self.post(Post("kitchen", "hello", author=author), robot).author, author)

    def test_what_is_no_name(self) -> None:
        for author in ("", " ", "a" * 33, "a\nb"):
            self.assert_refused(Malformed, Post("lobby", "hello", author=author), with_ticket("robot", "post", "as"))

    def test_its_keys_are_the_back_ends_whoever_the_author_is(self) -> None:
        robot = with_ticket("robot", "post", "as")
        self.post(Post("lobby", "hello", key="1", author="eve"), robot)
        self.failureResultOf(post(self.chat, Post("lobby", "hello", key="1", author="bob"), robot), KeyReused)


class PermissionTests(PostingTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.policy.policy = Policy.parse(
            """
            [[rooms]]
            name = "members"
            read = "members"

            [[rooms]]
            name = "box"
            read = "nobody"
            post = "everyone"

            [[rooms]]
            name = "made"
            create = "nobody"
            """
        )
        self.mo = self.account("mo")

    def rule(self, kind: Kind, whom: str, room: str = "lobby") -> None:
        self.successResultOf(self.rulings.rule(Ruling(kind, room, whom, inf, "mo", NOON)))

    def test_who_may_not_posts_nothing(self) -> None:
        for asker in (stranger(None), self.sign_in("ada")):
            self.assert_refused(NotSignedIn, Post("members", "hello"), asker)
        self.assert_refused(NotAllowed, Post("members", "hello"), with_ticket("robot", "read"))
        self.post(Post("members", "hello"), self.mo)
        self.post(Post("members", "hello"), with_ticket("robot", "post"))

    def test_who_is_muted_or_banned_neither(self) -> None:
        ada = self.sign_in("ada")
        kinds: tuple[Kind, ...] = ("mute", "ban")
        for kind in kinds:
            self.rule(kind, "ada")
            self.assert_refused(NotAllowed, Post("lobby", "hello"), ada)
            self.post(Post("kitchen", "hello"), ada)
            self.successResultOf(self.rulings.lift(kind, "lobby", "ada"))
        self.post(Post("lobby", "hello"), ada)

    def test_to_post_is_not_to_read(self) -> None:
        self.post(Post("box", "hello"), stranger(None))

    def test_what_may_not_be_is_not_looked_into(self) -> None:
        self.assert_refused(NotSignedIn, Post("members", "", key="short", author="eve"), stranger(None))

    def test_a_room_is_made_by_who_may(self) -> None:
        for asker in (stranger(None), self.sign_in("ada"), self.mo, with_ticket("robot", "post")):
            self.failureResultOf(post(self.chat, Post("made", "hello"), asker), NotAllowed)
        self.assertEqual(self.kept("made"), [])
        self.add("it is there", room="made")
        self.post(Post("made", "hello"), stranger(None))
        self.assertEqual(self.texts("made"), ["it is there", "hello"])


class FirstPostsTests(PostingTestCase):
    """Posts in a room of which it is not known yet whether it is there."""

    settings = replace(Settings(), room_rate=Rate(1 / 3600, 1))

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[Deferred[Bounds]] = []
        self.patch(self.store, "bounds", self.bounds)

    def bounds(self, room: str) -> Deferred[Bounds]:
        self.asked.append(Deferred())
        return self.asked[-1]

    def test_are_appended_in_their_order_by_whomever(self) -> None:
        ada, bob = self.sign_in("ada"), self.sign_in("bob")
        posts = [post(self.chat, Post("lobby", text), asker) for text, asker in (("1", ada), ("2", bob), ("3", ada))]
        self.assertEqual((len(self.asked), self.texts()), (1, []))
        self.asked[0].callback(Bounds(0, 0))
        posts.append(post(self.chat, Post("lobby", "4"), bob))
        self.assertEqual([self.successResultOf(each).message.seq for each in posts], [0, 1, 2, 3])
        self.assertEqual((self.texts(), len(self.asked)), (["1", "2", "3", "4"], 1))

    def test_also_while_the_first_of_them_is_being_appended(self) -> None:
        self.store.holding = True
        posts = [post(self.chat, Post("lobby", text), SOMEBODY) for text in "12"]
        self.asked[0].callback(Bounds(0, 0))
        posts.append(post(self.chat, Post("lobby", "3"), SOMEBODY))
        self.store.release()
        self.assertEqual([self.successResultOf(each).message.seq for each in posts], [0, 1, 2])
        self.assertEqual(self.texts(), ["1", "2", "3"])

    def test_make_one_room(self) -> None:
        ada = self.sign_in("ada")
        posts = [post(self.chat, Post("lobby", text), ada) for text in "123"]
        self.asked[0].callback(Bounds(0, 0))
        for each in posts:
            self.successResultOf(each)
        another = post(self.chat, Post("kitchen", "hello"), ada)
        self.asked[1].callback(Bounds(0, 0))
        self.assertEqual(self.failureResultOf(another, TooMany).value.name, "rooms")

    def test_the_first_who_may_makes_it(self) -> None:
        self.policy.policy = Policy.parse('[[rooms]]\nname = "lobby"\ncreate = ["mo"]')
        mo = self.account("mo")
        posts = [post(self.chat, Post("lobby", "hello"), asker) for asker in (stranger(None), mo, stranger(None))]
        self.asked[0].callback(Bounds(0, 0))
        self.failureResultOf(posts[0], NotSignedIn)
        self.assertEqual([self.successResultOf(each).message.seq for each in posts[1:]], [0, 1])

    def test_one_that_could_not_be_made_is_made_by_the_next(self) -> None:
        self.store.fault = StoreUnavailable("the disk is gone")
        first = post(self.chat, Post("lobby", "hello"), SOMEBODY)
        self.asked[0].callback(Bounds(0, 0))
        self.failureResultOf(first, StoreUnavailable)
        self.store.fault = None
        self.policy.policy = Policy.parse('[[rooms]]\nname = "lobby"\ncreate = "members"')
        second = post(self.chat, Post("lobby", "hello"), stranger(None))
        self.asked[1].callback(Bounds(0, 0))
        self.failureResultOf(second, NotSignedIn)

    def test_a_store_that_does_not_say_fails_them(self) -> None:
        posts = [post(self.chat, Post("lobby", "hello"), SOMEBODY) for _ in range(2)]
        self.asked[0].errback(StoreUnavailable("the disk is gone"))
        for each in posts:
            self.failureResultOf(each, StoreUnavailable)
        self.assertEqual(self.kept(), [])

    def test_a_poster_who_hangs_up_meanwhile_has_posted(self) -> None:
        posts = [post(self.chat, Post("lobby", text), SOMEBODY) for text in "12"]
        posts[0].cancel()
        self.failureResultOf(posts[0], CancelledError)
        self.asked[0].callback(Bounds(0, 0))
        self.successResultOf(posts[1])
        self.assertEqual(self.texts(), ["1", "2"])


class LimitTests(PostingTestCase):
    def test_what_just_fits(self) -> None:
        self.assertEqual(len(self.post(Post("lobby", "ü" * TEXT_CHARACTERS)).text), TEXT_CHARACTERS)
        self.post(Post("lobby", "", '"' + "a" * (DATA_BYTES - 2) + '"'))

    def test_what_does_not(self) -> None:
        self.assert_refused(TooLong, Post("lobby", "a" * (TEXT_CHARACTERS + 1)))
        self.assert_refused(TooLong, Post("lobby", "a", '"' + "ü" * (DATA_BYTES // 2) + '"'))

    def test_what_does_not_where_the_operator_has_said_so(self) -> None:
        self.chat = replace(self.chat, settings=replace(self.chat.settings, sizes=Sizes(4, 4)))
        self.assert_refused(TooLong, Post("lobby", "fives"))
        self.assert_refused(TooLong, Post("lobby", "", "false"))
        self.post(Post("lobby", "four", "null"))

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


class KnownRoomTests(PostingTestCase):
    def test_the_store_is_asked_once_whether_the_room_is_there(self) -> None:
        asked: list[str] = []
        bounds = self.store.bounds

        def note(room: str) -> Deferred[Bounds]:
            asked.append(room)
            return bounds(room)

        self.patch(self.store, "bounds", note)
        self.add("hello")
        asked.clear()
        for text in ("one", "two", "three"):
            self.post(Post("lobby", text))
        self.assertEqual(asked, ["lobby"])


class LostPosterTests(PostingTestCase):
    def begin(self) -> None:
        """Nothing is known of the lobby."""

    def test_a_poster_who_hangs_up_has_posted(self) -> None:
        self.begin()
        self.store.holding = True
        answer = post(self.chat, Post("lobby", "hello"), SOMEBODY)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.store.release()
        self.assertEqual(self.texts()[-1], "hello")

    def test_what_fails_after_it_hung_up_is_nobodys_error(self) -> None:
        self.begin()
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


class LostPosterInAKnownRoomTests(LostPosterTests):
    def begin(self) -> None:
        """Somebody has posted in it."""
        self.post(Post("lobby", "before"))
