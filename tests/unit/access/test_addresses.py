"""Addresses: who is counted for a request, whatever its headers say."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access import addresses as addresses_module
from chatcomet.access.addresses import FORWARDED_CHARACTERS, HOPS, UNIX, Proxies, read_network
from chatcomet.errors import Malformed

ALONE = Proxies()
BEHIND = Proxies([ip_network("10.0.0.0/8"), ip_network("2001:db8:ffff::/48")])
PROXY = "10.0.0.1"
CLIENT = "192.0.2.7"

# Much of what a header is made of, in any order.
SCRAPS = st.sampled_from(
    [
        *("for=", "FOR=", "by=", "proto=http", "host=x", ";", ",", ", ", " ", "\t", '"', "\\", "[", "]", ":", "=", "%"),
        *(CLIENT, PROXY, "127.0.0.1", "::1", "[::1]", "2001:db8::7", "[2001:db8::7]:80", "fe80::1%eth0", "256.1.1.1"),
        *("unknown", "_hidden", ":80", ":_x", "é", "\x00", "\n", "for", "1.2.3"),
    ]
)
HEADERS = st.none() | st.lists(SCRAPS, max_size=12).map("".join) | st.text(st.characters(max_codepoint=255))
PEERS = st.sampled_from(["", "127.0.0.1", PROXY, CLIENT, "::1", "2001:db8:ffff::1", "not an address"])


class PeerTests(SynchronousTestCase):
    def test_this_machine_is_not_counted(self) -> None:
        for peer in ("127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1", ""):
            self.assertIsNone(ALONE.client(peer), peer)

    def test_nor_is_a_proxy_that_says_nothing(self) -> None:
        for peer in (PROXY, "10.255.255.255", "2001:db8:ffff::1", "::ffff:10.0.0.1"):
            self.assertIsNone(BEHIND.client(peer), peer)

    def test_all_others_are(self) -> None:
        for peer in (CLIENT, PROXY, "128.0.0.1", "0.0.0.0", "255.255.255.255"):
            self.assertEqual(ALONE.client(peer), peer)

    def test_an_address_has_one_form(self) -> None:
        self.assertEqual(ALONE.client("::ffff:192.0.2.7"), CLIENT)
        self.assertEqual(ALONE.client("::FFFF:c000:207"), CLIENT)

    def test_a_network_of_ipv6_is_one(self) -> None:
        for peer in ("2001:db8::1", "2001:DB8::2", "2001:db8:0:0:ffff:ffff:ffff:ffff"):
            self.assertEqual(ALONE.client(peer), "2001:db8::/64")
        self.assertEqual(ALONE.client("2001:db8:0:1::1"), "2001:db8:0:1::/64")

    def test_on_one_link_they_are_told_apart(self) -> None:
        self.assertNotEqual(ALONE.client("fe80::1"), ALONE.client("fe80::2"))
        self.assertIsNotNone(ALONE.client("fe80::1%eth0"))

    def test_what_is_no_address_is_counted_as_it_is(self) -> None:
        self.assertEqual(ALONE.client("somebody", None, CLIENT), "somebody")


class BelievedTests(SynchronousTestCase):
    """Whom a list leads to; the same in both headers."""

    def assert_leads(self, nodes: list[str], client: str | None, proxies: Proxies = BEHIND, peer: str = PROXY) -> None:
        self.assertEqual(proxies.client(peer, None, ", ".join(nodes)), client, nodes)
        forwarded = ", ".join(f'for="{node}"' for node in nodes)
        self.assertEqual(proxies.client(peer, forwarded, None), client, forwarded)
        self.assertEqual(proxies.client(peer, forwarded, ",".join(nodes)), client, nodes)

    def test_not_of_a_stranger(self) -> None:
        for peer in (CLIENT, PROXY):
            self.assert_leads(["198.51.100.1"], peer, ALONE, peer)
            self.assert_leads(["127.0.0.1"], peer, ALONE, peer)

    def test_of_this_machine_without_a_word(self) -> None:
        for peer in ("127.0.0.1", "::1", ""):
            self.assert_leads([CLIENT], CLIENT, ALONE, peer)

    def test_of_a_named_proxy(self) -> None:
        self.assert_leads([CLIENT], CLIENT)

    def test_from_the_right_over_the_trusted_to_the_first_that_is_not(self) -> None:
        self.assert_leads(["198.51.100.1", CLIENT], CLIENT)
        self.assert_leads(["198.51.100.1", CLIENT, "10.0.0.2", "10.0.0.3"], CLIENT)
        self.assert_leads([PROXY, CLIENT], CLIENT)
        self.assert_leads(["127.0.0.1", CLIENT, "127.0.0.1"], CLIENT)

    def test_what_is_to_the_left_of_it_does_not_matter(self) -> None:
        for invented in ("unknown", "_hidden", "256.0.0.1", "x", "1.2.3.4.5", "2001:db8::1::2"):
            self.assert_leads([invented, CLIENT], CLIENT)

    def test_a_proxy_that_asks_for_itself_is_not_counted(self) -> None:
        self.assert_leads(["10.0.0.2"], None)
        self.assert_leads(["127.0.0.1", "10.0.0.2"], None)

    def test_all_ways_to_write_an_address(self) -> None:
        for node in (CLIENT, f"{CLIENT}:4711", f"{CLIENT}:_port", f"::ffff:{CLIENT}", f"[::ffff:{CLIENT}]:80"):
            self.assert_leads([node], CLIENT)
        for node in ("2001:db8::7", "[2001:db8::7]", "[2001:DB8::7]:4711", "[2001:db8::7]:_port"):
            self.assert_leads([node], "2001:db8::/64")

    def test_what_leads_nowhere_is_counted_as_the_proxy(self) -> None:
        for node in (
            "unknown",
            "_hidden",
            "x",
            "256.0.0.1",
            "1.2.3",
            "010.0.0.1",
            "[::1",
            "::1]",
            "1.2.3.4:",
            "fe80::1%1",
        ):
            self.assert_leads([CLIENT, node], PROXY)
        self.assert_leads(["unknown"], "127.0.0.1", ALONE, "127.0.0.1")
        self.assert_leads(["unknown"], "::/64", ALONE, "::1")
        self.assert_leads(["unknown"], UNIX, ALONE, "")

    def test_so_many_hops(self) -> None:
        self.assert_leads([CLIENT, *["10.0.0.2"] * (HOPS - 1)], CLIENT)
        self.assert_leads([CLIENT, *["10.0.0.2"] * HOPS], PROXY)
        self.assert_leads([*["198.51.100.1"] * 20, CLIENT], CLIENT)

    def test_headers_that_lead_to_different_clients_lead_nowhere(self) -> None:
        for forwarded, x_forwarded_for in (
            *((f"for={CLIENT}", "198.51.100.1"), (f"for={CLIENT}", "127.0.0.1"), ("for=10.0.0.2", CLIENT)),
            *((f"for={CLIENT}", "unknown"), ("for=unknown", CLIENT), ("proto=http", CLIENT), ("nonsense", CLIENT)),
        ):
            self.assertEqual(BEHIND.client(PROXY, forwarded, x_forwarded_for), PROXY)

    def test_an_empty_header_is_none(self) -> None:
        for empty in ("", " ", ",", " , ,", "\t"):
            self.assertIsNone(BEHIND.client(PROXY, empty, empty))
            self.assertEqual(BEHIND.client(PROXY, empty, CLIENT), CLIENT)
            self.assertEqual(BEHIND.client(PROXY, f"for={CLIENT}", empty), CLIENT)


class ForwardedTests(SynchronousTestCase):
    """RFC 7239, 4."""

    def leads(self, forwarded: str) -> str | None:
        return BEHIND.client(PROXY, forwarded)

    def test_the_examples(self) -> None:
        for forwarded, client in (
            ('for="_gazonk"', PROXY),
            ('For="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::/64"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17"),
            ('for=192.0.2.43,for="[2001:db8:cafe::17]",for=unknown', PROXY),
            ("for=_hidden, for=_SEVKISEK", PROXY),
        ):
            self.assertEqual(self.leads(forwarded), client, forwarded)

    def test_spaces_empty_elements_and_order(self) -> None:
        for forwarded in (
            *(f"for={CLIENT}", f" for={CLIENT} ", f"\tfor={CLIENT}\t;\tproto=http", f"proto=http; by=x;FOR={CLIENT}"),
            *(
                f",for={CLIENT},",
                f", , for={CLIENT} , ,",
                f";for={CLIENT};;",
                f'for="{CLIENT}"',
                f'for="\\1{CLIENT[1:]}"',
            ),
            *(f'for=x;host="a,b;for=6.6.6.6", for={CLIENT}', f'by="\\"", for={CLIENT}'),
        ):
            self.assertEqual(self.leads(forwarded), CLIENT, forwarded)

    def test_what_proxies_write_without_quotes(self) -> None:
        self.assertEqual(self.leads(f"for={CLIENT}:80"), CLIENT)
        self.assertEqual(self.leads("for=[2001:db8::7]:80"), "2001:db8::/64")

    def test_what_is_malformed_anywhere_leads_nowhere(self) -> None:
        for forwarded in (
            *(f'for=", for={CLIENT}', f'for="{CLIENT}', f'for={CLIENT}"', f"for = {CLIENT}", f"for={CLIENT} by=x"),
            *(
                f"for={CLIENT}; for={CLIENT}",
                f"For=x;for={CLIENT}",
                CLIENT,
                f"for={CLIENT}, {CLIENT}",
                f"for=;for={CLIENT}",
            ),
            *(f"for={CLIENT}, proto=http", f"fo r={CLIENT}", f"for=é, for={CLIENT}", 'for="\\', f"=x, for={CLIENT}"),
        ):
            self.assertEqual(self.leads(forwarded), PROXY, forwarded)

    def test_has_an_end(self) -> None:
        client = f"for={CLIENT}"
        self.assertEqual(self.leads("," * (FORWARDED_CHARACTERS - len(client)) + client), CLIENT)
        self.assertEqual(self.leads("," * (FORWARDED_CHARACTERS - len(client) + 1) + client), PROXY)


class HostileTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=500)
    @given(PEERS, HEADERS, HEADERS)
    def test_nothing_is_raised_and_nobody_gets_out(
        self, peer: str, forwarded: str | None, x_forwarded_for: str | None
    ) -> None:
        for proxies in (ALONE, BEHIND):
            client = proxies.client(peer, forwarded, x_forwarded_for)
            alone = proxies.client(peer)
            if alone is not None:
                self.assertEqual(client, alone, "whoever is not trusted is counted as itself")
            if client == "127.0.0.1" or (client == PROXY and proxies is BEHIND):
                self.assertEqual(client, peer, "who is trusted is counted where it is the peer, or not at all")

    @settings(deadline=None)
    @given(HEADERS, HEADERS)
    def test_a_client_is_counted_whatever_it_sends_if_the_proxy_appends(
        self, forwarded: str | None, x_forwarded_for: str | None
    ) -> None:
        appended = CLIENT if x_forwarded_for is None else f"{x_forwarded_for}, {CLIENT}"
        self.assertIn(BEHIND.client(PROXY, forwarded, appended), (CLIENT, PROXY))
        self.assertEqual(BEHIND.client(PROXY, None, appended), CLIENT)
        appended = f"for={CLIENT}" if forwarded is None else f"{forwarded}, for={CLIENT}"
        self.assertIn(BEHIND.client(PROXY, appended, None), (CLIENT, PROXY))

    @settings(deadline=None)
    @given(st.ip_addresses())
    def test_any_address_is_counted_the_same_however_it_is_told(self, address: IPv4Address | IPv6Address) -> None:
        node = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
        counted = {
            BEHIND.client(str(address)),
            BEHIND.client(PROXY, None, str(address)),
            BEHIND.client(PROXY, None, f"{node}:80"),
            BEHIND.client(PROXY, f'for="{node}:80"'),
        }
        self.assertEqual(len(counted), 1)

    def test_long_headers_take_no_long(self) -> None:
        for header in (
            "127.0.0.1," * 3_000,
            "," * 30_000,
            " " * 30_000 + "x",
            '"' * 30_000,
            "for=" * 8_000,
            "a" * 30_000,
        ):
            with patch.object(addresses_module, "ip_address", wraps=ip_address) as read:
                BEHIND.client(PROXY, header, header)
            self.assertLessEqual(read.call_count, 2 * HOPS)


class MemoryTests(SynchronousTestCase):
    """What is the same is found once, and so much is remembered."""

    def found(self, proxies: Proxies, *asked: tuple[str, str | None, str | None]) -> int:
        """How many of these had to be found."""
        with patch.object(addresses_module, "_read_address", wraps=addresses_module._read_address) as read:
            for each in asked:
                proxies.client(*each)
        return sum(call.args[0] == PROXY for call in read.call_args_list)

    def test_peers_and_headers(self) -> None:
        self.assertEqual(self.found(Proxies(), *[(PROXY, None, None)] * 9), 1)
        proxies = Proxies([ip_network(PROXY)])
        self.assertEqual(self.found(proxies, *[(PROXY, None, CLIENT)] * 9), 1)
        self.assertEqual(self.found(proxies, *[(PROXY, f"for={CLIENT}", None)] * 9), 1)

    def test_not_what_is_long(self) -> None:
        proxies = Proxies([ip_network(PROXY)])
        self.assertEqual(self.found(proxies, *[(PROXY, None, "x" * 300)] * 9), 9)

    def test_not_without_end(self) -> None:
        with patch.object(addresses_module, "_REMEMBERED", 2):
            proxies = Proxies([ip_network(PROXY)])
        headers = [f"192.0.2.{number}" for number in (1, 2, 3, 1)]
        self.assertEqual(self.found(proxies, *((PROXY, None, header) for header in headers)), 4)


class NetworkTests(SynchronousTestCase):
    def test_networks_and_addresses(self) -> None:
        for text in ("10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1", "10.0.0.0/255.0.0.0"):
            self.assertEqual(read_network(text), ip_network(text))

    def test_what_is_none(self) -> None:
        for text in (
            "",
            "proxy.example",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0",
            "*",
            "10.0.0.0-10.0.0.9",
            "fe80::1%eth0/64",
        ):
            error = self.assertRaises(Malformed, read_network, text)
            self.assertIn("such as 10.0.0.0/8", str(error))

    def test_not_the_whole_world(self) -> None:
        for text in ("0.0.0.0/0", "::/0"):
            self.assertRaises(Malformed, read_network, text)

    def test_not_one_that_no_peer_could_be_in(self) -> None:
        error = self.assertRaises(Malformed, read_network, "::ffff:10.0.0.0/104")
        self.assertIn("IPv4", str(error))
