"""``twistd chatcomet``: options to `Settings`, and `Settings` to a service."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import ClassVar, cast

from twisted.application.service import IService
from twisted.cred.checkers import ICredentialsChecker, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.strcred import AuthOptionMixin, InvalidAuthType, UnsupportedInterfaces, makeChecker
from twisted.internet.base import ReactorBase
from twisted.internet.endpoints import serverFromString
from twisted.logger import Logger
from twisted.python import usage

from chatcomet import __version__
from chatcomet.access.addresses import read_network
from chatcomet.core.message import Sizes, parse_number
from chatcomet.errors import Malformed, StartRefused
from chatcomet.process import (
    on_hangup,
    raise_descriptor_limit,
    settle_garbage_collector,
    share_interpreter,
    tidy,
    use_monotonic_clock,
)
from chatcomet.service import ChatService
from chatcomet.settings import ConnectionLimits, Rate, Settings
from chatcomet.stores.urls import check_store

_PREFIX = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+", re.ASCII)
_ORIGIN = re.compile(r"https?://([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?", re.ASCII)
_HOST = re.compile(r"\*|[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)
_DEFAULT_PORT = re.compile(r"http:.*:80|https:.*:443", re.ASCII)
_DEFAULT = Settings()

_ESCAPED_BYTES = 12  # that a character may take: beyond the BMP, in JSON as two escapes and in a form as four
_FORM_BYTES = 1_024  # that all else of a post may take


def _seconds(option: str, least: int, most: int, usual: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", text, re.ASCII) or not least <= float(text) <= most:
            raise ValueError(f"{option} should be a number of seconds from {least} to {most}, such as {usual:g}")
        return float(text)

    return read


def _whole(option: str, of_what: str, least: int, most: int, usual: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = parse_number(text)
        if number is None or not least <= number <= most:
            raise ValueError(f"{option} should be a number of {of_what} from {least} to {most}, such as {usual}")
        return number

    return read


def _retain(text: str) -> int:
    number = parse_number(text)
    if number is None:
        raise ValueError("--retain should be a number of messages, such as 100000, or 0 to keep all")
    return number


def _retain_days(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,9})?", text, re.ASCII):
        raise ValueError("--retain-days should be a number of days, such as 30 or 0.5, or 0 to keep all")
    return float(text)


def _rate(option: str) -> Callable[[str], Rate | None]:
    def read(text: str) -> Rate | None:
        try:
            return Rate.parse(text) if text != "0" else None
        except Malformed as error:
            raise ValueError(f"{option}: {error}; 0 is no limit") from error

    return read


def _readers(option: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = parse_number(text)
        if number is None:
            raise ValueError(f"{option} should be a number of readers, such as 200, or 0 for no limit")
        return number

    return read


def _limit(name: str, usual: int, what: str, of_what: str, least: int, most: int) -> list[object]:
    return [name, None, usual, what, _whole(f"--{name}", of_what, least, most, usual)]


def _time(name: str, usual: float, what: str, least: int, most: int) -> list[object]:
    return [name, None, usual, what, _seconds(f"--{name}", least, most, usual)]


_SIZES, _ON = _DEFAULT.sizes, _DEFAULT.connections

_LIMITS = [  # docs/limits.md tells why from so many to so many
    _limit("sign-in-tries", _DEFAULT.sign_in_tries, "how many sign-ins may fail before one waits", "tries", 1, 100),
    _limit("text-characters", _SIZES.text_characters, "how long a message's text may be", "characters", 1, 16_384),
    _limit("data-bytes", _SIZES.data_bytes, "how long a message's data may be", "bytes", 1, 65_536),
    _limit("page-bytes", _SIZES.page_bytes, "how long the messages of one answer may be", "bytes", 1_024, 524_288),
    _limit("body-bytes", _ON.body_bytes, "how long the body of a request may be", "bytes", 8_192, 1_048_576),
    _limit("line-bytes", _ON.line_bytes, "how long a URI, or a line of a header, may be", "bytes", 2_048, 65_536),
    _limit("header-bytes", _ON.header_bytes, "how long the header of a request may be", "bytes", 4_096, 131_072),
    _time("header-seconds", _ON.header_seconds, "in how many seconds the header of a request has to arrive", 1, 600),
    _time("body-seconds", _ON.body_seconds, "in how many seconds the body of a request has to arrive", 1, 3600),
    _time("idle-seconds", _ON.idle_seconds, "for how many seconds a connection may ask for nothing", 5, 3600),
]


class Options(usage.Options, AuthOptionMixin):
    """The command line.  A wrong value is a `usage.UsageError` that says what would be right."""

    synopsis = "[options]"
    supportedInterfaces = (IUsernamePassword,)
    longdesc = (
        "chatcomet serves a chat, and a push channel for programs, over plain HTTP. Without any option it listens "
        "on port 8080 and keeps its messages in the file chatcomet.db here: open http://localhost:8080/ then."
    )
    optParameters: ClassVar = [
        ["store", None, _DEFAULT.store, "where messages live: sqlite:PATH, or memory: (gone when the server stops)"],
        [
            *("hold", None, _DEFAULT.hold_seconds, "for how many seconds a poll is suspended, at most"),
            _seconds("--hold", 1, 3600, _DEFAULT.hold_seconds),
        ],
        ["retain", None, _DEFAULT.retain, "how many messages a room keeps; 0 keeps all", _retain],
        ["retain-days", None, _DEFAULT.retain_days, "for how many days; 0 keeps them for ever", _retain_days],
        ["prefix", None, _DEFAULT.prefix, "serve everything under this path, such as /chatty"],
        ["ticket-audience", None, None, "whom tickets have to be for: the name in their aud"],
        ["rooms", None, _DEFAULT.rooms, "a file that says who may do what in which room; read again at SIGHUP"],
        ["post-rate", None, _DEFAULT.post_rate, "how often each may post; 0: no limit", _rate("--post-rate")],
        [
            *("session-rate", None, _DEFAULT.session_rate, "how often one address may make sessions; 0: no limit"),
            _rate("--session-rate"),
        ],
        ["room-rate", None, _DEFAULT.room_rate, "how often each may make a room; 0: no limit", _rate("--room-rate")],
        [
            *("readers", None, None, "how many may wait at once; 0: no limit [default: as descriptors allow]"),
            _readers("--readers"),
        ],
        [
            *(
                "readers-per-address",
                None,
                _DEFAULT.readers_per_address,
                "how many of them from one address; 0: no limit",
            ),
            _readers("--readers-per-address"),
        ],
        *_LIMITS,
    ]

    optFlags: ClassVar = [["no-guests", None, "let nobody in who has neither signed in (--auth) nor a ticket"]]

    def __init__(self) -> None:
        super().__init__()
        self["listen"] = []
        self["host"] = []
        self["origin"] = []
        self["ticket-key"] = []
        self["proxy"] = []
        self["credCheckers"] = []

    def opt_listen(self, description: str) -> None:
        """where to listen: tcp:8080:interface=127.0.0.1, unix:/run/chat.sock (repeatable) [default: tcp:8080]"""
        self["listen"].append(description)

    def opt_host(self, name: str) -> None:
        """a name of this server, such as chat.example.org; * for any (repeatable) [default: the machine's own]"""
        self["host"].append(name)

    def opt_origin(self, origin: str) -> None:
        """another site whose pages may read and post here, such as https://example.org (repeatable)"""
        self["origin"].append(origin)

    def opt_ticket_key(self, path: str) -> None:
        """take tickets that the key in this file has signed: a secret or a public key (repeatable)"""
        self["ticket-key"].append(path)

    def opt_proxy(self, network: str) -> None:
        """a proxy elsewhere, such as 10.0.0.1 or 10.0.0.0/8, that says by whom it was asked (repeatable)"""
        self["proxy"].append(network)

    def opt_auth(self, description: str) -> None:
        """who may sign in with a password: argon2:FILE, or others; see --help-auth (repeatable)"""
        kind = description.partition(":")[0]  # what follows may be a secret
        try:
            self.addChecker(_in_bytes(makeChecker(description)))
        except InvalidAuthType as error:
            raise usage.UsageError(f"--auth {kind}: there is no such kind; --help-auth lists them") from error
        except UnsupportedInterfaces as error:
            raise usage.UsageError(f"--auth {kind}: it knows nobody by a name and a password") from error
        except Exception as error:  # checkers are plugins: what they raise for a bad string is theirs
            raise usage.UsageError(f"--auth {kind}: {error or 'it can not be used'}") from error

    def opt_version(self) -> None:
        """print the version and exit"""
        print(f"chatcomet {__version__}")  # noqa: T201  # this is what the option is for
        raise SystemExit(0)

    def postOptions(self) -> None:
        """Check every value: what is wrong is said before anything starts."""
        if self["prefix"] and not _PREFIX.fullmatch(self["prefix"]):
            raise usage.UsageError("--prefix should be a path such as /chatty, without a slash at its end")
        for description in self["listen"]:
            _check_endpoint(description)
        for host in self["host"]:
            _check_host(host)
        for origin in self["origin"]:
            _check_origin(origin)
        if self["ticket-audience"] == "":
            raise usage.UsageError("--ticket-audience should be a name, such as chat.example.org")
        if self["ticket-audience"] and not self["ticket-key"]:
            raise usage.UsageError("--ticket-audience needs a --ticket-key: without one there are no tickets")
        if self["no-guests"] and not self["credCheckers"] and not self["ticket-key"]:
            raise usage.UsageError(
                "--no-guests needs --auth or --ticket-key: without one of them nobody could ever come in"
            )
        for network in self["proxy"]:
            _check_proxy(network)
        _check_limits(self.settings())
        try:
            check_store(self["store"])
        except StartRefused as error:
            raise usage.UsageError(f"--store {self['store']}: {error}") from error

    def settings(self) -> Settings:
        """What the command line asks for."""
        return Settings(
            listen=tuple(self["listen"]) or _DEFAULT.listen,
            store=self["store"],
            hold_seconds=self["hold"],
            retain=self["retain"],
            retain_days=self["retain-days"],
            prefix=self["prefix"],
            origins=frozenset(self["origin"]),
            hosts=frozenset(self["host"]),
            ticket_keys=tuple(self["ticket-key"]),
            ticket_audience=self["ticket-audience"],
            guests=not self["no-guests"],
            rooms=self["rooms"],
            post_rate=self["post-rate"],
            session_rate=self["session-rate"],
            room_rate=self["room-rate"],
            readers=self["readers"],
            readers_per_address=self["readers-per-address"],
            proxies=tuple(map(read_network, self["proxy"])),
            sign_in_tries=self["sign-in-tries"],
            sizes=Sizes(self["text-characters"], self["data-bytes"], self["page-bytes"]),
            connections=ConnectionLimits(
                line_bytes=self["line-bytes"],
                header_bytes=self["header-bytes"],
                body_bytes=self["body-bytes"],
                header_seconds=self["header-seconds"],
                body_seconds=self["body-seconds"],
                idle_seconds=self["idle-seconds"],
            ),
        )


class TwistdService(ChatService):
    """A chat that ends the process with a plain sentence, and not a traceback, if it can't start.

    `daemon`: whether twistd leaves the terminal; then it waits there for an exception to report, and for ever if
    there is none.
    """

    _log = Logger()

    def __init__(
        self, settings: Settings, reactor: ReactorBase, daemon: bool, checkers: Sequence[ICredentialsChecker]
    ) -> None:
        super().__init__(settings, reactor, checkers=checkers, tidy=tidy)
        self._daemon = daemon

    def privilegedStartService(self) -> None:
        """Listen, or end."""
        try:
            super().privilegedStartService()
        except StartRefused as error:
            self._end(error)

    def startService(self) -> None:
        """Serve, with the garbage collector set for that and what SIGHUP asks for, or end."""
        try:
            super().startService()
        except StartRefused as error:
            self._end(error)
        settle_garbage_collector()
        if self._settings.rooms is not None:
            on_hangup(self._reactor, self.reload)

    def start_failed(self, reason: str) -> None:
        """End, as soon as there is something to be ended: it is too late for another status than 0."""
        super().start_failed(reason)
        self._reactor.callWhenRunning(self._reactor.stop)

    def _end(self, error: StartRefused) -> None:
        self._log.critical("chatcomet does not start: {error}", error=error)
        if self._daemon:
            raise error
        raise SystemExit(f"chatcomet does not start: {error}")


def makeService(options: Options) -> IService:
    """The service that `options` describe."""
    from twisted.internet import reactor

    use_monotonic_clock(cast(ReactorBase, reactor))
    raise_descriptor_limit()
    share_interpreter()
    daemon = options.parent is not None and not options.parent["nodaemon"]
    return TwistdService(options.settings(), cast(ReactorBase, reactor), daemon, options["credCheckers"])


def _in_bytes(checker: ICredentialsChecker) -> ICredentialsChecker:
    """`checker`, as cred has it: the plugin ``memory`` keeps names and passwords as text, and then knows nobody."""
    if isinstance(checker, InMemoryUsernamePasswordDatabaseDontUse):
        checker.users = {_encoded(name): _encoded(password) for name, password in checker.users.items()}
    return checker


def _encoded(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _check_endpoint(description: str) -> None:
    from twisted.internet import reactor

    try:
        serverFromString(reactor, description)
    except Exception as error:  # parsers of endpoints are plugins: what they raise for a bad string is theirs
        raise usage.UsageError(
            f"--listen {description}: {error or 'this is no endpoint'}; "
            "it should be a Twisted endpoint such as tcp:8080 or unix:/run/chat.sock"
        ) from error


def _check_host(host: str) -> None:
    if not _HOST.fullmatch(host):
        raise usage.UsageError(
            f"--host {host} should be a name as browsers send it, without a scheme and a port: chat.example.org; or *"
        )


def _check_origin(origin: str) -> None:
    """Only what a browser writes can ever equal what a browser says."""
    if not _ORIGIN.fullmatch(origin) or _DEFAULT_PORT.fullmatch(origin):
        raise usage.UsageError(
            f"--origin {origin} should be what browsers say: a scheme, a host in small letters "
            "and, unless it is the scheme's own, a port: https://example.org"
        )


def _check_proxy(network: str) -> None:
    try:
        read_network(network)
    except Malformed as error:
        raise usage.UsageError(f"--proxy {network}: {error}") from error


def _check_limits(settings: Settings) -> None:
    """What one of them lets through, the others have to."""
    sizes, limits = settings.sizes, settings.connections
    message = f"the longest message (--text-characters {sizes.text_characters}, --data-bytes {sizes.data_bytes})"
    sent = _ESCAPED_BYTES * sizes.text_characters + sizes.data_bytes + _FORM_BYTES
    for option, most, least, what in (
        ("--body-bytes", limits.body_bytes, sent, message),
        ("--page-bytes", sizes.page_bytes, sizes.longest, message),
        ("--header-bytes", limits.header_bytes, limits.line_bytes, f"a line (--line-bytes {limits.line_bytes})"),
    ):
        if most < least:
            raise usage.UsageError(f"{option} should be {least} at least, and not {most}: {what} has to fit")
