# A metric as it is written, and the contract of what it is read from.
from .base import Follower as Follower
from .base import RunFolders as RunFolders
from .base import Source as Source
from .base import SourceValue as SourceValue
from .spec import source_of as source_of
