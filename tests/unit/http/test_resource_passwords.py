"""Passwords: signing in by one, for a session or with each request."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import cast

from twisted.cred.error import UnauthorizedLogin
from twisted.logger import capturedLogs, formatEvent
from twisted.python.threadpool import ThreadPool

from chatcomet.access.hashing import Hashing
from chatcomet.access.refusals import INTERVAL_SECONDS
from chatcomet.access.signin import SignIn
from chatcomet.errors import SignInBusy
from chatcomet.settings import FREE_TRIES as FREE
from tests.unit.access.hand_checker import HandChecker
from tests.unit.access.hand_pool import DirectReactor, HandPool
from tests.unit.http.peer import Answer, Peer, asking
from tests.unit.http.running_access import AccessTestCase
from tests.unit.http.running_lane import JSON
from tests.unit.http.running_sockets import posting, texts

HERE = "198.51.100.7"
MIA = {"Authorization": "Basic " + b64encode(b"mia:hers").decode()}


class PasswordTestCase(AccessTestCase):
    def sign_in_by_password(self) -> SignIn:
        self.checker = HandChecker()
        hashing = Hashing(DirectReactor(), cast(ThreadPool, HandPool()))
        return SignIn([self.checker], hashing, self.clock, b"k" * 32)

    def accept(self, name: bytes = b"Mia") -> None:
        """It is right."""
        self.checker.waiting.pop(0).callback(name)

    def refuse(self) -> None:
        """It is wrong."""
        self.checker.waiting.pop(0).errback(UnauthorizedLogin())

    def asked_with(self, target: str, method: str = "GET", body: bytes = b"", **headers: str) -> Peer:
        """Somebody whose password is being checked."""
        peer = self.connect()
        kind = {"Content_Type": JSON} if body else {}
        peer.send(asking(target, method, body, **{**MIA, **kind, **headers}))
        return peer

    def signing_in(self, name: str = "mia", password: str = "hers", **headers: str) -> Peer:
        """Somebody whose password is being checked, for a session."""
        body = json.dumps({"name": name, "password": password}).encode()
        peer = self.connect()
        peer.send(asking("/session", "POST", body, Content_Type=JSON, **headers))
        return peer


class SessionTests(PasswordTestCase):
    def sign_in_as_mia(self, **headers: str) -> Answer:
        peer = self.signing_in(**headers)
        if self.checker.waiting:
            self.accept()
        return peer.answer()

    def test_the_right_one(self) -> None:
        peer = self.signing_in(" mia ")
        self.assertEqual((peer.taken(), self.checker.asked), (b"", [(b"mia", b"hers")]))
        self.accept()
        answer = peer.answer()
        self.assertEqual((answer.status, answer.json["name"], answer.json["guest"]), (200, "Mia", False))
        self.assertEqual(answer.json["grants"]["vault"], ["read", "post", "create", "moderate"])
        self.assertEqual(self.ask("/session", Cookie=answer.cookie).json, answer.json)
        self.assertEqual(self.post("hello", "vault", Cookie=answer.cookie).json["message"]["author"], "Mia")

    def test_the_wrong_one(self) -> None:
        peer = self.signing_in()
        self.refuse()
        answer = peer.answer()
        self.assert_not_known("sign-in-failed", answer)
        self.assertNotIn("set-cookie", answer.headers)
        self.assertNotIn(b"hers", answer.body)

    def test_whose_name_it_is_has_it_whoever_had(self) -> None:
        guest = self.guest("mia")
        self.assertEqual(self.sign_in_as_mia().json["name"], "Mia")
        self.assert_refused(409, "name-taken", self.post("hello", Cookie=guest))

    def test_a_guest_becomes_somebody_else(self) -> None:
        guest = self.take_name("ada").cookie
        answer = self.sign_in_as_mia(Cookie=guest)
        self.assertNotEqual(answer.cookie, guest)
        self.assertEqual(self.take_name("ada").status, 200)

    def test_another_sites_page(self) -> None:
        peer = self.signing_in(Origin="https://evil.example")
        self.assert_refused(403, "cross-site", peer.answer())
        self.assertEqual(self.checker.asked, [])

    def test_who_has_failed_waits(self) -> None:
        for _ in range(FREE):
            peer = self.signing_in(X_Forwarded_For=HERE)
            self.refuse()
            self.assert_not_known("sign-in-failed", peer.answer())
        answer = self.signing_in(X_Forwarded_For=HERE).answer()
        self.assert_refused(429, "too-many-sign-ins", answer)
        self.assertEqual(answer.headers["retry-after"], "1")
        self.assert_refused(429, "too-many-sign-ins", self.ask("/session", X_Forwarded_For=HERE, **MIA))

    def test_those_who_have_to_wait_are_told_in_the_log(self) -> None:
        for _ in range(FREE):
            self.signing_in(X_Forwarded_For=HERE)
            self.refuse()
        with capturedLogs() as events:
            for _ in range(3):
                self.signing_in(X_Forwarded_For=HERE)
            self.ask("/session", X_Forwarded_For=HERE, **MIA)
            self.clock.advance(INTERVAL_SECONDS)
        told = [str(formatEvent(event)) for event in events]
        self.assertEqual(told, ["too many sign-ins: 1 refused", "too many sign-ins: 3 refused"])

    def test_so_are_those_whose_password_finds_too_many_waiting(self) -> None:
        with capturedLogs() as events:
            peer = self.signing_in()
            self.checker.waiting.pop().errback(SignInBusy("too many sign-ins at once", 2))
        self.assert_refused(503, "sign-in-unavailable", peer.answer())
        self.assertEqual([str(formatEvent(event)) for event in events], ["too many passwords: 1 refused"])

    def test_those_who_fail_or_are_right_are_not(self) -> None:
        with capturedLogs() as events:
            self.signing_in()
            self.refuse()
            self.signing_in()
            self.accept()
            self.clock.advance(INTERVAL_SECONDS)
        self.assertEqual([event for event in events if "too many" in str(formatEvent(event))], [])

    def test_a_checker_that_has_failed(self) -> None:
        peer = self.signing_in()
        self.checker.waiting.pop().errback(ZeroDivisionError())
        answer = peer.answer()
        self.assert_refused(503, "sign-in-unavailable", answer)
        self.assertEqual(answer.headers["retry-after"], "1")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_who_hangs_up(self) -> None:
        peer = self.signing_in()
        peer.lose()
        self.accept()
        self.assertEqual((peer.taken(), self.flushLoggedErrors()), (b"", []))

    def test_the_end_of_it(self) -> None:
        cookie = self.sign_in_as_mia().cookie
        self.assertEqual(self.ask("/session", "DELETE", Cookie=cookie).status, 204)
        self.assert_not_known("not-signed-in", self.ask("/rooms/vault/messages", Cookie=cookie))


class BasicTests(PasswordTestCase):
    """With each request, as scripts do it."""

    def test_what_is_read_and_posted(self) -> None:
        self.add("secret", room="vault")
        peer = self.asked_with("/rooms/vault/messages?cursor=k3v9.0")
        self.assertEqual(peer.taken(), b"")
        self.accept()
        self.assertEqual(texts(peer.answer().json), ["secret"])
        answer = self.asked_with("/rooms/vault/messages", "POST", b'{"text":"hello"}').answer()  # it is remembered
        self.assertEqual((answer.status, answer.json["message"]["author"]), (201, "Mia"))
        self.assertNotIn("set-cookie", answer.headers)
        self.assertEqual(len(self.checker.asked), 1)

    def test_what_is_waited_for_and_followed(self) -> None:
        poll, stream = self.asked_with("/rooms/vault/messages?cursor=k3v9.0"), self.asked_with("/rooms/vault/events")
        socket = self.socket_in("vault", "", **MIA)
        self.accept()
        self.assertEqual((poll.taken(), len(self.chat.readers)), (b"", 3))
        socket.hear()
        socket.say(posting())
        self.assertEqual(texts(poll.answer().json), ["hello"])
        self.assertIn(b"hello", stream.taken())
        self.assertEqual(socket.hear()[-1]["posted"]["message"]["author"], "Mia")

    def test_the_wrong_one_wherever_it_is_not_needed(self) -> None:
        for target in ("/rooms/lobby/messages", "/chat/get/0", "/session", "/rooms", "/rooms/lobby/events"):
            peer = self.asked_with(target)
            self.refuse()
            self.assert_not_known("sign-in-failed", peer.answer())
            self.clock.advance(10_000.0)
        self.assertEqual(len(self.chat.readers), 0)

    def test_it_counts_in_the_place_of_a_cookie(self) -> None:
        peer = self.asked_with("/session", Cookie=self.guest())
        self.accept()
        self.assertEqual(peer.answer().json["name"], "Mia")

    def test_who_hangs_up_waits_for_nothing(self) -> None:
        for target, address in (("/rooms/vault/messages?cursor=k3v9.0", HERE), ("/rooms/vault/events", "198.51.100.8")):
            peer = self.asked_with(target, X_Forwarded_For=address)
            peer.lose()
            self.accept()
            self.assertEqual((peer.taken(), len(self.chat.readers), self.hub.waiting), (b"", 0, 0))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_what_is_none(self) -> None:
        for value in ("Basic", "Basic ?", "Digest x"):
            self.assert_refused(400, "malformed", self.ask("/rooms/lobby/messages", Authorization=value))
        self.assertEqual(self.checker.asked, [])


class NobodyTests(AccessTestCase):
    """Where the operator has named no accounts."""

    def test_nobody_has_a_password(self) -> None:
        self.assert_not_known("not-signed-in", self.ask("/rooms/lobby/messages", **MIA))
        body = b'{"name":"mia","password":"hers"}'
        answer = self.connect().ask("/session", "POST", body, Content_Type=JSON)
        self.assert_not_known("not-signed-in", answer)
