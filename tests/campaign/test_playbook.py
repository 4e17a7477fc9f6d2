"""Staged tuning: each stage asks about its own, changes are adopted on evidence, and whatever happens it goes on the same."""

import math
import random

import msgspec
import pytest
from test_crash import deaths, essence

import danlu
from danlu import Choice, Float, Int, Playbook, Space, Stage, Switch
from danlu.campaign.evidence import edges, epochs_of, isolated, narrowed
from danlu.campaign.playbook import LEAST, dealt, questions
from danlu.errors import SettingError, SpaceMismatch
from danlu.problem.goal import Metric

SPACE = {
    "depth": Int(1, 4, prior=1),
    "lr": Float(1e-4, 1, log=True, prior=1e-3),
    "optimizer": Switch({"sgd": {"momentum": Float(0, 0.9, prior=0.0)}, "adam": {}}, prior="adam"),
    "dropout": Float(0, 0.5, prior=0.0),
}


def loss(trial, noise):
    dice = random.Random(str(trial.context.get("seed", trial.number)))
    rate = math.log10(trial["lr"]) + 1 + 0.2 * trial["depth"]
    sgd = 0.0 if trial["optimizer"] == "sgd" else 0.2
    return (
        0.3 * (trial["depth"] - 3) ** 2
        + 0.3 * rate**2
        + sgd
        + abs(trial["dropout"] - 0.3)
        + noise * dice.gauss(0, 1)
    )


def train(trial):
    return loss(trial, 0.03)


def flat(trial):
    """Nothing makes a difference but chance."""
    return random.Random(str(trial.context.get("seed", trial.number))).gauss(0, 1)


def tune(store=None, trials=60, objective=train, space=SPACE, seed=2, plan=None, **how):
    """The result, and the campaign with all that it came to."""
    store = store or danlu.stores.MemoryStore()
    result = danlu.tune(
        objective,
        space,
        minimize="loss",
        trials=trials,
        plan=plan or Playbook(),
        store=store,
        name="staged",
        seed=seed,
        **how,
    )
    return result, danlu.load(store, "staged")


def verdicts(done):
    return {each.subject: each for each in done.own.definition.campaign.judgments}


def told(found):
    """All that a campaign came to, its judgments and every trial of its studies."""
    _, done = found
    judged = [(each.subject, each.verdict, each.evidence) for each in done.own.definition.campaign.judgments]
    return {stage: essence(result) for stage, result in done.results.items()}, judged


def test_each_stage_searches_what_it_asks_about_and_the_rate_and_leaves_the_rest(tmp_path):
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    result, done = tune(store)
    stages, judged = done.results, verdicts(done)
    asked = {
        "architecture": {"depth", "lr"},
        "optimizer": {"optimizer", "optimizer.sgd.momentum", "lr"},
        "regularization": {"dropout", "lr"},
    }
    current = {"depth": 1, "lr": 1e-3, "optimizer": "adam", "dropout": 0.0}
    for stage, names in asked.items():
        assert set(stages[stage].history.space.names) == names
        assert stages[stage].trials[0].params == pytest.approx(current), (
            "what was adopted before is tried first"
        )
        for trial in stages[stage].trials:
            assert all(trial.params[name] == value for name, value in current.items() if name not in names)
        current = judged[stage].evidence["params"]
    assert current["depth"] in {2, 3}
    assert result.best.params["depth"] == 3
    assert current["optimizer"] == "sgd"
    assert sum(len(each.trials) for each in stages.values()) == 60, "trials are those of all studies together"
    assert result.best.params == stages["confirm"].best.params
    assert result.study.name == "staged/confirm"
    assert stages["search"].history.definition.recalled, "the model learns from the stages"
    assert result.best.value < 0.35, "the default comes to 2.7"
    store.close()


@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.fault)])
def test_a_crash_at_every_append_changes_nothing(every, tmp_path, promised):
    died, _ = deaths(
        lambda store: tune(store, 32, plan=Playbook(Stage("size", "depth"), top=1)), told, tmp_path, every * 3
    )
    promised(30, died, "deaths before and after appends of a staged search: the same as without")


def test_more_trials_go_to_the_last_search_and_leave_the_stages_alone(tmp_path):
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    first, judged = told(tune(store, 50))
    again, same = told(tune(store, 50))
    assert (again, same) == (first, judged), "the same call changes nothing"
    more, later = told(tune(store, 58))
    assert len(more["search"]) == len(first["search"]) + 8
    assert {stage: each for stage, each in more.items() if stage not in {"search", "confirm"}} == {
        stage: each for stage, each in first.items() if stage not in {"search", "confirm"}
    }
    assert later[: len(judged) - 1] == judged[:-1]
    store.close()


def test_what_is_no_better_beyond_noise_is_not_adopted():
    """Of 24 changes that change nothing, at a confidence of 0.95 one in twenty is adopted in the mean: 5 and more with 1 in 160."""
    adopted = 0
    for seed in range(8):
        _, done = tune(trials=70, objective=flat, seed=seed, plan=Playbook(confidence=0.95, seeds=3))
        stages = [
            each
            for each in done.own.definition.campaign.judgments
            if each.subject in {"architecture", "optimizer", "regularization"}
        ]
        assert len(stages) == 3
        adopted += sum(each.verdict.startswith("adopted") for each in stages)
    assert adopted < 5


def test_an_objective_without_noise_adopts_whatever_is_better():
    _, done = tune(objective=lambda trial: loss(trial, 0.0))
    stages, judged = done.results, verdicts(done)
    best = min(trial.value for trial in stages["architecture"].trials)
    assert judged["architecture"].evidence["rival"] == pytest.approx([best, best])
    assert judged["architecture"].verdict.startswith("adopted")


def test_a_rate_whose_best_lie_at_the_edge_is_given_more_room(tmp_path):
    space = {"depth": Int(1, 3, prior=1), "lr": Float(1e-3, 1e-2, log=True, prior=2e-3)}
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    found = tune(store, 50, lambda trial: -math.log10(trial["lr"]) + trial["depth"], space)
    stages, wider = found[1].results, verdicts(found[1])["ranges of architecture"]
    assert wider.evidence["ranges"]["lr"][1] == pytest.approx(1e-2 * 10**0.3)
    assert max(trial.params["lr"] for trial in stages["architecture"].trials) > 1e-2
    assert sum(len(each.trials) for each in stages.values()) == 50
    assert told(tune(store, 50, lambda trial: -math.log10(trial["lr"]) + trial["depth"], space)) == told(
        found
    )
    store.close()


def test_ranges_with_a_natural_end_and_unknown_ones_stay():
    space = {
        "momentum": Float(1e-3, 1, log=True),
        "x": Float(1e-3, 1, log=True),
        "width": Int(4, 64, log=True),
        "lr": Float(1e-3, 1),
    }
    result = danlu.tune(
        lambda trial: -sum(trial.values()),
        space,
        trials=12,
        enqueue=[dict.fromkeys(space, 1) | {"width": 64}] * 3,
        seed=0,
    )
    top = {name: (trial.params[name] for trial in result.trials) for name in space}
    assert top
    assert set(edges(result, Metric("value"), space).ranges) <= {"width"}


def test_epochs_are_set_by_a_rule():
    def curve(trial):
        for epoch in range(1, trial["epochs"] + 1):
            trial.report(
                epoch, loss=(trial["lr"] - 0.1) ** 2 + abs(epoch - trial.context.get("best", 6)) / 10
            )

    space = {
        "lr": Float(1e-3, 1, log=True, prior=0.1),
        "epochs": Int(2, 40, prior=20),
        "dropout": Float(0, 1),
    }
    _, done = tune(trials=40, objective=curve, space=space, scheduler="none")
    stages, judged = done.results, verdicts(done)
    assert judged["epochs"].evidence["params"] == {"epochs": 8}, "a fifth more than 6"
    assert all(trial.params["epochs"] == 20 for trial in stages["regularization"].trials)
    assert all(trial.params["epochs"] == 8 for trial in stages["search"].trials)

    rising = danlu.tune(
        lambda trial: [trial.report(epoch, loss=1 / epoch) for epoch in range(1, trial["epochs"] + 1)][:0] or None,
        space | {"epochs": Choice([20])}, minimize="loss", trials=4, scheduler="none",
    )  # fmt: skip
    whole = Space(space)
    assert epochs_of(whole, [rising], Metric("loss"), {"epochs": 20}).evidence["params"] == {"epochs": 30}
    assert (
        epochs_of(Space({"lr": space["lr"]}), [rising], Metric("loss"), {"lr": 0.1}).verdict
        == "longer trainings may be better"
    )


def test_isolation_is_the_best_over_what_was_tuned_along():
    space = {"depth": Choice(["a", "b"]), "lr": Float(0, 1)}
    points = [("a", 0.1, 3.0), ("a", 0.9, 1.0), ("b", 0.3, 2.0)]
    values = iter([value for *_, value in points])
    result = danlu.tune(
        lambda trial: next(values),
        space,
        trials=3,
        enqueue=[{"depth": depth, "lr": rate} for depth, rate, _ in points],
    )
    found = isolated(result, Metric("value"), ["depth", "lr"])
    assert found["depth"] == [["a", 1.0, 2], ["b", 2.0, 1]]
    assert found["lr"] == [["0 to 0.25", 3.0, 1], ["0.25 to 0.5", 2.0, 1], ["0.75 to 1", 1.0, 1]]


def test_ranges_are_narrowed_around_the_better_third_and_hold_what_was_adopted():
    space = Space({"lr": Float(1e-4, 1, log=True), "width": Int(1, 100), "kind": Choice(["a", "b"])})
    result = danlu.tune(
        lambda trial: abs(math.log10(trial["lr"]) + 2), space, trials=30, seed=0, sampler="random"
    )
    judged = narrowed(space, [result], Metric("value"), {"lr": 0.9, "width": 3, "kind": "a"})
    low, high = judged.evidence["ranges"]["lr"]
    assert 1e-4 < low < 1e-2
    assert high >= 0.9
    assert "kind" not in judged.evidence["ranges"]
    assert judged.evidence["ranges"]["width"][0] == 1
    assert narrowed(space, [], Metric("value"), {"lr": 0.1}).evidence == {"ranges": {}, "fixed": {}}


def test_one_s_own_stages_name_parameters_by_their_ends_and_beginnings():
    space = Space(SPACE)
    asked = questions(space, (Stage("way", "optimizer", nuisance=["dropout"]), Stage("size", ["depth"])))
    assert [(each.about, each.beside) for each in asked] == [
        (("optimizer", "optimizer.sgd.momentum"), ("lr", "dropout")),
        (("depth",), ("lr",)),
    ]
    stages = tune(trials=40, plan=Playbook([Stage("size", ["depth"]), Stage("way", ["optimizer"], share=2)]))[
        1
    ].results
    assert next(iter(stages)) == "size"
    assert len(stages["way"].trials) > len(stages["size"].trials)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda: tune(trials=20), "need at least"),
        (lambda: tune(trials=None, time="1h"), "a limit of time"),
        (lambda: tune(space={"kind": 3}), "no parameters"),
        (lambda: tune(plan=Playbook([Stage("size", ["dept"])])), "'dept', which is no parameter"),
        (lambda: tune(plan=Playbook([Stage("a", ["depth"]), Stage("b", ["depth"])])), "both ask about depth"),
        (lambda: tune(contexts={"fold": range(3)}, callbacks=[print]), "takes no contexts, callbacks"),
        (
            lambda: danlu.tune(train, SPACE, minimize=["loss", "size"], trials=60, plan=Playbook()),
            "goal has 2",
        ),
        (lambda: Playbook(["size"]), "needs stages"),
        (lambda: Playbook([Stage("a", ["x"]), Stage("a", ["y"])]), "names of their own"),
        (lambda: Playbook(seeds=1), "seeds to be a whole number >= 2"),
        (lambda: Playbook(confidence=1.0), "confidence from 0.5"),
        (lambda: Stage("search", ["x"]), "is not search or confirm"),
        (lambda: Stage("a/b", ["x"]), "without a slash"),
        (lambda: Stage("a", []), "asks about nothing"),
        (lambda: Stage("a", ["x"], share=0), "share above 0"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(change, match):
    with pytest.raises(SettingError, match=match):
        change()


@pytest.mark.parametrize("trials", [37, 40, 64, 101])
def test_trials_are_dealt_out_to_the_last_one(trials):
    asked = questions(Space(SPACE))
    shares = dealt(trials, asked, Playbook())
    assert sum(shares.stages.values()) + shares.search + shares.fresh == trials
    assert min(*shares.stages.values(), shares.search) >= LEAST


def test_another_space_of_the_same_campaign_is_refused(tmp_path):
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    tune(store, 45)
    with pytest.raises(SpaceMismatch):
        tune(store, 45, space=SPACE | {"depth": Int(1, 6, prior=1)})
    store.close()


def test_the_plan_s_settings_stand_in_the_journal(tmp_path):
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    tune(store, 45)
    done = danlu.load(store, "staged")
    assert done.own.definition.campaign.settings["stages"]["architecture"] == ["depth"]
    assert done.judged("budget").verdict == "3 stages"
    assert msgspec.to_builtins(done.judged("architecture").evidence["isolation"])["depth"]
    store.close()
