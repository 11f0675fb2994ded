"""Where messages live: in memory, in SQLite."""
