-- From version 1 to version 2: messages may be erased.

-- Of an erased message the text is empty, and data and digest are NULL: from a digest a short text could be guessed.
ALTER TABLE messages ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;
