"""``danlu.hyperopt``: Hyperopt's calls, trials and documents, and what a study adds."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import hyperopt as theirs
import numpy as np
import pytest
from danlu.hyperopt.pyll import scope
from hyperopt.fmin import generate_trials_to_calculate

import danlu
from danlu import hyperopt as ours
from danlu.compat.hyperopt.distributions import hyperparameter
from danlu.compat.hyperopt.spaces import HyperoptSpace
from danlu.errors import ArgumentError, CorruptError, SettingError, SpaceError
from danlu.hyperopt import STATUS_FAIL, STATUS_OK, Trials, hp, rand, tpe

MODEL = {
    "scale": hp.pchoice("scale", [(0.2, None), (0.5, "minmax"), (0.3, ("standard", hp.uniform("clip", 1, 9)))]),
    "model": hp.choice(
        "model",
        [
            {
                "kind": "svm",
                "C": hp.lognormal("C", 0, 1),
                "kernel": hp.choice(
                    "kernel",
                    [
                        {"name": "linear"},
                        {"name": "rbf", "gamma": hp.loguniform("gamma", -6, 0)},
                        {"name": "poly", "degree": hp.uniformint("degree", 2, 5), "coef": hp.normal("coef", 0, 2)},
                    ],
                ),
            },
            {
                "kind": "forest",
                "trees": hp.qloguniform("trees", np.log(10), np.log(500), 10),
                "depth": hp.qlognormal("depth", 1.5, 0.6, 1),
                "share": hp.quniform("share", 0.1, 0.95, 0.05),
                "seed": hp.randint("seed", 7),
            },
            ("constant", hp.qnormal("value", 0, 3, 0.5), hp.randint("lag", 2, 9)),
        ],
    ),
    "rate": scope.float(hp.quniform("rate", 1, 30, 4)),
}  # fmt: skip
"""Every kind, three choices deep."""


def quiet(fn, space, **settings):
    return ours.fmin(fn, space, verbose=False, **settings)


def drawn(space, count, seed=0):
    """Values by label, as Hyperopt draws them."""
    domain = theirs.Domain(lambda _: 0.0, space)
    docs = rand.suggest(list(range(count)), domain, Trials(), seed)
    return [theirs.base.spec_from_misc(doc["misc"]) for doc in docs]


def loss_of(point):
    """Some number that depends on all that a point of ``MODEL`` holds."""
    found, waiting = 0.0, [point]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict | tuple | list):
            waiting += each.values() if isinstance(each, dict) else each
        else:
            found += len(each) if isinstance(each, str) else np.sin(float(each or 0))
    return float(found)


def test_every_kind_nested_is_searched_where_it_is_active():
    space = HyperoptSpace(MODEL).space
    assert {slot.name: (slot.parameter, slot.parent >= 0) for slot in space.slots} == {
        "scale": (danlu.Choice(["None", "minmax", "standard"], prior="minmax"), False),
        "scale.standard.clip": (danlu.Float(1, 9), True),
        "model": (danlu.Choice(["svm", "forest", "constant"]), False),
        "model.svm.C": (danlu.Float(np.exp(-4), np.exp(4), log=True, prior=1.0), True),
        "model.svm.kernel": (danlu.Choice(["linear", "rbf", "poly"]), True),
        "model.svm.kernel.rbf.gamma": (danlu.Float(np.exp(-6), 1.0, log=True), True),
        "model.svm.kernel.poly.degree": (danlu.Int(2, 5), True),
        "model.svm.kernel.poly.coef": (danlu.Float(-8, 8, prior=0.0), True),
        "model.forest.trees / 10": (danlu.Int(1, 50, log=True), True),
        "model.forest.depth + 1": (danlu.Int(1, 50, log=True, prior=5), True),
        "model.forest.share": (danlu.Float(0.1, 0.95, step=0.05), True),
        "model.forest.seed": (danlu.Int(0, 6), True),
        "model.constant.value": (danlu.Float(-12, 12, step=0.5, prior=0.0), True),
        "model.constant.lag": (danlu.Int(2, 8), True),
        "rate": (danlu.Int(0, 32, step=4), False),
    }


def test_values_come_back_as_hyperopt_has_them():
    found = HyperoptSpace(MODEL)
    seen = set()
    for vals in drawn(MODEL, 400):  # none of which is beyond four standard deviations
        point = found.point(vals)
        _, again = found.space.snap(found.space.encode(point))
        assert set(again) == set(point)
        back = found.vals(again)
        assert back.keys() == vals.keys()
        for label, value in vals.items():
            exact = label not in {"clip", "C", "gamma", "coef"}
            assert type(back[label]) is type(value.item())
            assert back[label] == value if exact else np.isclose(back[label], value, rtol=1e-12)
        seen |= set(vals)
    assert seen == set(found.labels)


def test_one_hyperparameter_under_several_options():
    shared, other = hp.uniform("x", 0, 1), hp.uniform("y", 0, 1)
    space = {
        "a": hp.choice("a", [shared, ("b", shared), "none"]),
        "b": hp.choice("b", [other, ("both", other)]),
    }
    found = HyperoptSpace(space)
    assert found.space.names == ("a", "a.x|b.x", "b", "y")
    assert found.vals({"a": "none", "b": "y", "y": 0.5}) == {"a": 2, "b": 0, "y": 0.5}
    assert found.point({"a": 1, "x": 0.25, "b": 0, "y": 1.0}) == {
        "a": "b",
        "a.x|b.x": 0.25,
        "b": "y",
        "y": 1.0,
    }


def test_a_hyperparameter_under_two_choices_is_in_the_documents_it_belongs_to():
    shared = hp.uniform("x", 0, 1)
    space = [hp.choice("a", [shared, "no"]), hp.choice("b", ["no", shared])]
    found = HyperoptSpace(space)
    assert "x" in found.space.names
    assert found.vals({"a": "no", "b": "no", "x": 0.5}) == {"a": 1, "b": 0}
    trials = Trials()
    quiet(lambda point: loss_of(point), space, max_evals=20, trials=trials, rstate=0)
    for doc in trials.trials:
        vals = theirs.base.spec_from_misc(doc["misc"])
        assert ("x" in vals) == (vals["a"] == 0 or vals["b"] == 1)


def test_what_has_one_value_alone_is_no_parameter():
    space = [
        hp.uniform("u", 0, 0),
        hp.choice("c", ["only"]),
        hp.randint("r", 1),
        hp.pchoice("p", [(0, "a"), (1, "b")]),
    ]
    found = HyperoptSpace([*space, hp.uniform("x", 0, 1)])
    assert found.space.names == ("x",)
    assert found.vals({"x": 0.5}) == {"u": 0.0, "c": 0, "r": 0, "p": 1, "x": 0.5}
    best = quiet(lambda each: each[-1], [*space, hp.uniform("x", 0, 1)], max_evals=3, return_argmin=False)
    assert best[:4] == (0.0, "only", 0, "b")


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (hp.uniform("x", 0, hp.uniform("y", 1, 2)), "the high of x depends on another hyperparameter"),
        (hp.loguniform("x", -2000, 0), r"Write hp.loguniform\('x', numpy.log\(low\), numpy.log\(high\)\)"),
        (hp.normal("x", 0, -1), "needs sigma >= 0, got sigma=-1.0 for x"),
        (hp.quniform("x", 0, 1, 0), "x needs q > 0"),
        (hp.quniform("x", 0, 1e30, 1), "more than can be told apart"),
        (scope.hyperopt_param("x", scope.randint_via_categorical([1.0])), "drawn by randint_via_categorical"),
    ],
)
def test_what_cannot_be_searched_is_refused(space, said):
    with pytest.raises(SpaceError, match=said):
        quiet(lambda x: x, space, max_evals=1)


def test_random_search_is_hyperopt_s_to_the_last_bit_with_a_store_and_without():
    their = theirs.Trials()
    theirs.fmin(loss_of, MODEL, algo=theirs.rand.suggest, max_evals=25, trials=their, rstate=np.random.default_rng(3), verbose=False)  # fmt: skip
    for store in (None, danlu.stores.MemoryStore()):
        trials = Trials()
        quiet(loss_of, MODEL, algo=rand.suggest, max_evals=25, trials=trials, rstate=3, store=store)
        assert trials.losses() == their.losses()
        assert trials.vals == their.vals
        assert trials.idxs == their.idxs


def test_documents_are_hyperopt_s():
    trials = Trials()
    best = quiet(loss_of, MODEL, max_evals=25, trials=trials, rstate=0, algo=tpe.suggest)
    (their,) = rand.suggest([0], theirs.Domain(loss_of, MODEL), theirs.Trials(), 0)
    for tid, doc in enumerate(trials.trials):
        assert doc["tid"] == tid
        assert set(doc) == set(their)
        assert set(doc["misc"]) == set(their["misc"])
        assert set(doc["misc"]["vals"]) == set(their["misc"]["vals"])
        vals = theirs.base.spec_from_misc(doc["misc"])
        assert doc["result"]["loss"] == loss_of(ours.space_eval(MODEL, vals))
        assert all(type(value) in (int, float) for value in vals.values())
    assert trials.statuses() == [STATUS_OK] * 25
    assert trials.best_trial["result"]["loss"] == min(trials.losses())
    assert best == trials.argmin
    assert [len(trials.idxs["C"]), len(trials.vals["C"])] == [trials.vals["model"].count(0)] * 2
    assert trials.average_best_error() == min(trials.losses())


def test_it_searches():
    def fn(point):
        return abs(np.log(point["C"]) - 2) + (0 if point["kind"] == "b" else 1)

    space = {"kind": hp.choice("kind", ["a", "b", "c"]), "C": hp.loguniform("C", -5, 5)}
    found = [quiet(fn, space, max_evals=30, rstate=seed, values=True) for seed in range(3)]
    assert all(each["kind"] == "b" and abs(np.log(each["C"]) - 2) < 0.1 for each in found)


def outcome(x):
    if x == 0:
        return {"status": STATUS_FAIL, "failure": "no data"}
    if x == 1:
        return float("nan")
    if x == 2:
        return {"status": STATUS_OK, "loss": np.float32(2), "loss_variance": 0.25, "epochs": [1, np.int64(2)]}
    if x == 3:
        raise ZeroDivisionError("no such model")
    return np.int64(x) if x == 4 else x - 10.0


def test_results_are_hyperopt_s_and_trials_say_how_they_failed():
    store, trials = danlu.stores.MemoryStore(), Trials()
    points = [{"x": place} for place in range(5)]  # and the one that is left
    space = hp.randint("x", 6)
    best = quiet(
        outcome,
        space,
        max_evals=1,
        points_to_evaluate=points,
        store=store,
        catch_eval_exceptions=True,
    )
    assert best == {"x": 5}
    quiet(outcome, space, max_evals=6, trials=trials, store=store)
    assert trials.losses()[0] is None
    assert np.isnan(trials.losses()[1])
    assert trials.losses()[2:] == [2.0, 4.0, -5.0]
    assert trials.statuses() == ["fail", "ok", "ok", "ok", "ok"]
    assert trials.results[2] == {"status": "ok", "loss": 2.0, "loss_variance": 0.25, "epochs": [1, 2]}
    assert [doc["state"] for doc in trials._dynamic_trials] == [2, 2, 2, 3, 2, 2]
    assert trials._dynamic_trials[3]["misc"]["error"] == ("<class 'ZeroDivisionError'>", "no such model")
    with danlu.open_study(store=store, name="search") as study:
        kept = study.result.trials
        assert study.result.best.number == 5
    assert [trial.status.name for trial in kept] == ["FAILED", "FAILED", "DONE", "FAILED", "DONE", "DONE"]
    assert kept[0].reason == "the objective returned status 'fail': no data"
    assert kept[1].cause is danlu.Cause.DIVERGED
    assert kept[2].metrics == {"loss": 2.0, "loss_variance": 0.25}
    assert kept[3].reason == "ZeroDivisionError: no such model"


@pytest.mark.parametrize("store", [False, True])
@pytest.mark.parametrize(
    ("result", "error"),
    [
        ({"status": "ok"}, theirs.exceptions.InvalidLoss),
        ({"status": "ok", "loss": None}, theirs.exceptions.InvalidLoss),
        ({"status": "fine", "loss": 1}, theirs.exceptions.InvalidResultStatus),
        ({"loss": 1}, KeyError),
        (None, TypeError),
    ],
)
def test_what_is_no_result_raises_as_in_hyperopt(result, error, store):
    kept = danlu.stores.MemoryStore() if store else None
    with pytest.raises(error):
        theirs.fmin(lambda x: result, hp.uniform("x", 0, 1), algo=rand.suggest, max_evals=2, verbose=False)
    with pytest.raises(error):
        quiet(lambda x: result, hp.uniform("x", 0, 1), max_evals=2, store=kept)
    if kept is not None:
        with danlu.open_study(store=kept, name="search") as study:
            assert [trial.status.name for trial in study.result.trials] == ["FAILED"]


def test_nothing_but_failures_is_hyperopt_s_error():
    with pytest.raises(theirs.exceptions.AllTrialsFailed):
        quiet(lambda x: {"status": STATUS_FAIL}, hp.uniform("x", 0, 1), max_evals=3)
    with pytest.raises(SettingError, match="each raised an error"):
        quiet(lambda x: 1 / 0, hp.uniform("x", 0, 1), max_evals=3, catch_eval_exceptions=True)
    assert quiet(lambda x: 1 / 0, hp.uniform("x", 0, 1), max_evals=3, catch_eval_exceptions=True, return_argmin=False) is None  # fmt: skip


def test_attachments_and_results_are_there_again_and_what_is_lost_is_said(capsys, tmp_path):
    def fn(x):
        return {"loss": x, "status": STATUS_OK, "model": object(), "eval": {"time": 1.5}, "attachments": {"log": b"\x00x", "note": "y"}}  # fmt: skip

    settings = {"max_evals": 3, "store": tmp_path / "s.db", "name": "kept"}
    first, again = Trials(), Trials()
    quiet(fn, hp.uniform("x", 0, 1), trials=first, **settings)
    quiet(fn, hp.uniform("x", 0, 1), trials=again, **settings)
    assert again.attachments == first.attachments
    assert again.trial_attachments(again.trials[1])["log"] == b"\x00x"
    assert [each.pop("model") is not None for each in first.results] == [True] * 3
    assert again.results == first.results
    assert "no journal can keep model of a result" in capsys.readouterr().err
    shown = subprocess.run(
        [sys.executable, "-m", "danlu", "show", "s.db"], cwd=tmp_path, capture_output=True, text=True
    )
    assert "best: trial" in shown.stdout


KILLED = textwrap.dedent(
    """
    import os, signal, sys
    import numpy as np
    from danlu.hyperopt import Trials, anneal, fmin, hp, rand, tpe

    def fn(point):
        with open("evaluations", "a") as file:
            file.write("x")
        if os.path.getsize("evaluations") == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)
        x = point["x"]
        if x > 4:
            return {"status": "fail"}
        return {"loss": (x - 1) ** 2 + (point["c"] if isinstance(point["c"], float) else 1), "status": "ok", "who": "me"}

    space = {"x": hp.normal("x", 0, 3), "c": hp.choice("c", ["one", hp.uniform("y", 0, 2), hp.quniform("z", 0, 5, 1)])}
    algo, trials = {"tpe": tpe.suggest, "rand": rand.suggest}[sys.argv[2]], Trials()
    points = [{"x": 0.5, "c": 0}, {"x": 1.5, "c": 1, "y": 0.25}]
    best = fmin(fn, space, algo=algo, max_evals=14, trials=None, rstate=np.random.default_rng(7), store=sys.argv[3], verbose=False, points_to_evaluate=points)
    fmin(fn, space, algo=algo, max_evals=14, trials=trials, rstate=np.random.default_rng(7), store=sys.argv[3], verbose=False)
    print(best, trials.results, trials.vals, trials.idxs)
    """
)


@pytest.mark.parametrize("name", ["tpe", "rand"])
def test_a_killed_search_goes_on_and_comes_to_the_same(name, tmp_path):
    def run(folder, die_at):
        (tmp_path / folder).mkdir(exist_ok=True)
        command = [sys.executable, "-c", KILLED, str(die_at), name, "s.db"]
        return subprocess.run(command, cwd=tmp_path / folder, capture_output=True, text=True)

    whole = run("whole", 0)
    assert whole.returncode == 0, whole.stderr
    for die_at in (2, 9):  # the second point, and a later one
        assert run("killed", die_at).returncode == -signal.SIGKILL
    again = run("killed", 0)
    assert again.returncode == 0, again.stderr
    assert again.stdout == whole.stdout
    made = [(tmp_path / folder / "evaluations").stat().st_size for folder in ("whole", "killed")]
    assert made == [16, 18]  # those that were killed are made again


def test_what_was_interrupted_is_evaluated_next(tmp_path):
    seen = []

    def fn(x):
        seen.append(x)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return x

    settings = {"max_evals": 6, "store": tmp_path / "s.db", "rstate": 1}
    with pytest.raises(KeyboardInterrupt):
        quiet(fn, hp.uniform("x", 0, 1), **settings)
    quiet(fn, hp.uniform("x", 0, 1), **settings)
    assert len(seen) == 7
    assert seen[4] == seen[3]


def test_a_resumed_search_ends_where_it_would_have_ended():
    store, made = danlu.stores.MemoryStore(), []

    def fn(x):
        made.append(x)
        return 3.0

    stop = theirs.early_stop.no_progress_loss(6)
    settings = {"store": store, "early_stop_fn": stop}
    quiet(fn, hp.uniform("x", 0, 1), max_evals=4, **settings)
    quiet(fn, hp.uniform("x", 0, 1), max_evals=30, **settings)
    whole = Trials()
    quiet(lambda x: 3.0, hp.uniform("x", 0, 1), max_evals=30, trials=whole, early_stop_fn=stop)
    assert len(made) == len(whole) < 10
    quiet(fn, hp.uniform("x", 0, 1), max_evals=30, **settings)
    quiet(fn, hp.uniform("x", 0, 1), max_evals=30, store=store, loss_threshold=4)
    assert len(made) == len(whole)


def test_points_come_first_and_count(capsys):
    points = [{"x": 0.5, "c": 1}, {"x": -0.5, "c": 0, "y": 0.125}]
    space = {"x": hp.uniform("x", -1, 1), "c": hp.choice("c", [hp.uniform("y", 0, 1), "none"])}
    for store in (None, danlu.stores.MemoryStore()):
        seen = []
        quiet(
            lambda point, seen=seen: seen.append(point) or 1.0,
            space,
            max_evals=5,
            points_to_evaluate=points,
            store=store,
        )
        assert seen[:2] == [{"x": 0.5, "c": "none"}, {"x": -0.5, "c": 0.125}]
        assert len(seen) == 7  # beside max_evals, as in Hyperopt
    outside = [{"x": 7.0, "c": 1}]
    quiet(lambda point: 1.0, space, max_evals=3, points_to_evaluate=outside)
    assert (
        "nothing is learned from evaluation 0: x is searched between -1 and 1, got 7.0"
        in capsys.readouterr().err
    )
    with pytest.raises(SpaceError, match="x is searched between -1 and 1, got 7.0"):
        quiet(
            lambda point: 1.0,
            space,
            max_evals=3,
            points_to_evaluate=outside,
            store=danlu.stores.MemoryStore(),
        )
    with pytest.raises(SpaceError, match="a point needs a value for y"):
        quiet(
            lambda point: 1.0,
            space,
            max_evals=3,
            points_to_evaluate=[{"x": 0, "c": 0}],
            store=danlu.stores.MemoryStore(),
        )


def test_trials_that_are_there_are_learned_from():
    space, trials = hp.choice("x", list("abcdefgh")), Trials()
    for most in (3, 6, 8):
        quiet(ord, space, max_evals=most, trials=trials)
    assert len(trials) == 8
    assert len(set(trials.vals["x"])) == 8  # each was asked for once, as earlier ones are known
    store = danlu.stores.MemoryStore()
    quiet(ord, space, max_evals=9, trials=trials, store=store)
    with danlu.open_study(store=store, name="search") as study:
        assert [trial.metrics["loss"] for trial in study.result.trials] == trials.losses()
    again = Trials()
    quiet(ord, space, max_evals=9, trials=again, store=store)
    assert (again.vals, again.losses()) == (trials.vals, trials.losses())
    other = Trials()
    quiet(ord, space, max_evals=9, trials=other, algo=rand.suggest, rstate=5)
    with pytest.raises(SettingError, match="trials= holds another evaluation"):
        quiet(ord, space, max_evals=9, trials=other, store=store)
    with pytest.raises(SpaceError, match="x is no hyperparameter of this space. There are: y."):
        quiet(ord, hp.uniform("y", 0, 1), max_evals=9, trials=other, store=danlu.stores.MemoryStore())


def test_a_space_that_is_used_up_is_evaluated_at_its_best_again(capsys):
    trials = Trials()
    quiet(lambda x: -x, hp.randint("x", 4), max_evals=9, trials=trials)
    assert sorted(trials.vals["x"][:4]) == [0, 1, 2, 3]
    assert trials.vals["x"][4:] == [3] * 5
    assert capsys.readouterr().err.count("every configuration of the space has been evaluated") == 1


def test_the_way_of_choices_is_theirs_and_told(capsys):
    space = {
        "width": hp.choice("width", [16, 32, 64]),
        "act": hp.choice("act", ["relu", ("leaky", hp.uniform("slope", 0, 1))]),
    }

    def fn(point):
        return abs(point["width"] - 32) + (point["act"][1] if point["act"][0] == "leaky" else 2)

    assert quiet(fn, space, max_evals=25, rstate=1) == {"width": 1, "act": 1, "slope": 0.0}
    said = capsys.readouterr().err
    assert "of the returned values act=1, width=1 are the places of options" in said
    assert quiet(fn, space, max_evals=25, rstate=1, values=True) == {
        "width": 32,
        "act": ("leaky", 0.0),
        "slope": 0.0,
    }
    assert quiet(fn, space, max_evals=25, rstate=1, return_argmin=False) == {
        "width": 32,
        "act": ("leaky", 0.0),
    }
    assert "of the returned values" not in capsys.readouterr().err
    quiet(lambda x: x, hp.choice("same", [0, 1, 2]), max_evals=3)
    assert "of the returned values" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("algorithm", "Write algo=tpe.suggest."),
        ("n_trials", "Write max_evals=...."),
        ("seed", r"Write rstate=numpy.random.default_rng\(seed\)."),
        ("max_eval", "Write max_evals=...."),
        ("trails", r"Did you mean trials=\?"),
        ("zzz", "It takes fn, space, algo, max_evals"),
    ],
)
def test_an_argument_that_there_is_none_of_gets_the_sentence_that_helps(argument, said):
    with pytest.raises(ArgumentError, match=f"fmin has no argument {argument}. {said}"):
        ours.fmin(lambda x: x, hp.uniform("x", 0, 1), max_evals=1, **{argument: 1})
    with pytest.raises(TypeError):
        ours.fmin(lambda x: x, hp.uniform("x", 0, 1), max_evals=1, **{argument: 1})


def test_a_random_state_of_old_is_refused_and_a_number_is_a_seed(monkeypatch):
    with pytest.raises(ArgumentError, match=r"Write rstate=numpy.random.default_rng\(42\)"):
        quiet(lambda x: x, hp.uniform("x", 0, 1), max_evals=1, rstate=np.random.RandomState(1))

    def search(**given):
        trials = Trials()
        quiet(lambda x: x, hp.uniform("x", 0, 1), max_evals=5, trials=trials, **given)
        return trials.losses()

    one = search(rstate=np.random.default_rng(4))
    assert search(rstate=4) == one != search(rstate=5)
    monkeypatch.setenv("HYPEROPT_FMIN_SEED", "4")
    assert search() == one


def test_what_danlu_answers_in_their_place_is_said_once(capsys):
    for algo, words in {
        ours.anneal.suggest: "anneal.suggest is answered by danlu's own sampler",
        ours.atpe.suggest: "atpe.suggest is answered by danlu's own sampler",
        partial(
            tpe.suggest, n_startup_jobs=5, gamma=0.1
        ): "n_startup_jobs=5, gamma=0.1 are settings of Hyperopt's own estimator",
    }.items():
        quiet(lambda x: x, hp.uniform("x", 0, 1), algo=algo, max_evals=4)
        assert capsys.readouterr().err.count(words) == 1
    quiet(lambda x: x, hp.normal("x", 0, 1), max_evals=3)
    assert (
        capsys.readouterr().err
        == "danlu: x has no ends in Hyperopt and is searched within 4 standard deviations of its mean.\n"
    )


@pytest.mark.parametrize("algo", [danlu.samplers.TPE(initial=3), "tpe", danlu.samplers.Random()])
def test_a_sampler_of_danlu_s_is_an_algorithm(algo):
    store = danlu.stores.MemoryStore()
    quiet(lambda x: x, hp.uniform("x", 0, 1), algo=algo, max_evals=6, store=store)
    entries = [str(entry.event) for entry in store.journal("search").read(0)]
    name = "TPE" if algo == "tpe" else type(algo).__name__
    assert any(f"{name}(" in each for each in entries if "Opened" in each)


def test_other_loops_than_fmin_have_danlu_s_suggestions_too():
    trials = Trials()
    best = trials.fmin(lambda x: (x - 0.4) ** 2, hp.uniform("x", 0, 1), algo=tpe.suggest, max_evals=12, rstate=np.random.default_rng(0))  # fmt: skip
    assert abs(best["x"] - 0.4) < 0.05
    mixed = partial(theirs.mix.suggest, p_suggest=[(0.5, rand.suggest), (0.5, tpe.suggest)])
    best = theirs.fmin(lambda x: (x - 0.4) ** 2, hp.uniform("x", 0, 1), algo=mixed, max_evals=20, rstate=np.random.default_rng(0), verbose=False)  # fmt: skip
    assert abs(best["x"] - 0.4) < 0.1
    docs = [doc for each in range(3) for doc in tpe.suggest([f"t{each}"], theirs.Domain(abs, hp.uniform("x", 0, 1)), Trials(), each)]  # fmt: skip
    assert [doc["tid"] for doc in docs] == ["t0", "t1", "t2"]


def test_trials_that_are_evaluated_elsewhere_take_no_store():
    class Elsewhere(Trials):
        asynchronous = True

        def fmin(self, fn, space, **settings):
            return settings["max_evals"], settings["algo"]

    assert quiet(abs, hp.uniform("x", 0, 1), max_evals=3, trials=Elsewhere()) == (3, tpe.suggest)
    with pytest.raises(
        SettingError, match="takes store= or trials that are evaluated elsewhere, got Elsewhere"
    ):
        quiet(abs, hp.uniform("x", 0, 1), max_evals=3, trials=Elsewhere(), store=danlu.stores.MemoryStore())
    with pytest.raises(SettingError, match="got Elsewhere"):
        quiet(abs, hp.uniform("x", 0, 1), max_evals=3, trials=Elsewhere(), allow_trials_fmin=False, store=danlu.stores.MemoryStore())  # fmt: skip


def test_a_search_that_was_stopped_ends_and_goes_on_when_it_is_called_again(capsys):
    store, made = danlu.stores.MemoryStore(), []

    def fn(x):
        made.append(x)
        if len(made) == 3:
            with danlu.open_study(store=store, name="search") as study:
                study.control.stop("enough")
        return x

    quiet(fn, hp.uniform("x", 0, 1), max_evals=8, store=store)
    assert len(made) == 3
    assert "the study was stopped" in capsys.readouterr().err
    quiet(fn, hp.uniform("x", 0, 1), max_evals=8, store=store)
    assert len(made) == 8


def test_two_searches_on_one_store_number_alike_and_see_each_other():
    store, outer, inner = danlu.stores.MemoryStore(), Trials(), Trials()

    def fn(x):
        if len(outer) == 2 and not len(inner):
            quiet(lambda y: y, hp.uniform("x", 0, 1), max_evals=5, trials=inner, store=store)
        return x

    quiet(fn, hp.uniform("x", 0, 1), max_evals=8, trials=outer, store=store)
    assert inner.tids == [0, 2, 3, 4]  # 1 was running
    assert sorted(outer.tids) == list(range(8))
    assert sorted(outer.losses()) == sorted(outer.vals["x"])


@pytest.mark.parametrize("algo", [tpe.suggest, rand.suggest], ids=["tpe", "rand"])
def test_a_number_that_another_search_uses_meanwhile_is_no_reason_to_evaluate_beside_the_study(algo):
    """Hyperopt numbers an evaluation first, then looks at its trials, and then asks the algorithm."""
    store, made = danlu.stores.MemoryStore(), []

    def fn(x):
        made.append(x)
        return x

    class Slow(Trials):
        def new_trial_ids(self, n):
            ids = super().new_trial_ids(n)
            if len(made) == 2:
                quiet(fn, hp.uniform("x", 0, 1), algo=algo, max_evals=5, store=store)
            return ids

    trials = Slow()
    quiet(fn, hp.uniform("x", 0, 1), algo=algo, max_evals=8, trials=trials, store=store)
    assert len(made) == 8
    assert sorted(trials.tids) == list(range(8))


@pytest.mark.parametrize("name", ["tpe", "rand"])
def test_processes_share_a_store(name, tmp_path):
    program = textwrap.dedent(
        """
        import sys
        from danlu.hyperopt import Trials, fmin, hp, rand, tpe
        algo = {"tpe": tpe.suggest, "rand": rand.suggest}[sys.argv[1]]
        def fn(x):
            with open("evaluations", "a") as file:
                file.write("x")
            return (x - 0.3) ** 2
        trials = Trials()
        fmin(fn, hp.uniform("x", 0, 1), algo=algo, max_evals=16, trials=trials, store="s.db", verbose=False)
        print(len(trials), trials.tids == sorted(set(trials.tids)))
        """
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", program, name], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert [each.communicate()[0] != "" for each in both] == [True, True]
    assert [each.returncode for each in both] == [0, 0]
    assert (tmp_path / "evaluations").stat().st_size == 16
    trials = Trials()
    quiet(abs, hp.uniform("x", 0, 1), max_evals=16, trials=trials, store=tmp_path / "s.db")
    assert trials.tids == list(range(16))


def test_who_comes_too_late_to_evaluate_anything_has_the_others_answer(tmp_path):
    """All evaluations are made by another process between this one's look at the study and its first wish."""
    store = tmp_path / "s.db"
    begun = []

    def late(new_ids, domain, trials, seed):
        if not begun:
            begun.append(True)
            quiet(lambda x: (x - 0.3) ** 2, hp.uniform("x", 0, 1), max_evals=6, store=store)
        return tpe.suggest(new_ids, domain, trials, seed)

    trials = Trials()
    best = quiet(abs, hp.uniform("x", 0, 1), algo=late, max_evals=6, trials=trials, store=store)
    assert begun
    assert trials.tids == list(range(6))
    assert min(trials.losses()) == trials.best_trial["result"]["loss"]
    assert trials.argmin == best


def test_saved_trials_go_on(tmp_path):
    path = str(tmp_path / "trials.pkl")
    their = theirs.Trials()
    theirs.fmin(loss_of, MODEL, algo=rand.suggest, max_evals=12, trials=their, rstate=np.random.default_rng(0), verbose=False)  # fmt: skip
    Path(path).write_bytes(pickle.dumps(their))
    read = ours.load_trials(path)
    assert (read.losses(), read.vals, read.tids) == (their.losses(), their.vals, their.tids)
    assert read.trials[0]["book_time"] == their.trials[0]["book_time"]
    quiet(loss_of, MODEL, max_evals=20, trials_save_file=path)
    again = ours.load_trials(path)
    assert len(again) == 20
    assert again.losses()[:12] == their.losses()
    assert pickle.loads(Path(path).read_bytes()).losses() == again.losses()
    assert [each.name for each in tmp_path.iterdir()] == ["trials.pkl"]


def test_what_a_result_may_hold_is_read(tmp_path):
    trials, path = Trials(), str(tmp_path / "trials.pkl")

    def fn(x):
        return {
            "loss": np.float64(x),
            "status": STATUS_OK,
            "curve": np.arange(3.0),
            "set": {1, 2},
            "c": 1j,
            "attachments": {"b": b"x"},
        }

    quiet(fn, hp.uniform("x", 0, 1), max_evals=2, trials=trials)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        Path(path).write_bytes(pickle.dumps(trials, protocol=protocol))
        assert list(ours.load_trials(path).results[1]["curve"]) == [0.0, 1.0, 2.0]


class Hostile:
    def __reduce__(self):
        return os.system, ("touch hostile",)


class Model:
    pass


@pytest.mark.parametrize(
    ("thing", "said"), [(Hostile(), r"(posix|nt).system"), (Model(), "Model"), (eval, "builtins.eval")]
)
def test_a_pickle_that_holds_something_else_is_refused(thing, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trials = Trials()
    trials.attachments["model"] = thing
    Path("trials.pkl").write_bytes(pickle.dumps(trials))
    with pytest.raises(SettingError, match=f"holds .*{said}, and saved trials are read without running code"):
        ours.load_trials("trials.pkl")
    with pytest.raises(SettingError, match="saved trials are read without running code"):
        quiet(abs, hp.uniform("x", 0, 1), max_evals=1, trials_save_file="trials.pkl")
    assert not (tmp_path / "hostile").exists()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", CorruptError),
        (b"no pickle", CorruptError),
        (pickle.dumps(Trials())[:-9], CorruptError),
        (pickle.dumps({}), SettingError),
    ],
)
def test_what_is_no_saved_trials_is_refused(content, error, tmp_path):
    (tmp_path / "t.pkl").write_bytes(content)
    with pytest.raises(error, match=r"t.pkl (cannot be read as saved trials|holds dict)"):
        ours.load_trials(tmp_path / "t.pkl")


def test_waiting_trials_of_one_s_own_are_kept_in_a_store():
    trials = generate_trials_to_calculate([{"x": 0.25}, {"x": 0.75}])
    quiet(lambda x: x, hp.uniform("x", 0, 1), max_evals=4, trials=trials, store=danlu.stores.MemoryStore())
    assert trials.losses()[:2] == [0.25, 0.75]
    assert trials.tids == [0, 1, 2, 3, 4, 5]


def test_several_at_once_are_asked_before_they_are_evaluated():
    store, trials = danlu.stores.MemoryStore(), Trials()
    waiting = []

    def fn(x):
        with danlu.open_study(store=store, name="search") as study:
            waiting.append(sum(not trial.finished for trial in study.result.trials))
        return x

    quiet(fn, hp.uniform("x", 0, 1), max_evals=9, trials=trials, store=store, max_queue_len=3)
    assert waiting == [3, 2, 1] * 3
    assert trials.tids == list(range(9))


def test_the_lower_way_of_calling_is_theirs():
    @ours.fmin_pass_expr_memo_ctrl
    def fn(expr, memo, ctrl):
        x = ours.pyll.rec_eval(expr, memo=memo)
        ctrl.attachments["seen"] = b"yes"
        return {"loss": x, "status": STATUS_OK, "tid": ctrl.current_trial["tid"]}

    trials = Trials()
    quiet(fn, hp.uniform("x", 0, 1), max_evals=3, trials=trials, store=danlu.stores.MemoryStore())
    assert [each["tid"] for each in trials.results] == trials.tids
    assert trials.attachments["ATTACH::2::seen"] == b"yes"


IMPORTS = """
import sys, danlu.hyperopt
from danlu.hyperopt.pyll.base import scope
from danlu.hyperopt.fmin import fmin, generate_trials_to_calculate
from danlu.hyperopt.early_stop import no_progress_loss
import danlu.hyperopt.tpe, danlu.hyperopt.rand, hyperopt
assert danlu.hyperopt.tpe.suggest is not hyperopt.tpe.suggest
assert danlu.hyperopt.fmin is fmin is not hyperopt.fmin
assert danlu.hyperopt.hp is hyperopt.hp
print(*sorted({name.split(".")[2] for name in sys.modules if name.startswith("danlu.compat.") } - {"naming"}))
print(*(name for name in ("sklearn", "torch", "optuna", "danlu.sklearn") if name in sys.modules))
"""


def test_the_door_imports_no_other_and_its_parts_have_their_names():
    ran = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "host hyperopt\n\n"  # what doors share, and itself


def test_without_hyperopt_the_extra_is_named():
    program = "import sys; sys.modules['hyperopt'] = None; import danlu.hyperopt"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert 'danlu.hyperopt needs hyperopt: pip install "danlu[hyperopt]"' in ran.stderr


def test_a_wide_range_of_whole_numbers_takes_no_memory():
    found = hyperparameter("seed", "randint", {"low": 2**52}, ())
    assert found.parameter == danlu.Int(0, 2**52 - 1)
    with pytest.raises(SpaceError, match="needs something to choose from"):
        hyperparameter("seed", "randint", {"low": 5, "high": 5}, ())


@pytest.mark.parametrize("most", [0, -1])
def test_no_evaluation_at_all_is_said_as_that(most):
    with pytest.raises(SettingError, match="none was made. Raise max_evals or timeout"):
        ours.fmin(lambda x: x, hp.uniform("x", 0, 1), max_evals=most, verbose=False)
