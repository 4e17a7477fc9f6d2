"""Any training script as an objective, untouched: its flags are the parameters, its output is the curve."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..core.errors import ObjectiveError
from ..core.infer import Inferred, infer
from ..core.live import LiveTrial

NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf)"
KEPT = 20

_READER = """
import argparse, json, runpy, sys
def read(self, *args, **kwargs):
    best = lambda a: ([s for s in a.option_strings if s.startswith("--")] or a.option_strings)
    found = [{"flag": best(a)[0], "against": (best(a) + [""])[1] if best(a)[1:] and best(a)[1].startswith("--no-") else "", "dest": a.dest, "default": a.default,
              "choices": list(a.choices) if a.choices else None, "takes": a.nargs != 0,
              "type": getattr(a.type, "__name__", None)}
             for a in self._actions if a.option_strings and a.dest != "help"]
    with open(sys.argv[2], "w") as out:
        json.dump(found, out, default=str)
    raise SystemExit(0)
argparse.ArgumentParser.parse_args = argparse.ArgumentParser.parse_known_args = read
out, script = sys.argv[2], sys.argv[1]
sys.argv = [script, out, out]
sys.path.insert(0, __import__("os").path.dirname(__import__("os").path.abspath(script)))
runpy.run_path(script, run_name="__main__")
"""


class Flag(msgspec.Struct, frozen=True):
    """One option of a script: its flag, default, choices, the flag against it, and whether it takes a value."""

    flag: str
    dest: str
    default: Any = None
    choices: list[Any] | None = None
    against: str = ""
    takes: bool = True
    type: str | None = None

    @property
    def name(self) -> str:
        """The flag without its dashes: how it is named in the study."""
        return self.flag.lstrip("-")

    def inferred(self) -> Inferred:
        """What danlu would search; a switch is on or off."""
        if not self.takes:
            return infer(self.name, bool(self.default))
        return infer(self.name, self.default, self.choices)


def flags_of(script: str, python: str = sys.executable) -> list[Flag]:
    """The options that a script hands to argparse; it runs until it parses its arguments, and no further.

    Raises:
        ObjectiveError: when it does not get there.
    """
    if not Path(script).is_file():
        raise ObjectiveError(f"there is no script {script}.")
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "flags.json")
        ran = subprocess.run(  # the user's own script, with arguments as a list
            [python, "-c", _READER, script, out], capture_output=True, text=True, timeout=600, check=False
        )
        if not Path(out).exists():
            last = ran.stderr.strip().splitlines()[-1:] or ["it ended"]
            raise ObjectiveError(
                f"{script} did not come to read its arguments with argparse: {last[0]}. Tune a function of it instead: "
                f"danlu run {script}:FUNCTION."
            )
        return msgspec.json.decode(Path(out).read_bytes(), type=list[Flag])


class Pattern:
    """A line of output that holds a metric: text with ``{x}`` where the number is, and perhaps ``{step}``.

    Args:
        text: ``"val loss: {x}"``, or with a name, ``"acc=test accuracy {x}%"``.

    Raises:
        ObjectiveError: when no ``{x}`` is in it.

    Example:
        >>> pattern = Pattern("Epoch {step}: val loss {x}")
        >>> pattern.name, pattern.find("Epoch 3: val loss 0.25 (best)")
        ('val_loss', (3, 0.25))
    """

    def __init__(self, text: str) -> None:
        name, named, rest = text.partition("=")
        named = named if re.fullmatch(r"\s*\w+\s*", name) and "{x}" in rest else ""
        self.text = rest if named else text
        if "{x}" not in self.text:
            raise ObjectiveError(
                f"a metric needs {{x}} where its number is, 'val loss: {{x}}', got {text!r}."
            )
        before = re.split(r"\{x\}", self.text)[0]
        words = re.findall(r"[A-Za-z]+", re.sub(r".*\{step\}", "", before)) or ["metric"]
        self.name = name.strip() if named else "_".join(words).lower()
        parts = [
            f"(?P<{part[1:-1]}>{NUMBER})"
            if part in {"{x}", "{step}"}
            else re.sub(r"(?:\\?\s)+", r"\\s*", re.escape(part))
            for part in re.split(r"(\{x\}|\{step\})", self.text)
        ]
        self._pattern = re.compile("".join(parts), re.IGNORECASE)

    def find(self, line: str) -> tuple[int | None, float] | None:
        """The step (None when the line does not say it) and the value in a line; None where there is none."""
        match = self._pattern.search(line)
        if match is None:
            return None
        found = match.groupdict()
        step = found.get("step")
        return (None if step is None else int(float(step))), float(found["x"])


class Script:
    """Runs a script for every trial, reads its output, and ends it when the trial is stopped.

    Args:
        script: its path.
        flags: by the name in the study, of the options that are searched.
        metrics: patterns of lines, ``"val loss: {x}"``; the last value of each counts at the end.
        fixed: arguments that are passed as they are.
        python: that runs it.

    Raises:
        ObjectiveError: when the script or a pattern makes no sense.
    """

    def __init__(
        self, script: str, flags: Mapping[str, Flag], metrics: Sequence[str], *, fixed: Sequence[str] = (),
        python: str = sys.executable,
    ) -> None:  # fmt: skip
        if not Path(script).is_file():
            raise ObjectiveError(f"there is no script {script}.")
        self.script, self.flags, self.fixed, self.python = (
            str(Path(script).absolute()),
            dict(flags),
            tuple(fixed),
            python,
        )
        self.metrics = tuple(metrics)
        self.names = tuple(Pattern(text).name for text in metrics)

    def __repr__(self) -> str:
        return f"Script({self.script}, {', '.join(self.flags)})"

    def arguments(self, params: Mapping[str, Any]) -> list[str]:
        """The command line of a trial."""
        found = [*self.fixed]
        for name, flag in self.flags.items():
            value = params[name]
            if not flag.takes:
                found += (
                    [flag.flag if value or not flag.against else flag.against]
                    if value != bool(flag.default)
                    else []
                )
            else:
                found += [flag.flag, str(value)]
        return found

    def __call__(self, trial: LiveTrial) -> None:
        """Run it once."""
        command = [self.python, "-u", self.script, *self.arguments(trial.params)]
        patterns = [Pattern(text) for text in self.metrics]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "DANLU_TRIAL": str(trial.number)}
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment,
            start_new_session=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        last: deque[str] = deque(maxlen=KEPT)
        curve = _Curve(trial, self.names)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="")  # noqa: T201 - the trial's log
                last.append(line)
                for pattern in patterns:
                    found = pattern.find(line)
                    if found is not None:
                        curve.see(pattern.name, *found)
            code = process.wait()
            curve.end()
        finally:  # also when a report has stopped the trial
            _end(process)
        if code:
            raise RuntimeError(f"{Path(self.script).name} ended with code {code}: {_reason(last)}")
        if not curve.any:
            raise RuntimeError(
                f"no line of {Path(self.script).name} matched {' or '.join(map(repr, self.metrics))}. It ended with: {_reason(last)}"
            )


class _Curve:
    """Values as they come; a step is reported when all metrics have been seen, or the next one begins.

    Lines without a step are counted: the first metric that comes again begins a new one.
    """

    def __init__(self, trial: LiveTrial, names: Sequence[str]) -> None:
        self.trial, self.names = trial, set(names)
        self.step = self.told = 0
        self.values: dict[str, float] = {}
        self.any = False

    def see(self, name: str, step: int | None, value: float) -> None:
        if (step is not None and step != self.step) or (step is None and name in self.values):
            self.end()
        if not self.values:
            self.step = self.told + 1 if step is None else step
        self.values[name], self.any = value, True
        if self.values.keys() == self.names:
            self.end()

    def end(self) -> None:
        values, self.values = self.values, {}
        if values and self.step > self.told:
            self.told = self.step
            self.trial.report(self.step, **values)


def _end(process: subprocess.Popen[str]) -> None:
    """End the script and all it has started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        try:
            os.killpg(process.pid, sign)
            process.wait(timeout=5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    if process.stdout is not None:
        process.stdout.close()


def _reason(lines: Sequence[str]) -> str:
    kept = [line.strip() for line in lines if line.strip()]
    return kept[-1][:300] if kept else "it said nothing"
