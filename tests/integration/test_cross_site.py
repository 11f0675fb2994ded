"""Pages of other sites in Chromium try to change something: with a session, without one, from a sandboxed frame.

One of them is on another host; the other one is on the same host, at another port: to it browsers give the chat's
cookies, for cookies know no ports.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect

from tests.integration.conftest import StartServer
from tests.integration.hostile.castle import GRACE, Castle, raise_castle
from tests.integration.plain_client import JSON, ask, cursor, post_json

SCRIPT = (Path(__file__).parent / "hostile" / "other_site.js").read_text()
SANDBOXED = """<iframe sandbox="allow-scripts allow-forms" srcdoc="<body><script>
parent.postMessage('ready', '*');
onmessage = async ({ data: [script, chat, ticket] }) => {
    const attack = new Function(script + '; return attack')();
    parent.postMessage([self.origin, await attack(chat, ticket)], '*');
};
</script>"></iframe>"""
IN_SANDBOX = """([script, chat, ticket]) => new Promise((resolve) => {
    onmessage = ({ data, source }) => {
        if (data === "ready") source.postMessage([script, chat, ticket], "*");
        else resolve(data);
    };
    document.body.innerHTML = document.body.dataset.sandboxed;
})"""
FORMS, FRAMED, BEACONS = 27, 9, 1
"""What is tried; the answers to those in frames are not all told by a busy browser."""
PATIENCE = 30
ELSEWHERE = ("localhost", "127.0.0.1")
"""The same machine: another host than the chat's, and the same one."""


@pytest.fixture
def castle(start_server: StartServer, tmp_path: Path) -> Castle:
    """A server with a message in the lobby."""
    castle = raise_castle(start_server, tmp_path)
    assert post_json(castle.port, "lobby", {"text": "first"}).status == 201
    return castle


@pytest.fixture
def somebody(browser: Browser) -> Iterator[BrowserContext]:
    """Whose browser it is."""
    context = browser.new_context()
    yield context
    context.close()


def sign_in(castle: Castle, somebody: BrowserContext) -> None:
    """Give the browser the session of ``grace``."""
    name, _, value = castle.cookie("grace", GRACE).partition("=")
    somebody.add_cookies(
        [{"name": name, "value": value, "url": castle.server.url, "sameSite": "Lax", "httpOnly": True}]
    )
    assert who(castle, somebody) == "grace"


def who(castle: Castle, somebody: BrowserContext) -> str:
    """Whom the chat takes the browser for."""
    page = somebody.new_page()
    page.goto(castle.server.url + "/session")
    name: str = page.evaluate("async () => (await (await fetch('/session')).json()).name")
    page.close()
    return name


def state(castle: Castle) -> Any:
    """All that somebody could change."""
    member = {"Cookie": castle.cookie("grace", GRACE), "Content-Type": JSON}
    rooms = ask(castle.port, "GET", "/rooms", headers=member).json()["rooms"]
    return {room["room"]: room["cursor"] for room in rooms}, ask(castle.port, "GET", "/rooms/lobby/messages").json()


def attacked(page: Page, castle: Castle, sandboxed: bool) -> Counter[int]:
    """What the chat answers to all that `page` tries, by status."""
    statuses: Counter[int] = Counter()

    def read(response: Response) -> None:
        if response.url.startswith(castle.server.url) and response.request.method != "OPTIONS":
            statuses[response.status] += 1

    page.context.on("response", read)
    if sandboxed:
        page.evaluate("(html) => { document.body.dataset.sandboxed = html; }", SANDBOXED)
        origin, tried = page.evaluate(IN_SANDBOX, [SCRIPT, castle.server.url, castle.ticket()])
        assert origin == "null"
    else:
        page.add_script_tag(content=SCRIPT)
        tried = page.evaluate("([chat, ticket]) => attack(chat, ticket)", [castle.server.url, castle.ticket()])
    assert not [what for what in tried if not what.startswith("POST ")], "nothing is shown to it, and no socket opens"
    assert len(tried) == FORMS
    page.wait_for_timeout(200)  # the beacon has no end that could be waited for
    for _ in range(PATIENCE):
        if statuses.total() >= FORMS:
            break
        page.wait_for_timeout(100)  # on a busy machine, what was answered is told late
    return statuses


@pytest.mark.parametrize("sandboxed", [False, True], ids=["page", "sandboxed"])
@pytest.mark.parametrize("signed_in", [False, True], ids=["guest", "member"])
@pytest.mark.parametrize("host", ELSEWHERE)
def test_another_site_s_page_changes_nothing(
    castle: Castle, somebody: BrowserContext, site: int, host: str, signed_in: bool, sandboxed: bool
) -> None:
    if signed_in:
        sign_in(castle, somebody)
    before = state(castle)
    page = somebody.new_page()
    page.goto(f"http://{host}:{site}/")
    statuses = attacked(page, castle, sandboxed)
    assert set(statuses) == {403}
    assert FORMS - FRAMED <= statuses[403] <= FORMS + BEACONS
    assert state(castle) == before
    assert who(castle, somebody) == ("grace" if signed_in else "guest")
    assert "Traceback" not in castle.server.log


def test_this_site_s_page_may(castle: Castle, somebody: BrowserContext) -> None:
    """Or else the test above would show nothing: what is tried there does something here."""
    sign_in(castle, somebody)
    page = somebody.new_page()
    page.goto(castle.server.url + "/session")
    before = cursor(castle.port, "lobby")[1]
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    post = "async ([path, headers, body]) => (await fetch(path, { method: 'POST', headers, body })).status"
    assert page.evaluate(post, ["/chat/post", headers, "message=mine"]) == 200
    assert page.evaluate(post, ["/rooms/lobby/messages", headers, "text=mine"]) == 201
    assert page.evaluate(post, ["/session", headers, "name=mallory"]) == 200
    assert cursor(castle.port, "lobby")[1] == before + 2
    assert who(castle, somebody) == "mallory"


def test_a_form_that_takes_the_whole_page_there_is_refused(castle: Castle, somebody: BrowserContext, site: int) -> None:
    """A ticket in its URL does not help: it counts for streams and sockets alone, and not from there."""
    sign_in(castle, somebody)
    before = state(castle)
    for host in ELSEWHERE:
        for path in ("/chat/post", f"/rooms/keep/messages?ticket={castle.ticket()}"):
            page = somebody.new_page()
            page.goto(f"http://{host}:{site}/")
            page.set_content(
                f'<form action="{castle.server.url}{path}" method="POST"><input name="text" value="forged">'
                '<input name="message" value="forged"><button>Win a prize</button></form>'
            )
            with page.expect_navigation() as navigated:
                page.get_by_role("button").click()
            assert navigated.value.status == 403
            expect(page.locator("body")).to_contain_text("/problems/cross-site")
            page.close()
    assert state(castle) == before
