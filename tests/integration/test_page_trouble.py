"""The page in Chromium, when something goes wrong: a name, the server, the network, what was written."""

from __future__ import annotations

import re

from playwright.sync_api import Route, expect

from tests.integration.conftest import StartServer
from tests.integration.pages import LONG, Visit, is_live, post, read, said, seqs, take_name, write
from tests.integration.server import Server

MESSAGES = re.compile(r"/rooms/lobby/messages")


# Names


def test_a_name_that_somebody_has_is_refused(server: Server, visit: Visit) -> None:
    ada, other = visit(server.url), visit(server.url)
    take_name(ada, "ada")
    expect(ada.locator("#me")).to_have_text("ada")
    take_name(other, "Ada")
    expect(other.get_by_role("alert")).to_contain_text("taken")
    other.get_by_role("textbox", name="Name").fill("ada b.")
    other.get_by_role("textbox", name="Name").press("Enter")
    expect(other.locator("#me")).to_have_text("ada b.")
    expect(other.get_by_role("dialog")).to_be_hidden()


def test_one_can_be_a_guest_again(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    take_name(page, "ada")
    expect(page.locator("#me")).to_have_text("ada")
    page.reload()
    expect(page.locator("#me")).to_have_text("ada")
    page.locator("#me").click()
    page.get_by_role("button", name="Be a guest again").click()
    expect(page.locator("#me")).to_have_text("guest · pick a name")


def test_who_has_lost_the_name_is_asked_for_another_and_keeps_the_text(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    take_name(page, "ada")
    expect(page.locator("#me")).to_have_text("ada")
    taken = {"title": "Name taken", "status": 409, "detail": "the name ada was taken by somebody else"}
    page.route(MESSAGES, lambda route: route.fulfill(status=409, json=taken), times=1)
    write(page, "hello")
    expect(page.get_by_role("dialog")).to_contain_text("Somebody else has your name")
    expect(page.locator("#outbox .fate")).to_contain_text("Not sent")
    page.get_by_role("textbox", name="Name").fill("ada lovelace")
    page.get_by_role("textbox", name="Name").press("Enter")
    expect(said(page, "hello")).to_be_visible()
    expect(page.locator("#log .author")).to_have_text(["ada lovelace"])
    expect(page.locator("#outbox > *")).to_have_count(0)


# Trouble


def test_a_killed_server_is_survived(server: Server, visit: Visit) -> None:
    ada, bob = visit(server.url), visit(server.url)
    write(ada, "before")
    for page in (ada, bob):
        expect(said(page, "before")).to_be_visible()
    server.kill()
    for page in (ada, bob):
        expect(page.get_by_text("Reconnecting…")).to_be_visible()
    write(ada, "written while it was down")
    write(ada, "and this too")
    expect(ada.locator("#outbox .fate").first).to_have_text("Waiting for the connection…")
    ada.get_by_label("Your message").fill("not sent yet")
    server.start()
    for page in (ada, bob):
        expect(said(page, "and this too")).to_be_visible(timeout=LONG)
        is_live(page)
        expect(page.locator("#log .text")).to_have_text(["before", "written while it was down", "and this too"])
        expect(page.locator("#log .gap")).to_have_count(0)
    expect(ada.locator("#outbox > *")).to_have_count(0)
    expect(ada.get_by_label("Your message")).to_have_value("not sent yet")
    assert read(server) == ["before", "written while it was down", "and this too"]


def test_a_server_that_is_stopped_in_order_and_started_again_loses_nothing(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    take_name(page, "ada")
    expect(page.locator("#me")).to_have_text("ada")
    write(page, "before")
    expect(said(page, "before")).to_be_visible()
    server.stop()
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    server.start()
    post(server, "meanwhile")
    expect(said(page, "meanwhile")).to_be_visible(timeout=LONG)
    write(page, "after")
    expect(page.locator("#log .text")).to_have_text(["before", "meanwhile", "after"])
    expect(page.locator("#me")).to_have_text("ada")


def test_a_network_that_goes_and_comes_is_survived(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    is_live(page)
    page.context.set_offline(True)
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    post(server, "said meanwhile")
    write(page, "written in a tunnel")
    page.context.set_offline(False)
    expect(page.locator("#log .text")).to_have_text(["said meanwhile", "written in a tunnel"])
    is_live(page)


def test_what_was_written_survives_a_reload_under_its_key(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    is_live(page)
    keys = []

    def fail(route: Route) -> None:
        if route.request.method != "POST":
            return route.fallback()
        keys.append(route.request.headers["idempotency-key"])
        return route.abort()

    page.route(MESSAGES, fail)
    write(page, "on its way")
    page.get_by_label("Your message").fill("a draft")
    expect(page.locator("#outbox .fate")).to_have_text("Waiting for the connection…")
    page.reload()
    expect(page.get_by_label("Your message")).to_have_value("a draft")
    expect(page.locator("#outbox .text")).to_have_text("on its way")
    expect(page.locator("#outbox .fate")).to_have_text("Waiting for the connection…")
    page.unroute(MESSAGES, fail)
    with page.expect_request(lambda request: request.method == "POST", timeout=LONG) as last:
        pass
    expect(said(page, "on its way")).to_be_visible()
    expect(page.locator("#outbox > *")).to_have_count(0)
    assert len(keys) >= 2
    assert {*keys, last.value.headers["idempotency-key"]} == {keys[0]}
    assert read(server) == ["on its way"]


def test_a_post_whose_answer_was_lost_is_shown_once(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    is_live(page)
    posts = []

    def lose_the_first_answer(route: Route) -> None:
        if route.request.method != "POST":
            return route.fallback()
        posts.append(route.request.headers["idempotency-key"])
        answer = route.fetch()
        return route.abort() if len(posts) == 1 else route.fulfill(response=answer)

    page.route(MESSAGES, lose_the_first_answer)
    write(page, "once")
    expect(said(page, "once")).to_be_visible()
    expect(page.locator("#outbox .text:visible")).to_have_count(0)
    expect(page.locator("#outbox > *")).to_have_count(0)
    assert len(posts) == 2
    assert posts[0] == posts[1]
    expect(page.locator("#log .text")).to_have_text(["once"])
    assert read(server) == ["once"]


def test_what_was_refused_is_kept_told_and_can_be_changed(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    is_live(page)
    refusal = {"title": "Refused", "status": 422, "detail": "no such words here"}
    page.route(MESSAGES, lambda route: route.fulfill(status=422, json=refusal), times=2)
    write(page, "a bad word")
    write(page, "another")
    expect(page.locator("#outbox .fate")).to_have_text(["Not sent: no such words here"] * 2)
    page.get_by_role("button", name="Try again").last.click()
    expect(page.locator("#log .text")).to_have_text(["another"])
    page.get_by_role("button", name="Edit").click()
    expect(page.get_by_label("Your message")).to_have_value("a bad word")
    write(page, "a good word")
    expect(page.locator("#log .text")).to_have_text(["another", "a good word"])
    expect(page.locator("#outbox > *")).to_have_count(0)


def test_a_text_that_is_too_long_is_not_sent(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    is_live(page)
    write(page, "😀" * 4001)
    expect(page.get_by_text("1 characters too many")).to_be_visible()
    expect(page.locator("#outbox > *")).to_have_count(0)
    write(page, "😀" * 4000)
    expect(page.locator("#log .message")).to_have_count(1)


def test_how_long_a_text_may_be_is_what_the_operator_says(start_server: StartServer, visit: Visit) -> None:
    for most, body in ((10, 65_536), (5_000, 80_000)):
        server = start_server("--text-characters", str(most), "--body-bytes", str(body))
        page = visit(server.url)
        is_live(page)
        write(page, "x" * (most + 2))
        expect(page.get_by_text("2 characters too many")).to_be_visible()
        write(page, "x" * most)
        expect(page.locator("#log .message")).to_have_count(1)


def test_messages_that_were_lost_to_the_page_are_told(start_server: StartServer, visit: Visit) -> None:
    server = start_server("--retain", "10")
    post(server, *(f"early {number}" for number in range(5)))
    page = visit(server.url)
    expect(said(page, "early 4")).to_be_visible()
    page.context.set_offline(True)
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    post(server, *(f"late {number}" for number in range(100)))
    page.context.set_offline(False)
    expect(said(page, "late 99")).to_be_visible()
    expect(page.locator("#log .gap")).to_have_text(re.compile(r"\d+ messages were lost to this page here"))
    lost = int((page.locator("#log .gap").text_content() or "").split()[0])
    shown = seqs(page)
    assert shown == [*range(5), *range(5 + lost, 105)]


def test_a_store_that_began_anew_is_told(server: Server, visit: Visit) -> None:
    post(server, *(f"old {number}" for number in range(5)))
    page = visit(server.url)
    expect(said(page, "old 4")).to_be_visible()
    server.kill()
    for file in server.folder.glob("chat.db*"):
        file.unlink()
    server.start()
    post(server, "new")
    expect(said(page, "new")).to_be_visible(timeout=LONG)
    expect(page.locator("#log .gap")).to_contain_text("Messages may have been lost")
    expect(page.locator("#log .text")).to_have_text(["new"])
