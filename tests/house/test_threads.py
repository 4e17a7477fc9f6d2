"""danlu calculates with one thread of linear algebra, and leaves everybody else's as they were."""

import contextlib
import json
import subprocess
import sys
import threading

import pytest
import scipy.linalg  # noqa: F401
import torch
from threadpoolctl import ThreadpoolController, threadpool_limits

import danlu
from danlu.maths.threads import OneThread, one_thread, single

ONE = {"a": danlu.Float(0, 1)}


def blas():
    return [
        library.get_num_threads()
        for library in ThreadpoolController().lib_controllers
        if library.user_api == "blas"
    ]


@pytest.fixture
def three():
    """Three threads in every library, whatever machine this is."""
    with threadpool_limits(limits=3, user_api="blas"):
        assert set(blas()) == {3}
        yield


@pytest.mark.usefixtures("three")
def test_one_thread_inside_and_as_before_outside():
    with one_thread:
        assert set(blas()) == {1}
        with one_thread:
            assert set(blas()) == {1}
        assert set(blas()) == {1}
    assert set(blas()) == {3}


@pytest.mark.usefixtures("three")
def test_an_error_inside_gives_the_threads_back():
    with pytest.raises(RuntimeError, match="no"), one_thread:
        raise RuntimeError("no")
    assert set(blas()) == {3}


@contextlib.contextmanager
def another_calculates():
    """Another thread of Python is inside until the function it gives is called, or the block is left."""
    inside, leave = threading.Event(), threading.Event()

    def other():
        with one_thread:
            inside.set()
            leave.wait()

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait()

    def end():
        leave.set()
        thread.join()

    try:
        yield end
    finally:
        end()


@pytest.mark.usefixtures("three")
def test_several_threads_of_python_may_calculate_at_once():
    with another_calculates():
        with one_thread:
            assert set(blas()) == {1}
        assert set(blas()) == {1}  # the other one still calculates
    assert set(blas()) == {3}


@pytest.mark.usefixtures("three")
def test_the_last_to_leave_gives_the_threads_back_whoever_took_them():
    with another_calculates() as end, one_thread:
        end()
        assert set(blas()) == {1}
    assert set(blas()) == {3}


def test_others_may_still_set_their_threads_from_any_thread():
    with one_thread:
        pass
    found = []

    def other():
        with threadpool_limits(limits=3, user_api="blas"):
            found.extend(blas())

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert set(found) == {3}


@pytest.mark.usefixtures("three")
def test_a_number_that_a_person_chose_stays():
    with threadpool_limits(limits=2, user_api="blas"):
        with one_thread:
            assert set(blas()) == {1}
        assert set(blas()) == {2}


class Watching(danlu.samplers.GP, frozen=True):
    """A sampler that tells what it calculates with."""

    def ask(self, state, view, rng, k):
        SEEN.append((set(blas()), torch.get_num_threads()))
        return danlu.samplers.GP(initial=4).ask(state, view, rng, k)


SEEN = []


@pytest.mark.usefixtures("three")
def test_a_study_calculates_with_one_thread_and_its_objective_with_its_own():
    SEEN.clear()
    before, trained = torch.get_num_threads(), []
    torch.set_num_threads(2)

    def train(trial):
        torch.randn(64, 64) @ torch.randn(64, 64)
        trained.append((set(blas()), torch.get_num_threads()))
        return trial["a"] ** 2

    try:
        result = danlu.tune(train, ONE, trials=7, sampler=Watching())
        result.analysis.importance()
    finally:
        torch.set_num_threads(before)
    assert [({1}, 2)] * 7 == SEEN
    assert trained == [({3}, 2)] * 7
    assert set(blas()) == {3}


@pytest.mark.usefixtures("three")
def test_analyses_calculate_with_one_thread():
    assert single(blas)() == [1] * len(blas())
    assert set(blas()) == {3}


LATE = """
import json, sys
from danlu.maths.threads import one_thread, single
import numpy
def blas():
    from threadpoolctl import ThreadpoolController
    return [c.get_num_threads() for c in ThreadpoolController().lib_controllers if c.user_api == "blas"]
with one_thread:
    early = "threadpoolctl" in sys.modules
    found = single(blas)()
print(json.dumps([early, found, blas()]))
"""


def test_libraries_that_are_loaded_inside_are_limited_too():
    import os

    environment = {name: text for name, text in os.environ.items() if not name.endswith("_NUM_THREADS")}
    ran = subprocess.run(
        [sys.executable, "-c", LATE], capture_output=True, text=True, check=True,
        env=environment | {"OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"},
    )  # fmt: skip
    early, inside, after = json.loads(ran.stdout)
    assert not early  # who calculates nothing looks for no libraries
    assert set(inside) == {1}
    assert inside
    assert set(after) == {min(2, os.cpu_count())}


@pytest.mark.usefixtures("three")
def test_libraries_are_looked_for_once(monkeypatch):
    import threadpoolctl

    made = []

    class Counted(threadpoolctl.ThreadpoolController):
        def __init__(self):
            made.append(1)
            super().__init__()

    monkeypatch.setattr(threadpoolctl, "ThreadpoolController", Counted)
    fresh = OneThread()
    for _ in range(5):
        with fresh:
            pass
    assert made == [1]
