"""The seed's protocol, kept so that its clients run unchanged: ``/chat/get/N`` and ``/chat/post``.

From the CppCMS tutorial "Implementing Chat".  Its N is a seq of the room `LOBBY`, in the store's present epoch.
"""

from __future__ import annotations

from http import HTTPStatus

from chatcomet.api.posting import Post
from chatcomet.core.message import Page
from chatcomet.core.store import Posted
from chatcomet.errors import ChatcometError, Crowded, CursorExpired, Malformed
from chatcomet.http import wire
from chatcomet.http.bodies import read_form
from chatcomet.http.wire import TEXT, Answer, problem_answer

LOBBY = "lobby"
_FORM = "seed"

_NOTHING = Answer(HTTPStatus.REQUEST_TIMEOUT, close=True)
"""Chrome repeats a request by itself after a 408 on a connection that stays."""


def first_text(page: Page) -> Answer:
    """200 and the first message's text: one object for all who get this page; 408 at the end of the hold."""
    if not page.messages:
        return _NOTHING
    answer: Answer | None = page.encodings.get(_FORM)
    if answer is None:
        answer = page.encodings[_FORM] = Answer(HTTPStatus.OK, page.messages[0].text.encode(), TEXT)
    return answer


def not_there(number: int, error: ChatcometError) -> Answer:
    """404 for a message that is yet to come but one, 410 for one that is no longer kept; 408 where too many wait."""
    if isinstance(error, Crowded):
        return Answer(HTTPStatus.REQUEST_TIMEOUT, headers=wire.come_again(error.retry_after), close=True)
    if not isinstance(error, CursorExpired):
        return problem_answer(error)
    return Answer(HTTPStatus.NOT_FOUND if number > error.head else HTTPStatus.GONE)


def thanks(_: Posted) -> Answer:
    """200, and nothing."""
    return Answer(HTTPStatus.OK, content_type=TEXT)


def read_post(content_type: str | None, body: bytes) -> Post:
    """What a form with the one field `message` posts.  Raises `Malformed` or `UnsupportedForm`."""
    fields = read_form(content_type, body)
    if fields.keys() != {"message"}:
        raise Malformed("the form should have one field, named message")
    return Post(LOBBY, fields["message"])
