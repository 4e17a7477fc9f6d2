"""What failures say of a study: which of them end it, and which are a part of the space. ``test_broken.py`` has the objectives that cannot work."""

import math
import os
import threading
import time
import types

import msgspec
import pytest
from failing import SPACE, Silent, throw

import danlu
from danlu.base.failure import cut, kind_of, sentence, trace_of
from danlu.errors import DanluError, GoalError, ObjectiveError, SettingError
from danlu.journal.events import Cause
from danlu.study.failures import Failures


def ends(objective, word, store, **settings):
    """The error of a study that cannot work, which the same call then survives."""
    with pytest.raises((ObjectiveError, GoalError)) as caught:
        danlu.tune(objective, SPACE, store=store, trials=6, seed=1, **settings)
    assert word in str(caught.value)
    return caught.value


def mended(trial):
    return trial["x"]


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
    assert result.study.stopped.startswith("every")


def test_what_fails_before_it_has_read_a_parameter_needs_no_probe():
    """Many workers have begun more than three trials by then."""
    with danlu.open_study(WIDE, trials=9) as study:
        for _ in range(3):
            trial = study.ask()
            study.session.responder.end(
                [
                    msgspec.structs.replace(
                        study.session.responder.failed(trial.number, 1, Cause.RAISED, "NameError: x"),
                        blind=True,
                    )
                ]
            )
        failures = Failures(study.result.history)
        assert failures.verdict(study.session.replica.history)[0] == (0, 1, 2)
    with danlu.open_study(WIDE, trials=9) as study:
        for _ in range(3):
            trial = study.ask()
            study.session.responder.end(
                [study.session.responder.failed(trial.number, 1, Cause.RAISED, "NameError: x")]
            )
        assert Failures(study.result.history).verdict(study.session.replica.history) == ((), "")


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
        assert study.session.settings.trial_limits.same_failures == allowed  # so do those who join


@pytest.mark.parametrize("value", [-1, 2.5, True, "3"])
def test_a_number_of_failures_that_is_none_is_refused(value):
    with pytest.raises(SettingError, match=r"same_failures to be a whole number >= 1 .* got same_failures="):
        danlu.tune(mended, SPACE, trials=2, trial_limits=danlu.TrialLimits(same_failures=value))


def test_told_failures_end_nothing():
    with danlu.open_study(SPACE, trials=5) as study:
        for _ in range(5):
            study.tell(study.ask(), failed="raised")
        assert study.result.history.spent.finished == 5


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
    from danlu.programs import Command

    program = tmp_path / "dies.py"
    program.write_text(
        "import argparse, os, signal, sys\nparser = argparse.ArgumentParser()\nparser.add_argument('--x', type=float)\nx = parser.parse_args().x\n"
        "print('loss', x)\nsys.stdout.flush()\nos.kill(os.getpid(), signal.SIGKILL if x < 0.5 else signal.SIGSEGV)\n"
    )
    from danlu.programs.arguments.flags import flags_of
    from danlu.programs.program import Program

    flags = {flag.name: flag for flag in flags_of(str(program)) if flag.name == "x"}
    script = Command(Program(str(program)), flags, ["loss {x}"])
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


def test_nothing_is_begun_while_the_farthest_point_is_tried(tmp_path):
    """Two slots: the probe is slow, and what fails beside it does not bring one trial after another."""

    def train(trial):
        (tmp_path / str(trial.number)).touch()
        until = time.monotonic() + (20 if trial.number == 2 else 0)
        while time.monotonic() < until and not (tmp_path / "3").exists():
            time.sleep(0.01)
        until = time.monotonic() + (1 if trial.number == 2 else 0)
        while time.monotonic() < until and not (tmp_path / "4").exists():
            time.sleep(0.01)
        raise ValueError(f"it cannot work at {trial['x']}")

    with pytest.raises(ObjectiveError, match="the first 4 trials failed alike"):
        danlu.tune(train, {"x": danlu.Float(0, 1)}, trials=20, seed=1, engine=danlu.engines.Pool(2))
    assert not (tmp_path / "4").exists()


def two_drivers(objective, store, monkeypatch, probing, go_on):
    """One driver tries the farthest point until ``go_on``, one beside it has nothing else to do; the errors of both.

    The second joins when the first is ``probing``, and lets it go on when it has looked three times for something to do.
    """
    space, looked, errors = {"x": danlu.Float(0, 1)}, [], []

    def idle(seconds):
        looked.append(seconds)
        if len(looked) >= 3:
            go_on.set()

    def drive():
        with pytest.raises(ObjectiveError) as caught:
            danlu.tune(objective, space, store=store, name="one", trials=9, seed=1)
        errors.append(str(caught.value))

    clock = types.SimpleNamespace(sleep=idle, monotonic=time.monotonic)
    monkeypatch.setattr("danlu.study.drive.time", clock)
    first = threading.Thread(target=drive)
    first.start()
    try:
        assert probing.wait(60)
        with pytest.raises(ObjectiveError) as caught:
            danlu.work(store, "one", objective, engine="inline")
        errors.append(str(caught.value))
    finally:
        go_on.set()
        first.join(60)
    return errors


def test_a_worker_of_one_slot_waits_for_the_farthest_point_too(tmp_path, monkeypatch):
    store, probing, go_on = danlu.stores.SqliteStore(tmp_path / "s.db"), threading.Event(), threading.Event()

    def train(trial):
        if trial.number == 2:
            probing.set()
            assert go_on.wait(60)
        raise ValueError(f"it cannot work at {trial['x']}")

    errors = two_drivers(train, store, monkeypatch, probing, go_on)
    assert [error.split(",")[0] for error in errors] == [
        "the objective cannot work: the first 4 trials failed alike"
    ] * 2
    with danlu.open_study(store=store, name="one") as study:
        assert [trial.status for trial in study.result.trials] == [danlu.Status.FAILED] * 4


def test_a_farthest_point_that_trains_on_is_not_waited_for(tmp_path):
    """Where the others failed it does not fail: they were a part of the space, and a slot more goes on."""

    def train(trial):
        if trial.number != 2:
            raise ValueError(f"it cannot work at {trial['x']}")
        trial.report(1, value=trial["x"])
        until = time.monotonic() + 20
        while time.monotonic() < until and not (tmp_path / "5").exists():
            time.sleep(0.01)
        return trial["x"]

    def noted(trial):
        (tmp_path / str(trial.number)).touch()
        return train(trial)

    result = danlu.tune(noted, {"x": danlu.Float(0, 1)}, trials=6, seed=1, engine=danlu.engines.Pool(2))
    assert (tmp_path / "5").exists()
    assert result.best.number == 2
    assert result.trials[2].seconds < 20
