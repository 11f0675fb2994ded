"""Accounts that change: what was begun by an old password, or by an account that is gone, ends."""

from __future__ import annotations

from dataclasses import replace

from chatcomet.core.roster import GRACE_SECONDS
from chatcomet.settings import Rate
from tests.unit.access.cheap_hash import cheap_hash
from tests.unit.http.peer import Answer, PeerTransport, asking
from tests.unit.http.running_accounts import AccountsTestCase, basic
from tests.unit.http.running_sockets import posting

ADA = {"Authorization": basic("ada", "ada's")}


class ChangeTests(AccountsTestCase):
    """Ada's account changes; Bob's stays."""

    def setUp(self) -> None:
        super().setUp()
        self.bobs = self.path.read_text().splitlines()[1]

    def change_ada(self, password: str | None) -> None:
        """Give Ada another password, or take her account away."""
        self.path.write_text(f"{self.bobs}\n" + (f"Ada:{cheap_hash(password)}\n" if password else ""))
        self.passwords.read_again()
        self.chat.readers.check_all()

    def read_as_ada(self) -> None:
        """By all ways, with the password; it is checked once."""
        self.ask_with_password()
        self.read_all(**ADA)

    def ask_with_password(self) -> int:
        """How somebody fares who comes with Ada's password."""
        peer = self.connect()
        peer.send(asking("/session", "GET", b"", **ADA))
        self.pool.run_all()
        return peer.answer().status

    def test_what_was_begun_by_a_session_ends(self) -> None:
        for password in ("new", None):
            self.setUp()
            cookie = self.member()
            self.read_all(Cookie=cookie)
            self.change_ada(password)
            self.assert_ended(401, "not-signed-in")
            self.assertEqual(self.ask("/session", Cookie=cookie).json["name"], "guest")
            self.assert_not_known("not-signed-in", self.ask("/rooms/vault/messages", Cookie=cookie))

    def test_what_was_begun_by_a_password_ends(self) -> None:
        for password in ("new", None):
            self.setUp()
            self.read_as_ada()
            self.change_ada(password)
            self.assert_ended(401, "not-signed-in")
            self.assertEqual(self.ask_with_password(), 401)

    def test_others_are_not_concerned(self) -> None:
        cookie = self.member()
        bobs = self.member("bob")
        self.read_all(Cookie=bobs)
        self.change_ada("new")
        self.change_ada(None)
        self.assert_goes_on(7)
        self.assertEqual(self.ask("/session", Cookie=bobs).json["name"], "bob")
        self.assertEqual(self.ask("/session", Cookie=cookie).json["name"], "guest")

    def test_nor_is_a_file_that_was_only_written_again(self) -> None:
        cookie = self.member()
        self.read_all(Cookie=cookie)
        self.path.write_text("# the same\n" + self.path.read_text())
        self.passwords.read_again()
        self.chat.readers.check_all()
        self.assert_goes_on(7)

    def test_a_socket_posts_nothing_more(self) -> None:
        socket = self.socket_in("lobby", Cookie=self.member())
        socket.hear()
        self.write({"bob": "bob's"})
        self.passwords.read_again()
        socket.say(posting())
        self.assertNotIn("Ada", [message.author for message in self.kept()])


class ChangeWithoutLaneTests(ChangeTests):
    plain_transport = PeerTransport


class GuestTests(AccountsTestCase):
    """A guest is called Carol, and then somebody gets an account of that name."""

    def setUp(self) -> None:
        super().setUp()
        self.cookie = self.guest("carol")

    def give_account(self) -> None:
        self.change({"Ada": "ada's", "bob": "bob's", "Carol": "carol's"})

    def test_the_guest_writes_no_more_under_it_and_may_pick_another(self) -> None:
        self.assertEqual(self.post("hello", Cookie=self.cookie).json["message"]["author"], "carol")
        self.give_account()
        for answer in (self.post("again", Cookie=self.cookie), self.submit(Cookie=self.cookie)):
            self.assert_refused(409, "name-taken", answer)
        self.assertEqual(self.ask("/session", Cookie=self.cookie).json["name"], "guest")
        self.assert_refused(409, "name-taken", self.take_name("carol", Cookie=self.cookie))
        other = self.take_name("dave", Cookie=self.cookie).cookie
        self.assertEqual(self.post("again", Cookie=other).json["message"]["author"], "dave")
        self.assertEqual(self.texts(), ["hello", "again"])

    def test_nor_over_a_socket(self) -> None:
        socket = self.socket_in("lobby", Cookie=self.cookie)
        socket.hear()
        self.write({"carol": "carol's"})
        self.passwords.read_again()
        socket.say(posting())
        self.assertEqual(socket.hear()[-1]["problem"]["type"], "/problems/name-taken")

    def test_what_was_begun_under_it_ends_and_no_roster_shows_it_again(self) -> None:
        self.read_all(Cookie=self.cookie)
        self.give_account()
        self.assert_ended(401, "not-signed-in")
        self.clock.advance(GRACE_SECONDS + 1)
        self.assert_begins("/rooms/lobby/events", Cookie=self.cookie)
        roster = self.ask("/rooms/lobby").json["roster"]
        self.assertEqual((roster["count"], roster["people"]), (1, []))


class NameTests(AccountsTestCase):
    """Who asks for a name as a guest is not told whether it is an account's, and not often whether it is taken."""

    settings = replace(AccountsTestCase.settings, session_rate=Rate(1.0, 3))

    def asked_for(self, name: str, cookie: str = "") -> Answer:
        headers = {"Cookie": cookie} if cookie else {}
        return self.take_name(name, X_Forwarded_For="198.51.100.7", **headers)

    def test_an_accounts_name_is_refused_as_a_guests(self) -> None:
        self.guest("eve")
        answers = [self.asked_for(name) for name in ("EVE", "ADA", "guest")]
        for answer in answers:
            self.assert_refused(409, "name-taken", answer)
        names = (b"EVE", b"ADA", b"guest")
        self.assertEqual(len({answer.body.replace(name, b"?") for answer, name in zip(answers, names, strict=True)}), 1)
        lengths = {len(answer.headers) for answer in answers}
        self.assertEqual(lengths, {len(answers[0].headers)})

    def test_too_many_are_told_nothing_whatever_they_asked_for(self) -> None:
        cookie = self.asked_for("mallory").cookie
        for name in ("ada", "bob"):
            self.assert_refused(409, "name-taken", self.asked_for(name, cookie))
        told = [self.asked_for(name, each) for name in ("ada", "eve", "free") for each in ("", cookie)]
        for answer in told:
            self.assert_refused(429, "too-many-sessions", answer)
        self.assertEqual(len({answer.body for answer in told}), 1)


class GuestWithoutLaneTests(GuestTests):
    plain_transport = PeerTransport
