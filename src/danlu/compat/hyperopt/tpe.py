"""``hyperopt.tpe``, as far as a search needs it."""

from .suggest import tpe as suggest

__all__ = ["suggest"]
