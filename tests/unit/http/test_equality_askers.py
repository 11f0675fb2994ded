"""Law 12, for who asks: both lanes know the same people, from where they ask, and by what right."""

from __future__ import annotations

from typing import Any

from tests.unit.http.conversations import frame
from tests.unit.http.equality_case import NOW, EqualityTestCase, post
from tests.unit.http.peer import asking
from tests.unit.http.refusals import FORM, POLL, POST
from tests.unit.http.running_sockets import HANDSHAKE
from tests.unit.http.twins import (
    ADA,
    BRIEF,
    GRACE,
    MIA,
    STALE,
    TICKETS,
    Hold,
    Listen,
    Lose,
    Rule,
    Say,
    Stop,
    Tell,
    Wait,
    id_of,
)

MIA_GOES, GRACE_GOES = Rule("ended", "", id_of("mia")), Rule("revoked", "", "jti:of-grace")


class AskerTests(EqualityTestCase):
    """Who asks, from where, and by what right."""

    def everything(self, query: str = "", **headers: Any) -> list[bytes]:
        """A request of each kind, in the open room and in the other one, by whoever says this."""
        found: list[bytes] = []
        for room in ("lobby", "vault"):
            messages, more = f"/rooms/{room}/messages", query.replace("?", "&")
            found += [asking(f"{messages}?cursor=k3v9.0&wait=0{more}", **headers), asking(messages + query, **headers)]
            found += [asking(f"/poll?at=kitchen:k3v9.0&at={room}:k3v9.0&wait=0{more}", **headers)]
            for text in (b'{"text":"x"}', b'{"text":"x","author":"bob"}', b'{"text":""}', b"{"):
                found += [asking(messages + query, "POST", text, Content_Type="application/json", **headers)]
            found += [asking(f"/rooms/{room}/events{query}", **headers)]
        for path in ("/chat/get/0", "/chat/get/x", "/session", "/", "/nowhere", "/poll"):
            found.append(asking(path + query, **headers))
        return [*found, asking("/chat/post" + query, "POST", b"message=one", Content_Type=FORM, **headers)]

    def sockets(self, query: str = "", **headers: Any) -> list[bytes]:
        """Handshakes, with a post behind them, and some that fail in several ways."""
        posts = frame(1, b'{"post": {"key": "long-enough-for-a-guest", "text": "x"}}')
        posts += frame(1, b'{"post": {"key": "as-long-for-a-guest", "text": "x", "author": "bob"}}')
        rooms = [asking(f"/rooms/{room}/socket{query}", **HANDSHAKE, **headers) + posts for room in ("lobby", "vault")]
        others = [{**HANDSHAKE, "Sec_WebSocket_Key": "x"}, {**HANDSHAKE, "Origin": "http://evil.example"}]
        others += [{**HANDSHAKE, "Sec_WebSocket_Version": "8"}, {**HANDSHAKE, "Connection": "x"}]
        bad = [asking(f"/rooms/lobby/socket{query}", **other, **headers) for other in others]
        return [*rooms, *bad, asking(f"/rooms/lobby/socket?cursor=x{query.replace('?', '&')}", **HANDSHAKE, **headers)]

    def compare_each(self, *requests: bytes) -> None:
        """Ask each, of twins who have something to read, and then something that all may ask."""
        for request in requests:
            self.compare([Tell("lobby"), Tell("vault"), Say(0, request), Tell("vault"), Say(1, NOW), Wait(1)])

    def test_tickets(self) -> None:
        for text in (*TICKETS, "none", ""):
            self.compare_each(*self.everything(Authorization=f"Bearer {text}"))
            self.compare_each(*self.everything(f"?ticket={text}"))
            follow = f"/rooms/vault/events?ticket={text}"
            self.compare_each(asking(follow, Authorization=f"Bearer {text}"), asking(follow, Cookie=f"chatcomet={ADA}"))

    def test_tickets_of_sockets(self) -> None:
        for text in (*TICKETS, "none", ""):
            self.compare_each(*self.sockets(Authorization=f"Bearer {text}"), *self.sockets(f"?ticket={text}"))
            self.compare_each(*self.sockets(f"?ticket={text}", Authorization=f"Bearer {GRACE}"))

    def test_what_is_no_ticket(self) -> None:
        for value in ("", "Bearer", f"bearer   {GRACE}  ", f"Bearer\t{GRACE}", "Basic YWRhOng=", "Basic ?", "Digest x"):
            self.compare_each(*self.everything(Authorization=value), *self.sockets(Authorization=value))
        both = b"Authorization: Bearer %b\r\n" % GRACE.encode()
        for request in (*self.everything(), *self.sockets()):
            for lines in (both + both, both + both.lower(), b"Authorization: Basic YWRhOng=\r\n" + both):
                self.compare_each(request.replace(b"Host:", lines + b"Host:", 1))

    def test_members(self) -> None:
        cookie = f"chatcomet={MIA}"
        self.compare_each(*self.everything(Cookie=cookie), *self.sockets(Cookie=cookie))

    def test_sessions_that_are_none(self) -> None:
        for cookie in (STALE, ADA[:-3], "", "x" * 2_000):
            self.compare_each(
                *self.everything(Cookie=f"chatcomet={cookie}"), *self.sockets(Cookie=f"chatcomet={cookie}")
            )
            self.compare_each(*self.everything(f"?ticket={GRACE}", Cookie=f"chatcomet={cookie}"))
            self.compare_each(*self.everything(Cookie=f"chatcomet={cookie}", Authorization=f"Bearer {GRACE}"))

    def test_rights_that_end(self) -> None:
        follow = asking("/rooms/vault/events?cursor=k3v9.0")
        poll = asking("/rooms/vault/messages?cursor=k3v9.0")
        several = asking("/poll?at=vault:k3v9.0&at=kitchen:k3v9.0")
        look = asking("/rooms/vault/messages?cursor=k3v9.0&roster=0")
        seed = asking("/chat/get/0")
        socket = asking("/rooms/vault/socket", **HANDSHAKE)
        for known, endings in (
            (f"Cookie: chatcomet={MIA}", [MIA_GOES, Rule("ban", "vault", "mia")]),
            (f"Authorization: Bearer {GRACE}", [GRACE_GOES, Rule("ban", "vault", "grace")]),
            (f"Authorization: Bearer {BRIEF}", [Wait(9.9), Wait(10.5)]),
        ):
            for request in (follow, poll, several, look, seed, socket):
                asked = Say(0, request.replace(b"Host:", known.encode() + b"\r\nHost:", 1))
                for ending in endings:
                    for behind in (b"", NOW, POST):
                        self.compare([asked, Say(0, behind), ending, asked, Tell("vault"), Tell("lobby"), asked])
                    self.compare([asked, Listen(0, False), *[Tell("vault")] * 5, ending, Listen(0, True), asked])

    def test_posts_of_a_socket_whose_right_ends(self) -> None:
        opened = Say(0, asking("/rooms/lobby/socket", **HANDSHAKE, Authorization=f"Bearer {GRACE}"))
        post = Say(0, frame(1, b'{"post": {"key": "k1", "text": "said"}}'))
        for ending in (
            Rule("mute", "lobby", "grace"),
            Rule("ban", "lobby", "grace"),
            Rule("revoked", "", "jti:of-grace"),
        ):
            self.compare([opened, post, ending, post, Wait(21), post])
            self.compare([opened, Hold(True), post, ending, post, Hold(False), Wait(21), post])

    def test_from_where(self) -> None:
        for name in (b"X-Forwarded-For", b"Forwarded"):
            for value in (
                b"198.51.100.7",
                b"for=198.51.100.7",
                b"unknown",
                b"",
                b"x" * 2_000,
                b"\xe9",
                b"203.0.113.9, ::1",
            ):
                line = b"%b: %b\r\n" % (name, value)
                for request in (POLL, asking("/rooms/lobby/events"), asking("/rooms/lobby/socket", **HANDSHAKE), POST):
                    theirs = request.replace(b"Host:", line + b"Host:", 1)
                    twice = request.replace(b"Host:", line + line + b"Host:", 1)
                    self.compare([Say(0, theirs), Say(1, theirs), Tell("lobby"), Say(1, theirs)])
                    self.compare([Say(0, theirs), Say(1, twice), Lose(0), Say(1, theirs)])
                    self.compare([Say(0, request), Say(1, theirs), Wait(1), Stop()])

    def test_too_many(self) -> None:
        """Of readers from one address, and of posts by one."""
        theirs: dict[str, Any] = {"X_Forwarded_For": "198.51.100.7"}
        poll = Say(0, asking("/rooms/lobby/messages?cursor=k3v9.1", X_Forwarded_For="198.51.100.7"))
        for request in (*self.everything(**theirs), *self.sockets(**theirs)):
            self.compare([Tell("lobby"), poll, Say(1, request), Wait(1), Say(1, NOW)])
            self.compare([poll, Say(1, request), Wait(1), Say(1, NOW)])
        known = (post(Cookie=f"chatcomet={ADA}"), post(Authorization=f"Bearer {GRACE}"))
        for request in (post(**theirs), *known, post()):
            posts = [Say(0, request)] * 8
            self.compare([*posts, Wait(2.5), *posts])
