"""A crowd: posters and readers who work over one server, as long as it takes, however often it goes away.

Posters repeat what was not acknowledged, under its key; readers carry their cursor.  In the end what was acknowledged,
what is in the log and what each reader has seen have to be the same: `Crowd.check`.
"""

from __future__ import annotations

import json
import logging
import time
from threading import Event, Thread
from typing import Any, Self
from uuid import uuid4

from tests.integration.plain_client import JSON, Answer, Connection, ask, cursor

PATH = "/rooms/lobby/messages"

log = logging.getLogger(__name__)

Message = dict[str, Any]


class Client(Thread):
    """Asks over one connection, and over another one when that has ended, until `stop` is set."""

    def __init__(self, port: int, stop: Event) -> None:
        super().__init__(daemon=True)
        self.stop = stop
        self.abandoned = False
        self.fault: BaseException | None = None
        self._port = port
        self._connection: Connection | None = None

    def run(self) -> None:
        """Work, and remember what went wrong."""
        try:
            self.work()
        except BaseException as fault:
            self.fault = fault

    def work(self) -> None:
        """What this client does."""
        raise NotImplementedError

    def ask(self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None) -> Answer | None:
        """An answer, or None if the server could not be reached or fell silent."""
        assert not self.abandoned
        try:
            if self._connection is None:
                self._connection = Connection(self._port)
            return self._connection.ask(method, path, body, headers)
        except OSError:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            time.sleep(0.01)  # nobody can say when the server is back
            return None


class Poster(Client):
    """Posts one message after the other, each under its key until it is acknowledged."""

    def __init__(self, port: int, stop: Event, name: str) -> None:
        super().__init__(port, stop)
        self.acknowledged: list[Message] = []
        self.repeated = 0
        self._name = name

    def work(self) -> None:
        """Finish what was begun, even when it is time to stop."""
        while not self.stop.is_set():
            self._post(f"{self._name}-{len(self.acknowledged)}", uuid4().hex)

    def _post(self, text: str, key: str) -> None:
        headers = {"Content-Type": JSON, "Idempotency-Key": key}
        answer = None
        while answer is None:
            answer = self.ask("POST", PATH, json.dumps({"text": text}), headers)
        assert answer.status in (200, 201), answer
        self.repeated += answer.status == 200
        message = answer.json()["message"]
        assert message["text"] == text
        self.acknowledged.append(message)


class Reader(Client):
    """Follows the log from its beginning, until `stop` is set and it has come to `end`."""

    def __init__(self, port: int, stop: Event, start: str) -> None:
        super().__init__(port, stop)
        self.seen: list[Message] = []
        self.end = 0
        self._cursor = start

    def work(self) -> None:
        """Carry the cursor as it comes."""
        while not self.stop.is_set() or len(self.seen) < self.end:
            answer = self.ask("GET", f"{PATH}?cursor={self._cursor}&wait=1")
            if answer is not None:
                assert answer.status == 200, answer
                page = answer.json()
                self.seen += page["messages"]
                self._cursor = page["cursor"]


class Crowd:
    """So many posters and readers, in the room ``lobby`` of the server at `port`; within ``with`` they work."""

    def __init__(self, port: int, posters: int = 8, readers: int = 8) -> None:
        self.epoch, _ = cursor(port, "lobby")
        self.posters = [Poster(port, Event(), f"poster{number}") for number in range(posters)]
        self.readers = [Reader(port, Event(), f"{self.epoch}.0") for _ in range(readers)]
        self._port = port

    @property
    def acknowledged(self) -> list[Message]:
        """What posters have been told is in the log, in its order."""
        return sorted((message for poster in self.posters for message in poster.acknowledged), key=seq)

    @property
    def repeated(self) -> int:
        """How many posts had been appended without their posters hearing of it."""
        return sum(poster.repeated for poster in self.posters)

    def __enter__(self) -> Self:
        for client in [*self.posters, *self.readers]:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        for client in [*self.posters, *self.readers]:
            client.abandoned = True
            client.stop.set()

    def finish(self) -> list[Message]:
        """Let all come to their end; the log then.  Raises what went wrong in any of them."""
        finish(self.posters)
        messages = whole_log(self._port, self.epoch)
        for reader in self.readers:
            reader.end = len(messages)
        finish(self.readers)
        log.info("%d posts acknowledged, %d of them when repeated", len(self.acknowledged), self.repeated)
        return messages

    def check(self, messages: list[Message]) -> None:
        """What was acknowledged, what is in the log and what was read are the same, once each and in order."""
        assert [message["seq"] for message in messages] == list(range(len(messages)))
        assert self.acknowledged == messages
        assert len({message["text"] for message in messages}) == len(messages)
        assert [message["at"] for message in messages] == sorted(message["at"] for message in messages)
        for poster in self.posters:
            assert poster.acknowledged == sorted(poster.acknowledged, key=seq)
        for reader in self.readers:
            assert reader.seen == messages


def seq(message: Message) -> int:
    """The place of a message."""
    place: int = message["seq"]
    return place


def whole_log(port: int, epoch: str) -> list[Message]:
    """Every message, from the beginning."""
    at, messages = f"{epoch}.0", []
    while page := ask(port, "GET", f"{PATH}?cursor={at}&limit=200&wait=0").json():
        if not page["messages"]:
            break
        messages += page["messages"]
        at = page["cursor"]
    return messages


def finish(clients: list[Poster] | list[Reader]) -> None:
    """Let them come to their end."""
    for client in clients:
        client.stop.set()
    for client in clients:
        client.join(30)
        assert not client.is_alive(), "a client can't finish"
        if client.fault is not None:
            raise client.fault
