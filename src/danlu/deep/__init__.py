"""The deep-learning layer: what a network's hyperparameters are, how it is trained, and how that goes wrong.

    >>> from danlu import deep
    >>> data = deep.of_arrays([[0.0], [1.0]] * 50, [0, 1] * 50)
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
from .data import datasets as datasets
from .data.data import Data as Data
from .data.data import Part as Part
from .data.data import of_arrays as of_arrays
from .data.data import standardize as standardize
from .recipes import RECIPES as RECIPES
from .recipes import recipe as recipe
from .recipes import space as space
from .search import Tuned as Tuned
from .search import export as export
from .search import tune as tune
from .stack.engine import Cohort as Cohort
from .tools.batch_size import BatchFinding as BatchFinding
from .tools.batch_size import find_batch as find_batch
from .tools.bias_variance import Spread as Spread
from .tools.bias_variance import spread as spread
from .tools.confirm import confirm as confirm
from .tools.diagnose import Diagnosis as Diagnosis
from .tools.diagnose import diagnose as diagnose
from .tools.lr_finder import RateFinding as RateFinding
from .tools.lr_finder import fewest_steps as fewest_steps
from .tools.lr_finder import find_rate as find_rate
from .tools.lr_finder import range_test as range_test
from .tools.preflight import Check as Check
from .tools.preflight import preflight as preflight
from .train.fit import Fit as Fit
from .train.fit import fit as fit
from .train.fit import fit_folds as fit_folds
from .train.fit import test as test
from .train.objective import Objective as Objective
from .train.optim import OPTIMIZERS as OPTIMIZERS
from .train.optim import optimizer as optimizer
from .train.optim import optimizers as optimizers
from .train.plan import Plan as Plan
from .train.schedules import schedules as schedules
from .train.schedules import shares as shares
from .train.training import predict as predict
