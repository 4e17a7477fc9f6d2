"""``hyperopt.atpe``, as far as a search needs it."""

from .suggest import atpe as suggest

__all__ = ["suggest"]
