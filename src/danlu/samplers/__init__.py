"""Which point next: one algorithm a file, each a frozen set of settings with pure functions.

>>> import danlu
>>> "TPE" in dir(danlu.samplers)
True
"""

from ..base.rooms import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
