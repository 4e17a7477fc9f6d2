"""The public face: where names are found, what their types say, and that nothing of it changes unnoticed."""

import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import pytest
from places import ROOT

import danlu
from danlu.base import names
from danlu.plots.plot import KINDS
from danlu.samplers.auto import LEADS
from danlu.study.cite import sources

ROOMS = ("samplers", "schedulers", "engines", "stores", "analysis")


def test_the_list_of_public_names_is_current():
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        listed = importlib.import_module("api").reference()
    finally:
        sys.path.pop(0)
    assert (ROOT / "docs/api.md").read_text("utf-8") == listed, (
        "the public face has changed: make docs, and say it in CHANGELOG.md"
    )


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_have_all_of_their_names(room):
    module = getattr(danlu, room)
    assert len(dir(module)) >= 5
    for name in dir(module):
        assert getattr(module, name).__doc__, name
    for name in dir(module):  # a module of the same name, imported since, hides none of them
        importlib.import_module(getattr(module, name).__module__)
        assert not isinstance(getattr(module, name), type(sys))


def test_every_algorithm_that_has_a_name_is_in_its_room():
    for table, room in ((names.SAMPLERS, danlu.samplers), (names.SCHEDULERS, danlu.schedulers)):
        for home in table.values():
            assert home.rpartition(":")[2] in dir(room)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("TPE", "danlu.samplers.TPE"), ("ASHA", "danlu.schedulers.ASHA"), ("Pool", "danlu.engines.Pool"),
        ("SqliteStore", "danlu.stores.SqliteStore"), ("SettingError", "danlu.errors.SettingError"), ("importance", "danlu.analysis.importance"),
    ],
)  # fmt: skip
def test_a_name_that_is_not_flat_says_where_it_is(name, place):
    with pytest.raises(AttributeError, match=f"danlu has no {name}: it is {place}."):
        getattr(danlu, name)
    with pytest.raises(ImportError):
        exec(f"from danlu import {name}")


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("danlu.tunee", "tune"), ("danlu.samplers.Tpe", "TPE"), ("danlu.schedulers.Hyperbandd", "Hyperband"), ("danlu.stores.SQLiteStore", "SqliteStore"),
     ("danlu.engines.pool_", "Pool"), ("danlu.analysis.importence", "importance")],
)  # fmt: skip
def test_a_misspelled_name_is_answered_with_the_nearest(wrong, near):
    with pytest.raises(AttributeError, match=f"Did you mean {near}?"):
        eval(wrong)


SETTINGS = {
    "initial=": lambda: danlu.samplers.TPE(n_startup_trials=3),
    "candidates=": lambda: danlu.samplers.TPE(n_ei_candidates=3),
    "sigma=": lambda: danlu.samplers.CMAES(sigma0=3),
    "population=": lambda: danlu.samplers.NSGA2(population_size=3),
    "high=": lambda: danlu.schedulers.ASHA(max_t=3),
    "low=": lambda: danlu.schedulers.Hyperband(min_resource=3),
    "factor=": lambda: danlu.schedulers.SuccessiveHalving(reduction_factor=3),
    "warm_up=": lambda: danlu.schedulers.Median(n_warmup_steps=3),
    "reports=": lambda: danlu.schedulers.Patience(patience=3),
    "interval=": lambda: danlu.schedulers.PBT(perturbation_interval=3),
    "trials=": lambda: danlu.Budget(n_trials=3),
    "time=": lambda: danlu.TrialLimits(timeout=3),
    r"Goal.of\(maximize=": lambda: danlu.Goal(maximize="accuracy"),
}


@pytest.mark.parametrize("own", SETTINGS)
def test_settings_of_other_tools_are_answered_with_danlus_word(own):
    with pytest.raises(TypeError, match=f"danlu says {own}") as caught:
        SETTINGS[own]()
    assert isinstance(caught.value, danlu.errors.SettingError)


def test_what_cannot_be_made_says_how_it_is_made():
    with pytest.raises(
        danlu.errors.ArgumentError, match=r"Fidelity is made as Fidelity\(name, low, high, resume_safe=True\)"
    ):
        danlu.Fidelity("epoch")
    with pytest.raises(danlu.errors.ArgumentError, match=r"TPE is made as TPE\(initial=10, "):
        danlu.samplers.TPE(3)


def test_types_know_the_names_of_the_tables():
    assert get_args(names.SamplerName) == tuple(sorted(names.SAMPLERS))
    assert get_args(names.SchedulerName) == tuple(sorted(names.SCHEDULERS))
    assert get_args(names.EngineName) == tuple(sorted(names.ENGINES))
    assert {*get_args(names.FigureName), *get_args(names.PanelsName)} == set(KINDS)


PROGRAM = """
import danlu
from danlu import Choice, Float, Int

def train(trial: danlu.LiveTrial) -> float:
    lr: float = trial.suggest("lr", Float(1e-3, 1))
    width: int = trial.suggest("width", Int(1, 8))
    return lr * width

result = danlu.tune(train, sampler="gp", scheduler=danlu.schedulers.ASHA(low=1, high=9), budget=danlu.Budget(time="2h"))
result.plot("history").set_title("a figure")
danlu.analysis.importance(result.history)
raise danlu.errors.SettingError("no")
"""
WRONG = {
    'sampler="gp"': 'sampler="gpp"',
    "width: int = trial.suggest": "width: int = trial.suggest('lr', Float(0, 1)) or trial.suggest",
    'result.plot("history")': 'result.plot("historie")',
    "danlu.analysis.importance": "danlu.analysis.importence",
    "danlu.schedulers.ASHA(low=1": "danlu.schedulers.ASHA(lowest=1",
    "danlu.Budget(time": "danlu.Budget(hours",
    "danlu.errors.SettingError": "danlu.SettingError",
}


def test_a_type_checker_finds_every_word_that_is_wrong(tmp_path):
    """Each wrong program differs from the right one in one place, and is wrong in that line alone."""
    (tmp_path / "right.py").write_text(PROGRAM)
    for number, (right, wrong) in enumerate(WRONG.items()):
        assert right in PROGRAM
        (tmp_path / f"wrong{number}.py").write_text(PROGRAM.replace(right, wrong))
    run = subprocess.run(
        [sys.executable, "-m", "mypy", *map(str, sorted(tmp_path.glob("*.py")))], capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    errors = {Path(line.partition(":")[0]).name for line in run.stdout.splitlines() if ": error:" in line}
    assert errors == {f"wrong{number}.py" for number in range(len(WRONG))}, run.stdout + run.stderr


def cited(result):
    return [
        line.partition("{")[2].rstrip(",") for line in danlu.cite(result).splitlines() if line.startswith("@")
    ]


SPACE = {"x": danlu.Float(0, 1)}


def train(trial):
    for epoch in range(1, 4):
        trial.report(epoch, loss=trial["x"] + 1 / epoch)


@pytest.mark.parametrize(
    ("how", "keys"),
    [
        ({"sampler": "random", "scheduler": "none"}, ["bergstra2012random"]),
        ({"scheduler": "none"}, ["jones1998efficient", "snoek2012practical", "rasmussen2006gaussian"]),
        ({"sampler": danlu.samplers.GP(warp=True), "scheduler": "median"},
         ["jones1998efficient", "snoek2012practical", "rasmussen2006gaussian", "snoek2014input", "golovin2017google"]),
        ({"sampler": danlu.samplers.InitialPoints([{"x": 0.5}], danlu.samplers.TPE()),
          "scheduler": danlu.schedulers.Chain(danlu.schedulers.Diverged(), danlu.schedulers.ASHA(low=1, high=3))},
         ["bergstra2011algorithms", "li2020massively"]),
        ({"sampler": "random", "scheduler": "patience", "contexts": {"fold": [0, 1]}},
         ["bergstra2012random", "maron1993hoeffding", "birattari2002racing", "hutter2011sequential", "prechelt1998early"]),
    ],
)  # fmt: skip
def test_what_a_study_used_is_cited(how, keys):
    result = danlu.tune(train, SPACE, minimize="loss", trials=6, seed=1, **how)
    assert cited(result) == ["danlu", *keys]


def test_a_stranger_is_named_and_not_cited():
    stored = danlu.tune(
        train, SPACE, minimize="loss", trials=2, sampler=Middle()
    ).history.definition.stored_config
    assert "shown" in stored.sampler or "danlu.sampler" in stored.sampler
    result = danlu.tune(train, SPACE, minimize="loss", trials=2, sampler=Middle())
    assert cited(result)[0] == "danlu"
    assert "Middle" in danlu.cite(result)
    assert "is not danlu's own" in danlu.cite(result)


class Middle(danlu.samplers.BaseSampler, msgspec.Struct, frozen=True):
    def init(self, problem):
        return None

    def tell(self, state, trial):
        return state

    def ask(self, state, view, rng, k):
        return rng.random((k, 1))


def test_all_sources_are_in_the_list_and_in_use():
    algorithms = [
        names.find(table, "x", name) for table in (names.SAMPLERS, names.SCHEDULERS) for name in table
    ]
    used = {key for each in algorithms for key in each.sources} | {
        "snoek2014input",
        "chebykin2025iterated",
        "feurer2018practical",
        "wistuba2015sequential",
    }
    assert used == set(sources())
    for entry in sources().values():
        assert entry.count("{") == entry.count("}")
        assert all(f"  {field} = " in entry for field in ("author", "title", "year"))


def test_what_chooses_by_itself_says_what_it_chose():
    """Each sentence that begins a choice stands in the code that chooses."""
    code = (ROOT / "src/danlu/samplers/auto.py").read_text("utf-8").partition("def choose")[2]
    assert all(words in code for words in LEADS)


def functions():
    """The public functions and methods of the flat face, by name."""
    for name in sorted(danlu.__all__):
        found = getattr(danlu, name)
        if inspect.isfunction(found):
            yield name, found
        elif inspect.isclass(found):
            for method, each in vars(found).items():
                if inspect.isfunction(each) and (method == "__init__" or not method.startswith("_")):
                    yield f"{name}.{method}", each


def test_every_public_signature_can_be_read_by_programs():
    found = dict(functions())
    assert {"tune", "open_study", "Study.ask"} <= set(found)
    for name, each in found.items():
        assert get_type_hints(each) is not None, name
