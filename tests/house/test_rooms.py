"""The house itself: who imports whom, and what is called what."""

import ast
import re
import tomllib

from places import ROOT, TESTS

SRC = ROOT / "src"


def modules():
    found = {}
    for path in sorted((SRC / "danlu").rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name, path, known):
    """The modules of danlu that a module names in an import, wherever it stands: at the top, for types alone, or in a function."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join(
                    [*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])]
                )
            found |= {
                f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base for alias in node.names
            }
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {each for each in found if each in known and each != name}


def circles(graph):
    """The sets of modules that reach each other (Tarjan's strongly connected components of more than one)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def test_circles_are_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}
    assert circles(graph) == [["b", "c"]]


def test_no_modules_import_each_other():
    known = modules()
    graph = {name: imports(name, path, known) for name, path in known.items()}
    del graph["danlu"]  # the public face knows everybody, by name and late
    graph = {name: found - {"danlu"} for name, found in graph.items()}
    assert circles(graph) == []


ALIKE = {"State", "DanluCallback", "Hyperband", "Report"}
"""What a file calls the state of its own algorithm; the callback of each library that has callbacks; what a door calls as its host does."""


def classes():
    """Every class and alias at the top of a module, by name, with the modules that have one of it."""
    found = {}
    for name, path in modules().items():
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(name)
            elif isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias":
                found.setdefault(ast.unparse(node.target), []).append(name)
    return found


def test_no_two_classes_share_a_name():
    found = classes()
    assert len(found) > 250
    assert {name: homes for name, homes in found.items() if len(homes) > 1 and name not in ALIKE} == {}
    assert all(len(found[name]) > 1 for name in ALIKE)


def test_rooms_are_on_floors():
    """Every room of the package stands in the layers that import-linter holds, and every layer is there."""
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"][
        0
    ]["layers"]
    named = {room.strip() for layer in layers for room in layer.split("|")}
    there = {
        path.stem
        for path in (SRC / "danlu").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert named == there - {"__init__"}


def test_strings_name_no_module_above():
    """Only the tables of names, and the faces themselves, name a module by text."""
    floors = {
        "errors": 0,
        "base": 1,
        "maths": 1,
        "space": 2,
        "problem": 3,
        "journal": 4,
        "contracts": 5,
        "runtime": 6,
    }
    tables = {"danlu.base.names", "danlu.cli.main"}
    for name, path in modules().items():
        own = floors.get(name.split(".")[1] if "." in name else "", 9)
        texts = [
            n.value
            for n in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(n, ast.Constant) and isinstance(n.value, str)
        ]
        for text in texts:
            for room in re.findall(r"^danlu\.(\w+)\.\w+(?::\w+)?$", text):
                assert name in tables or floors.get(room, 9) <= own, f"{name} names {text}"


def test_tests_stand_where_what_they_test_stands():
    """Every folder of tests is a room, one in a room, or the house itself; no test lies outside of one."""
    home = SRC / "danlu"
    rooms = {path.parent.relative_to(home).as_posix() for path in home.glob("**/__init__.py")}
    folders = {path.parent.relative_to(TESTS).as_posix() for path in TESTS.glob("**/test_*.py")}
    assert folders - rooms == {"house"}
    assert not list(TESTS.glob("test_*.py"))
    assert {f"tests/{folder}" for folder in folders} | {"tests"} == set(
        tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]["ini_options"][
            "pythonpath"
        ]
    )


HOSTS = {"BaseStorage"}
"""Interfaces of other projects, which say themselves how many methods their implementations have."""


def public(node):
    """The public methods and attributes of a class, also those that its methods give to ``self``."""
    found = {each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    for each in ast.walk(node):
        targets = (
            each.targets
            if isinstance(each, ast.Assign)
            else [each.target]
            if isinstance(each, ast.AnnAssign | ast.AugAssign)
            else []
        )
        for target in targets:
            for part in target.elts if isinstance(target, ast.Tuple) else [target]:
                if isinstance(part, ast.Attribute) and ast.unparse(part.value) == "self":
                    found.add(part.attr)
    return {name for name in found if not name.startswith("_")}


def test_no_class_has_more_than_twelve_public_names_of_its_own():
    """Records, whose fields are data, do not count."""
    records = {"Struct", "NamedTuple", "Settings", "Protocol"}
    large = {}
    for path in modules().values():
        for node in ast.parse(path.read_text("utf-8")).body:
            if not isinstance(node, ast.ClassDef) or "dataclass" in ast.unparse(node).partition("class")[0]:
                continue
            bases = {ast.unparse(base).rpartition(".")[2].partition("[")[0] for base in node.bases}
            if not bases & (records | HOSTS) and len(public(node)) > 12:
                large[node.name] = len(public(node))
    assert large == {}
