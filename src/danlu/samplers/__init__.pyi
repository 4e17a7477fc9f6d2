# The samplers, and what one of your own inherits.
from .auto import Auto as Auto
from .base import BaseSampler as BaseSampler
from .base import Sampler as Sampler
from .bohb import BOHB as BOHB
from .cmaes import CMAES as CMAES
from .evolution import Evolution as Evolution
from .genetic import Genetic as Genetic
from .gp import GP as GP
from .grid import Grid as Grid
from .initial_points import InitialPoints as InitialPoints
from .nothing import Nothing as Nothing
from .nsga2 import NSGA2 as NSGA2
from .parts.admission import admit as admit
from .quasirandom import QuasiRandom as QuasiRandom
from .random import Random as Random
from .recorded_points import RecordedPoints as RecordedPoints
from .tpe import TPE as TPE
