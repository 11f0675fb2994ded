"""What is measured, one module a part; each takes its turns on the workbench."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.parts import aside, chat, fanout, idle, posts
from bench.workbench import Workbench

MEASURE: Mapping[str, Callable[[Workbench, int], None]] = {
    "polls": fanout.polls,
    "browser": fanout.browser,
    "tickets": fanout.tickets,
    "events": fanout.events,
    "sockets": fanout.sockets,
    "posts": posts.posts,
    "chat": chat.chat,
    "idle": idle.idle,
    "aside": aside.aside,
}
