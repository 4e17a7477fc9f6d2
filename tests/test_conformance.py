"""The public suites over everything that is shipped."""

import pytest

import danlu
from danlu.testing import ENGINE_CHECKS, SAMPLER_CHECKS, SCHEDULER_CHECKS, STORE_CHECKS, store_machine


def named(subject):
    return getattr(subject, "__name__", repr(subject))


SAMPLERS = {
    "auto": danlu.Auto,
    "random": danlu.Random,
    "quasirandom": danlu.QuasiRandom,
    "grid": lambda: danlu.Grid(resolution=3),
    "gp": danlu.GP,
    "tpe": danlu.TPE,
    "bohb": danlu.BOHB,
    "cmaes": danlu.CMAES,
    "genetic": danlu.Genetic,
    "evolution": danlu.Evolution,
    "nsga2": danlu.NSGA2,
    "first": lambda: danlu.First([{}], danlu.Random()),
}
SCHEDULERS = {
    "auto": danlu.AutoScheduler,
    "diverged": danlu.Diverged,
    "patience": lambda: danlu.Patience(steps=3),
    "both": lambda: danlu.Both(danlu.Diverged(), danlu.Patience(steps=4)),
    "asha": lambda: danlu.ASHA(low=1, high=12, factor=2),
    "asha, three brackets": lambda: danlu.ASHA(low=1, high=12, factor=2, brackets=3),
    "asha, promoting": lambda: danlu.ASHA(low=1, high=12, factor=2, promote=True),
    "asha, promoting brackets": lambda: danlu.ASHA(low=1, high=12, factor=2, brackets=3, promote=True),
    "halving": lambda: danlu.SuccessiveHalving(trials=4, low=3, high=12, factor=2),
    "hyperband": lambda: danlu.Hyperband(low=4, high=12),
    "forecast": lambda: danlu.Forecast(high=12),
    "none": danlu.NoScheduler,
    "extrapolation": lambda: danlu.Extrapolation(high=12),
    "pbt": lambda: danlu.PBT(population=4, interval=3),
    "pbt, restarting": lambda: danlu.PBT(population=4, interval=1, restart=1),
    "median": lambda: danlu.Median(least=2),
}


@pytest.mark.parametrize("check", SAMPLER_CHECKS, ids=named)
@pytest.mark.parametrize("name", SAMPLERS)
def test_sampler(name, check):
    check(SAMPLERS[name])


@pytest.mark.parametrize("check", SCHEDULER_CHECKS, ids=named)
@pytest.mark.parametrize("name", SCHEDULERS)
def test_scheduler(name, check):
    check(SCHEDULERS[name])


@pytest.mark.parametrize("check", STORE_CHECKS, ids=named)
@pytest.mark.parametrize("name", ["memory", "sqlite"])
def test_store(name, check, tmp_path, promised):
    made = []

    def make():
        made.append(danlu.MemoryStore() if name == "memory" else danlu.SqliteStore(tmp_path / "s.db"))
        return made[-1]

    check(make)
    for store in made:
        store.close()
    number = 19 if "bit_for_bit" in check.__name__ else 20
    promised(
        number,
        1,
        "checks of memory and SQLite, beside the state machine against the model (PostgreSQL: test_postgres.py)",
    )


@pytest.mark.parametrize("check", ENGINE_CHECKS, ids=named)
@pytest.mark.parametrize("make", [danlu.Inline, lambda: danlu.Pool(2)], ids=["inline", "pool"])
def test_engine(make, check):
    check(make)


TestMemoryAgainstModel = store_machine(lambda clock: danlu.MemoryStore(lease_seconds=10.0, clock=clock))


def _sqlite(clock):
    import tempfile
    from pathlib import Path

    folder = tempfile.mkdtemp()
    return danlu.SqliteStore(Path(folder) / "s.db", lease_seconds=10.0, clock=clock)


TestSqliteAgainstModel = store_machine(_sqlite)
