"""Names an objective so that another process can find it.

By import path where that leads to the same function; as ``file.py:function`` from the command line;
and otherwise pickled by cloudpickle, for the wire to our own workers only.
"""

from __future__ import annotations

import importlib
import importlib.util
import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import msgspec

from ..errors import MissingExtra, ObjectiveError
from .named import Furnished, Named, fitted

_FILE = "danlu_file_"
_importing = 0


class Sent(msgspec.Struct, frozen=True):
    """An objective on the wire: an import path or file path, or a pickle."""

    path: str = ""
    pickle: bytes = b""


def send(objective: Callable[..., Any] | str) -> Sent:
    """The form of an objective that travels.

    Raises:
        ObjectiveError: when it can neither be imported nor pickled, with the name of what is in the way.
        MissingExtra: when it has to be pickled and cloudpickle is not installed.
    """
    if isinstance(objective, str):
        resolve_objective(objective)
        return Sent(path=objective)
    path = import_path(objective)
    if path and not path.partition(":")[0].endswith(".py"):
        return Sent(path=path)
    name = getattr(objective, "__qualname__", "")
    try:
        import cloudpickle
    except ImportError:
        raise MissingExtra(f"sending {name or objective!r} to a worker", "cloudpickle", "parallel") from None
    try:
        return Sent(pickle=cloudpickle.dumps(objective))
    except Exception as error:
        raise ObjectiveError(
            f"the objective {name or objective!r} cannot be sent to a worker process: {error}. "
            "Put it in a module and name it by import path, 'package.module:function', or make what it "
            "refers to inside the function."
        ) from error


def import_path(objective: Callable[..., Any] | str) -> str:
    """How another process may name an objective; '' when it cannot, as for a function made inside another one.

    A function of the script that is being run is named by its file, seen from the working directory where it lies there.

    Example:
        >>> import_path(resolve_objective), import_path(lambda trial: 0)
        ('danlu.engines.objective:resolve_objective', '')
    """
    if isinstance(objective, str):
        return objective
    if isinstance(objective, Named):
        path = import_path(objective.function)
        return f"{path}({','.join(objective.names)})" if path else ""
    if isinstance(objective, Furnished):  # its things have no path
        return ""
    module, name = getattr(objective, "__module__", ""), getattr(objective, "__qualname__", "")
    if not module or not name or "<" in name:
        return ""
    found: Any = sys.modules.get(module)
    file = getattr(found, "__file__", None)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not objective:
        return ""
    if module != "__main__" and not module.startswith(_FILE):
        return f"{module}:{name}"
    if file is None or not str(file).endswith(".py"):
        return ""
    whole = Path(file).absolute()
    near = whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole
    return f"{near.as_posix()}:{name}"


def receive(sent: Sent) -> Callable[..., Any]:
    """The objective in this process.

    Raises:
        ObjectiveError: when it is not there.
    """
    if sent.pickle:
        loaded: Callable[..., Any] = pickle.loads(sent.pickle)  # noqa: S301 - written by our own parent
        return loaded
    return resolve_objective(sent.path)


def resolve_objective(objective: Callable[..., Any] | str) -> Callable[..., Any]:
    """A callable, from itself, from ``"package.module:function"`` or from ``"file.py:function"``.

    Names in brackets, ``"file.py:function(lr,hidden)"``, say that it takes these parameters as arguments.

    Raises:
        ObjectiveError: when the module or file, or the function in it, is missing.
    """
    if not isinstance(objective, str):
        if not callable(objective):
            raise ObjectiveError(f"an objective has to be a function of one trial, got {objective!r}.")
        return objective
    path, named, names = objective.partition("(")
    found = load_attribute(path)
    if not callable(found):
        raise ObjectiveError(f"{objective} has to be a function of one trial, it is {found!r}.")
    if named:
        return Named(found, [name.strip() for name in names.rstrip(") ").split(",") if name.strip()])
    result: Callable[..., Any] = found
    return result


def fit(objective: Callable[..., Any] | str, names: Sequence[str]) -> Callable[..., Any] | str:
    """An objective, or its import path, so that it is called as its arguments want in a space with these names.

    Raises:
        ObjectiveError: when it is not there, or its arguments are not these names.
    """
    if not isinstance(objective, str):
        return fitted(resolve_objective(objective), names)
    if "(" in objective:
        return objective
    found = fitted(resolve_objective(objective), names)
    return f"{objective}({','.join(found.names)})" if isinstance(found, Named) else objective


def furnish(
    objective: Callable[..., Any] | str, things: Mapping[str, Mapping[str, Any]]
) -> Callable[..., Any] | str:
    """An objective with the things of its space, where there are any."""
    return Furnished(resolve_objective(objective), things) if things else objective


def importing() -> bool:
    """Whether this process is importing an objective now: what it runs then must not tune."""
    return _importing > 0


def load_attribute(path: str) -> Any:
    """What ``"package.module:name"`` or ``"file.py:name"`` names.

    Raises:
        ObjectiveError: when the module, the file or the name is missing.
    """
    where, _, name = path.rpartition(":")
    if not where or not name:
        raise ObjectiveError(f"name a function as module:function or file.py:function, got {path!r}.")
    global _importing  # noqa: PLW0603 - a process imports one objective at a time
    _importing += 1
    try:
        module = _file(Path(where)) if where.endswith(".py") else _module(where)
    finally:
        _importing -= 1
    if not hasattr(module, name):
        near = get_close_matches(name, dir(module), n=1)
        remedy = f" Did you mean {near[0]!r}?" if near else ""
        raise ObjectiveError(f"{where} has no {name!r}.{remedy}")
    return getattr(module, name)


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ObjectiveError(f"the module {name!r} cannot be imported: {error}.") from error


class _FromSource(SourceFileLoader):
    """Reads a file's own text each time: cached bytecode is taken for it when a change keeps its size within a second."""

    def get_code(self, fullname: str) -> CodeType:
        """The file as it is now, compiled."""
        return self.source_to_code(self.get_data(self.path), self.get_filename(fullname))


def _file(path: Path) -> Any:
    path = path.absolute()
    if not path.exists():
        raise ObjectiveError(f"there is no file {path}.")
    name = f"{_FILE}{path.stem}"
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", "") == str(path):
        return loaded
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(name, path, loader=_FromSource(name, str(path)))
    if spec is None or spec.loader is None:
        raise ObjectiveError(f"{path} is not a Python file.")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
