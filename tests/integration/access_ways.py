"""The ways to ask a running server for one thing; each says how somebody fared: ``yes``, or a status and a problem.

*Plain* requests are for the fast lane.  *Escaped* ones, which have an escape in their path, are Klein's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from tests.integration.access_table import YES
from tests.integration.access_world import Person, World
from tests.integration.plain_client import FORM, Answer, Connection, request
from tests.integration.plain_socket import PlainSocket

Way = Callable[[World, Person, str], str]
"""Called with who asks, and a room's name."""

NDJSON = "application/x-ndjson"


def outcome(answer: Answer) -> str:
    """How it went."""
    if 200 <= answer.status < 300:
        return YES
    return f"{answer.status} {answer.json()['type'].removeprefix('/problems/')}"


def _read(answer: Answer) -> str:
    """The same; what is answered has to have something in it."""
    assert answer.status != 200 or b'"text":"' in answer.body, answer
    return outcome(answer)


def sealed(answer: Answer) -> tuple[str, Mapping[str, str], bytes]:
    """All of an answer but when it was given."""
    return answer.status_line, {**answer.headers, "date": ""}, answer.body


# Asking


def asking(world: World, who: Person, path: str, accept: str | None = None) -> Answer:
    """The answer to a ``GET`` that may be a stream; of that, what comes until there is a message."""
    with Connection(world.port) as connection:
        headers = {**who.headers, "Accept": accept} if accept else who.headers
        connection.send(request("GET", who.at(path), headers=headers))
        answer = connection.read_head()
        if "content-length" in answer.headers:
            return replace(answer, body=connection.take(int(answer.headers["content-length"])))
        body = b""
        while b'"text":"' not in body:
            body += connection.read_chunk()
        return replace(answer, body=body)


def _get(path: str) -> Way:
    def way(world: World, who: Person, room: str) -> str:
        return _read(world.ask(who, "GET", path.format(room=room, cursor=world.cursor)))

    return way


def _head(path: str) -> Way:
    """A HEAD has no problem in its answer, so its GET tells which one it is."""

    def way(world: World, who: Person, room: str) -> str:
        at = path.format(room=room)
        head, get = world.ask(who, "HEAD", at), world.ask(who, "GET", at)
        assert head.status == get.status
        return outcome(get)

    return way


def _stream(path: str, accept: str | None = None) -> Way:
    def way(world: World, who: Person, room: str) -> str:
        return _read(asking(world, who, path.format(room=room, cursor=world.cursor), accept))

    return way


def _socket(path: str) -> Way:
    def way(world: World, who: Person, room: str) -> str:
        with PlainSocket(world.port, who.at(path.format(room=room, cursor=world.cursor)), who.headers) as socket:
            if socket.answer.status == 101:
                socket.hear_of("messages", lambda messages: messages[0]["text"] != "")
                return YES
            return outcome(socket.answer)

    return way


def _is_listed(world: World, who: Person, room: str) -> str:
    answer = world.ask(who, "GET", f"/rooms?after={room[:-1]}")
    rooms = answer.json().get("rooms", ()) if answer.status == 200 else ()
    return "absent" if answer.status == 200 and room not in [each["room"] for each in rooms] else outcome(answer)


READ: Mapping[str, Way] = {
    "poll, plain": _get("/rooms/{room}/messages?cursor={cursor}&wait=0&limit=1"),
    "poll, escaped": _get("/rooms/{room}/message%73?cursor={cursor}&wait=0&limit=1"),
    "poll with roster, plain": _get("/rooms/{room}/messages?cursor={cursor}&limit=1&roster=0"),
    "poll with roster, escaped": _get("/rooms/{room}/message%73?cursor={cursor}&limit=1&roster=0"),
    "the newest": _get("/rooms/{room}/messages?limit=1"),
    "history": _get("/rooms/{room}/messages?before=1"),
    "history, HEAD": _head("/rooms/{room}/messages?before=1"),
    "room": lambda world, who, room: outcome(world.ask(who, "GET", f"/rooms/{room}")),
}

LISTING: Mapping[str, Way] = {"list of rooms": _is_listed}

STREAMS: Mapping[str, Way] = {
    "event stream, plain": _stream("/rooms/{room}/events?cursor={cursor}"),
    "event stream, escaped": _stream("/rooms/{room}/event%73?cursor={cursor}"),
    "event stream with roster": _stream("/rooms/{room}/events?cursor={cursor}&roster=0"),
    "NDJSON, plain": _stream("/rooms/{room}/events?cursor={cursor}", NDJSON),
    "NDJSON, escaped": _stream("/rooms/{room}/event%73?cursor={cursor}", NDJSON),
    "socket, plain": _socket("/rooms/{room}/socket?cursor={cursor}"),
    "socket, escaped": _socket("/rooms/{room}/socke%74?cursor={cursor}"),
}

OF_ROOMS: Mapping[str, Way] = {
    "poll of rooms, plain": _get("/poll?at=commons:{cursor}&at={room}:{cursor}&limit=1"),
    "poll of rooms, escaped": _get("/pol%6C?at={room}:{cursor}&at=commons:{cursor}&limit=1"),
}
"""They ask for `commons`, too."""


def _seed_get(number: str) -> Way:
    def way(world: World, who: Person, room: str) -> str:
        answer = world.ask(who, "GET", f"/chat/get/{number}")
        assert answer.status != 200 or answer.body == b"the first in lobby"
        return outcome(answer)

    return way


SEED_READ: Mapping[str, Way] = {
    "seed GET, plain": _seed_get("0"),
    "seed GET, escaped": _seed_get("%30"),
}

# Posting


def _changing(room: str, world: World, change: Callable[[], Answer]) -> str:
    """How it went; the room is only longer for it if that was allowed."""
    before = world.head(room)
    answer = change()
    assert world.head(room) - before == (outcome(answer) == YES), answer
    return outcome(answer)


def _post(path: str, **more: object) -> Way:
    document = {"text": "said", **more}

    def way(world: World, who: Person, room: str) -> str:
        def change() -> Answer:
            answer = world.ask(who, "POST", path.format(room=room), document)
            if answer.status == 201:
                message = answer.json()["message"]
                assert message == {**message, **document}
            return answer

        return _changing(room, world, change)

    return way


def _seed_post(path: str) -> Way:
    def way(world: World, who: Person, room: str) -> str:
        body = urlencode({"message": "said"})
        return _changing("lobby", world, lambda: world.send(who, "POST", path, body, FORM))

    return way


def _typing(path: str) -> Way:
    return lambda world, who, room: outcome(world.ask(who, "POST", path.format(room=room)))


POST: Mapping[str, Way] = {
    "post, plain": _post("/rooms/{room}/messages"),
    "post, escaped": _post("/rooms/{room}/message%73"),
    "typing": _typing("/rooms/{room}/typing"),
}

CREATE: Mapping[str, Way] = {name: POST[name] for name in ("post, plain", "post, escaped")}

NAMING: Mapping[str, Way] = {
    "post as, plain": _post("/rooms/{room}/messages", author="Somebody Else"),
    "post as, escaped": _post("/rooms/{room}/message%73", author="Somebody Else"),
}

SEED_POST: Mapping[str, Way] = {
    "seed POST, plain": _seed_post("/chat/post"),
    "seed POST, escaped": _seed_post("/chat/pos%74"),
}


def _socket_post(path: str, **more: object) -> Way:
    """Somebody who opens a socket and posts over it."""

    def way(world: World, who: Person, room: str) -> str:
        before = world.head(room)
        with PlainSocket(world.port, who.at(path.format(room=room)), who.headers) as socket:
            if socket.answer.status != 101:
                return outcome(socket.answer)
            socket.say(
                {"post": {"key": f"a key of our own {next(world.numbers)}".replace(" ", "-"), "text": "said", **more}}
            )
            heard = socket.hear_one_of("posted", "problem")
        if "posted" in heard:
            message = heard["posted"]["message"]
            assert message == {**message, **more}
        fared = YES if "posted" in heard else _problem(heard["problem"])
        assert world.head(room) - before == (fared == YES)
        return fared

    return way


def _problem(problem: Any) -> str:
    return f"{problem['status']} {problem['type'].removeprefix('/problems/')}"


SOCKET_POST: Mapping[str, Way] = {
    "post over a socket, plain": _socket_post("/rooms/{room}/socket"),
    "post over a socket, escaped": _socket_post("/rooms/{room}/socke%74"),
}

SOCKET_NAMING: Mapping[str, Way] = {
    "post as over a socket, plain": _socket_post("/rooms/{room}/socket", author="Somebody Else"),
    "post as over a socket, escaped": _socket_post("/rooms/{room}/socke%74", author="Somebody Else"),
}

# Moderating


def _erase(world: World, who: Person, room: str) -> str:
    seq = world.say(room, "to be erased")
    fared = outcome(world.ask(who, "DELETE", f"/rooms/{room}/messages/{seq}"))
    (message,) = world.do("GET", f"/rooms/{room}/messages?before={seq + 1}&limit=1").json()["messages"]
    assert message["seq"] == seq
    assert message.get("erased", False) == (fared == YES)
    return fared


def _is_ruled(world: World, room: str, sort: str, name: str) -> bool:
    return name in [ruled["name"] for ruled in world.do("GET", f"/rooms/{room}/{sort}").json()[sort]]


def _rule(sort: str) -> Way:
    def way(world: World, who: Person, room: str) -> str:
        name = f"victim-{next(world.numbers)}"
        fared = outcome(world.ask(who, "PUT", f"/rooms/{room}/{sort}/{name}", {"seconds": 3600}))
        assert _is_ruled(world, room, sort, name) == (fared == YES)
        return fared

    return way


def _lift(sort: str) -> Way:
    def way(world: World, who: Person, room: str) -> str:
        name = f"victim-{next(world.numbers)}"
        world.do("PUT", f"/rooms/{room}/{sort}/{name}")
        fared = outcome(world.ask(who, "DELETE", f"/rooms/{room}/{sort}/{name}"))
        assert _is_ruled(world, room, sort, name) == (fared != YES)
        return fared

    return way


def _list(sort: str) -> Way:
    return lambda world, who, room: outcome(world.ask(who, "GET", f"/rooms/{room}/{sort}"))


MODERATE: Mapping[str, Way] = {
    "erase": _erase,
    "ban": _rule("bans"),
    "mute": _rule("mutes"),
    "lift a ban": _lift("bans"),
    "lift a mute": _lift("mutes"),
    "list bans": _list("bans"),
    "list mutes": _list("mutes"),
}


def handshake(world: World, who: Person, path: str) -> Answer:
    """The answer to a handshake."""
    with PlainSocket(world.port, who.at(path), who.headers) as socket:
        return socket.answer
