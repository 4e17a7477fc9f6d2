"""A danlu study behind Hyperopt's trials: it says what to evaluate next, and hears what came out."""

from __future__ import annotations

import math
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from hyperopt import base

from ...base.failure import say
from ...contracts.protocols import Sampler, Terms
from ...errors import BudgetError, Exhausted, Fenced, SettingError, SpaceError
from ...journal import events as ev
from ...journal.events import Cause, Status
from ...journal.trial import Trial
from ...problem.budget import Budget
from ...runtime.live import LiveTrial
from ...study.tune import open_study
from .kept import Kept, attachments_of, columns, document, tid_of
from .spaces import HyperoptSpace

LOSS = "loss"
"""The metric that is minimized."""

ALSO = ("loss_variance", "true_loss")
"""What else of a result is a metric where it is a number."""


class Search:
    """A study of one of Hyperopt's domains.

    Args:
        domain: Hyperopt's.
        sampler: danlu's, or its name; None for the default.
        seed: of a study that is made; None for any.
        trials: how many there will be at most, where that is known.
        store, name: where the study is kept; None for memory.

    Attributes:
        space: in both terms.
        study: open.

    Raises:
        SpaceError: for a space that danlu cannot search.
    """

    def __init__(
        self, domain: Any, *, sampler: Any = None, seed: int | None = None, trials: int | None = None, store: Any = None,
        name: str = "search",
    ) -> None:  # fmt: skip
        self.space = HyperoptSpace(domain.expr)
        self.study = open_study(
            self.space.space, minimize=LOSS, budget=Budget(trials=trials), sampler=sampler, seed=seed, store=store, name=name,
        )  # fmt: skip
        self.stored = store is not None
        self._running: dict[Any, LiveTrial] = {}
        self._known: set[Any] = set()
        self._asked: list[dict[str, Any]] = []
        for label, said in self.space.read.items():
            self.study.session.remark(f"range of {label}", f"danlu: {said}.")

    def begin(self, trials: Any) -> None:
        """Go on with what the study's journal holds: its trials become documents.

        Raises:
            SettingError: when there are other documents by the same names.
        """
        self.study.session.announce()
        self._fill(trials)
        trials.refresh()

    def _fill(self, trials: Any) -> None:
        """Documents for the trials that are over, those of other processes included.

        Raises:
            SettingError: as ``begin``.
        """
        mine = {doc["tid"]: doc for doc in trials._dynamic_trials}
        for trial in self.study.result.trials:
            tid = tid_of(trial)
            if not trial.finished or trial.aside or tid in self._known:
                continue
            vals = self.space.vals(trial.params)
            self._known.add(tid)
            if tid not in mine:
                trials._insert_trial_docs([document(trial, tid, vals, self.space.labels)])
                trials._ids.add(tid)
                for name, value in attachments_of(trial).items():
                    trials.attachments[trials.aname({"tid": tid}, name)] = value
            elif base.spec_from_misc(mine[tid]["misc"]) != vals:
                raise SettingError(
                    f"trials= holds another evaluation {tid!r} than the study {self.study.name!r} in this store. Leave trials= out, or "
                    "choose another name=."
                )

    @property
    def waits(self) -> bool:
        """Whether there is something to evaluate before anything new is thought of: points asked for, and trials that nobody runs."""
        study = self.study
        study.session.replica.sync()
        live = study.session.replica.history.rows.live
        if study.session.replica.history.decisions.queue or live[Status.WAITING]:
            return True
        return bool(study.session.replica.journal.orphans(sorted(live[Status.RUNNING])))

    def enqueue(self, points: Sequence[Mapping[str, Any]], *, again: bool = False) -> None:
        """Have these points of Hyperopt's evaluated first; ``again`` though they were asked for before.

        Raises:
            SpaceError: for one that lies outside.
        """
        control = self.study.control
        (control.enqueue if again else control.enqueue_once)(*map(self.space.point, points))

    def ask(self, tids: Sequence[Any], domain: Any, trials: Any) -> list[dict[str, Any]]:
        """New documents, fewer where a person has stopped the study."""
        if self.stored and self.study.session.replica.history.spent.finished > len(self._known):
            self._fill(trials)
        documents = []
        for tid in tids:
            live = self._next()
            if live is None:
                break
            if self.stored:  # other processes number by the same study
                tid = live.number
                trials._ids.add(tid)
            self._running[tid] = live
            misc = {"tid": tid, "cmd": domain.cmd, "workdir": domain.workdir}
            misc |= columns(tid, self.space.vals(live.params), self.space.labels)
            documents += trials.new_trial_docs([tid], [None], [domain.new_result()], [misc])
        self._asked = documents
        return documents

    def learn(self, trials: Any) -> None:
        """Hear of every document that is over, and of those that others have made.

        Raises:
            SpaceError: where a store is to keep one whose point lies outside; else it is left out, which is said.
        """
        for doc in trials._dynamic_trials:
            tid, state = doc["tid"], doc["state"]
            if tid in self._known:
                continue
            if tid not in self._running:
                try:
                    self._adopt(doc)
                except SpaceError as error:
                    if self.stored:
                        raise
                    self._known.add(tid)
                    say(f"danlu: nothing is learned from evaluation {tid!r}: {error}")
                    continue
            if state == base.JOB_STATE_DONE:
                self.tell(tid, doc["result"])
            elif state == base.JOB_STATE_ERROR:
                self.fail(tid, tuple(doc["misc"].get("error", ("", "it failed"))))
            elif state == base.JOB_STATE_CANCEL:
                self.fail(tid, ("", "it was canceled"), Cause.CANCELLED)

    def take(self, documents: list[dict[str, Any]], trials: Any) -> None:
        """Have documents that another algorithm has made in the journal, named by their trials' numbers, which are the only ones in the study.

        Those that may not be evaluated any more, as the study was stopped or has all its trials, leave the list.

        Raises:
            SpaceError: when a point lies outside; none of them is taken then.
        """
        # not by their numbers: those that Hyperopt gives may be other processes' trials here
        fresh = [doc for doc in documents if not any(doc is own for own in self._asked)]
        for doc in fresh:
            self.space.point(base.spec_from_misc(doc["misc"]))
        for doc in fresh:
            vals = base.spec_from_misc(doc["misc"])
            self.enqueue([vals], again=True)
            live = self._next()
            if live is None:
                documents.remove(doc)
                continue
            if not self._is_at(live, vals):  # another process was faster, and evaluates this one
                vals = self.space.vals(live.params)
            self._running[live.number] = live
            doc["tid"] = doc["misc"]["tid"] = live.number
            doc["misc"] |= columns(live.number, vals, tuple(doc["misc"]["vals"]))
            trials._ids.add(live.number)

    def _adopt(self, doc: Mapping[str, Any]) -> None:
        """Make a trial of a document that something else has made.

        Raises:
            SpaceError: when its point lies outside.
            SettingError: when the study has something else to be evaluated first.
        """
        vals = base.spec_from_misc(doc["misc"])
        self.study.control.enqueue(self.space.point(vals), op=f"document/{doc['tid']}")
        live = self.study.ask()
        if not self._is_at(live, vals):
            raise SettingError(
                f"the study {self.study.name!r} in this store has other evaluations to finish first. Leave trials= out, or choose another name=."
            )
        self._running[doc["tid"]] = live

    def _is_at(self, live: LiveTrial, vals: Mapping[str, Any]) -> bool:
        encode = self.space.space.encode
        return encode(live.params) == encode(self.space.point(vals))

    def tell(self, tid: Any, result: Mapping[str, Any], attachments: Mapping[str, Any] | None = None) -> None:
        """An evaluation has come to a result; a status other than ok, and a loss that is no finite number, are failures."""
        live = self._over(tid, result, attachments or {}, None)
        if live is None:
            return
        status = result.get("status")
        if status != base.STATUS_OK:
            said = result.get("failure", result.get("error", ""))
            self._end(
                live,
                Cause.RAISED,
                f"the objective returned status {status!r}" + (f": {said}" if said else ""),
            )
            return
        more = {name: float(result[name]) for name in ALSO if _finite(result.get(name))}
        self.study.tell(live, {LOSS: float(result[LOSS])} | more)

    def fail(self, tid: Any, error: tuple[str, str], cause: Cause = Cause.RAISED) -> None:
        """An evaluation raised; the type and text of what."""
        live = self._over(tid, None, {}, error)
        if live is not None:
            kind = error[0].removeprefix("<class '").removesuffix("'>").rpartition(".")[2]
            self._end(live, cause, f"{kind}: {error[1]}" if kind else error[1])

    def close(self, reason: str = "") -> None:
        """Hand back what runs, and close the study."""
        for live in self._running.values():
            try:
                self.study.session.responder.release(
                    live.number, live.attempt, Cause.PREEMPTED, "fmin ended before it was evaluated"
                )
            except Fenced:
                continue
        self._running.clear()
        if self.stored:
            closed = ev.Closed(self.study.session.worker, reason, self.study.session.clock())
            self.study.session.replica.append(
                [(None, closed)], Terms(worker=self.study.session.worker, durable=True)
            )
        self.study.close()

    def _over(
        self, tid: Any, result: Mapping[str, Any] | None, attachments: Mapping[str, Any], error: tuple[str, str] | None
    ) -> LiveTrial | None:  # fmt: skip
        live = self._running.pop(tid, None)
        self._known.add(tid)
        if live is not None and self.stored:
            kept = Kept(tid, result, attachments, error)
            live.log(kept.facts)
            if kept.lost:
                self.study.session.remark(
                    "not kept",
                    f"danlu: no journal can keep {', '.join(kept.lost)} of a result, so a search that is resumed will be without. "
                    "Keep numbers, text and lists, and save models as files.",
                )
        return live

    def _end(self, live: LiveTrial, cause: Cause, reason: str) -> None:
        self.study.session.responder.end(
            [self.study.session.responder.failed(live.number, live.attempt, cause, reason, 0.0)]
        )

    def _next(self) -> LiveTrial | None:
        try:
            return self.study.ask()
        except Exhausted:
            self.study.session.remark(
                "again",
                "danlu: every configuration of the space has been evaluated, so the best are evaluated again. A smaller max_evals ends "
                "the search there.",
            )
            self.study.control.enqueue(self._most_promising())
            return self.study.ask()
        except BudgetError as error:
            replica = self.study.session.replica
            spent = replica.budget.spent(trials=replica.history.spent.trials) is not None
            most = (
                f"the study has its {replica.budget.trials} evaluations, those of other processes included."
            )
            say(f"danlu: {most if spent else error}")
            return None

    def _most_promising(self) -> dict[str, Any]:
        """The point with the lowest mean loss, failures last, and the least often evaluated among equals."""
        seen: dict[tuple[float, ...], list[Trial]] = {}
        for trial in self.study.result.trials:
            seen.setdefault(trial.unit, []).append(trial)

        def rank(trials: list[Trial]) -> tuple[float, int]:
            losses = [trial.losses[0] for trial in trials if math.isfinite(trial.losses[0])]
            return (sum(losses) / len(losses) if losses else math.inf, len(trials))

        return dict(min(seen.values(), key=rank)[0].params)


class Searches:
    """The searches behind trials, each as long as its trials live."""

    def __init__(self) -> None:
        self._found: weakref.WeakKeyDictionary[Any, tuple[Search, weakref.finalize[Any, Any]]] = (
            weakref.WeakKeyDictionary()
        )

    def keep(self, trials: Any, search: Search) -> None:
        """Have a search answer for these trials."""
        self.drop(trials)
        self._found[trials] = search, weakref.finalize(trials, search.study.close)

    def drop(self, trials: Any, reason: str = "") -> None:
        """Close the search behind these trials, if there is one."""
        if trials in self._found:
            search, ends = self._found.pop(trials)
            ends.detach()
            search.close(reason)

    def hear(self, trials: Any) -> None:
        """Have trials know what other processes have evaluated meanwhile, where a search is behind them."""
        search = self.get(trials)
        if search is not None:
            search._fill(trials)

    def get(self, trials: Any) -> Search | None:
        """The search behind these trials."""
        return self._found[trials][0] if trials in self._found else None

    def of(self, trials: Any, domain: Any, seed: Any, sampler: Sampler | str | None) -> Search:
        """The search behind these trials for this domain, made where there is none; it knows what is over."""
        search = self.get(trials)
        if search is None or (search.space.expression is not domain.expr and not search.stored):
            search = Search(domain, sampler=sampler, seed=_seed(seed))
            self.keep(trials, search)
        search.learn(trials)
        return search


SEARCHES = Searches()
"""Those of this process."""


def _seed(seed: Any) -> int:
    if isinstance(seed, int) or hasattr(seed, "__index__"):
        return int(seed) % 2**63
    import numpy as np

    return int(np.random.default_rng(seed).integers(2**31 - 1))


def _finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except TypeError:
        return False
