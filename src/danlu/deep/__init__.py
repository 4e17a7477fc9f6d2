"""The deep-learning layer: what a network's hyperparameters are, how it is trained, and how that goes wrong.

    >>> from danlu import deep
    >>> data = deep.from_arrays([[0.0], [1.0]] * 50, [0, 1] * 50)
    >>> print(data)
    Data(train 60, valid 20, test 20; x (1,); 2 classes)

It needs PyTorch: ``pip install "danlu[torch]"``.
"""

from ..errors import MissingExtra

try:
    import torch as _torch  # noqa: F401 - asked for once, here, so that its absence is one sentence
except ImportError as error:
    raise MissingExtra("danlu.deep", "torch", "torch") from error

from ..campaign.confirm import Candidate as Candidate
from . import datasets as datasets
from .data import Data as Data
from .data import Split as Split
from .data import from_arrays as from_arrays
from .data import standardize as standardize
from .recipes import RECIPES as RECIPES
from .recipes import recipe as recipe
from .recipes import space as space
from .search import Tuned as Tuned
from .search import export as export
from .search import tune as tune
from .stack.engine import Vectorized as Vectorized
from .tools.batch_size import BatchSizeResult as BatchSizeResult
from .tools.batch_size import find_batch_size as find_batch_size
from .tools.bias_variance import BiasVariance as BiasVariance
from .tools.bias_variance import bias_variance as bias_variance
from .tools.confirm import confirm as confirm
from .tools.diagnose import Diagnosis as Diagnosis
from .tools.diagnose import diagnose as diagnose
from .tools.lr_finder import LRFinderResult as LRFinderResult
from .tools.lr_finder import find_lr as find_lr
from .tools.lr_finder import range_test as range_test
from .tools.lr_finder import steps_to_loss as steps_to_loss
from .tools.preflight import Check as Check
from .tools.preflight import preflight as preflight
from .train.evaluation import predict as predict
from .train.fit import Fit as Fit
from .train.fit import fit as fit
from .train.fit import fit_folds as fit_folds
from .train.fit import test as test
from .train.objective import Objective as Objective
from .train.optim import OPTIMIZERS as OPTIMIZERS
from .train.optim import optimizer as optimizer
from .train.optim import optimizers as optimizers
from .train.plan import Plan as Plan
from .train.schedules import lr_multipliers as lr_multipliers
from .train.schedules import schedules as schedules
