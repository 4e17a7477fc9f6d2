"""The families of models that are searched over: what of each is tuned, in which range, on whose word, and what it starts from.

A family's prior is its own default, which is tried before anything else. Ranges are those of published studies of tabular models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from ..errors import SettingError
from ..space.parameters import Choice, Float, Int, Switch
from ..space.space import Space
from .reading.columns import TypedColumn
from .reading.target import Task

MODEL = "model"
"""The parameter that says which family."""

GRINSZTAJN = "Grinsztajn et al., Why do tree-based models still outperform deep learning on tabular data? (2022), arXiv:2207.08815"
PROBST = "Probst et al., Tunability (2019), arXiv:1802.09596"
GORISHNIY = "Gorishniy et al., Revisiting deep learning models for tabular data (2021), arXiv:2106.11959"


class Family(NamedTuple):
    """A family of models.

    Attributes:
        name: as the space has it.
        words: for a person.
        needs: the module that has to be installed.
        space: of its parameters; priors are its default.
        make: of its parameters, the task, the columns, the rows that it will be fitted on and a seed, a pipeline that is not fitted.
        source: of the ranges.
    """

    name: str
    words: str
    needs: str
    space: dict[str, Any]
    make: Callable[[Mapping[str, Any], Task, Sequence[TypedColumn], int, int], Any]
    source: str


def families(names: Sequence[str] | None = None) -> dict[str, Family]:
    """Those that are installed, or those that are named.

    Raises:
        SettingError: for a name that there is not, or whose library is not installed.

    Example:
        >>> list(families(["linear", "boosting"]))
        ['linear', 'boosting']
    """
    if names is None:
        return {name: each for name, each in FAMILIES.items() if find_spec(each.needs) is not None}
    if isinstance(names, str) or not names:
        raise SettingError(f"models are named in a list, got {names!r}. There are: {', '.join(FAMILIES)}.")
    for name in names:
        if name not in FAMILIES:
            raise SettingError(f"there is no model {name!r}. There are: {', '.join(FAMILIES)}.")
        if find_spec(FAMILIES[name].needs) is None:
            raise SettingError(f"the model {name!r} needs {FAMILIES[name].needs}, which is not installed: pip install {FAMILIES[name].needs}.")  # fmt: skip
    return {name: FAMILIES[name] for name in names}


def space_of(chosen: Mapping[str, Family]) -> dict[str, Any]:
    """One switch over the families, each with its own parameters."""
    return {MODEL: Switch({name: each.space for name, each in chosen.items()})}


def defaults(chosen: Mapping[str, Family]) -> list[dict[str, Any]]:
    """The default of each family, as points of ``space_of``, in the families' order.

    Example:
        >>> defaults(families(["linear"]))
        [{'model': 'linear', 'model.linear.penalty': 1.0, 'model.linear.numbers': 'standardized'}]
    """
    found = []
    for name, family in chosen.items():
        alone = Space(space_of({name: family}))
        found.append(dict(alone.decode(alone.center())))
    return found


def parted_point(params: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The family of a point of ``space_of``, and its parameters by their own names.

    Example:
        >>> parted_point({"model": "linear", "model.linear.penalty": 1.0})
        ('linear', {'penalty': 1.0})
    """
    prefix = f"{MODEL}.{params[MODEL]}."
    own = {key.removeprefix(prefix): value for key, value in params.items() if key.startswith(prefix)}
    return params[MODEL], own


def made(params: Mapping[str, Any], task: Task, columns: Sequence[TypedColumn], rows: int, seed: int) -> Any:
    """The pipeline of a point: preparation and model, not fitted."""
    name, own = parted_point(params)
    return FAMILIES[name].make(own, task, columns, rows, seed)


def predicted(pipeline: Any, values: Any, task: Task, classes: int) -> np.ndarray:
    """What a fitted pipeline says: probabilities, shape (n, classes), 0 for classes it has not seen; or values, shape (n,)."""
    if task == "numbers":
        return np.asarray(pipeline.predict(values), dtype=np.float64).ravel()
    own = np.asarray(pipeline.predict_proba(values), dtype=np.float64)
    found = np.zeros((len(own), classes))
    found[:, np.asarray(pipeline.classes_, dtype=np.int64)] = own
    return found


def _piped(style: Any, model: Any, task: Task, columns: Sequence[TypedColumn], rows: int, seed: int) -> Any:
    from sklearn.pipeline import Pipeline

    from .preparing import preparation

    prepared = preparation(columns, style, classes=task != "numbers", seed=seed, rows=rows)
    return Pipeline([*prepared.steps, ("model", model)])


def _boosting(
    params: Mapping[str, Any], task: Task, columns: Sequence[TypedColumn], rows: int, seed: int
) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    from .preparing import category_places

    kind = HistGradientBoostingRegressor if task == "numbers" else HistGradientBoostingClassifier
    places = category_places(columns) or None
    own = dict(params) | {"l2_regularization": _nothing(params["l2_regularization"])}
    model = kind(**own, categorical_features=places, early_stopping=rows > 10_000, random_state=seed)
    return _piped("gaps", model, task, columns, rows, seed)


def _nothing(value: float) -> float:
    """The lowest penalty of a logarithmic range stands for none."""
    return 0.0 if value <= 1e-8 else value


def _forest(extra: bool) -> Any:
    def make(
        params: Mapping[str, Any], task: Task, columns: Sequence[TypedColumn], rows: int, seed: int
    ) -> Any:
        from sklearn import ensemble

        name = (
            f"{'ExtraTrees' if extra else 'RandomForest'}{'Regressor' if task == 'numbers' else 'Classifier'}"
        )
        model = getattr(ensemble, name)(**params, random_state=seed)
        return _piped("filled", model, task, columns, rows, seed)

    return make


def _linear(
    params: Mapping[str, Any], task: Task, columns: Sequence[TypedColumn], rows: int, seed: int
) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    strength = params["penalty"]
    if task == "numbers":
        model: Any = Ridge(alpha=strength)
    else:
        model = LogisticRegression(C=1.0 / strength, max_iter=300)
    return _piped("ranks" if params["numbers"] == "ranks" else "scaled", model, task, columns, rows, seed)


def _xgboost(
    params: Mapping[str, Any], task: Task, columns: Sequence[TypedColumn], rows: int, seed: int
) -> Any:
    from xgboost import XGBClassifier, XGBRegressor

    kind = XGBRegressor if task == "numbers" else XGBClassifier
    model = _numbered(kind(**params, random_state=seed, n_jobs=1, verbosity=0), task)
    return _piped("gaps", model, task, columns, rows, seed)


def _lightgbm(
    params: Mapping[str, Any], task: Task, columns: Sequence[TypedColumn], rows: int, seed: int
) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMRegressor if task == "numbers" else LGBMClassifier
    model = kind(**params, subsample_freq=1, random_state=seed, n_jobs=1, verbosity=-1, deterministic=True, force_row_wise=True)  # fmt: skip
    return _piped("gaps", model, task, columns, rows, seed)


def _catboost(
    params: Mapping[str, Any], task: Task, columns: Sequence[TypedColumn], rows: int, seed: int
) -> Any:
    from catboost import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostRegressor if task == "numbers" else CatBoostClassifier
    model = kind(**params, random_seed=seed, thread_count=1, verbose=False, allow_writing_files=False)
    return _piped("gaps", model, task, columns, rows, seed)


def _network(
    params: Mapping[str, Any], task: Task, columns: Sequence[TypedColumn], rows: int, seed: int
) -> Any:
    from .network import TabularNetwork

    own = {name: value for name, value in params.items() if name != "numbers"}
    style = "ranks" if params["numbers"] == "ranks" else "scaled"
    return _piped(style, TabularNetwork(own, values=task == "numbers", seed=seed), task, columns, rows, seed)


def _numbered(model: Any, task: Task) -> Any:
    """With classes numbered without gaps, which XGBoost asks for and rare classes in folds do not give."""
    if task == "numbers":
        return model
    from .numbered import Numbered

    return Numbered(model)


_TREES: dict[str, Any] = {
    "max_features": Float(0.1, 1.0, prior=0.4),
    "min_samples_leaf": Int(1, 20, log=True, prior=1),
    "n_estimators": Int(50, 300, log=True, prior=100),
}
_NUMBERS = Choice(["standardized", "ranks"], prior="standardized")

FAMILIES = {
    each.name: each
    for each in (
        Family(
            "boosting", "scikit-learn's histogram gradient boosting", "sklearn",
            {"learning_rate": Float(0.01, 0.5, log=True, prior=0.1), "max_iter": Int(30, 500, log=True, prior=100),
             "max_leaf_nodes": Int(3, 127, log=True, prior=31), "min_samples_leaf": Int(1, 100, log=True, prior=20),
             "l2_regularization": Float(1e-8, 100.0, log=True, prior=1e-8), "max_features": Float(0.3, 1.0, prior=1.0)},
            _boosting, GRINSZTAJN,
        ),
        Family(
            "linear", "logistic or ridge regression", "sklearn",
            {"penalty": Float(1e-3, 1e4, log=True, prior=1.0), "numbers": _NUMBERS}, _linear, PROBST,
        ),
        Family("extra_trees", "extremely randomized trees", "sklearn", _TREES, _forest(extra=True), PROBST),
        Family("forest", "a random forest", "sklearn", _TREES, _forest(extra=False), PROBST),
        Family(
            "lightgbm", "LightGBM", "lightgbm",
            {"learning_rate": Float(0.01, 0.5, log=True, prior=0.1), "n_estimators": Int(30, 500, log=True, prior=100),
             "num_leaves": Int(3, 127, log=True, prior=31), "min_child_samples": Int(1, 100, log=True, prior=20),
             "colsample_bytree": Float(0.3, 1.0, prior=1.0), "subsample": Float(0.4, 1.0, prior=1.0),
             "reg_lambda": Float(1e-8, 100.0, log=True, prior=1e-8)},
            _lightgbm, PROBST,
        ),
        Family(
            "xgboost", "XGBoost", "xgboost",
            {"learning_rate": Float(0.01, 0.5, log=True, prior=0.3), "n_estimators": Int(30, 500, log=True, prior=100),
             "max_depth": Int(2, 11, prior=6), "min_child_weight": Float(0.5, 100.0, log=True, prior=1.0),
             "colsample_bytree": Float(0.3, 1.0, prior=1.0), "subsample": Float(0.4, 1.0, prior=1.0),
             "reg_lambda": Float(1e-3, 100.0, log=True, prior=1.0)},
            _xgboost, PROBST,
        ),
        Family(
            "catboost", "CatBoost", "catboost",
            {"learning_rate": Float(0.01, 0.3, log=True, prior=0.1), "iterations": Int(50, 500, log=True, prior=150),
             "depth": Int(3, 8, prior=6), "l2_leaf_reg": Float(1.0, 10.0, log=True, prior=3.0)},
            _catboost, GORISHNIY,
        ),
        Family(
            "network", "danlu's multi-layer perceptron", "torch",
            {"depth": Int(1, 4, prior=2), "width": Int(16, 256, log=True, prior=64), "dropout": Float(0.0, 0.5, prior=0.1),
             "lr": Float(3e-4, 1e-2, log=True, prior=2e-3), "decay": Float(1e-6, 0.3, log=True, prior=1e-2),
             "epochs": Int(10, 60, log=True, prior=30), "numbers": _NUMBERS},
            _network, GORISHNIY,
        ),
    )
}  # fmt: skip
"""By name, in the order in which their defaults are tried: quick and good ones first."""
