"""Where journals are kept: in memory, in one SQLite file, or as exported JSON lines."""
