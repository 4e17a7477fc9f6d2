"""Where objectives run: in this process, in a pool of worker processes, on a cluster, or in simulated time.

>>> import danlu
>>> danlu.engines.Inline().slots
1
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
