"""``hyperopt.anneal``, as far as a search needs it."""

from .suggest import anneal as suggest

__all__ = ["suggest"]
