"""Hydra finds its plug-ins here; the sweeper itself is in ``danlu.integrations.hydra``."""
