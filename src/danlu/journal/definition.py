"""What a study is: as it was created, as its sessions opened it, and what has been changed since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..problem.contexts import Context
from ..problem.goal import Goal
from ..space.constraints import Constraint
from ..space.space import Space
from . import events as ev
from .programs import Programs


class CampaignState:
    """A study's place in a campaign, and what a campaign has come to.

    Attributes:
        parent: the campaign that the study is a stage of, "" for none.
        kind: of the campaign that it is itself, "" for a study with trials.
        settings: of that campaign.
        stages: the studies of that campaign, by stage.
        judgments: what was judged, in order; in a study of contexts, of its configurations.
    """

    def __init__(self) -> None:
        self.parent = self.kind = ""
        self.settings: dict[str, Any] = {}
        self.stages: dict[str, str] = {}
        self.judgments: list[ev.Judged] = []


class Definition:
    """What the journal says of a study before and beside its trials.

    Attributes:
        space: that is searched, as it is now.
        goal: what counts.
        seed: of all its randomness.
        constraints: between parameters, as they were given by whoever folds; a journal keeps those that are text.
        declared: the space as it was declared, without what objectives have revealed since.
        reshaped: whether the space has been changed, so that trials lie elsewhere than they were asked.
        keep: whose checkpoints and folders are kept.
        stored_config: how a session last opened it, for those who join.
        programs: what its sessions ran.
        campaign: what it is a stage of, or what its own stages are.
        recalled: what earlier studies have taught.
    """

    def __init__(self, constraints: Sequence[Constraint | str]) -> None:
        self.space = Space()
        self.goal = Goal(())
        self.seed = 0
        self.constraints, self.declared = constraints, self.space.spec
        self.reshaped = False
        self.keep: ev.Keep = "best"
        self.stored_config: ev.StoredConfig | None = None
        self.programs = Programs()
        self.campaign = CampaignState()
        self.recalled: list[ev.Recalled] = []

    @property
    def contexts(self) -> tuple[Context, ...]:
        """The contexts that every configuration is evaluated in; none where a trial is a configuration of its own."""
        return () if self.stored_config is None else self.stored_config.contexts
