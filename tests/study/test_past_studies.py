"""Earlier studies: where they are read, what is kept of them, and that a search goes on without them."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest

import danlu
from danlu.errors import SettingError
from danlu.journal import events as ev
from danlu.journal.past import Past
from danlu.space.space import Space

SPACE = {
    "lr": danlu.Float(1e-4, 1, log=True),
    "layers": danlu.Int(1, 6),
    "kind": danlu.Choice(["a", "b", "c"]),
}


def train(params):
    return abs(np.log10(params["lr"]) + 2) + abs(params["layers"] - 3) / 5 + (params["kind"] == "b")


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A store with a study of 25 trials."""
    store = tmp_path_factory.mktemp("old") / "old.db"
    danlu.tune(train, SPACE, minimize="loss", trials=25, store=store, name="old", seed=1)
    return store


def recalled(result):
    return [(event.name, event.losses) for event in result.history.definition.recalled]


def test_what_was_best_is_tried_first_and_said(old):
    result = danlu.tune(train, SPACE, minimize="loss", trials=4, past=old, seed=2)
    best = danlu.open_study(store=old, name="old").result.best
    assert result.trials[0].value <= best.value + 0.3
    assert f"it learns from 25 trials of 'old' in {old}" in result.why()
    assert any("begins with what was best in old" in line for line in result.why())
    assert "feurer2018practical" in danlu.cite(result)
    assert "feurer2018practical" not in danlu.cite(danlu.open_study(store=old, name="old").result)


def optuna_file(folder):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage=f"sqlite:///{folder}/optuna.db", study_name="old")

    def objective(trial):
        lr, layers = trial.suggest_float("lr", 1e-4, 1, log=True), trial.suggest_int("layers", 1, 6)
        return train({"lr": lr, "layers": layers, "kind": trial.suggest_categorical("kind", ["a", "b", "c"])})

    study.optimize(objective, n_trials=12)
    return folder / "optuna.db"


def written(folder, trials, names=("lr", "layers", "kind")):
    """A table as W&B exports one."""
    with (folder / "runs.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["Name", "State", *names, "loss"])
        for number, trial in enumerate(trials):
            table.writerow([f"run-{number}", "finished", *trial.params.values(), trial.value])
    return folder / "runs.csv"


@pytest.mark.parametrize(
    "source", ["path", "text", "one of several", "store", "result", "study", "optuna", "table"]
)
def test_they_are_read_wherever_they_are(source, old, tmp_path):
    study = danlu.open_study(store=old, name="old")
    past = {
        "path": lambda: old,
        "text": lambda: str(old),
        "one of several": lambda: f"{old}#old",
        "store": lambda: danlu.stores.SqliteStore(old),
        "result": lambda: study.result,
        "study": lambda: study,
        "optuna": lambda: optuna_file(tmp_path),
        "table": lambda: written(tmp_path, study.result.trials),
    }[source]()
    result = danlu.tune(train, SPACE, minimize="loss", trials=2, past=[past], seed=2)
    ((_, losses),) = recalled(result)
    mine = [trial.value for trial in study.result.trials]
    assert len(losses) == 12 if source == "optuna" else sorted(losses) == pytest.approx(sorted(mine))


def test_a_study_goes_on_as_if_nothing_had_happened_when_its_past_is_gone(old, tmp_path):
    past = danlu.open_study(store=old, name="old").result
    how = {"minimize": "loss", "seed": 5}
    whole = danlu.tune(train, SPACE, trials=12, past=past, **how)
    danlu.tune(train, SPACE, trials=5, past=past, store=tmp_path / "s.db", **how)
    half = danlu.tune(train, SPACE, trials=12, store=tmp_path / "s.db", **how)
    assert [trial.params for trial in half.trials] == [trial.params for trial in whole.trials]
    again = danlu.tune(train, SPACE, trials=13, past=past, store=tmp_path / "s.db", **how)
    assert len(again.trials) == 13
    assert recalled(again) == recalled(whole)


def test_a_store_s_own_study_is_none_of_its_past(tmp_path):
    store = tmp_path / "s.db"
    danlu.tune(train, SPACE, minimize="loss", trials=3, store=store, name="one", seed=1)
    danlu.tune(train, SPACE, minimize="loss", trials=3, store=store, name="two", seed=2)
    new = danlu.tune(train, SPACE, minimize="loss", trials=2, store=store, name="three", seed=3, past=store)
    assert [name for name, _ in recalled(new)] == ["one", "two"]
    again = danlu.tune(train, SPACE, minimize="loss", trials=4, store=store, name="three", seed=3, past=store)
    assert len(again.trials) == 4


def test_names_of_one_meaning_stand_for_each_other_and_it_is_said(old, tmp_path):
    table = written(
        tmp_path, danlu.open_study(store=old, name="old").result.trials, ("learning_rate", "layers", "kind")
    )
    space = SPACE | {"momentum": danlu.Float(0, 1)}
    result = danlu.tune(train, space, minimize="loss", trials=2, past=table, seed=2)
    (line,) = [line for line in result.why() if line.startswith("it learns")]
    assert "its learning_rate is taken for lr" in line
    assert "it says nothing of momentum" in line
    two = SPACE | {"lr_min": danlu.Float(1e-6, 1e-3, log=True)}
    result = danlu.tune(train, two, minimize="loss", trials=2, past=table, seed=2)
    (line,) = [line for line in result.why() if line.startswith("it learns")]
    assert "it says nothing of lr; it says nothing of lr_min" in line, "two have that meaning"


def test_trials_outside_of_the_ranges_are_left_out_and_counted(old):
    trials = danlu.open_study(store=old, name="old").result.trials
    narrow = SPACE | {"layers": danlu.Int(2, 4)}
    inside = [trial for trial in trials if 2 <= trial.params["layers"] <= 4]
    result = danlu.tune(train, narrow, minimize="loss", trials=2, past=old, seed=2)
    ((_, losses),) = recalled(result)
    assert len(losses) == len(inside) < len(trials)
    assert any(f"{len(trials) - len(inside)} of its trials lie outside" in line for line in result.why())


def test_another_metric_stands_for_this_one_by_its_own_direction(old):
    past = danlu.tune(lambda t: 1 - train(t), SPACE, maximize="acc", trials=6, seed=3)
    result = danlu.tune(train, SPACE, minimize="loss", trials=2, past=past, seed=2)
    ((_, losses),) = recalled(result)
    assert sorted(losses) == sorted(-trial.value for trial in past.trials)
    assert any("its acc, maximized, stands for loss" in line for line in result.why())


def ray_folder(folder):
    """What Ray Tune leaves of an experiment."""
    for number, lr in enumerate([1e-3, 1e-2, 1e-1]):
        params = {"lr": lr, "layers": 3, "kind": "a"}
        (folder / "exp" / f"trial_{number}").mkdir(parents=True)
        (folder / "exp" / f"trial_{number}" / "params.json").write_text(json.dumps(params))
        rows = [
            {"loss": train(params) + 1 / step, "training_iteration": step, "done": step == 2}
            for step in (1, 2)
        ]
        (folder / "exp" / f"trial_{number}" / "result.json").write_text(
            "".join(json.dumps(row) + "\n" for row in rows)
        )
    return folder / "exp"


def test_a_folder_of_ray_tune_s_is_read_by_the_new_study_s_goal(tmp_path):
    result = danlu.tune(train, SPACE, minimize="loss", trials=1, past=ray_folder(tmp_path), seed=2)
    ((name, losses),) = recalled(result)
    assert (name, len(losses)) == ("exp", 3)
    with pytest.raises(SettingError, match=r"no trial of exp reported score. They reported: loss"):
        danlu.tune(train, SPACE, maximize="score", trials=1, past=tmp_path / "exp")


def test_a_database_is_found_by_its_url_as_well(old, tmp_path, monkeypatch):
    monkeypatch.chdir(optuna_file(tmp_path).parent)
    for url, count in (
        ("sqlite:///optuna.db", 12),
        (f"sqlite:///{tmp_path}/optuna.db", 12),
        (f"sqlite://{old}", 25),
    ):
        ((_, losses),) = recalled(danlu.tune(train, SPACE, minimize="loss", trials=1, past=url, seed=2))
        assert len(losses) == count
    with pytest.raises(SettingError, match="is not there"):
        danlu.tune(train, SPACE, minimize="loss", trials=1, past="sqlite:///optima.db")
    assert not (tmp_path / "optima.db").exists()


def test_the_same_file_is_the_same_past_however_it_is_written(old, tmp_path, monkeypatch):
    how = {"minimize": "loss", "store": tmp_path / "s.db", "seed": 2}
    monkeypatch.chdir(old.parent)
    danlu.tune(train, SPACE, trials=1, past=old.name, **how)
    for spelled in (f"./{old.name}", old, str(old), f"../{old.parent.name}/{old.name}"):
        danlu.tune(train, SPACE, trials=1, past=spelled, **how)
    with pytest.raises(SettingError, match="is not to learn from"):
        danlu.tune(train, SPACE, trials=2, past=f"{old}#old", **how)


@pytest.mark.parametrize("between", [";", "\t"])
def test_a_table_may_be_parted_otherwise(between, tmp_path):
    rows = ["lr,layers,kind,loss", "0.01,3,a,0.5", "0.1,2,b,0.75", "0.2,1,,", ",4,c,1", "x,1,a,2"]
    (tmp_path / "t.csv").write_text("\n".join(rows).replace(",", between))
    ((_, losses),) = recalled(
        danlu.tune(train, SPACE, minimize="loss", trials=1, past=tmp_path / "t.csv", seed=2)
    )
    assert losses == (0.5, 0.75, 1.0)


REFUSED = [
    ({"past": "nowhere.db"}, "past='nowhere.db' is not there"),
    ({"past": [3]}, "past=... takes results, studies, stores and files, got 3"),
    ({"past": "{old}", "sampler": "tpe"}, "TPE learns from this study's own trials alone"),
    ({"past": "{old}", "minimize": ["loss", "time"]}, "compared by one metric, and the goal has 2"),
    ({"past": "{old}#new"}, "there is no study 'new' in the past's store. It has: old"),
    ({"past": "{old}", "space": {"lr": danlu.Float(2, 3)}}, "nothing can be learned from past="),
    ({"past": ""}, "past='' is not there"),
    ({"past": "{old}", "space": {"x": danlu.Float(2, 3)}}, "it shares no parameter with this space"),
    ({"past": "{folder}/utf16.csv"}, "cannot be read: 'utf-8' codec can't decode"),
    ({"past": "{folder}/utf16.csv"}, "Save it as UTF-8."),
    ({"past": "{folder}/wide.csv"}, "cannot be read: field larger than field limit"),
    ({"past": "{folder}/one.csv"}, "'one' has 1 trial with a result that lie"),
    ({"past": "{folder}/nowhere"}, "no trial of nowhere reported loss"),
    ({"past": "{text}"}, "is no store of danlu's, no database or journal of Optuna's and no .csv"),
]


@pytest.mark.parametrize(("how", "sentence"), REFUSED, ids=lambda each: str(each)[:50])
def test_what_cannot_be_learned_from_is_refused_before_any_work(how, sentence, old, tmp_path):
    (tmp_path / "notes.txt").write_text("nothing\n")
    (tmp_path / "utf16.csv").write_text("lr,loss\n0.1,1\n", encoding="utf-16")
    (tmp_path / "wide.csv").write_text(f'lr,loss\n"{"x" * 200_000}",1\n')
    (tmp_path / "one.csv").write_text("lr,loss\n0.1,1\n0.1,nan\n")
    (tmp_path / "nowhere").mkdir()
    how = {"minimize": "loss", "space": SPACE, "trials": 2} | how
    if isinstance(how["past"], str):
        how["past"] = how["past"].format(old=old, text=tmp_path / "notes.txt", folder=tmp_path)
    with pytest.raises(SettingError, match=None) as error:
        danlu.tune(train, store=tmp_path / "s.db", **how)
    assert sentence in str(error.value)


def test_a_study_that_has_begun_keeps_to_what_it_began_with(old, tmp_path):
    how = {"minimize": "loss", "store": tmp_path / "s.db"}
    danlu.tune(train, SPACE, trials=2, name="without", **how)
    with pytest.raises(SettingError, match="has begun without earlier studies"):
        danlu.tune(train, SPACE, trials=4, name="without", past=old, **how)
    danlu.tune(train, SPACE, trials=2, name="with", past=old, **how)
    with pytest.raises(SettingError, match="has begun with past="):
        danlu.tune(train, SPACE, trials=4, name="with", past=f"{old}#old", **how)


def test_points_of_a_tree_know_what_is_missing():
    """A parameter that was not active is not missed; one that was, or may have been, is."""
    space = Space(
        {"opt": danlu.Switch(sgd={"momentum": danlu.Float(0, 1)}, adam={}), "lr": danlu.Float(0, 1)}
    )
    names = [slot.name for slot in space.slots]
    momentum = next(name for name in names if name.endswith("momentum"))

    def known(*points):
        event = ev.Recalled("old", "", ev.pack_points(list(points)), (0.0,) * len(points), "", 0.0)
        return dict(zip(names, Past.read(event, space).known.tolist(), strict=True))

    assert all(known({"opt": "adam", "lr": 0.1}, {"opt": "sgd", momentum: 0.2, "lr": 0.2}).values())
    assert not known({"opt": "sgd", "lr": 0.1})[momentum]
    unsaid = known({"lr": 0.1}, {"lr": 0.3})
    assert unsaid == {"opt": False, momentum: False, "lr": True}


def test_a_space_that_is_changed_takes_its_past_along(old, tmp_path):
    how = {"minimize": "loss", "store": tmp_path / "s.db", "seed": 2}
    danlu.tune(train, SPACE, trials=2, past=old, **how)
    wider = danlu.tune(
        train, SPACE | {"lr": danlu.Float(1e-4, 10, log=True)}, trials=6, past=old, extend=True, **how
    )
    assert len(wider.trials) == 6
    assert len(recalled(wider)[0][1]) == 25


def test_the_command_line_takes_them_too(old, tmp_path):
    (tmp_path / "train.py").write_text(
        "import math\ndef f(lr=0.1, layers=2):\n    return abs(math.log10(lr) + 2) + abs(layers - 3) / 5\n"
    )
    run = [
        sys.executable,
        "-m",
        "danlu",
        "run",
        "train.py:f",
        "--minimize",
        "loss",
        "-n",
        "3",
        "--store",
        "s.db",
        "--past",
    ]

    def ran(past):
        return subprocess.run([*run, past], cwd=tmp_path, capture_output=True, text=True)

    assert "--past nowhere.db is not there" in ran("nowhere.db").stderr
    done = ran(str(old))
    assert done.returncode == 0, done.stderr
    with danlu.open_study(store=tmp_path / "s.db", name="f") as study:
        assert [event.name for event in study.result.history.definition.recalled] == ["old"]
