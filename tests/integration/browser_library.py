"""chatcomet.js in Chromium, for its tests: a clock that moves when it is told to, and a server that answers as told.

`makeWorld(server)` gives a script the surroundings of a room: `server` is called with each request and says what
comes of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page

WEB = Path(__file__).parents[2] / "web"

Evaluate = Callable[[str], Any]

HARNESS = """
const lib = await import("/chatcomet.js");

/** Lets all promises that can go on do so. (A timer would do as well, but for the 4 ms that browsers add to it.) */
const settle = () => new Promise((resolve) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = resolve;
  port2.postMessage(null);
});

function makeWorld(server) {
  const world = { seconds: 0, requests: [], open: 0, mostOpen: 0, luck: 0.5, events: [] };
  const timers = new Map();
  let ids = 0;
  world.timers = {
    setTimeout(call, milliseconds = 0) {
      ids += 1;
      timers.set(ids, { call, at: world.seconds + milliseconds / 1000 });
      return ids;
    },
    clearTimeout: (id) => timers.delete(id),
  };
  world.now = () => 1.7e12 + Math.round(world.seconds * 1000);
  world.random = () => world.luck;

  /** Time goes by: every timer that is due rings at its time. */
  world.pass = async (seconds) => {
    const end = world.seconds + seconds;
    for (;;) {
      await settle();
      const [next] = [...timers].sort(([, a], [, b]) => a.at - b.at);
      if (!next || next[1].at > end) break;
      timers.delete(next[0]);
      world.seconds = Math.max(world.seconds, next[1].at);
      next[1].call();
    }
    world.seconds = end;
  };

  /** `server` returns {status, body, type, headers, after (seconds)}, or "down", or "silent" (never an answer). */
  world.fetch = (url, init) => new Promise((resolve, reject) => {
    const { method = "GET", headers = {}, body } = init;
    const poll = method === "GET";
    const request = { method, path: url.pathname + url.search, at: world.seconds, body, ended: false,
      cursor: url.searchParams.get("cursor"), wait: url.searchParams.get("wait"), key: headers["Idempotency-Key"],
      ticket: headers.Authorization };
    world.requests.push(request);
    if (poll) world.mostOpen = Math.max(world.mostOpen, world.open += 1);
    const end = (settled, value) => {
      if (poll && !request.ended) world.open -= 1;
      request.ended = true;
      settled(value);
    };
    init.signal.addEventListener("abort", () => {
      request.aborted = !request.ended;
      end(reject, init.signal.reason);
    });
    const answer = server(request, world.requests.length - 1);
    if (answer === "silent") return;
    if (answer === "down") return end(reject, new TypeError("Failed to fetch"));
    const give = () => end(resolve, response(answer));
    if (answer.after) world.timers.setTimeout(give, answer.after * 1000);
    else give();
  });

  world.room = (options) => {
    const room = lib.openRoom({ ...world, base: "http://chat.example/chatty/", room: "lobby", ...options });
    const hear = (name) => room.on(name, (event) => world.events.push([name, event]));
    ["messages", "state", "gap", "delayed"].forEach(hear);
    return room;
  };
  world.heard = (name) => world.events.filter(([one]) => one === name).map(([, event]) => event);
  world.seqs = () => world.heard("messages").flat().map(({ seq }) => seq);
  world.states = () => world.heard("state");
  world.paths = () => world.requests.map(({ path }) => path.replace("/chatty/rooms/lobby/messages", ""));
  return world;
}

function response({ status = 200, body = null, type = "application/json", headers = {} }) {
  const all = new Headers({ "Content-Type": type, ...headers });
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { status, ok: status < 400, headers: all, text: async () => text };
}

const message = (seq) => ({ seq, author: "ada", text: `text ${seq}`, at: 1795354155 + seq });
const page = (cursor, ...seqs) => ({ body: { room: "lobby", cursor, messages: seqs.map(message) } });
const held = (cursor) => ({ ...page(cursor), after: 25 });
const problem = (status, more = {}, headers = {}) => (
  { status, type: "application/problem+json", body: { title: "No", status, detail: "not so", ...more }, headers });
const expired = (earliest, latest) => problem(410, { earliest, latest });
const posted = (seq) => ({ status: 201, body: { message: message(seq), cursor: `e.${seq + 1}` } });
/** Answers in this order, and then the last of them for ever. */
const inOrder = (...answers) => (_, index) => answers[Math.min(index, answers.length - 1)];
"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def web_url() -> Iterator[str]:
    """Where the files of web/ are served, by themselves."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=WEB)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def library_page(browser: Browser, web_url: str) -> Iterator[Page]:
    """An empty page of the origin that the library comes from."""
    page = browser.new_page()
    page.goto(f"{web_url}/icon.svg")
    yield page
    page.close()


@pytest.fixture
def evaluate(library_page: Page) -> Iterator[Evaluate]:
    """Runs a script behind HARNESS; its return value. An error that nobody catches fails the test."""
    errors: list[str] = []

    def note(error: Error) -> None:
        errors.append(str(error))

    library_page.on("pageerror", note)
    yield lambda script: library_page.evaluate(f"async () => {{ {HARNESS} {script} }}")
    library_page.remove_listener("pageerror", note)
    assert errors == []
