"""Sessions that have ended, shown by who does not know of it: nothing goes out as nobody's."""

from __future__ import annotations

from chatcomet.access.sessions import LIFE_SECONDS
from tests.unit.http.peer import Answer, PeerTransport
from tests.unit.http.running_access import AccessTestCase
from tests.unit.http.running_sockets import posting

FORGED = "chatcomet=forged"


class EndedTests(AccessTestCase):
    """`lobby` is open to all."""

    def signed_out(self) -> str:
        """The `Cookie` of who has signed out elsewhere."""
        cookie = self.guest()
        self.assertEqual(self.ask("/session", "DELETE", Cookie=cookie).status, 204)
        return cookie

    def too_old(self) -> str:
        """The one of who has not come for long."""
        cookie = self.member()
        self.now += LIFE_SECONDS
        return cookie

    def changes(self, cookie: str) -> list[Answer]:
        """What comes of asking for all that changes something."""
        known = {"Cookie": cookie}
        return [
            *(self.post("hello", **known), self.submit("hello", **known), self.post("hello", "vault", **known)),
            *(self.post("hello", "new-room", **known), self.ask("/rooms/lobby/typing", "POST", **known)),
            *(self.ask("/rooms/lobby/messages/0", "DELETE", **known), self.put("/rooms/lobby/bans/eve", **known)),
        ]

    def test_what_they_say_is_refused_and_not_said_as_a_guest(self) -> None:
        for cookie in (self.signed_out(), self.too_old(), FORGED):
            for answer in self.changes(cookie):
                self.assert_not_known("session-ended", answer)
        self.assertEqual((self.texts(), self.texts("vault"), self.texts("new-room")), ([], [], []))
        self.assertEqual(len(self.rulings), 1)

    def test_they_read_as_strangers_and_are_told_who_they_are(self) -> None:
        self.add("hello")
        cookie = self.signed_out()
        for target in ("/rooms/lobby/messages", "/chat/get/0", "/rooms", "/rooms/lobby"):
            self.assertEqual(self.ask(target, Cookie=cookie).status, 200)
        self.assert_not_known("not-signed-in", self.ask("/rooms/vault/messages", Cookie=cookie))
        self.assertEqual(self.ask("/session", Cookie=cookie).json, self.ask("/session").json)

    def test_they_may_be_somebody_again_or_nobody(self) -> None:
        cookie = self.signed_out()
        answer = self.take_name("ada", Cookie=cookie)
        self.assertEqual(self.post("as ada", Cookie=answer.cookie).json["message"]["author"], "ada")
        answer = self.ask("/session", "DELETE", Cookie=cookie)
        self.assertEqual((answer.status, answer.cookie), (204, "chatcomet="))
        for headers in ({}, {"Cookie": answer.cookie}, {"Cookie": "other=forged"}):
            self.assertEqual(self.post("hello", **headers).json["message"]["author"], "guest")
            self.assertEqual(self.submit("hello", **headers).status, 200)

    def test_a_ticket_says_who_one_is_whatever_the_cookie(self) -> None:
        answer = self.post("hello", Cookie=self.signed_out(), Authorization=self.bearer())
        self.assertEqual(answer.json["message"]["author"], "grace")

    def test_over_a_socket(self) -> None:
        socket = self.socket_in("lobby", Cookie=self.signed_out())
        socket.hear()
        socket.say(posting(), {"typing": True})
        (refused,) = socket.hear()
        self.assertEqual(refused["problem"]["type"], "/problems/session-ended")
        self.assertEqual((self.texts(), socket.is_open), ([], True))


class EndedWithoutLaneTests(EndedTests):
    plain_transport = PeerTransport
