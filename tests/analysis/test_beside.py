"""Several studies beside each other."""

import pytest

import danlu
from danlu import Choice, Float, Int
from danlu.analysis.beside import beside
from danlu.errors import SettingError


def study(space, seed=0, trials=9, **goal):
    return danlu.tune(lambda t: {"loss": t["x"], "acc": 1 - t["x"]}, space, trials=trials, seed=seed, sampler="random", **(goal or {"minimize": "loss"})).history  # fmt: skip


def test_each_study_has_its_bests_and_its_space():
    one, two = (
        study({"x": Float(0, 1)}),
        study({"x": Float(0, 1), "opt": Choice(["a", "b"]), "n": Int(1, 4)}, 1, 5),
    )
    found = beside({"one": one, "two": two})
    assert (found.metric, found.maximize, found.differing) == ("loss", False, ("opt", "n"))
    assert list(found.space) == ["opt", "n", "x"]
    assert found.space["opt"] == ("", "Choice(['a', 'b'])")
    for told, history in zip(found.studies, (one, two), strict=True):
        values = [trial.value for trial in history.trials]
        assert told.best == min(values)
        assert told.best_trial == values.index(min(values))
        bests = [n for n, value in enumerate(values) if value == min(values[: n + 1])]
        assert told.numbers.tolist() == bests
        assert told.times.tolist() == sorted(told.times.tolist())
        assert told.states == {"done": len(values)}
        assert 0 <= told.times[-1] <= 60


def test_other_goals_have_no_picture_in_common_and_too_many_are_refused():
    down, up = study({"x": Float(0, 1)}), study({"x": Float(0, 1)}, maximize="acc")
    assert beside({"down": down, "up": up}).metric == ""
    with pytest.raises(SettingError, match="2 to 6 studies"):
        beside({"down": down})
    with pytest.raises(SettingError, match="got 7"):
        beside({str(n): down for n in range(7)})
    empty = danlu.open_study({"x": Float(0, 1)}, minimize="loss")
    told = beside({"down": down, "empty": empty.result.history}).studies[1]
    assert (told.best, told.best_trial, told.trials) == (None, -1, 0)
    empty.close()
