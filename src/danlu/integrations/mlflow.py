"""MLflow: a study is a parent run, every trial a run below it, with its parameters, curves, state and notes.

All is read from the journal, so a study may be logged while it runs, later, from another machine, or again: a run of MLflow is found by
its tags and gone on with, and what is there already is not logged twice. MLflow's databases keep an infinity as the largest float.

What MLflow has its own rules for follows them. Names may hold letters, digits and ``_ - . / :`` and spaces, so ``acc@1`` is logged as
``acc_1``. A parameter cannot be changed, so what a trial is resumed with by population-based training is a tag, ``danlu.now.lr``. A
trial that waits or is paused is SCHEDULED, one that a person ended or that was set aside is KILLED, with the reason as a tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain, count
from typing import Any

from ..errors import MissingExtra, SettingError
from ..journal import events as ev
from ..journal.events import Action, Cause, Status
from ..journal.trial import Trial
from ..study.result import Result

try:
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.tracking import MlflowClient
except ImportError as error:
    raise MissingExtra("logging to MLflow", "mlflow", "mlflow") from error

_STUDY, _TRIAL, _SEEN, _BEGUN = "danlu.study", "danlu.trial", "danlu.seq", "danlu.begun"
_PART, _PARAMS = 1000, 100
"""MLflow takes this many metrics, and this many parameters, in one request at most."""

_ENDS = {Status.DONE: "FINISHED", Status.STOPPED: "FINISHED", Status.FAILED: "FAILED"}


class MLflow:
    """Logs a study to MLflow; a callback of ``tune``, which logs whatever is new after each trial.

    Args:
        uri: of the tracking server or store (``http://...``, ``sqlite:///mlflow.db``); MLflow's own default when None.
        experiment: its name; the study's own when None.

    Example:
        >>> import danlu, tempfile
        >>> log = MLflow(f"sqlite:///{tempfile.mkdtemp()}/mlflow.db")  # doctest: +SKIP
        >>> _ = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=2, callbacks=[log])  # doctest: +SKIP
    """

    def __init__(self, uri: str | None = None, *, experiment: str | None = None) -> None:
        self._client = MlflowClient(tracking_uri=uri)
        self._keys: dict[str, str] = {}
        self._experiment = experiment
        self._runs: dict[int, str] = {}
        self._parent = ""
        self._seq = 0
        self._seen = 0
        self._name = self._where = ""

    def __call__(self, result: Result, trial: Trial) -> None:
        """Log what is new, running trials included."""
        del trial
        self.write(result)

    def write(self, result: Result) -> int:
        """Log what has come to the journal since the last time; how many events that were."""
        return self.take(result.study.name, result.study.entries(self._seq))

    def take(self, name: str, entries: Iterable[ev.Entry]) -> int:
        """Log these entries of a study's journal, in order, each once."""
        entries = iter(entries)
        first = next(entries, None)
        self._open(name, first)
        pending: dict[str, list[Metric]] = {}
        taken = 0
        for entry in chain([] if first is None else [first], entries):
            self._meet(entry.event)
            if entry.seq > self._seen:
                self._log(entry.event, pending)
            self._seq = entry.seq
            taken += 1
        for run, metrics in pending.items():
            self._flush(run, metrics)
        if taken and self._seq > self._seen:
            self._client.set_tag(self._parent, _SEEN, str(self._seq))
        return taken

    def _open(self, name: str, first: ev.Entry | None) -> None:
        """Find the study's runs in MLflow, or make its own; another study of that name, begun at another time, has runs of its own."""
        if self._parent:
            return
        begun = first.event.begun if first and isinstance(first.event, ev.Created) else ""
        self._name, title = name, self._experiment or name
        held = self._client.get_experiment_by_name(title)
        if held is not None and held.lifecycle_stage == "deleted":
            raise SettingError(
                f"the experiment {title!r} was deleted in MLflow, which keeps its name. Restore it there, or name another: "
                "MLflow(experiment=...)."
            )
        self._where = held.experiment_id if held is not None else self._client.create_experiment(title)
        found = [
            run for run in self._search(f"tags.`{_TRIAL}` = 'study'")
            if run.data.tags[_STUDY] == name and run.data.tags.get(_BEGUN, begun) == begun
        ]  # fmt: skip
        if found:
            self._parent = str(found[0].info.run_id)
            self._seen = int(found[0].data.tags.get(_SEEN, "0"))
        else:
            self._parent = self._new(name, "study", None, **{_BEGUN: begun})
        children = self._search(f"tags.`mlflow.parentRunId` = '{self._parent}'")
        self._runs = {int(run.data.tags[_TRIAL]): str(run.info.run_id) for run in children}

    def _search(self, words: str) -> list[Any]:
        """All runs of the experiment for which these words hold."""
        found: list[Any] = []
        token = None
        while True:
            page = self._client.search_runs([self._where], words, max_results=1000, page_token=token)
            found += page
            token = page.token
            if not token:
                return found

    def _new(self, name: str, trial: str, at: float | None = None, **tags: str) -> str:
        own = {_STUDY: name, _TRIAL: trial, **tags}
        start = None if at is None else round(1000 * at)
        title = name if trial == "study" else f"trial {trial}"
        run = self._client.create_run(self._where, start_time=start, tags=own, run_name=title)
        return str(run.info.run_id)

    def _log(self, event: ev.Event, pending: dict[str, list[Metric]]) -> None:
        match event:
            case ev.Asked():
                run = self._run(event.trial, event.at, {"danlu.source": event.source})
                self._params(run, ev.unpack_params(event.params))
            case ev.Suggested():
                self._params(self._run(event.trial), {event.name: event.value})
            case ev.Resumed():
                run = self._run(event.trial)
                changed = ev.unpack_params(event.params) if event.params else {}
                tags = [
                    RunTag(f"danlu.now.{self._keys[name]}", str(value)) for name, value in changed.items()
                ]
                self._client.log_batch(run, tags=tags)
                self._client.update_run(run, status="RUNNING")
            case ev.Released() | ev.Reopened():
                self._client.update_run(self._run(event.trial), status="SCHEDULED")
            case ev.Reported():
                run = self._run(event.trial)
                pending.setdefault(run, []).extend(self._metrics(event.metrics, event.at, event.step))
                if event.action is Action.PAUSE:
                    self._client.update_run(run, status="SCHEDULED")
                if event.action is Action.STOP:
                    self._flush(run, pending.pop(run))
                    self._end(run, Status.FAILED if event.cause else Status.STOPPED, event.reason, event.at)
            case ev.Ended():
                run = self._run(event.trial)
                final = {f"final/{name}": value for name, value in event.metrics.items()}
                self._flush(run, [*pending.pop(run, []), *self._metrics(final, event.at, 0)])
                ended = "KILLED" if event.cause is Cause.CANCELLED else ""
                self._end(run, event.status, event.reason, event.at, ended)
            case ev.SetAside():
                for number in event.trials:
                    run = self._run(number)
                    self._client.set_tag(run, "danlu.aside", event.reason)
                    self._client.set_terminated(run, "KILLED", end_time=round(1000 * event.at))
            case ev.Closed():
                self._client.set_tag(self._parent, "danlu.closed", event.reason)
                self._client.set_terminated(self._parent, "FINISHED", end_time=round(1000 * event.at))
            case ev.Opened():
                self._client.update_run(self._parent, status="RUNNING")

    def _meet(self, event: ev.Event) -> None:
        """Settle how MLflow is to call what an event brings: names that it would take for one another get a number.

        It is settled by the journal's order, so every process that logs the study comes to the same.
        """
        for name in _names(event):
            if name not in self._keys:
                plain = re.sub(r"[^\w\-. /:]", "_", name)
                taken = set(self._keys.values())
                more = (f"{plain}_{number}" for number in count(2))
                self._keys[name] = (
                    plain if plain not in taken else next(key for key in more if key not in taken)
                )

    def _metrics(self, values: dict[str, float], at: float, step: int) -> list[Metric]:
        return [Metric(self._keys[name], value, round(1000 * at), step) for name, value in values.items()]

    def _run(self, trial: int, at: float | None = None, tags: dict[str, str] | None = None) -> str:
        """The run of a trial, made when there is none: also when somebody has deleted it."""
        if trial not in self._runs:
            own = {"mlflow.parentRunId": self._parent, **(tags or {})}
            self._runs[trial] = self._new(self._name, str(trial), at, **own)
        return self._runs[trial]

    def _params(self, run: str, params: dict[str, Any]) -> None:
        made = [Param(self._keys[name], str(value)) for name, value in params.items()]
        for first in range(0, len(made), _PARAMS):
            self._client.log_batch(run, params=made[first : first + _PARAMS])

    def _flush(self, run: str, metrics: list[Metric]) -> None:
        for first in range(0, len(metrics), _PART):
            self._client.log_batch(run, metrics=metrics[first : first + _PART])

    def _end(self, run: str, status: Status, reason: str, at: float, ended: str = "") -> None:
        self._client.log_batch(
            run, tags=[RunTag("danlu.status", status.name.lower()), RunTag("danlu.reason", reason)]
        )
        self._client.set_terminated(run, ended or _ENDS[status], end_time=round(1000 * at))


def _names(event: ev.Event) -> list[str]:
    """The names of metrics and parameters that an event brings."""
    match event:
        case ev.Asked() | ev.Resumed():
            return list(ev.unpack_params(event.params)) if event.params else []
        case ev.Suggested():
            return [event.name]
        case ev.Reported():
            return list(event.metrics)
        case ev.Ended():
            return [f"final/{name}" for name in event.metrics]
    return []
