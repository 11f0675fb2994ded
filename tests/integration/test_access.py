"""Who may do what, where and by which way: every cell of the tables is tried on a running server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.integration import access_ways as ways
from tests.integration.access_table import (
    BAD_TICKET,
    BY_QUERY,
    NO_GUESTS_TABLE,
    NOT_IN_THE_URL,
    SIGN_IN,
    TABLE,
    YES,
    Cell,
    kinds_of,
    people_of,
    read_table,
)
from tests.integration.access_ways import Way
from tests.integration.access_world import Person, World, closed_world, open_world

OPEN, CLOSED = read_table(TABLE), read_table(NO_GUESTS_TABLE)

Fared = dict[str, str]
"""How it went, by way."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server with guests and a policy."""
    world = open_world(tmp_path_factory.mktemp("open"))
    yield world
    world.close()


@pytest.fixture(scope="module")
def no_guests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One with neither."""
    world = closed_world(tmp_path_factory.mktemp("closed"))
    yield world
    world.close()


def fare(world: World, who: Person, room: str, *sorts: Mapping[str, Way]) -> Fared:
    """How `who` fares in `room`."""
    return {name: way(world, who, room) for sort in sorts for name, way in sort.items()}


def fare_anew(world: World, who: str, kind: str, sort: Mapping[str, Way]) -> Fared:
    """The same, each time in a room that is not there."""
    person = world.people[who]
    return {f"{name}, anew": way(world, person, world.unmade(kind, who)) for name, way in sort.items()}


def expect(expected: str, *sorts: Mapping[str, Way]) -> Fared:
    """That `who` fares so by all these ways."""
    return {name: expected for sort in sorts for name in sort}


def expect_anew(expected: str, sort: Mapping[str, Way]) -> Fared:
    """The same, in rooms that are not there."""
    return {f"{name}, anew": expected for name in sort}


def listed(cell: Cell) -> str:
    """How somebody fares who asks for a list of rooms: what they may not read is not in it."""
    fared = cell.expected("r")
    return fared if fared in (YES, BAD_TICKET, NOT_IN_THE_URL) else "absent"


def both(cell: Cell, commons: Cell) -> str:
    """How somebody fares who asks for two rooms at once."""
    return cell.expected("r") if commons.expected("r") == YES else commons.expected("r")


def check(world: World, who: str, kind: str, cell: Cell, commons: Cell, streamed: Cell | None = None) -> None:
    """Try all there is of `cell`; streams and sockets are as in `streamed`, if that is another one."""
    person, room = world.people[who], world.made(kind)
    over = streamed or cell
    expected = {
        **expect(cell.expected("r"), ways.READ),
        **expect(listed(cell), ways.LISTING),
        **expect(over.expected("r"), ways.STREAMS),
        **expect(both(cell, commons), ways.OF_ROOMS),
        **expect(cell.expected("p"), ways.POST),
        **expect(over.all_of("rp"), ways.SOCKET_POST),
        **expect(cell.naming(), ways.NAMING),
        **expect(over.refusal("r") if "r" not in over.allowed else over.naming(), ways.SOCKET_NAMING),
        **expect(cell.expected("m"), ways.MODERATE),
    }
    fared = fare(world, person, room, ways.READ, ways.LISTING, ways.STREAMS, ways.OF_ROOMS)
    fared |= fare(world, person, room, ways.POST, ways.SOCKET_POST, ways.NAMING, ways.SOCKET_NAMING, ways.MODERATE)
    if kind == "lobby":
        expected |= expect(cell.expected("r"), ways.SEED_READ) | expect(cell.expected("p"), ways.SEED_POST)
        fared |= fare(world, person, room, ways.SEED_READ, ways.SEED_POST)
    else:
        expected |= expect_anew(cell.expected("c"), ways.CREATE)
        expected |= expect_anew(over.all_of("rpc"), ways.SOCKET_POST)
        fared |= fare_anew(world, who, kind, ways.CREATE) | fare_anew(world, who, kind, ways.SOCKET_POST)
    assert fared == expected


@pytest.mark.parametrize("kind", kinds_of(OPEN))
@pytest.mark.parametrize("who", people_of(OPEN))
def test_who_may_do_what(world: World, who: str, kind: str) -> None:
    check(world, who, kind, OPEN[who, kind], OPEN[who, "commons"])


@pytest.mark.parametrize("kind", kinds_of(OPEN))
@pytest.mark.parametrize("who", BY_QUERY)
def test_a_ticket_in_the_url_is_for_streams_and_sockets_alone(world: World, who: str, kind: str) -> None:
    cell, commons = Cell(who, kind, ""), Cell(who, "commons", "")
    check(world, who, kind, cell, commons, streamed=OPEN[BY_QUERY[who], kind])


@pytest.mark.parametrize("kind", kinds_of(CLOSED))
@pytest.mark.parametrize("who", people_of(CLOSED))
def test_who_may_do_what_where_there_are_no_guests(no_guests: World, who: str, kind: str) -> None:
    check(no_guests, who, kind, CLOSED[who, kind], CLOSED[who, "commons"])


def test_nobody_becomes_a_guest_where_there_are_none(no_guests: World) -> None:
    for who in ("stranger", "guest"):
        answer = no_guests.ask(no_guests.people[who], "POST", "/session", {"name": "carola"})
        assert ways.outcome(answer) == SIGN_IN
        assert "set-cookie" not in answer.headers


# Whether a room is there

ALONE = ("lobby", "commons")
UNREADABLE = [(who, kind) for (who, kind), cell in OPEN.items() if "r" not in cell.allowed and kind not in ALONE]
"""Of kinds of which there is a room that is not there."""

ASKED = [
    ("GET", "/rooms/{room}/messages?cursor={cursor}&wait=0"),
    ("GET", "/rooms/{room}/message%73?cursor={cursor}&wait=0"),
    ("GET", "/rooms/{room}/messages?cursor={cursor}&roster=0"),
    ("GET", "/rooms/{room}/messages?cursor=elsewhere.7"),
    ("GET", "/rooms/{room}/messages"),
    ("HEAD", "/rooms/{room}/messages"),
    ("GET", "/rooms/{room}/messages?before=1"),
    ("GET", "/rooms/{room}"),
    ("GET", "/rooms/{room}/events"),
    ("GET", "/rooms/{room}/event%73?cursor={cursor}"),
    ("HEAD", "/rooms/{room}/events"),
    ("GET", "/rooms/{room}/socket"),  # without a handshake, which comes first
    ("GET", "/poll?at={room}:{cursor}"),
    ("GET", "/pol%6C?at=commons:{cursor}&at={room}:{cursor}"),
    ("GET", "/poll?at={room}:elsewhere.7"),
]
POSTED = [
    ("POST", "/rooms/{room}/messages", {"text": "is anybody there?"}),
    ("POST", "/rooms/{room}/message%73", {"text": "is anybody there?"}),
    ("POST", "/rooms/{room}/typing", None),
]
MODERATED = [
    ("DELETE", "/rooms/{room}/messages/0", None),
    ("PUT", "/rooms/{room}/bans/somebody", None),
    ("DELETE", "/rooms/{room}/mutes/somebody", None),
    ("GET", "/rooms/{room}/bans", None),
]


@pytest.fixture(scope="module")
def unmade(world: World) -> Mapping[str, str]:
    """A room of each kind that nobody has ever posted in."""
    return {kind: world.unmade(kind) for kind in kinds_of(OPEN) if kind not in ALONE}


@pytest.mark.parametrize(("who", "kind"), UNREADABLE)
def test_who_may_not_read_is_not_told_whether_there_is_a_room(
    world: World, unmade: Mapping[str, str], who: str, kind: str
) -> None:
    person, cell, cursor = world.people[who], OPEN[who, kind], world.cursor
    rooms = (world.made(kind), unmade[kind])
    asked: list[tuple[str, str, object]] = [(method, path, None) for method, path in ASKED]
    asked += POSTED if "p" not in cell.allowed else []
    asked += MODERATED if "m" not in cell.allowed else []
    for method, path, document in asked:
        there, not_there = (
            world.ask(person, method, path.format(room=room, cursor=cursor), document) for room in rooms
        )
        assert ways.sealed(there) == ways.sealed(not_there), (method, path)
        assert there.status in (401, 403, 426)
    for path in ("/rooms/{room}/socket", "/rooms/{room}/socke%74"):
        there, not_there = (ways.handshake(world, person, path.format(room=room)) for room in rooms)
        assert ways.sealed(there) == ways.sealed(not_there), path
        assert there.status in (401, 403)


# Who asks in two ways


def test_who_asks_says_so_once(world: World) -> None:
    both = Person(world.people["ticket-read"].headers, world.people["query-read"].ticket)
    for way in ("event stream, plain", "event stream, escaped", "socket, plain", "socket, escaped"):
        assert ways.STREAMS[way](world, both, world.made("open")) == "400 malformed"


def test_a_ticket_counts_and_not_the_cookie_beside_it(world: World) -> None:
    cookie = world.people["ada"].headers
    for ticket, fared in (("nothing", "403 not-allowed"), ("read", YES)):
        person = Person({**cookie, **world.people[f"ticket-{ticket}"].headers})
        assert ways.READ["poll, plain"](world, person, world.made("listed")) == fared
        assert ways.READ["poll, escaped"](world, person, world.made("listed")) == fared
        person = Person(cookie, world.people[f"query-{ticket}"].ticket)
        assert ways.STREAMS["socket, plain"](world, person, world.made("listed")) == fared


def test_a_guest_who_takes_another_name_is_still_banned(world: World) -> None:
    guest = world.people["banned-guest"]
    answer = world.do("POST", "/session", {"name": "dorothea"}, guest)
    renamed = Person({"Cookie": answer.headers["set-cookie"].split(";")[0]})
    for person in (guest, renamed):
        assert ways.READ["poll, plain"](world, person, world.made("open")) == "403 not-allowed"


# What is kept


def test_nothing_secret_is_logged(world: World, no_guests: World) -> None:
    for each in (world, no_guests):
        assert len(each.secrets) > 20
        assert each.told() == set()
        assert "Traceback" not in each.server.log
