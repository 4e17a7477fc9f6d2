"""What a small study has to wait for: held by the modules it imports, which no busy machine changes."""

import subprocess
import sys

import pytest

HEAVY = (
    "scipy",
    "rich",
    "click",
    "pandas",
    "torch",
    "sklearn",
    "importlib.metadata",
    "threadpoolctl",
    "asyncio",
    "starlette",
    "danlu.programs.command",
    "danlu.study.past",
    "sqlite3",
    "csv",
)

STUDY = """
import sys, danlu
danlu.tune({objective}, {{"x": danlu.Float(0, 1), "n": danlu.Int(1, 9), "c": danlu.Choice(list("ab"))}}, trials={trials}, sampler={sampler!r})
print(*sorted({{name for name in sys.modules if name in {heavy!r}}}))
"""


def imported(trials=2, sampler="auto", objective="lambda t: t['x']"):
    program = STUDY.format(trials=trials, sampler=sampler, objective=objective, heavy=(*HEAVY, "scipy.stats"))
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("sampler", ["auto", "random", "quasirandom"])
def test_a_small_study_imports_nothing_heavy(sampler):
    assert imported(sampler=sampler) == set()


@pytest.mark.parametrize("sampler", ["gp", "tpe", "cmaes"])
def test_a_model_imports_what_it_calculates_with_but_no_statistics(sampler):
    found = imported(trials=15, sampler=sampler)
    assert "scipy" in found
    assert "scipy.stats" not in found
