"""Hosts: which names are this server's, and what becomes of a request for another one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.errors import ChatcometError, Malformed, Misdirected
from chatcomet.http.hosts import ANY, Hosts
from tests.unit.http.peer import asking
from tests.unit.http.running_lane import NOW, POLL, POST, SESSION, LaneTestCase

EVERYBODYS = (
    *("localhost", "LocalHost", "localhost.", "chat.localhost", "a.b.localhost", "127.0.0.1", "0.0.0.0", "192.0.2.7"),
    *("[::1]", "[::]", "[2001:DB8::7]", "[::ffff:192.0.2.7]", "[fe80::1%eth0]"),
)
NOBODYS = (
    *("evil.example", "example", "localhost.example", "notlocalhost", ".localhost.evil", "127.0.0.1.evil.example", ""),
    *("127.1", "0x7f000001", "2130706433", "256.0.0.1", "127.0.0.01", "[127.0.0.1]", "[localhost]", "[v1.x]"),
    *("*", "[::1%]", "[1]", "chat..example", "chat.example..", "a" * 255),
)
NO_HOSTS = (
    *("::1", "[::1", "::1]", "[[::1]]", "a b", " a", "a ", "a/b", "a@chat.example", "a:b", "a:1:2", "a:123456", "a:-1"),
    *("\xe9", "a\x00", "a\n", "http://chat.example", "[::1]x", "chat.example,evil.example\n", "a#b", "a?b", "a" * 256),
)


class HostsTests(SynchronousTestCase):
    def assert_known(self, hosts: Hosts, *names: str) -> None:
        for name in names:
            for said in (name, f"{name}:80", f"{name}:65535", f"{name}:"):
                self.assertTrue(hosts.knows(said), said)
                hosts.check([said], b"HTTP/1.1")

    def assert_unknown(self, hosts: Hosts, *names: str) -> None:
        for name in names:
            for said in (name, f"{name}:80"):
                self.assertFalse(hosts.knows(said), said)
                for version in (b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2"):
                    self.assertRaises(Misdirected, hosts.check, [said], version)

    def test_addresses_and_localhost_are_everybodys(self) -> None:
        for listed in ((), ("chat.example",)):
            self.assert_known(Hosts(listed, "box"), *EVERYBODYS)

    def test_without_a_list_its_own_name_is_known(self) -> None:
        for machine in ("box", "Box.Corp.Example", "box."):
            self.assert_known(Hosts((), machine), machine, machine.upper(), machine.removesuffix(".") + ".")
        self.assert_unknown(Hosts((), "box"), "box.corp.example", "xbox", *NOBODYS)

    def test_and_what_it_is_called_in_its_network(self) -> None:
        for machine in ("box", "Box.", "box.corp.example", "BOX.local"):
            self.assert_known(Hosts((), machine), "box", "Box.", "box.local", "BOX.LOCAL.")
            self.assert_unknown(
                Hosts((), machine), "local", "corp.example", "a.box", "a.box.local", "box.local.example", "box.corp"
            )
        self.assert_unknown(Hosts((), "box.corp.example"), "box.corp.local", "box.corp.example.local", *NOBODYS)

    def test_an_address_has_no_first_label(self) -> None:
        self.assert_unknown(Hosts((), "192.0.2.7"), "192", "192.local", "192.0.2", *NOBODYS)

    def test_with_a_list_only_those_are(self) -> None:
        hosts = Hosts(("chat.example", "Chat.Example.NET."), "box")
        self.assert_unknown(hosts, "box.local", "chat", "chat.local")
        self.assert_known(hosts, "chat.example", "CHAT.example.", "chat.example.net", "chat.example.net.")
        self.assert_unknown(hosts, "box", "a.chat.example", "chat.example.evil.example", *NOBODYS)

    def test_a_machine_without_a_name_knows_no_empty_one(self) -> None:
        for machine in ("", ".", ".example"):
            self.assert_unknown(Hosts((), machine), "local", ".local", *NOBODYS)

    def test_any_name_will_do_where_the_operator_says_so(self) -> None:
        for listed in ((ANY,), ("chat.example", ANY)):
            self.assert_known(Hosts(listed, "box"), *EVERYBODYS, *NOBODYS)

    def test_what_is_no_host(self) -> None:
        for hosts in (Hosts(("chat.example",), ""), Hosts((ANY,), "")):
            for said in NO_HOSTS:
                self.assertFalse(hosts.knows(said), said)
                self.assertRaises(Malformed, hosts.check, [said], b"HTTP/1.1")

    def test_there_is_one(self) -> None:
        for hosts in (Hosts(("chat.example",), ""), Hosts((ANY,), "")):
            for values in ([], ["chat.example"] * 2, ["chat.example", "evil.example"], ["", "chat.example"]):
                self.assertRaises(Malformed, hosts.check, values, b"HTTP/1.1")
            hosts.check([], b"HTTP/1.0")
            self.assertRaises(Malformed, hosts.check, ["chat.example"] * 2, b"HTTP/1.0")

    def test_the_refusal_says_whom_to_ask(self) -> None:
        for said in ("evil.example:8080", ""):
            try:
                Hosts((), "box").check([said], b"HTTP/1.1")
            except ChatcometError as error:
                self.assertIn(said or "nothing", str(error))
                self.assertIn("--host", str(error))
            else:
                self.fail(said)


class MisdirectedTests(LaneTestCase):
    """What is asked of another name reaches nothing, and nobody hears of what is here."""

    def ask_for(self, host: bytes, *requests: bytes) -> set[tuple[int, str]]:
        """What comes of `requests`, for `host`; a program that errs keeps its connection."""
        seen = set()
        for request in requests:
            self.peer.send(request.replace(b"chat.example", host))
            answer = self.peer.answer()
            self.assertNotIn("connection", answer.headers)
            seen.add((answer.status, answer.problem))
        return seen

    def test_it_reaches_nothing(self) -> None:
        asked = (POLL, NOW, POST, SESSION, asking("/"), asking("/chat/get/0"), asking("/nowhere"), asking("/chat/post"))
        self.assertEqual(self.ask_for(b"evil.example", *asked), {(421, "misdirected")})
        self.assertEqual(self.ask_for(b"a b", *asked), {(400, "malformed")})
        self.assertEqual((self.texts(), self.hub.waiting), ([], 0))

    def test_it_is_not_learnt(self) -> None:
        for _ in range(2):
            self.assertEqual(self.ask_for(b"evil.example", NOW, POST), {(421, "misdirected")})
            self.assertEqual(self.peer.ask("/rooms/lobby/messages?cursor=k3v9.0&wait=0").status, 200)
        self.assertEqual(self.requests, 4)

    def test_its_own_names_take_the_lane(self) -> None:
        for host in (b"chat.example:8080", b"CHAT.example.", b"localhost", b"127.0.0.1:8080", b"[::1]:8080"):
            self.peer.send(NOW.replace(b"chat.example", host))
            self.assertEqual(self.peer.answer().status, 200)
        self.assert_in_lane()

    def test_without_a_name(self) -> None:
        for request in (NOW, POST, SESSION):
            nameless = request.replace(b"Host: chat.example\r\n", b"")
            self.peer.send(nameless)
            self.assertEqual(self.peer.answer().problem, "malformed")
            peer = self.connect()
            peer.send(nameless.replace(b"HTTP/1.1", b"HTTP/1.0"))
            self.assertEqual(peer.answer().status, 200)

    def test_the_star_is_nobodys(self) -> None:
        self.assertEqual(self.ask_for(b"evil.example", asking("*", "OPTIONS")), {(421, "misdirected")})

    def test_head(self) -> None:
        self.peer.send(asking("/session", "HEAD").replace(b"chat.example", b"evil.example"))
        self.assertEqual(self.peer.answer(to_head=True).status, 421)
