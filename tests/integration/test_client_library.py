"""chatcomet.js reads and posts, whatever the server and the network do (see `browser_library`).

Each test evaluates a script in an empty page and asserts on what the script returns.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.integration.browser_library import Evaluate

# The pure parts


def test_backoff_grows_is_capped_and_only_then_jittered(evaluate: Evaluate) -> None:
    least, most = evaluate("""
        const delays = (luck) => [0, 1, 2, 3, 4, 5, 6, 1000].map((attempt) => lib.backoff(attempt, () => luck));
        return [delays(0), delays(1)];
    """)
    assert most == [1, 2, 4, 8, 16, 30, 30, 30]
    assert least == [0.5, 1, 2, 4, 8, 15, 15, 15], "who has been away for long is spread as well"


def test_backoff_is_never_less_than_what_the_server_asks_for(evaluate: Evaluate) -> None:
    assert evaluate("return lib.backoff(0, () => 0, { retryAfter: 7 })") == 7
    assert 7 < evaluate("return lib.backoff(0, () => 0.5, { retryAfter: 7 })") < 8, "not all at the same moment"
    assert evaluate("return lib.backoff(9, () => 1, { retryAfter: 7 })") == 30


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 0 ", 0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0),
        ("99999999", 300),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(evaluate: Evaluate, header: str, seconds: float | None) -> None:
    """The clock shows 2023-11-14 22:13:20."""
    assert evaluate(f"return lib.parseRetryAfter({header!r}, 1.7e12)") == seconds


def test_merge_takes_what_is_new_in_order_and_once(evaluate: Evaluate) -> None:
    fresh, following = evaluate("""
        const { fresh, next } = lib.merge(4, [6, 3, 5, 4, 5].map(message));
        return [fresh.map(({ seq }) => seq), next];
    """)
    assert (fresh, following) == ([4, 5, 6], 7)
    assert evaluate("return lib.merge(null, [message(9)]).next") == 10
    assert evaluate("return lib.merge(3, [])") == {"fresh": [], "next": 3}


@pytest.mark.parametrize(
    ("earliest", "latest", "onward"),
    [
        ("e.17", "e.42", {"cursor": "e.17", "next": 17, "lost": 7}),
        ("f.17", "f.42", None),
        ("e.17", "e.4200", None),
        ("e.0", "e.5", None),
        ("what", "ever", None),
    ],
    ids=["pruned", "another epoch", "too much to read", "we are ahead", "no cursors"],
)
def test_where_to_read_on_after_a_loss(evaluate: Evaluate, earliest: str, latest: str, onward: object) -> None:
    after = f"lib.afterLoss('e.10', {{ earliest: {earliest!r}, latest: {latest!r} }})"
    assert evaluate(f"return {after}") == onward


# Reading


def test_a_room_reads_the_newest_page_and_goes_on_with_its_cursor(evaluate: Evaluate) -> None:
    seqs, paths, most_open, states = evaluate("""
        const world = makeWorld(inOrder(
          page("e.3", 1, 2), page("e.3"), { ...page("e.5", 3, 4), after: 9 }, held("e.5")));
        world.room().start();
        await world.pass(20);
        return [world.seqs(), world.paths(), world.mostOpen, world.states().map(({ state }) => state)];
    """)
    assert seqs == [1, 2, 3, 4]
    assert paths == ["", "?cursor=e.3&wait=25", "?cursor=e.3&wait=25", "?cursor=e.5&wait=25"]
    assert most_open == 1
    assert states == ["connecting", "live"]


def test_a_room_resumes_with_its_cursor_after_failures(evaluate: Evaluate) -> None:
    polls, states, seqs = evaluate("""
        const world = makeWorld((request, index) => {
          if (index === 0) return page("e.1", 0);
          if (request.at < 20) return "down";
          return request.wait === "0" ? page("e.2", 1) : held("e.2");
        });
        world.room().start();
        await world.pass(60);
        return [world.requests, world.states(), world.seqs()];
    """)
    assert seqs == [0, 1]
    failed = [poll["at"] for poll in polls[1:] if poll["at"] < 20]
    gaps = [later - earlier for earlier, later in pairwise(failed)]
    assert gaps == [0.75, 1.5, 3, 6]
    assert {poll["cursor"] for poll in polls if 0 < poll["at"] < 22} == {"e.1"}
    assert [poll["wait"] for poll in polls if poll["at"] > 20][:2] == ["0", "25"], "asked at once whether we are live"
    waits = [state["seconds"] for state in states if state["state"] == "reconnecting"]
    assert waits == [0.75, 0, 1.5, 0, 3, 0, 6, 0, 12, 0], "each announced, each begun"
    assert states[-1]["state"] == "live"


def test_messages_which_come_again_or_out_of_order_are_given_out_once_and_in_order(evaluate: Evaluate) -> None:
    seqs = evaluate("""
        const world = makeWorld(inOrder(page("e.3", 0, 1, 2), page("e.5", 2, 4, 3, 1, 3), page("e.5", 3, 4),
          page("e.4", 3), page("e.7", 5, 4, 6), held("e.7")));
        world.room().start();
        await world.pass(60);
        return world.seqs();
    """)
    assert seqs == [0, 1, 2, 3, 4, 5, 6]


def test_an_expired_cursor_is_told_as_a_gap_and_reading_goes_on(evaluate: Evaluate) -> None:
    events, paths = evaluate("""
        const world = makeWorld(inOrder(page("e.1", 0), expired("e.5", "e.7"), page("e.7", 5, 6), held("e.7")));
        world.room().start();
        await world.pass(20);
        return [world.events.filter(([name]) => name !== "state"), world.paths()];
    """)
    assert [name for name, _ in events] == ["messages", "gap", "messages"]
    assert events[1][1] == {"lost": 4, "reset": False}
    assert [message["seq"] for message in events[2][1]] == [5, 6]
    assert paths[2].startswith("?cursor=e.5")


def test_another_epoch_is_told_as_a_gap_and_begins_anew(evaluate: Evaluate) -> None:
    events, paths = evaluate("""
        const world = makeWorld(inOrder(page("e.9", 7, 8), expired("f.0", "f.2"), page("f.2", 0, 1), held("f.2")));
        world.room().start();
        await world.pass(20);
        return [world.events.filter(([name]) => name !== "state"), world.paths()];
    """)
    assert [name for name, _ in events] == ["messages", "gap", "messages"]
    assert events[1][1] == {"lost": None, "reset": True}
    assert [message["seq"] for message in events[2][1]] == [0, 1]
    assert paths[2:4] == ["", "?cursor=f.2&wait=25"]


def test_a_hole_in_the_log_is_told(evaluate: Evaluate) -> None:
    gaps = evaluate("""
        const world = makeWorld(inOrder(page("e.1", 0), page("e.6", 4, 5), held("e.6")));
        world.room().start();
        await world.pass(20);
        return world.heard("gap");
    """)
    assert gaps == [{"lost": 3, "reset": False}]


HOSTILE = {
    "empty at once": 'page("e.1")',
    "the same page again": 'page("e.1", 0)',
    "new cursors and nothing else": "page(`e.${index}`)",
    "always expired": 'expired("e.5", "e.7")',
    "always expired, another epoch": 'request.cursor ? expired("f.5", "f.7") : page("e.1", 0)',
    "a bad request": "problem(400)",
    "forbidden": "problem(403)",
    "not found": "problem(404)",
    "conflict": "problem(409)",
    "too many, and come back at once": 'problem(429, {}, { "Retry-After": "0" })',
    "a fault": "problem(500)",
    "a fault in HTML": '({ status: 502, type: "text/html", body: "<h1>Bad gateway</h1>" })',
    "a login page": '({ type: "text/html", body: "<form>Room number:</form>" })',
    "JSON that is none": '({ body: "{" })',
    "JSON of something else": "({ body: [1, 2] })",
    "null": "({ body: null })",
    "a page of no messages": '({ body: { cursor: "e.1", messages: [null, { seq: "0" }] } })',
    "no content": "({ status: 204 })",
    "nothing there": '"down"',
    "nothing there, but for polls that are not suspended": 'request.wait === "25" ? "down" : page("e.1")',
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_answer_makes_a_tight_loop(evaluate: Evaluate, answer: str) -> None:
    """Ten minutes of the same answer, after one good page; then all is well again."""
    count, last_minute, most_open, is_live, seqs = evaluate(f"""
        const world = makeWorld((request, index) => {{
          if (index === 0) return page("e.1", 0);
          if (request.at >= 600) return request.cursor === "e.10" ? held("e.10") : page("e.10", 9);
          return {answer};
        }});
        world.room().start();
        await world.pass(600);
        const count = world.requests.length;
        const lastMinute = world.requests.filter(({{ at }}) => at > 540).length;
        await world.pass(60);
        return [count, lastMinute, world.mostOpen, world.states().at(-1).state === "live", world.seqs()];
    """)
    assert 20 < count < 80
    assert 1 <= last_minute <= 8
    assert most_open == 1
    assert is_live
    assert seqs[0] == 0
    assert seqs.count(9) == 1


def test_a_poll_that_nobody_answers_is_given_up(evaluate: Evaluate) -> None:
    """A network that was lost without a word: no answer in the hold and a margin."""
    polls, seqs = evaluate("""
        const world = makeWorld((request, index) => {
          if (index === 0) return page("e.1", 0);
          if (index === 1) return "silent";
          return request.wait === "0" ? page("e.2", 1) : held("e.2");
        });
        world.room().start();
        await world.pass(50);
        return [world.requests, world.seqs()];
    """)
    assert polls[1]["aborted"]
    assert polls[2]["at"] == pytest.approx(40.75)
    assert seqs == [0, 1]


def test_after_sleep_an_overdue_poll_is_given_up_at_once(evaluate: Evaluate) -> None:
    """Timers stand still in sleep, the clock goes on; one look at it is enough."""
    polls, seqs = evaluate("""
        const world = makeWorld(inOrder(page("e.1", 0), "silent", page("e.2", 1), held("e.2")));
        const room = world.room();
        room.start();
        await world.pass(5);
        world.seconds += 3600;
        room.wakeUp();
        await world.pass(2);
        return [world.requests, world.seqs()];
    """)
    assert polls[1]["aborted"]
    assert polls[2]["at"] - 3605 < 1
    assert seqs == [0, 1]


def test_a_new_network_abandons_the_open_poll_without_back_off(evaluate: Evaluate) -> None:
    polls, states, most_open = evaluate("""
        const world = makeWorld(inOrder(page("e.1", 0), "silent", page("e.2", 1), held("e.2")));
        const room = world.room();
        room.start();
        await world.pass(5);
        room.wakeUp({ newNetwork: true });
        await world.pass(0);
        return [world.requests, world.states().map(({ state }) => state), world.mostOpen];
    """)
    assert polls[1]["aborted"]
    assert polls[2]["at"] == 5
    assert states == ["connecting", "live"]
    assert most_open == 1


def test_waking_up_ends_a_back_off_but_not_what_the_server_has_asked_for(evaluate: Evaluate) -> None:
    script = """
        const world = makeWorld(inOrder(page("e.1", 0), ANSWER, ANSWER, ANSWER, ANSWER, held("e.1")));
        world.luck = 0;
        const room = world.room();
        room.start();
        await world.pass(0);
        for (let i = 0; i < 3; i += 1) { room.wakeUp(); await world.pass(0); }
        const atOnce = world.requests.length;
        await world.pass(61);
        return [atOnce, world.requests[2].at];
    """
    assert evaluate(script.replace("ANSWER", '"down"')) == [5, 0]
    busy = 'problem(503, {}, { "Retry-After": "60" })'
    assert evaluate(script.replace("ANSWER", busy)) == [2, 60]


def test_stop_aborts_the_poll_and_start_resumes(evaluate: Evaluate) -> None:
    stopped, paths, seqs, states = evaluate("""
        const world = makeWorld(inOrder(page("e.1", 0), "silent", page("e.2", 1), held("e.2")));
        const room = world.room();
        room.start();
        room.start();
        await world.pass(1);
        const refused = room.post("never sent").catch((error) => error.message);
        room.stop();
        await world.pass(600);
        const stopped = [world.requests.length, world.requests[1].aborted, world.open, await refused];
        room.start();
        await world.pass(1);
        return [stopped, world.paths(), world.seqs(), world.states().map(({ state }) => state)];
    """)
    assert stopped == [2, True, 0, "The room was stopped."]
    assert paths[2] == "?cursor=e.1&wait=0"
    assert seqs == [0, 1]
    assert states == ["connecting", "live", "stopped", "connecting", "live"]


def test_a_listener_that_throws_does_not_stop_the_room_and_another_can_leave(evaluate: Evaluate) -> None:
    heard, seqs, reported = evaluate("""
        const world = makeWorld(inOrder(page("e.1", 0), page("e.2", 1), page("e.3", 2), held("e.3")));
        const reported = [];
        const reporting = (call, delay) => world.timers.setTimeout(() => {
          try { call(); } catch (error) { reported.push(error.message); }
        }, delay);
        const heard = [];
        const timers = { ...world.timers, setTimeout: reporting };
        const room = lib.openRoom({ ...world, base: "http://chat.example/", room: "lobby", timers });
        room.on("messages", () => { throw new Error("broken"); });
        const leave = room.on("messages", ([{ seq }]) => { heard.push(seq); if (seq === 1) leave(); });
        room.on("messages", (messages) => world.events.push(["messages", messages]));
        room.start();
        await world.pass(1);
        return [heard, world.seqs(), reported];
    """)
    assert heard == [0, 1]
    assert seqs == [0, 1, 2]
    assert reported == ["broken"] * 3


def test_history_is_the_page_before_a_message(evaluate: Evaluate) -> None:
    seqs, path, other = evaluate("""
        const world = makeWorld((request) => {
          if (request.path.endsWith("before=5")) return page("e.5", 4, 3);
          if (request.path.endsWith("before=3")) return page("f.3", 2);
          return request.wait ? held("e.7") : page("e.7", 5, 6);
        });
        const room = world.room();
        room.start();
        await world.pass(1);
        const older = await room.history(5);
        const path = world.paths().at(-1);
        const other = await room.history(3).catch((error) => error.message);
        return [older.map(({ seq }) => seq), path, other];
    """)
    assert (seqs, path) == ([3, 4], "?before=5")
    assert other == "The log is another one by now."


# Writing


def test_a_post_is_sent_again_under_the_same_key_until_it_is_answered(evaluate: Evaluate) -> None:
    posts, answer, delayed = evaluate("""
        const polls = inOrder(page("e.0"), held("e.0"));
        const failures = ["down", problem(503, {}, { "Retry-After": "7" }), { type: "text/html", body: "Log in" },
          problem(502), "silent", posted(0)];
        const world = makeWorld((request) => request.method === "POST" ? failures.shift() : polls(request, 1));
        const room = world.room();
        room.start();
        const answer = room.post("hello", { data: { a: 1 } });
        await world.pass(120);
        return [world.requests.filter(({ method }) => method === "POST"), await answer,
          world.heard("delayed").map(({ seconds }) => seconds)];
    """)
    assert len(posts) == 6
    assert len({post["key"] for post in posts}) == 1
    assert len(posts[0]["key"]) >= 16
    assert {post["body"] for post in posts} == {'{"text":"hello","data":{"a":1}}'}
    assert posts[2]["at"] - posts[1]["at"] == 7.5, "the server has asked for 7 seconds"
    assert posts[5]["at"] - posts[4]["at"] == 15 + 12
    assert answer["message"]["seq"] == 0
    assert delayed == [0.75, 7.5, 3, 6, 12]


def test_posts_go_out_one_after_the_other(evaluate: Evaluate) -> None:
    texts = evaluate("""
        const world = makeWorld((request, index) => {
          if (request.method === "GET") return held("e.0");
          return index < 3 ? "down" : posted(0);
        });
        const room = world.room();
        await Promise.all([room.post("one"), room.post("two"), room.post("three"), world.pass(20)]);
        return world.requests.map(({ body }) => JSON.parse(body).text);
    """)
    assert texts == ["one", "one", "one", "one", "two", "three"]


@pytest.mark.parametrize("status", [400, 403, 409, 413, 422])
def test_a_refusal_is_final_and_the_next_post_goes_on(evaluate: Evaluate, status: int) -> None:
    error, answer, count = evaluate(f"""
        const world = makeWorld(inOrder(problem({status}, {{ detail: "no, thank you" }}), posted(4)));
        const room = world.room();
        const first = room.post("one").catch((error) => [error.name, error.status, error.message]);
        const second = room.post("two");
        await world.pass(1);
        return [await first, await second, world.requests.length];
    """)
    assert error == ["Problem", status, "no, thank you"]
    assert answer["message"]["seq"] == 4
    assert count == 2


def test_a_post_can_be_taken_back_while_it_waits(evaluate: Evaluate) -> None:
    reason, count = evaluate("""
        const world = makeWorld(() => "down");
        const taken = new AbortController();
        const refused = world.room().post("one", { signal: taken.signal }).catch((error) => error.name);
        await world.pass(1);
        taken.abort();
        await world.pass(100);
        return [await refused, world.requests.length];
    """)
    assert (reason, count) == ("AbortError", 2)


def test_a_post_that_goes_through_wakes_the_poll(evaluate: Evaluate) -> None:
    """The poll waits for its next attempt, and the server is there again: no need to wait longer."""
    seqs, polled, after = evaluate("""
        let isDown = true;
        const world = makeWorld((request) => {
          if (isDown) return "down";
          if (request.method === "POST") return posted(0);
          return request.wait ? held("e.1") : page("e.1", 0);
        });
        const room = world.room();
        room.start();
        await world.pass(24);
        isDown = false;
        room.post("hello");
        await world.pass(0);
        return [world.seqs(), world.requests.at(-1).at, world.seconds];
    """)
    assert seqs == [0]
    assert polled == after


def test_a_poll_that_does_not_bring_what_was_posted_is_given_up(evaluate: Evaluate) -> None:
    """The post found a new connection; the poll's own is dead, and nobody has said so."""
    seqs, asked_again = evaluate("""
        const polls = [page("e.0"), "silent", page("e.1", 0), held("e.1")];
        const world = makeWorld((request) => request.method === "POST" ? posted(0) : polls.shift());
        const room = world.room();
        room.start();
        await world.pass(1);
        room.post("hello");
        await world.pass(3);
        return [world.seqs(), world.requests[3].at];
    """)
    assert (seqs, asked_again) == ([0], 3)


def test_keys_are_long_and_differ(evaluate: Evaluate) -> None:
    keys = evaluate("return Array.from({ length: 100 }, lib.newKey)")
    assert len(set(keys)) == 100
    assert {len(key) for key in keys} == {32}


@pytest.mark.parametrize("name", ["Lobby", "", "../session", "a/b", "-a", "a" * 65])
def test_a_room_without_a_proper_name_is_not_opened(evaluate: Evaluate, name: str) -> None:
    script = f"try {{ makeWorld().room({{ room: {name!r} }}) }} catch (error) {{ return error.name }}"
    assert evaluate(script) == "RangeError"
