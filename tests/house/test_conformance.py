"""The public suites over everything that is shipped."""

import numpy as np
import pytest

import danlu
from danlu.errors import SettingError
from danlu.testing import (
    ENGINE_CHECKS,
    SAMPLER_CHECKS,
    SAMPLER_WRAPPER_CHECKS,
    SCHEDULER_CHECKS,
    SCHEDULER_WRAPPER_CHECKS,
    STORE_CHECKS,
    store_machine,
)


def named(subject):
    return getattr(subject, "__name__", repr(subject))


SAMPLERS = {
    "auto": danlu.samplers.Auto,
    "random": danlu.samplers.Random,
    "quasirandom": danlu.samplers.QuasiRandom,
    "grid": lambda: danlu.samplers.Grid(resolution=3),
    "gp": danlu.samplers.GP,
    "tpe": danlu.samplers.TPE,
    "bohb": danlu.samplers.BOHB,
    "cmaes": danlu.samplers.CMAES,
    "genetic": danlu.samplers.Genetic,
    "evolution": danlu.samplers.Evolution,
    "nsga2": danlu.samplers.NSGA2,
    "first": lambda: danlu.samplers.InitialPoints([{}], danlu.samplers.Random()),
}
SCHEDULERS = {
    "auto": danlu.schedulers.AutoScheduler,
    "diverged": danlu.schedulers.Diverged,
    "exhaustive": danlu.schedulers.Exhaustive,
    "patience": lambda: danlu.schedulers.Patience(reports=3),
    "both": lambda: danlu.schedulers.Chain(danlu.schedulers.Diverged(), danlu.schedulers.Patience(reports=4)),
    "asha": lambda: danlu.schedulers.ASHA(low=1, high=12, factor=2),
    "asha, three brackets": lambda: danlu.schedulers.ASHA(low=1, high=12, factor=2, brackets=3),
    "asha, promoting": lambda: danlu.schedulers.ASHA(low=1, high=12, factor=2, promote=True),
    "asha, promoting brackets": lambda: danlu.schedulers.ASHA(
        low=1, high=12, factor=2, brackets=3, promote=True
    ),
    "halving": lambda: danlu.schedulers.SuccessiveHalving(trials=4, low=3, high=12, factor=2),
    "hyperband": lambda: danlu.schedulers.Hyperband(low=4, high=12),
    "forecast": lambda: danlu.schedulers.Forecast(high=12),
    "none": danlu.schedulers.NoScheduler,
    "extrapolation": lambda: danlu.schedulers.Extrapolation(high=12),
    "pbt": lambda: danlu.schedulers.PBT(population=4, interval=3),
    "pbt, restarting": lambda: danlu.schedulers.PBT(population=4, interval=1, restart=1),
    "median": lambda: danlu.schedulers.Median(least=2),
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
        made.append(
            danlu.stores.MemoryStore() if name == "memory" else danlu.stores.SqliteStore(tmp_path / "s.db")
        )
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
@pytest.mark.parametrize(
    "make", [danlu.engines.Inline, lambda: danlu.engines.Pool(2)], ids=["inline", "pool"]
)
def test_engine(make, check):
    check(make)


TestMemoryAgainstModel = store_machine(
    lambda clock: danlu.stores.MemoryStore(lease_seconds=10.0, clock=clock)
)


def _sqlite(clock):
    import tempfile
    from pathlib import Path

    folder = tempfile.mkdtemp()
    return danlu.stores.SqliteStore(Path(folder) / "s.db", lease_seconds=10.0, clock=clock)


TestSqliteAgainstModel = store_machine(_sqlite)


SAMPLER_WRAPPERS = {
    "first": lambda inner: danlu.samplers.InitialPoints([{"x": 0.25}], inner),
    "first of first": lambda inner: danlu.samplers.InitialPoints(
        [{}], danlu.samplers.InitialPoints([{"x": 0.5}], inner)
    ),
}
SCHEDULER_WRAPPERS = {
    "both, first": lambda inner: danlu.schedulers.Chain(inner, danlu.schedulers.Patience(reports=99)),
    "both, second": lambda inner: danlu.schedulers.Chain(danlu.schedulers.Diverged(), inner),
    "both in both": lambda inner: danlu.schedulers.Chain(
        danlu.schedulers.NoScheduler(), danlu.schedulers.Chain(danlu.schedulers.Diverged(), inner)
    ),
}


@pytest.mark.parametrize("check", SAMPLER_WRAPPER_CHECKS, ids=named)
@pytest.mark.parametrize("name", SAMPLER_WRAPPERS)
def test_sampler_around_another(name, check):
    check(SAMPLER_WRAPPERS[name])


@pytest.mark.parametrize("check", SCHEDULER_WRAPPER_CHECKS, ids=named)
@pytest.mark.parametrize("name", SCHEDULER_WRAPPERS)
def test_scheduler_around_others(name, check):
    check(SCHEDULER_WRAPPERS[name])


def test_a_wrapper_that_keeps_to_itself_is_found():
    """An InitialPoints without its why, a Chain that forgets its second and its horizon: each is caught by the suites."""

    class Mute(danlu.samplers.InitialPoints, frozen=True):
        def why(self, state, view):
            return ""

    class Forgetful(danlu.schedulers.Chain, frozen=True):
        def judge(self, state, view, trial):
            return self.first.judge(state and state[0], view, trial)

        def horizon(self, state, view, trial):
            return None

    def broken(checks, wrap):
        found = []
        for check in checks:
            try:
                check(wrap)
            except AssertionError:
                found.append(check.__name__)
        return found

    assert broken(SAMPLER_WRAPPER_CHECKS, lambda inner: Mute([{}], inner)) == ["says_what_the_sampler_says"]
    assert broken(SCHEDULER_WRAPPER_CHECKS, lambda inner: Forgetful(danlu.schedulers.Diverged(), inner)) == [
        "stops_as_the_scheduler_does", "says_and_plans_what_the_scheduler_does",
    ]  # fmt: skip


def test_what_lacks_a_part_of_its_contract_is_refused_by_name():
    class Half:
        def init(self, problem):
            return None

        def ask(self, state, view, rng, k):
            return np.zeros((k, 1))

    for given, word in (
        (Half(), "Half is no sampler: it lacks tell, why"),
        (danlu.samplers.GP, r"GP is a class.*GP\(\)"),
    ):
        with pytest.raises(SettingError, match=word):
            danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=1, sampler=given)
    with pytest.raises(
        SettingError, match="Random is no scheduler: it lacks judge, next, horizon. A scheduler of your own"
    ):
        danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=1, scheduler=danlu.samplers.Random())


def test_a_prior_does_not_hide_what_the_sampler_says():
    """What the method is chosen by is told with a default value in the space as without one."""
    for x in (danlu.Float(0, 1), danlu.Float(0, 1, prior=0.25)):
        result = danlu.tune(lambda t: t["x"] ** 2, {"x": x}, minimize="loss", trials=8, seed=0, watch=False)
        assert any("a Gaussian process leads" in line for line in result.why()), result.why()
