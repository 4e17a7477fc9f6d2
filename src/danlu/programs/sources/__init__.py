"""Where the numbers of a program come from: what it prints, and the files that it writes.

>>> import danlu
>>> danlu.programs.sources.source_of("csv:log.csv:val_loss").names
('val_loss',)
"""

from ...base.rooms import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
