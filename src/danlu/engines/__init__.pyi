# The engines, and what one of your own inherits.
from .base import BaseEngine as BaseEngine
from .base import Engine as Engine
from .inline import Inline as Inline
from .pool import Pool as Pool
from .ray import Ray as Ray
from .simulator import Recording as Recording
from .simulator import Simulator as Simulator
