"""Law 12: the same request gives the same answer in both lanes, and does the same to the chat.

Whatever is asked, however it is cut into segments, and whatever happens meanwhile: two edges that are the same but for
what connects their peers can't be told from each other.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings

from tests.unit.http.conversations import OTHER_HOSTS, STRANGE, conversations, frame
from tests.unit.http.equality_case import NOW, ROOM, EqualityTestCase, post
from tests.unit.http.peer import asking
from tests.unit.http.refusals import FORM, POLL, POST, SESSION
from tests.unit.http.running_sockets import HANDSHAKE
from tests.unit.http.twins import ADA, Hold, Listen, Lose, Say, Step, Stop, Tell, Wait

EXAMPLES = 400


def with_lines(lines: bytes) -> bytes:
    """A post with `lines` in its header, before others that may be of the same name."""
    return post().replace(b"Host: chat.example\r\n", b"Host: chat.example\r\n" + lines)


class EqualityTests(EqualityTestCase):
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(conversations())
    def test_nobody_can_tell_which_lane_was_taken(self, steps: list[Step]) -> None:
        self.compare(steps)


class CutTests(EqualityTestCase):
    """What a segment is depends on those before it."""

    def test_a_whole_request_behind_a_part_of_one(self) -> None:
        for part in (b"\r\n", b"\r", b"G", b"GET / HTTP/1.1", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nX: y\r\n"):
            for whole in (NOW, POLL, POST):
                self.compare_said(part, whole, whole)

    def test_a_body_that_is_a_request(self) -> None:
        end = b" HTTP/1.1\r\nHost: chat.example\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(POST)
        outer = b"POST /chat/post" + end
        self.compare_said(outer, POST, POST)
        self.compare_said(outer + POST, POST)
        self.compare_said(b"GET /session" + end, POST)

    def test_a_request_behind_one_that_is_not_answered_yet(self) -> None:
        for behind in (POST, NOW, SESSION, POLL, b"GET / HT", b"\x00\r\n\r\n", POST + NOW):
            self.compare_said(POLL, behind)
            self.compare_said(POLL + behind)
            self.compare_said(POLL, behind, POST)
            self.compare_said(asking("/session") + POLL, behind)

    def test_a_request_in_two_parts(self) -> None:
        for request in (POLL, NOW, POST):
            for at in range(1, len(request)):
                self.compare_said(request[:at], request[at:])

    def test_a_request_and_a_part_of_the_next(self) -> None:
        for request in (POLL, NOW, POST):
            for behind in (b"G", b"\r\n", b"GET / HTTP/1.1\r\n", POST[:-1], b"\x00"):
                self.compare_said(request + behind, b"\r\n\r\n", POST)


class HeaderTests(EqualityTestCase):
    def test_each_that_is_strange(self) -> None:
        for line in STRANGE:
            for request in (POLL, NOW, POST):
                first, _, rest = request.partition(b"\r\n")
                head, blank, body = rest.partition(b"\r\n\r\n")
                for lines in ([line, head], [head, line]):
                    self.compare_said(b"\r\n".join([first, *lines]) + blank + body, b"GET /\r\n\r\n", NOW)

    def test_that_stand_there_twice(self) -> None:
        for name in (b"Host", b"Content-Type", b"content-type", b"Content-Length"):
            for value in (b"", b"0", b"11", b"text/plain", FORM.encode()):
                self.compare_said(with_lines(name + b": " + value + b"\r\n"), NOW)
        for value in (b"cross-site", b"same-origin"):
            both = b"Sec-Fetch-Site: %b\r\nsec-fetch-site: cross-site\r\n" % value
            self.compare_said(with_lines(both), NOW)

    def test_that_end_the_connection(self) -> None:
        for value in ("close", "Close", "keep-alive, close", "keep-alive close", "keep-alive", "x", ""):
            self.compare_said(asking("/chat/get/0", Connection=value), NOW)
            self.compare_said(post(Connection=value), NOW)

    def test_that_say_how_a_body_comes(self) -> None:
        for value in (b"chunked", b"Chunked", b"identity", b"gzip", b""):
            self.compare_said(with_lines(b"Transfer-Encoding: " + value + b"\r\n") + b"\r\n0\r\n\r\n", NOW)
        for value in (b"+11", b"011", b"11, 11", b"12", b"10", b"0xb", b"", b"\xb2", b"9" * 30, b"9" * 5_000):
            request = post().replace(b"Content-Length: 11", b"Content-Length: " + value)
            self.compare_said(request, NOW)
            self.compare_said(request + b"x", NOW)
        self.compare_said(post(Expect="100-continue"), NOW)

    def test_that_name_another_host(self) -> None:
        ours = b"Host: chat.example\r\n"
        for request in (POLL, NOW, POST, asking("/rooms/lobby/socket", **HANDSHAKE)):
            for host in OTHER_HOSTS:
                self.compare_said(request.replace(ours, b"Host:" + host + b"\r\n"), NOW)
            for lines in (b"", ours + ours, ours + b"Host: evil.example\r\n", b"host: chat.example\r\n"):
                for version in (b"HTTP/1.1", b"HTTP/1.0"):
                    self.compare_said(request.replace(ours, lines).replace(b"HTTP/1.1", version), NOW)

    def test_of_pages_of_other_sites(self) -> None:
        follow = asking("/rooms/lobby/events?cursor=k3v9.0")
        sockets = [asking(f"/rooms/lobby/socket{query}", **HANDSHAKE) for query in ("", "?cursor=x")]
        others = (asking(ROOM, "OPTIONS"), asking(f"{ROOM}?cursor=x"))
        for request in (POLL, NOW, POST, follow, SESSION, *sockets, *others):
            for origin in (b"https://friend.example", b"https://evil.example", b"null", b"", b"\xe9"):
                theirs = request.replace(b"\r\n", b"\r\nOrigin: %b\r\n" % origin, 1)
                self.compare([Say(0, theirs), Say(1, theirs), Say(1, request), Tell("lobby"), Say(0, request)])

    def test_of_any_length(self) -> None:
        for length in (4_000, 8_100, 8_189, 8_190, 12_000):
            self.compare_said(asking("/chat/get/0", X="a" * length), NOW)
            self.compare_said(post(X="a" * length), NOW)
            lines = b"".join(b"X%d: %b\r\n" % (number, b"a" * 1_000) for number in range(length // 1_000))
            self.compare_said(with_lines(lines), NOW)


class SocketTests(EqualityTestCase):
    def ask(self, target: str = "/rooms/lobby/socket?cursor=k3v9.0&roster=0", **headers: Any) -> Say:
        """A handshake."""
        return Say(0, asking(target, **{**HANDSHAKE, **headers}))

    def test_what_is_said_and_heard(self) -> None:
        post = frame(1, b'{"post": {"key": "long-enough-for-a-guest", "text": "said"}}')
        for opened in (self.ask(), self.ask(Connection="Upgrade", Cookie=f"chatcomet={ADA}")):
            for heard in (post, post * 40, frame(1, b'{"typing": true}'), frame(2, b""), frame(9, b"x"), POST, b"\x81"):
                for bye in (frame(8, b""), b""):
                    said: list[Step] = [opened, Tell("lobby"), Say(0, heard), Tell("lobby"), Say(0, bye), Wait(20)]
                    self.compare([Tell("lobby"), *said, Lose(0)])
                    self.compare([*said, Listen(0, False), *[Tell("lobby")] * 5, Wait(1), Listen(0, True), Stop()])
                    self.compare([Hold(True), *said, Stop(), Wait(0.25), Hold(False), Wait(0.25)])
                self.compare([Say(0, opened.data + heard), Tell("lobby"), Stop(), Wait(0.25)])
                self.compare([Stop(), opened, Say(0, heard), Wait(0.25)])

    def test_who_answers_no_ping(self) -> None:
        for seconds in (15, 31, 46, 76):
            self.compare([self.ask(), Wait(seconds), Say(0, frame(10, b"")), Wait(seconds), Say(0, NOW)])

    def test_what_is_refused(self) -> None:
        room = "/rooms/lobby/socket"
        for name, value in (
            *(("Origin", "http://evil.example"), ("Origin", "http://chat.example"), ("Sec_Fetch_Site", "cross-site")),
            *(("Upgrade", "h2c"), ("Upgrade", "h2c, WebSocket"), ("Connection", "close, Upgrade"), ("Connection", "x")),
            *(("Connection", "keep-alive, upgrade"), ("Sec_WebSocket_Version", "8"), ("Sec_WebSocket_Key", "x")),
            *(("Content_Length", "0"), ("Content_Length", "3"), ("Expect", "100-continue"), ("TE", "trailers")),
        ):
            self.compare([self.ask(room, **{name: value}), Say(0, NOW), Tell("lobby")])
        for target in (
            *(f"{room}?cursor=x", f"{room}?cursor=", f"{room}?roster=x", f"{room}?cursor=k3v9.0&cursor=k3v9.0"),
            *("/rooms/Lobby/socket", "/rooms/lobby/socket/", "/rooms/lobby/messages?cursor=k3v9.0", "/session"),
        ):
            self.compare([self.ask(target), Say(0, NOW), Tell("lobby")])

    def test_a_handshake_in_two_parts(self) -> None:
        request = self.ask().data + frame(1, b'{"typing": true}')
        for at in range(1, len(request)):
            self.compare_said(request[:at], request[at:])


class TargetTests(EqualityTestCase):
    def test_with_signs_that_have_a_meaning(self) -> None:
        room = "/rooms/lobby/messages"
        for target in (
            *(
                f"{room}?cursor=k3v9.0?limit=1",
                f"{room}?x=1?cursor=k3v9.0",
                f"{room}?cursor=k3v9.0&limit=1?",
                "/poll??",
            ),
            *(f"{room}?cursor=k3v9.0;limit=1", f"{room}?cursor=k3v9.0&wait=%30", f"{room}?cursor=k3v9.0&wait=+0"),
            *(
                f"{room}?cursor=k3v9.0&limit",
                f"{room}?cursor=k3v9.0&limit=",
                f"{room}?cursor",
                f"{room}?&&cursor=k3v9.0",
            ),
            *(
                f"{room}?cursor=k3v9.0&cursor=k3v9.0",
                f"{room}?cursor=k3v9.0&limit=1&limit=1",
                f"{room}?cursor=k3v9.0=1",
            ),
            *("/rooms%2Flobby/messages?cursor=k3v9.0", "/rooms/lobb%79/messages?cursor=k3v9.0", "/chat/get/%30"),
            *(
                "http://chat.example/chat/get/0",
                "//chat/get/0",
                "/./chat/get/0",
                "/chat/get/0/",
                "/chat/get/0?",
                "/chat/get/0#",
            ),
        ):
            self.compare_said(asking(target), NOW)
            self.compare_said(asking(target, "POST", b"message=one", Content_Type=FORM), NOW)

    def test_of_any_length(self) -> None:
        for length in (4_000, 4_100, 8_000, 8_190, 9_000):
            self.compare_said(asking("/chat/get/0?x=" + "a" * length), NOW)


class EndTests(EqualityTestCase):
    def test_a_stop_while_an_answer_is_not_taken(self) -> None:
        told, deaf, waits = [Tell("lobby")] * 5, Listen(0, False), Wait(0.25)
        for behind in (b"", SESSION, NOW, b"GET /", b"GET / HTTP/1.1\r\n"):
            self.compare([*told, deaf, Say(0, NOW + behind), Stop(), waits, Listen(0, True), waits])
            self.compare([Say(0, POLL), deaf, *told, Say(0, behind), Stop(), waits, Listen(0, True), waits])
            self.compare([*told, deaf, Say(0, NOW), Say(0, NOW), Say(0, behind), Stop(), waits, Listen(0, True), waits])

    def test_a_stop_while_one_waits(self) -> None:
        for behind in (b"", SESSION, POLL, b"GET /"):
            self.compare([Say(0, POLL), Say(0, behind), Stop(), Wait(0.25)])

    def test_a_stop_while_one_follows(self) -> None:
        for accept in ("text/event-stream", "application/x-ndjson"):
            follow = asking("/rooms/lobby/events?cursor=k3v9.0&roster=0", Accept=accept)
            for behind in (b"", SESSION, POST, follow, b"GET /", b"GET / HTTP/1.1\r\n"):
                begun: list[Step] = [Say(0, follow), Tell("lobby"), Say(0, behind), Wait(20)]
                self.compare([*begun, Stop(), Wait(0.25)])
                self.compare([*begun, Listen(0, False), *[Tell("lobby")] * 5, Stop(), Wait(0.25), Listen(0, True)])
                self.compare([Stop(), Say(0, follow), Say(0, behind), Wait(0.25)])

    def test_one_that_follows_and_does_not_listen(self) -> None:
        follow = Say(0, asking("/rooms/lobby/events?cursor=k3v9.0&roster=0"))
        for seconds in (1, 29, 31, 95):
            deaf: list[Step] = [Listen(0, False), *[Tell("lobby")] * 5, Wait(seconds)]
            self.compare([follow, *deaf, Listen(0, True), Tell("lobby"), Say(0, SESSION)])
            self.compare([*deaf, follow, Say(0, SESSION), *deaf, Lose(0)])

    def test_one_that_follows_twice_and_does_not_listen(self) -> None:
        """A stop ends the first, in a burst, and begins the second."""
        follow = Say(0, asking("/rooms/lobby/events?cursor=k3v9.0&roster=0"))
        taken: list[Step] = [Wait(0.25), Listen(0, True), Wait(0.25)]
        self.compare([follow, Listen(0, False), Tell("lobby"), follow, Stop()])
        self.compare([follow, Listen(0, False), Tell("lobby"), follow, Stop(), *taken])
        self.compare([follow, Listen(0, False), *[Tell("lobby")] * 5, follow, Stop(), *taken])

    def test_a_peer_that_goes(self) -> None:
        for behind in (b"", POST, b"GET /"):
            self.compare([Say(0, POLL), Say(0, behind), Lose(0), Tell("lobby"), Say(1, POLL), Wait(0.25)])

    def test_one_that_asks_and_does_not_listen(self) -> None:
        for seconds in (1, 74, 76, 95):
            self.compare([Tell("lobby"), Listen(0, False), *[Say(0, NOW)] * 5, Wait(seconds), Listen(0, True)])
            self.compare([Listen(0, False), Say(0, POLL), *[Say(0, NOW)] * 5, Tell("lobby"), Wait(seconds)])

    def test_one_that_is_slow(self) -> None:
        for seconds in (9.75, 10, 15, 74.75, 75, 95):
            for part in (b"", b"G", b"GET / HTTP/1.1\r\n"):
                self.compare([Say(0, NOW), Say(0, part), Wait(seconds), Say(0, b"X: y\r\n"), Wait(seconds)])
                self.compare([Say(0, POLL), Say(0, part), Tell("lobby"), Wait(seconds), Say(0, b"X: y\r\n")])
