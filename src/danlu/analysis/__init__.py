"""What a study has taught: functions of its history, plain frozen results.

>>> import danlu
>>> "importance" in dir(danlu.analysis)
True
"""

from ..base.rooms import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
