"""ChatRequest: what it says of itself, what it asks of the server as a whole, and what happens if a resource fails."""

from __future__ import annotations

from twisted.web.iweb import IRequest
from twisted.web.resource import Resource

from chatcomet.http.request import ChatRequest
from tests.unit.http.running_edge import EdgeTestCase


class Failing(Resource):
    """Keeps what asks it, and answers nothing."""

    isLeaf = True
    asked: ChatRequest

    def render(self, request: IRequest) -> int:
        assert isinstance(request, ChatRequest)
        self.asked = request
        raise ZeroDivisionError


class StarTests(EdgeTestCase):
    def test_there_is_a_server(self) -> None:
        answer = self.peer.ask("*", "OPTIONS")
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_nothing_else_is_asked_of_it(self) -> None:
        answer = self.peer.ask("*")
        self.assertEqual((answer.status, answer.headers["allow"]), (405, "OPTIONS"))


class FailureTests(EdgeTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.resource = Failing()
        self.site.serve(self.resource)

    def test_is_told_to_the_log_and_not_to_the_asker(self) -> None:
        answer = self.peer.ask("/session")
        self.assertEqual(answer.status, 500)
        self.assertNotIn(b"ZeroDivisionError", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_log_gets_no_query(self) -> None:
        self.peer.ask("/rooms/lobby/events?ticket=secret")
        self.assertEqual(repr(self.resource.asked), "GET /rooms/lobby/events")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
