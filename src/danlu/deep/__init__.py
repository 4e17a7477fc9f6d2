"""The deep-learning layer: what a network's hyperparameters are, how it is trained, and how that goes wrong.

    >>> from danlu import deep
    >>> data = deep.of_arrays([[0.0], [1.0]] * 50, [0, 1] * 50)
    >>> print(data)
    Data(train 60, valid 20, test 20; x (1,); 2 classes)

It needs PyTorch: ``pip install "danlu[torch]"``.
"""

from ..core.errors import MissingExtra

try:
    import torch as _torch  # noqa: F401 - asked for once, here, so that its absence is one sentence
except ImportError as error:
    raise MissingExtra("danlu.deep", "torch", "torch") from error

from ..campaign.confirm import Candidate as Candidate
from . import datasets as datasets
from .batch import BatchFinding as BatchFinding
from .batch import find_batch as find_batch
from .cohort import Cohort as Cohort
from .confirm import confirm as confirm
from .data import Data as Data
from .data import Part as Part
from .data import of_arrays as of_arrays
from .data import standardize as standardize
from .diagnose import Diagnosis as Diagnosis
from .diagnose import diagnose as diagnose
from .finder import RateFinding as RateFinding
from .finder import fewest_steps as fewest_steps
from .finder import find_rate as find_rate
from .finder import range_test as range_test
from .fit import Fit as Fit
from .fit import fit as fit
from .fit import fit_folds as fit_folds
from .fit import test as test
from .objective import Objective as Objective
from .optim import OPTIMIZERS as OPTIMIZERS
from .optim import optimizer as optimizer
from .optim import optimizers as optimizers
from .plan import Plan as Plan
from .preflight import Check as Check
from .preflight import preflight as preflight
from .recipes import RECIPES as RECIPES
from .recipes import recipe as recipe
from .recipes import space as space
from .schedules import schedules as schedules
from .schedules import shares as shares
from .search import Tuned as Tuned
from .search import export as export
from .search import tune as tune
from .spread import Spread as Spread
from .spread import spread as spread
from .training import predict as predict
