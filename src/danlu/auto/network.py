"""danlu's own multi-layer perceptron as a scikit-learn estimator: the table recipe's network, trained by danlu's loop."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

BATCH = 128


class TabularNetwork(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A perceptron on a matrix of scaled numbers.

    Args:
        params: ``depth``, ``width``, ``dropout`` in [0, 1), ``lr``, ``decay`` and ``epochs``.
        values: whether numbers are predicted; classes otherwise.
        seed: of weights and order.

    Example:
        >>> x = np.linspace(-1, 1, 80)[:, None]
        >>> params = {"depth": 1, "width": 16, "dropout": 0.0, "lr": 0.01, "decay": 0.0, "epochs": 30}
        >>> model = TabularNetwork(params).fit(x, (x[:, 0] > 0).astype(int))
        >>> model.predict(x[[0, -1]]).tolist()
        [0, 1]
    """

    def __init__(self, params: Mapping[str, Any], *, values: bool = False, seed: int = 0) -> None:
        self.params = params
        self.values = values
        self.seed = seed

    def fit(self, values: Any, y: Any) -> TabularNetwork:
        """Train for the epochs of the parameters; a share of the rows says which epoch was the best."""
        import torch

        from ..deep.data import from_arrays
        from ..deep.recipes import tabular
        from ..deep.train.epochs import seeded
        from ..deep.train.fit import fit
        from ..deep.train.plan import Plan

        x, targets = np.asarray(values, dtype=np.float32), np.asarray(y)
        self.middle_, self.spread_ = 0.0, 1.0
        if self.values:
            self.middle_, self.spread_ = float(targets.mean()), float(targets.std()) or 1.0
            targets = (targets - self.middle_) / self.spread_
        else:
            self.classes_, targets = np.unique(targets, return_inverse=True)
        data = _data(from_arrays, x, targets, values=self.values, seed=self.seed)
        own = self.params
        plan = Plan(
            epochs=own["epochs"], batch_size=min(BATCH, max(8, len(x) // 8)), schedule="cosine",
            options={"lr": own["lr"], "decay": own["decay"]}, patience=max(5, own["epochs"] // 3),
        )  # fmt: skip
        shape = {**own, "activation": "relu", "norm": "none", "init": "default", "dropout": own["dropout"]}
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # the same sums in the same order, whatever the machine
        try:
            with seeded(self.seed, 0), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.network_ = tabular.build(shape, data)
            fit(self.network_, data, plan, seed=self.seed, device="cpu", progress=False)
        finally:
            torch.set_num_threads(threads)
        return self

    def predict(self, values: Any) -> Any:
        """Values, or the most likely class of each row."""
        if self.values:
            return self._outputs(values)[:, 0] * self.spread_ + self.middle_
        return self.classes_[np.argmax(self._outputs(values), axis=1)]

    def predict_proba(self, values: Any) -> Any:
        """Probabilities in the order of ``classes_``."""
        outputs = self._outputs(values)
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def _outputs(self, values: Any) -> np.ndarray:
        import torch

        from ..deep.train.evaluation import predict

        x = torch.as_tensor(np.asarray(values, dtype=np.float32))
        return np.asarray(predict(self.network_, x).numpy(), dtype=np.float64)


def _data(from_arrays: Any, x: np.ndarray, y: np.ndarray, *, values: bool, seed: int) -> Any:
    """RowParts of rows; classes keep their shares where each has rows enough for it."""
    if values:
        return from_arrays(x, y.astype(np.float32), valid=0.15, test=0.0, seed=seed)
    import torch

    from ..deep.data import Data, Split

    if np.bincount(y).min() >= 7:
        return from_arrays(x, y, valid=0.15, test=0.0, seed=seed)
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(y))
    cut = max(1, round(0.15 * len(y)))
    whole = Split(torch.as_tensor(x), torch.as_tensor(y, dtype=torch.long))
    parts = [whole.take(torch.from_numpy(each)) for each in (rows[cut:], rows[:cut])]
    return Data(parts[0], parts[1], None, "classes", int(y.max()) + 1)
