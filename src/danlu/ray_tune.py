"""Ray Tune's searches over danlu's studies: ``from danlu.ray_tune import Search, Scheduler``."""

from .compat.ray_tune import TuneScheduler as Scheduler
from .compat.ray_tune import TuneSearch as Search
from .compat.ray_tune import result

__all__ = ["Scheduler", "Search", "result"]
