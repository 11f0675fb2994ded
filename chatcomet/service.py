"""The parts of a server, put together, and the order in which they start and stop.

Only this file knows both a store and the edge.  The stop is one sequence (law 14), within 2 s in all:

1. Stop listening.
2. From here on every answer ends its connection; answer every suspended request with an empty page.
3. Wait until all that was asked has been answered and sent, appends included; after `STOP_SECONDS` cut what is left.
4. Close the store.  Whose password is being checked still has been cut by now: nobody waits for that.
"""

from __future__ import annotations

import math
import random
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from twisted.application.service import Service
from twisted.cred.checkers import ICredentialsChecker
from twisted.internet import tcp
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.base import ReactorBase
from twisted.internet.defer import CancelledError, Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from chatcomet.access.hashing import Hashing
from chatcomet.access.keys import load_key
from chatcomet.access.policy import PolicyFile
from chatcomet.access.refusals import Refusals
from chatcomet.access.rulings import Rulings
from chatcomet.access.sessions import read_key
from chatcomet.access.signin import SignIn
from chatcomet.access.tickets import Tickets
from chatcomet.access.watch import Watch
from chatcomet.api.chat import Access, Chat, open_chat
from chatcomet.core.hub import Hub
from chatcomet.core.retention import Retention
from chatcomet.errors import StartRefused, StoreUnavailable
from chatcomet.http.connections import Connections, pace
from chatcomet.http.crowd import crowd_of
from chatcomet.http.hosts import Hosts
from chatcomet.http.lane import Lane
from chatcomet.http.outbox import Outbox
from chatcomet.http.resource import ChatResource
from chatcomet.http.site import ChatSite, Closable
from chatcomet.process import (
    give_memory_back,
    most_accepted,
    most_connections,
    resident_bytes,
    spare_descriptors,
)
from chatcomet.rest import Rest
from chatcomet.settings import Settings
from chatcomet.stores.urls import key_path, open_store

STOP_SECONDS = 1.5
DAY_SECONDS = 86_400.0
VANISHED_MS = 30_000
"""A peer that has not acknowledged anything for so long is gone (RFC 5482)."""

BACKLOG_CONNECTIONS = 4096
"""How many may knock at once: after a restart all readers come back together.  Twisted's own 50 are soon full, and
whoever is turned away tries again after 1 s, 3 s, 7 s.  The system has a limit of its own."""


class ChatService(Service):
    """One chat server, as a service of Twisted's: run by ``twistd chatcomet``, or a part of another application.

    `reactor` has to schedule by a clock that does not jump: see `process.use_monotonic_clock`.  `checkers`
    (of Twisted's cred) know who may sign in with a password; without any nobody can.  `tidy` is called in quiet, when
    much of the process's memory may be free: see `process.tidy`, for who has it for this alone.
    """

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        reactor: ReactorBase,
        *,
        checkers: Sequence[ICredentialsChecker] = (),
        tidy: Callable[[], object] = lambda: None,
    ) -> None:
        self.setName("chatcomet")
        self._settings = settings
        self._reactor = reactor
        self._policy = PolicyFile()
        self._store = open_store(settings.store, time.time, reactor, self._retain)
        self._rulings = Rulings(self._store, time.time)
        self._key_path = key_path(settings.store)
        self._refusals = Refusals(reactor)
        self._crowd = crowd_of(reactor)
        outbox = Outbox(self._crowd.hold_back) if self._crowd else Outbox()
        hosts = Hosts(settings.hosts, socket.gethostname())
        count = self._refusals.count
        channels: Connections[Closable] = Connections(
            most_connections(),
            partial(count, "connections"),
            partial(count, "connections that take nothing"),
            give_memory_back,
        )
        limits = settings.connections
        self._site = ChatSite(
            settings.prefix, hosts, settings.origins, reactor, outbox=outbox, channels=channels, limits=limits
        )
        self._hub = Hub(self._store, reactor, self._retain, self._site.outbox, settings.sizes.page_bytes)
        self._retention = Retention(self._store, time.time, self._retain_seconds, reactor)
        self._hashing = Hashing(reactor)
        key, tries = secrets.token_bytes(32), settings.sign_in_tries
        self._sign_in = SignIn(checkers, self._hashing, reactor, key, tries) if checkers else None
        self._watch: Watch | None = None
        self._rest: Rest | None = None
        self._tidy = tidy
        self._listening: list[Deferred[None]] = []  # fired where it listens: some endpoints take their time
        self._chat: Chat | None = None
        self._ports: list[IListeningPort] = []
        self._tickets: Tickets | None = None

    @property
    def waiting(self) -> int:
        """How many requests are suspended now."""
        return self._hub.waiting

    def privilegedStartService(self) -> None:
        """Read keys and listen, before privileges are dropped; nobody is served before the reactor runs.

        Raises `StartRefused`.  What is refused later, as it may be where an endpoint takes its time, `start_failed`
        is told.
        """
        super().privilegedStartService()
        keys = [load_key(Path(path)) for path in self._settings.ticket_keys]
        self._tickets = Tickets(keys, self._settings.ticket_audience, time.time) if keys else None
        for description in self._settings.listen:
            listening = serverFromString(self._reactor, description).listen(self._site)
            listening.addCallbacks(self._listens, self._refuse, (description,), {}, (description,))
            _raise_failure(listening, self._refused_late)
            self._listening.append(listening)

    def start_failed(self, reason: str) -> None:
        """A part of the start has failed when all else was done; where it did not, it is served."""
        self._log.critical("chatcomet does not start: {reason}", reason=reason)

    def startService(self) -> None:
        """Read the policy, open the store and serve.  Raises `StartRefused`."""
        if not self._listening:
            self.privilegedStartService()
        if self._settings.rooms is not None:
            self._policy = PolicyFile(Path(self._settings.rooms))  # without privileges, as it will be read again
        super().startService()
        key = read_key(self._key_path)
        _raise_failure(self._store.open(), self._refused_late)
        _raise_failure(self._rulings.load().addErrback(self._refuse_without_rulings), self._refused_late)
        if self._settings.retain_days or self._settings.rooms is not None:
            self._start_retention()
        self._hashing.start()
        self._chat = chat = self._open_chat(key)
        if self._sign_in is not None and self._sign_in.stamp():
            self._watch = Watch(self._sign_in.stamp, self._sign_in.read_again, self._in_thread, self._reactor)
            self._watch.start(chat.readers.check_all)
        lane = Lane(chat, self._site.hosts)
        self._site.serve(ChatResource(chat).resource(), lane)
        ages, hold_seconds = [chat.askers.age, lane.age], self._settings.hold_seconds
        self._rest = Rest(ages, self._tidy, time.process_time, resident_bytes, self._reactor, hold_seconds)
        self._rest.start()
        for port in self._ports:
            self._tell_address(port)

    def reload(self) -> bool:
        """Read the policy again, which holds at once; if it errs, that is logged and the old one holds.

        Whether there is another one now.
        """
        if not self._policy.reload():
            return False
        if self._chat is not None:
            self._chat.gate.forget()
            self._chat.readers.check_all()
            self._start_retention()
        return True

    def stopService(self) -> Deferred[None]:
        """Stop as the top of this file says; fires when the store is closed."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for listening in self._listening:
            listening.cancel()
        await gatherResults([maybeDeferred(port.stopListening) for port in self._ports])
        sent = self._site.close(STOP_SECONDS)
        self._hub.drain()
        await sent
        self._retention.stop()
        self._refusals.stop()
        if self._chat is not None:
            self._chat.readers.stop()
        if self._rest is not None:
            self._rest.stop()
        if self._watch is not None:
            self._watch.stop()
        self._hashing.stop()
        await self._store.close()

    def _open_chat(self, key: bytes) -> Chat:
        settings = self._settings
        most = spare_descriptors() if settings.readers is None else settings.readers
        access = Access(self._rulings, self._policy, self._tickets, self._refusals, most, self._sign_in)
        return open_chat(settings, self._store, self._hub, key, access, random.random, self._reactor, time.time)

    def _in_thread(self, work: Callable[[], None]) -> Deferred[None]:
        """Not in one of those that hash: who signs in would hold up what ends the right to."""
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)

    def _listens(self, port: IListeningPort, description: str) -> None:
        self._ports.append(port)
        if self._crowd is not None:
            self._crowd.gather(port)
        if self.running:
            self._tell_address(port)
        if isinstance(port, tcp.Port):
            pace(port, most_accepted())
        listening: socket.socket | None = getattr(port, "socket", None)
        if listening is None:
            return
        if "backlog=" not in description:
            listening.listen(BACKLOG_CONNECTIONS)
        if listening.family in (socket.AF_INET, socket.AF_INET6) and hasattr(socket, "TCP_USER_TIMEOUT"):
            # Accepted connections inherit it.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_MS)

    def _refuse(self, failure: Failure, description: str) -> None:
        failure.trap(CannotListenError)
        raise StartRefused(f"can't listen on {description}: {failure.getErrorMessage()}")

    def _start_retention(self) -> None:
        days = [self._settings.retain_days, *(rules.retain_days for _, rules in self._policy.policy.blocks)]
        self._retention.start(min((each for each in days if each), default=math.inf) * DAY_SECONDS)

    def _retain(self, room: str) -> int:
        kept = self._policy.policy.rules(room).retain
        return self._settings.retain if kept is None else kept

    def _retain_seconds(self, room: str) -> float:
        days = self._policy.policy.rules(room).retain_days
        return (self._settings.retain_days if days is None else days) * DAY_SECONDS or math.inf

    def _refused_late(self, failure: Failure) -> None:
        if failure.check(CancelledError):  # by the stop
            return
        if not failure.check(StartRefused):
            self._log.failure("a fault in the start", failure)
        self.start_failed(failure.getErrorMessage())

    def _tell_address(self, port: IListeningPort) -> None:
        self._log.info("the page is at {address}", address=self._address(port))

    def _refuse_without_rulings(self, failure: Failure) -> None:
        """Not to know who is banned would be to let them in."""
        failure.trap(StoreUnavailable)
        self._store.close()
        raise StartRefused(f"it can't be read who is banned: {failure.getErrorMessage()}")

    def _address(self, port: IListeningPort) -> str:
        """Where a browser on this machine finds the page."""
        host = port.getHost()
        path = self._settings.prefix + "/"
        if isinstance(host, IPv4Address | IPv6Address):
            here = ("0.0.0.0", "::", "127.0.0.1", "::1")  # noqa: S104  # what is listened on was the operator's choice
            name = "localhost" if host.host in here else f"[{host.host}]" if ":" in host.host else host.host
            scheme = "https" if isinstance(getattr(port, "factory", None), TLSMemoryBIOFactory) else "http"
            return f"{scheme}://{name}:{host.port}{path}"
        return f"{host}, path {path}"


def _raise_failure(begun: Deferred[None], late: Callable[[Failure], None]) -> None:
    """Raise what `begun` failed with, if it did so already; else `late` is told."""
    failures: list[Failure] = []
    is_late = False
    begun.addErrback(lambda failure: late(failure) if is_late else failures.append(failure))
    is_late = True
    for failure in failures:
        failure.raiseException()
