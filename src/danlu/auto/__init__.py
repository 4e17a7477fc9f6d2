"""From a table to a model that one can trust: what its columns are, which model predicts the target best, and how well it does on rows never seen.

    model = danlu.automl("customers.csv", target="churned", time="10m")
    model.predict(rows)

A floor of its own: it opens a campaign, whose one study searches over families of models, and nothing below knows of it.
It needs pandas and scikit-learn: ``pip install "danlu[auto]"``.
"""

from __future__ import annotations

from ..base.rooms import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
