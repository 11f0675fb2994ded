"""chatcomet.js and who may do what: refusals, tickets, sessions, moderation (see `browser_library`)."""

from __future__ import annotations

import pytest

from tests.integration.browser_library import Evaluate

# Who may


REFUSAL = 'problem({status}, {{ type: "/problems/x" }})'


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_ends_reading_and_is_told_and_one_may_ask_again(evaluate: Evaluate, status: int) -> None:
    count, states, seqs = evaluate(f"""
        const world = makeWorld(inOrder(page("e.1", 0), {REFUSAL.format(status=status)}, page("e.2", 1), held("e.2")));
        const room = world.room();
        room.start();
        await world.pass(600);
        const count = world.requests.length;
        room.wakeUp({{ newNetwork: true }});
        room.start();
        await world.pass(1);
        return [count, world.states().map(({{ state, error }}) => [state, error?.status ?? null]), world.seqs()];
    """)
    assert count == 2
    assert states == [["connecting", None], ["live", None], ["refused", status], ["connecting", None], ["live", None]]
    assert seqs == [0, 1]


def test_who_may_not_read_may_post(evaluate: Evaluate) -> None:
    answer = evaluate(f"""
        const refusal = {REFUSAL.format(status=403)};
        const world = makeWorld(({{ method }}) => method === "POST" ? posted(7) : refusal);
        const room = world.room();
        room.start();
        await world.pass(1);
        return room.post("into the letter box");
    """)
    assert answer["message"]["seq"] == 7


def test_in_a_crowd_one_comes_again_when_one_is_told_to(evaluate: Evaluate) -> None:
    times, states, seqs = evaluate("""
        const crowded = { ...page("e.1"), headers: { "Retry-After": "7" } };
        const fresh = { ...page("e.2", 1), headers: { "Retry-After": "7" } };
        const world = makeWorld(inOrder(page("e.1", 0), crowded, crowded, fresh, held("e.2")));
        const room = world.room();
        room.start();
        await world.pass(3);
        room.wakeUp();
        await world.pass(27);
        return [world.requests.map(({ at }) => at), world.states().map(({ state }) => state), world.seqs()];
    """)
    assert times[:5] == [0, 0, 7.5, 15, 15], "a page with messages is no reason to wait"
    assert states == ["connecting", "live"]
    assert seqs == [0, 1]


def test_a_ticket_goes_with_all_that_is_asked_and_never_in_a_url(evaluate: Evaluate) -> None:
    requests = evaluate("""
        const world = makeWorld(({ method, path }) => {
          if (path.endsWith("session")) return { body: { name: "ada" } };
          return method === "POST" ? posted(0) : held("e.0");
        });
        const room = world.room({ ticket: "a.b.c" });
        room.start();
        await Promise.all([room.post("hello"), world.pass(1)]);
        const session = lib.openSession({ ...world, base: "http://chat.example/chatty/", ticket: async () => "a.b.c" });
        await session.get();
        return world.requests;
    """)
    assert len(requests) == 3
    assert {request["ticket"] for request in requests} == {"Bearer a.b.c"}
    assert all("a.b.c" not in request["path"] for request in requests)


def test_a_ticket_that_has_expired_is_fetched_anew_once_for_all(evaluate: Evaluate) -> None:
    tickets, states, count, keys = evaluate(f"""
        const refusal = {REFUSAL.format(status=401)};
        const world = makeWorld(({{ at, ticket, method, wait }}) => {{
          if (ticket !== (at < 20 ? "Bearer t1" : "Bearer t2")) return refusal;
          if (method === "POST") return posted(0);
          if (at >= 20) return held("e.0");
          return wait ? {{ ...refusal, after: 20 }} : page("e.0"); // who is suspended is told when the ticket expires
        }});
        let count = 0;
        const ticket = async () => `t${{count += 1}}`;
        const room = world.room({{ ticket }});
        room.start();
        await world.pass(19.9);
        world.seconds = 20;
        const post = room.post("hello");
        await world.pass(1);
        await post;
        const keys = world.requests.filter(({{ method }}) => method === "POST").map(({{ key }}) => key);
        return [world.requests.map(({{ ticket }}) => ticket), world.states().map(({{ state }}) => state), count, keys];
    """)
    assert tickets == [*["Bearer t1"] * 3, *["Bearer t2"] * 2]
    assert states == ["connecting", "live"]
    assert count == 2
    assert len(set(keys)) == 1


def test_a_new_ticket_that_is_refused_too_is_the_end(evaluate: Evaluate) -> None:
    for ticket, tried in (("async () => `t${count += 1}`", 3), ('"t0"', 1), ("undefined", 1), ("() => null", 1)):
        states, asked = evaluate(f"""
            const world = makeWorld(() => {REFUSAL.format(status=401)});
            let count = 0;
            world.room({{ ticket: {ticket} }}).start();
            await world.pass(600);
            return [world.states().map(({{ state }}) => state), world.requests.length];
        """)
        assert (states, asked) == (["connecting", "refused"], tried)


def test_tickets_that_live_for_less_than_a_poll_will_do(evaluate: Evaluate) -> None:
    states, times = evaluate(f"""
        const refusal = {REFUSAL.format(status=401)};
        const world = makeWorld(({{ wait }}) => wait ? {{ ...refusal, after: 2 }} : page("e.0"));
        let count = 0;
        world.room({{ ticket: async () => `t${{count += 1}}` }}).start();
        await world.pass(9);
        return [world.states().map(({{ state }}) => state), world.requests.map(({{ at }}) => at)];
    """)
    assert states == ["connecting", "live"]
    assert times == [0, 0, 2, 4, 6, 8]


def test_where_no_ticket_can_be_had_one_tries_again_later(evaluate: Evaluate) -> None:
    """Whoever makes them is not our server: what goes wrong there, a refusal included, may pass."""
    states, asked = evaluate("""
        const world = makeWorld(inOrder(page("e.0"), held("e.0")));
        const failures = [Object.assign(new Error("No"), { status: 403 }), null, new Error("down")];
        const ticket = () => {
          const failure = failures.shift();
          if (failure === null) return new Promise(() => {}); // it never says
          return failure ? Promise.reject(failure) : Promise.resolve("t");
        };
        world.room({ ticket }).start();
        await world.pass(60);
        return [world.states().map(({ state, error }) => [state, error?.message ?? null]), world.requests];
    """)
    assert [state for state, _ in states] == ["connecting", *["reconnecting"] * 6, "live"]
    assert [states[index][1] for index in (1, 3, 5)] == [
        "No ticket could be had.",
        "The server does not answer.",
        "No ticket could be had.",
    ]
    assert asked[0]["ticket"] == "Bearer t"


def test_streams_of_browsers_have_the_ticket_in_their_url(evaluate: Evaluate) -> None:
    urls = evaluate("""
        let count = 0;
        const world = makeWorld(inOrder(page("e.5", 4), held("e.5")));
        const room = world.room({ ticket: async () => `t${count += 1}` });
        const before = await room.streamUrl("events");
        room.start();
        await world.pass(1);
        return [before, await room.streamUrl("socket"), await world.room().streamUrl("socket")];
    """)
    assert urls == [
        "http://chat.example/chatty/rooms/lobby/events?ticket=t1",
        "ws://chat.example/chatty/rooms/lobby/socket?cursor=e.5&ticket=t2",
        "ws://chat.example/chatty/rooms/lobby/socket",
    ]


# Who we are


def test_a_session_asks_signs_in_and_out(evaluate: Evaluate) -> None:
    asked, refused, requests = evaluate("""
        const world = makeWorld(inOrder(
          { body: { name: "guest" } }, { body: {} }, problem(409, { detail: "taken" }), { status: 204 }));
        const session = lib.openSession({ base: "http://chat.example/chatty/", ...world });
        const asked = await session.get();
        await session.get({ room: "team-x" });
        const refused = await session.signIn("ada").catch(({ status, message }) => [status, message]);
        await session.signOut();
        return [asked, refused, world.requests.map(({ method, path, body }) => [method, path, body ?? null])];
    """)
    assert asked == {"name": "guest"}
    assert refused == [409, "taken"]
    assert requests == [
        ["GET", "/chatty/session", None],
        ["GET", "/chatty/session?room=team-x", None],
        ["POST", "/chatty/session", '{"name":"ada"}'],
        ["DELETE", "/chatty/session", None],
    ]


def test_moderators_erase_ban_and_mute_and_lift_that(evaluate: Evaluate) -> None:
    asked, refused, requests = evaluate("""
        const ban = { name: "a/b", by: "ada", at: 1, until: null };
        const world = makeWorld(inOrder({ status: 204 }, { body: ban }, { body: ban }, { status: 204 }, { status: 204 },
          { body: { bans: [ban] } }, { body: { mutes: [] } }, problem(403, { detail: "may not" })));
        const moderation = lib.openModeration({ ...world, base: "http://chat.example/chatty/", room: "lobby" });
        const { erase, ban: banned, mute, unban, unmute, bans, mutes } = moderation;
        const asked = [await erase(7), await banned("a/b", Infinity), await mute("ü", 600), await unban("a/b"),
          await unmute("ü"), await bans(), await mutes()];
        const refused = await erase(8).catch(({ status, message }) => [status, message]);
        return [asked, refused, world.requests.map(({ method, path, body }) => [method, path, body ?? null])];
    """)
    ban = {"name": "a/b", "by": "ada", "at": 1, "until": None}
    assert asked == [None, ban, ban, None, None, [ban], []]
    assert refused == [403, "may not"]
    room = "/chatty/rooms/lobby"
    assert requests == [
        ["DELETE", f"{room}/messages/7", None],
        ["PUT", f"{room}/bans/a%2Fb", "{}"],
        ["PUT", f"{room}/mutes/%C3%BC", '{"seconds":600}'],
        ["DELETE", f"{room}/bans/a%2Fb", None],
        ["DELETE", f"{room}/mutes/%C3%BC", None],
        ["GET", f"{room}/bans", None],
        ["GET", f"{room}/mutes", None],
        ["DELETE", f"{room}/messages/8", None],
    ]


@pytest.mark.parametrize(
    "slip",
    ["ban('eve')", "ban('eve', NaN)", "mute('eve', 0)", "ban('..', 60)", "unmute('.')", "erase('../../session')"],
)
def test_a_slip_moderates_nobody(evaluate: Evaluate, slip: str) -> None:
    asked = evaluate(f"""
        const world = makeWorld(inOrder({{ status: 204 }}));
        const moderation = lib.openModeration({{ ...world, base: "http://chat.example/", room: "lobby" }});
        const error = await moderation.{slip}.catch((error) => error.name);
        return [error, world.requests.length];
    """)
    assert asked == ["RangeError", 0]
