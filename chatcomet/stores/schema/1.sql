-- From nothing to version 1.

-- What belongs to the file as a whole: its epoch, and the token of its life (chatcomet/stores/life.py).
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- A room keeps its messages from first to before head.  Both are kept here, because all messages may be pruned;
-- last_at is the at of the message before head, whether that is still there or not.
CREATE TABLE rooms (
    id      INTEGER PRIMARY KEY,
    name    TEXT NOT NULL UNIQUE,
    first   INTEGER NOT NULL,
    head    INTEGER NOT NULL,
    last_at REAL NOT NULL
);

-- Rows whose seq is below their room's first are garbage: nobody reads them, and the writer deletes them in time.
CREATE TABLE messages (
    room   INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    at     REAL NOT NULL,  -- seconds since 1970, UTC
    author TEXT NOT NULL,
    text   TEXT NOT NULL,
    data   TEXT,           -- JSON
    scope  TEXT,           -- whose key it is
    key    TEXT,
    digest BLOB,           -- of what came with the key, to tell a repeat from a reuse
    PRIMARY KEY (room, seq)
) WITHOUT ROWID;

CREATE UNIQUE INDEX messages_by_key ON messages (room, scope, key) WHERE key IS NOT NULL;
