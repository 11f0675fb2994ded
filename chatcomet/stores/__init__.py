"""Where messages and rulings live: in memory, in SQLite."""
