"""Any program as an objective, untouched: its parameters are put into its command line, its output is the curve.

Each trial has a folder, which the program finds as ``DANLU_DIR``: its parameters lie there as ``config.json``, what it prints as ``log.txt``,
edited copies of its config files under their own names, and whatever the program writes there. What it leaves in its folder ``files``
is attached to the trial. ``DANLU_CHECKPOINT`` is a folder in it that outlives a pause, a retry and ``kill -9``.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..base.failure import NothingFound, ProgramFailed
from ..errors import Fenced, ObjectiveError, ReportError
from ..runtime import processes
from ..runtime.attachments import FILES
from ..runtime.live import LiveTrial
from ..runtime.marks import RunMark
from .arguments.configs import Edit
from .arguments.flags import Flag, terminal_of
from .arguments.line import Line, ProgramLine
from .arguments.template import Style
from .checkpoints import FOLDER, ProgramCheckpoints
from .log import ProgramLog
from .outcome import DIVERGED, KEPT, SHOWN, cause_of, failure
from .printed.output import LONGEST_LINE, LineSplitter, OutputLine
from .program import Program
from .rehearsed import RehearsedRun
from .sources.base import RunFolders
from .sources.curve import POLL_SECONDS, MetricSources, Readings, RunCurve

LOG = "log.txt"
"""The file in a trial's folder that holds what its program printed."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Command:
    """Runs a program for every trial, reads its output, and ends it when the trial is stopped.

    In fixed arguments ``{dir}`` is the trial's own folder, ``{trial}`` its number, ``{seed}`` its seed, ``{checkpoint}`` its folder of
    checkpoints, ``{config}`` a file of its parameters, ``{json}`` all of them as JSON, and the name of a parameter its value, which is then not
    passed as a flag as well; the name of a context, ``{fold}``, is its value. The program finds them in ``DANLU_DIR``, ``DANLU_TRIAL``,
    ``DANLU_SEED``, ``DANLU_CHECKPOINT`` and, as JSON, ``DANLU_CONTEXT`` too.

    Args:
        program: to run; a path is a script's.
        flags: by the name in the study, of the options that are searched.
        metrics: where each is read, ``"val loss: {x}"``, ``"val_loss"``, ``"csv:log.csv:val_loss"``, as in ``source_of``; of each metric the last
            value counts at the end.
        fixed: arguments that are passed as they are.
        terminal: whether it is run in a terminal of 80 columns, for programs that ask for its size.
        why: for metrics of the goal, which way they go and why; said with the first line that matches.
        style: how parameters are passed that have no flag and no place among the arguments; None where they are not passed.
        edits: values that are put into copies of config files, ``Edit("train.yaml", "optim.lr", "lr")``.
        resume: arguments that are added where the trial's folder of checkpoints is not empty, ``["--resume", "{checkpoint}/last.pt"]``;
            of a path with * the newest that there is, ``{checkpoint}/checkpoint-*``.
        line: the whole command line, in place of flags, fixed, style, edits and resume.
        reads: what is read in place of the metrics.
        rehearsed: a run of the program that stands for the study's first trial, where that would train the very same.

    Raises:
        ObjectiveError: when the program or a pattern makes no sense, or two patterns give one metric.

    Example:
        >>> from danlu.programs import program_of
        >>> program, fixed = program_of(["python", "-c", "print('loss', {x} ** 2)"])
        >>> square = Command(program, {}, ["loss {x}"], fixed=fixed)
        >>> square.arguments({"x": 3})
        ['-c', "print('loss', 3 ** 2)"]
    """

    def __init__(
        self, program: Program | str, flags: Mapping[str, Flag], metrics: Sequence[str], *, fixed: Sequence[str] = (),
        terminal: bool = False, why: Mapping[str, str] | None = None, style: Style | None = None, edits: Sequence[Edit] = (),
        resume: Sequence[str] = (), line: Line | None = None, reads: Readings | None = None,
        rehearsed: RehearsedRun | None = None,
    ) -> None:  # fmt: skip
        self.program = Program(program) if isinstance(program, str) else program
        self.program.source()
        self.line = ProgramLine(self.program, flags, fixed, style=style, edits=edits, resume=resume)
        self.metrics, self.rehearsed = tuple(metrics), rehearsed
        self._terminal, self._why = terminal, dict(why or {})
        self._line: Line = line or self.line
        self._asked = MetricSources(metrics)
        self._reads: Readings = reads or self._asked
        self.names, self.doubts = self._asked.names, self._asked.doubts

    def __repr__(self) -> str:
        return f"Command({self.program.target}, {', '.join(self.line.flags)})"

    def arguments(self, params: Mapping[str, Any], own: Mapping[str, str] | None = None) -> list[str]:
        """The arguments of a trial.

        Args:
            params: its values.
            own: its ``dir`` and ``trial``.
        """
        return self.line.arguments(params, own or {})

    @property
    def main(self) -> str:
        """The metric that is meant when none is named: what ``{x}`` is, else the first that is not of the training itself."""
        return self._asked.main

    @property
    def script(self) -> str:
        """The absolute path of its main file."""
        return str(self.program.source().absolute())

    @property
    def files(self) -> list[str]:
        """Other files that say what it does: config files, and scripts among its arguments."""
        named = [*(edit.file for edit in self.line.edits), *self.line.fixed]
        found = {
            str(Path(each).absolute()): None
            for each in named
            if 0 < len(each) < 1000 and _is_text(Path(each))
        }
        return [path for path in found if path != self.script]

    def command(self, params: Mapping[str, Any], own: Mapping[str, str]) -> str:
        """A trial's command line as a shell takes it."""
        variables = [
            f"{name}={shlex.quote(value)}" for name, value in self._line.environment(params, own).items()
        ]
        return " ".join([*variables, shlex.join(self._line.words(params, own))])

    def again(self, params: Mapping[str, Any], own: Mapping[str, str]) -> str:
        """The command line that trains these values once more in the folder ``own["dir"]``, which is made where the program reads files in it."""
        if self._line.reads_folder:
            Path(own["dir"]).mkdir(exist_ok=True)
            self._line.write(params, own)
        command = self.command(params, own)
        return f"mkdir -p {shlex.quote(own['dir'])} && {command}" if self._line.in_folder else command

    def __call__(self, trial: LiveTrial) -> None:
        """Run it once."""
        if self.rehearsed is not None and self.rehearsed.stands_for(trial):
            self.rehearsed.tell(trial, self._reads, self._why, _own(trial))
            return
        with RunMark(
            trial.dir
        ) as mark:  # before anything is read that an attempt which was killed may still write
            self._attempt(trial, mark)

    def _attempt(self, trial: LiveTrial, mark: RunMark) -> None:
        params = trial.params
        checkpoints = ProgramCheckpoints(trial)
        own = _own(trial)
        self._line.write(params, own)
        words = self._words(trial, checkpoints, own)
        environment = {
            **os.environ, **mark.variables, "PYTHONUNBUFFERED": "1", "DANLU_TRIAL": own["trial"], "DANLU_DIR": own["dir"],
            "DANLU_CHECKPOINT": own["checkpoint"], "DANLU_SEED": str(trial.seed), "DANLU_CONTEXT": json.dumps(dict(trial.context)),
            **self._line.environment(params, own),
        }  # fmt: skip
        self._say_threads(trial)
        try:
            self._run(trial, words, environment, checkpoints, own, mark)
        finally:  # also when a report has stopped the trial
            checkpoints.leave()
            attach_all(trial)

    def _words(self, trial: LiveTrial, checkpoints: ProgramCheckpoints, own: Mapping[str, str]) -> list[str]:
        """The command of an attempt; where it takes up an earlier one, that is said."""
        words = self._line.words(trial.params, own)
        if not checkpoints.there:
            return words
        resumed = self._line.words(trial.params, own, resumes=True)
        added = [checkpoints.newest(word) for word in resumed[len(words) :]]
        missing = next(
            (path for word in added for path in _paths(word, own["checkpoint"]) if not path.exists()), None
        )
        if missing is not None:
            trial.remark(
                "resume",
                f"trial {trial.number} begins anew: there is a checkpoint, and no {missing.name} in it",
            )
            return words
        return [*words, *added]

    def _run(
        self,
        trial: LiveTrial,
        words: Sequence[str],
        environment: Mapping[str, str],
        checkpoints: ProgramCheckpoints,
        own: Mapping[str, str],
        mark: RunMark,
    ) -> None:
        """Run a command to its end.

        Raises:
            ProgramFailed: when it ends with a code other than 0, or prints no metric.
        """
        last: deque[str] = deque(maxlen=KEPT)
        killed = processes.oom_kills()
        told = _Told(trial, checkpoints)
        folders = RunFolders(trial.dir, Path.cwd(), resumed=checkpoints.own, own=own)
        try:
            with ProgramLog(trial.dir / LOG) as log:
                curve = self._begin(told, checkpoints, folders, log)
                environment = {**environment, **self._reads.told(folders)}
                process, output = _start(words, environment, terminal=self._terminal)
                printed = _printed(process.pid, output, look=curve.polls)
                try:
                    for line in printed:
                        if line is None:
                            curve.poll()
                            continue
                        if line.cut:
                            told.remark("long lines", _LONG)
                        if not line.draft:
                            print(line.text)  # noqa: T201 - the trial's log
                            log.write(line.text)
                            last.append(line.text)
                        curve.read(line)
                    code = _end(process, mark)
                    if not code:
                        self._close(curve, told)
                finally:
                    _end(process, mark)
                    for line in printed:  # before it heard of its end
                        if line is not None and not line.draft:
                            log.write(line.text)
                    os.close(output)
        finally:
            folders.release()
        if code:
            starved = processes.oom_kills() > killed
            said = failure(self.program.name, code, last, starved=starved)
            found = cause_of(last)
            raise ProgramFailed(
                said, "\n".join([*last][-SHOWN:]), 0 if starved else max(0, -code),
                diverged=found is not None and found.what == DIVERGED,
            )  # fmt: skip

    def _begin(
        self, told: _Told, checkpoints: ProgramCheckpoints, folders: RunFolders, log: ProgramLog
    ) -> RunCurve:
        """Begin to read an attempt, after what earlier ones have printed and nobody has judged."""
        if checkpoints.own:
            told.late, told.step = True, 0
            for printed in log.attempts():
                curve = self._reads.begin(told, folders, self._why, told.step)
                for text in printed:
                    curve.read(OutputLine(text))
                with contextlib.suppress(NothingFound):
                    curve.close(self.program.name)
            told.go_on()
        log.begin(told.attempt, anew=not checkpoints.own)
        curve = self._reads.begin(told, folders, self._why, told.step)
        if checkpoints.own:  # files are read from their beginning
            told.late = True
            curve.poll()
            told.go_on()
        return curve

    def _close(self, curve: RunCurve, told: _Told) -> None:
        """Report what is open; a program that was taken up at its end prints no metric any more.

        Raises:
            NothingFound: when neither it nor an earlier attempt has told one.
            ProgramFailed: when what is left cannot be read.
        """
        try:
            curve.close(self.program.name)
        except NothingFound:
            if not told.taken_up:
                raise
            told.remark(
                "taken up at its end",
                "a program that was taken up from its checkpoint ended without a metric: those that it had printed before count",
            )

    def _say_threads(self, trial: LiveTrial) -> None:
        """Say once that threads are dealt out, where they are."""
        count = os.environ.get("DANLU_THREADS", "")
        if count and count != str(os.cpu_count()):
            trial.remark(
                "threads",
                f"each program gets {count} of {os.cpu_count()} cores for its threads ({', '.join(THREADS)}={count}), as several run "
                "at once; set them yourself to have it otherwise",
            )


_LONG = f"it prints a line of more than {LONGEST_LINE >> 20} MiB: the middle of such lines is neither read nor kept"


def attach_all(trial: LiveTrial) -> None:
    """Attach what a program has left in the folder ``files`` of its trial's own; what cannot be is said, and ends nothing."""
    root = trial.dir / FILES
    with contextlib.suppress(Fenced):  # somebody else has the trial, and its files
        for path in sorted(each for each in root.rglob("*") if each.is_file() and not each.is_symlink()):
            try:
                trial.attach(path.relative_to(root).as_posix(), path)
            except ReportError as error:
                trial.remark(f"files of trial {trial.number}", f"trial {trial.number}: {error}")


def own_of(trial: int, folder: Path) -> dict[str, str]:
    """The texts of a trial that its command line may hold."""
    return {"trial": str(trial), "dir": str(folder), "checkpoint": str(folder / FOLDER)}


def _own(trial: LiveTrial) -> dict[str, str]:
    context = {name: str(value) for name, value in trial.context.items()}
    return {"seed": str(trial.seed)} | context | own_of(trial.number, trial.dir)


class _Told:
    """A trial as its program's curve is reported to it: checkpoints are noted before reports, and no step is reported twice.

    Attributes:
        step: the last one that was read, 0 before any.
        known: the last one that the journal has, or that an earlier attempt has printed; -1 for none.
        late: whether what is read now was printed by an earlier attempt.
        attempt: the number of this one.
    """

    def __init__(self, trial: LiveTrial, checkpoints: ProgramCheckpoints) -> None:
        self._trial, self._checkpoints = trial, checkpoints
        self.known = self._earlier = checkpoints.since
        self.step = max(0, self.known)
        self.attempt = trial.attempt
        self.late = False
        self._first: int | None = None
        self._begun = self._anew = False

    @property
    def taken_up(self) -> bool:
        """Whether an earlier attempt has told something."""
        return self._earlier >= 0

    def go_on(self) -> None:
        """Hear of this attempt, after all that earlier ones have printed."""
        self.late = False
        self.known = self._earlier = max(self.known, self._earlier)
        self.step = max(self.step, self.known)

    def report(self, step: int, /, **metrics: float) -> None:
        """Report a step, unless it was before."""
        if self.late:
            self._first = step if self._first is None else min(self._first, step)
            self._earlier = max(self._earlier, step)
        else:
            self._say_again(step)
        if step <= self.known:
            self.step = max(self.step, step)
            return
        self._checkpoints.note(step, always=self.late)
        self._trial.report(step, **metrics)
        self.step = self.known = step

    def _say_again(self, step: int) -> None:
        """Say that steps of earlier attempts are there again, and what it means where they begin with the first."""
        begun, self._begun = self._begun, True
        if step > self._earlier or self._anew:
            return
        if not begun and step <= (1 if self._first is None else self._first):
            self._anew = True
            self._trial.remark(
                "steps anew",
                f"a program that was taken up begins its steps at {step} again, and what it prints up to step {self._earlier} is left out: "
                "those were printed before. If it goes on from its checkpoint, have it print a step that counts on; or leave --resume out, "
                "so that it begins anew",
            )
        else:
            self._trial.remark(
                "steps again",
                "a program that was taken up trains steps again that it had printed before: they count once, as they were first",
            )

    def remark(self, about: str, sentence: str) -> None:
        """Say once how something is understood; what one attempt of several looks like says nothing of the metric."""
        if not self.late and not (self._earlier >= 0 and about.startswith(("once ", "constant "))):
            self._trial.remark(about, sentence)

    def fact(self, name: str, value: str) -> None:
        """Keep a fact of the trial."""
        self._trial.log({name: value})


def _printed(pid: int, output: int, *, look: bool) -> Iterator[OutputLine | None]:
    """The lines that a program prints; None where it is time to look at its files."""
    splitter = LineSplitter()
    for chunk in processes.hear(pid, output, every=POLL_SECONDS if look else None):
        yield from splitter.feed(chunk)
        yield None
    yield from splitter.feed(b"", last=True)


def _paths(word: str, folder: str) -> list[Path]:
    """The paths in a folder that a word names."""
    at = word.find(folder)
    return [Path(word[at:])] if at >= 0 else []


def _is_text(path: Path) -> bool:
    """Whether a file is there, and short enough to be a program's text."""
    try:
        return path.is_file() and path.stat().st_size < 1 << 20
    except (OSError, ValueError):
        return False


def _start(
    command: Sequence[str], environment: Mapping[str, str], *, terminal: bool
) -> tuple[subprocess.Popen[bytes], int]:
    """The program, and where to read what it prints."""
    if terminal:
        output, inside = terminal_of()
        took = inside
    else:
        output, inside = os.pipe()
        took = subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            command,
            stdout=inside,
            stderr=subprocess.STDOUT,
            stdin=took,
            env=environment,
            **_group(terminal),
        )
    except OSError as error:
        os.close(output)
        raise ObjectiveError(f"{command[0]} cannot be run: {error.strerror}.") from None
    finally:
        os.close(inside)
    return process, output


def _group(terminal: bool) -> dict[str, Any]:
    """A group of its own, so that it can be ended with all that it starts.

    In a worker it stays in the worker's session, and ends with that however it dies; elsewhere, and with a terminal, it has a
    session, so that Ctrl-C does not reach it.
    """
    leads = os.getsid(0) == os.getpid()
    return {"process_group": 0} if leads and not terminal else {"start_new_session": True}


def _end(process: subprocess.Popen[bytes], mark: RunMark) -> int:
    """End the script and all it has started, also what it left running when it ended by itself; its exit code."""
    if process.returncode is None:
        _ask_to_leave(process)
        processes.end(process.pid)
        mark.end()  # daemons
    return process.wait()


def _ask_to_leave(process: subprocess.Popen[bytes]) -> None:
    """Have the whole group leave, whoever leads it: a shell is gone at once, what it has started may have something to end."""
    processes.ask_to_leave(processes.group(process.pid))
