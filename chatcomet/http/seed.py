"""The seed's protocol, kept so that its clients run unchanged: ``/chat/get/N`` and ``/chat/post``.

From the CppCMS tutorial "Implementing Chat".  Its N is a seq of the room `LOBBY`, in the store's present epoch.
"""

from __future__ import annotations

from http import HTTPStatus

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatcomet.access.identity import Session
from chatcomet.api.chat import Chat
from chatcomet.api.polling import Poll, Polled, poll
from chatcomet.api.posting import Post
from chatcomet.core.message import Cursor
from chatcomet.errors import CursorExpired, Malformed
from chatcomet.http.bodies import read_form
from chatcomet.http.wire import TEXT, Answer

LOBBY = "lobby"
_FORM = "seed"

_NOTHING = Answer(HTTPStatus.REQUEST_TIMEOUT, close=True)
"""Chrome repeats a request by itself after a 408 on a connection that stays."""


def get(chat: Chat, number: int, wait_seconds: float | None) -> Deferred[Answer]:
    """Message `number`: now, when there is one, or 408 at the end of the hold; 404 ahead of it, 410 if pruned."""
    asked = Poll(LOBBY, Cursor(chat.store.epoch, number), wait_seconds=wait_seconds)
    return poll(chat, asked).addCallbacks(_first_text, _not_there, errbackArgs=(number,))


def _first_text(polled: Polled) -> Answer:
    page = polled.page
    if not page.messages:
        return _NOTHING
    answer: Answer | None = page.encodings.get(_FORM)
    if answer is None:
        answer = page.encodings[_FORM] = Answer(HTTPStatus.OK, page.messages[0].text.encode(), TEXT)
    return answer


def _not_there(failure: Failure, number: int) -> Answer:
    if not isinstance(failure.value, CursorExpired):
        failure.raiseException()
    ahead = number > failure.value.head
    return Answer(HTTPStatus.NOT_FOUND if ahead else HTTPStatus.GONE)


def read_post(session: Session | None, content_type: str | None, body: bytes) -> Post:
    """What a form with the one field `message` posts.  Raises `Malformed` or `UnsupportedForm`."""
    fields = read_form(content_type, body)
    if fields.keys() != {"message"}:
        raise Malformed("the form should have one field, named message")
    return Post(LOBBY, fields["message"], session=session)
