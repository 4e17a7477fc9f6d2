"""Finds out what an objective is made of, as far as Python tells, and what it runs on. It never fails: what cannot be known is left out.

The objective's own code is followed by name: functions, classes and plain values of the user's own modules that it
refers to, and what these refer to. Installed libraries count by their versions.
"""

from __future__ import annotations

import ast
import contextlib
import dis
import functools
import hashlib
import inspect
import os
import platform
import subprocess
import sys
import sysconfig
import textwrap
import types
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from ..journal.provenance import Provenance, digest_of, masked
from .named import Furnished, Named
from .objective import resolve_objective

if TYPE_CHECKING:
    from ..programs.command import Command

PARTS = 400
"""Parts of an objective that are looked at; a program that is larger is compared by these."""

TEXT = 64 << 10
"""Characters of source that a journal keeps a session."""

INSTALLERS = frozenset({"site-packages", "dist-packages"})
"""Names of folders that installers fill, wherever they are: an environment may see those of another one, of the system or of a user."""

_LIBRARIES = (
    "numpy",
    "torch",
    "tensorflow",
    "jax",
    "keras",
    "sklearn",
    "lightning",
    "transformers",
    "xgboost",
    "lightgbm",
)
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def provenance_of(objective: Callable[..., Any] | str, data: dict[str, str] | None = None) -> Provenance:
    """What a session that runs ``objective`` runs.

    Args:
        objective: as ``tune`` takes it, resolved or not.
        data: hashes of data that were loaded for it, by name.

    Example:
        >>> provenance_of(provenance_of).objective
        'danlu.engines.provenance:provenance_of'
    """
    found = _Parts()
    with contextlib.suppress(Exception):  # whatever stands in the way of looking is no reason not to tune
        found.look(resolve_objective(objective))
    files = {_text(_near(path)): _tree(path) for path in sorted(found.files)}
    return Provenance(
        objective=_text(found.name or (objective if isinstance(objective, str) else "")),
        parts={_text(name): _text(part) for name, part in sorted(found.parts.items())},
        files={name: digest for name, digest in files.items() if digest},
        sources={name: _text(text) for name, text in found.sources.items()},
        command=masked(_text(word) for word in (Path(sys.argv[0]).name, *sys.argv[1:])) if sys.argv else (),
        folder=_text(str(Path.cwd())),
        git=_git(next(iter(found.files), "")),
        versions={
            "danlu": str(import_module("danlu").__version__),
            "Python": platform.python_version(),
            **_versions(),
        },
        machine=_machine(),
        data=data or found.data,
    )


def contents(path: str | os.PathLike[str]) -> str:
    """The hash of a file's bytes, or of the names and bytes of all files in a folder."""
    digest = hashlib.sha256()
    where = Path(path)
    for file in [where] if where.is_file() else sorted(each for each in where.rglob("*") if each.is_file()):
        digest.update(file.relative_to(where).as_posix().encode("utf-8", "surrogateescape"))
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()[:16]


class _Parts:
    """Parts of an objective as they are found."""

    def __init__(self) -> None:
        self.name = ""
        self.parts: dict[str, str] = {}
        self.sources: dict[str, str] = {}
        self.files: dict[str, None] = {}
        self.data: dict[str, str] = {}
        self._seen: set[int] = set()

    def look(self, objective: Any) -> None:
        """Follow an objective, through whatever wraps it, to the code."""
        inner = _unwrapped(objective)
        while inner is not objective:
            self._bound(objective)
            objective, inner = inner, _unwrapped(inner)
        if _is_command(objective):
            self._script(objective)
            return
        target = objective if inspect.isroutine(objective) else type(objective)
        module, name = getattr(target, "__module__", ""), getattr(target, "__qualname__", repr(target))
        self.name = f"{module}:{name}"
        self._follow(target, root=True)
        if target is not objective:
            self._object(objective)

    def _bound(self, wrapper: Any) -> None:
        """What a wrapper adds: the arguments of a partial, the object of a bound method."""
        if isinstance(wrapper, functools.partial):
            given = {str(place): value for place, value in enumerate(wrapper.args)} | wrapper.keywords
            self._values("partial", given)
            for value in given.values():
                self._thing("", value)
        elif isinstance(wrapper, Furnished):
            for things in wrapper.things.values():
                for name, value in things.items():
                    self._thing(name, value)
        elif isinstance(wrapper, types.MethodType):
            self._thing("", wrapper.__self__)
            self._object(wrapper.__self__)

    def _script(self, script: Command) -> None:
        self.name = _near(script.script)
        self.files[script.script] = None
        self.parts[self.name] = _tree(script.script)
        self.parts["fixed arguments"] = f"= {' '.join(masked(script.line.fixed)) or 'none'}"
        self.parts["metric lines"] = f"= {' | '.join(script.metrics) or 'none'}"
        with contextlib.suppress(OSError, UnicodeDecodeError):
            self._keep(self.name, Path(script.script).read_text("utf-8"))
        for path in (*map(Path, script.files), *_imports(Path(script.script))):
            self.files[str(path)] = None
            self.parts[_near(str(path))] = _tree(str(path))

    def _follow(self, thing: Any, *, root: bool = False) -> None:
        """A function or class of the user's own, and what it refers to."""
        thing = inspect.unwrap(thing) if callable(thing) else thing
        if id(thing) in self._seen or len(self.parts) >= PARTS or not (root or _own(thing)):
            return
        self._seen.add(id(thing))
        path = _file_of(thing)
        if path:
            self.files[path] = None
        name = getattr(thing, "__qualname__", "?").replace(".<locals>", "")
        module = getattr(thing, "__module__", "")
        key = name if module in ("__main__", self.name.partition(":")[0]) else f"{module}.{name}"
        self.parts[key] = _hash(thing)
        filled: set[str] = set()
        with contextlib.suppress(OSError, TypeError):
            text = textwrap.dedent(inspect.getsource(thing))
            self._keep(key, text)
            filled = _filled(text)
        prefix = key.removesuffix(name)
        for code, names in _codes(thing):
            self._refer(code, names, prefix, filled)
        if isinstance(thing, types.FunctionType):
            for label, cell in zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=False):
                with contextlib.suppress(ValueError):  # an empty cell
                    if label not in _state(thing.__code__).names | filled:
                        self._thing(label, cell.cell_contents)
        elif isinstance(thing, type):
            for base in thing.__bases__:
                self._follow(base)

    def _refer(self, code: types.CodeType, names: dict[str, Any], prefix: str, filled: set[str]) -> None:
        state = _state(code).names | filled
        for name in code.co_names:
            if name in state:
                continue
            if name in names:
                self._thing(prefix + name, names[name], code.co_names)
            else:  # imported inside the function, or an attribute
                module = sys.modules.get(name)
                if module is not None and _own(module):
                    self._thing(name, module, code.co_names)

    def _thing(self, name: str, value: Any, attributes: tuple[str, ...] = ()) -> None:
        """Something that code refers to."""
        if isinstance(value, types.ModuleType):
            if _own(value):
                if path := _file_of(value):
                    self.files[path] = None
                for each in attributes:
                    if each in vars(value):
                        self._thing(f"{value.__name__}.{each}", vars(value)[each])
        elif _plain(value):
            if name and not name.startswith("__"):
                self.parts[name] = _value(value)
        elif inspect.isfunction(value) or inspect.isclass(value):
            self._follow(value)
        elif isinstance(value, functools.partial | types.MethodType | Named):
            self._bound(value)
            self._thing(name, _unwrapped(value))
        elif isinstance(value, dict | list | tuple | set | frozenset):
            for each in list(value.values() if isinstance(value, dict) else value)[:50]:
                if inspect.isfunction(each) or inspect.isclass(each):
                    self._follow(each)
        elif _own(type(value)):
            self._follow(type(value))

    def _object(self, held: Any) -> None:
        """The settings an object holds, but for what its own methods change as they run."""
        loaded = getattr(held, "loaded", None)
        if isinstance(loaded, dict) and _plain(loaded):
            self.data |= {str(name): str(digest) for name, digest in loaded.items()}
        changing = {
            name
            for method, code in _methods(type(held))
            if method != "__init__"
            for name in frozenset().union(*_state(code))
        }
        kept = {name: value for name, value in getattr(held, "__dict__", {}).items() if name not in changing}
        kept.pop("loaded", None)
        self._values(type(held).__name__, kept)
        for value in kept.values():
            if callable(value):
                self._thing("", value)

    def _values(self, owner: str, held: dict[str, Any]) -> None:
        for name, value in held.items():
            if _plain(value):
                self.parts[f"{owner}({name})"] = _value(value)

    def _keep(self, name: str, text: str) -> None:
        if sum(map(len, self.sources.values())) + len(text) <= TEXT:
            self.sources[name] = text


def _is_command(objective: Any) -> TypeGuard[Command]:
    """Whoever has made a command has imported its module; nobody else has to wait for it."""
    module = sys.modules.get("danlu.programs.command")
    return module is not None and isinstance(objective, module.Command)


def _unwrapped(objective: Any) -> Any:
    """One layer less."""
    if isinstance(objective, functools.partial):
        return objective.func
    if isinstance(objective, Named):
        return objective.function
    if isinstance(objective, Furnished):
        return objective.objective
    if isinstance(objective, types.MethodType):
        return objective.__func__
    return objective


def _plain(value: Any) -> bool:
    """Whether a value is small and has one spelling."""
    if isinstance(value, list | tuple):
        return len(value) <= 100 and all(map(_plain, value))
    if isinstance(value, dict):
        return len(value) <= 100 and all(_plain(key) and _plain(each) for key, each in value.items())
    return type(value) in _PLAIN


def _value(value: Any) -> str:
    text = repr(value)
    return f"= {text}" if len(text) <= 60 else f"= {text[:40]}... ({digest_of(text)})"


def _hash(thing: Any) -> str:
    """The hash of a function or class: of its syntax where the source is there, else of its bytecode."""
    named = getattr(thing, "__name__", "") != "<lambda>"
    if named:  # the source of a lambda is the whole statement around it
        with contextlib.suppress(OSError, TypeError, SyntaxError, ValueError):
            return digest_of(_syntax(ast.parse(textwrap.dedent(inspect.getsource(thing)))))
    code = getattr(thing, "__code__", None)
    if code is None:
        return ""
    version = ".".join(map(str, sys.version_info[:2]))
    return f"{version}:{digest_of(repr(_bytecode(code)))}"


def _syntax(tree: ast.AST) -> str:
    """Syntax without comments, layout and docstrings."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        ):
            first = body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _bytecode(code: types.CodeType) -> list[Any]:
    constants = [
        _bytecode(each) if isinstance(each, types.CodeType) else _spelled(each) for each in code.co_consts
    ]
    return [code.co_code.hex(), constants, code.co_names, code.co_varnames, code.co_freevars]


def _spelled(constant: Any) -> str:
    return repr(sorted(map(repr, constant))) if isinstance(constant, frozenset) else repr(constant)


_CHANGING = frozenset(
    [
        "append",
        "extend",
        "insert",
        "pop",
        "popitem",
        "remove",
        "clear",
        "update",
        "setdefault",
        "add",
        "discard",
        "sort",
        "reverse",
    ]
)


class _State(NamedTuple):
    """What code changes as it runs: names it binds or calls a changing method of, attributes, and names near an item that is set."""

    names: frozenset[str]
    attributes: frozenset[str]
    items: frozenset[str]


@functools.lru_cache(maxsize=4096)
def _state(code: types.CodeType) -> _State:
    """What code changes, inner functions included: counters and collections are no settings."""
    names: set[str] = set()
    attributes: set[str] = set()
    items: set[str] = set()
    recent: list[str] = []
    for step in dis.get_instructions(code):
        name = str(step.argval)
        if step.opname in ("STORE_GLOBAL", "STORE_DEREF", "DELETE_GLOBAL"):
            names.add(name)
        elif step.opname == "STORE_ATTR":
            attributes.add(name)
        elif step.opname in ("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE"):
            items.update(recent[-4:])
        elif step.opname.startswith("LOAD_") and step.argval in _CHANGING:
            names.update(recent[-1:])
        elif step.opname.startswith(
            ("LOAD_GLOBAL", "LOAD_DEREF", "LOAD_NAME", "LOAD_ATTR", "LOAD_METHOD", "LOAD_FAST")
        ):
            recent.append(name)
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            found = _state(inner)
            names |= found.names
            attributes |= found.attributes
            items |= found.items
    return _State(frozenset(names), frozenset(attributes), frozenset(items))


def _filled(text: str) -> set[str]:
    """Names of which source code sets or deletes items: ``cache[key] = value``."""
    with contextlib.suppress(SyntaxError, ValueError):
        return {
            node.value.id
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Subscript)
            and not isinstance(node.ctx, ast.Load)
            and isinstance(node.value, ast.Name)
        }
    return set()


def _methods(kind: type) -> Iterator[tuple[str, types.CodeType]]:
    for base in kind.__mro__:
        for name, held in vars(base).items():
            if isinstance(held, types.FunctionType):
                yield name, held.__code__


def _codes(thing: Any) -> Iterator[tuple[types.CodeType, dict[str, Any]]]:
    """All code of a function or class, inner functions included, each with the names it sees."""
    functions = [thing] if isinstance(thing, types.FunctionType) else []
    if isinstance(thing, type):
        for held in vars(thing).values():
            inner = getattr(held, "__func__", None) or getattr(held, "fget", None) or held
            if isinstance(inner, types.FunctionType):
                functions.append(inspect.unwrap(inner))
    for function in functions:
        waiting = [function.__code__]
        while waiting:
            code = waiting.pop()
            yield code, function.__globals__
            waiting += [each for each in code.co_consts if isinstance(each, types.CodeType)]


def _own(thing: Any) -> bool:
    """Whether something is the user's own code, and not of Python or an installed library."""
    path = _file_of(thing)
    if not path:
        return getattr(thing, "__module__", "") == "__main__"
    if not INSTALLERS.isdisjoint(Path(path).parts):
        return False
    return not any(Path(path).is_relative_to(folder) for folder in _installed())


@functools.cache
def _installed() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    own = Path(__file__).resolve().parent.parent
    found = {
        Path(paths[name]).resolve()
        for name in ("stdlib", "platstdlib", "purelib", "platlib")
        if name in paths
    }
    return (*found, own)


def _file_of(thing: Any) -> str:
    try:
        found = inspect.getsourcefile(thing) or ""
    except TypeError:
        return ""
    return str(Path(found).resolve()) if found and Path(found).is_file() else ""


@functools.lru_cache(maxsize=1024)
def _parsed(path: str, _changed: int, _size: int) -> str:
    return digest_of(_syntax(ast.parse(Path(path).read_bytes())))


def _tree(path: str) -> str:
    """The hash of a file's syntax; of its bytes where that cannot be read; '' when there is none."""
    try:
        stat = Path(path).stat()
    except OSError:
        return ""
    with contextlib.suppress(SyntaxError, ValueError, RecursionError):
        return _parsed(path, stat.st_mtime_ns, stat.st_size)
    return digest_of(Path(path).read_bytes().hex())


def _imports(script: Path) -> list[Path]:
    """The files beside a script that it imports, and what those import."""
    found: dict[Path, None] = {}
    waiting = [script]
    while waiting and len(found) < PARTS:
        path = waiting.pop()
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        for name in _imported(tree):
            base = script.parent.joinpath(*name.split("."))
            for near in (base.with_suffix(".py"), base / "__init__.py"):
                if near.is_file() and near != script and near not in found:
                    found[near] = None
                    waiting.append(near)
    return sorted(found)


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{each.name}" if node.module else each.name for each in node.names)


def _text(text: str) -> str:
    """Text that a journal can keep: what the system could not decode is replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _near(path: str) -> str:
    """A path as seen from the working folder where it lies there, else its last two parts: a checkout may move."""
    whole, here = Path(path).resolve(), Path.cwd().resolve()
    return whole.relative_to(here).as_posix() if whole.is_relative_to(here) else "/".join(whole.parts[-2:])


def _git(path: str) -> str:
    """The commit of the repository that a file lies in, and ``+`` if something there is not committed."""
    start = Path(path).parent if path else Path.cwd()
    if not any((folder / ".git").exists() for folder in (start, *start.parents)):
        return ""
    command = [
        "git",
        "-C",
        str(start),
        "--no-optional-locks",
        "status",
        "--porcelain=v2",
        "--branch",
        "--untracked-files=no",
    ]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=2, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    commit = next(
        (line.split()[-1] for line in ran.stdout.splitlines() if line.startswith("# branch.oid ")), ""
    )
    return commit + ("+" if any(not line.startswith("#") for line in ran.stdout.splitlines()) else "")


def _versions() -> dict[str, str]:
    """Versions of the libraries that are loaded."""
    loaded = {name: getattr(sys.modules.get(name), "__version__", None) for name in _LIBRARIES}
    return {name: str(version) for name, version in loaded.items() if version is not None}


def _machine() -> dict[str, str]:
    found = {"host": platform.node(), "platform": platform.platform(), "processors": str(os.cpu_count())}
    torch = sys.modules.get("torch")
    with contextlib.suppress(Exception):  # a torch half imported, a driver that has gone
        if torch is not None and torch.cuda.is_initialized():
            count = torch.cuda.device_count()
            found["GPUs"] = ", ".join(torch.cuda.get_device_name(place) for place in range(count))
    return found
