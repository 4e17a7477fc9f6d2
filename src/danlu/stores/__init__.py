"""Where journals are kept: in memory, in one SQLite file, or in PostgreSQL.

>>> import danlu
>>> danlu.stores.MemoryStore().studies()
[]
"""

from ..base.rooms import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
