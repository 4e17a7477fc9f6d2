"""What a study has taught: functions of its history, plain frozen results.

>>> import danlu
>>> "importance" in dir(danlu.analysis)
True
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
