"""Saved trials of Hyperopt's, read without running what a pickle may hold."""

from __future__ import annotations

import io
import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
from hyperopt import base

from ...errors import CorruptError, SettingError

ALLOWED: dict[str, frozenset[str]] = {
    "hyperopt.base": frozenset({"Trials"}),
    "hyperopt.exceptions": frozenset({"AllTrialsFailed", "InvalidLoss", "InvalidResultStatus"}),
    "builtins": frozenset({"set", "frozenset", "complex", "bytearray", "list", "dict", "tuple", "object", "int", "float", "bool", "str"}),
    "copyreg": frozenset({"_reconstructor"}),
    "copy_reg": frozenset({"_reconstructor"}),
    "__builtin__": frozenset({"set", "frozenset", "complex", "bytearray", "object", "list", "dict"}),
    "_codecs": frozenset({"encode"}),
    "collections": frozenset({"OrderedDict", "defaultdict"}),
    "datetime": frozenset({"datetime", "date", "time", "timedelta", "timezone"}),
    "numpy": frozenset({"dtype", "ndarray"}),
    "numpy.core.multiarray": frozenset({"_reconstruct", "scalar"}),
    "numpy._core.multiarray": frozenset({"_reconstruct", "scalar"}),
    "numpy.core.numeric": frozenset({"_frombuffer"}),
    "numpy._core.numeric": frozenset({"_frombuffer"}),
    "bson.objectid": frozenset({"ObjectId"}),
    "bson.son": frozenset({"SON"}),
    "bson.int64": frozenset({"Int64"}),
    "bson.binary": frozenset({"Binary"}),
}  # fmt: skip
"""What may be in a file of trials, by module: nothing that does more than hold data."""


def saving(path: str, stop: Callable[..., Any] | None) -> Callable[..., Any]:
    """What Hyperopt calls after every evaluation to hear whether to stop: it saves the trials first, so that the file is never half written.

    Args:
        path: of the file.
        stop: what is to be asked then, None for never.
    """

    def called(trials: Any, *memory: Any) -> tuple[bool, Any]:
        with tempfile.NamedTemporaryFile(dir=Path(path).absolute().parent, delete=False) as file:
            try:
                cloudpickle.dump(trials, file)
            except BaseException:
                Path(file.name).unlink()
                raise
        Path(file.name).replace(path)
        return (False, memory) if stop is None else stop(trials, *memory)

    return called


class _Reader(pickle.Unpickler):  # noqa: S301 - what it may find is listed
    """Finds nothing but what is allowed."""

    def find_class(self, module: str, name: str) -> Any:
        """One of ``ALLOWED``.

        Raises:
            pickle.UnpicklingError: for anything else.
        """
        if name not in ALLOWED.get(module, ()):
            raise pickle.UnpicklingError(f"{module}.{name}")
        return super().find_class(module, name)


def load_trials(path: str | os.PathLike[str]) -> Any:
    """Trials of Hyperopt's from a file that ``pickle``, or ``fmin(trials_save_file=...)``, has written.

    Anything in it but trials, numbers, text, arrays and times is refused: a pickle can run whatever its author likes.

    Raises:
        SettingError: for a file with something else in it, and for one that holds no trials.
        CorruptError: for a file that is no pickle, or ends too early.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with open(f"{folder}/trials.pkl", "wb") as file:
        ...         pickle.dump(base.Trials(), file)
        ...     len(load_trials(f"{folder}/trials.pkl"))
        0
    """
    content = Path(path).read_bytes()
    try:
        found = _Reader(io.BytesIO(content)).load()
    except pickle.UnpicklingError as error:
        what = str(error)
        if "." in what and " " not in what:
            raise SettingError(
                f"{os.fspath(path)} holds {what}, and saved trials are read without running code: numbers, text, lists, arrays and times "
                "alone. If you trust whoever wrote it, pass trials=pickle.load(file)."
            ) from None
        raise CorruptError(f"{os.fspath(path)} cannot be read as saved trials: {what}") from error
    except (EOFError, AttributeError, ImportError, IndexError, KeyError, TypeError, ValueError) as error:
        raise CorruptError(
            f"{os.fspath(path)} cannot be read as saved trials: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(found, base.Trials):
        raise SettingError(
            f"{os.fspath(path)} holds {type(found).__name__}, and saved trials of Hyperopt are needed."
        )
    return found
