"""Ray Tune over danlu's studies.

    from danlu.ray_tune import Scheduler, Search
    tune.Tuner(train, param_space=space, tune_config=tune.TuneConfig(search_alg=Search(store="study.db"), scheduler=Scheduler()))

The tuner, its trials, folders and checkpoints are Ray's own; what is tried next, and who is given up, is a danlu study's answer.
"""

from ...errors import MissingExtra

try:
    import ray.tune  # noqa: F401
except ImportError as error:
    raise MissingExtra("danlu.ray_tune", "Ray Tune", "ray-tune") from error

from .finished import result as result
from .scheduler import TuneScheduler as TuneScheduler
from .search import TuneSearch as TuneSearch
