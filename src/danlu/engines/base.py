"""What an engine has to be, where a person looks for it."""

from ..contracts.protocols import BaseEngine, Engine

__all__ = ["BaseEngine", "Engine"]
