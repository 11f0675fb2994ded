"""An edge of which is seen what takes the fast lane."""

from __future__ import annotations

from typing import Any

from chatcomet.http.request import ChatRequest
from tests.unit.http.peer import asking
from tests.unit.http.running_edge import EdgeTestCase

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
ROOM = "/rooms/lobby/messages"
POLL = asking(f"{ROOM}?cursor=k3v9.0")
NOW = asking(f"{ROOM}?cursor=k3v9.0&wait=0")
SESSION = asking("/session")
POST = asking("/chat/post", "POST", b"message=mine", Content_Type=FORM)


class LaneTestCase(EdgeTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.requests = 0
        """How many a `Request` was made for: they did not take the lane."""
        init = ChatRequest.__init__

        def counted(request: ChatRequest, *args: Any) -> None:
            self.requests += 1
            init(request, *args)

        self.patch(ChatRequest, "__init__", counted)

    @property
    def reading(self) -> bool:
        """Whether the peer is heard."""
        return self.peer.transport.producerState == "producing"

    def assert_in_lane(self) -> None:
        """All that was asked has taken the lane."""
        self.assertEqual(self.requests, 0)
