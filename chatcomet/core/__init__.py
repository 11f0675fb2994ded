"""What chat is: rooms, messages, cursors, waiters.  No sockets, files, clocks of its own, HTTP or JSON."""
