"""The only actor: asks, runs, judges, tells and appends."""
