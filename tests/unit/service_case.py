"""ServiceTestCase: what tests of the service have in common."""

from __future__ import annotations

from typing import cast

from twisted.internet.base import ReactorBase
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.api.chat import Chat
from chatcomet.http.site import ChatSite
from chatcomet.service import ChatService
from chatcomet.settings import Settings
from tests.unit.http.peer import Peer

SETTINGS = Settings(store="memory:", listen=("tcp:8081:interface=127.0.0.1",), hosts=frozenset({"chat.example"}))


def chat_of(service: ChatService) -> Chat:
    """That of `service`, which is started."""
    service.startService()
    assert service._chat is not None
    return service._chat


class ServiceTestCase(SynchronousTestCase):
    settings = SETTINGS

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.service = ChatService(self.settings, cast(ReactorBase, self.reactor))

    def connect(self) -> Peer:
        site = self.reactor.tcpServers[0][1]
        assert isinstance(site, ChatSite)
        return Peer(site, self.reactor)
