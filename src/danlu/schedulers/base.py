"""What a scheduler has to be, where a person looks for it."""

from ..contracts.protocols import BaseScheduler, Problem, Scheduler, View

__all__ = ["BaseScheduler", "Problem", "Scheduler", "View"]
