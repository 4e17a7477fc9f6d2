"""``danlu.optuna``: everyday code of Optuna's over danlu's studies, and what a study adds."""

import logging
import math
import pickle
import signal
import subprocess
import sys
import textwrap
from datetime import datetime

import optuna as theirs
import pytest
from optuna.trial import TrialState

import danlu
import danlu.optuna as optuna  # noqa: PLR0402 - the line that people change
from danlu.compat.optuna.conditions import Draws, arranged, lies_in
from danlu.compat.optuna.distributions import parameter_of
from danlu.contracts.protocols import Terms
from danlu.errors import BudgetError, Fenced, KeepError
from danlu.journal import events as ev

theirs.logging.set_verbosity(theirs.logging.ERROR)


def bowl(trial):
    x = trial.suggest_float("x", -5, 5)
    n = trial.suggest_int("n", 1, 9, log=True)
    kind = trial.suggest_categorical("kind", ["a", "b", None])
    return (x - 2) ** 2 + n + (kind != "b")


def curve(trial):
    floor = trial.suggest_float("floor", 0, 1)
    for step in range(30):
        trial.report(floor + 1 / (step + 1), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return floor


def test_everyday_code_is_a_danlu_study():
    study = optuna.create_study(study_name="bowl")
    study.optimize(bowl, n_trials=25)
    assert study.best_value < 1.1
    assert isinstance(study.sampler, optuna.Sampler)
    assert isinstance(study.pruner, optuna.Pruner)
    result = optuna.result(study)
    assert result.best.value == study.best_value
    assert result.best.params == study.best_params
    assert [trial.params for trial in result.trials] == [trial.params for trial in study.trials]
    assert any("Gaussian process leads" in line for line in result.why())


def test_the_first_trial_is_the_middle_and_a_seed_repeats_it_all():
    def params(seed):
        study = optuna.create_study(sampler=optuna.Sampler(seed=seed))
        study.optimize(bowl, n_trials=12)
        return [trial.params for trial in study.trials]

    first = params(1)
    assert first[0] == {"x": 0.0, "n": danlu.Int(1, 9, log=True).decode(0.5), "kind": "b"}
    assert params(1) == first
    assert params(2)[1:] != first[1:]


def test_what_is_named_is_used():
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=1), pruner=optuna.pruners.MedianPruner()
    )
    study.optimize(bowl, n_trials=5)
    same = theirs.create_study(sampler=theirs.samplers.TPESampler(seed=1))
    same.optimize(bowl, n_trials=5)
    assert [trial.params for trial in study.trials] == [trial.params for trial in same.trials]
    assert type(study.pruner) is theirs.pruners.MedianPruner


THEIR_SAMPLERS = {
    "TPE": lambda: theirs.samplers.TPESampler(seed=1, n_startup_trials=3, constant_liar=True),
    "CMA-ES": lambda: theirs.samplers.CmaEsSampler(
        seed=1, n_startup_trials=2, warn_independent_sampling=False
    ),
    "NSGA-II": lambda: theirs.samplers.NSGAIISampler(seed=1, population_size=6),
    "QMC": lambda: theirs.samplers.QMCSampler(seed=1, scramble=True),
    "grid": lambda: theirs.samplers.GridSampler({"floor": [0.1, 0.5, 0.9], "n": [1, 2, 3, 4]}, seed=1),
    "ours": lambda: optuna.Sampler("random", seed=1),
}
THEIR_PRUNERS = {
    "median": lambda: theirs.pruners.MedianPruner(n_startup_trials=2),
    "halving": lambda: theirs.pruners.SuccessiveHalvingPruner(),
    "hyperband": lambda: theirs.pruners.HyperbandPruner(min_resource=1, max_resource=9, reduction_factor=3),
    "patient": lambda: theirs.pruners.PatientPruner(
        theirs.pruners.MedianPruner(n_startup_trials=2), patience=1
    ),
    "ours": lambda: optuna.Pruner("median"),
}


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize(
    ("sampler", "pruner"),
    [*((each, "median") for each in THEIR_SAMPLERS), *(("TPE", each) for each in THEIR_PRUNERS), ("ours", "hyperband")],
)  # fmt: skip
def test_a_danlu_store_gives_every_sampler_and_pruner_what_optuna_s_own_storage_gives(sampler, pruner):
    def objective(trial):
        floor = trial.suggest_float("floor", 0, 1) + 0.1 * trial.suggest_int("n", 1, 4)
        for step in range(9):
            trial.report(floor + (1 + floor) / (step + 1), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        trial.set_user_attr("steps", [step])
        return floor

    def trials(storage):
        study = theirs.create_study(
            storage=storage,
            study_name="same",
            sampler=THEIR_SAMPLERS[sampler](),
            pruner=THEIR_PRUNERS[pruner](),
        )
        storage.set_study_system_attr(study._study_id, "danlu:seed", 5)
        study.enqueue_trial({"floor": 0.25, "n": 2})
        study.optimize(objective, n_trials=12)
        return [fields(each, _datetime_start=0, datetime_complete=0) for each in study.trials]

    found = trials(optuna.Storage())
    assert found == trials(theirs.storages.InMemoryStorage())
    assert any("PRUNED" in each for each in found) or pruner == "patient"  # all of these curves go on falling


def test_modules_are_the_host_s_own():
    from danlu.optuna.samplers import TPESampler
    from danlu.optuna.study import MaxTrialsCallback, create_study
    from danlu.optuna.trial import TrialState as State

    assert TPESampler is theirs.samplers.TPESampler
    assert optuna.samplers is theirs.samplers
    assert State is TrialState
    assert MaxTrialsCallback is theirs.study.MaxTrialsCallback
    assert create_study is optuna.create_study is optuna.study.create_study
    assert theirs.samplers.__spec__.name == "optuna.samplers"
    assert optuna.__version__ == theirs.__version__
    assert set(theirs.__all__) - {"__version__"} <= set(dir(optuna))
    with pytest.raises(AttributeError, match="danlu.optuna has no nonsense"):
        optuna.nonsense  # noqa: B018


def test_ask_tell_enqueue_attributes_and_tables():
    study = optuna.create_study(direction="maximize")
    study.set_user_attr("data", "digits")
    study.enqueue_trial({"x": 4.0}, user_attrs={"why": "a guess"})
    study.add_trial(
        optuna.create_trial(value=1.5, params={"x": 1.0}, distributions={"x": optuna.distributions.FloatDistribution(-5, 5)})
    )  # fmt: skip
    trial = study.ask()
    assert trial.number == 0
    assert trial.suggest_float("x", -5, 5) == 4.0
    trial.set_user_attr("size", {"layers": [1, 2]})
    study.tell(trial, 7.0)
    other = study.ask({"x": optuna.distributions.FloatDistribution(-5, 5)})
    study.tell(other.number, state=TrialState.FAIL)
    assert study.best_trial.number == 0
    assert study.best_trial.user_attrs == {"why": "a guess", "size": {"layers": [1, 2]}}
    frame = study.trials_dataframe(attrs=("number", "value", "params", "state"))
    assert list(frame["state"]) == ["COMPLETE", "COMPLETE", "FAIL"]
    assert study.user_attrs == {"data": "digits"}
    assert not [line for line in optuna.result(study).why() if "digits" in line]


def test_callbacks_catch_and_stop():
    seen = []

    def fragile(trial):
        value = bowl(trial)
        if trial.number % 3 == 1:
            raise ZeroDivisionError
        return value

    study = optuna.create_study()
    study.optimize(
        fragile, n_trials=30, catch=(ZeroDivisionError,),
        callbacks=[optuna.study.MaxTrialsCallback(6, states=(TrialState.COMPLETE,)), lambda _, trial: seen.append(trial.number)],
    )  # fmt: skip
    states = [trial.state for trial in study.trials]
    assert states.count(TrialState.COMPLETE) == 6
    assert TrialState.FAIL in states
    assert seen == list(range(len(states)))
    study.optimize(bowl, n_trials=9, callbacks=[lambda study, _: study.stop()])
    assert len(study.trials) == len(states) + 1
    failed = optuna.result(study).trials[1]
    assert failed.status is danlu.Status.FAILED
    with pytest.raises(ZeroDivisionError):
        study.optimize(fragile, n_trials=3)


@pytest.mark.parametrize("store", ["", "s.db"])
def test_threads_share_a_study(store, tmp_path):
    study = optuna.create_study(storage=tmp_path / store if store else None)
    study.optimize(bowl, n_trials=16, n_jobs=4)
    assert [trial.number for trial in study.trials] == list(range(16))
    assert len({tuple(trial.params.items()) for trial in study.trials}) > 12


def test_the_default_pruner_gives_poor_trials_up_and_says_why():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(curve, n_trials=40)
    pruned = study.get_trials(states=[TrialState.PRUNED])
    assert len(pruned) > 8
    assert study.best_value == min(
        trial.params["floor"] for trial in study.trials
    )  # what was pruned was worse
    again = optuna.Pruner()  # what it has learned follows from the trials, as after a kill
    again._mirrored(study).follow(study.trials, -1)
    study.pruner._mirror[1].follow(study.trials, -1)
    one, other = (each._mirror[1].algorithms._scheduler for each in (study.pruner, again))
    assert (one.doubts, one.right, one.wrong, one.bar) == (other.doubts, other.right, other.wrong, other.bar)
    assert len(one.doubts) >= len(pruned)
    verdict = pruned[0].system_attrs["danlu:verdict"]
    assert "its chance to beat the best value is" in verdict["reason"]
    result = optuna.result(study)
    assert result.trials[pruned[0].number].reason == verdict["reason"]
    assert result.trials[pruned[0].number].status is danlu.Status.STOPPED


def test_a_pruner_heeds_the_direction():
    def ends(direction, sign):
        def objective(trial):
            floor = trial.suggest_float("floor", 0, 1)
            for step in range(30):
                trial.report(sign * (floor + 1 / (step + 1)), step)
                if trial.should_prune():
                    raise optuna.TrialPruned
            return sign * floor

        study = optuna.create_study(direction=direction, sampler=optuna.samplers.RandomSampler(seed=1))
        study._storage.set_study_system_attr(study._study_id, "danlu:seed", 1)  # which says who is trained on
        study.optimize(objective, n_trials=30)
        return [trial.state.name for trial in study.trials]

    falling = ends("minimize", 1)
    assert falling.count("PRUNED") > 5
    assert ends("maximize", -1) == falling


def test_other_schedulers_prune_too():
    study = optuna.create_study(
        sampler=optuna.samplers.RandomSampler(seed=1), pruner=optuna.Pruner("asha", steps=29)
    )
    study.optimize(curve, n_trials=20)
    assert 5 < len(study.get_trials(states=[TrialState.PRUNED])) < 20


def test_several_directions():
    study = optuna.create_study(directions=["minimize", "maximize"])
    study.optimize(
        lambda trial: (trial.suggest_float("x", 0, 2) ** 2, -((trial.params["x"] - 2) ** 2)), n_trials=20
    )
    assert len(study.best_trials) > 5
    assert {trial.number for trial in study.best_trials} == {
        trial.number for trial in optuna.result(study).front
    }


def limited(trial):
    x, y = trial.suggest_float("x", -5, 5), trial.suggest_float("y", -5, 5)
    trial.set_user_attr("limits", [2 - x, 1 - y])
    return x**2 + y**2


def test_constraints_are_kept():
    study = optuna.create_study(
        sampler=optuna.Sampler(seed=0, constraints_func=lambda trial: trial.user_attrs["limits"])
    )
    study.optimize(limited, n_trials=25)
    assert 5 <= study.best_value < 5.3
    assert all(value <= 0 for value in study.best_trial.constraints.values())
    (line,) = [line for line in optuna.result(study).why() if "constraints" in line]
    assert "result.best, the front and the page do not" in line


def test_a_study_without_constraints_says_nothing_of_them():
    study = optuna.create_study()
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    assert not [line for line in optuna.result(study).why() if "constraints" in line]


def test_a_new_study_is_logged_as_optuna_logs_it():
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.INFO)
    optuna.logging.disable_default_handler()
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    optuna.logging.get_logger("optuna").addHandler(handler)
    try:
        optuna.create_study(study_name="seen")
    finally:
        optuna.logging.get_logger("optuna").removeHandler(handler)
        optuna.logging.enable_default_handler()
        optuna.logging.set_verbosity(level)
    assert [
        line
        for line in lines
        if line.startswith("A new study created in") and line.endswith("with name: seen")
    ]


def test_constraints_of_a_trial_itself_are_kept():
    def objective(trial):
        value = limited(trial)
        for name, each in zip("ab", trial.user_attrs["limits"], strict=True):
            trial.set_constraint(name, each)
        return value

    study = optuna.create_study(sampler=optuna.Sampler(seed=0))
    study.optimize(objective, n_trials=25)
    assert 5 <= study.best_value < 5.3


def test_parameters_that_depend_on_others():
    def objective(trial):
        if trial.suggest_categorical("kind", ["line", "circle"]) == "line":
            return abs(trial.suggest_float("slope", -3, 3) - 1)
        return 1 + trial.suggest_float("radius", 0, 1)

    study = optuna.create_study(sampler=optuna.Sampler(seed=0))
    study.optimize(objective, n_trials=40)
    assert study.best_value < 0.1
    assert study.best_params["kind"] == "line"
    assert {frozenset(trial.params) for trial in study.trials} == {
        frozenset({"kind", "slope"}),
        frozenset({"kind", "radius"}),
    }


def test_the_ends_of_a_range_are_not_proposed_but_may_be_enqueued():
    def objective(trial):
        return (
            trial.suggest_float("x", 0, 1)
            + trial.suggest_float("y", -2, 1) ** 2
            - trial.suggest_float("z", 0, 1, step=0.5)
        )

    study = optuna.create_study(sampler=optuna.Sampler(seed=0))
    study.optimize(objective, n_trials=20)
    assert 0 < study.best_params["x"] < 1e-6  # as good as its end
    assert study.best_params["z"] == 1.0
    study.enqueue_trial({"x": 0.0, "y": -2.0, "z": 0.0})
    study.optimize(objective, n_trials=1)
    assert study.trials[-1].params == {"x": 0.0, "y": -2.0, "z": 0.0}


def test_what_parameters_hang_on_is_learned():
    def network(trial):
        layers = trial.suggest_int("layers", 1, 4)
        units = sum(abs(trial.suggest_int(f"units{at}", 4, 64, log=True) - 20) for at in range(layers))
        slow = trial.suggest_categorical("opt", ["sgd", "adam"]) == "sgd" and trial.suggest_float(
            "momentum", 0, 1
        )
        return units / 10 + (layers - 3) ** 2 + slow

    study = optuna.create_study(sampler=optuna.Sampler(seed=1))
    study.optimize(network, n_trials=30)
    assert study.best_value < 0.5
    assert study.best_params["layers"] == 3
    drawn = [_draws(trial) for trial in study.trials]
    slots = {slot.name: slot for slot in arranged(drawn).slots}
    names = list(slots)
    assert slots["layers"].parameter == danlu.Choice([1, 2, 3, 4], ordered=True)
    assert slots["units0"].parent == -1
    assert (names[slots["units3"].parent], slots["units3"].options) == ("layers", (3,))
    assert (names[slots["units1"].parent], slots["units1"].options) == ("layers", (1, 2, 3))
    assert (names[slots["momentum"].parent], slots["momentum"].options) == ("opt", (0,))
    assert all(lies_in(arranged(drawn), each) for each in drawn)
    whole = next(each for each in drawn if "momentum" in each.values)
    less = Draws(*({name: each for name, each in part.items() if name != "momentum"} for part in whole))
    assert not lies_in(arranged(drawn), less)
    assert arranged([*drawn, less]) is None  # the same option with and without: chance, or what no name says


def _draws(trial):
    return Draws({name: parameter_of(each) for name, each in trial.distributions.items()}, trial.params)


def test_ranges_that_move_are_no_declared_space():
    study = optuna.create_study(sampler=optuna.Sampler(seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", -trial.number - 1, 1) ** 2, n_trials=15)
    assert arranged([_draws(trial) for trial in study.trials]) is None
    assert study.best_value < 0.1
    why = study.sampler.why(study)
    assert "Gaussian process leads: with 1 parameter and 1 goal" in why


def test_things_that_no_journal_keeps_stay_in_memory_and_are_refused_by_a_file(tmp_path):
    class Model:
        pass

    model = Model()
    study = optuna.create_study()
    trial = study.ask()
    trial.set_user_attr("model", model)
    with pytest.warns(UserWarning, match="persistent storage"):
        chosen = trial.suggest_categorical("layers", [(8, 8), (4,)])
    assert type(chosen) is tuple
    study.tell(trial, 1.0)
    (kept,) = study.get_trials(deepcopy=False)
    assert kept.user_attrs["model"] is model
    assert kept.params == {"layers": chosen}
    assert optuna.result(study).best.params == {"layers": str(chosen)}
    other = optuna.create_study(storage=tmp_path / "s.db").ask()
    with pytest.raises(KeepError, match=r"as the attribute 'model'. Keep str\(value\)"):
        other.set_user_attr("model", model)


@pytest.mark.parametrize("url", ["danlu:///s.db", "danlu:///{}/s.db", "sqlite:///s.db"])
def test_a_store_is_named_like_a_database(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url = url.format(tmp_path)
    optuna.create_study(study_name="kept", storage=url).optimize(bowl, n_trials=3)
    study = optuna.load_study(study_name="kept", storage=url)
    assert len(study.trials) == 3
    assert optuna.get_all_study_names(url) == ["kept"]
    with pytest.raises(optuna.exceptions.DuplicatedStudyError):
        optuna.create_study(study_name="kept", storage=url)
    again = optuna.create_study(study_name="kept", storage=url, load_if_exists=True)
    again.optimize(bowl, n_trials=1)
    (summary,) = optuna.get_all_study_summaries(url)
    assert summary.n_trials == 4
    assert len(optuna.result(again).trials) == 4
    if url.startswith("danlu"):
        with danlu.open_study(store=tmp_path / "s.db", name="kept") as opened:
            assert len(opened.result.trials) == 4
    optuna.delete_study(study_name="kept", storage=url)
    assert optuna.get_all_study_names(url) == []


def test_what_a_person_says_to_the_study_is_heeded(tmp_path):
    study = optuna.create_study(study_name="s", storage=tmp_path / "s.db")
    study.optimize(bowl, n_trials=2)
    with danlu.open_study(store=tmp_path / "s.db", name="s") as opened:
        opened.control.enqueue({"x": 2.0, "n": 1, "kind": "b"})
    study.optimize(bowl, n_trials=1)
    assert study.trials[-1].params == {"x": 2.0, "n": 1, "kind": "b"}
    with danlu.open_study(store=tmp_path / "s.db", name="s") as opened:
        opened.control.pause("lunch")
    with pytest.raises(BudgetError, match=r"the study was paused by .*: lunch. Resume it first"):
        study.optimize(bowl, n_trials=1)
    with danlu.open_study(store=tmp_path / "s.db", name="s") as opened:
        opened.control.resume()

    def ended(trial):
        with danlu.open_study(store=tmp_path / "s.db", name="s") as opened:
            opened.control.prune(trial.number)
        return curve(trial)

    study.optimize(ended, n_trials=1)
    assert study.trials[-1].state is TrialState.PRUNED
    assert len(study.trials[-1].intermediate_values) == 1


def test_a_study_of_danlu_s_own_is_read():
    store = danlu.stores.MemoryStore()
    space = {
        "opt": danlu.Switch(sgd={"momentum": danlu.Float(0, 1)}, adam={}),
        "lr": danlu.Float(1e-4, 1, log=True),
        "depth": 3,
    }
    result = danlu.tune(
        lambda trial: {"loss": trial["lr"], "size": 1}, space, minimize="loss", trials=12, store=store, name="own", seed=0
    )  # fmt: skip
    study = optuna.load_study(study_name="own", storage=store)
    assert study.best_trial.number == result.best.number
    assert [trial.params for trial in study.trials] == [trial.params for trial in result.trials]
    assert study.trials[0].distributions["lr"] == optuna.distributions.FloatDistribution(1e-4, 1, log=True)


def test_a_pickled_study_goes_on(tmp_path):
    for storage in (None, tmp_path / "s.db"):
        study = optuna.create_study(storage=storage)
        study.optimize(bowl, n_trials=3)
        again = pickle.loads(pickle.dumps(study))
        again.optimize(bowl, n_trials=2)
        assert len(again.trials) == 5
        assert [trial.params for trial in again.trials[:3]] == [trial.params for trial in study.trials[:3]]


def test_a_trial_that_another_process_took_over_is_fenced(tmp_path):
    study = optuna.create_study(study_name="s", storage=tmp_path / "s.db")
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    study._storage.store.journal("s").append(  # as another process does when the lease of this one has run out
        [(None, ev.Resumed(0, 2, "elsewhere", 1.0, True, anew=True))], Terms(grants=((0, 2),), worker="elsewhere")
    )  # fmt: skip
    for late in (
        lambda: trial.report(1.0, 1),
        lambda: trial.set_user_attr("a", 1),
        lambda: trial.suggest_int("n", 1, 3),
        lambda: study.tell(trial, 1.0),
    ):
        with pytest.raises(Fenced, match="attempt 1 of trial 0 is over"):
            late()
    other = optuna.load_study(study_name="s", storage=tmp_path / "s.db")
    other.tell(0, 3.0)  # who never had it may say what came of it, as in Optuna
    assert study.best_value == 3.0


DIES = textwrap.dedent(
    """
    import os, signal
    import danlu.optuna as optuna

    trial = optuna.load_study(study_name="s", storage="danlu:///s.db").ask()
    trial.suggest_float("x", 0, 1)
    trial.set_user_attr("host", "first")
    for step in range(3):
        trial.report(9.0, step)
    os.kill(os.getpid(), signal.SIGKILL)
    """
)


def test_a_trial_whose_process_died_begins_anew_three_times_at_most(tmp_path, capsys):
    study = optuna.create_study(study_name="s", storage=tmp_path / "s.db")

    def die():
        command = [sys.executable, "-c", DIES]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == -signal.SIGKILL

    die()
    dead = study.trials[0]
    assert dead.state is TrialState.RUNNING
    assert dead.intermediate_values == {0: 9.0, 1: 9.0, 2: 9.0}
    trial = study.ask()
    assert trial.number == 0
    assert trial.suggest_float("x", 0, 1) == dead.params["x"]
    trial.report(1.0, 0)
    study.tell(trial, 1.0)
    assert study.trials[0].intermediate_values == {0: 1.0}
    assert study.trials[0].user_attrs == {"host": "first"}
    assert optuna.result(study).trials[0].curve.steps == (0,)
    for _ in range(3):
        die()
    assert study.trials[1].state is TrialState.RUNNING
    assert study.ask().number == 2
    assert study.trials[1].state is TrialState.FAIL
    assert "trial 1 is given up: its process died 3 times" in capsys.readouterr().err


def test_reports_that_go_back_are_kept_beside_the_curve():
    study = optuna.create_study()
    trial = study.ask()
    for step, value in ((5, 1.0), (2, 3.0), (7, 0.5)):
        trial.report(value, step)
    study.tell(trial, 0.5)
    assert study.trials[0].intermediate_values == {5: 1.0, 2: 3.0, 7: 0.5}
    assert optuna.result(study).trials[0].curve.steps == (5, 7)


KILLED = textwrap.dedent(
    """
    import os, signal, sys
    import danlu.optuna as optuna

    die_at, store, sampler = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    reports = 0

    def objective(trial):
        global reports
        floor = trial.suggest_float("floor", 0, 1) + 0.1 * trial.suggest_int("n", 1, 4)
        for step in range(1, 21):
            reports += 1
            if reports == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            trial.report(floor + 1 / step, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return floor + trial.suggest_categorical("late", [0.0, 0.01])

    study = optuna.create_study(study_name="s", storage=store, load_if_exists=True, sampler=optuna.Sampler(sampler))
    if not study.user_attrs:
        study.set_user_attr("begun", True)
        study._storage.set_study_system_attr(study._study_id, "danlu:seed", 3)
    study.optimize(objective, callbacks=[optuna.study.MaxTrialsCallback(int(sys.argv[4]), states=None)])
    for trial in study.trials:
        print(trial.number, trial.state.name, trial.values, trial.params, sorted(trial.intermediate_values.items()))
    """
)


@pytest.mark.parametrize(
    ("sampler", "trials", "state"),
    [pytest.param("random", 50, "PRUNED", marks=pytest.mark.fault), ("auto", 11, "PRUNED")],
)
def test_a_killed_search_goes_on_and_comes_to_the_same(sampler, trials, state, tmp_path):
    def run(store, die_at):
        command = [sys.executable, "-c", KILLED, str(die_at), f"danlu:///{store}", sampler, str(trials)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    whole = run("whole.db", 0)
    assert whole.returncode == 0, whole.stderr
    assert state in whole.stdout
    assert run("killed.db", 90).returncode == -signal.SIGKILL
    assert run("killed.db", 50).returncode == -signal.SIGKILL
    again = run("killed.db", 0)
    assert again.returncode == 0, again.stderr
    assert "is taken up again: the process that ran it died" in again.stderr
    assert again.stdout == whole.stdout


SHARED = textwrap.dedent(
    """
    import sys
    import danlu.optuna as optuna

    study = optuna.load_study(study_name="s", storage="danlu:///s.db", sampler=optuna.Sampler("random"))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=12)
    """
)


def test_processes_share_a_study_and_each_enqueued_point_is_tried_once(tmp_path):
    study = optuna.create_study(study_name="s", storage=tmp_path / "s.db")
    for at in range(10):
        study.enqueue_trial({"x": at / 10})
    workers = [
        subprocess.Popen([sys.executable, "-c", SHARED], cwd=tmp_path, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for worker in workers:
        _, said = worker.communicate()
        assert worker.returncode == 0, said
    trials = study.trials
    assert [trial.number for trial in trials] == list(range(36))
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert [trial.params["x"] for trial in trials[:10]] == [at / 10 for at in range(10)]
    assert not {trial.params["x"] for trial in trials[10:]} & {at / 10 for at in range(10)}
    assert all(trial.attempt == 2 for trial in optuna.result(study).trials[:10])  # one after it had waited


def test_the_door_imports_no_other_and_names_the_extra_that_is_missing():
    code = "import sys, danlu.optuna; print([n for n in sys.modules if n.startswith('danlu.compat.') and 'optuna' not in n and n not in {'danlu.compat.naming', 'danlu.compat.host'}])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout.strip() == "[]", ran.stderr
    code = "import sys; sys.modules['optuna'] = None; import danlu.optuna"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'danlu.optuna needs Optuna: pip install "danlu[optuna]"' in ran.stderr


def test_figures_are_danlu_s_where_plotly_is_missing(monkeypatch):
    pytest.importorskip("matplotlib").use("Agg")
    study = optuna.create_study()
    study.optimize(bowl, n_trials=12)
    if not theirs.visualization.is_available():
        assert optuna.visualization.plot_optimization_history(study).get_ylabel() == "value"
        assert optuna.visualization.plot_param_importances(study).get_xlabel().startswith("share of value")
    assert optuna.visualization.is_available()


def test_what_optuna_cannot_hold_is_said():
    store = danlu.stores.MemoryStore()

    def train(trial):
        for step in range(1, 28):
            trial.save(step, {"at": step})
            trial.report(step, loss=trial["x"] + 1 / step, accuracy=0.5)
        trial.move(lr=0.5)

    danlu.tune(
        train, {"x": danlu.Float(0, 1), "lr": danlu.Float(0, 1)}, goal=danlu.Goal.of(minimize="loss", limits=["accuracy <= 0.75"]),
        trials=12, store=store, name="s", seed=0, scheduler=danlu.schedulers.ASHA(high=27), keep="all",
    )  # fmt: skip
    with danlu.open_study(store=store, name="s") as opened:
        opened.control.set_aside([0], "a wrong machine")
    storage = theirs.storages.InMemoryStorage()
    said = optuna.write(store, storage, study_name="there")
    assert (
        said[-4:]
        == [
            "trials that were set aside have failed there: 1.",
            "checkpoints stay in the store.",
            "parameters that changed while a trial ran are there as it began.",
        ]
        or said
    )
    study = optuna.load_study(study_name="there", storage=storage)
    assert study.trials[0].state is TrialState.FAIL
    assert study.best_trial.constraints == {"accuracy": -0.25}
    with pytest.raises(danlu.errors.StoreError, match="got 'sqlite:///a.db'. Use copy_study"):
        optuna.write("sqlite:///a.db", storage)
    with pytest.raises(danlu.errors.StoreError, match="name one of the studies: there is none"):
        optuna.write(danlu.stores.MemoryStore(), storage)


def fields(trial, **without):
    """All that a trial is but its identity, in a form in which NaN equals itself."""
    kept = (
        vars(trial)
        | without
        | {"_trial_id": 0, "intermediate_values": sorted(trial.intermediate_values.items())}
    )
    return repr(
        {
            name: sorted(each.items()) if isinstance(each, dict) else each
            for name, each in sorted(kept.items())
        }
    )


def test_every_field_of_a_trial_survives_the_way_there_and_back(tmp_path):
    original = theirs.storages.InMemoryStorage()
    study = theirs.create_study(study_name="all", storage=original, directions=["maximize"])
    study.set_user_attr("data", {"rows": 3, "scale": [0.5, math.inf]})
    distributions = {
        "x": optuna.distributions.FloatDistribution(0, 1, step=0.25),
        "one": optuna.distributions.IntDistribution(3, 3),
        "kind": optuna.distributions.CategoricalDistribution(("a", None, 1, 1.5)),
    }
    begun = datetime.fromisoformat("2024-05-06T07:08:09.123456")
    ended = datetime.fromisoformat("2024-05-06T07:09:09.654321")
    base = {"params": {"x": 0.75, "one": 3, "kind": None}, "distributions": distributions, "user_attrs": {"note": "fine", "door:odd": 1}}  # fmt: skip
    for more in (
        {"value": 1.5, "intermediate_values": {0: 0.5, 3: math.nan, -1: 2.0, 2**60: 1.0}},
        {"value": math.inf, "system_attrs": {"constraints": [0.5, -1.0]}},
        {"state": TrialState.PRUNED, "value": 0.25, "intermediate_values": {1: 0.125, 2: 0.25}},
        {"state": TrialState.PRUNED, "intermediate_values": {1: 0.125}},
        {"state": TrialState.PRUNED},
        {"state": TrialState.FAIL},
        {"state": TrialState.RUNNING, "intermediate_values": {1: 0.5}},
        {"state": TrialState.WAITING},
    ):
        trial = optuna.create_trial(**base, **more)
        trial.datetime_start = None if trial.state is TrialState.WAITING else begun
        trial.datetime_complete = ended if trial.state.is_finished() else None
        study.add_trial(trial)
    optuna.copy_study(from_study_name="all", from_storage=original, to_storage=tmp_path / "s.db")
    back = f"sqlite:///{tmp_path}/back.db"
    optuna.copy_study(from_study_name="all", from_storage=tmp_path / "s.db", to_storage=back)
    for where in (tmp_path / "s.db", back):
        found = optuna.load_study(study_name="all", storage=where)
        assert found.user_attrs == study.user_attrs
        assert found.directions == study.directions
        assert [fields(trial) for trial in found.trials] == [fields(trial) for trial in study.trials]
    result = optuna.result(optuna.load_study(study_name="all", storage=tmp_path / "s.db"))
    assert [trial.status.name for trial in result.trials] == [
        "DONE", "FAILED", "STOPPED", "FAILED", "FAILED", "FAILED", "RUNNING", "WAITING",
    ]  # fmt: skip
