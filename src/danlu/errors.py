"""Everything danlu raises, drawn as one tree.

Every error is a sentence: the rule, the value, the remedy. Each also subclasses the builtin that
plain Python would raise, so ``except ValueError`` keeps working.

    DanluError
    |-- SpaceError (ValueError)          a parameter or space that contradicts itself
    |   |-- SpaceMismatch                the stored study was made with another space
    |   `-- NoParameter (KeyError)         no parameter by that name
    |       `-- InactiveParameter          there is one, but it is not active at this point
    |-- GoalError (ValueError)           an impossible goal, or metrics that do not serve it
    |-- BudgetError (ValueError)         a budget that allows nothing
    |-- SettingError (ValueError)        any other argument out of its range
    |   `-- ArgumentError (TypeError)      no argument by that name
    |-- ObjectiveError (TypeError)       an objective that cannot be sent or returned nonsense
    |   `-- ForeignCall (AttributeError)   it asked a trial for what only other tools' trials have
    |   `-- ObjectiveChanged             the stored study was run with other code
    |-- ReportError (ValueError)         a report that contradicts an earlier one
    |-- KeepError (ValueError)           what no journal can keep, refused before it is written
    |-- Exhausted (LookupError)          a finite space has no untried point left
    |-- StoreError (RuntimeError)        a store that cannot be used as asked
    |   |-- SchemaError                  written by a newer danlu
    |   |-- CorruptError                 a checksum does not match
    |   |-- StudyExists / StudyMissing   by that name
    |   |-- StoreGone                    its file was removed or replaced while it was in use
    |   `-- StudyBusy                    its trials run, so it is not deleted
    |-- Conflict (RuntimeError)          somebody else was first; nothing was written
    |   |-- Outrun                       the journal grew past what the writer had seen
    |   `-- Fenced                       this worker's lease on the trial is over
    |-- TrialMissing (KeyError)          no trial by that number
    |-- CampaignLeft (RuntimeError)      a person or a signal has ended a stage before its time
    `-- MissingExtra (ImportError)       an optional dependency, by the name of its extra

    TrialExit (BaseException)            how a trial is ended from outside; ``except Exception``
    |-- TrialStopped                     cannot swallow it
    `-- TrialPaused

    Interrupted (KeyboardInterrupt)      a person wants the study to stop at once
"""

from __future__ import annotations

from typing import Any


class DanluError(Exception):
    """The root of all errors raised by danlu."""


class SpaceError(DanluError, ValueError):
    """A parameter, space or point contradicts itself."""


class SpaceMismatch(SpaceError):
    """The stored study was made with another space."""


class NoParameter(SpaceError, KeyError):
    """There is no parameter by that name."""

    def __str__(self) -> str:
        return str(self.args[0])


class InactiveParameter(NoParameter):
    """A parameter of the space that is not active at this point."""


class GoalError(DanluError, ValueError):
    """The goal is impossible, or the reported metrics do not serve it."""


class BudgetError(DanluError, ValueError):
    """The budget allows nothing at all, or cannot hold what was asked."""


class SettingError(DanluError, ValueError):
    """An argument is out of its range."""


class ArgumentError(SettingError, TypeError):
    """There is no argument by that name."""


class ObjectiveError(DanluError, TypeError):
    """The objective cannot be sent to a worker, or returned something that is not a metric."""


class ForeignCall(ObjectiveError, AttributeError):
    """The objective asked a trial for what only other tools' trials have."""


class ObjectiveChanged(ObjectiveError):
    """The stored study was run with other code, and that was to be refused."""


class ReportError(DanluError, ValueError):
    """A report contradicts an earlier report of the same trial."""


class KeepError(DanluError, ValueError):
    """No journal can keep this: it could not be read back, folded or exported. Nothing was written."""


class Exhausted(DanluError, LookupError):
    """A finite space holds no untried point any more."""


class StoreError(DanluError, RuntimeError):
    """The store cannot be used as asked."""


class SchemaError(StoreError):
    """The store was written by a newer danlu."""


class CorruptError(StoreError):
    """A checksum in the store does not match its data."""


class StudyExists(StoreError):
    """A study by that name is in the store already."""


class StudyMissing(StoreError):
    """No study by that name is in the store."""


class StoreGone(StoreError):
    """The store's file was removed or replaced while it was in use; the message says where its content was saved."""


class StudyBusy(StoreError):
    """Trials of the study are under way, so it cannot be deleted."""


class Conflict(DanluError, RuntimeError):
    """Somebody else was first, and nothing was written.

    ``stored`` is what the journal holds instead, where that is known.
    """

    def __init__(self, message: str, stored: Any = None) -> None:
        super().__init__(message)
        self.stored = stored


class Outrun(Conflict):
    """The journal grew past what the writer had seen: read on and try again."""


class Fenced(Conflict):
    """This worker's lease on the trial is over: drop the trial and ask for new work."""


class TrialMissing(DanluError, KeyError):
    """The study has no trial by that number."""

    def __str__(self) -> str:
        return str(self.args[0])


class CampaignLeft(DanluError, RuntimeError):
    """A person or a signal has ended a stage of a campaign before its time; ``result`` is what it has found so far."""

    def __init__(self, sentence: str, result: Any = None) -> None:
        super().__init__(sentence)
        self.result = result


class MissingExtra(DanluError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(f'{what} needs {package}: pip install "danlu[{extra}]"')


class TrialExit(BaseException):
    """How a trial is ended from outside; ``except Exception`` in user code cannot swallow it."""


class TrialStopped(TrialExit):
    """The trial was stopped for good; what it reported counts."""


class TrialPaused(TrialExit):
    """The trial was paused and may be resumed from its checkpoint."""


class Interrupted(KeyboardInterrupt):
    """A signal has asked twice: the study stops at once. Code that only raises ``KeyboardInterrupt`` raises no such thing."""
