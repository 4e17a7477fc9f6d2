"""How long a trial may live: one algorithm a file, each a frozen set of settings with pure functions.

>>> import danlu
>>> danlu.schedulers.ASHA(low=1, high=9).high
9
"""

from ..base.rooms import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
