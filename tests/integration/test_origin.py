"""Who may change something: a page of this site, a page of a site the operator lists, and programs."""

from __future__ import annotations

import pytest

from tests.integration.plain_client import FORM, JSON, NAME, ask, cursor
from tests.integration.server import Server

FRIEND = "https://friend.example"  # what `shared_server` lists by --origin

ALLOWED = {
    "a program says nothing": {},
    "this site's page": {"Sec-Fetch-Site": "same-origin", "Origin": f"https://{NAME}"},
    "the person, by hand": {"Sec-Fetch-Site": "none"},
    "an older browser, this site's page": {"Origin": f"http://{NAME}"},
    "host in capitals": {"Origin": f"http://{NAME.upper()}"},
    "a listed site": {"Sec-Fetch-Site": "cross-site", "Origin": FRIEND},
    "an older browser, a listed site": {"Origin": FRIEND},
}

REFUSED = {
    "another site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "another site that names none": {"Sec-Fetch-Site": "cross-site"},
    "another site that claims ours": {"Sec-Fetch-Site": "cross-site", "Origin": f"https://{NAME}"},
    "a neighbour under the same domain": {"Sec-Fetch-Site": "same-site", "Origin": "https://other.chat.localhost"},
    "a neighbour that names none": {"Sec-Fetch-Site": "same-site"},
    "an unknown relation": {"Sec-Fetch-Site": "sideways"},
    "an empty relation": {"Sec-Fetch-Site": ""},
    "an older browser, another site": {"Origin": "https://evil.example"},
    "an opaque origin": {"Origin": "null"},
    "an empty origin": {"Origin": ""},
    "no origin": {"Origin": "["},
    "another port": {"Origin": f"http://{NAME}:8080"},
    "a longer host": {"Origin": f"http://{NAME}.evil.example"},
    "our host as a user": {"Origin": f"http://{NAME}@evil.example"},
    "a listed site by another scheme": {"Origin": "http://friend.example"},
    "a listed site on another port": {"Origin": FRIEND + ":444"},
    "under a listed site": {"Origin": "https://a.friend.example"},
}

CHANGES = {
    "the seed's post": ("POST", "/chat/post", "message=hi", FORM),
    "a post": ("POST", "/rooms/lobby/messages", '{"text":"hi"}', JSON),
    "a post by a form": ("POST", "/rooms/lobby/messages", "text=hi", FORM),
    "signing in": ("POST", "/session", '{"name":"somebody"}', JSON),
    "signing out": ("DELETE", "/session", "", JSON),
}


@pytest.mark.parametrize("headers", ALLOWED.values(), ids=ALLOWED.keys())
def test_a_post_from_here_is_taken(shared_server: Server, headers: dict[str, str]) -> None:
    before = cursor(shared_server.port, "lobby")[1]
    answer = ask(shared_server.port, "POST", "/chat/post", "message=hi", {"Content-Type": FORM, **headers})
    assert answer.status == 200
    assert cursor(shared_server.port, "lobby")[1] == before + 1


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED.keys())
def test_a_post_from_elsewhere_is_refused_and_appends_nothing(shared_server: Server, headers: dict[str, str]) -> None:
    before = cursor(shared_server.port, "lobby")[1]
    answer = ask(shared_server.port, "POST", "/chat/post", "message=hi", {"Content-Type": FORM, **headers})
    assert answer.status_line == "HTTP/1.1 403 Forbidden"
    assert answer.json()["type"].endswith("/cross-site")
    assert cursor(shared_server.port, "lobby")[1] == before


@pytest.mark.parametrize(("method", "path", "body", "content_type"), CHANGES.values(), ids=CHANGES.keys())
def test_every_change_is_guarded(shared_server: Server, method: str, path: str, body: str, content_type: str) -> None:
    before = cursor(shared_server.port, "lobby")[1]
    headers = {"Content-Type": content_type, "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    answer = ask(shared_server.port, method, path, body, headers)
    assert answer.status == 403
    assert "set-cookie" not in answer.headers
    assert cursor(shared_server.port, "lobby")[1] == before
    assert ask(shared_server.port, method, path, body, {"Content-Type": content_type}).status < 300


def test_reading_is_open_to_all(shared_server: Server) -> None:
    answer = ask(shared_server.port, "GET", "/rooms/lobby/messages", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers, "a browser does not show it to the other site's page"
