"""The command line: what it takes, and what it says to what it does not."""

from __future__ import annotations

import io
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.plugins.cred_unix import UNIXChecker
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from chatcomet import __version__, tap
from chatcomet.core.message import Sizes
from chatcomet.errors import StartRefused
from chatcomet.service import ChatService
from chatcomet.settings import ConnectionLimits, Rate, Settings
from chatcomet.tap import Options, TwistdService, makeService


def settings(*arguments: str) -> Settings:
    """What the command line `arguments` asks for, in memory."""
    options = Options()
    options.parseOptions(["--store", "memory:", *arguments])
    return options.settings()


def limit(option: str, text: str) -> object:
    """What `option` is taken for, whatever goes with it."""
    options = Options()
    with patch.object(tap, "_check_limits"):
        options.parseOptions(["--store", "memory:", f"--{option}", text])
    return options[option]


class OptionsTests(SynchronousTestCase):
    def assert_wrong(self, option: str, values: tuple[str, ...], right: str) -> None:
        """Each value is refused, under its option's name, with a word of what would be right."""
        for value in values:
            error = self.assertRaises(UsageError, settings, option, value)
            self.assertIn(option, str(error))
            self.assertIn(right, str(error), value)

    def test_none_at_all(self) -> None:
        with TemporaryDirectory() as folder, patch("os.getcwd", return_value=folder):
            options = Options()
            options.parseOptions([])
        self.assertEqual(options.settings(), Settings())
        self.assertEqual(options.settings().listen, ("tcp:8080",))
        self.assertEqual(options.settings().store, "sqlite:chatcomet.db")

    def test_all(self) -> None:
        self.assertEqual(
            settings(
                *(
                    "--listen",
                    "tcp:0",
                    "--listen",
                    "unix:/tmp/x",
                    "--hold",
                    "2.5",
                    "--retain",
                    "0",
                    "--retain-days",
                    "0.5",
                    "--prefix",
                    "/chat/ty",
                ),
                *("--origin", "https://a.example", "--origin", "http://[::1]:8081"),
                *("--host", "chat.example", "--host", "*"),
                *("--ticket-key", "a.key", "--ticket-key", "b.pem", "--ticket-audience", "chat"),
                *("--rooms", "rooms.toml", "--post-rate", "5/s:9", "--session-rate", "3/min", "--room-rate", "2/h"),
                *("--readers", "500", "--readers-per-address", "7", "--proxy", "10.0.0.1", "--proxy", "2001:db8::/32"),
                *("--sign-in-tries", "3", "--text-characters", "500", "--data-bytes", "1000", "--page-bytes", "5000"),
                *("--body-bytes", "9000", "--line-bytes", "4000", "--header-bytes", "6000"),
                *("--header-seconds", "2.5", "--body-seconds", "20", "--idle-seconds", "30"),
            ),
            Settings(
                listen=("tcp:0", "unix:/tmp/x"),
                store="memory:",
                hold_seconds=2.5,
                retain=0,
                retain_days=0.5,
                prefix="/chat/ty",
                origins=frozenset({"https://a.example", "http://[::1]:8081"}),
                hosts=frozenset({"chat.example", "*"}),
                ticket_keys=("a.key", "b.pem"),
                ticket_audience="chat",
                rooms="rooms.toml",
                post_rate=Rate(5.0, 9),
                session_rate=Rate(3 / 60, 3),
                room_rate=Rate(2 / 3600, 2),
                readers=500,
                readers_per_address=7,
                proxies=(ip_network("10.0.0.1"), ip_network("2001:db8::/32")),
                sign_in_tries=3,
                sizes=Sizes(500, 1_000, 5_000),
                connections=ConnectionLimits(4_000, 6_000, 9_000, 2.5, 20.0, 30.0),
            ),
        )

    def test_hold(self) -> None:
        for text, seconds in (("1", 1.0), ("3600", 3600.0), ("1.125", 1.125), ("0025", 25.0)):
            self.assertEqual(settings("--hold", text).hold_seconds, seconds)
        self.assert_wrong(
            "--hold", ("0", "0.9", "3601", "-5", "inf", "nan", "1e2", "", "25s", "1.1234", "２５"), "from 1 to 3600"
        )

    def test_retain(self) -> None:
        for text, count in (("0", 0), ("1", 1), ("9" * 18, 10**18 - 1)):
            self.assertEqual(settings("--retain", text).retain, count)
        self.assert_wrong("--retain", ("-1", "1.5", "", "01", "many", "1e5", "100,000", "9" * 19, "٣"), "100000")

    def test_retain_days(self) -> None:
        for text, days in (("0", 0.0), ("30", 30.0), ("0.5", 0.5), ("0.000023148", 0.000023148), ("999999", 999_999.0)):
            self.assertEqual(settings("--retain-days", text).retain_days, days)
        wrong = ("-1", "", ".5", "1.", "inf", "nan", "1e2", "1000000", "a week", "٣")
        self.assert_wrong("--retain-days", wrong, "such as 30")

    def test_prefix(self) -> None:
        for prefix in ("", "/chatty", "/a/b-c_d.e~f", "/...", "/.well-known"):
            self.assertEqual(settings("--prefix", prefix).prefix, prefix)
        wrong = (
            "/",
            "chatty",
            "/chatty/",
            "//chatty",
            "/a//b",
            "/a b",
            "/ü",
            "/a?b",
            "/a%20b",
            "/a\n",
            "/..",
            "/a/./b",
            "/a/..",
        )
        self.assert_wrong("--prefix", wrong, "/chatty")

    def test_host(self) -> None:
        for host in ("chat.example", "Chat.Example.", "chat", "my_chat-1", "xn--bcher-kva.example", "192.0.2.7", "*"):
            self.assertEqual(settings("--host", host).hosts, {host})
        wrong = ("", ".", "chat.example:80", "http://chat.example", "a..b", "*.example", "bücher.example", "[::1]")
        self.assert_wrong("--host", wrong, "chat.example.org")

    def test_origin(self) -> None:
        for origin in (
            "https://a.example",
            "http://localhost:3000",
            "http://127.0.0.1",
            "https://xn--bcher-kva.example",
        ):
            self.assertEqual(settings("--origin", origin).origins, {origin})
        self.assert_wrong(
            "--origin",
            (
                *(
                    "a.example",
                    "https://",
                    "https://a.example/",
                    "https://a.example/x",
                    "ftp://a.example",
                    "",
                    "*",
                    "null",
                ),
                *("HTTPS://a.example", "https://A.example", "https://a.example:443", "http://a.example:80"),
                *(
                    "https://u@a.example",
                    "https://a.example:x",
                    "https://*.a.example",
                    "https://[",
                    "https://a b",
                    "https://ü",
                ),
                *("https://a.example?", "https://a.example#", "https://a..example", "https://a.example\n"),
            ),
            "https://",
        )

    def test_ticket_audience(self) -> None:
        error = self.assertRaises(UsageError, settings, "--ticket-key", "a.key", "--ticket-audience", "")
        self.assertIn("such as chat.example.org", str(error))
        error = self.assertRaises(UsageError, settings, "--ticket-audience", "chat")
        self.assertIn("needs a --ticket-key", str(error))

    def test_rates(self) -> None:
        for option, name in (("post", "post_rate"), ("session", "session_rate"), ("room", "room_rate")):
            for text, rate in (("0", None), ("1/s", Rate(1.0, 1)), ("6/min:2", Rate(0.1, 2))):
                self.assertEqual(getattr(settings(f"--{option}-rate", text), name), rate)
            self.assert_wrong(f"--{option}-rate", ("10", "-1/s", "0/s", "00", "", "1.5/s", "10/30"), "10/s:30")

    def test_readers(self) -> None:
        self.assertEqual(settings("--readers", "0").readers, 0)
        self.assertEqual(settings("--readers-per-address", "0").readers_per_address, 0)
        for option in ("--readers", "--readers-per-address"):
            self.assert_wrong(option, ("-1", "1.5", "", "many", "01", "9" * 19), "such as 200")

    def test_limits(self) -> None:
        for option, least, most in (
            *(("sign-in-tries", 1, 100), ("text-characters", 1, 16_384), ("data-bytes", 1, 65_536)),
            *(("page-bytes", 1_024, 524_288), ("body-bytes", 8_192, 1_048_576)),
            *(("line-bytes", 2_048, 65_536), ("header-bytes", 4_096, 131_072)),
        ):
            for number in (least, most):
                self.assertEqual(limit(option, str(number)), number)
            wrong = (str(least - 1), str(most + 1), "-1", "1.5", "", "many", "0099", "9" * 19, "٣")
            self.assert_wrong(f"--{option}", wrong, f"from {least} to {most}, such as ")

    def test_times(self) -> None:
        for option, least, most in (("header", 1, 600), ("body", 1, 3600), ("idle", 5, 3600)):
            for number in (least, least + 0.125, most):
                self.assertEqual(limit(f"{option}-seconds", str(number)), number)
            wrong = (str(least - 0.1), str(most + 1), "0", "-1", "", "10s", "inf", "1.1234", "２５")
            self.assert_wrong(f"--{option}-seconds", wrong, f"from {least} to {most}, such as ")

    def test_limits_that_do_not_go_together(self) -> None:
        for fitting, option, least in (
            (("--text-characters", "4096"), "--body-bytes", 12 * 4_096 + 16_384 + 1_024),
            (("--data-bytes", "65536"), "--body-bytes", 12 * 4_000 + 65_536 + 1_024),
            (("--body-bytes", "1000000", "--text-characters", "16000"), "--page-bytes", 4 * 16_000 + 16_384 + 160),
            (("--header-bytes", "131072", "--line-bytes", "40000"), "--header-bytes", 40_000),
        ):
            settings(*fitting, option, str(least))
            error = self.assertRaises(UsageError, settings, *fitting, option, str(least - 1))
            self.assertIn(f"{option} should be {least} at least, and not {least - 1}: ", str(error))
            self.assertIn(" ".join(fitting[-2:]), str(error))

    def test_the_greatest_limits_go_together(self) -> None:
        settings("--text-characters", "16384", "--data-bytes", "65536", "--body-bytes", "1048576")
        settings("--line-bytes", "65536", "--header-bytes", "131072")
        settings("--text-characters", "1", "--data-bytes", "1", "--body-bytes", "8192", "--page-bytes", "1024")

    def test_proxy(self) -> None:
        for text in ("127.0.0.2", "10.0.0.0/8", "2001:db8::/32"):
            self.assertEqual(settings("--proxy", text).proxies, (ip_network(text),))
        self.assert_wrong("--proxy", ("", "proxy.example", "10.0.0.1/8", "10.0.0.0/33"), "such as 10.0.0.0/8")
        self.assert_wrong("--proxy", ("0.0.0.0/0", "::/0"), "anybody")

    def test_listen(self) -> None:
        for wrong in (
            "",
            "tcp",
            "tcp:x:y:z",
            "8080",
            "nonsense:1",
            "tcp:80:colour=red",
            "ssl:443:privateKey=/nowhere/key.pem",
        ):
            error = self.assertRaises(UsageError, settings, "--listen", wrong)
            self.assertIn("tcp:8080", str(error))

    def test_store(self) -> None:
        for wrong in ("", "chat.db", "sqlite:", "redis:x", "memory:x", "Memory:"):
            error = self.assertRaises(UsageError, settings, "--store", wrong)
            self.assertIn("sqlite:PATH", str(error))

    def test_auth(self) -> None:
        options = Options()
        options.parseOptions(["--store", "memory:", "--auth", "memory:ada:secret", "--auth", "unix"])
        kinds = [InMemoryUsernamePasswordDatabaseDontUse, UNIXChecker]
        self.assertEqual([type(checker) for checker in options["credCheckers"]], kinds)
        options = Options()
        options.parseOptions(["--store", "memory:"])
        self.assertEqual(options["credCheckers"], [])

    def test_no_guests_where_others_can_come_in(self) -> None:
        self.assertTrue(settings().guests)
        for others in (("--auth", "memory:ada:secret"), ("--ticket-key", "tickets.key")):
            self.assertFalse(settings("--no-guests", *others).guests)
            self.assertFalse(settings(*others, "--no-guests").guests)
        for more in ((), ("--rooms", "rooms.toml")):
            error = self.assertRaises(UsageError, settings, "--no-guests", *more)
            self.assertIn("--no-guests needs --auth or --ticket-key", str(error))

    def test_auth_that_can_not_be_is_told_without_its_secrets(self) -> None:
        for wrong, reason in (
            ("", "there is no such kind"),
            ("magic:ada:secret", "there is no such kind"),
            ("anonymous", "by a name and a password"),
            ("memory:secret", "U:P"),
            ("file", "filename"),
            ("argon2", "argon2:passwords"),
            ("argon2:no/such/file", "no/such/file can't be read: No such file or directory"),
        ):
            error = self.assertRaises(UsageError, settings, "--auth", wrong)
            self.assertIn(f"--auth {wrong.partition(':')[0]}: ", str(error))
            self.assertIn(reason, str(error))
            self.assertNotIn("secret", str(error))

    def test_help_for_auth(self) -> None:
        for words, told in ((["--help-auth"], "argon2"), (["--help-auth-type", "argon2"], "chatcomet passwd")):
            output = io.StringIO()
            with patch.object(Options, "authOutput", output):
                self.assertRaises(SystemExit, settings, *words)
            self.assertIn(told, output.getvalue())

    def test_what_is_no_option(self) -> None:
        self.assertRaises(UsageError, settings, "--port", "8080")
        self.assertRaises(UsageError, settings, "--hold")

    def test_a_newcomer_is_helped(self) -> None:
        text = str(Options())
        for word in (
            "--listen=",
            "--store=",
            "--hold=",
            "--retain=",
            "--prefix=",
            "--origin=",
            "--ticket-key=",
            "--ticket-audience=",
            "--rooms=",
            "--proxy=",
            "--text-characters=",
            "[default: 4000]",
            "--idle-seconds=",
            "[default: 75.0]",
            "10/s:30",
            "10/min",
            "20/h",
            "as descriptors allow",
            "--auth=",
            "localhost:8080",
            "tcp:8080",
        ):
            self.assertIn(word, text)

    def test_version(self) -> None:
        with patch("builtins.print") as said:
            self.assertRaises(SystemExit, settings, "--version")
        said.assert_called_once_with(f"chatcomet {__version__}")


class MakeServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.patch(tap, "raise_descriptor_limit", lambda: None)
        self.monotonic: list[object] = []
        self.patch(tap, "use_monotonic_clock", self.monotonic.append)

    def make(self, *arguments: str) -> TwistdService:
        options = Options()
        options.parseOptions(["--store", "memory:", *arguments])
        with patch("twisted.internet.reactor", self.reactor):
            service = makeService(options)
        assert isinstance(service, TwistdService)
        return service

    def test_schedules_nothing_and_listens_nowhere_yet(self) -> None:
        service = self.make("--listen", "tcp:8081", "--prefix", "/x")
        self.assertIsInstance(service, ChatService)
        self.assertEqual(self.monotonic, [self.reactor])
        self.assertEqual((self.reactor.tcpServers, self.reactor.getDelayedCalls()), ([], []))

    def test_with_a_policy_it_is_read_again_at_a_hangup(self) -> None:
        heard: list[tuple[object, Callable[[], object]]] = []
        self.patch(tap, "on_hangup", lambda reactor, callback: heard.append((reactor, callback)))
        self.patch(tap, "settle_garbage_collector", lambda: None)
        self.make("--listen", "tcp:8081").startService()
        self.assertEqual(heard, [], "else a terminal that is closed would leave the server behind")
        path = Path(self.mktemp())
        path.write_text('[[rooms]]\nname = "a"')
        self.make("--listen", "tcp:8081", "--rooms", str(path)).startService()
        [(reactor, reload)] = heard
        self.assertIs(reactor, self.reactor)
        self.assertTrue(reload())

    def test_checkers_are_handed_on(self) -> None:
        self.assertIsNone(self.make()._sign_in)
        sign_in = self.make("--auth", "memory:ada:secret")._sign_in
        assert sign_in is not None
        account = self.successResultOf(sign_in.authenticate("ada", "secret", None))
        self.assertEqual(account.name, "ada")

    def test_what_can_not_start_ends_with_a_sentence(self) -> None:
        service = self.make()
        for method, start in (
            ("startService", service.startService),
            ("privilegedStartService", service.privilegedStartService),
        ):
            with patch.object(ChatService, method, side_effect=StartRefused("the port is taken")):
                error = self.assertRaises(SystemExit, start)
                self.assertEqual(str(error), "chatcomet does not start: the port is taken")

    def test_what_fails_when_it_runs_ends_it(self) -> None:
        self.reactor.running = True
        self.make().start_failed("no such onion")
        self.assertTrue(self.reactor.hasStopped)

    def test_a_port_that_is_taken(self) -> None:
        service = self.make("--listen", "tcp:8081")
        refused = CannotListenError("", 8081, OSError("in use"))
        with patch.object(self.reactor, "listenTCP", side_effect=refused):
            error = self.assertRaises(SystemExit, service.privilegedStartService)
        self.assertIn("can't listen on tcp:8081", str(error))
