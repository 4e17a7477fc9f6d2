# The schedulers, and what one of your own inherits.
from .asha import ASHA as ASHA
from .auto import AutoScheduler as AutoScheduler
from .base import BaseScheduler as BaseScheduler
from .base import Scheduler as Scheduler
from .chain import Chain as Chain
from .diverged import Diverged as Diverged
from .exhaustive import Exhaustive as Exhaustive
from .extrapolation import Extrapolation as Extrapolation
from .forecast import Forecast as Forecast
from .hyperband import Hyperband as Hyperband
from .hyperband import SuccessiveHalving as SuccessiveHalving
from .median import Median as Median
from .none import NoScheduler as NoScheduler
from .patience import Patience as Patience
from .pbt import PBT as PBT
from .race import Race as Race
