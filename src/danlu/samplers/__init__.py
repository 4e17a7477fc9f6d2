"""Which point next: one algorithm a file, each a frozen set of settings with pure functions.

>>> import danlu
>>> "TPE" in dir(danlu.samplers)
True
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
