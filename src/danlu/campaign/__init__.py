"""Programs of several studies: a campaign is a journal as a study is, and goes on exactly where it was after any crash."""

from .certify import Certificate as Certificate
from .certify import Certify as Certify
from .certify import Confirmation as Confirmation
from .confirm import Confirm as Confirm
from .contract import Campaign as Campaign
from .contract import Done as Done
from .contract import Judge as Judge
from .contract import Known as Known
from .contract import Look as Look
from .contract import Open as Open
from .contract import Step as Step
from .contract import Widen as Widen
from .drive import Conducted as Conducted
from .drive import conduct as conduct
from .playbook import Playbook as Playbook
from .playbook import Stage as Stage
from .playbook import StagedSearch as StagedSearch
