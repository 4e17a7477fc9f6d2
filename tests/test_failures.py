"""Objectives that cannot work end their study at the third trial, and cost nothing when they have been mended."""

import asyncio
import json
import math
import os
import sys

import msgspec
import pytest

import danlu
from danlu.base.failure import cut, kind_of, sentence, trace_of
from danlu.errors import DanluError, GoalError, ObjectiveError, SettingError
from danlu.journal.events import Cause, Status
from danlu.study.failures import Failures

SPACE = {"x": danlu.Float(0, 1), "n": danlu.Int(1, 99)}


class Odd(BaseException):
    """A library's own."""


class Silent(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class Unpicklable(Exception):
    def __reduce__(self):
        raise TypeError("cannot be sent")


def throw(error):
    def objective(trial):
        raise error(trial) if callable(error) and not isinstance(error, type) else error

    return objective


def chained(trial):
    try:
        {}["learning_rate"]
    except KeyError as error:
        raise RuntimeError("training failed") from error


def hidden(trial):
    try:
        json.loads("{broken")
    except ValueError:
        raise RuntimeError("cannot read the settings")  # noqa: B904


def deep(trial):
    return deep(trial)


def late(trial):
    for step in range(1, 4):
        trial.report(step, value=trial["x"])
    raise OSError(f"no space left for /tmp/run-{trial.number}/model.pt")


def quiet(trial):
    sys.stdout = sys.stderr = None
    raise ValueError("said without a voice")


CANNOT = {
    "name": (lambda t: missing_name, "missing_name"),  # noqa: F821
    "attribute": (lambda t: t.params.learning_rate, "learning_rate"),
    "import": (lambda t: __import__("no_such_package"), "no_such_package"),
    "file": (lambda t: open("/no/such/data.csv"), "No such file"),  # noqa: SIM115, PTH123
    "index": (lambda t: [][t.number], "IndexError"),
    "type": (lambda t: "a" + 1, "TypeError"),
    "division": (lambda t: 1 / 0, "ZeroDivisionError"),
    "assert": (throw(AssertionError("shapes differ")), "shapes differ"),
    "value": (throw(lambda t: ValueError(f"bad rate {t['x']}")), "bad rate"),
    "parameters named": (throw(lambda t: ValueError(f"{t.params}")), "ValueError"),
    "number": (throw(lambda t: RuntimeError(f"trial {t.number} is lost")), "is lost"),
    "address": (throw(lambda t: RuntimeError(f"{object()!r} is no tensor")), "no tensor"),
    "late": (late, "no space left"),
    "chain": (chained, "learning_rate"),
    "context": (hidden, "JSONDecodeError"),
    "recursion": (deep, "RecursionError"),
    "exit 0": (lambda t: sys.exit(0), "SystemExit"),
    "exit text": (lambda t: sys.exit("usage: train.py"), "usage: train.py"),
    "cancelled": (throw(asyncio.CancelledError()), "CancelledError"),
    "generator": (throw(GeneratorExit()), "GeneratorExit"),
    "odd": (throw(Odd("stop it")), "stop it"),
    "skipped": (lambda t: pytest.skip("not here"), "not here"),
    "silent": (throw(Silent()), "Silent"),
    "unpicklable": (throw(Unpicklable("thread lock")), "thread lock"),
    "group": (throw(ExceptionGroup("workers", [ValueError("bad shard"), OSError("gone")])), "bad shard"),
    "surrogate": (throw(ValueError("name \udcff.png")), "name"),
    "huge": (throw(ValueError("x " * 1_000_000 + "the cause is here")), "the cause is here"),
    "empty": (throw(ValueError()), "ValueError"),
    "stop iteration": (lambda t: next(iter(())), "StopIteration"),
    "unicode": (lambda t: b"\xff".decode(), "UnicodeDecodeError"),
    "overflow": (lambda t: math.exp(1e9), "OverflowError"),
    "lookup": (throw(lambda t: KeyError(t["n"])), "KeyError"),
    "not implemented": (throw(NotImplementedError("no backward")), "no backward"),
    "permission": (throw(PermissionError(13, "Permission denied", "data.csv")), "Permission denied"),
    "timeout of theirs": (throw(TimeoutError("no answer from the server")), "no answer"),
    "nothing": (lambda t: None, "value"),
    "text": (lambda t: "0.3", "0.3"),
    "other metric": (lambda t: {"losss": 1.0}, "value"),
    "complex": (lambda t: 1j, "1j"),
    "no voice": (quiet, "without a voice"),
    "address in use": (throw(OSError(98, "Address already in use")), "already in use"),
    "connection": (throw(ConnectionRefusedError(111, "Connection refused")), "Connection refused"),
}


def ends(objective, word, store, **settings):
    """The error of a study that cannot work, which the same call then survives."""
    with pytest.raises((ObjectiveError, GoalError)) as caught:
        danlu.tune(objective, SPACE, store=store, trials=6, seed=1, **settings)
    assert word in str(caught.value)
    return caught.value


def mended(trial):
    return trial["x"]


@pytest.mark.parametrize("case", CANNOT)
def test_what_cannot_work_ends_within_three_trials_and_is_not_on_the_budget(case, capsys):
    objective, word = CANNOT[case]
    before, store = (sys.stdout, sys.stderr), danlu.stores.MemoryStore()
    try:
        error = ends(objective, word, store)
    finally:
        sys.stdout, sys.stderr = before
    shown = capsys.readouterr().err + "".join(getattr(error, "__notes__", ()))
    parts = {"chain": 2, "context": 2, "group": 3}  # of one traceback
    assert shown.count("Traceback (most recent call last)") <= parts.get(case, 1)
    result = danlu.tune(mended, SPACE, store=store, trials=6, seed=1)
    broken = [trial for trial in result.trials if trial.aside]
    assert 1 <= len(broken) <= 3
    assert all(trial.status is Status.FAILED for trial in broken)
    assert sum(trial.status is Status.DONE for trial in result.trials) == 6


@pytest.mark.parametrize(
    "case", ["name", "silent", "cancelled", "odd", "surrogate", "no voice", "huge", "exit 0"]
)
def test_the_same_in_a_pool(case, tmp_path):
    objective, word = CANNOT[case]
    ends(objective, word, tmp_path / "s.db", workers=2)
    result = danlu.tune(mended, SPACE, store=tmp_path / "s.db", trials=6, seed=1)
    assert sum(trial.status is Status.DONE for trial in result.trials) == 6
    assert all(trial.deaths == 0 for trial in result.trials if trial.aside)


@pytest.mark.parametrize("descriptor", [1, 2])
def test_a_closed_descriptor_is_the_trial_s_own_affair(descriptor, tmp_path):
    def closes(trial):
        os.close(descriptor)
        raise ValueError("after closing")

    ends(closes, "after closing", tmp_path / "s.db", engine="pool")


def test_an_interrupt_of_the_objective_s_own_fails_the_trial_in_a_pool(tmp_path):
    ends(throw(KeyboardInterrupt("theirs")), "theirs", tmp_path / "s.db", engine="pool")


def region(test, make=lambda t: ValueError("unsupported")):
    def objective(trial):
        if test(trial):
            raise make(trial)
        return trial["x"]

    return objective


REGIONS = {
    "first": region(lambda t: t.number == 0),
    "first two": region(lambda t: t.number < 2),
    "all but the first": region(lambda t: t.number > 0),
    "all but the third": region(lambda t: t.number != 2),
    "odd": region(lambda t: t.number % 2),
    "kinds": region(
        lambda t: t.number < 4, lambda t: [ValueError, KeyError, OSError, TypeError][t.number]("?")
    ),
    "words": region(lambda t: t.number < 4, lambda t: ValueError("abcd"[t.number])),
    "memory": region(lambda t: t.number < 4, lambda t: MemoryError()),
    "cuda memory": region(lambda t: t.number < 4, lambda t: RuntimeError("CUDA out of memory")),
    "diverged": lambda t: math.nan if t.number < 4 else t["x"],
    "infinite": lambda t: math.inf if t.number < 4 else t["x"],
    "late": region(lambda t: t.number >= 3),
    "x high": region(lambda t: t["x"] > 0.5 and t.number),
    "n": region(lambda t: t["n"] % 2 and t.number != 1),
    "one in three": region(lambda t: t.number % 3 < 2),
}


@pytest.mark.parametrize("case", REGIONS)
def test_what_fails_in_a_part_of_the_space_goes_on(case):
    result = danlu.tune(REGIONS[case], SPACE, trials=7, seed=2)
    assert len(result.trials) == 7
    assert not any(trial.aside for trial in result.trials)


WIDE = danlu.Space(
    {
        "a": danlu.Float(0, 1),
        "rate": danlu.Float(1e-4, 1, log=True),
        "n": danlu.Int(1, 8),
        "act": danlu.Choice(["relu", "tanh"]),
        "kind": danlu.Choice(["r", "s", "t"]),
    }
)


def ended_too_early(fails, seeds, sampler="random"):
    """Of how many studies, each with its own seed, the failures of a part of the space were the end."""
    count = 0
    for seed in range(seeds):
        try:
            danlu.tune(
                region(fails, lambda t: ValueError("unsupported")), WIDE, trials=4, seed=seed, sampler=sampler
            )
        except ObjectiveError:
            count += 1
    return count


@pytest.mark.parametrize(
    "fails",
    [lambda t: t["a"] > 0.5, lambda t: t["rate"] < 0.01, lambda t: t["n"] > 4, lambda t: t["act"] == "relu"],
)
def test_half_of_a_parameter_s_range_that_fails_never_ends_a_study(fails):
    """Three points by chance would be in that half in one study of eight: the third is the farthest from the first two."""
    assert ended_too_early(fails, 40) == 0
    assert ended_too_early(fails, 10, "auto") == 0


def test_a_larger_part_that_fails_ends_fewer_studies_than_chance_would():
    """Four fifths of a range, or three quarters that two parameters decide on, look like all of it: 51 and 42 of 100 by chance."""
    assert ended_too_early(lambda t: t["a"] > 0.2, 60) <= 15
    assert ended_too_early(lambda t: t["a"] > 0.5 or t["rate"] > 0.01, 60) <= 22


def test_the_probe_keeps_to_the_constraints_and_is_no_point_that_was_tried():
    seen = []

    def broken(trial):
        seen.append(dict(trial))
        raise ValueError("no data")

    space = danlu.Space({"a": danlu.Float(0, 1), "b": danlu.Float(0, 1)}, constraints=["a + b <= 0.5"])
    with pytest.raises(ObjectiveError):
        danlu.tune(broken, space, trials=9, seed=4)
    assert len(seen) == 3
    assert all(point["a"] + point["b"] <= 0.5 for point in seen)
    seen.clear()
    result = danlu.tune(broken, {"n": danlu.Int(1, 2)}, trials=9, seed=4)
    assert sorted(point["n"] for point in seen) == [1, 2]
    assert result.stopped.startswith("every")


def test_what_fails_before_it_has_read_a_parameter_needs_no_probe():
    """Many workers have begun more than three trials by then."""
    with danlu.open_study(WIDE, trials=9) as study:
        for _ in range(3):
            trial = study.ask()
            study.responder.end(
                [
                    msgspec.structs.replace(
                        study.responder.failed(trial.number, 1, Cause.RAISED, "NameError: x"), blind=True
                    )
                ]
            )
        failures = Failures(study.result.history)
        assert failures.verdict(study.replica.history)[0] == (0, 1, 2)
    with danlu.open_study(WIDE, trials=9) as study:
        for _ in range(3):
            trial = study.ask()
            study.responder.end([study.responder.failed(trial.number, 1, Cause.RAISED, "NameError: x")])
        assert Failures(study.result.history).verdict(study.replica.history) == ((), "")


@pytest.mark.parametrize(("allowed", "asked"), [(1, 1), (2, 2), (5, 5), (0, 6), (9, 6)])
def test_how_many_first_failures_end_a_study_is_a_setting(allowed, asked):
    store = danlu.stores.MemoryStore()
    broken = throw(ValueError("unsupported"))
    if asked < 6:
        with pytest.raises(
            ObjectiveError, match="the first trial failed," if asked == 1 else f"first {asked} trials"
        ):
            danlu.tune(
                broken, SPACE, store=store, trials=6, trial_limits=danlu.TrialLimits(same_failures=allowed)
            )
    else:
        danlu.tune(
            broken, SPACE, store=store, trials=6, trial_limits=danlu.TrialLimits(same_failures=allowed)
        )
    with danlu.open_study(store=store) as study:
        assert len(study.result.trials) == asked
        assert study.settings.trial_limits.same_failures == allowed  # so do those who join


@pytest.mark.parametrize("value", [-1, 2.5, True, "3"])
def test_a_number_of_failures_that_is_none_is_refused(value):
    with pytest.raises(SettingError, match=r"same_failures to be a whole number >= 1 .* got same_failures="):
        danlu.tune(mended, SPACE, trials=2, trial_limits=danlu.TrialLimits(same_failures=value))


def test_told_failures_end_nothing():
    with danlu.open_study(SPACE, trials=5) as study:
        for _ in range(5):
            study.tell(study.ask(), failed="raised")
        assert study.result.history.finished == 5


def test_a_message_keeps_its_end_and_its_root():
    text = "lbfgs supports only l2 " * 99 + "got l1"
    assert sentence(ValueError(text)).endswith("got l1")
    assert len(sentence(ValueError(text))) < 1000
    assert cut("short") == "short"
    assert "no text" in trace_of(Silent()) or "Silent" in trace_of(Silent())
    assert kind_of("E: /tmp/a1/x.pt", {}) == kind_of("E: /tmp/b2/y.pt", {})
    assert issubclass(ObjectiveError, DanluError)


@pytest.mark.parametrize("engine", ["inline", "pool"])
def test_a_program_that_is_killed_has_crashed_and_is_tried_again(tmp_path, engine):
    from danlu.engines import Script

    program = tmp_path / "dies.py"
    program.write_text(
        "import argparse, os, signal, sys\nparser = argparse.ArgumentParser()\nparser.add_argument('--x', type=float)\nx = parser.parse_args().x\n"
        "print('loss', x)\nsys.stdout.flush()\nos.kill(os.getpid(), signal.SIGKILL if x < 0.5 else signal.SIGSEGV)\n"
    )
    from danlu.engines.flags import Program, flags_of

    flags = {flag.name: flag for flag in flags_of(str(program)) if flag.name == "x"}
    script = Script(Program(str(program)), flags, ["loss {x}"])
    result = danlu.tune(
        script, {"x": danlu.Float(0, 1)}, minimize="loss", trials=2, engine=engine, seed=1,
        trial_limits=danlu.TrialLimits(retries=1, same_failures=0),
    )  # fmt: skip
    for trial in result.trials:
        assert (trial.status.name, trial.cause) == ("FAILED", danlu.Cause.CRASHED)
        assert trial.attempt == 2
        assert "was killed by SIG" in trial.reason
        assert "quarantined" in trial.reason


def test_a_trial_that_is_told_to_end_at_every_attempt_ends(tmp_path, monkeypatch):
    """Twenty times without a checkpoint; what saves goes on ten times as long."""
    from danlu.base.failure import ProgramFailed
    from danlu.study import responder

    monkeypatch.setattr(responder, "PREEMPTIONS", (5, 9))

    def train(trial):
        if trial.number:
            step = trial.restore() + 1
            trial.save(step)
            trial.report(step, loss=0.5)
        raise ProgramFailed("it was killed by SIGTERM", "", 15)

    result = danlu.tune(
        train,
        {"x": danlu.Float(0, 1)},
        minimize="loss",
        trials=2,
        trial_limits=danlu.TrialLimits(same_failures=0),
    )
    assert [trial.attempt for trial in result.trials] == [5, 9]
    assert all(trial.cause is danlu.Cause.PREEMPTED for trial in result.trials)
    assert "and so were 4 attempts before; this configuration is quarantined" in result.trials[0].reason


def test_a_bare_number_that_no_report_knows_is_said_once():
    """The loss is reported by its name, and something else is returned: it counts, and that is said."""

    def train(trial):
        for epoch in range(1, 4):
            trial.report(epoch, val_loss=trial["x"] / epoch)
        return 90.0 + trial["x"]

    result = danlu.tune(train, {"x": danlu.Float(0, 1)}, minimize="val_loss", trials=4, seed=1)
    said = [line for line in result.why() if "the number that the objective returns" in line]
    assert len(said) == 1
    assert "counts as val_loss, of which it has reported" in said[0]

    def same(trial):
        for epoch in range(1, 4):
            trial.report(epoch, val_loss=trial["x"] / epoch)
        return trial["x"] / 2

    quiet = danlu.tune(same, {"x": danlu.Float(0, 1)}, minimize="val_loss", trials=4, seed=1)
    assert not [line for line in quiet.why() if "the number that the objective returns" in line]
