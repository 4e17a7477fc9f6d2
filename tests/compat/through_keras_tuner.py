"""Keras Tuner's own tests with danlu's tuners and oracles in the place of theirs.

    python tests/compat/through_keras_tuner.py FOLDER [--bare] [arguments of pytest]

FOLDER is a checkout of github.com/keras-team/keras-tuner, as the wheel has no tests: those of its modules run against the keras-tuner that is
installed. ``--bare`` runs them without danlu, which tells what fails by itself.
"""

import importlib
import importlib.util
import os
import pkgutil
import shutil
import socket
import subprocess
import sys
import tempfile
import types
from pathlib import Path
from unittest import mock

import hosts

CHECKOUT = "DANLU_KERAS_TUNER_CHECKOUT"
BARE = "DANLU_KERAS_TUNER_BARE"

LEFT_OUT = {
    "bayesian::test_bayesian_oracle_maximize": "writes trials into the oracle's own table, which no study has seen, and asks what was learned from them",
    "hyperband::test_hyperband_oracle_one_sweep_single_thread": "counts the rungs of Keras Tuner's own table of brackets, and ours is the published one",
    "hyperband::test_hyperband_oracle_one_sweep_parallel": "counts the rungs of Keras Tuner's own table of brackets, and ours is the published one",
}
"""Their tests that are not run, with the reason."""

EFFICIENTNET = [
    "test_augmentation_param_fixed_model",
    "test_augmentation_param_hyper_model",
    "test_hyperparameter_existence_and_defaults",
    "test_hyperparameter_override",
    "test_input_tensor",
    "test_override_compiling_phase",
    "test_pooling_is_max",
]

FAIL_ANYWAY = {
    "end_to_end::test_end_to_end_workflow": "downloads MNIST",
    "augment::test_model_construction_factor_zero": "is of a checkout where augment_layers begins at 0, and in the wheel (1.4.8) it begins at 1",
}
FAIL_ANYWAY |= {f"efficientnet::{name}": "downloads the weights of EfficientNet" for name in EFFICIENTNET}
"""Their tests that fail without danlu as well, most of them where there is no network."""


def main(folder: str, *rest: str) -> int:
    """Run their tests out of a checkout; the exit status of pytest."""
    there = Path(folder).resolve() / "keras_tuner"
    if not there.is_dir():
        sys.exit(f"{folder} is no checkout of keras-tuner: it has no folder keras_tuner.")
    bare = "--bare" in rest
    with tempfile.TemporaryDirectory() as place:
        shutil.copy(there / "conftest.py", place)
        for path in sorted(there.rglob("*_test.py")):
            name = "__".join(path.relative_to(there).parts)
            shutil.copy(path, Path(place) / name)
        env = hosts.surroundings() | {
            "KERAS_BACKEND": os.environ.get("KERAS_BACKEND", "torch"),
            CHECKOUT: str(there),
            BARE: "1" if bare else "",
        }
        command = [
            *hosts.command("through_keras_tuner", place),
            place,
            *(each for each in rest if each != "--bare"),
        ]
        return subprocess.run(command, cwd=place, env=env, check=False).returncode


def names_of_old() -> None:
    """Give the modules of the wheel the names that their tests import them by, and add what only the checkout has."""
    source = importlib.import_module("keras_tuner.src")
    for found in pkgutil.walk_packages(source.__path__, "keras_tuner.src."):
        if ".protos.v" not in found.name:
            module = importlib.import_module(found.name)
            short = found.name.replace("keras_tuner.src.", "keras_tuner.")
            if not short.rpartition(".")[2].startswith("_"):
                sys.modules[short] = module
                above, _, name = short.rpartition(".")
                setattr(sys.modules[above], name, module)
    if importlib.util.find_spec("portpicker") is None:
        picker = types.ModuleType("portpicker")
        picker.pick_unused_port = free_port
        sys.modules["portpicker"] = picker
    if (
        importlib.util.find_spec("tensorflow") is None
    ):  # whose summaries two of their tests write; the others import the module alone
        sys.modules["tensorboard.plugins.hparams"] = mock.MagicMock()
        sys.modules["tensorboard.plugins.hparams.api"] = sys.modules["tensorboard.plugins.hparams"].api
    helpers = types.ModuleType("keras_tuner.test_utils")
    helpers.__path__ = [str(Path(os.environ[CHECKOUT]) / "test_utils")]
    sys.modules[helpers.__name__] = sys.modules["keras_tuner"].test_utils = helpers


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def replace() -> None:
    """Put danlu's classes wherever theirs are found."""
    ours = importlib.import_module("danlu.keras_tuner")
    oracles = ours.oracles
    theirs = {}
    for name in (
        "Oracle",
        "Tuner",
        "RandomSearch",
        "BayesianOptimization",
        "Hyperband",
        "GridSearch",
        "SklearnTuner",
    ):
        theirs[getattr(importlib.import_module("keras_tuner"), name)] = getattr(ours, name)
    for name in ("RandomSearchOracle", "BayesianOptimizationOracle", "HyperbandOracle", "GridSearchOracle"):
        theirs[
            getattr(importlib.import_module("keras_tuner.src.oracles"), name, None)
            or getattr(importlib.import_module("keras_tuner").oracles, name)
        ] = getattr(oracles, name)
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "keras_tuner":
            for key, value in list(vars(module).items()):
                if isinstance(value, type) and value in theirs:
                    setattr(module, key, theirs[value])


if os.environ.get(CHECKOUT):
    names_of_old()
    if not os.environ.get(BARE):
        replace()


def pytest_collection_modifyitems(config, items):
    def key(item):
        return f"{item.path.stem.removesuffix('_test').rpartition('__')[2]}::{item.originalname}"

    gone = LEFT_OUT | FAIL_ANYWAY
    left_out = [item for item in items if key(item) in gone and not os.environ.get(BARE)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
