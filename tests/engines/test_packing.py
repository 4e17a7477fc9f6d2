"""Several trials on one device: by declared and by measured memory, and what happens when it was too many."""

import json
import os
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import danlu
from danlu.engines.packing import CONTEXT, SHARE, Packing
from danlu.errors import SettingError
from danlu.journal.events import Cause, Status

GIB = 1 << 30

GPU = textwrap.dedent(
    '''
    """A pretended GPU of 10 GiB that all processes of a test share: a torch.cuda that keeps its books in a folder."""
    import json, os, sys, time, types
    from pathlib import Path

    books, size = Path(os.environ["BOOKS"]), 10 << 30
    state = {"peak": 0}

    def read(path):
        try:
            return int(path.read_text() or 0)
        except FileNotFoundError:  # another process has just given its share back
            return None

    def allocate(amount):
        device = books / os.environ.get("CUDA_VISIBLE_DEVICES", "none")
        device.mkdir(exist_ok=True)
        mine = device / str(os.getpid())
        mine.write_text(str(amount))
        held = {path.name: kept for path in device.iterdir() if (kept := read(path)) is not None}
        with open(books.parent / "seen.jsonl", "a") as file:
            file.write(json.dumps([device.name, len(held), sum(held.values())]) + "\\n")
        if len(held) >= int(os.environ["CROWD"]) or sum(held.values()) > size:
            (books.parent / "met").touch()
        if sum(held.values()) > size:
            mine.unlink()
            raise RuntimeError("CUDA out of memory. Tried to allocate")
        state["peak"] = max(state["peak"], amount)
        return mine

    if "DANLU_SLOT" in os.environ:  # in a worker, not in the process of the test
        sys.modules["torch"] = types.SimpleNamespace(Tensor=object, cuda=types.SimpleNamespace(
            is_initialized=lambda: True, reset_peak_memory_stats=lambda: state.update(peak=0),
            max_memory_reserved=lambda: state["peak"], mem_get_info=lambda: (0, size)))

    def train(trial):
        amount = int(trial["gib"] * (1 << 30))
        mine = allocate(amount)
        try:
            waited = time.monotonic() + 60 * (trial.number > 0)  # the first may be alone, to be measured
            while not (books.parent / "met").exists() and time.monotonic() < waited:
                time.sleep(0.01)
            allocate(amount)
        finally:
            mine.unlink(missing_ok=True)
        trial.log(device=os.environ["CUDA_VISIBLE_DEVICES"])
        return trial["gib"]
    '''
)


@pytest.fixture
def gpu(tmp_path, monkeypatch):
    (tmp_path / "gpu.py").write_text(GPU)
    (tmp_path / "books").mkdir()
    monkeypatch.setenv("BOOKS", str(tmp_path / "books"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def run(sizes, crowd=1, **engine):
        """Trials of so many GiB; each but the first stays until ``crowd`` of them have met, or one was too many."""
        monkeypatch.setenv("CROWD", str(crowd))
        points = [{"gib": size} for size in sizes]
        result = danlu.tune(
            f"{tmp_path}/gpu.py:train", {"gib": danlu.Float(0.5, 20)}, trials=len(points), enqueue=points,
            engine=danlu.engines.Pool(**engine), store=tmp_path / "s.db",
        )  # fmt: skip
        seen = [json.loads(line) for line in (tmp_path / "seen.jsonl").read_text().splitlines()]
        return result.trials, seen

    return run


def test_measured_memory_packs_as_many_as_fit_and_none_too_many(gpu):
    trials, seen = gpu([2.0] * 12, 3, workers=6, gpus=1, gpu_memory="measured")
    assert [trial.status for trial in trials] == [Status.DONE] * 12
    assert seen[0][1] == 1  # the first is alone, to be measured
    fits = int(10 * GIB * SHARE / (2 * GIB + CONTEXT))
    assert max(count for _, count, _ in seen) == fits == 3
    assert max(total for *_, total in seen) <= 10 * GIB


def test_too_many_are_told_apart_learned_from_and_retried_alone(gpu):
    trials, seen = gpu([4.0] * 6, 3, workers=3, gpus=1)  # an even share says three; two fit
    assert [trial.status for trial in trials] == [Status.DONE] * 6
    again = [trial for trial in trials if trial.attempt > 1]
    assert again
    assert all(trial.deaths == 0 for trial in trials)
    crowds = [count for _, count, _ in seen]
    assert max(crowds) == 3
    assert max(crowds[-6:]) <= 2  # it has learned


def test_what_is_too_large_alone_fails_after_one_more_try(gpu):
    trials, _ = gpu([4.0, 12.0, 4.0, 4.0], workers=2, gpus=1)
    assert [trial.status for trial in trials] == [Status.DONE, Status.FAILED, Status.DONE, Status.DONE]
    assert trials[1].cause is Cause.MEMORY
    assert trials[1].attempt <= 2
    assert "CUDA out of memory" in trials[1].reason


def test_declared_memory_and_several_devices(gpu):
    trials, seen = gpu([3.0] * 10, workers=8, gpus=2, gpu_memory=3 * GIB)
    assert {trial.facts["device"] for trial in trials} == {"0", "1"}
    assert [trial.status for trial in trials] == [Status.DONE] * 10
    assert max(count for _, count, _ in seen) <= 3


@settings(max_examples=60)
@given(st.data())
def test_no_device_is_given_more_than_it_holds_and_nobody_waits_for_ever(data):
    """Any order of arrivals, ends, bursts: the books stay right, and a trial alone is alone."""
    devices = data.draw(st.integers(1, 3))
    slots, need = data.draw(st.integers(1, 8)), data.draw(st.sampled_from([None, "measured", 2 * GIB]))
    packing = Packing(devices, slots, need)
    tenants, alone, waiting = {}, set(), []
    for number in range(40):
        if data.draw(st.booleans()):
            waiting.append(number)
            if data.draw(st.integers(0, 5)) == 0:
                alone.add(number)
        for trial in list(waiting):
            device = packing.place(trial, alone=trial in alone)
            if device is not None:
                waiting.remove(trial)
                others = [other for other, at in tenants.items() if at == device]
                assert not (others and (trial in alone or alone.intersection(others)))
                assert len(tenants) < slots
                assert len(others) <= packing.room
                tenants[trial] = device
        if tenants and data.draw(st.booleans()):
            trial = data.draw(st.sampled_from(sorted(tenants)))
            if data.draw(st.booleans()):
                packing.measured(trial, data.draw(st.integers(0, 4)) * GIB, 10 * GIB)
            if data.draw(st.booleans()):
                packing.burst(trial)
            packing.leave(trial)
            del tenants[trial]
    for _ in range(200):
        if not waiting and not tenants:
            break
        for trial in list(waiting):
            device = packing.place(trial, alone=trial in alone)
            if device is not None:
                waiting.remove(trial)
                tenants[trial] = device
        if tenants:
            trial = min(tenants)
            packing.leave(trial)
            del tenants[trial]
    assert not waiting


def test_slots_keep_to_cores_of_their_own():
    cores = sorted(os.sched_getaffinity(0))

    def where(trial):
        import time

        time.sleep(0.2)
        trial.log(cores=sorted(os.sched_getaffinity(0)), threads=os.environ["OMP_NUM_THREADS"])
        return 0.0

    workers = min(2, len(cores))
    result = danlu.tune(
        where, {"x": danlu.Float(0, 1)}, trials=4, engine=danlu.engines.Pool(workers, pin=True)
    )
    seen = {tuple(trial.facts["cores"]) for trial in result.trials}
    each = len(cores) // workers
    assert seen == {tuple(cores[slot * each : (slot + 1) * each]) for slot in range(workers)}


def test_bad_settings_are_sentences():
    for how in ({"gpu_memory": "much", "gpus": 1}, {"gpu_memory": 5}, {"gpu_memory": 0, "gpus": 1}):
        with pytest.raises(SettingError, match="gpu_memory"):
            danlu.engines.Pool(2, **how)
