"""Moderating on the page: who may has a menu on each message, and nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.integration.access_world import PASSWORDS, Person, World
from tests.integration.pages import Visit, is_live, said

POLICY = '[[rooms]]\nname = "hall-*"\nmoderate = ["mia"]\n'
ERASED = "This message was erased."

_numbers = count()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server in whose halls mia moderates."""
    world = World(tmp_path_factory.mktemp("halls"))
    world.policy.write_text(POLICY)
    world.server.start()
    yield world
    world.close()


@pytest.fixture
def room() -> str:
    """A room in which nobody has been yet."""
    return f"hall-{next(_numbers)}"


@pytest.fixture(scope="module")
def mia(world: World) -> Person:
    return world.member("mia")


def say(world: World, room: str, *texts: str, who: Person | None = None) -> None:
    """Somebody, or else nobody in particular, says something."""
    for text in texts:
        world.do("POST", f"/rooms/{room}/messages", {"text": text}, who or Person())


def open_as(visit: Visit, world: World, room: str, person: Person, **options: Any) -> Page:
    """The page, when it knows who looks at it."""
    name, _, value = person.headers["Cookie"].partition("=")
    cookie = {"name": name, "value": value, "domain": "127.0.0.1", "path": "/"}
    page = visit(f"{world.server.url}/?room={room}", storage_state={"cookies": [cookie], "origins": []}, **options)
    expect(page.locator("#me")).not_to_have_class("unknown")
    is_live(page)
    return page


def more(page: Page, text: str) -> Locator:
    """The button of the message that says `text`."""
    return (
        page.locator("#log .message")
        .filter(has=page.get_by_text(text, exact=True))
        .get_by_role("button", name="Moderate")
    )


def point_at(page: Page, text: str) -> None:
    """At its beginning: its end has a place for the time, which may be all of a short one."""
    said(page, text).hover(position={"x": 2, "y": 2})


def choose(page: Page, text: str, choice: str) -> None:
    """Do something about a message, by mouse."""
    point_at(page, text)
    more(page, text).click()
    page.get_by_role("menuitem", name=choice).click()


def texts(world: World, room: str) -> list[str]:
    """What the server has."""
    return [message["text"] for message in world.do("GET", f"/rooms/{room}/messages").json()["messages"]]


def test_a_moderator_erases_and_whoever_reads_it_then_gets_it_erased(world: World, room: str, visit: Visit) -> None:
    say(world, room, "hello", "BUY CHEAP WATCHES")
    page = visit(f"{world.server.url}/?room={room}")
    expect(said(page, "hello")).to_be_visible()
    expect(page.get_by_role("button", name="Moderate")).to_have_count(0)
    page.locator("#me").click()
    page.get_by_role("textbox", name="Name").fill("mia")
    page.get_by_label("Password").fill(PASSWORDS["mia"])
    page.get_by_label("Password").press("Enter")
    expect(more(page, "BUY CHEAP WATCHES")).to_have_css("opacity", "0")
    choose(page, "BUY CHEAP WATCHES", "Erase this message")
    expect(page.locator("#log .text")).to_have_text(["hello", ERASED])
    assert texts(world, room) == ["hello", ""]
    more(page, ERASED).click()
    expect(page.get_by_role("menuitem")).to_have_text(
        ["Mute all nameless guests for 10 minutes", "Ban all nameless guests for an hour"]
    )
    other = visit(f"{world.server.url}/?room={room}")
    expect(other.locator("#log .text")).to_have_text(["hello", ERASED])


def test_a_moderator_mutes_and_bans_and_lifts_that(world: World, room: str, mia: Person, visit: Visit) -> None:
    name = f"<i>Eve of {room}"
    eve = world.sign_in(name)
    say(world, room, "spam", who=eve)
    page = open_as(visit, world, room, mia)
    for choice, told, sort in (("Mute", "Muted until", "mutes"), ("Ban", "Banned until", "bans")):
        choose(page, "spam", f"{choice} {name} for")
        note = page.locator("#log .note")
        expect(note).to_contain_text(re.compile(told, re.IGNORECASE))
        (ruling,) = world.do("GET", f"/rooms/{room}/{sort}").json()[sort]
        assert (ruling["name"], ruling["by"]) == (name.lower(), "mia")
        assert ruling["until"] - ruling["at"] == pytest.approx({"mutes": 600, "bans": 3600}[sort])
        if choice == "Ban":
            choose(page, "spam", "Erase")  # which leaves standing what holds
            expect(said(page, ERASED)).to_be_visible()
        note.get_by_role("button", name=f"Lift the {choice.lower()}").press("Enter")
        expect(note).to_contain_text("any more")
        expect(page.get_by_role("button", name="Moderate")).to_be_focused()
        assert world.do("GET", f"/rooms/{room}/{sort}").json() == {sort: []}
    say(world, room, "I am back", who=eve)


def test_what_holds_for_longer_is_told_and_left(world: World, room: str, mia: Person, visit: Visit) -> None:
    world.do("POST", f"/rooms/{room}/messages", {"text": "spam", "author": "guest"})
    world.do("PUT", f"/rooms/{room}/mutes/guest")
    page = open_as(visit, world, room, mia)
    choose(page, "spam", "Mute all nameless guests")
    expect(page.locator("#log .note")).to_contain_text("already muted for good")
    (mute,) = world.do("GET", f"/rooms/{room}/mutes").json()["mutes"]
    assert (mute["until"], mute["by"]) == (None, "root")
    page.get_by_role("button", name="Lift the mute").click()
    expect(page.locator("#log .note")).to_contain_text("not muted any more")
    say(world, room, "back again")


def test_all_is_done_by_keyboard(world: World, room: str, mia: Person, visit: Visit) -> None:
    say(world, room, "one", "two")
    say(world, room, "three", who=mia)
    page = open_as(visit, world, room, mia)
    expect(more(page, "three")).to_be_attached()
    page.get_by_label("Your message").press("Shift+Tab")
    expect(more(page, "three")).to_be_focused()
    expect(more(page, "three")).to_have_css("opacity", "1")
    page.keyboard.press("Enter")
    menu = page.get_by_role("menu", name="Message of mia")
    expect(menu.get_by_role("menuitem")).to_have_text(["Erase this message"])  # nobody bans themselves
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(more(page, "three")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(more(page, "two")).to_be_focused()
    page.keyboard.press("Space")
    choices = page.get_by_role("menuitem")
    expect(choices.nth(0)).to_be_focused()
    for key, at in (("ArrowUp", 2), ("ArrowDown", 0), ("ArrowDown", 1), ("End", 2), ("Home", 0)):
        page.keyboard.press(key)
        expect(choices.nth(at)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#log .text")).to_have_text(["one", ERASED, "three"])
    expect(more(page, ERASED)).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator("#log .text")).to_have_text(["one", ERASED, ERASED])
    expect(page.get_by_role("region", name="Conversation")).to_be_focused()  # of one's own nothing is left to do
    page.keyboard.press("Tab")
    expect(more(page, ERASED)).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(menu).to_be_hidden()
    expect(page.get_by_label("Your message")).to_be_focused()


def test_others_see_nothing_of_it(world: World, room: str, visit: Visit) -> None:
    guest = world.sign_in(f"guest of {room}")
    say(world, room, "mine", who=guest)
    for person in (guest, world.member("ada")):
        page = open_as(visit, world, room, person)
        point_at(page, "mine")
        expect(page.get_by_role("button", name="Moderate")).to_have_count(0)
        page.get_by_label("Your message").press("Shift+Tab")
        expect(page.get_by_role("region", name="Conversation")).to_be_focused()
    say(world, "lobby", "elsewhere")
    elsewhere = open_as(visit, world, "lobby", world.member("mia"))
    expect(elsewhere.locator("#me")).to_have_text("mia")
    expect(said(elsewhere, "elsewhere")).to_be_visible()
    expect(elsewhere.get_by_role("button", name="Moderate")).to_have_count(0)


def test_a_refusal_is_told_and_nothing_is_lost(world: World, room: str, visit: Visit) -> None:
    say(world, room, "said")
    person = world.member("mia")
    page = open_as(visit, world, room, person)
    note = page.locator("#log .note")

    def fail(route: Route) -> None:
        route.abort()

    page.route("**/messages/0", fail)
    choose(page, "said", "Erase")
    expect(note).to_have_text(re.compile("not erased: the server can't be reached", re.IGNORECASE))
    page.unroute_all()
    world.govern(POLICY.replace("mia", "ada"))
    choose(page, "said", "Erase")
    expect(note).to_contain_text("may not moderate")
    expect(page.get_by_role("button", name="Moderate")).to_have_count(0)
    world.govern(POLICY)
    page.reload()
    expect(more(page, "said")).to_be_attached()
    page.route(re.compile("cursor="), lambda _: None)  # it does not hear of the end by a poll
    page.evaluate("dispatchEvent(new Event('online'))")
    world.sign_out(person)
    choose(page, "said", "Mute")
    expect(page.get_by_role("dialog")).to_contain_text("you are not mia any more")
    expect(note).to_contain_text("not muted: ")
    expect(said(page, "said")).to_be_attached()
    assert texts(world, room) == ["said"]


def test_nothing_moves_by_it_and_it_fits_on_a_phone(world: World, room: str, mia: Person, visit: Visit) -> None:
    say(world, room, *(f"{number} {'x' * 200}" for number in range(10)), who=world.sign_in("W" * 32))
    options = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
    page = open_as(visit, world, room, mia, **options)
    expect(page.locator("#log .more").last).to_have_css("opacity", "1")
    places = "[...document.querySelectorAll('.bubble')].map((one) => JSON.stringify(one.getBoundingClientRect()))"
    before = page.evaluate(places)
    page.locator("#log .more").last.tap()
    expect(page.get_by_role("menuitem", name="Erase")).to_be_focused()
    say(world, room, "meanwhile")  # what one points at stays there, too
    expect(said(page, "meanwhile")).to_be_attached()
    assert page.evaluate(places)[:10] == before
    expect(page.get_by_role("menu")).to_be_in_viewport(ratio=1)
    assert page.evaluate(
        "[document.documentElement, scroller].every((element) => element.scrollWidth <= element.clientWidth)"
    )
    page.locator("header").tap()
    expect(page.get_by_role("menu")).to_be_hidden()
    expect(said(page, "meanwhile")).to_be_in_viewport()
