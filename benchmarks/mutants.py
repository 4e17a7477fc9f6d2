"""Changes one place of the package at a time, as a mutation tool does, and sees whether a test fails: `make mutants`.

A mutant is one operator, comparison, number or condition of a sampler, a scheduler, an analysis or a store that is another one. The tests
of its room, and the examples of its own file, run until one fails. What survives is printed with its line: either the line does
not matter (an equivalent mutant), or a test is missing.

    python benchmarks/mutants.py --count 60 --seed 1
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = {
    "samplers": "terms samplers gp auto conformance feasible",
    "schedulers": "terms halving pbt extrapolation forecast fidelity contexts units replay conformance",
    "analysis": "analysis importance unmoved signs plots",
    "stores": "stores kept gone blobs conformance postgres",
}
"""The files of tests for each room, without ``test_``; those that name the changed module come first."""

SWAPS = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==", ast.Is: "is not", ast.IsNot: "is",
    ast.In: "not in", ast.NotIn: "in", ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.And: "or", ast.Or: "and",
}  # fmt: skip


def places(source):
    """Every (start, end, text) that may replace a part of the source, as offsets in bytes."""
    tree = ast.parse(source)
    raw = source.encode()
    starts = [0]
    for line in raw.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)

    def span(node):
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset

    skipped = set()  # what no test is to notice: sentences, imports, signatures, types

    def skip(*parts):
        for part in filter(None, parts):
            skipped.update(id(each) for each in ast.walk(part))

    for node in ast.walk(tree):
        if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.Assert | ast.JoinedStr):
            skip(node)
        elif isinstance(node, ast.FunctionDef):
            skip(*node.decorator_list, node.args, node.returns)
        elif isinstance(node, ast.AnnAssign):
            skip(node.annotation if node.value is not None else node)
    found = []

    def between(left, right, word):
        found.append((span(left)[1], span(right)[0], f" {word} "))

    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in SWAPS:
            between(node.left, node.comparators[0], SWAPS[type(node.ops[0])])
        elif isinstance(node, ast.BinOp) and type(node.op) in SWAPS:
            between(node.left, node.right, SWAPS[type(node.op)])
        elif isinstance(node, ast.BoolOp) and len(node.values) == 2:
            between(node.values[0], node.values[1], SWAPS[type(node.op)])
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            found.append((*span(node), f"({ast.unparse(node.operand)})"))
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            found.append(
                (*span(node), repr(node.value + 1 if isinstance(node.value, int) else node.value * 2))
            )
        elif isinstance(node, ast.Constant) and type(node.value) is bool:
            found.append((*span(node), repr(not node.value)))
    whole = []
    for start, end, text in found:
        gap = raw[start:end].decode()
        if "(" in gap or ")" in gap:
            if text.strip() in SWAPS.values():  # parentheses between the operands stay where they are
                words = [
                    word
                    for word in (
                        "not in",
                        "is not",
                        "in",
                        "is",
                        "<=",
                        ">=",
                        "==",
                        "!=",
                        "<",
                        ">",
                        "and",
                        "or",
                        "+",
                        "-",
                        "*",
                        "/",
                    )
                    if word in gap
                ]
                text = gap.replace(words[0], text.strip(), 1) if words else ""
            if not text:
                continue
        changed = raw[:start].decode() + text + raw[end:].decode()
        try:
            ast.parse(changed)
        except SyntaxError:
            continue
        whole.append((raw[:start].count(b"\n"), changed))
    return whole


def killed(tree, room, module):
    """The first test that fails, or "" when all pass."""
    named = [next(tree.glob(f"tests/*/test_{name}.py")) for name in TESTS[room].split()]
    named.sort(key=lambda path: module.stem not in path.read_text("utf-8"))
    files = [f"src/danlu/{module}", *(str(path.relative_to(tree)) for path in named)]
    for file in files:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "-m",
            "not fault",
            "-p",
            "no:cacheprovider",
            file,
        ]
        try:
            run = subprocess.run(
                command,
                check=False,
                cwd=tree,
                capture_output=True,
                text=True,
                timeout=600,
                env=environment(tree),
            )
        except subprocess.TimeoutExpired:
            return f"{file} did not end"
        if run.returncode not in (0, 5):
            last = [line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
            return last[0].split(" - ")[0] if last else file
    return ""


def environment(tree):
    """The one at hand, with the changed package first."""
    return os.environ | {"PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def main():
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--count", type=int, default=60)
    parse.add_argument("--seed", type=int, default=1)
    parse.add_argument("--rooms", nargs="*", default=list(TESTS), choices=list(TESTS))
    parse.add_argument(
        "--only", nargs="*", type=int, help="the numbers of mutants to try, of those that the seed gives"
    )
    options = parse.parse_args()
    dice = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "danlu"
        shutil.copytree(
            ROOT,
            tree,
            ignore=shutil.ignore_patterns(".venv*", ".git", "runs", ".mypy_cache", ".hypothesis", "*_cache"),
        )
        survivors = 0
        for number in range(options.count):
            room = options.rooms[number % len(options.rooms)]
            path = dice.choice(
                sorted(
                    p
                    for p in (tree / "src/danlu" / room).rglob("*.py")
                    if p.name not in ("__init__.py", "base.py")
                )
            )
            source = path.read_text("utf-8")
            found = places(source)
            if not found:
                continue
            line, changed = dice.choice(found)
            if options.only is not None and number not in options.only:
                continue
            began = time.monotonic()
            path.write_text(changed, "utf-8")
            by = killed(tree, room, path.relative_to(tree / "src/danlu"))
            path.write_text(source, "utf-8")
            survivors += not by
            where = f"{path.relative_to(tree / 'src')}:{line + 1}"
            now = changed.splitlines()[line].strip()
            print(
                f"{number} {'dead' if by else 'SURVIVES'} {where}: {now}  [{by or source.splitlines()[line].strip()}] {time.monotonic() - began:.0f} s",
                flush=True,
            )
    print(f"{survivors} of {options.count} survive")


if __name__ == "__main__":
    main()
