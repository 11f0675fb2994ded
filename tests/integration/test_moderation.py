"""Moderating a running server: names as a path has them, and what is refused rather than guessed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote

import pytest

from tests.integration.access_world import World, bearer
from tests.integration.plain_client import JSON, Answer, ask

ROOM = "/rooms/hall"
SORTS = ("bans", "mutes")
NAMES = (
    "/",
    "/eve",
    "//eve",
    "eve/",
    "a/b",
    "?",
    "a?b",
    "#eve",
    "100%",
    "%2f",
    "a b",
    "ü",
    "名前",
    "a+b",
    "a;b=c",
    "é/é",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server that takes tickets."""
    world = World(tmp_path_factory.mktemp("moderated"))
    world.server.start()
    yield world
    world.close()


@pytest.fixture
def moderator(world: World) -> Mapping[str, str]:
    """What one says who moderates the hall."""
    return bearer(world.ticket("mo", {"hall": ["read", "post", "moderate"]})).headers


def put(world: World, path: str, document: object, moderator: Mapping[str, str]) -> Answer:
    """What comes of putting `document`."""
    return ask(world.port, "PUT", path, json.dumps(document), {"Content-Type": JSON, **moderator})


@pytest.mark.parametrize("sort", SORTS)
def test_a_slip_bans_nobody_for_good(world: World, moderator: Mapping[str, str], sort: str) -> None:
    for document in ({"second": 5}, {"seconds": 5, "for": "ever"}):
        answer = put(world, f"{ROOM}/{sort}/eve", document, moderator)
        assert (answer.status, answer.json()["type"]) == (400, "/problems/malformed")
        assert "is not known here" in answer.json()["detail"]
    assert ask(world.port, "GET", f"{ROOM}/{sort}", headers=moderator).json() == {sort: []}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sort", SORTS)
def test_whoever_has_a_name_can_be_ruled(world: World, moderator: Mapping[str, str], sort: str, name: str) -> None:
    path = f"{ROOM}/{sort}/{quote(name, safe='')}"
    person = world.sign_in(name)
    assert put(world, path, {"seconds": 60}, moderator).json()["name"] == name
    assert world.ask(person, "POST", f"{ROOM}/messages", {"text": "still here"}).status == 403
    assert ask(world.port, "DELETE", path, headers=moderator).status == 204
    assert ask(world.port, "DELETE", path, headers=moderator).status == 404
    assert world.ask(person, "POST", f"{ROOM}/messages", {"text": "back again"}).status == 201
    world.sign_out(person)


def test_the_log_says_who_did_what(world: World, moderator: Mapping[str, str]) -> None:
    seq = world.say("hall", "a text that is nobody's business")
    assert ask(world.port, "DELETE", f"{ROOM}/messages/{seq}", headers=moderator).status == 204
    assert put(world, f"{ROOM}/mutes/Mallory", {"seconds": 60}, moderator).status == 200
    assert f"'mo' (ticket) has erased message {seq} in hall" in world.server.log
    assert "'mo' (ticket) has muted 'mallory' for 60 s in hall" in world.server.log
    assert "nobody's business" not in world.server.log
    assert world.told() == set()
