"""Samplers and schedulers of other packages: kept in a journal by their place, made again where that is trusted, and nowhere else."""

import sys
import textwrap

import pytest

import danlu
from danlu.contracts import algorithms as settings
from danlu.errors import SettingError

MODULE = """
import dataclasses
import msgspec
import danlu
from danlu.samplers.parts.admission import admit


class Half(danlu.samplers.BaseSampler, msgspec.Struct, frozen=True):
    at: float = 0.5
    points: tuple = ()

    def init(self, problem): return None
    def tell(self, state, trial): return None
    def ask(self, state, view, rng, k):
        return admit(view, lambda: (self.at + 0.1 * rng.random(len(view.space))).clip(0, 1).tolist(), k)


@dataclasses.dataclass(frozen=True)
class Short(danlu.schedulers.BaseScheduler):
    steps: int = 2

    def init(self, problem): return None
    def tell(self, state, trial): return None
    def judge(self, state, view, trial):
        from danlu.contracts.messages import GO, stop
        return stop("enough") if len(trial.curve) >= self.steps else GO
    def next(self, state, view):
        return danlu.contracts.protocols.New()


class Loose(Half, frozen=True):
    rule: object = None


def Function(at): print("run")
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "my_package_of_algorithms.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("my_package_of_algorithms", None)
    import my_package_of_algorithms

    yield my_package_of_algorithms
    sys.modules.pop("my_package_of_algorithms", None)


def train(trial):
    for step in range(1, 6):
        trial.report(step, loss=trial["x"] / step)


def begun(mine, store, **how):
    with danlu.open_study(
        {"x": danlu.Float(0, 1)}, minimize="loss", store=store, trials=6, seed=1, **how
    ) as study:
        study.session.announce()
        return study.session.settings.stored_config


def test_a_worker_makes_what_it_trusts(mine, tmp_path):
    store = tmp_path / "s.db"
    stored_config = begun(mine, store, sampler=mine.Half(at=0.7), scheduler=mine.Short(steps=3))
    assert stored_config.sampler == {"danlu.sampler": "my_package_of_algorithms:Half", "at": 0.7}
    assert stored_config.scheduler == {"danlu.scheduler": "my_package_of_algorithms:Short", "steps": 3}
    result = danlu.work(store, "study", train, engine="inline", trust="my_package_of_algorithms")
    assert len(result.trials) == 6
    assert all(0.7 <= trial.params["x"] <= 0.8 for trial in result.trials)
    assert {len(trial.curve) for trial in result.trials} == {3}


def test_nobody_else_makes_it(mine, tmp_path):
    store = tmp_path / "s.db"
    begun(mine, store, sampler=mine.Half())
    sys.modules.pop("my_package_of_algorithms")
    for how in ({}, {"trust": "mypackage"}, {"trust": ["danlu", "my_package"]}):
        with pytest.raises(SettingError, match=r"my_package_of_algorithms:Half, which is not danlu's own"):
            danlu.work(store, "study", train, engine="inline", **how)
    assert "my_package_of_algorithms" not in sys.modules, "what is not trusted is not imported"
    with danlu.open_study(store=store, sampler="random") as study:
        assert repr(study.session.settings.sampler) == "Random()"


def test_one_inside_danlus_own_is_kept_too(mine, tmp_path):
    store = tmp_path / "s.db"
    stored_config = begun(
        mine,
        store,
        sampler=danlu.samplers.InitialPoints([{"x": 0.25}], mine.Half()),
        scheduler=danlu.schedulers.Chain(danlu.schedulers.Diverged(), mine.Short()),
    )
    assert stored_config.sampler["danlu.sampler"] == "first"
    result = danlu.work(store, "study", train, engine="inline", trust=["my_package_of_algorithms"])
    assert result.trials[0].params == {"x": 0.25}


@pytest.mark.parametrize(
    "data",
    [
        {"danlu.sampler": "os:system", "command": "touch hacked"},
        {"danlu.sampler": "my_package_of_algorithms:Function", "at": 1},
        {"danlu.sampler": "my_package_of_algorithms:danlu.tune"},
        {"danlu.sampler": "my_package_of_algorithms:Short"},
        {"danlu.sampler": "my_package_of_algorithms:admit"},
        {"danlu.sampler": "my_package_of_algorithms:Nothing"},
        {"danlu.sampler": "no_such_package_anywhere:Half"},
        {
            "danlu.sampler": "first",
            "points": [],
            "then": {"danlu.sampler": "subprocess:Popen", "args": "touch hacked"},
        },
        {"danlu.sampler": "my_package_of_algorithms:Half", "no_such_field": 1},
    ],
    ids=str,
)
def test_a_trusted_package_gives_its_own_algorithms_and_nothing_else(mine, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError):
        settings.read(data, "sampler", lambda name: True)
    with pytest.raises(SettingError):
        settings.read(data, "sampler")
    assert not (tmp_path / "hacked").exists()


def test_what_cannot_be_made_again_is_kept_as_text(mine):
    class Local(mine.Half, frozen=True):
        pass

    for odd in (Local(), mine.Loose(rule=lambda: 3), object()):
        assert settings.written(odd) == {"shown": repr(odd)}
    with pytest.raises(SettingError, match="in a module of its own"):
        settings.read(settings.written(Local()), "sampler", lambda name: True)
