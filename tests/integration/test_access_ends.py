"""What ends a right ends, within a second, all that was begun by it, and nothing else; and holds after a restart."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import pytest

from tests.integration.access_readers import POLLS, STREAMS, Begin, Waiting
from tests.integration.access_table import BAD_TICKET, GRANTS, MAY_NOT, SIGN_IN, YES
from tests.integration.access_ways import READ, outcome
from tests.integration.access_ways import STREAMS as STREAM_WAYS
from tests.integration.access_world import Person, World, bearer
from tests.integration.plain_client import Connection, request

WITHIN_SECONDS = 1.0
LIFE_SECONDS = 3.0
EVERYWHERE = {**POLLS, **STREAMS}
USUAL = '[[rooms]]\nname = "*-closed"\nread = "nobody"'

Readers = Mapping[str, Waiting]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server whose lobby is open to all."""
    world = World(tmp_path_factory.mktemp("ends"))
    world.server.start()
    for room in ("lobby", "commons"):
        world.say(room, f"the first in {room}")
    yield world
    world.close()


@contextmanager
def reading(world: World, who: Person, ways: Mapping[str, tuple[Begin, str]] = EVERYWHERE) -> Iterator[Readers]:
    """Somebody who reads the lobby in all these ways, at its end."""
    number = world.head("lobby")
    places = {
        "cursor": f"{world.epoch}.{number}",
        "commons": f"{world.epoch}.{world.head('commons')}",
        "number": number,
    }
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(begin(world, who, path.format(**places))) for name, (begin, path) in ways.items()
        }


def check_ended(readers: Readers, fault: str, since: float) -> None:
    """All of them end in time, for that."""
    ended = {name: reader.end() for name, reader in readers.items()}
    seconds = time.monotonic() - since
    assert ended == {name: reader.expected(fault) for name, reader in readers.items()}
    assert seconds < WITHIN_SECONDS


def silent(readers: Readers) -> bool:
    """Whether none has heard anything, or ended."""
    return all(reader.connection.silent() for reader in readers.values())


def check_hear(world: World, *all_readers: Readers) -> None:
    """All of them are there still, have heard nothing, and hear what is said now."""
    assert all(map(silent, all_readers))
    text = f"is anybody there? {next(world.numbers)}"
    world.say("lobby", text)
    for readers in all_readers:
        for name, reader in readers.items():
            assert text.encode() in reader.hear(), name


def people(world: World) -> Mapping[str, Person]:
    """One of each kind, of whom there are moderators' rulings to come."""
    name = f"guest-{next(world.numbers)}"
    return {
        "guest": world.sign_in(name),
        "member": world.member("bob"),
        "by password": world.by_password("eve"),
        "ticket": bearer(world.ticket("tom", GRANTS["read"])),
        "ticket in the URL": Person(ticket=world.ticket("tim", GRANTS["read"])),
    }


def name_of(world: World, who: Person) -> str:
    """Under which somebody is ruled."""
    name: str = "tim" if who.ticket else world.do("GET", "/session", who=who).json()["name"]
    return name


@contextmanager
def ruled(world: World, sort: str, name: str, room: str = "lobby") -> Iterator[float]:
    """Somebody is banned or muted, since then."""
    world.do("PUT", f"/rooms/{room}/{sort}/{name}")
    try:
        yield time.monotonic()
    finally:
        world.do("DELETE", f"/rooms/{room}/{sort}/{name}")


KINDS = ("guest", "member", "by password", "ticket", "ticket in the URL")


def ways_of(kind: str) -> Mapping[str, tuple[Begin, str]]:
    """Where somebody is known as that."""
    return STREAMS if kind == "ticket in the URL" else EVERYWHERE


# Tickets


@pytest.mark.parametrize("how", ["header", "URL"])
def test_a_ticket_that_expires(world: World, how: str) -> None:
    other = bearer(world.ticket("ada", GRANTS["read"]))
    text = world.ticket("ada", GRANTS["read"], LIFE_SECONDS)
    expires = time.monotonic() + LIFE_SECONDS
    who, ways = (bearer(text), EVERYWHERE) if how == "header" else (Person(ticket=text), STREAMS)
    with reading(world, other) as others, reading(world, who, ways) as readers:
        time.sleep(expires - 0.3 - time.monotonic())
        assert silent(readers)
        time.sleep(expires - time.monotonic())
        check_ended(readers, BAD_TICKET, expires)
        check_hear(world, others)


def test_tickets_of_one_id_expire_each_at_its_time(world: World) -> None:
    texts = [world.ticket("ada", GRANTS["read"], seconds, jti="one") for seconds in (3600.0, LIFE_SECONDS, 7200.0)]
    expires = time.monotonic() + LIFE_SECONDS
    with ExitStack() as stack:
        long, short, longer = (stack.enter_context(reading(world, bearer(text), STREAMS)) for text in texts)
        time.sleep(expires - time.monotonic())
        check_ended(short, BAD_TICKET, expires)
        check_hear(world, long, longer)


def test_a_ticket_that_is_revoked(world: World) -> None:
    text, other = world.ticket("ada", GRANTS["read"]), bearer(world.ticket("ada", GRANTS["read"], 3599.0))
    who, by_url = bearer(text), Person(ticket=text)
    with reading(world, other) as others, reading(world, who) as readers, reading(world, by_url, STREAMS) as more:
        world.sign_out(who)
        since = time.monotonic()
        check_ended(readers, SIGN_IN, since)
        check_ended(more, SIGN_IN, since)
        check_hear(world, others)
    assert READ["poll, plain"](world, who, "lobby") == BAD_TICKET
    assert STREAM_WAYS["socket, plain"](world, by_url, "lobby") == BAD_TICKET


def test_tickets_of_one_id_are_revoked_together_and_for_as_long_as_one_of_them_is_good(world: World) -> None:
    short = bearer(world.ticket("ada", GRANTS["read"], LIFE_SECONDS, jti="together"))
    expires = time.monotonic() + LIFE_SECONDS
    long = bearer(world.ticket("ada", GRANTS["read"], jti="together"))
    with reading(world, long) as readers:
        world.sign_out(short)
        check_ended(readers, SIGN_IN, time.monotonic())
    time.sleep(max(0.0, expires + 0.1 - time.monotonic()))
    assert READ["poll, plain"](world, long, "lobby") == BAD_TICKET


# Sessions


@pytest.mark.parametrize("kind", ["guest", "member"])
def test_a_session_that_is_signed_out(world: World, kind: str) -> None:
    who = people(world)[kind]
    others = [each for each in people(world).values() if each.ticket is None]
    with ExitStack() as stack:
        readers = stack.enter_context(reading(world, who))
        all_others = [stack.enter_context(reading(world, other)) for other in others]
        world.sign_out(who)
        check_ended(readers, SIGN_IN, time.monotonic())
        check_hear(world, *all_others)


# Rulings


@pytest.mark.parametrize("kind", KINDS)
def test_who_is_banned(world: World, kind: str) -> None:
    who = people(world)[kind]
    name = name_of(world, who)
    with (
        reading(world, Person()) as others,
        reading(world, who, ways_of(kind)) as readers,
        ruled(world, "bans", name, "elsewhere"),
    ):
        check_hear(world, others, readers)
    with (
        reading(world, Person()) as others,
        reading(world, who, ways_of(kind)) as readers,
        ruled(world, "bans", name) as since,
    ):
        check_ended(readers, MAY_NOT, since)
        check_hear(world, others)
    with reading(world, who, ways_of(kind)) as readers:
        check_hear(world, readers)


@pytest.mark.parametrize("kind", KINDS)
def test_who_is_muted_reads_on(world: World, kind: str) -> None:
    who = people(world)[kind]
    with reading(world, who, ways_of(kind)) as readers, ruled(world, "mutes", name_of(world, who)):
        time.sleep(WITHIN_SECONDS / 2)
        check_hear(world, readers)


def test_a_guest_who_was_banned_under_two_names_is_let_in_when_both_bans_are_lifted(world: World) -> None:
    number, poll = next(world.numbers), READ["poll, plain"]
    first, second = f"first-{number}", f"second-{number}"
    who = world.sign_in(first)
    world.do("PUT", f"/rooms/lobby/bans/{first}")
    cookie = world.do("POST", "/session", {"name": second}, who).headers["set-cookie"].split(";")[0]
    renamed = Person({"Cookie": cookie})
    for name in (first, second):
        world.do("PUT", f"/rooms/lobby/bans/{name}")
    for name in (second, first):
        assert poll(world, renamed, "lobby") == MAY_NOT
        world.do("DELETE", f"/rooms/lobby/bans/{name}")
    assert poll(world, renamed, "lobby") == YES


# The policy


@pytest.mark.parametrize(
    ("read", "ended"),
    [
        ('"members"', {"guest": SIGN_IN}),
        ('["ada", "eve"]', {"guest": SIGN_IN, "member": MAY_NOT}),
        ('"nobody"', {"guest": SIGN_IN, "member": MAY_NOT, "by password": MAY_NOT}),
    ],
)
def test_a_policy_that_changes(world: World, read: str, ended: Mapping[str, str]) -> None:
    world.govern(USUAL)
    with ExitStack() as stack:
        readers = {kind: stack.enter_context(reading(world, who, ways_of(kind))) for kind, who in people(world).items()}
        world.govern(f'[[rooms]]\nname = "lobby"\nread = {read}')
        since = time.monotonic()
        for kind, fault in ended.items():
            check_ended(readers[kind], fault, since)
        check_hear(world, *(readers[kind] for kind in KINDS if kind not in ended))
    world.govern(USUAL)


def test_a_policy_that_errs_changes_nothing(world: World) -> None:
    world.govern(USUAL)
    with ExitStack() as stack:
        readers = [stack.enter_context(reading(world, who, ways_of(kind))) for kind, who in people(world).items()]
        world.govern('[[rooms]]\nname = "lobby"\nread = "friends"', "was not changed")
        time.sleep(WITHIN_SECONDS / 2)
        check_hear(world, *readers)
    assert READ["poll, plain"](world, Person(), "commons") == YES
    assert READ["room"](world, Person(), "now-closed") == SIGN_IN
    world.govern(USUAL)


# Restarts


def test_what_was_ruled_holds_after_a_restart(world: World) -> None:
    guest, muted, gone = (world.sign_in(f"{name}-{next(world.numbers)}") for name in ("banned", "muted", "gone"))
    member, lifted = world.member("ada"), world.sign_in(f"lifted-{next(world.numbers)}")
    ticket = bearer(world.ticket("ted", GRANTS["all"]))
    revoked = bearer(world.ticket("ada", GRANTS["all"], 3500.0))
    seq = world.say("lobby", "what nobody shall read again")
    world.do("DELETE", f"/rooms/lobby/messages/{seq}")
    for who in (guest, lifted, ticket):
        world.do("PUT", f"/rooms/lobby/bans/{name_of(world, who)}")
    world.do("DELETE", f"/rooms/lobby/bans/{name_of(world, lifted)}")
    world.do("PUT", f"/rooms/lobby/mutes/{name_of(world, muted)}")
    world.do("PUT", "/rooms/lobby/mutes/briefly", {"seconds": 1})
    for who in (gone, member, revoked):
        world.sign_out(who)
    for _ in range(2):
        assert fared(world, (guest, ticket, revoked, lifted, muted)) == [MAY_NOT, MAY_NOT, BAD_TICKET, YES, YES]
        assert [world.do("GET", "/session", who=who).json()["name"] for who in (gone, member)] == ["guest"] * 2
        assert outcome(world.ask(muted, "POST", "/rooms/lobby/messages", {"text": "hush"})) == MAY_NOT
        page = world.do("GET", f"/rooms/lobby/messages?before={seq + 1}&limit=1")
        assert page.json()["messages"][0]["erased"] is True
        assert b"what nobody" not in page.body
        world.hang_up()
        world.server.kill()
        world.server.start()
    time.sleep(1.0)
    names = [mute["name"] for mute in world.do("GET", "/rooms/lobby/mutes").json()["mutes"]]
    assert names == [name_of(world, muted)]


def fared(world: World, people: tuple[Person, ...]) -> list[str]:
    """How they fare who read the lobby."""
    return [READ["poll, plain"](world, who, "lobby") for who in people]


# What is kept

UNHEARD = [
    b"GET /rooms/lobby/events?ticket=%b HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n",
    b"GET /rooms/lobby/socket?ticket=%b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /rooms/lobby/socket?ticket=%b HTTP/1.0\r\n\r\n",
    b"GET /rooms/lobby/events?ticket=%b&ticket=%b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /rooms/LOBBY/events?ticket=%b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /nowhere?ticket=%b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"HEAD /nowhere?ticket=%b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"BREW /rooms/lobby/events?ticket=%b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /rooms/lobby/events?ticket=%b\r\n\r\n",
    b"GET /rooms/lobby/events?ticket=%b HTTP/1.1\r\nHost: localhost\r\nA header without a colon\r\n\r\n",
    b"GET /rooms/lobby/events?ticket=%b&" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /rooms/%%ff/events?ticket=%b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET http://[/rooms/lobby/events?ticket=%b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /rooms/lobby/messages?ticket=%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n{",
    b"GET /rooms/lobby/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %b,\r\n\r\n",
    b"GET /rooms/lobby/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic %b\r\n\r\n",
    b"GET /rooms/lobby/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Digest %b\r\n\r\n",
    b"GET /rooms/lobby/messages HTTP/1.1\r\nHost: localhost\r\nCookie: chatcomet=%b\r\n\r\n",
]


def test_nothing_secret_is_logged(world: World) -> None:
    text = world.ticket("ada", GRANTS["read"]).encode()
    for unheard in UNHEARD:
        with Connection(world.port) as connection:
            connection.send(unheard % ((text,) * unheard.count(b"%b")))
            connection.receive(1)
    with Connection(world.port) as connection:  # an open stream, cut by its reader
        connection.send(request("GET", f"/rooms/lobby/events?ticket={text.decode()}"))
        connection.read_head()
        connection.reset()
    wrong = world.ask(Person(), "POST", "/session", {"name": "mia", "password": "the password of nobody"})
    assert outcome(wrong) == "401 sign-in-failed"
    world.secrets.add("the password of nobody")
    assert len(world.secrets) > 20
    assert world.told() == set()
    assert "Traceback" not in world.server.log
