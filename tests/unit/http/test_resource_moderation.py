"""Moderation: erasing, banning and muting, and who may."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from tests.unit.api.running_chat import NOON
from tests.unit.http.peer import Answer, PeerTransport
from tests.unit.http.running_access import AccessTestCase
from tests.unit.http.running_lane import FORM

VAULT = "/rooms/vault"


class ModerationTestCase(AccessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.moderator = {"Cookie": self.member()}

    def sanction(self, sort: str, whom: str, seconds: object = ..., **headers: str) -> Answer:
        """What comes of a moderator's PUT."""
        text = "" if seconds is ... else json.dumps({"seconds": seconds})
        return self.put(f"{VAULT}/{sort}/{whom}", text, **{**self.moderator, **headers})

    def listed(self, sort: str) -> list[Any]:
        """Who is banned or muted."""
        found: list[Any] = self.ask(f"{VAULT}/{sort}", **self.moderator).json[sort]
        return found


class WhoTests(ModerationTestCase):
    def all_of(self, **headers: str) -> list[Answer]:
        """What comes of each thing that a moderator may do."""
        answers = [self.ask(f"{VAULT}/messages/0", "DELETE", **headers)]
        for sort in ("bans", "mutes"):
            answers += [self.ask(f"{VAULT}/{sort}", **headers), self.put(f"{VAULT}/{sort}/eve", **headers)]
            answers += [self.ask(f"{VAULT}/{sort}/eve", "DELETE", **headers)]
        return answers

    def test_others_may_not_and_do_not_learn_whether_there_is_anything(self) -> None:
        for status, problem, headers in (
            *((401, "not-signed-in", {}), (401, "not-signed-in", {"Cookie": self.guest()})),
            *((403, "not-allowed", {"Cookie": self.member("bob")}), (401, "bad-ticket", {"Authorization": "Bearer x"})),
            (403, "not-allowed", {"Authorization": self.bearer(grants={"*": ["read", "post", "as"]})}),
            (403, "not-allowed", {"Authorization": self.bearer(grants={"lobby": ["moderate"]})}),
        ):
            before = self.all_of(**headers)
            for answer in before:
                self.assert_refused(status, problem, answer)
            self.add("hello", room="vault")
            self.rule("ban", "vault", "eve")
            self.assertEqual(self.all_of(**headers), before)
            self.assertIn("hello", self.texts("vault"))
            self.now += 100.0

    def test_moderators_may(self) -> None:
        for headers in (self.moderator, {"Authorization": self.bearer(grants={"vault": ["moderate"]})}):
            self.add("hello", room="vault")
            seq = len(self.kept("vault")) - 1
            self.assertEqual(self.ask(f"{VAULT}/messages/{seq}", "DELETE", **headers).status, 204)
            statuses = [answer.status for answer in self.all_of(**headers)[1:]]
            self.assertEqual(statuses, [200, 200, 204] * 2)

    def test_not_one_who_is_banned_or_muted(self) -> None:
        for kind in ("ban", "mute"):
            self.rule(kind, "vault", "mia")
            for answer in self.all_of(**self.moderator):
                self.assert_refused(403, "not-allowed", answer)
            self.now += 100.0

    def test_not_for_another_sites_page(self) -> None:
        self.add("hello", room="vault")
        for headers in ({"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}):
            for target, method in ((f"{VAULT}/messages/0", "DELETE"), (f"{VAULT}/bans/eve", "DELETE")):
                self.assert_refused(403, "cross-site", self.ask(target, method, **headers, **self.moderator))
            self.assert_refused(403, "cross-site", self.sanction("mutes", "eve", **headers))
        self.assertEqual((self.texts("vault"), self.listed("mutes")), (["hello"], []))


class EraseTests(ModerationTestCase):
    def test_what_is_left(self) -> None:
        self.add("one", "two", room="vault", data="1")
        answer = self.ask(f"{VAULT}/messages/0", "DELETE", **self.moderator)
        self.assertEqual((answer.status, answer.body), (204, b""))
        erased, kept = self.ask(f"{VAULT}/messages?cursor=k3v9.0", **self.moderator).json["messages"]
        self.assertEqual(erased, {"seq": 0, "author": "ada", "text": "", "at": NOON, "erased": True})
        self.assertEqual(kept["text"], "two")
        self.assertEqual(self.ask(f"{VAULT}/messages/0", "DELETE", **self.moderator).status, 204)

    def test_what_is_not_there(self) -> None:
        for seq in ("0", "9", "x", "-1", "00", "9" * 30):
            answer = self.ask(f"{VAULT}/messages/{seq}", "DELETE", **self.moderator)
            self.assert_refused(404, "not-found", answer)


class SanctionTests(ModerationTestCase):
    def test_for_a_while(self) -> None:
        for sort in ("bans", "mutes"):
            answer = self.sanction(sort, "EVE", 60)
            until = round(NOON + 60, 3)
            self.assertEqual(
                (answer.status, answer.json), (200, {"name": "eve", "by": "mia", "at": NOON, "until": until})
            )
            self.assertEqual(self.listed(sort), [answer.json])
        self.now += 60.0
        self.assertEqual((self.listed("bans"), self.listed("mutes")), ([], []))

    def test_for_good(self) -> None:
        for seconds in (..., None):
            self.assertIsNone(self.sanction("bans", "eve", seconds).json["until"])
        self.now += 10.0**9
        self.moderator = {"Cookie": self.member()}
        self.assertEqual([ban["name"] for ban in self.listed("bans")], ["eve"])

    def test_by_a_form(self) -> None:
        target = f"{VAULT}/bans/eve"
        answer = self.connect().ask(target, "PUT", b"seconds=60", Content_Type=FORM, **self.moderator)
        self.assertEqual(answer.json["until"], round(NOON + 60, 3))
        answer = self.connect().ask(target, "PUT", b"x", Content_Type="text/plain", **self.moderator)
        self.assert_refused(415, "unsupported-form", answer)

    def test_a_slip_does_not_make_it_last_for_good(self) -> None:
        for text in ('{"second": 5}', '{"seconds": 5, "until": 6}', '{"Seconds": 5}'):
            for sort in ("bans", "mutes"):
                answer = self.put(f"{VAULT}/{sort}/eve", text, **self.moderator)
                self.assert_refused(400, "malformed", answer)
                self.assertIn("is not known here; seconds may be said", answer.json["detail"])
        target = f"{VAULT}/bans/eve"
        for body, query in ((b"second=60", ""), (b"seconds=60&minutes=1", ""), (b"", "?seconds=60")):
            answer = self.connect().ask(target + query, "PUT", body, Content_Type=FORM, **self.moderator)
            self.assert_refused(400, "malformed", answer)
        self.assertEqual((self.listed("bans"), self.listed("mutes")), ([], []))

    def test_until_it_is_lifted(self) -> None:
        for sort in ("bans", "mutes"):
            self.sanction(sort, "eve")
            answer = self.ask(f"{VAULT}/{sort}/Eve", "DELETE", **self.moderator)
            self.assertEqual((answer.status, answer.body, self.listed(sort)), (204, b"", []))
            answer = self.ask(f"{VAULT}/{sort}/eve", "DELETE", **self.moderator)
            self.assert_refused(404, "not-found", answer)

    def test_a_guest_who_takes_another_name_is_known_again(self) -> None:
        moderator = {"Authorization": self.bearer(grants={"*": ["moderate"]})}
        cookie = self.take_name("eve").cookie
        self.assertEqual(self.put("/rooms/lobby/bans/eve", **moderator).status, 200)
        cookie = self.take_name("adam", Cookie=cookie).cookie
        self.assertEqual(self.ask("/session", Cookie=cookie).json["name"], "adam")
        self.assert_refused(403, "not-allowed", self.ask("/rooms/lobby/messages", Cookie=cookie))
        listed = self.ask("/rooms/lobby/bans", **moderator).json["bans"]
        self.assertEqual([ban["name"] for ban in listed], ["eve"])
        self.assertEqual(self.ask("/rooms/lobby/bans/eve", "DELETE", **moderator).status, 204)
        self.assertEqual(self.ask("/rooms/lobby/messages", Cookie=cookie).status, 200)

    def test_a_name_as_a_path_has_it(self) -> None:
        answer = self.sanction("bans", "%C3%84da%20%2D%20b")
        self.assertEqual((answer.status, answer.json["name"]), (200, "äda - b"))
        self.assertEqual(self.ask(f"{VAULT}/bans/%C3%A4DA%20-%20B", "DELETE", **self.moderator).status, 204)

    def test_a_name_of_whatever_characters(self) -> None:
        names = (
            "/",
            "/x",
            "//",
            "a/b",
            "a/",
            "eve/bans/eve",
            "?",
            "a?b=c",
            "#",
            "#a",
            "%",
            "%2f",
            "50%",
            "a b",
            "ü",
            "名前",
        )
        for name in (*names, "+", "&", ";", ":", "a:b", "@", "..", ".", "\\", '"', "'", "<b>", "[x]", "|", "{whom}"):
            path = quote(name, safe="")
            for sort in ("bans", "mutes"):
                answer = self.sanction(sort, path)
                self.assertEqual((answer.status, answer.json.get("name")), (200, name), answer)
                answer = self.ask(f"{VAULT}/{sort}/{path}", "DELETE", **self.moderator)
                self.assertEqual((answer.status, self.listed(sort)), (204, []), name)

    def test_what_has_no_form(self) -> None:
        lengths: list[object] = [0, 0.5, -1, "x", "", True, [], {}, 10**400, 10.0**300, 10**12]
        for seconds in lengths:
            self.assert_refused(400, "malformed", self.sanction("bans", "eve", seconds))
        for text in ("{", "[]", "60", '{"seconds": 1e999}', '{"seconds": NaN}', "\xff"):
            self.assert_refused(400, "malformed", self.put(f"{VAULT}/bans/eve", text, **self.moderator))
        for whom in ("a" * 33, "%20", "%0A", "a%0Ab", "%00", "a%E2%80%AEb"):
            self.assert_refused(400, "malformed", self.sanction("bans", whom))
            answer = self.ask(f"{VAULT}/bans/{whom}", "DELETE", **self.moderator)
            self.assert_refused(400, "malformed", answer)
        for room in ("Vault", "-", "a" * 65):
            for sort in ("bans", "mutes"):
                self.assertEqual(self.ask(f"/rooms/{room}/{sort}", **self.moderator).status, 400)
                self.assertEqual(self.put(f"/rooms/{room}/{sort}/eve", **self.moderator).status, 400)
        self.assertEqual(self.listed("bans"), [])

    def test_what_is_not_routed(self) -> None:
        for target in (f"{VAULT}/kicks", f"{VAULT}/kicks/eve", f"{VAULT}/bans/"):
            self.assertEqual(self.ask(target, **self.moderator).status, 404)
        for target, allowed in (
            (f"{VAULT}/bans", "GET, HEAD, OPTIONS"),
            (f"{VAULT}/mutes/eve", "DELETE, PUT, OPTIONS"),
        ):
            answer = self.ask(target, "POST", **self.moderator)
            self.assertEqual((answer.status, answer.headers["allow"]), (405, allowed))

    def test_a_store_that_is_gone(self) -> None:
        self.store.close()
        for answer in (self.sanction("bans", "eve"), self.ask(f"{VAULT}/messages/0", "DELETE", **self.moderator)):
            self.assert_refused(503, "store-unavailable", answer)


class WhoWithoutLaneTests(WhoTests):
    plain_transport = PeerTransport
