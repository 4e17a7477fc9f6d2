"""A finished study under another scheduler."""

import json
import subprocess
import sys

import pytest

import danlu
from danlu import Float, Switch
from danlu.errors import DanluError

SPACE = {"floor": Float(0, 1), "opt": Switch(sgd={"momentum": Float(0, 1)}, adam={})}


def train(trial):
    for step in range(1, 28):
        if trial.number == 5 and step == 9:
            raise MemoryError
        trial.report(step, loss=trial["floor"] + 1 / step, other=1.0)


@pytest.fixture
def store(tmp_path):
    made = danlu.stores.SqliteStore(tmp_path / "s.db")
    danlu.tune(
        train, SPACE, minimize="loss", trials=30, store=made, seed=1, scheduler="diverged", sampler="random"
    )
    return made


@pytest.mark.parametrize(
    "scheduler",
    [
        danlu.schedulers.ASHA(high=27),
        danlu.schedulers.SuccessiveHalving(trials=27, high=27),
        danlu.schedulers.Median(),
        danlu.schedulers.AutoScheduler(),
    ],
)
def test_a_replay_is_what_the_study_would_have_been(store, scheduler):
    """The same trials under the scheduler from the start: the same steps, the same best."""
    found = danlu.replay(store.journal("study"), scheduler)

    def resumable(trial):
        for step in range(trial.restore() + 1, 28):
            if trial.number == 5 and step == 9:
                raise MemoryError
            trial.save(step)
            trial.report(step, loss=trial["floor"] + 1 / step)

    live = danlu.tune(
        resumable, SPACE, minimize="loss", trials=30, seed=1, scheduler=scheduler, sampler="random",
        fidelity=danlu.Fidelity("step", 1, 27),
    )  # fmt: skip
    assert found.whole_steps == 29 * 27 + 8
    assert found.steps == sum(len(trial.curve) for trial in live.trials)
    assert (found.trial, found.best) == (live.best.number, live.best.value)
    assert (found.trials, found.short) == (30, 0)


def test_a_study_that_was_cut_short_says_so_and_one_without_curves_is_refused(store):
    danlu.tune(
        train,
        SPACE,
        minimize="loss",
        trials=30,
        store=store,
        seed=1,
        name="cut",
        scheduler=danlu.schedulers.ASHA(high=27),
    )
    found = danlu.replay(store.journal("cut"), danlu.schedulers.Median(), workers=4)
    assert found.short > 10
    assert found.seconds <= found.whole_seconds * 4
    danlu.tune(lambda t: t["floor"], SPACE, trials=3, store=store, name="flat")
    with pytest.raises(DanluError, match="has no curves to replay"):
        danlu.replay(store.journal("flat"), danlu.schedulers.Median())


def test_the_command_compares_schedulers(store, tmp_path):
    command = [sys.executable, "-m", "danlu.cli", "replay", str(tmp_path / "s.db")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown.startswith("as recorded: 30 trials, 791 steps")
    for name in ("AutoScheduler", "ASHA", "Median", "Extrapolation"):
        assert name in shown
    rows = json.loads(
        subprocess.run(
            [*command, "--scheduler", "asha", "--set", "factor=4", "--set", "promote=true", "--workers", "3", "--json"],
            capture_output=True, text=True, check=True,
        ).stdout
    )  # fmt: skip
    assert rows[0]["scheduler"].startswith("ASHA(low=None, high=None, factor=4")
    wrong = subprocess.run(
        [*command, "--scheduler", "asha", "--set", "factor"], capture_output=True, text=True
    )
    assert wrong.returncode == 2
    assert "--set needs KEY=VALUE" in wrong.stderr
