"""``optuna.study``, with the functions of ``studies.py`` in place of its own."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from . import studies

OURS = (
    "copy_study",
    "create_study",
    "delete_study",
    "get_all_study_names",
    "get_all_study_summaries",
    "load_study",
)


def __getattr__(name: str) -> Any:
    return getattr(studies if name in OURS else import_module("optuna.study"), name)
