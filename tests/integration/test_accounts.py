"""Accounts that change while a server runs, or while it is stopped: who is known by them, and who is not any more."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.access_readers import POLLS
from tests.integration.access_table import SIGN_IN, YES
from tests.integration.access_ways import READ, outcome
from tests.integration.access_world import Person, World
from tests.integration.test_access_ends import Readers, check_hear, reading
from tests.integration.test_signin import passwd

WITHIN_SECONDS = 2.0
"""After the file has changed, everything by the old account has ended; the machine may be busy."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A server in whose file Pat has an account."""
    world = World(tmp_path)
    change(world, "pat", "old")
    world.server.start()
    for room in ("lobby", "commons"):
        world.say(room, f"the first in {room}")
    yield world
    world.close()


def change(world: World, name: str, password: str | None) -> float:
    """Change an account as an operator does, or take it away; when that was done."""
    options = () if password else ("--delete",)
    done = passwd(world.folder / "passwords", name, f"{password}\n" if password else "", *options)
    assert done.returncode == 0, done.stderr
    return time.monotonic()


def by_password(name: str, password: str) -> Person:
    """Who sends a password with each request."""
    return Person({"Authorization": "Basic " + b64encode(f"{name}:{password}".encode()).decode()})


def check_ended(readers: Readers, since: float) -> None:
    """All of them end in time."""
    ended = {name: reader.end() for name, reader in readers.items()}
    assert ended == {name: reader.expected(SIGN_IN) for name, reader in readers.items()}
    assert time.monotonic() - since < WITHIN_SECONDS


def name_of(world: World, who: Person) -> str:
    """Who the server says that this is."""
    name: str = world.do("GET", "/session", who=who).json()["name"]
    return name


@pytest.mark.parametrize("password", ["new", None], ids=["another password", "no account"])
def test_what_was_begun_by_an_account_as_it_was_ends_with_it(world: World, password: str | None) -> None:
    session, basic = world.sign_in("pat", "old"), by_password("pat", "old")
    others = [world.member("bob"), world.by_password("eve"), world.sign_in("guest-of-ours")]
    with ExitStack() as stack:
        readers = [stack.enter_context(reading(world, who)) for who in (session, basic)]
        all_others = [stack.enter_context(reading(world, who, POLLS)) for who in others]
        since = change(world, "pat", password)
        for each in readers:
            check_ended(each, since)
        check_hear(world, *all_others)
    assert name_of(world, session) == "guest"
    assert outcome(world.ask(basic, "GET", "/session")) == "401 sign-in-failed"
    if password:
        assert name_of(world, by_password("pat", password)) == "pat"
    assert "Traceback" not in world.server.log


def test_a_session_stays_bound_to_the_account_over_restarts(world: World) -> None:
    kept, ended = world.member("bob"), world.sign_in("pat", "old")
    for _ in range(2):
        assert [name_of(world, kept), name_of(world, ended)] == ["bob", "pat"]
        world.hang_up()
        world.server.kill()
        world.server.start()
    world.hang_up()
    world.server.stop()
    change(world, "pat", "new")
    world.server.start()
    assert [name_of(world, kept), name_of(world, ended)] == ["bob", "guest"]
    assert name_of(world, world.sign_in("pat", "new")) == "pat"


def test_one_who_was_just_given_an_account_signs_in_at_once(world: World) -> None:
    change(world, "new", "just made")
    who = world.sign_in("new", "just made")
    assert name_of(world, who) == "new"
    assert READ["poll, plain"](world, who, "lobby") == YES


def test_a_guest_whose_name_becomes_an_accounts_writes_no_more_under_it(world: World) -> None:
    guest, name = world.sign_in("quinn"), "/rooms/lobby/messages"
    with reading(world, guest) as readers:
        check_ended(readers, change(world, "Quinn", "of the owner"))
    for _ in range(2):
        refused = world.ask(guest, "POST", name, {"text": "I am Quinn"})
        assert outcome(refused) == "409 name-taken"
        assert name_of(world, guest) == "guest"
        world.hang_up()
        world.server.kill()
        world.server.start()
    assert outcome(world.ask(Person(), "POST", "/session", {"name": "QUINN"})) == "409 name-taken"
    assert world.do("POST", name, {"text": "I am"}, world.sign_in("quinn", "of the owner")).status == 201
    other = world.do("POST", "/session", {"name": "quincy"}, guest).headers["set-cookie"].split(";")[0]
    assert world.do("POST", name, {"text": "hello"}, Person({"Cookie": other})).json()["message"]["author"] == "quincy"


def test_who_asks_for_many_names_is_not_told_which_are_accounts(tmp_path: Path) -> None:
    world = World(tmp_path, "--session-rate", "4/min")
    try:
        world.server.start()
        here = {"X-Forwarded-For": "198.51.100.7"}
        cookie = world.do("POST", "/session", {"name": "eve's"}, Person(here)).headers["set-cookie"].split(";")[0]
        asked = [("eve's", here), ("ada", here), ("guest", {**here, "Cookie": cookie})]
        answers = [world.ask(Person(headers), "POST", "/session", {"name": name}) for name, headers in asked]
        assert [answer.status for answer in answers] == [409] * 3
        assert (
            len({answer.body.replace(name.encode(), b"?") for answer, (name, _) in zip(answers, asked, strict=True)})
            == 1
        )
        for name in ("bob", "free"):
            for headers in (here, {**here, "Cookie": cookie}):
                refused = world.ask(Person(headers), "POST", "/session", {"name": name})
                assert outcome(refused) == "429 too-many-sessions"
    finally:
        world.close()


def test_a_file_that_is_damaged_or_gone_ends_nothing(world: World) -> None:
    who, path = world.sign_in("pat", "old"), world.folder / "passwords"
    with reading(world, who) as readers:
        text = path.read_text()
        for spoil in (lambda: path.write_text("pat:secret\n"), path.unlink):
            spoil()
            time.sleep(WITHIN_SECONDS / 2)
            assert "accounts stay as they were" in world.server.log
        path.write_text(text)
        time.sleep(WITHIN_SECONDS / 2)
        check_hear(world, readers)
    assert name_of(world, who) == "pat"
