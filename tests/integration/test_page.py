"""The page in Chromium, before a real server."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, Route, expect

from tests.integration.conftest import StartServer
from tests.integration.pages import LONG, Visit, is_live, said, take_name, write
from tests.integration.server import Server

MESSAGES = re.compile(r"/rooms/lobby/messages")


def post(server: Server, *texts: str, room: str = "lobby", prefix: str = "") -> None:
    connection = HTTPConnection("127.0.0.1", server.port)
    for text in texts:
        body = json.dumps({"text": text})
        connection.request("POST", f"{prefix}/rooms/{room}/messages", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 201
    connection.close()


def read(server: Server, room: str = "lobby") -> list[str]:
    """The texts of the newest page of a room."""
    connection = HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", f"/rooms/{room}/messages")
    page = json.load(connection.getresponse())
    connection.close()
    return [message["text"] for message in page["messages"]]


def seqs(page: Page) -> list[int]:
    shown: list[str] = page.locator("#log > .message").evaluate_all("all => all.map((one) => one.dataset.seq)")
    return [int(seq) for seq in shown]


def is_too_wide(page: Page) -> bool:
    wide: bool = page.evaluate("""() => [document.documentElement, document.querySelector('#scroller')]
        .some((element) => element.scrollWidth > element.clientWidth)""")
    return wide


# Reading and writing


def test_two_people_see_what_each_other_writes(server: Server, visit: Visit) -> None:
    ada, bob = visit(server.url), visit(server.url)
    take_name(ada, "ada")
    expect(ada.locator("#me")).to_have_text("ada")
    write(ada, "Hello, is anybody here?")
    expect(said(bob, "Hello, is anybody here?")).to_be_visible()
    write(bob, "I am.")
    expect(said(ada, "I am.")).to_be_visible()
    write(ada, "Good.")
    for page in (ada, bob):
        expect(page.locator("#log .text")).to_have_text(["Hello, is anybody here?", "I am.", "Good."])
        expect(page.locator("#log .author")).to_have_text(["ada", "guest", "ada"])
        expect(page.locator("#outbox > *")).to_have_count(0)
        expect(page.locator("#log time").first).to_have_text(re.compile(r"\d+:\d\d"))
    expect(ada.locator("#log .own .text")).to_have_text(["Hello, is anybody here?", "Good."])
    expect(bob.locator("#log .own .text")).to_have_text(["I am."])
    ada.reload()
    expect(ada.locator("#log .own .text")).to_have_text(["Hello, is anybody here?", "Good."])


def test_markup_is_shown_as_text(server: Server, visit: Visit) -> None:
    attacks = [
        "<img src=x onerror=alert(1)>",
        "<script>alert(2)</script>",
        "javascript:alert(3)",
        '"><svg onload=alert(4)>',
        "a  b\n  c",
    ]
    page = visit(server.url)
    take_name(page, "<b>eve</b>")
    expect(page.locator("#me")).to_have_text("<b>eve</b>")
    for attack in attacks:
        write(page, attack)
    expect(page.locator("#log .message")).to_have_count(len(attacks))
    page.reload()
    expect(page.locator("#log .message")).to_have_count(len(attacks))
    assert page.locator("#log .text").evaluate_all("all => all.map((one) => one.textContent)") == attacks
    expect(page.locator("#log .author").first).to_have_text("<b>eve</b>")
    for tag in ("img", "script", "svg", "b", "a"):
        expect(page.locator(f"#log {tag}")).to_have_count(0)


def test_addresses_become_links_that_give_nothing_away(server: Server, visit: Visit) -> None:
    post(server, "See https://example.org/a?b=c#d, (http://example.net/) and ftp://example.com.")
    page = visit(server.url)
    links = page.locator("#log a")
    expect(links).to_have_text(["https://example.org/a?b=c#d", "http://example.net/"])
    expect(links.first).to_have_attribute("href", "https://example.org/a?b=c#d")
    expect(links.first).to_have_attribute("rel", "noopener noreferrer")


def test_a_room_is_opened_by_its_name(server: Server, visit: Visit) -> None:
    lobby, other = visit(server.url), visit(f"{server.url}/?room=other")
    expect(other.get_by_role("heading", name="other")).to_be_visible()
    write(other, "in the other room")
    write(lobby, "in the lobby")
    expect(other.locator("#log .text")).to_have_text(["in the other room"])
    expect(lobby.locator("#log .text")).to_have_text(["in the lobby"])
    assert read(server, "other") == ["in the other room"]


def test_a_room_that_cannot_be_is_told(server: Server, visit: Visit) -> None:
    page = visit(f"{server.url}/?room=<i>No</i>")
    expect(page.get_by_text("“<i>No</i>” can't be a room.")).to_be_visible()
    expect(page.get_by_label("Your message")).to_be_hidden()
    page.get_by_role("link", name="Go to the lobby").click()
    is_live(page)


def test_a_page_is_served_under_a_prefix(start_server: StartServer, visit: Visit) -> None:
    page = visit(start_server("--prefix", "/chatty").url + "/chatty/?room=other")
    take_name(page, "ada")
    expect(page.locator("#me")).to_have_text("ada")
    write(page, "hello")
    expect(said(page, "hello")).to_be_visible()


def test_a_push_message_without_text_shows_its_data(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    is_live(page)
    page.evaluate("""() => fetch("rooms/lobby/messages", { method: "POST",
        headers: { "Content-Type": "application/json" }, body: '{"text": "", "data": {"a": "<b>"}}' })""")
    expect(page.locator("#log .text")).to_have_text(['{"a":"<b>"}'])


# Going back, and staying


def test_one_scrolls_back_to_the_beginning(server: Server, visit: Visit) -> None:
    post(server, *(f"message {number}" for number in range(160)))
    page = visit(server.url)
    expect(said(page, "message 159")).to_be_in_viewport()
    assert seqs(page) == list(range(110, 160))
    oldest = said(page, "message 110")
    page.evaluate("document.querySelector('#scroller').scrollTop = 100")
    before = oldest.bounding_box()
    expect(said(page, "message 60")).to_be_attached()
    after = oldest.bounding_box()
    assert before and after
    assert abs(before["y"] - after["y"]) < 2, "what one reads stays where it is"
    for first in (10, 0):
        page.evaluate("document.querySelector('#scroller').scrollTop = 0")
        expect(said(page, f"message {first}")).to_be_attached()
    page.evaluate("document.querySelector('#scroller').scrollTop = 0")
    expect(page.get_by_text("This is the beginning of lobby.")).to_be_in_viewport()
    assert seqs(page) == list(range(160))


def test_nothing_moves_when_the_name_is_known(server: Server, visit: Visit) -> None:
    post(server, *(f"message {number}" for number in range(40)))
    held: list[Route] = []
    page = visit("about:blank")
    page.route("**/session*", lambda route: held.append(route))
    page.goto(server.url)
    is_live(page)
    page.evaluate("document.querySelector('#scroller').scrollTop = 100")
    before = said(page, "message 10").bounding_box()
    expect(page.locator("#me")).to_be_hidden()
    for route in held:
        route.continue_()
    expect(page.locator("#me")).to_be_visible()
    assert said(page, "message 10").bounding_box() == before


def test_who_reads_further_up_is_left_there_and_told(server: Server, visit: Visit) -> None:
    post(server, *(f"message {number}" for number in range(40)))
    page = visit(server.url)
    expect(said(page, "message 39")).to_be_in_viewport()
    page.evaluate("document.querySelector('#scroller').scrollTop = 0")
    expect(page.get_by_role("button", name="Newest ↓")).to_be_visible()
    post(server, "one", "two")
    expect(page.get_by_role("button", name="2 new ↓")).to_be_visible()
    expect(said(page, "message 0")).to_be_in_viewport()
    page.get_by_role("button", name="2 new ↓").click()
    expect(said(page, "two")).to_be_in_viewport()
    post(server, "three")
    expect(said(page, "three")).to_be_in_viewport()
    expect(page.locator("#newest")).to_be_hidden()


def test_a_page_keeps_no_more_than_a_thousand_messages(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    is_live(page)
    epoch = page.evaluate("fetch('rooms/lobby/messages').then((answer) => answer.json())")["cursor"].split(".")[0]

    def flood(route: Route) -> None:
        first = int(route.request.url.partition("cursor=")[2].partition("&")[0].split(".")[1])
        if first >= 1400:
            return
        messages = [{"seq": first + n, "author": "ada", "text": "x", "at": 1.7e9} for n in range(200)]
        route.fulfill(json={"room": "lobby", "cursor": f"{epoch}.{first + 200}", "messages": messages})

    page.route(re.compile("cursor="), flood)
    post(server, "the poll that is open now ends")
    expect(page.locator("#log > [data-seq='1399']")).to_be_attached()
    assert seqs(page) == list(range(401, 1401))


def test_what_was_said_while_nobody_looked_is_counted_in_the_title(server: Server, visit: Visit) -> None:
    hiding = "let away = false; Object.defineProperty(document, 'hidden', { get: () => away });"
    page = visit(server.url, script=f"{hiding} addEventListener('turn', () => {{ away = !away; }});")
    is_live(page)
    expect(page).to_have_title("lobby · chatcomet")
    page.evaluate("dispatchEvent(new Event('turn'))")
    post(server, "one", "two")
    expect(page).to_have_title("(2) lobby · chatcomet")
    page.evaluate("dispatchEvent(new Event('turn')); document.dispatchEvent(new Event('visibilitychange'))")
    expect(page).to_have_title("lobby · chatcomet")


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


# Any screen, any hand


def test_a_phone_is_wide_enough(server: Server, visit: Visit) -> None:
    post(server, "x" * 300, "https://example.org/" + "y" * 300)
    for width in (360, 320):
        page = visit(server.url, viewport={"width": width, "height": 640}, has_touch=True, is_mobile=True)
        expect(page.locator("#log .message")).to_have_count(2)
        assert not is_too_wide(page)
        take_name(page, "W" * 32) if width == 360 else None
        page.context.set_offline(True)
        write(page, "z" * 100)
        expect(page.locator("#outbox .choices")).to_be_visible()
        assert not is_too_wide(page)
        expect(page.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)
        page.locator("#me").click()
        expect(page.get_by_role("button", name="Use this name")).to_be_in_viewport(ratio=1)
        assert not is_too_wide(page)


def test_all_is_done_by_keyboard(server: Server, visit: Visit) -> None:
    post(server, *(f"message {number}" for number in range(40)))
    page = visit(server.url)
    expect(said(page, "message 39")).to_be_in_viewport()
    expect(page.get_by_label("Your message")).to_be_focused()
    page.keyboard.type("one line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("and another")
    page.keyboard.press("Enter")
    expect(page.locator("#log .text").last).to_have_text("one line\nand another")
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("region", name="Conversation")).to_be_focused()
    page.keyboard.press("Home")
    expect(said(page, "message 0")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Your message")).to_be_focused()
    page.locator("#me").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_label("Your message")).to_be_focused()
    page.locator("#me").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("ada")
    page.keyboard.press("Enter")
    expect(page.locator("#me")).to_have_text("ada")
    expect(page.get_by_label("Your message")).to_be_focused()


CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (color) => {
    const linear = (one) => (one > 10 ? ((one / 255 + 0.055) / 1.055) ** 2.4 : one / 255 / 12.92);
    const [r, g, b] = rgb(color).map(linear);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const ground = (element) => {
    const color = getComputedStyle(element).backgroundColor;
    return rgb(color)[3] ? color : ground(element.parentElement);
  };
  const contrast = (element) => {
    const pair = [light(getComputedStyle(element).color), light(ground(element))];
    return Math.max(...pair) / Math.min(...pair);
  };
  const all = ["#room-name", "#me", ".day", ".author", ".avatar", ".text", ".own .text", "time", ".own time"];
  return [...all, "#status", "#keys", "#send"]
    .map((what) => [what, Math.min(...[...document.querySelectorAll(`body > :not(template) ${what}`)].map(contrast))])
    .filter(([, least]) => !(least >= 4.5));
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_is_readable_in_light_and_dark(server: Server, visit: Visit, scheme: str) -> None:
    page = visit(server.url, color_scheme=scheme)
    post(server, "from a guest")
    for name in ("ada", "bob", "cleo", "dan", "eve", "fay", "gus", "hal"):
        take_name(page, name)
        expect(page.locator("#me")).to_have_text(name)
        write(page, f"from {name}")
        expect(said(page, f"from {name}")).to_be_visible()
    page.context.set_offline(True)
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    assert page.evaluate(CONTRAST) == []


# Other sites


@pytest.fixture
def other_site(server: Server) -> Iterator[Callable[[str], str]]:
    """Serves a page with forms that post to the chat, on a port of its own; its URL by the host's name."""
    room = f"{server.url}/rooms/lobby/messages"
    html = f"""<!doctype html><title>another site</title>
        <form id="seed" method="post" action="{server.url}/chat/post">
          <input name="message" value="x"></form>
        <form id="room" method="post" action="{room}"><input name="text" value="x"></form>
        <form id="json" method="post" action="{room}" enctype="text/plain">
          <input name='{{"text":"x","a":"' value='"}}'></form>"""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield lambda host: f"http://{host}:{site.server_port}/"
        site.shutdown()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"], ids=["another site", "another port of the same host"])
def test_a_page_of_another_origin_cannot_post(
    server: Server, visit: Visit, other_site: Callable[[str], str], host: str
) -> None:
    page = visit(server.url)
    take_name(page, "ada")
    expect(page.locator("#me")).to_have_text("ada")
    for form in ("seed", "room", "json"):
        page.goto(other_site(host))
        with page.expect_navigation() as arrived:
            page.evaluate(f"document.querySelector('#{form}').submit()")
        assert arrived.value
        assert arrived.value.status == 403
    page.goto(other_site(host))
    for path, kind in (("chat/post", "application/x-www-form-urlencoded"), ("rooms/lobby/messages", "text/plain")):
        with page.expect_response(lambda answer: answer.request.method == "POST") as answer:
            page.evaluate(f"""fetch("{server.url}/{path}", {{ method: "POST", mode: "no-cors", credentials: "include",
                headers: {{ "Content-Type": "{kind}" }}, body: 'message={{"text":"x"}}' }})""")
        assert answer.value.status == 403
    refused = page.evaluate(f"""fetch("{server.url}/rooms/lobby/messages", {{ method: "POST", credentials: "include",
        headers: {{ "Content-Type": "application/json" }}, body: '{{"text":"x"}}' }}).catch((error) => error.name)""")
    assert refused == "TypeError", "the browser asks first, and the server does not allow it"
    assert read(server) == []
