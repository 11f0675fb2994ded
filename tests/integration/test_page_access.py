"""Who may come in, on the page: the login form, rooms that are not for all, and rights that end while it is open."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.integration.conftest import StartServer
from tests.integration.pages import LONG, Visit, is_live, said, take_name, write
from tests.integration.plain_client import ask
from tests.integration.server import Server
from tests.unit.access.cheap_hash import cheap_hash

PASSWORDS = {"ada": "s3cret", "grace": "h0pper"}


POLICY = """
[[rooms]]
name = "announcements"
post = ["grace"]

[[rooms]]
name = "team-*"
read = "members"

[[rooms]]
name = "board"
read = ["grace"]
"""

Members = Callable[..., Server]


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of passwords."""
    path = tmp_path_factory.mktemp("accounts") / "passwords"
    for name, password in PASSWORDS.items():
        command = [str(Path(sys.executable).with_name("chatcomet")), "passwd", str(path), name]
        subprocess.run(command, input=password, text=True, check=True)
    return path


@pytest.fixture
def start(start_server: StartServer, accounts: Path, tmp_path: Path) -> Members:
    """Starts servers with accounts and a policy."""
    rooms = tmp_path / "rooms.toml"
    rooms.write_text(POLICY)
    return lambda *options: start_server("--auth", f"argon2:{accounts}", "--rooms", str(rooms), *options)


def fill(page: Page, name: str, password: str) -> None:
    """Sign in, in the dialog that is open."""
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_label("Password").press("Enter")


def sign_in(page: Page, name: str) -> None:
    """Become a member."""
    page.locator("#me").click()
    fill(page, name, PASSWORDS[name])
    expect(page.locator("#me")).to_have_text(name)
    expect(page.get_by_role("dialog")).to_be_hidden()


def cookie(page: Page) -> dict[str, str]:
    """The header by which the page is known."""
    (kept,) = page.context.cookies()
    return {"Cookie": f"{kept['name']}={kept['value']}"}


def post(server: Server, room: str, text: str, headers: dict[str, str] | None = None) -> None:
    headers = {"Content-Type": "application/json", **(headers or {})}
    assert ask(server.port, "POST", f"/rooms/{room}/messages", json.dumps({"text": text}), headers).status == 201


# The form


def test_a_member_signs_in_and_out(start: Members, visit: Visit) -> None:
    page = visit(start().url)
    expect(page.locator("#me")).to_have_text("guest · sign in")
    sign_in(page, "ada")
    expect(page.get_by_label("Your message")).to_be_focused()
    write(page, "hello")
    expect(page.locator("#log .author")).to_have_text(["ada"])
    page.reload()
    expect(page.locator("#me")).to_have_text("ada")
    page.locator("#me").click()
    expect(page.get_by_role("dialog", name="You are ada")).to_be_visible()
    before = cookie(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#me")).to_have_text("guest · sign in")
    expect(page.get_by_role("dialog")).to_be_hidden()
    write(page, "and now?")
    expect(page.locator("#log .author")).to_have_text(["ada", "guest"])
    is_live(page)
    page.context.add_cookies([{"name": "chatcomet", "value": before["Cookie"].partition("=")[2], "url": page.url}])
    page.reload()
    expect(page.locator("#me")).to_have_text("guest · sign in")


def test_a_wrong_password_is_told_and_then_slowed_and_the_name_stays(start: Members, visit: Visit) -> None:
    page = visit(start().url)
    page.locator("#me").click()
    for _ in range(5):
        with page.expect_response("**/session") as answer:
            fill(page, "ada", "wrong")
        assert answer.value.status == 401
        expect(page.get_by_role("alert")).to_have_text("the name or the password is wrong")
        expect(page.get_by_label("Password")).to_be_focused()
    fill(page, "ada", PASSWORDS["ada"])
    expect(page.get_by_role("alert")).to_contain_text("try again in")
    expect(page.get_by_role("textbox", name="Name")).to_have_value("ada")
    page.wait_for_timeout(1_000)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator("#me")).to_have_text("ada")


def test_the_form_is_one_that_password_managers_know(start: Members, visit: Visit) -> None:
    page = visit(start().url)
    page.locator("#me").click()
    name, password = page.get_by_role("textbox", name="Name"), page.get_by_label("Password")
    expect(name).to_be_focused()
    expect(name).to_have_attribute("autocomplete", "username")
    expect(password).to_have_attribute("autocomplete", "current-password")
    assert page.evaluate("document.querySelector('#password').form === document.querySelector('#username').form")
    name.fill("ada")
    password.fill("s3cret")
    page.keyboard.press("Escape")
    page.locator("#me").click()
    expect(password).to_have_value("")


def test_a_guest_may_come_in_by_name_where_members_have_passwords(start: Members, visit: Visit) -> None:
    page = visit(start().url)
    page.locator("#me").click()
    page.get_by_role("button", name="Enter as a guest").click()
    page.get_by_role("textbox", name="Name").fill("ada")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("password")
    page.get_by_role("textbox", name="Name").fill("eve")
    page.keyboard.press("Enter")
    expect(page.locator("#me")).to_have_text("eve")
    page.locator("#me").click()
    page.get_by_role("button", name="Sign in instead").click()
    fill(page, "ada", PASSWORDS["ada"])
    expect(page.locator("#me")).to_have_text("ada")


def test_where_nobody_has_a_password_none_is_asked_for(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    page.locator("#me").click()
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    for name in ("Sign in instead", "Enter as a guest", "Sign out"):
        expect(page.get_by_role("button", name=name)).to_be_hidden()


def test_the_form_fits_on_a_phone(start: Members, visit: Visit) -> None:
    page = visit(start("--no-guests").url, viewport={"width": 320, "height": 560}, has_touch=True, is_mobile=True)
    for name in ("Sign in", "Not now"):
        expect(page.get_by_role("dialog").get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth <= 320")


# Where guests may not


def test_without_guests_one_signs_in_first(start: Members, visit: Visit) -> None:
    server = start("--no-guests")
    page = visit(server.url)
    expect(page.get_by_role("dialog")).to_contain_text("You have to sign in to read lobby.")
    expect(page.get_by_role("button", name="Enter as a guest")).to_be_hidden()
    page.get_by_role("button", name="Not now").click()
    expect(page.locator("#status")).to_have_text("Sign in to read lobby")
    expect(page.get_by_label("Your message")).to_be_disabled()
    expect(page.get_by_text("Sign in to write here.")).to_be_visible()
    page.locator("#connection").get_by_role("button", name="Sign in").click()
    fill(page, "ada", PASSWORDS["ada"])
    is_live(page)
    write(page, "hello")
    expect(said(page, "hello")).to_be_visible()
    page.locator("#me").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("dialog")).to_contain_text("You have to sign in to read lobby.")
    expect(said(page, "hello")).to_be_attached()
    fill(page, "grace", PASSWORDS["grace"])
    is_live(page)
    write(page, "I am another")
    expect(page.locator("#log .author")).to_have_text(["ada", "grace"])


def test_in_a_room_to_read_one_is_told_why_one_may_not_write(start: Members, visit: Visit) -> None:
    page = visit(f"{start().url}/?room=announcements")
    is_live(page)
    expect(page.get_by_text("Say hello!")).to_be_hidden()
    expect(page.get_by_label("Your message")).to_be_disabled()
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    expect(page.get_by_text("Sign in to write here.")).to_be_visible()
    sign_in(page, "ada")
    expect(page.get_by_text("You may not write here.")).to_be_visible()
    page.locator("#me").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("Sign in to write here.")).to_be_visible()
    sign_in(page, "grace")
    expect(page.get_by_label("Your message")).to_be_enabled()
    write(page, "Hear, hear")
    expect(said(page, "Hear, hear")).to_be_visible()


def test_a_room_that_one_may_not_read_is_told_and_tried_again(start: Members, visit: Visit, tmp_path: Path) -> None:
    server = start()
    page = visit(f"{server.url}/?room=board")
    fill(page, "ada", PASSWORDS["ada"])
    expect(page.locator("#status")).to_have_text("you may not read this room")
    expect(page.get_by_role("dialog")).to_be_hidden()
    (tmp_path / "rooms.toml").write_text(POLICY.replace('["grace"]', '["grace", "ada"]'))
    os.kill(server.pid, signal.SIGHUP)
    page.get_by_role("button", name="Try now").click()
    is_live(page)
    expect(page.get_by_label("Your message")).to_be_enabled()


# What ends while the page is open


def test_a_session_that_ends_leads_back_to_the_form_and_nothing_is_lost(start: Members, visit: Visit) -> None:
    server = start()
    page = visit(f"{server.url}/?room=team-x")
    fill(page, "ada", PASSWORDS["ada"])
    is_live(page)
    write(page, "before")
    expect(said(page, "before")).to_be_visible()
    page.get_by_label("Your message").fill("not sent yet")
    assert ask(server.port, "DELETE", "/session", headers=cookie(page)).status == 204
    expect(page.get_by_role("dialog")).to_contain_text("Your session has ended: you are not ada any more.")
    expect(page.locator("#me")).to_have_text("guest · sign in")
    expect(said(page, "before")).to_be_attached()
    expect(page.get_by_label("Your message")).to_be_disabled()
    grace = visit(f"{server.url}/?room=team-x")
    fill(grace, "grace", PASSWORDS["grace"])
    write(grace, "meanwhile")
    expect(said(grace, "meanwhile")).to_be_visible()
    fill(page, "ada", PASSWORDS["ada"])
    is_live(page)
    expect(page.locator("#log .text")).to_have_text(["before", "meanwhile"])
    expect(page.get_by_label("Your message")).to_have_value("not sent yet")
    page.get_by_label("Your message").press("Enter")
    expect(page.locator("#log .text")).to_have_text(["before", "meanwhile", "not sent yet"])


def test_where_guests_may_read_one_reads_on_as_a_guest(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    take_name(page, "ada")
    expect(page.locator("#me")).to_have_text("ada")
    page.wait_for_timeout(1_500)  # until it waits as ada
    assert ask(server.port, "DELETE", "/session", headers=cookie(page)).status == 204
    expect(page.get_by_role("dialog")).to_contain_text("You are not ada any more.")
    post(server, "lobby", "one reads on")
    expect(said(page, "one reads on")).to_be_attached()
    page.get_by_role("button", name="Not now").click()
    expect(page.locator("#me")).to_have_text("guest · pick a name")


def test_a_session_that_ended_unseen_is_noticed_in_time(server: Server, visit: Visit) -> None:
    page = visit("about:blank")
    page.clock.install()
    page.goto(server.url)
    take_name(page, "ada")
    expect(page.locator("#me")).to_have_text("ada")
    page.context.clear_cookies()
    page.clock.run_for(270_000)
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.clock.run_for(31_000)
    expect(page.get_by_role("dialog")).to_contain_text("You are not ada any more.")


def test_a_session_that_ended_unseen_is_noticed_when_one_writes(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    take_name(page, "ada")
    expect(page.locator("#me")).to_have_text("ada")
    page.context.clear_cookies()
    write(page, "who am I?")
    expect(page.get_by_role("dialog")).to_contain_text("You are not ada any more.")
    expect(page.locator("#log .author")).to_have_text(["guest"])
    expect(page.locator("#outbox > *")).to_have_count(0)


def end_unheard(page: Page, server: Server) -> None:
    """End the session of the page, which does not hear of it by a poll; the browser keeps the cookie."""
    page.route(re.compile("cursor="), lambda _: None)
    page.evaluate("dispatchEvent(new Event('online'))")
    assert ask(server.port, "DELETE", "/session", headers=cookie(page)).status == 204


def test_what_is_written_as_a_session_ends_is_not_said_by_nobody(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    take_name(page, "ada")
    expect(page.locator("#me")).to_have_text("ada")
    is_live(page)
    end_unheard(page, server)
    write(page, "it is me")
    expect(page.locator("#outbox .fate")).to_contain_text("Not sent: your session has ended")
    expect(page.get_by_role("dialog")).to_contain_text("You are not ada any more. What you wrote is kept.")
    page.unroute_all()
    page.get_by_role("textbox", name="Name").fill("ada")
    page.get_by_role("button", name="Use this name").click()
    expect(page.locator("#log .author")).to_have_text(["ada"])
    expect(said(page, "it is me")).to_be_visible()
    expect(page.locator("#outbox > *")).to_have_count(0)


def test_one_whose_session_had_ended_before_may_be_nobody(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    take_name(page, "ada")
    expect(page.locator("#me")).to_have_text("ada")
    assert ask(server.port, "DELETE", "/session", headers=cookie(page)).status == 204
    page.reload()
    expect(page.locator("#me")).to_have_text("guest · pick a name")
    is_live(page)
    write(page, "hello")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Your session has ended. Pick a name, and what you wrote will be sent.")
    dialog.get_by_role("button", name="Be a guest again").click()
    expect(page.locator("#log .author")).to_have_text(["guest"])
    expect(page.locator("#outbox > *")).to_have_count(0)
    write(page, "again")
    expect(page.locator("#log .text")).to_have_text(["hello", "again"])
    page.locator("#me").click()
    expect(dialog.get_by_role("button", name="Be a guest again")).to_be_hidden()


def test_who_is_to_sign_in_again_may_be_a_guest_or_nobody(start: Members, visit: Visit) -> None:
    server = start()
    page = visit(server.url)
    sign_in(page, "ada")
    is_live(page)
    end_unheard(page, server)
    write(page, "so what")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Your session has ended: you are not ada any more.")
    expect(dialog.get_by_role("button", name="Be a guest again")).to_be_hidden()
    page.unroute_all()
    dialog.get_by_role("button", name="Enter as a guest").click()
    dialog.get_by_role("button", name="Be a guest again").click()
    expect(page.locator("#log .author")).to_have_text(["guest"])


def test_a_guest_whose_name_becomes_an_accounts_picks_another_and_nothing_is_lost(
    start_server: StartServer, visit: Visit, tmp_path: Path
) -> None:
    path = tmp_path / "own"
    path.write_text("")
    page = visit(start_server("--auth", f"argon2:{path}").url)
    page.locator("#me").click()
    page.get_by_role("button", name="Enter as a guest").click()
    page.get_by_role("textbox", name="Name").fill("carol")
    page.keyboard.press("Enter")
    expect(page.locator("#me")).to_have_text("carol")
    page.get_by_label("Your message").fill("not sent yet")
    page.wait_for_timeout(1_500)  # until it waits as carol
    path.write_text(f"Carol:{cheap_hash('hers')}\n")
    expect(page.get_by_role("dialog")).to_contain_text("You are not carol any more. What you wrote is kept.")
    fill(page, "carol", "hers")
    expect(page.locator("#me")).to_have_text("Carol")
    page.get_by_label("Your message").press("Enter")
    expect(page.locator("#log .author")).to_have_text(["Carol"])


def test_what_needs_a_session_is_sent_when_there_is_one_again(start: Members, visit: Visit) -> None:
    server = start()
    page = visit(f"{server.url}/?room=announcements")
    sign_in(page, "grace")
    is_live(page)
    page.get_by_label("Your message").fill("in the very moment")
    page.route(re.compile("cursor="), lambda _: None)  # it does not hear of it by a poll
    page.evaluate("dispatchEvent(new Event('online'))")
    assert ask(server.port, "DELETE", "/session", headers=cookie(page)).status == 204
    page.get_by_label("Your message").press("Enter")
    expect(page.locator("#outbox .fate")).to_contain_text("Not sent")
    expect(page.get_by_role("dialog")).to_contain_text("What you wrote is kept.")
    page.unroute_all()
    fill(page, "grace", PASSWORDS["grace"])
    expect(said(page, "in the very moment")).to_be_visible()
    expect(page.locator("#outbox > *")).to_have_count(0)


# Too much


def test_who_makes_too_many_sessions_is_told_when_to_come_again(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    told = {"type": "/problems/too-many-sessions", "title": "Too many", "status": 429, "detail": "too many sessions"}

    def refuse(route: Route) -> None:
        route.fulfill(status=429, json=told, headers={"Retry-After": "6"})

    page.locator("#me").click()
    page.route("**/session", refuse, times=1)
    page.get_by_role("textbox", name="Name").fill("ada")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("too many sessions: try again in 6 s")
    page.keyboard.press("Enter")
    expect(page.locator("#me")).to_have_text("ada")


def test_who_writes_too_fast_waits_and_all_is_sent(start_server: StartServer, visit: Visit) -> None:
    page = visit(start_server("--post-rate", "30/min:1").url)
    take_name(page, "ada")
    expect(page.locator("#me")).to_have_text("ada")
    write(page, "one")
    write(page, "two")
    write(page, "three")
    expect(page.locator("#outbox .fate").first).to_have_text(
        re.compile(r"Waiting, it will be sent in \d s: you write too often")
    )
    expect(page.get_by_label("Your message")).to_be_enabled()
    expect(page.locator("#log .text")).to_have_text(["one", "two", "three"], timeout=LONG)
    expect(page.locator("#outbox > *")).to_have_count(0)
