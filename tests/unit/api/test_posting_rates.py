"""Posting: how often, and how many rooms one makes by it."""

from __future__ import annotations

from dataclasses import replace

from chatcomet.access.asker import Asker, holder, stranger
from chatcomet.access.limits import GUESTS
from chatcomet.access.policy import Policy
from chatcomet.api.posting import Post, post
from chatcomet.errors import Malformed, NotAllowed, NotSignedIn, TooMany
from chatcomet.settings import Rate, Settings
from tests.unit.api.running_chat import with_ticket
from tests.unit.api.test_posting import PostingTestCase


class RateTests(PostingTestCase):
    settings = replace(Settings(), post_rate=Rate(1.0, 2), room_rate=Rate(1 / 3600, 2))

    def posts(self, asker: Asker, room: str = "lobby", tries: int = 5) -> int:
        """How many of so many posts are let in now."""
        count = 0
        for _ in range(tries):
            try:
                self.post(Post(room, "hello"), asker)
                count += 1
            except TooMany as error:
                self.assertEqual((error.name, error.retry_after), ("posts", 1))
        return count

    def test_each_session_posts_so_often(self) -> None:
        ada = self.sign_in("ada", "192.0.2.1")
        self.assertEqual((self.posts(ada), self.posts(ada, "kitchen")), (2, 0))
        self.assertEqual(self.posts(holder(self.sessions.sign_in("eve", ada.session), "192.0.2.2")), 0)
        self.assertEqual(self.posts(self.sign_in("bob", "192.0.2.1")), 2)
        self.clock.advance(1.0)
        self.assertEqual(self.posts(ada), 1)
        self.assertEqual(len(self.kept()), 5)

    def test_without_one_each_address(self) -> None:
        self.assertEqual([self.posts(stranger(f"192.0.2.{number}")) for number in (1, 2, 1)], [2, 2, 0])
        self.assertEqual(self.posts(stranger(None)), 5)

    def test_a_room_may_have_a_rate_of_its_own(self) -> None:
        self.policy.policy = Policy.parse('[[rooms]]\nname = "slow"\npost_burst = 1')
        ada = self.sign_in("ada")
        self.assertEqual((self.posts(ada, "slow"), self.posts(ada)), (1, 2))

    def test_a_back_end_that_names_authors_is_not_slowed(self) -> None:
        self.assertEqual(self.posts(with_ticket("robot", "post", "as")), 5)
        self.assertEqual(self.posts(with_ticket("robot", "post")), 2)

    def test_what_is_no_message_does_not_count(self) -> None:
        ada = self.sign_in("ada")
        for asked in [Post("lobby", ""), Post("lobby", "a", key=" "), Post("lobby", "a", author="a")] * 3:
            self.assertRaises((Malformed, NotAllowed), post, self.chat, asked, ada)
        self.assertEqual(self.posts(ada), 2)

    def test_each_makes_so_many_rooms(self) -> None:
        robot = with_ticket("robot", "post", "as")
        for name in ("a", "b", "a", "b"):
            self.post(Post(name, "hello"), robot)
        error = self.failureResultOf(post(self.chat, Post("c", "hello"), robot), TooMany).value
        self.assertEqual((error.name, error.retry_after, self.kept("c")), ("rooms", 3600, []))
        self.post(Post("b", "hello"), robot)
        self.post(Post("c", "hello"), self.sign_in("ada"))
        self.post(Post("c", "hello"), robot)

    def test_a_room_too_many_costs_no_post(self) -> None:
        ada = self.sign_in("ada", "192.0.2.1")
        for name in ("a", "b"):
            self.post(Post(name, "hello"), ada)
        self.clock.advance(10.0)
        for _ in range(5):
            error = self.failureResultOf(post(self.chat, Post("c", "hello"), ada), TooMany).value
            self.assertEqual(error.name, "rooms")
        self.assertEqual(self.posts(ada, "a"), 2)

    def test_a_room_that_one_may_not_make_costs_none_either(self) -> None:
        self.policy.policy = Policy.parse('[[rooms]]\nname = "made"\ncreate = "nobody"')
        ada = self.sign_in("ada", "192.0.2.1")
        for _ in range(5):
            self.failureResultOf(post(self.chat, Post("made", "hello"), ada), NotAllowed, NotSignedIn)
        self.assertEqual(self.posts(ada), 2)

    def test_a_post_too_many_costs_no_room(self) -> None:
        ada = self.sign_in("ada")
        self.post(Post("a", "hello"), ada)
        self.post(Post("a", "hello"), ada)
        for name in "bcdef":
            self.assertRaises(TooMany, post, self.chat, Post(name, "hello"), ada)
        self.clock.advance(2.0)
        self.post(Post("b", "hello"), ada)

    def test_many_guests_at_one_address_are_held_together(self) -> None:
        names = [f"guest {number}" for number in range(GUESTS + 2)]
        guests = [self.sign_in(name, "192.0.2.1") for name in names]
        self.assertEqual([self.posts(guest) for guest in guests], [2] * GUESTS + [0, 0])
        self.assertEqual(self.posts(self.sign_in("elsewhere", "192.0.2.2")), 2)
        self.assertEqual(self.posts(self.sign_in("here", None)), 2, "this machine is not counted by address")
        self.assertEqual(self.posts(self.account("mo")), 2)
