"""Which point next: one algorithm a file, each a frozen set of settings with pure functions."""
