# What is flat in danlu: the nouns and verbs of daily use, and the rooms in which everything else is found.
from . import analysis as analysis
from . import campaign as campaign
from . import deep as deep
from . import engines as engines
from . import errors as errors
from . import integrations as integrations
from . import programs as programs
from . import samplers as samplers
from . import schedulers as schedulers
from . import stores as stores
from . import testing as testing
from .campaign.load import load as load
from .errors import DanluError as DanluError
from .errors import TrialPaused as TrialPaused
from .errors import TrialStopped as TrialStopped
from .journal.events import Cause as Cause
from .journal.events import Status as Status
from .journal.trial import Trial as Trial
from .problem.budget import Budget as Budget
from .problem.budget import TrialLimits as TrialLimits
from .problem.fidelity import Fidelity as Fidelity
from .problem.goal import Goal as Goal
from .runtime.live import LiveTrial as LiveTrial
from .space.parameters import Choice as Choice
from .space.parameters import Float as Float
from .space.parameters import Int as Int
from .space.parameters import Switch as Switch
from .space.space import Space as Space
from .study.cite import cite as cite
from .study.replay import replay as replay
from .study.result import Result as Result
from .study.study import Study as Study
from .study.tune import open_study as open_study
from .study.tune import tune as tune
from .study.work import work as work

__version__: str
