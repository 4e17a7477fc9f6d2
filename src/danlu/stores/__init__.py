"""Where journals are kept: in memory, in one SQLite file, or in PostgreSQL.

>>> import danlu
>>> danlu.stores.MemoryStore().studies()
[]
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
