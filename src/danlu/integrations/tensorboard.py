"""TensorBoard's files: every trial's curves as they grow, and its HParams table.

A run of TensorBoard is a trial; all is read from the journal, so a study may be written while it runs, later, from another machine, or
again. Files are only appended to: TensorBoard may look at them at any time.

Of what describes a session or the whole experiment TensorBoard keeps the first that it reads. So a trial is described when it first
reports, with what it has suggested until then, and the experiment is left to TensorBoard to gather where trials suggest their parameters.
Parameters that population-based training changes are those that the trial began with.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

from ..errors import MissingExtra
from ..journal import events as ev
from ..journal.events import Action, Status
from ..journal.trial import Trial
from ..runtime.folders import filed
from ..space.parameters import Choice, Float, Int
from ..space.space import Space
from ..study.result import Result

try:
    from google.protobuf import struct_pb2
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
    from tensorboard.summary.writer.record_writer import RecordWriter
except ImportError as error:
    raise MissingExtra("TensorBoard's files", "tensorboard", "tensorboard") from error

_PLUGIN = "hparams"
_EXPERIMENT, _START, _END = (
    "_hparams_/experiment",
    "_hparams_/session_start_info",
    "_hparams_/session_end_info",
)


class TensorBoard:
    """Writes a study for TensorBoard; a callback of ``tune``, which writes whatever is new after each trial.

    Args:
        folder: what ``tensorboard --logdir`` is given; the study becomes a folder in it. What an earlier writer has left
            there of the same study is replaced; another study of that name, begun at another time, gets a folder beside it.

    Example:
        >>> import danlu, tempfile
        >>> board = TensorBoard(tempfile.mkdtemp())
        >>> _ = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=2, callbacks=[board])
        >>> sorted(path.name for path in (board.folder / "study").iterdir() if path.is_dir())
        ['trial-000000', 'trial-000001']
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._seq = 0
        self._space = Space()
        self._names: tuple[str, ...] = ()
        self._asked: dict[int, dict[str, Any]] = {}
        self._described: set[int] = set()
        self._experiment_due: ev.Created | None = None
        self._begun: set[Path] = set()
        self._root = Path()

    def __call__(self, result: Result, trial: Trial) -> None:
        """Write what is new, running trials included."""
        del trial
        self.write(result)

    def write(self, result: Result) -> int:
        """Write what has come to the journal since the last time; how many events that were."""
        return self.take(result.study.name, result.study.entries(self._seq))

    def take(self, name: str, entries: Iterable[ev.Entry]) -> int:
        """Write these entries of a study's journal, in order, each once."""
        pending: dict[Path, list[Any]] = {}
        taken = 0
        for entry in entries:
            if isinstance(entry.event, ev.Created):
                self._root = self._own(name, entry.event)
            for run, event in self._events(entry.event):
                pending.setdefault(self._root / run, []).append(event)
            self._seq = entry.seq
            taken += 1
        for folder, events in pending.items():
            self._append(folder, events)
        return taken

    def _own(self, name: str, first: ev.Created) -> Path:
        """The study's folder: the first one of its name that is not another study's."""
        for number in count(1):
            folder = self.folder / (filed(name) if number == 1 else f"{filed(name)}-{number}")
            mark = folder / "danlu.begun"
            if not mark.exists():
                folder.mkdir(parents=True, exist_ok=True)
                mark.write_text(first.begun, "utf-8")
                return folder
            if mark.read_text("utf-8") == first.begun:
                return folder
        raise AssertionError("there is always another number")

    def _append(self, folder: Path, events: list[Any]) -> None:
        path = folder / "events.out.tfevents.0000000000.danlu"
        mode = "ab" if folder in self._begun else "wb"
        folder.mkdir(parents=True, exist_ok=True)
        with path.open(mode) as file:
            writer = RecordWriter(file)
            if mode == "wb":
                first = event_pb2.Event(wall_time=events[0].wall_time, file_version="brain.Event:2")
                writer.write(first.SerializeToString())
                self._begun.add(folder)
            for event in events:
                writer.write(event.SerializeToString())

    def _events(self, event: ev.Event) -> list[tuple[str, Any]]:
        """What an event of the journal is in TensorBoard: pairs of a run and an event of its."""
        match event:
            case ev.Created():
                self._space = Space.from_spec(event.space)
                self._names = event.goal.names
                self._experiment_due = event if self._space.slots else None
            case ev.Asked():
                self._asked[event.trial] = ev.unpack_params(event.params)
            case ev.Suggested():
                self._asked[event.trial][event.name] = event.value
                self._experiment_due = None
            case ev.Reported():
                found = [*self._begin(event.trial, event.at)]
                found += [(_run(event.trial), _scalars(event.metrics, event.step, event.at))]
                if event.action is Action.STOP:
                    found += [
                        (_run(event.trial), _end(event.at, Status.FAILED if event.cause else Status.STOPPED))
                    ]
                return found
            case ev.Ended():
                final = {f"final/{name}": value for name, value in event.metrics.items()}
                each = [_scalars(final, 0, event.at)] if final else []
                found = [(_run(event.trial), one) for one in (*each, _end(event.at, event.status))]
                return [*self._begin(event.trial, event.at), *found]
            case ev.SetAside():
                ends = [(_run(number), _end(event.at, Status.FAILED)) for number in event.trials]
                return [one for number in event.trials for one in self._begin(number, event.at)] + ends
        return []

    def _begin(self, trial: int, at: float) -> list[tuple[str, Any]]:
        """What describes a trial, once; before the first of all, what describes the experiment."""
        if trial in self._described:
            return []
        self._described.add(trial)
        due, self._experiment_due = self._experiment_due, None
        whole = [("", self._experiment(due))] if due is not None else []
        return [*whole, (_run(trial), self._start(trial, at))]

    def _experiment(self, event: ev.Created) -> Any:
        infos = []
        for slot in self._space.slots:
            info = api_pb2.HParamInfo(name=slot.name)
            match slot.parameter:
                case Float() | Int():
                    info.type = api_pb2.DATA_TYPE_FLOAT64
                    info.domain_interval.min_value = slot.parameter.low
                    info.domain_interval.max_value = slot.parameter.high
                case Choice():
                    info.type = _type_of(slot.parameter.values)
                    options = [_plain(option, info.type) for option in slot.parameter.values]
                    info.domain_discrete.extend(options)
            infos.append(info)
        metrics = [
            api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=tag)
            for name in self._names
            for tag in (name, f"final/{name}")
        ]
        held = api_pb2.Experiment(hparam_infos=infos, metric_infos=metrics, time_created_secs=event.at)
        return _plugin(_EXPERIMENT, plugin_data_pb2.HParamsPluginData(experiment=held), event.at)

    def _start(self, trial: int, at: float) -> Any:
        info = plugin_data_pb2.SessionStartInfo(group_name=_run(trial), start_time_secs=at)
        kinds = {
            slot.name: _type_of(slot.parameter.values)
            for slot in self._space.slots
            if isinstance(slot.parameter, Choice)
        }
        for name, value in self._asked[trial].items():
            kind = kinds.get(name, _type_of([value]))
            info.hparams[name].CopyFrom(_wrapped(_plain(value, kind)))
        return _plugin(_START, plugin_data_pb2.HParamsPluginData(session_start_info=info), at)


def _type_of(values: Iterable[Any]) -> int:
    """TensorBoard's type for values: it shows and filters what is listed and what a trial has as the same only in the same type."""
    values = list(values)
    found: int = api_pb2.DATA_TYPE_STRING
    if all(isinstance(each, bool) for each in values):
        found = api_pb2.DATA_TYPE_BOOL
    elif all(isinstance(each, int | float) and not isinstance(each, bool) for each in values):
        found = api_pb2.DATA_TYPE_FLOAT64
    return found


def _plain(value: Any, kind: int) -> bool | float | str:
    if kind == api_pb2.DATA_TYPE_STRING:
        return str(value)
    return bool(value) if kind == api_pb2.DATA_TYPE_BOOL else float(value)


def _wrapped(value: bool | float | str) -> Any:
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, float):
        return struct_pb2.Value(number_value=value)
    return struct_pb2.Value(string_value=value)


def _run(trial: int) -> str:
    return f"trial-{trial:06d}"


def _scalars(metrics: dict[str, float], step: int, at: float) -> Any:
    values = [summary_pb2.Summary.Value(tag=name, simple_value=value) for name, value in metrics.items()]
    return event_pb2.Event(wall_time=at, step=step, summary=summary_pb2.Summary(value=values))


def _end(at: float, status: Status) -> Any:
    told = api_pb2.STATUS_FAILURE if status is Status.FAILED else api_pb2.STATUS_SUCCESS
    info = plugin_data_pb2.SessionEndInfo(status=told, end_time_secs=at)
    return _plugin(_END, plugin_data_pb2.HParamsPluginData(session_end_info=info), at)


def _plugin(tag: str, data: Any, at: float) -> Any:
    kind = summary_pb2.SummaryMetadata.PluginData(plugin_name=_PLUGIN, content=data.SerializeToString())
    value = summary_pb2.Summary.Value(tag=tag, metadata=summary_pb2.SummaryMetadata(plugin_data=kind))
    return event_pb2.Event(wall_time=at, summary=summary_pb2.Summary(value=[value]))
