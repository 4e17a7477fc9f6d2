"""What a door does not have itself is its host's, by every way of importing it."""

import importlib
import os
import sys

import pytest

from danlu.compat.host import HostModules

os.environ.setdefault("KERAS_BACKEND", "torch")

HOSTS = {
    "sklearn": "sklearn.model_selection",
    "hyperopt": "hyperopt",
    "keras_tuner": "keras_tuner",
    "optuna": "optuna",
}


def door_and_host(name):
    host = pytest.importorskip(HOSTS[name])
    return importlib.import_module(f"danlu.{name}"), host


@pytest.mark.parametrize("name", HOSTS)
def test_every_public_name_of_a_host_is_there(name):
    door, host = door_and_host(name)
    public = [each for each in dir(host) if not each.startswith("_")]
    public += ["__version__"] * hasattr(host, "__version__")
    assert [each for each in public if not hasattr(door, each)] == []
    with pytest.raises(AttributeError, match=f"danlu.{name} has no frobnicate, as {HOSTS[name]} has none"):
        _ = door.frobnicate


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("hyperopt", "graph_viz"), ("hyperopt", "plotting"), ("hyperopt", "pyll.base"), ("hyperopt", "early_stop"),
        ("keras_tuner", "engine.hyperparameters"), ("keras_tuner", "applications"),
        ("optuna", "samplers"), ("optuna", "storages.journal"), ("optuna", "samplers._tpe.sampler"),
    ],
)  # fmt: skip
def test_modules_below_a_door_are_the_host_s_own(name, module):
    door_and_host(name)
    theirs = importlib.import_module(f"{HOSTS[name]}.{module}")
    spec = theirs.__spec__
    assert importlib.import_module(f"danlu.{name}.{module}") is theirs
    assert theirs.__spec__ is spec, "the host's module was renamed"


@pytest.mark.parametrize(
    ("name", "module", "member"),
    [
        ("hyperopt", "fmin", "fmin"), ("hyperopt", "tpe", "suggest"), ("keras_tuner", "tuners", "SklearnTuner"),
        ("keras_tuner", "oracles", "RandomSearchOracle"), ("optuna", "study", "create_study"), ("sklearn", "model_selection", "GridSearchCV"),
    ],
)  # fmt: skip
def test_where_a_door_has_its_own_module_that_is_found(name, module, member):
    door, _ = door_and_host(name)
    found = getattr(importlib.import_module(f"danlu.{name}.{module}"), member)
    assert sys.modules[found.__module__].__name__.startswith("danlu.")
    assert getattr(door, member, found) is found


def test_importing_a_module_by_a_function_s_name_leaves_the_function():
    door, _ = door_and_host("hyperopt")
    importlib.import_module("danlu.hyperopt.fmin")
    assert callable(door.fmin)


def test_a_module_of_the_host_that_lacks_another_says_which(tmp_path, monkeypatch):
    (tmp_path / "hosted").mkdir()
    (tmp_path / "hosted" / "__init__.py").touch()
    (tmp_path / "hosted" / "needs.py").write_text("import lacking_everywhere")
    monkeypatch.syspath_prepend(tmp_path)
    host = HostModules("danlu.hosted", "hosted", {})
    with pytest.raises(ModuleNotFoundError, match="lacking_everywhere"):
        host.named("needs")
    with pytest.raises(AttributeError, match=r"danlu\.hosted has no other, as hosted has none"):
        host.named("other")
