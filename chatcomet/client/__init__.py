"""The Python client, for Twisted programs: ``Client(url).room("lobby")``, then `post`, `history`, `messages`.

Everything awaits Deferreds: call it from a coroutine under `ensureDeferred` or `inlineCallbacks`.  It needs a
reactor and nothing else of a program.  What it is for and how: ``docs/client.md``.
"""

from chatcomet.client.answers import Posted, RoomState, parse_data
from chatcomet.client.client import Client
from chatcomet.client.credentials import Ticket
from chatcomet.client.errors import Problem, Refused, Unreachable
from chatcomet.client.reader import Reader
from chatcomet.client.room import Room
from chatcomet.client.steps import Gap
from chatcomet.core.message import Cursor, Message, Page

__all__ = [
    "Client",
    "Cursor",
    "Gap",
    "Message",
    "Page",
    "Posted",
    "Problem",
    "Reader",
    "Refused",
    "Room",
    "RoomState",
    "Ticket",
    "Unreachable",
    "parse_data",
]
