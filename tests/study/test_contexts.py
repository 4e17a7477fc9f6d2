"""A trial is a configuration in a context: folds, seeds and clients, in one study."""

import json
import math
import random

import numpy as np
import pytest
from click.testing import CliRunner
from test_crash import deaths, essence

import danlu
import danlu.cli.main
from danlu import Choice, Float
from danlu.contracts.messages import GO, stop
from danlu.contracts.protocols import New
from danlu.errors import DanluError, SettingError
from danlu.journal import events as ev
from danlu.journal.events import Judged, Status
from danlu.journal.history import History
from danlu.problem.contexts import contexts_of
from danlu.problem.goal import Goal
from danlu.samplers.parts.comparable import comparable, running
from danlu.samplers.parts.ranking import ranking
from danlu.schedulers.race import behind

FOLDS = {"fold": range(5)}
SPACE = {"x": Float(-1, 1), "kind": Choice(["a", "b"])}


def noise(trial, size=0.02):
    return random.Random(f"{trial['x']}/{dict(trial.context)}").gauss(0, size)


def train(trial):
    """Folds differ by much more than their noise, in the same way for all configurations."""
    return (trial["x"] - 0.3) ** 2 + 0.1 * trial.context["fold"] + noise(trial)


def resumable(trial):
    state = {"sum": 0.0}
    start = trial.restore(state)
    for step in range(start + 1, 4):
        state["sum"] += trial["x"] + trial.context["fold"]
        trial.save(step, state)
        trial.report(step, loss=abs(state["sum"]) / step)


def by_configuration(result):
    found = {}
    for trial in result.trials:
        found.setdefault(trial.of, []).append(trial)
    return found


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, ()),
        ([], ()),
        ({}, ()),
        ({"fold": range(2)}, ({"fold": 0}, {"fold": 1})),
        ({"fold": np.arange(2)}, ({"fold": 0}, {"fold": 1})),
        ({"a": (1, 2), "b": ["x", "y"]}, ({"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"})),
        ([{"client": "Riga", "weight": 0.5}, {"client": "Oslo", "weight": 1.5}], ({"client": "Riga", "weight": 0.5}, {"client": "Oslo", "weight": 1.5})),
        ({"big": [True, False]}, ({"big": True}, {"big": False})),
    ],
)  # fmt: skip
def test_contexts_are_given_by_name_or_one_by_one(given, found):
    assert contexts_of(given) == found
    assert all(
        type(value) in (bool, int, float, str) for each in contexts_of(given) for value in each.values()
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (5, "values by name"),
        ("fold", "values by name"),
        ({"fold": 5}, "needs several values, got 5"),
        ({"fold": "abc"}, "needs several values, got 'abc'"),
        ({"fold": []}, "needs a value at least"),
        ([0, 1], "contexts are mappings"),
        ([{}], "needs a name and a value"),
        ([{"fold": 0}, {"seed": 0}], "the same names"),
        ({"fold": [1, 1]}, "given twice"),
        ({"fold": [1.0, 1.0]}, "given twice"),
        ({"fold": [None]}, "numbers, text or booleans"),
        ({"fold": [math.nan]}, "numbers, text or booleans"),
        ({"fold": [2**70]}, "numbers, text or booleans"),
        ({"data": [[1, 2], [3]]}, "numbers, text or booleans"),
        ({1: [1, 2]}, "names are text"),
        ({"seed": range(10**9)}, "up to 10000 contexts"),
    ],
)
def test_what_cannot_be_a_context_is_refused_in_a_sentence(given, said):
    with pytest.raises(SettingError, match=said):
        danlu.tune(train, SPACE, contexts=given, trials=1)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_configuration_is_tried_in_every_context_and_counts_by_its_mean(workers):
    result = danlu.tune(
        train,
        SPACE,
        contexts=FOLDS,
        trials=30,
        seed=1,
        workers=workers,
        scheduler=danlu.schedulers.Race(confidence=1.0),
    )
    groups = by_configuration(result)
    assert len(groups) == 6
    for head, trials in groups.items():
        assert [trial.context["fold"] for trial in trials] == [0, 1, 2, 3, 4]
        assert all(trial.params == trials[0].params for trial in trials)
        whole = result.history.trials.configuration(head)
        values = [trial.value for trial in trials]
        assert whole.value == pytest.approx(np.mean(values))
        assert whole.spread["value"] == pytest.approx(np.std(values, ddof=1))
        assert whole.contexts == 5
    means = {head: np.mean([trial.value for trial in trials]) for head, trials in groups.items()}
    assert result.best.number == min(means, key=means.get)
    assert result.best.value == pytest.approx(min(means.values()))
    assert [trial.number for trial in result.history.trials.configurations()] == sorted(groups)
    assert "on average over 5 contexts" in str(result.best)
    row = result.table()[7]
    assert (row["configuration"], row["fold"]) == (result.trials[7].of, result.trials[7].context["fold"])


def test_a_race_gives_up_what_cannot_become_the_best_and_says_so():
    result = danlu.tune(train, SPACE, contexts=FOLDS, trials=100, seed=2)
    groups, over = by_configuration(result), result.history.trials.groups.over
    short = {head for head, whole in over.items() if not whole.whole}
    assert len(groups) > 25
    assert all(2 <= len(groups[head]) < 5 for head in short)
    assert result.best.contexts == 5
    assert abs(result.best.params["x"] - 0.3) < 0.15
    said = [line for line in result.why() if "given up" in line]
    assert len(said) == len(short)
    assert "chance to have the better mean in the end is" in said[0]
    assert {event.trial for event in result.history.definition.campaign.judgments} == short
    assert set(result.history.definition.campaign.judgments[0].evidence) == {
        "against",
        "contexts",
        "behind",
        "chance",
    }


def test_what_some_contexts_say_is_compared_as_if_it_were_all():
    """Fold 4 is far harder than fold 0, so a mean over the first two alone would look like the best of all."""
    result = danlu.tune(train, SPACE, contexts=FOLDS, trials=100, seed=3)
    known = comparable(result.history)
    for number, loss, count in zip(known.numbers, known.losses[:, 0], known.counts, strict=True):
        x = result.trials[number].params["x"]
        assert loss == pytest.approx((x - 0.3) ** 2 + 0.2, abs=0.08), (number, count)
    assert set(known.counts.tolist()) > {2, 5}
    assert np.nanmedian(known.spreads) < 0.04


def test_what_is_given_up_would_hardly_have_become_the_best():
    """Of 300 races between two configurations whose true means differ by as much as one trial's noise, about 100 end early, and
    one in twenty of those may do so wrongly: 3.7 % in a simulation of 20,000. More than 12 come by chance in one of 2,000 runs."""
    given_up = wrong = 0
    for seed in range(300):
        dice = random.Random(seed)
        truth = {0: 0.0, 5: dice.gauss(0, 1)}
        losses = {number: number % 5 + truth[5 * (number // 5)] + dice.gauss(0, 1) for number in range(10)}
        for known in raced(losses):
            lag = behind(known, 5, 0)
            if lag is not None and 2 <= lag.contexts < 5 and lag.chance < 0.05:
                given_up += 1
                wrong += sum(losses[n] for n in range(5, 10)) < sum(losses[n] for n in range(5))
                break
    assert 60 < given_up < 140
    assert wrong <= 12


def raced(losses):
    """The history of two configurations after each trial of the second, with these losses."""
    history, entries = History(), []
    entries.append(ev.Created(danlu.Space({"x": Float(0, 1)}).spec, Goal.of(), 0, 0.0))
    entries.append(ev.Opened("w", "", "", 0.0, ev.StoredConfig(contexts=contexts_of(FOLDS))))
    for number, loss in losses.items():
        head = 5 * (number // 5)
        params, unit = ev.pack_params({"x": 0.1 * head}), np.array([0.1 * head]).tobytes()
        of = -1 if number == head else head
        entries.append(ev.Asked(number, params, unit, "w", 1.0, context={"fold": number % 5}, of=of))
        entries.append(ev.Ended(number, 1, Status.DONE, {"value": loss}, 1.0, 1.0))
    for seq, event in enumerate(entries, 1):
        history.fold([ev.Entry(seq, event)])
        if isinstance(event, ev.Ended) and event.trial >= 5:
            yield history


def test_a_configuration_ends_with_the_first_context_that_fails():
    def fails(trial):
        if trial["kind"] == "b" and trial.context["fold"] == 2:
            raise RuntimeError("fold 2 has no such class")
        return train(trial)

    result = danlu.tune(
        fails,
        SPACE,
        contexts=FOLDS,
        trials=40,
        seed=4,
        scheduler=danlu.schedulers.Race(confidence=1.0),
        sampler="random",
    )
    for trials in by_configuration(result).values():
        if trials[0].params["kind"] == "b" and len(trials) > 2:
            assert [trial.context["fold"] for trial in trials] == [0, 1, 2]
            assert trials[-1].status is Status.FAILED
            assert result.history.trials.groups.over[trials[0].number].losses is None
    assert result.best.params["kind"] == "a"
    bad = ranking(comparable(result.history))
    assert bad.good < len(bad.numbers)


def test_a_begun_configuration_is_finished_before_the_budget_is(tmp_path):
    for workers in (1, 3):
        clock = danlu.engines.Simulator(workers=workers)
        result = danlu.tune(
            lambda params: danlu.engines.Recording((1, 2), {"loss": (params["x"] + 2, params["x"])}), {"x": Float(0, 1)}, minimize="loss",
            contexts={"seed": [1, 2, 3]}, trials=12, engine=clock, seed=1, scheduler=danlu.schedulers.Race(confidence=1.0),
        )  # fmt: skip
        assert sorted(len(trials) for trials in by_configuration(result).values()) == [3, 3, 3, 3]


def test_more_contexts_later_are_added_to_what_is_there(tmp_path):
    store, how = tmp_path / "s.db", {"seed": 5, "scheduler": danlu.schedulers.Race(confidence=1.0)}
    first = danlu.tune(train, SPACE, contexts={"fold": range(3)}, trials=12, store=store, **how)
    before = essence(first)
    assert first.best.contexts == 3
    more = danlu.tune(train, SPACE, contexts={"fold": range(5)}, trials=20, store=store, **how)
    assert essence(more)[:12] == before
    assert all(len(trials) == 5 for trials in by_configuration(more).values())
    assert more.best.contexts == 5
    assert danlu.open_study(store=danlu.stores.SqliteStore(store)).session.settings.contexts == contexts_of(
        {"fold": range(5)}
    )
    same = danlu.tune(train, SPACE, trials=20, store=store, seed=5)
    assert essence(same) == essence(more)


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, FOLDS), (FOLDS, {"seed": [1, 2]}), (FOLDS, ())],
    ids=["none", "other names", "taken away"],
)
def test_contexts_that_would_mix_two_measures_are_refused(before, after, tmp_path):
    objective = lambda t: t["x"] + len(t.context)  # noqa: E731
    danlu.tune(
        objective,
        {"x": Float(0, 1)},
        contexts=before,
        trials=4,
        store=tmp_path / "s.db",
        if_changed="continue",
    )
    with pytest.raises(SettingError, match="Choose another name"):
        danlu.tune(objective, {"x": Float(0, 1)}, contexts=after, trials=8, store=tmp_path / "s.db")


@pytest.mark.parametrize(
    "scheduler",
    [
        danlu.schedulers.Hyperband(high=9),
        danlu.schedulers.PBT(population=4, interval=2),
        danlu.schedulers.ASHA(low=1, high=9),
    ],
    ids=["hyperband", "pbt", "asha"],
)
def test_schedulers_that_deal_out_trials_by_number_are_refused(scheduler):
    with pytest.raises(SettingError, match="leave contexts out"):
        danlu.tune(train, SPACE, contexts=FOLDS, trials=4, scheduler=scheduler)


def test_a_scheduler_of_trials_works_inside_the_race():
    result = danlu.tune(
        resumable, {"x": Float(-1, 1)}, minimize="loss", contexts=FOLDS, trials=40, seed=1,
        scheduler=danlu.schedulers.Patience(reports=1, delta=10.0),
    )  # fmt: skip
    assert result.best.contexts == 5, "a trial that has converged is a result"


def test_asking_and_telling_by_hand_goes_through_the_contexts():
    with danlu.open_study(
        {"x": Float(0, 1)}, minimize="loss", trials=6, contexts={"fold": [7, 8, 9]}, seed=1
    ) as study:
        seen = []
        for _ in range(6):
            trial = study.ask()
            seen.append((trial["x"], trial.context["fold"]))
            study.tell(trial, loss=trial["x"])
        assert [fold for _, fold in seen] == [7, 8, 9] * 2
        assert len({x for x, _ in seen}) == 2
        assert study.result.best.contexts == 3


def test_what_code_draws_is_the_same_in_every_context():
    def draws(trial):
        return trial.suggest("width", danlu.Int(1, 10**6)) + trial.context["fold"]

    result = danlu.tune(
        draws, contexts=FOLDS, trials=20, seed=1, scheduler=danlu.schedulers.Race(confidence=1.0)
    )
    drawn = [{trial.params["width"] for trial in trials} for trials in by_configuration(result).values()]
    assert [len(each) for each in drawn] == [1, 1, 1, 1]
    assert len(set.union(*drawn)) == 4


def test_setting_one_trial_aside_sets_its_configuration_aside():
    with danlu.open_study(
        {"x": Float(0, 1)},
        minimize="loss",
        trials=9,
        contexts={"fold": [0, 1, 2]},
        seed=1,
        scheduler=danlu.schedulers.Race(confidence=1.0),
    ) as study:
        for _ in range(6):
            trial = study.ask()
            study.tell(trial, loss=trial.number + 0.0)
        best = study.result.best.number
        study.control.set_aside([1], "fold 1 was broken")
        assert sorted(study.session.replica.history.rows.aside) == [0, 1, 2]
        assert best == 0
        assert study.result.best.number == 3
        assert study.ask().context["fold"] == 0


def test_the_checkpoints_of_the_best_configuration_stay_in_every_context(tmp_path):
    result = danlu.tune(
        resumable, {"x": Float(-1, 1)}, minimize="loss", contexts=FOLDS, trials=15, seed=1, store=tmp_path / "s.db",
        scheduler=danlu.schedulers.Race(confidence=1.0),
    )  # fmt: skip
    kept = {trial.of for trial in result.trials if trial.checkpoints}
    assert kept == {result.best.number}
    assert sum(bool(trial.checkpoints) for trial in result.trials) == 5


@pytest.mark.parametrize("sampler", ["gp", "tpe", "cmaes", "random", "genetic"])
def test_samplers_learn_one_row_a_configuration_and_resume_exactly(sampler, tmp_path):
    def whole(store, *budgets):
        for trials in budgets:
            result = danlu.tune(
                train, SPACE, contexts=FOLDS, trials=trials, seed=9, sampler=sampler, store=store
            )
        return essence(result)

    assert whole(tmp_path / "one.db", 70) == whole(tmp_path / "two.db", 23, 51, 70)


def test_running_configurations_are_imagined_once():
    with danlu.open_study({"x": Float(0, 1)}, minimize="loss", trials=100, contexts=FOLDS, seed=1) as study:
        for _ in range(7):
            trial = study.ask()
            study.tell(trial, loss=trial["x"])
        others = [study.ask() for _ in range(2)]
        history = study.session.replica.history
        known = comparable(history)
        heads = {history.trials.groups.members.head(trial.number) for trial in others} | {5}
        assert set(running(history, known).tolist()) == heads


def test_everybody_tells_the_mean_of_the_best(capsys):
    from danlu.analysis.summary import summary
    from danlu.dashboard import views

    result = danlu.tune(train, SPACE, contexts=FOLDS, trials=40, seed=2, limits=["value <= -1"])
    history, mean = result.history, result.best.value
    assert mean != history.trials[result.best.number].value
    assert (
        views.head("s", history)["best"]["value"]
        == views.detail(history, 1)["best"]["metrics"]["value"]
        == mean
    )
    assert f"{mean:.6g}" in str(summary("s", history))
    assert any(f"value={mean:.6g}" in line for line in result.why() if "No trial keeps" in line)
    assert f"{mean:g}" in repr(result)
    assert f"{mean:.4g}"[:5] in result._repr_html_()


def test_that_no_configuration_has_seen_all_contexts_is_said():
    result = danlu.tune(train, SPACE, contexts=FOLDS, trials=3, seed=2)
    with pytest.raises(DanluError, match="has a result yet: 3 asked"):
        _ = result.best

    def cut(trial):
        for step in range(1, 9):
            trial.report(step, value=step * (trial["x"] + trial.context["fold"] + 2))

    class Stops(danlu.schedulers.BaseScheduler):
        def init(self, problem):
            return None

        def tell(self, state, trial):
            return None

        def judge(self, state, view, trial):
            return stop("a test") if trial.context["fold"] == 2 else GO

        def next(self, state, view):
            return New()

    short = danlu.tune(cut, SPACE, minimize="value", contexts=FOLDS, trials=12, seed=2, scheduler=Stops())
    with pytest.raises(DanluError, match="evaluated in all 5 contexts"):
        _ = short.best


def test_with_two_goals_nothing_is_given_up():
    """Which configuration is behind is not known then: the same study with one goal gives most up."""

    def train(trial):
        return {"loss": trial["x"], "cost": 1 - trial["x"]}

    how = {"contexts": {"fold": range(5)}, "trials": 60, "seed": 1, "sampler": "random"}
    one = danlu.tune(train, {"x": Float(0, 1)}, minimize="loss", **how)
    two = danlu.tune(train, {"x": Float(0, 1)}, minimize=["loss", "cost"], **how)
    count = {result: len(result.history.trials.configurations()) for result in (one, two)}
    assert count[two] == 12
    assert count[one] > 12


def test_without_a_scheduler_nothing_is_given_up():
    result = danlu.tune(train, SPACE, contexts=FOLDS, trials=40, seed=2, scheduler="none")
    assert [len(trials) for trials in by_configuration(result).values()] == [5] * 8


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.fault)])
def test_a_crash_at_every_append_of_a_race_changes_nothing(every, tmp_path, promised):
    def run(store):
        return danlu.tune(
            resumable, {"x": Float(-1, 1)}, minimize="loss", contexts={"fold": range(3)}, trials=11, seed=3, store=store,
            trial_limits=danlu.TrialLimits(retries=1000), sampler="random",
        )  # fmt: skip

    def told(result):
        return essence(result), [
            (event.trial, event.reason) for event in result.history.definition.campaign.judgments
        ]

    died, result = deaths(run, told, tmp_path, every)
    assert any(isinstance(event, Judged) for event in result.history.definition.campaign.judgments), (
        "nothing was given up"
    )
    promised(1, died, "deaths before and after appends of a race over contexts: the same as without")


def test_a_journal_with_a_trial_of_no_configuration_is_damaged():
    history = History()
    history.fold([ev.Entry(1, ev.Created(danlu.Space({"x": Float(0, 1)}).spec, Goal.of(), 0, 0.0))])
    asked = ev.Asked(
        0, ev.pack_params({"x": 0.5}), np.array([0.5]).tobytes(), "w", 1.0, context={"fold": 0}, of=3
    )
    with pytest.raises(DanluError, match="of the configuration of trial 3"):
        history.fold([ev.Entry(2, asked)])


def test_scripts_get_their_context_as_an_argument_and_in_a_variable(tmp_path, monkeypatch):
    script = tmp_path / "train.py"
    script.write_text(
        "import argparse, json, os\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float, default=0.1)\n"
        "p.add_argument('--fold', type=int, default=-1)\na = p.parse_args()\n"
        "assert json.loads(os.environ['DANLU_CONTEXT'])['fold'] == a.fold or a.fold == -1\nprint(f'loss: {a.lr + a.fold}')\n"
    )
    monkeypatch.chdir(tmp_path)
    words = [
        "run",
        "train.py",
        "--tune",
        "lr=0.01:1",
        "--metric",
        "loss: {x}",
        "-n",
        "6",
        "--json",
        "--scheduler",
        "none",
        "--context",
    ]
    told = CliRunner().invoke(danlu.cli.main.danlu, [*words, "fold=0..2", "--", "--fold", "{fold}"])
    assert told.exit_code == 0, told.output
    rows = json.loads(told.stdout)["trials"]
    assert [row["fold"] for row in rows] == [0, 1, 2, 0, 1, 2]
    assert [row["configuration"] for row in rows] == [0, 0, 0, 3, 3, 3]
    assert [round(row["loss"] - row["lr"], 3) for row in rows] == [0, 1, 2, 0, 1, 2]
    assert "--fold 0" in json.loads(told.stdout)["command"]
    silent = CliRunner().invoke(danlu.cli.main.danlu, [*words, "fold=0,1"])
    assert "nothing hands fold to the script" in silent.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fold", "NAME=VALUES"),
        ("fold=", "NAME=VALUES"),
        ("=1", "NAME=VALUES"),
        ("fold=4..0", "that rise"),
        ("fold=a..b", "that rise"),
    ],
)
def test_contexts_that_cannot_be_read_are_refused(text, said, tmp_path):
    file = tmp_path / "f.py"
    file.write_text("def f(x: float = 0.5):\n    return x\n")
    told = CliRunner().invoke(danlu.cli.main.danlu, ["run", f"{file}:f", "--context", text])
    assert told.exit_code == 2
    assert said in told.output
