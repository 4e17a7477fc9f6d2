"""A package that is too old is named with both versions where it is imported."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest
from places import ROOT

from danlu.base.versions import LEAST, demand
from danlu.errors import MissingExtra


def test_the_versions_are_those_of_the_extras():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    del extras["dev"], extras["demo"]
    for package, least in LEAST.items():
        asked = {line for lines in extras.values() for line in lines if re.match(rf"{package}\b(?!-)", line)}
        assert asked == {f"{package}>={least}"}


@pytest.mark.parametrize(
    ("installed", "fits"),
    [("4.9.0", False), ("4.99", False), ("5.0.0", True), ("5", True), ("5.0.0rc1", True), ("10.1", True)],
)
def test_versions_are_compared_by_their_numbers(installed, fits, monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda package: installed)
    if fits:
        demand("danlu.optuna", "optuna", "optuna")
        return
    with pytest.raises(MissingExtra) as caught:
        demand("danlu.optuna", "optuna", "optuna")
    said = f'danlu.optuna needs optuna 5 or later, and {installed} is installed: pip install "danlu[optuna]"'
    assert str(caught.value) == said


DOORS = {
    "danlu.optuna": "optuna", "danlu.hyperopt": "hyperopt", "danlu.sklearn": "scikit-learn", "danlu.keras_tuner": "keras-tuner",
    "danlu.keras": "keras", "danlu.integrations.xgboost": "xgboost", "danlu.integrations.lightgbm": "lightgbm", "danlu.integrations.catboost": "catboost",
    "danlu.integrations.skorch": "skorch", "danlu.integrations.lightning": "lightning", "danlu.integrations.huggingface": "transformers",
}  # fmt: skip


def test_every_door_asks_before_it_imports():
    program = f"""
import importlib
from importlib import metadata
import danlu.errors
true, metadata.version = metadata.version, lambda package: "0.0.1"
for door, package in {DOORS!r}.items():
    try:
        importlib.import_module(door)
    except danlu.errors.MissingExtra as error:
        assert f"{{package}} " in str(error) and "0.0.1 is installed" in str(error), error
    else:
        raise AssertionError(door)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert set(DOORS.values()) == set(LEAST)
