"""Programs as objectives, untouched: what they are told, how they are run, what is read from them.

>>> import danlu
>>> danlu.programs.Pattern("val loss: {x}").names
('val_loss',)
"""

from ..base.rooms import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
