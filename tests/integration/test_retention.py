"""Retention by age, in a running server: old messages go, and who asks for them hears of it."""

from __future__ import annotations

import time

from tests.integration.conftest import StartServer
from tests.integration.plain_client import ask, post_text

TWO_SECONDS = "0.000023148"  # in days


def test_messages_go_when_they_are_old_enough(start_server: StartServer) -> None:
    server = start_server("--retain-days", TWO_SECONDS)
    post_text(server.port, "old")
    epoch = ask(server.port, "GET", "/rooms/lobby").json()["cursor"].split(".")[0]
    path = f"/rooms/lobby/messages?cursor={epoch}.0&wait=0"
    assert [message["text"] for message in ask(server.port, "GET", path).json()["messages"]] == ["old"]
    end = time.monotonic() + 10
    while (answer := ask(server.port, "GET", path)).status == 200 and time.monotonic() < end:
        time.sleep(0.1)
    assert answer.status == 410
    assert answer.json()["earliest"] == answer.json()["latest"] == f"{epoch}.1"
    assert ask(server.port, "GET", "/chat/get/0").status == 410
    assert ask(server.port, "GET", "/rooms/lobby/messages").json()["messages"] == []
    post_text(server.port, "new")
    page = ask(server.port, "GET", f"/rooms/lobby/messages?cursor={epoch}.1").json()
    assert [(message["seq"], message["text"]) for message in page["messages"]] == [(1, "new")]


def test_messages_that_grew_old_while_the_server_was_down_go_as_it_starts(start_server: StartServer) -> None:
    server = start_server("--retain-days", TWO_SECONDS)
    post_text(server.port, "old")
    server.stop()
    time.sleep(2.1)
    server.start()
    end = time.monotonic() + 10
    while (first := ask(server.port, "GET", "/rooms/lobby").json()["first"]) == 0 and time.monotonic() < end:
        time.sleep(0.02)
    assert first == 1
