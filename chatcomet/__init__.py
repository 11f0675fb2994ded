"""chatcomet: a chat and push server for Twisted that works over plain HTTP.

A reader asks for the next message of a room; if there is none yet, the request is *suspended*
until there is one.  Nothing is lost between two requests, because a reader holds a cursor into a
numbered log and not a place in a queue.

The seed is the CppCMS tutorial "Implementing Chat" (comet by long polling).
Where to begin reading: ``docs/architecture.md``, then ``core/``.
"""

__version__ = "0.1.0"
