"""What is done on a page in Chromium, and seen there."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

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
