"""Importance against functions whose shares of variance are known, and what it says of too little."""

import math

import numpy as np
import pytest
from scipy import stats

import danlu
from danlu.analysis.importance import DEFAULT, Share, _notices, importance, ranks
from danlu.errors import SettingError
from danlu.maths import anova
from danlu.maths.forest import grow, predict


def study(function, space, trials, *, seed=0, sampler="quasirandom", **how):
    return danlu.tune(function, space, trials=trials, seed=seed, sampler=sampler, **how).history


SPACE = {name: danlu.Float(-math.pi, math.pi) for name in ("a", "b", "c", "idle")}


def ishigami(trial):
    return math.sin(trial["a"]) + 7 * math.sin(trial["b"]) ** 2 + 0.1 * trial["c"] ** 4 * math.sin(trial["a"])


def of(found):
    return {share.name: share.share for share in found.parameters}


def test_the_anova_of_a_tree_is_that_of_its_function_exactly():
    """Cells cover the space, and shares from marginals are those of the tree's own values on a fine grid."""
    rng = np.random.default_rng(0)
    x = rng.random((80, 3))
    forest = grow(x, x[:, 0] + 2 * x[:, 1] * x[:, 2], rng, trees=4)
    single, double = anova.shares(forest, 3, pairs=True)
    for number, tree in enumerate(anova.boxes(forest, 3)):
        assert (tree.high - tree.low).prod(1).sum() == pytest.approx(1.0)
        inside = rng.random((200, 3))
        at = [np.flatnonzero((tree.low < p).all(1) & (p <= tree.high).all(1)) for p in inside]
        assert all(len(found) == 1 for found in at)
        grid = np.stack(np.meshgrid(*[(np.arange(60) + 0.5) / 60] * 3, indexing="ij"), -1).reshape(-1, 3)
        held = np.array(
            [tree.means[((tree.low < p) & (p <= tree.high)).all(1).argmax()] for p in grid]
        ).reshape(60, 60, 60)
        main = [held.mean(tuple(k for k in range(3) if k != i)).var() / held.var() for i in range(3)]
        np.testing.assert_allclose(single[number], main, atol=0.03)
        joint = held.mean(0).var() / held.var() - main[1] - main[2]
        assert double[number, 1, 2] == pytest.approx(max(0, joint), abs=0.03)


def test_fanova_finds_the_shares_of_ishigami():
    """Sobol' indices of Ishigami (a=7, b=0.1): 0.314, 0.442, 0 alone, 0.244 for a with c (Sobol' and Levitan 1999).

    Greedy trees find the wave along b later than the slope along a, which costs b up to a tenth.
    """
    found = importance(study(ishigami, SPACE, 1000), method="fanova", most=1000)
    total = 0.3139 + 0.4424
    shares = of(found)
    assert shares["a"] == pytest.approx(0.3139 / total, abs=0.1)
    assert shares["b"] == pytest.approx(0.4424 / total, abs=0.1)
    assert shares["c"] < 0.05
    assert shares["idle"] < 0.03
    assert set(found.pairs[0].names) == {"a", "c"}
    assert found.pairs[0].share == pytest.approx(0.2437, abs=0.1)
    assert found.explained > 0.7
    assert not found.notice


@pytest.mark.parametrize("method", ["fanova", "permutation", "ped-anova"])
def test_an_additive_function_is_ranked_by_its_weights(method):
    """Variance shares are the squared weights'; the permutation's too, and PED-ANOVA keeps their order."""
    weights = {"a": 4.0, "b": 2.0, "c": 1.0, "idle": 0.0}
    history = study(lambda t: sum(w * t[n] for n, w in weights.items()), SPACE, 400)
    found = importance(history, method=method)
    assert [share.name for share in found.parameters] == ["a", "b", "c", "idle"]
    if method != "ped-anova":
        exact = {name: w**2 / 21 for name, w in weights.items()}
        assert all(abs(of(found)[name] - share) < 0.08 for name, share in exact.items()), found
    assert all(share.low <= share.share + 0.05 for share in found.parameters)
    assert sum(of(found).values()) == pytest.approx(1.0)


def test_intervals_hold_the_idle_and_the_real():
    """Over 20 studies of 60 trials the 90 % intervals hold the large-sample share of most parameters: fewer than 16 of 20
    would happen with probability below 0.05 if they held it nine times in ten."""
    space = {"x": danlu.Float(0, 1), "y": danlu.Float(0, 1)}

    def bowl(trial):
        return (trial["x"] - 0.3) ** 2 + 0.2 * (trial["y"] - 0.6) ** 2

    truth = of(importance(study(bowl, space, 3000, sampler="random"), method="ped-anova"))["x"]
    held = 0
    for seed in range(20):
        found = importance(study(bowl, space, 60, seed=seed, sampler="random"), method="ped-anova")
        share = next(share for share in found.parameters if share.name == "x")
        held += share.low <= truth <= share.high
    assert held >= 14
    assert stats.binom.cdf(13, 20, 0.9) < 0.05


def test_what_is_rarely_active_counts_where_it_was_and_choices_count():
    space = {
        "opt": danlu.Switch(sgd={"momentum": danlu.Float(0, 1)}, adam={}),
        "act": danlu.Choice(["relu", "tanh", "gelu"]),
        "idle": danlu.Float(0, 1),
    }

    def objective(trial):
        inner = trial["momentum"] if trial["opt"] == "sgd" else 0.5
        return inner + 2 * (trial["act"] == "tanh")

    history = study(objective, space, 300)
    for method in ("fanova", "permutation", "ped-anova"):
        shares = of(importance(history, method=method))
        assert shares["idle"] < 0.1, (method, shares)
        assert shares["act"] > (0.15 if method == "ped-anova" else 0.3), (
            method,
            shares,
        )  # two in three are good
    assert of(importance(history, method="fanova"))["act"] > 0.7


def test_too_few_and_noise_are_said():
    few = study(lambda t: t["a"], SPACE, 12)
    assert "12 trials are too few" in importance(few).notice
    noise = study(lambda t: float(np.random.default_rng(t.number).random()), SPACE, 200)
    assert "cannot be told yet from 200 trials" in importance(noise).notice
    untold = _notices(200, 0.1, 4, told=True)
    assert "explains only 10%" in str(untold[0])
    with pytest.raises(SettingError, match="at least 4 trials"):
        importance(study(lambda t: t["a"], SPACE, 3))
    with pytest.raises(SettingError, match="the goal has value, not 'loss'"):
        importance(few, "loss")
    with pytest.raises(SettingError, match="a method of ped-anova"):
        importance(few, method="sobol")
    with pytest.raises(SettingError, match="quantile"):
        importance(few, quantile=0.9)


def test_several_goals_and_failures_have_their_own_importance():
    def two(trial):
        if trial["idle"] > 2.8:
            raise ValueError("on purpose")
        return {"loss": trial["a"], "time": trial["b"]}

    history = study(two, SPACE, 200, minimize=["loss", "time"])
    assert importance(history, "loss").parameters[0].name == "a"
    assert importance(history, "time").parameters[0].name == "b"
    assert importance(history, "time").trials < 200


def test_a_forest_predicts_what_its_boxes_say():
    rng = np.random.default_rng(1)
    x = rng.random((40, 2))
    forest = grow(x, x[:, 0], rng, trees=8)
    points = rng.random((30, 2))
    said = np.zeros(30)
    for tree in anova.boxes(forest, 2):
        said += [tree.means[((tree.low < p) & (p <= tree.high)).all(1).argmax()] for p in points]
    np.testing.assert_allclose(said / 8, predict(forest, points)[0])


def test_parameters_that_cannot_be_told_apart_share_a_rank():
    """By a plain loop: behind as many as lie wholly above, never behind one with a smaller share."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        share = np.sort(rng.random(5))[::-1]
        low, high = share - 0.3 * rng.random(5), share + 0.3 * rng.random(5)
        plain = [1 + sum(low[j] > high[i] for j in range(5)) for i in range(5)]
        found = ranks(low, high)
        assert found == [min(plain[i:]) for i in range(5)]
        assert found[0] == 1
        assert found == sorted(found)


def test_what_is_told_apart_is_told_and_chance_is_not():
    steep = importance(study(lambda t: 4 * t["a"] + t["b"], SPACE, 60, sampler="random"))
    assert (steep.told, steep.first) == (True, ("a",))
    assert not steep.notice
    chance = importance(
        study(lambda t: float(np.random.default_rng(t.number).random()), SPACE, 60, sampler="random")
    )
    assert not chance.told
    assert len(chance.first) == 4
    assert chance.notice.startswith(
        "Which of the 4 parameters matters most cannot be told yet from 60 trials"
    )
    assert all(isinstance(each, Share) and each.low <= each.share <= each.high for each in chance.parameters)


def test_every_surface_answers_by_one_method(tmp_path, capsys):
    """The API, the summary, the figure, the command line and the page, on more trials than are looked at."""
    import json

    from danlu.cli.main import main
    from danlu.dashboard.views import insight
    from danlu.plots.plot import arrays

    space = {name: danlu.Float(0, 1) for name in "abc"}
    store = str(tmp_path / "s.db")
    result = danlu.tune(
        lambda t: t["a"] + 0.3 * t["b"], space, trials=40, sampler="random", seed=0, store=store, name="s"
    )
    expected = [(each.name, each.share) for each in importance(result.history).parameters]
    with pytest.raises(SystemExit):
        main(["show", store, "--importance", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["method"] == DEFAULT
    assert [(each["name"], each["share"]) for each in told["parameters"]] == expected
    others = [
        result.analysis.importance(), arrays(result.history, "importance"), result.analysis.summary().importance,
        insight(result.history, {})["importance"],
    ]  # fmt: skip
    for found in others:
        assert found.method == DEFAULT
        assert [(each.name, each.share) for each in found.parameters] == expected
