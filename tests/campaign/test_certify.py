"""Certified winners: who is adopted on which evidence, and that whatever happens it goes on the same."""

import json
import random

import pytest
from click.testing import CliRunner
from test_crash import deaths, essence

import danlu
from danlu import Choice, Confirmation, Float
from danlu.campaign.likeliest import likeliest
from danlu.cli.main import danlu as cli
from danlu.errors import SettingError
from danlu.problem.goal import Metric

SPACE = {"x": Float(0, 1), "kind": Choice(["plain", "other"])}

DEFAULT = danlu.Space(SPACE).decode(danlu.Space(SPACE).center())


def noise(trial):
    return random.Random(
        f"{sorted(trial.context.items()) or trial.number}{sorted(trial.params.items())}"
    ).gauss(0, 1)


def train(trial):
    return 1.0 + (trial["x"] - 0.9) ** 2 + 0.01 * noise(trial)


def flat(trial):
    return 1.0 + 0.1 * noise(trial)


def still(trial):
    return 1.0 + (trial["x"] - 0.9) ** 2


def confirmed(objective=train, store=None, name="sure", trials=40, seed=1, confirm=True, space=SPACE, **how):
    store = store or danlu.stores.MemoryStore()
    how = {"minimize": "value", **how}
    result = danlu.tune(objective, space, trials=trials, store=store, name=name, seed=seed, confirm=confirm,
                        sampler="random", **how)  # fmt: skip
    return result, danlu.load(store, name)


def test_what_is_better_is_adopted_with_an_interval():
    result, found = confirmed(trials=100, seed=2)
    assert found.adopted
    assert found.trial >= 0
    assert result.best.params == found.params
    assert abs(found.params["x"] - 0.9) < 0.2
    truth = 1.0 + (found.params["x"] - 0.9) ** 2
    assert found.low < truth < found.high
    assert found.low < found.value < found.high < 1.1
    assert len(result.trials) <= 10, "a tenth of the search"
    assert len(found.default) == 4
    search = found.results["search"]
    assert search.trials[found.trial].params == found.params


def test_nothing_beats_the_default_is_an_answer(capsys):
    result, found = confirmed(flat)
    assert not found.adopted
    assert found.trial == -1
    assert result.best.params == found.params == DEFAULT
    assert "nothing beats it" in found.sentence
    assert "the default was kept" in capsys.readouterr().err


def test_an_objective_that_reads_no_seed_is_told_so():
    result, found = confirmed(still, confirm=Confirmation(seeds=6, top=2))
    assert found.adopted
    assert found.low == found.value == found.high
    assert "does not read trial.context['seed']" in found.sentence
    assert len({trial.context["seed"] for trial in result.trials}) == 2, "more seeds would say no more"


def test_metrics_that_are_maximized_keep_their_sign():
    _, found = confirmed(lambda t: {"score": -train(t)}, trials=100, minimize=(), maximize="score")
    assert found.adopted
    assert -1.2 < found.low < found.value < found.high < -0.9


def test_folds_are_fresh_ones_of_another_split():
    result, found = confirmed(contexts={"fold": [0, 1]}, trials=80, confirm=Confirmation(top=1, seeds=3))
    assert {tuple(sorted(trial.context)) for trial in result.trials} == {("fold", "seed")}
    assert len(found.default) == 3
    assert len(result.history.definition.contexts) == 6


def test_what_cannot_be_trained_on_fresh_seeds_is_not_adopted():
    def fragile(trial):
        if trial.context and trial["x"] > 0.6:
            raise RuntimeError("not on this seed")
        return train(trial)

    _, found = confirmed(fragile, confirm=Confirmation(top=2, seeds=3))
    assert not found.adopted
    assert "no candidate could be trained on all fresh seeds" in found.sentence

    def fails(trial):
        if trial.context:
            raise RuntimeError("never on a fresh seed")
        return train(trial)

    with pytest.raises(danlu.DanluError, match="never on a fresh seed"):
        confirmed(fails)


def told(pair):
    result, found = pair
    return essence(result), found.sentence, found.params, found.value, found.low, found.high


@pytest.mark.parametrize("every", [23, pytest.param(1, marks=pytest.mark.fault)])
def test_a_crash_at_every_append_of_a_confirmation_changes_nothing(every, tmp_path):
    how = {"trials": 6, "confirm": Confirmation(top=2, seeds=3)}
    died, _ = deaths(lambda store: confirmed(store=store, **how), told, tmp_path, every)
    assert died >= 2


def test_an_extended_search_confirms_what_is_new_on_new_seeds():
    store = danlu.stores.MemoryStore()
    how = Confirmation(top=1, seeds=2)
    first, before = confirmed(store=store, trials=10, confirm=how)
    again, same = confirmed(store=store, trials=10, confirm=how)
    assert told((again, same)) == told((first, before))
    more, after = confirmed(store=store, trials=60, confirm=how)
    assert "sure/confirm-2" in store.studies()
    assert not {t.context["seed"] for t in more.trials} & {t.context["seed"] for t in first.trials}
    tried = {tuple(trial.params.items()) for trial in more.trials}
    assert (tuple(before.params.items()) in tried) == (before.adopted or before.trial == -1)
    assert more.best.params == after.params


def test_the_tie_set_is_by_what_is_believed():
    store = danlu.stores.MemoryStore()
    result = danlu.tune(train, SPACE, trials=40, sampler="random", seed=2, store=store)
    ties, source = likeliest(result, Metric("value"), 3, seed=1)
    assert "Gaussian process" in source
    assert 1 <= len(ties) <= 3
    assert all(abs(each.trial.params["x"] - 0.9) < 0.2 for each in ties)
    few = danlu.tune(train, SPACE, trials=5, sampler="random", seed=2)
    assert "better half" in likeliest(few, Metric("value"), 3, seed=1)[1]


@pytest.mark.parametrize("wrong", [{"top": 0}, {"seeds": 1}, {"chance": 1.0}, {"share": 0.0}, {"top": True}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(SettingError, match="a confirmation needs"):
        Confirmation(**wrong)


def test_what_does_not_go_together_is_refused():
    with pytest.raises(SettingError, match=r"confirm=... takes no plan"):
        danlu.tune(train, SPACE, trials=5, confirm=True, plan=danlu.Playbook())
    with pytest.raises(SettingError, match="confirm is True or"):
        danlu.tune(train, SPACE, trials=5, confirm=3)
    with pytest.raises(SettingError, match="the goal has 2"):
        danlu.tune(train, SPACE, trials=5, confirm=True, minimize=["a", "b"])


SCRIPT = """
import random

def train(trial):
    said = f"{sorted(trial.context.items())}{trial['x']}"
    return 1.0 + (trial["x"] - 0.9) ** 2 + 0.01 * random.Random(said).gauss(0, 1)
"""


def test_a_study_that_is_over_is_confirmed_from_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT)
    danlu.tune(
        "train.py:train", {"x": Float(0, 1)}, trials=40, sampler="random", seed=1, store="s.db", name="old"
    )

    def run(*words):
        return CliRunner().invoke(cli, ["confirm", "s.db", *words])

    assert "is run only where it is trusted" in run().output
    assert "is run only where it is trusted" in run("old").output
    asked = run("old", "--trust", "train.py", "--seeds", "4")
    assert asked.exit_code == 0, asked.output
    assert "was adopted: value" in asked.output
    assert "(90 %" in asked.output
    again = run("old", "train.py:train", "--seeds", "4", "--json")
    told = json.loads(again.stdout)
    assert told["adopted"]
    assert told["sentence"] in asked.output
    assert danlu.load("s.db", "old-confirmed").params == told["params"]
    assert "is a campaign" in run("old-confirmed", "train.py:train").output
    shown = CliRunner().invoke(cli, ["show", "s.db", "old-confirmed"])
    assert "was adopted" in shown.output


def test_a_default_that_stays_is_exit_code_1(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT.replace('(trial["x"] - 0.9)', '(trial["x"] - 0.5)'))
    danlu.tune("train.py:train", {"x": Float(0, 1)}, trials=20, sampler="random", seed=1, store="s.db")
    ran = CliRunner().invoke(cli, ["confirm", "s.db", "study", "train.py:train"])
    assert ran.exit_code == 1, ran.output
    assert "the default was kept: nothing beats it" in ran.output
