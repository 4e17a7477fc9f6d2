"""How long a trial may live: one algorithm a file, each a frozen set of settings with pure functions."""
