-- From version 2 to version 3: rulings (chatcomet/core/rulings.py).

CREATE TABLE rulings (
    kind    TEXT NOT NULL,
    room    TEXT NOT NULL,  -- its name, which need not be in rooms; empty: the ruling is about no room
    subject TEXT NOT NULL,
    until   REAL NOT NULL,  -- seconds since 1970, UTC; may be infinite
    by_whom TEXT NOT NULL,
    at      REAL NOT NULL,
    PRIMARY KEY (kind, room, subject)
) WITHOUT ROWID;

CREATE INDEX rulings_by_end ON rulings (until);
