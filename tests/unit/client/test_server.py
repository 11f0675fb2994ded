"""Asking a server until there is an answer for good, and how an exchange ends."""

from __future__ import annotations

import json
from itertools import count
from typing import cast

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectionRefusedError, DNSLookupError  # noqa: A004
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from twisted.web._newclient import RequestNotSent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from chatcomet.client import Client, Page, Refused, Unreachable
from chatcomet.client.exchange import ANSWER_BYTES, ANSWER_SECONDS
from tests.unit.client.scripted_server import DOWN, HTML, Reply, ScriptedServer, page, problem, start


@implementer(IAgent)
class BrokenAgent:
    """No request gets anywhere: each fails with `error`, at once."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,  # noqa: N803  # IAgent names it
    ) -> Deferred[IResponse]:
        return fail(self.error)


class ServerCase(SynchronousTestCase):
    """A server, and a client that asks it for a page."""

    def setUp(self) -> None:
        self.server = ScriptedServer()
        self.clock = self.server.clock

    def ask(self, **options: float) -> Deferred[Page]:
        """Ask for the newest messages."""
        return start(self.server.client(**options).room("lobby").history())

    def seqs(self, asked: Deferred[Page]) -> list[int]:
        """The seqs of the page that was answered."""
        return [message.seq for message in self.successResultOf(asked).messages]


class RetryTests(ServerCase):
    def test_trouble_is_waited_out(self) -> None:
        troubles = [DOWN, *(problem(status) for status in (408, 425, 429, 500, 502, 503)), Reply(504, body=HTML)]
        for trouble in troubles:
            self.server.replies.extend([trouble, page(3)])
            asked = self.ask()
            self.assertNoResult(asked)
            self.server.wait(0.74)
            self.assertNoResult(asked)
            self.server.wait(0.01)
            self.assertEqual(self.seqs(asked), [3], trouble)

    def test_waits_grow(self) -> None:
        self.server.answer = lambda _: DOWN
        self.ask(patience_seconds=1000)
        for seconds in (0.75, 1.5, 3, 6, 12, 22.5, 22.5):
            before = len(self.server.asked)
            self.server.wait(seconds - 0.01)
            self.assertEqual(len(self.server.asked), before)
            self.server.wait(0.01)
            self.assertEqual(len(self.server.asked), before + 1)

    def test_retry_after_is_honoured(self) -> None:
        for status in (429, 503):
            self.server.replies.extend([problem(status, retry_after=7), page(3)])
            asked = self.ask()
            self.server.wait(7.49)
            self.assertNoResult(asked)
            self.server.wait(0.01)
            self.assertEqual(self.seqs(asked), [3])

    def test_an_expired_ticket_is_shown_no_more(self) -> None:
        tickets = ["t1", "t1", "t2"]
        self.server.answer = lambda asked: problem(401) if asked.headers["authorization"] == "Bearer t1" else page(3)
        client = self.server.client(ticket=lambda: tickets.pop(0) if len(tickets) > 1 else tickets[0])
        room = client.room("lobby")
        self.failureResultOf(start(room.history()), Refused)  # there was no other one yet
        self.assertEqual(len(self.server.asked), 1)
        tickets.insert(0, "t1")
        self.assertEqual(self.seqs(start(room.history())), [3])
        self.assertEqual(
            [asked.headers["authorization"] for asked in self.server.asked[1:]], ["Bearer t1", "Bearer t2"]
        )

    def test_tickets_that_live_for_less_than_a_poll_will_do(self) -> None:
        numbers = count()
        asked = start(self.server.client(ticket=lambda: f"t{next(numbers)}").room("lobby").history())
        for number in range(5):
            self.assertEqual(self.server.asked[-1].headers["authorization"], f"Bearer t{number}")
            self.server.wait(2)
            self.server.reply(problem(401))
        self.server.reply(page(3))
        self.assertEqual(self.seqs(asked), [3])

    def test_but_not_those_that_are_no_good_at_all(self) -> None:
        numbers = count()
        self.server.answer = lambda _: problem(401)
        self.failureResultOf(start(self.server.client(ticket=lambda: f"t{next(numbers)}").rooms()), Refused)
        self.assertEqual(len(self.server.asked), 3)

    def test_who_may_not_is_told_and_does_not_ask_again(self) -> None:
        for status in (401, 403):
            self.server.answer = lambda _, status=status: problem(status)
            for options in ({}, {"ticket": "t"}, {"auth": ("ada", "s3cret")}):
                before = len(self.server.asked)
                refused = self.failureResultOf(start(self.server.client(**options).rooms()), Refused)
                self.assertEqual(refused.value.problem.status, status)
                self.assertEqual(len(self.server.asked), before + 1)

    def test_a_captive_portal_is_not_the_server(self) -> None:
        for portal in (
            Reply(body=HTML, content_type="text/html; charset=utf-8"),
            Reply(body=HTML, content_type=""),
            Reply(302, body="", headers={"Location": "http://hotel.example/login"}),
            Reply(511, body=HTML, content_type="text/html"),
            Reply(body=HTML),
            Reply(value={"welcome": "to the hotel"}),
            Reply(204, body=""),
        ):
            self.server.replies.extend([portal, page(3)])
            asked = self.ask()
            self.assertNoResult(asked)
            self.server.wait(1)
            self.assertEqual(self.seqs(asked), [3])
            self.assertEqual({asked.path for asked in self.server.asked}, {"/chatty/rooms/lobby/messages"})

    def test_an_endless_answer_is_cut_off(self) -> None:
        self.server.replies.extend([Reply(body=json.dumps(page(2).value) + " " * ANSWER_BYTES), page(3)])
        asked = self.ask()
        self.assertNoResult(asked)
        self.server.wait(1)
        self.assertEqual(self.seqs(asked), [3])

    def test_each_trouble_is_logged(self) -> None:
        events: list[LogEvent] = []
        observer = cast(ILogObserver, events.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.server.replies.append(problem(503, "store-busy"))
        self.ask()
        (warning,) = [event for event in events if event.get("log_namespace") == "chatcomet.client.server.Server"]
        self.assertEqual(str(warning["trouble"]), "the server answered 503: it is store-busy")


class FinalTests(ServerCase):
    def test_a_refusal_is_final(self) -> None:
        self.server.replies.append(problem(409, "name-taken", more="members"))
        refused = self.failureResultOf(self.ask(), Refused).value
        self.assertEqual(str(refused), "it is name-taken")
        self.assertEqual((refused.problem.status, refused.problem.type), (409, "/problems/name-taken"))
        self.assertEqual(refused.problem.members["more"], "members")

    def test_it_need_not_be_a_problem_document(self) -> None:
        self.server.replies.append(Reply(404, body=HTML, content_type="text/html"))
        refused = self.failureResultOf(self.ask(), Refused).value
        self.assertEqual(str(refused), "the server answered 404")

    def test_patience_has_an_end(self) -> None:
        self.server.answer = lambda _: problem(503, "store-busy")
        asked = self.ask(patience_seconds=5)
        self.server.wait(0.75)
        self.server.wait(1.5)
        self.assertEqual(len(self.server.asked), 3)
        unreachable = self.failureResultOf(asked, Unreachable).value  # the next try would be after its end
        self.assertIn("503: it is store-busy", str(unreachable))
        self.assertIn("http://chat.example/chatty/ did not answer within 5 s", str(unreachable))

    def test_without_patience_there_is_one_try(self) -> None:
        self.server.answer = lambda _: DOWN
        self.failureResultOf(self.ask(patience_seconds=0), Unreachable)
        self.assertEqual(len(self.server.asked), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_networks_do_is_trouble(self) -> None:
        for error in (ConnectionRefusedError(), DNSLookupError("no such host"), RequestNotSent(), OSError("no route")):
            client = Client(
                "http://chat.example", treq=HTTPClient(BrokenAgent(error)), clock=Clock(), patience_seconds=0
            )
            self.failureResultOf(start(client.rooms()), Unreachable)

    def test_a_fault_of_ours_is_not(self) -> None:
        client = Client("http://chat.example", treq=HTTPClient(BrokenAgent(KeyError())), clock=Clock())
        self.failureResultOf(start(client.rooms()), KeyError)


class EndTests(ServerCase):
    def test_silence_has_an_end(self) -> None:
        asked = self.ask()
        self.server.wait(ANSWER_SECONDS)
        self.assertEqual(self.server.suspended, [])
        self.server.replies.append(page(3))
        self.server.wait(1)
        self.assertEqual(self.seqs(asked), [3])

    def test_half_an_answer_has_an_end(self) -> None:
        asked = self.ask()
        self.server.suspended[0].write(b'{"half')
        self.server.flush()
        self.server.wait(ANSWER_SECONDS)
        self.assertEqual(self.server.suspended, [])
        self.server.replies.append(page(3))
        self.server.wait(1)
        self.assertEqual(self.seqs(asked), [3])

    def test_cancelling_closes_the_connection_and_is_no_trouble(self) -> None:
        asked = self.ask()
        asked.cancel()
        self.server.flush()
        self.failureResultOf(asked, CancelledError)
        self.assertEqual(self.server.suspended, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_so_does_cancelling_half_an_answer(self) -> None:
        asked = self.ask()
        self.server.suspended[0].write(b'{"half')
        self.server.flush()
        asked.cancel()
        self.server.flush()
        self.failureResultOf(asked, CancelledError)
        self.assertEqual(self.server.suspended, [])

    def test_cancelling_a_wait_ends_it(self) -> None:
        self.server.replies.append(DOWN)
        asked = self.ask()
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
