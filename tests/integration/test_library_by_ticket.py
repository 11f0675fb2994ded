"""chatcomet.js before a real server, by a ticket."""

from __future__ import annotations

import time
from pathlib import Path

import jwt
import pytest

from tests.integration.conftest import StartServer
from tests.integration.pages import Visit

FOLLOW = """async ([ticket, kind]) => {
  const { openRoom } = await import("./chatcomet.js");
  const room = openRoom({ base: document.baseURI, room: "team-x", ticket });
  const arrived = new Promise((resolve) => room.on("messages", ([{ text, author }]) => resolve([author, text])));
  const live = new Promise((resolve) => room.on("state", ({ state }) => state === "live" && resolve()));
  room.start();
  await live;
  const url = await room.streamUrl(kind);
  const stream = kind === "socket" ? new WebSocket(url) : new EventSource(url);
  const told = new Promise((resolve, reject) => {
    stream.addEventListener("error", () => reject(new Error("no stream")));
    stream.addEventListener("message", ({ data }) => {
      const said = JSON.parse(data);
      if (said.text ?? said.messages?.length) resolve(said.text ?? said.messages[0].text);
    });
  });
  await new Promise((resolve) => stream.addEventListener("open", resolve));
  await room.post("hello");
  const seen = [await arrived, await told];
  stream.close();
  room.stop();
  return seen;
}"""


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A secret that signs tickets."""
    path = tmp_path / "tickets.key"
    path.write_text("0123456789abcdef" * 2)
    return path


def issue(key: Path, *, life_seconds: float = 60) -> str:
    """A ticket for ada."""
    claims = {"sub": "ada", "exp": time.time() + life_seconds, "grants": {"team-*": ["read", "post"]}}
    return jwt.encode(claims, key.read_text(), "HS256")


@pytest.mark.parametrize("kind", ["events", "socket"])
def test_a_ticket_reads_and_posts_and_opens_streams_and_is_not_logged(
    start_server: StartServer, visit: Visit, key: Path, kind: str
) -> None:
    server = start_server("--no-guests", "--ticket-key", str(key))
    page = visit(f"{server.url}/?room=No")  # a page that asks for nothing
    ticket = issue(key)
    assert page.evaluate(FOLLOW, [ticket, kind]) == [["ada", "hello"], "hello"]
    assert ticket not in server.log
    assert ticket.split(".")[2] not in server.log


def test_a_room_outlives_its_tickets(start_server: StartServer, visit: Visit, key: Path) -> None:
    server = start_server("--no-guests", "--ticket-key", str(key))
    page = visit(f"{server.url}/?room=No")
    page.expose_function("getTicket", lambda: issue(key, life_seconds=1.5))
    texts, states, refused = page.evaluate("""async () => {
      const { openRoom } = await import("./chatcomet.js");
      const seen = { messages: [], state: [] };
      const room = openRoom({ base: document.baseURI, room: "team-x", ticket: () => getTicket() });
      for (const event of Object.keys(seen)) room.on(event, (detail) => seen[event].push(detail));
      room.start();
      const pause = () => new Promise((resolve) => setTimeout(resolve, 2500));
      for (const text of ["one", "two", "three"]) {
        await room.post(text);
        await pause();
      }
      const refusal = openRoom({ base: document.baseURI, room: "elsewhere", ticket: () => getTicket() });
      const refused = new Promise((resolve) => refusal.on("state", ({ error }) => error && resolve(error.status)));
      refusal.start();
      room.stop();
      return [seen.messages.flat().map(({ text }) => text), seen.state.map(({ state }) => state), await refused];
    }""")
    assert texts == ["one", "two", "three"], states
    assert states == ["connecting", "live", "stopped"]
    assert refused == 403
