"""A running server with rooms of each kind, and everybody whom the tables know."""

from __future__ import annotations

import json
import os
import signal
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import jwt
from argon2 import PasswordHasher

from tests.integration.access_table import ALL, BY_QUERY, GRANTS, POLICY
from tests.integration.plain_client import JSON, Answer, Connection
from tests.integration.server import Server
from tests.integration.test_start import until

SECRET = "a secret between the back end and this server"
PASSWORDS = {name: f"the password of {name}" for name in ("ada", "bob", "eve", "mia")}
FREE = ("--post-rate", "0", "--session-rate", "0", "--room-rate", "0", "--readers-per-address", "0", "--hold", "20")
"""Nobody is held up by limits, which have tests of their own."""

SUBJECTS = {"bans": ("dora", "eve", "tom"), "mutes": ("mona", "mia", "tim")}
"""Who is ruled: a guest, a member, the bearer of a ticket."""

_RULED = {"banned": "bans", "muted": "mutes"}
_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass
class Person:
    """Somebody who asks: by these headers, or by a ticket in the URL."""

    headers: Mapping[str, str] = field(default_factory=dict)
    ticket: str | None = None

    def at(self, path: str) -> str:
        """`path`, with the ticket."""
        if self.ticket is None:
            return path
        return f"{path}{'&' if '?' in path else '?'}ticket={self.ticket}"


def bearer(text: str) -> Person:
    """Who has a ticket in the header."""
    return Person({"Authorization": f"Bearer {text}"})


class World:
    """One server, in `folder`; its root may do everything."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.policy = folder / "rooms.toml"
        self.policy.write_text("")
        passwords = folder / "passwords"
        passwords.write_text("".join(f"{name}:{_CHEAP.hash(password)}\n" for name, password in PASSWORDS.items()))
        key = folder / "tickets.key"
        key.write_text(SECRET)
        access = ("--rooms", str(self.policy), "--auth", f"argon2:{passwords}", "--ticket-key", str(key))
        self.server = Server(folder, *access, *FREE, *options)
        self.secrets = {*PASSWORDS.values(), SECRET}
        self.root = bearer(self.ticket("root", {"*": ALL}))
        self.people: dict[str, Person] = {"stranger": Person()}
        self.numbers = count()
        self._connection: Connection | None = None

    def told(self) -> set[str]:
        """The secrets of all who have come that stand in the log."""
        log = self.server.log
        return {secret for secret in self.secrets if secret in log}

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server.port

    def ask(self, who: Person, method: str, path: str, document: object = None) -> Answer:
        """One request of somebody's."""
        if document is None:
            return self.send(who, method, path)
        return self.send(who, method, path, json.dumps(document), JSON)

    def send(self, who: Person, method: str, path: str, body: str = "", form: str | None = None) -> Answer:
        """The same with a body as it is.  All go over one connection: what was found out of one is not for the next."""
        if self._connection is None:
            self._connection = Connection(self.port)
        headers = {**who.headers, "Content-Type": form} if form else who.headers
        answer = self._connection.ask(method, who.at(path), body, headers)
        if answer.headers.get("connection") == "close":
            self.hang_up()
        return answer

    def hang_up(self) -> None:
        """Go on over another connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def do(self, method: str, path: str, document: object = None, who: Person | None = None) -> Answer:
        """The same, which has to be allowed: of `root`, unless it is somebody else's."""
        answer = self.ask(who or self.root, method, path, document)
        assert 200 <= answer.status < 300, (method, path, answer)
        return answer

    def say(self, room: str, text: str) -> int:
        """Post in `room`; the number of the message."""
        seq: int = self.do("POST", f"/rooms/{room}/messages", {"text": text}).json()["message"]["seq"]
        return seq

    def govern(self, policy: str, says: str = "was read again") -> None:
        """Let it read `policy`."""
        times = self.server.log.count(says)
        self.policy.write_text(policy)
        os.kill(self.server.pid, signal.SIGHUP)
        until(lambda: self.server.log.count(says) == times + 1, f"it says: {says}")

    def close(self) -> None:
        """Let nothing of it run on."""
        self.hang_up()
        self.server.close()

    # Rooms

    @cached_property
    def epoch(self) -> str:
        """With which all cursors begin."""
        epoch: str = self.do("GET", "/rooms/commons").json()["cursor"].partition(".")[0]
        return epoch

    @property
    def cursor(self) -> str:
        """The one before the first message: of every room the same."""
        return f"{self.epoch}.0"

    def head(self, room: str) -> int:
        """The number of the next message."""
        return int(self.do("GET", f"/rooms/{room}").json()["cursor"].partition(".")[2])

    def made(self, kind: str) -> str:
        """The room of a kind that was there before the policy was."""
        return kind if kind in ("lobby", "commons") else f"{kind}-made"

    def unmade(self, kind: str, who: str = "banned, muted") -> str:
        """A room of a kind that nobody has posted in; `who` is banned or muted there if that is so everywhere."""
        room = f"{kind}-new-{next(self.numbers)}"
        self.rule_in(room, *(sort for word, sort in _RULED.items() if word in who))
        return room

    def rule_in(self, room: str, *sorts: str) -> None:
        """Ban or mute there who is banned or muted everywhere."""
        for sort in sorts:
            for name in SUBJECTS[sort]:
                self.do("PUT", f"/rooms/{room}/{sort}/{name}")

    # People

    def ticket(self, name: str, grants: Mapping[str, list[str]], life_seconds: float = 3600.0, **claims: Any) -> str:
        """A ticket, as a back end makes it; `exp` is told by the millisecond."""
        said = {"sub": name, "exp": round(time.time() + life_seconds, 3), "grants": grants, **claims}
        text = jwt.encode(said, SECRET, "HS256")
        self.secrets.update(text.split(".")[1:])
        return text

    def forged_ticket(self, name: str) -> str:
        """One that says what another one says, under the signature of this one's."""
        head, _, signature = self.ticket(name, GRANTS["all"]).split(".")
        _, claims, _ = self.ticket("root", GRANTS["all"]).split(".")
        return f"{head}.{claims}.{signature}"

    def by_password(self, name: str) -> Person:
        """Who sends the password with each request."""
        value = b64encode(f"{name}:{PASSWORDS[name]}".encode()).decode()
        self.secrets.add(value)
        return Person({"Authorization": f"Basic {value}"})

    def sign_in(self, name: str, password: str | None = None) -> Person:
        """Somebody with a session."""
        asked = {"name": name} if password is None else {"name": name, "password": password}
        cookie = self.do("POST", "/session", asked, Person()).headers["set-cookie"].split(";")[0]
        self.secrets.add(cookie.partition("=")[2])
        return Person({"Cookie": cookie})

    def sign_out(self, who: Person) -> Person:
        """The same, whose session or ticket has ended."""
        assert self.do("DELETE", "/session", who=who).status == 204
        return who

    def member(self, name: str) -> Person:
        """A member with a session."""
        return self.sign_in(name, PASSWORDS[name])

    def gather(self) -> None:
        """Let all who hold a ticket come, or a password, and members with sessions."""
        expiring = self.ticket("ada", GRANTS["all"], 1.0)
        self.do("GET", "/rooms/commons", who=bearer(expiring))  # so it is known
        expires = time.time() + 1.0
        people = {
            "ada": self.member("ada"),
            "bob": self.member("bob"),
            "ada-by-password": self.by_password("ada"),
            "bob-by-password": self.by_password("bob"),
            "banned-member": self.member("eve"),
            "banned-by-password": self.by_password("eve"),
            "muted-member": self.member("mia"),
            "muted-by-password": self.by_password("mia"),
            "signed-out-member": self.sign_out(self.member("bob")),
            "expired-ticket": bearer(expiring),
            "revoked-ticket": self.sign_out(bearer(self.ticket("ada", GRANTS["all"], 3599.0))),
            "forged-ticket": bearer(self.forged_ticket("ada")),
            "banned-ticket": bearer(self.ticket("tom", GRANTS["all"])),
            "muted-ticket": bearer(self.ticket("tim", GRANTS["all"])),
        }
        for granted, grants in GRANTS.items():
            people["ticket-" + granted.replace(", ", "-")] = bearer(self.ticket("ada", grants))
        for name, like in BY_QUERY.items():
            people[name] = Person(ticket=people[like].headers["Authorization"].removeprefix("Bearer "))
        self.people.update(people)
        time.sleep(max(0.0, expires - time.time()))

    def gather_guests(self) -> None:
        """Let guests come."""
        self.people.update(
            {
                "guest": self.sign_in("carol"),
                "signed-out-guest": self.sign_out(self.sign_in("gustav")),
                "banned-guest": self.sign_in("dora"),
                "muted-guest": self.sign_in("mona"),
            }
        )


def open_world(folder: Path) -> World:
    """The world of the first table."""
    world = World(folder)
    world.server.start()
    for kind in ("open", "members", "news", "nobodys", "listed", "letters", "fixed", "lobby", "commons"):
        world.say(world.made(kind), f"the first in {kind}")
    world.govern(POLICY)
    world.gather_guests()
    world.gather()
    for kind in ("open", "members", "news", "nobodys", "listed", "letters", "fixed", "lobby"):
        world.rule_in(world.made(kind), *SUBJECTS)
    return world


def closed_world(folder: Path) -> World:
    """The world of the second one: where there are guests' sessions, of before there were none any more."""
    world = World(folder)
    world.server.start()
    for kind in ("open", "lobby", "commons"):
        world.say(world.made(kind), f"the first in {kind}")
    world.gather_guests()
    world.hang_up()
    world.server.stop()
    world.server.options += ("--no-guests",)
    world.server.start()
    world.gather()
    return world
