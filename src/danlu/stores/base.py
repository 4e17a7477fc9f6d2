"""What a store has to be, where a person looks for it."""

from ..contracts.protocols import Journal, Store

__all__ = ["Journal", "Store"]
