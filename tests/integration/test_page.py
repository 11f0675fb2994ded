"""The page in Chromium, before a real server: one reads and writes, and other sites can not."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Route, expect

from tests.integration.conftest import StartServer
from tests.integration.pages import Visit, is_live, post, read, said, seqs, take_name, write
from tests.integration.server import Server

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
