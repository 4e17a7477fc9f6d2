"""Any training program as an objective, untouched: its flags are the parameters, its output is the curve."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from ..base.failure import ProgramFailed
from ..errors import ObjectiveError
from ..runtime.live import LiveTrial
from . import processes
from .flags import Flag, Program, terminal_of
from .output import PrintedCurve, lines
from .pattern import Pattern

KEPT = 20
_TRAINING = frozenset({"train", "training", "trn"})

LEAVE_SECONDS = 5.0
"""How long a script that is stopped may take to leave after SIGTERM."""

HOLE = re.compile(r"\{(\w[\w.-]*)\}")


class Script:
    """Runs a program for every trial, reads its output, and ends it when the trial is stopped.

    In fixed arguments ``{dir}`` is the trial's own folder, ``{trial}`` its number, and the name of a parameter its value, which
    is then not passed as a flag as well; the name of a context, ``{fold}``, is its value. The program finds them in ``DANLU_DIR``,
    ``DANLU_TRIAL`` and, as JSON, ``DANLU_CONTEXT`` too.

    Args:
        program: to run; a path is a script's.
        flags: by the name in the study, of the options that are searched.
        metrics: patterns of lines, ``"val loss: {x}"``, as in ``Pattern``; of each metric the last value counts at the end.
        fixed: arguments that are passed as they are.
        terminal: whether it is run in a terminal of 80 columns, for programs that ask for its size.
        why: for metrics of the goal, which way they go and why; said with the first line that matches.

    Raises:
        ObjectiveError: when the program or a pattern makes no sense, or two patterns give one metric.
    """

    def __init__(
        self, program: Program | str, flags: Mapping[str, Flag], metrics: Sequence[str], *, fixed: Sequence[str] = (),
        terminal: bool = False, why: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.program = Program(program) if isinstance(program, str) else program
        self.program.source()
        self.flags, self.fixed, self.metrics = dict(flags), tuple(fixed), tuple(metrics)
        self.terminal, self.why = terminal, dict(why or {})
        patterns = [Pattern(text) for text in metrics]
        self.names = tuple(name for pattern in patterns for name in pattern.names)
        self.doubts = {name: why for pattern in patterns for name, why in pattern.doubts.items()}
        for name in self.names:
            if self.names.count(name) > 1:
                raise ObjectiveError(
                    f"two lines give a metric named {name!r}. Name one in its hole: {{val_{name}}}."
                )

    def __repr__(self) -> str:
        return f"Script({self.program.target}, {', '.join(self.flags)})"

    def arguments(self, params: Mapping[str, Any], own: Mapping[str, str] | None = None) -> list[str]:
        """The arguments of a trial.

        Args:
            params: its values.
            own: its ``dir`` and ``trial``.
        """
        placed = self.placed(params)
        values = {name: str(params[name]) for name in placed} | dict(own or {})
        fixed = [_filled(text, values) for text in self.fixed]
        flags = [
            part
            for name, flag in self.flags.items()
            if name not in placed
            for part in flag.arguments(params[name])
        ]
        return [*fixed, *flags]

    def placed(self, names: Mapping[str, Any]) -> set[str]:
        """The parameters whose places the fixed arguments say."""
        holes = {hole.replace("-", "_") for text in self.fixed for hole in HOLE.findall(text)}
        return {name for name in names if name in holes}

    @property
    def main(self) -> str:
        """The metric that is meant when none is named: what ``{x}`` is, else the first that is not of the training itself."""
        for text in self.metrics:
            named = Pattern(text).named
            if "x" in named:
                return named["x"]
        tested = [name for name in self.names if not _TRAINING & set(re.split(r"[\W_]+", name.lower()))]
        return (tested or self.names)[0]

    @property
    def in_folder(self) -> bool:
        """Whether its fixed arguments send it to the trial's own folder."""
        return self.says("dir")

    def says(self, name: str) -> bool:
        """Whether a fixed argument has a place for this name."""
        return any(
            name in (hole, hole.replace("-", "_")) for text in self.fixed for hole in HOLE.findall(text)
        )

    @property
    def script(self) -> str:
        """The absolute path of its main file."""
        return str(self.program.source().absolute())

    def command(self, params: Mapping[str, Any], own: Mapping[str, str]) -> str:
        """A trial's command line as a shell takes it."""
        return shlex.join([*self.program.command, *self.arguments(params, own)])

    def __call__(self, trial: LiveTrial) -> None:
        """Run it once."""
        context = {name: str(value) for name, value in trial.context.items()}
        own = context | {"trial": str(trial.number), "dir": str(trial.dir)}
        command = [*self.program.command, *self.arguments(trial.params, own)]
        environment = {
            **os.environ, "PYTHONUNBUFFERED": "1", "DANLU_TRIAL": own["trial"], "DANLU_DIR": own["dir"],
            "DANLU_CONTEXT": json.dumps(dict(trial.context)),
        }  # fmt: skip
        name = os.path.basename(self.program.target)  # noqa: PTH119 - a module's name is no path
        last: deque[str] = deque(maxlen=KEPT)
        curve = PrintedCurve(trial, [Pattern(text) for text in self.metrics], self.why)
        process, output = _start(command, environment, terminal=self.terminal)
        try:
            printed = processes.hear(process.pid, output)
            for line in lines(lambda: next(printed, b"")):
                if not line.draft:
                    print(line.text)  # noqa: T201 - the trial's log
                    last.append(line.text)
                curve.read(line)
            code = _end(process)
            if not code:
                curve.close(name)
        finally:  # also when a report has stopped the trial
            _end(process)
            os.close(output)
            with contextlib.suppress(OSError):  # what the program has put there stays
                os.rmdir(own["dir"])  # noqa: PTH106 - as in the environment
        if code < 0:
            killed = signal.Signals(-code).name if -code in {*signal.Signals} else f"signal {-code}"
            raise ProgramFailed(f"{name} was killed by {killed}: {_reason(last)}", "\n".join(last), -code)
        if code:
            raise ProgramFailed(f"{name} ended with code {code}: {_reason(last)}", "\n".join(last))


def _filled(text: str, values: Mapping[str, str]) -> str:
    return HOLE.sub(lambda hole: values.get(hole[1], values.get(hole[1].replace("-", "_"), hole[0])), text)


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


def _end(process: subprocess.Popen[bytes]) -> int:
    """End the script and all it has started, also what it left running when it ended by itself; its exit code."""
    if process.returncode is None:
        if not processes.is_dead(process.pid):
            _ask_to_leave(process)
        processes.end(process.pid)
    return process.wait()


def _ask_to_leave(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    until = time.monotonic() + LEAVE_SECONDS
    while not processes.is_dead(process.pid) and time.monotonic() < until:
        time.sleep(0.01)


def _reason(printed: Sequence[str]) -> str:
    kept = [line.strip() for line in printed if line.strip()]
    reason = kept[-1][:300] if kept else "it said nothing"
    if any(sign in line for line in kept for sign in ("Inappropriate ioctl", "not a tty", "stty:")):
        reason += " (it asks for a terminal: run it with --terminal, or Script(terminal=True))"
    return reason
