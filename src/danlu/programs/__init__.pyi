# A program as an objective, how its parameters reach it, and where its numbers come from.
from . import sources as sources
from .arguments.configs import Edit as Edit
from .arguments.template import Style as Style
from .command import Command as Command
from .printed.pattern import Pattern as Pattern
from .program import Program as Program
from .program import program_of as program_of
