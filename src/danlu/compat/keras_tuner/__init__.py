"""Keras Tuner's searches over danlu's studies.

    import danlu.keras_tuner as keras_tuner    # in the place of import keras_tuner

Hyperparameters, hypermodels and tuners are Keras Tuner's own; what is tried next, and what is kept, is a danlu study's, in ``study.db``
in the project's folder.
"""

from ...base.versions import demand
from ...errors import MissingExtra

try:
    demand("danlu.keras_tuner", "keras-tuner", "keras-tuner")
    import keras_tuner  # noqa: F401
except MissingExtra:
    raise
except ImportError as error:
    lacking = "keras-tuner" if error.name in {None, "keras_tuner"} else f"{error.name} for keras-tuner"
    raise MissingExtra("danlu.keras_tuner", lacking, "keras-tuner") from error

from .oracle import Oracle as Oracle
from .oracles import BayesianOptimizationOracle as BayesianOptimizationOracle
from .oracles import GridSearchOracle as GridSearchOracle
from .oracles import HyperbandOracle as HyperbandOracle
from .oracles import RandomSearchOracle as RandomSearchOracle
from .tuners import BayesianOptimization as BayesianOptimization
from .tuners import GridSearch as GridSearch
from .tuners import Hyperband as Hyperband
from .tuners import RandomSearch as RandomSearch
from .tuners import SklearnTuner as SklearnTuner
from .tuners import Tuner as Tuner
