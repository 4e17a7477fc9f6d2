"""Where objectives run: in this process, in a pool of worker processes, on a cluster, or in simulated time.

>>> import danlu
>>> danlu.engines.Inline().slots
1
"""

from ..base.rooms import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
