"""What is done on a page in Chromium, and seen there."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.client import HTTPConnection

from playwright.sync_api import Locator, Page, expect

from tests.integration.server import Server

LONG = 20_000  # milliseconds: a back-off may be under way

Visit = Callable[..., Page]


def is_live(page: Page) -> None:
    expect(page.locator("#status")).to_have_text("Connected", timeout=LONG)


def write(page: Page, text: str) -> None:
    expect(page.locator("#sign-in")).to_be_hidden()  # behind it nobody can write
    page.get_by_label("Your message").fill(text)
    page.get_by_label("Your message").press("Enter")


def said(page: Page, text: str) -> Locator:
    """Where the log shows `text`."""
    return page.locator("#log .text").get_by_text(text, exact=True)


def take_name(page: Page, name: str) -> None:
    page.locator("#me").click()
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("button", name="Use this name").click()


def seqs(page: Page) -> list[int]:
    shown: list[str] = page.locator("#log > .message").evaluate_all("all => all.map((one) => one.dataset.seq)")
    return [int(seq) for seq in shown]


# What is in a room, whatever the page shows


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
