"""The page in Chromium, on any screen and by any hand."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.integration.pages import Visit, post, said, take_name, write
from tests.integration.server import Server


def is_too_wide(page: Page) -> bool:
    wide: bool = page.evaluate("""() => [document.documentElement, document.querySelector('#scroller')]
        .some((element) => element.scrollWidth > element.clientWidth)""")
    return wide


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
