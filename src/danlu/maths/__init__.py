"""Pure functions of arrays; nothing here knows what a trial is."""
