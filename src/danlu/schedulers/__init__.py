"""How long a trial may live: one algorithm a file, each a frozen set of settings with pure functions.

>>> import danlu
>>> danlu.schedulers.ASHA(low=1, high=9).high
9
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
