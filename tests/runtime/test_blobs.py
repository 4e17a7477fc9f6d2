"""Checkpoints: what goes in comes out, damage is found, and a corrupt newest falls back to the one before."""

import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_crash import CrashingStore, Killed

import danlu
from danlu import Float, Status
from danlu.errors import CorruptError, SettingError, StoreError
from danlu.journal.history import History
from danlu.runtime import checkpoint
from danlu.runtime.blobs import Folder, blobs_at
from danlu.stores import jsonlines
from danlu.stores.remote import Remote

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.integers(0, 99), inner) | st.tuples(inner, inner)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), PLAIN))
def test_plain_states_come_back_as_they_were(state):
    back = checkpoint.unpack(checkpoint.pack([state]))[0]
    assert back == state
    assert repr(back) == repr(state)


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "int64", "uint8", "bool", "complex128", ">f4"]
)
def test_arrays_come_back_bit_for_bit(dtype):
    array = np.arange(12).reshape(3, 4).astype(dtype)
    back = checkpoint.unpack(checkpoint.pack([array]))[0]
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)
    target = np.zeros_like(array)
    checkpoint.load([back], [target])
    np.testing.assert_array_equal(target, array)


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.bool, torch.complex64]
)
def test_tensors_come_back_bit_for_bit(dtype):
    tensor = torch.arange(6).reshape(2, 3).to(dtype)
    back = checkpoint.unpack(
        checkpoint.pack([{"t": tensor, "scalar": torch.tensor(3.5), "empty": torch.empty(0, 2)}])
    )[0]
    assert back["t"].dtype == dtype
    assert torch.equal(back["t"], tensor)
    assert back["scalar"].shape == ()
    assert back["empty"].shape == (0, 2)


def test_model_optimizer_schedule_and_generators_go_on_exactly():
    def make():
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
        return (
            model,
            optimizer,
            torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9),
            torch.Generator().manual_seed(1),
            np.random.default_rng(1),
        )

    def step(model, optimizer, schedule, torch_rng, numpy_rng):
        x = torch.randn(8, 3, generator=torch_rng) + float(numpy_rng.random())
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
        schedule.step()

    whole, first, second = make(), make(), make()
    for _ in range(6):
        step(*whole)
    for _ in range(3):
        step(*first)
    checkpoint.load(checkpoint.unpack(checkpoint.pack(first)), second)
    for _ in range(3):
        step(*second)
    for one, other in zip(whole[0].state_dict().values(), second[0].state_dict().values(), strict=True):
        assert torch.equal(one, other)
    assert whole[4].random() == second[4].random()


def test_what_cannot_be_saved_or_restored_is_named():
    with pytest.raises(SettingError, match=r"trial.save takes things with state_dict.*got <object"):
        checkpoint.pack([object()])
    with pytest.raises(SettingError, match="arrays of numbers, got dtype object"):
        checkpoint.pack([np.array([object()])])
    with pytest.raises(SettingError, match="2 were saved, 1 given"):
        checkpoint.load([{}, {}], [{}])
    with pytest.raises(SettingError, match="bytes cannot be restored in place. Read it from trial.saved"):
        checkpoint.load([b"a"], [b"b"])


def test_a_damaged_blob_is_found(tmp_path):
    blobs = Folder(tmp_path)
    digest = blobs.put(b"weights")
    assert blobs.put(b"weights") == digest
    assert {file.name for file in blobs.kept()} == {digest}
    (tmp_path / digest).write_bytes(b"wXights")
    with pytest.raises(CorruptError, match="does not match its checksum"):
        blobs.get(digest)
    blobs.drop([digest, digest])
    with pytest.raises(CorruptError, match="is missing"):
        blobs.get(digest)
    with pytest.raises(StoreError, match="64 hexadecimal digits"):
        blobs.get("../../etc/passwd")


def test_a_corrupt_newest_checkpoint_falls_back_to_the_one_before(tmp_path):
    def train(trial):
        memory = {"trained": []}
        start = trial.restore(memory)
        for step in range(start + 1, 7):
            memory["trained"].append(step)
            trial.save(step, memory)
            trial.report(step, loss=1 / step)
        trial.log(trained=memory["trained"], start=start)

    def run(store):
        return danlu.tune(train, {"x": Float(0, 1)}, minimize="loss", trials=1, store=store, seed=1)

    dying = CrashingStore(tmp_path / "s.db", at=11, written=True)  # its fourth report is the eleventh append
    with pytest.raises(Killed):
        run(dying)
    dying.close()
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    with danlu.open_study(store=store) as study:
        newest = study.session.replica.history.rows[0].usable()[-1]
    assert newest.step == 4
    (Path(store.blobs) / newest.digest).write_bytes(b"damaged")
    trial = run(tmp_path / "s.db").trials[0]
    assert trial.facts["start"] == 3
    assert trial.facts["skipped_checkpoint"] == 4
    assert trial.curve.steps == (1, 2, 3, 4, 5, 6)
    assert trial.facts["trained"] == [1, 2, 3, 4, 5, 6]
    store.close()


def test_parts_that_cannot_be_changed_in_place_are_read_from_saved():
    def train(trial):
        if trial.attempt == 1:
            trial.save(1, b"raw", {"a": (1, None)})
            trial.report(1, loss=1.0)
        trial.log(saved=[part.decode() if isinstance(part, bytes) else part for part in trial.saved or ()])
        return 1.0

    class Once(danlu.schedulers.Patience):
        def judge(self, state, view, trial):
            from danlu.contracts.messages import pause

            return pause("once")

        def next(self, state, view):
            from danlu.contracts.protocols import New, Resume

            rows = view.history.rows
            return Resume(0) if rows and rows[0].status is danlu.Status.PAUSED else New()

    result = danlu.tune(train, {"x": Float(0, 1)}, minimize="loss", trials=1, scheduler=Once())
    assert result.trials[0].facts["saved"] == ["raw", {"a": [1, None]}]


@pytest.mark.parametrize("scheme", ["memory", "file"])
def test_a_url_keeps_what_a_folder_keeps(scheme, tmp_path):
    place = f"{scheme}://{tmp_path}/deep/er"
    blobs = blobs_at(place)
    first, second = blobs.put(b"one"), blobs.put(b"two" * 1000)
    assert blobs.put(b"one") == first
    assert [file.name for file in blobs.kept()] == sorted([first, second])
    assert {file.name: file.size for file in blobs.kept()} == {first: 3, second: 3000}
    assert all(abs(file.at - time.time()) < 60 for file in blobs.kept())
    assert blobs_at(blobs.place).get(second) == b"two" * 1000
    blobs.drop([first, first])
    with pytest.raises(CorruptError, match="missing"):
        blobs.get(first)
    for name in ("../secret", "x" * 64, "a/b.part"):
        with pytest.raises(StoreError, match="64 hexadecimal"):
            blobs.drop([name])
    assert list(blobs_at(f"{scheme}://{tmp_path}/never").kept()) == []


def test_a_torn_or_changed_remote_blob_is_found_and_written_again(tmp_path):
    blobs = blobs_at(f"file://{tmp_path}")
    digest = blobs.put(b"weights")
    (tmp_path / digest).write_bytes(b"weig")
    with pytest.raises(CorruptError, match="checksum"):
        blobs.get(digest)
    assert blobs.put(b"weights") == digest
    assert blobs.get(digest) == b"weights"
    assert not list(tmp_path.glob("*.part"))


def test_a_remote_store_that_fails_for_a_while_is_asked_again(tmp_path):
    blobs = Remote("memory://flaky", patience=5.0)
    failures = [OSError("reset by peer"), TimeoutError("slow")]
    real = blobs._files.pipe_file

    class Flaky:
        def __getattr__(self, name):
            return getattr(inner, name)

        def pipe_file(self, path, data):
            if failures:
                raise failures.pop()
            real(path, data)

    inner, blobs._files = blobs._files, Flaky()
    assert blobs.get(blobs.put(b"held")) == b"held"
    blobs.patience, failures[:] = 0.0, [OSError("gone")]
    with pytest.raises(StoreError, match="cannot be used: gone"):
        blobs.put(b"other")


def test_a_url_that_nobody_knows_is_one_sentence():
    with pytest.raises(StoreError, match=r"cannot be kept at nothing://host/x"):
        blobs_at("nothing://user:secret@host/x")


def test_what_is_large_lies_behind_the_msgpack(monkeypatch):
    """msgpack holds nothing of 4 GiB; the same with a limit of a few bytes."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(checkpoint, "LARGE", 16)
    state = [
        {"w": np.arange(50.0), "small": np.arange(2, dtype="i2"), "t": (torch.arange(9), (b"x" * 40, b"y"))},
        bytearray(b"z" * 99),
        [np.zeros((0, 3)), b"q" * 16, {"deep": [(np.arange(30),)]}],
    ]
    data = checkpoint.pack(state)
    assert data[:1] == b"\xc1"
    back = checkpoint.unpack(data)
    assert np.array_equal(back[0]["w"], state[0]["w"])
    assert back[0]["small"].tolist() == [0, 1]
    assert back[0]["t"][0].tolist() == list(range(9))
    assert back[0]["t"][1] == (b"x" * 40, b"y")
    assert back[1:2] + back[2][1:2] == [b"z" * 99, b"q" * 16]
    assert back[2][2]["deep"][0][0].tolist() == list(range(30))
    back[0]["w"][0] = 1.0  # a copy that can be written
    monkeypatch.setattr(checkpoint, "LARGE", 2**26)
    assert checkpoint.unpack(data)[1] == b"z" * 99  # what was written with another limit is read


def test_integers_of_any_length_survive_a_checkpoint():
    numbers = [2**63, -(2**70), 10**5000, -(10**5000)]
    assert checkpoint.unpack(checkpoint.pack([numbers])) == [numbers]
    early = msgspec.msgpack.encode([[msgspec.msgpack.Ext(4, str(2**70).encode())]])
    assert checkpoint.unpack(early) == [[2**70]]


@pytest.mark.fault
def test_a_checkpoint_of_more_than_four_gigabytes(tmp_path, promised):
    array = np.zeros(2**32 + 8, np.uint8)
    array[-1] = 7
    data = checkpoint.pack([{"w": array}])
    del array
    folder = Folder(tmp_path)
    digest = folder.put(data)
    del data
    back = checkpoint.unpack(folder.get(digest))[0]["w"]
    assert (len(back), back[-1]) == (2**32 + 8, 7)
    promised(7, 1, "checkpoint of more than 4 GiB, written and read back")


def test_studies_of_one_store_do_not_share_checkpoints(tmp_path):
    """The same training in two studies saves the same bytes; what one no longer needs stays the other's."""

    class Resting(danlu.schedulers.Patience):
        def judge(self, state, view, trial):
            from danlu.contracts.messages import GO, pause

            return pause("rests") if trial.curve.steps[-1] == 3 else GO

    def train(trial):
        state = {"epoch": 0}
        for epoch in range(trial.restore(state) + 1, 7):
            state["epoch"] = epoch
            trial.save(epoch, state)
            trial.report(epoch, loss=1 / epoch)

    how = {
        "space": {"x": danlu.Float(0, 1)},
        "minimize": "loss",
        "trials": 1,
        "store": tmp_path / "s.db",
        "seed": 1,
    }
    rests = danlu.tune(train, name="rests", scheduler=Resting(), **how)
    danlu.tune(train, name="goes on", scheduler="none", **how)
    state = {}
    assert rests.restore(state, trial=0) == 3
    assert state == {"epoch": 3}


def trained(trial):
    """Saves at each step; a later trial is better, so that an earlier one's checkpoint is given up."""
    for step in range(1, 3):
        trial.save(step, {"trial": trial.number, "step": step})
        trial.report(step, loss=1 / (trial.number + 1) / step)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("goes_on", ["study", "copy"])
def test_a_study_and_its_copy_take_no_checkpoint_from_each_other(tmp_path, kind, goes_on, promised):
    store = danlu.stores.MemoryStore() if kind == "memory" else danlu.stores.SqliteStore(tmp_path / "s.db")
    how = {
        "space": {"x": danlu.Float(0, 1)},
        "minimize": "loss",
        "store": store,
        "seed": 1,
        "engine": "inline",
    }
    danlu.tune(trained, trials=2, **how)
    danlu.tune(trained, trials=2, name="other", **how)
    lines = list(jsonlines.dump("study", store.journal("study").read(0)))
    jsonlines.load(lines, store, "copy")
    held = {"study": set(), "copy": set()}
    for name in held:
        history = History()
        history.fold(store.journal(name).read(0))
        held[name] = set(history.rows.checkpoints.digests)
    assert held["study"] == held["copy"] != set()
    other = "copy" if goes_on == "study" else "study"
    danlu.tune(
        trained, trials=9, name=goes_on, **how
    )  # better ones: its own checkpoints of before are given up
    kept = {file.name for file in blobs_at(store.blobs).kept()}
    assert held[other] <= kept
    state = {}
    assert danlu.tune(trained, trials=2, name=other, **how).restore(state) == 2
    danlu.tune(trained, trials=12, name=other, **how)
    still = {file.name for file in blobs_at(store.blobs).kept()}
    assert not held[other] & still  # the last who gives a checkpoint up removes it
    store.delete(other)
    danlu.tune(trained, trials=15, name=goes_on, **how)
    store.close()
    promised(
        7, 1, "ways for a study and its copy in one store to go on: neither loses a checkpoint to the other"
    )


def test_a_copy_that_is_damaged_keeps_everything(tmp_path):
    """What it names is not known any more, and its checkpoints are all that a repair would have."""
    path = tmp_path / "s.db"
    store = danlu.stores.SqliteStore(path)
    how = {
        "space": {"x": danlu.Float(0, 1)},
        "minimize": "loss",
        "store": store,
        "seed": 1,
        "engine": "inline",
    }
    danlu.tune(trained, trials=2, **how)
    lines = list(jsonlines.dump("study", store.journal("study").read(0)))
    jsonlines.load(lines, store, "copy")
    before = {file.name for file in blobs_at(store.blobs).kept()}
    store.file.connection().execute("UPDATE event SET crc = crc + 1 WHERE study = 2 AND seq = 7")
    danlu.tune(trained, trials=9, **how)
    assert before <= {file.name for file in blobs_at(store.blobs).kept()}
    store.close()


def test_a_checkpoint_of_another_step_than_the_best_is_restored_with_a_word(capsys):
    """What a trial counts by is its best report; nothing is said where that is saved, or a value is returned."""

    def train(trial):
        for epoch in range(1, 6):
            loss = abs(epoch - 2) + trial["x"]
            if trial["saves"] == "always" or epoch <= 2:
                trial.save(epoch, {"epoch": epoch})
            trial.report(epoch, loss=loss)
        return {"loss": 0.5} if trial["saves"] == "returns" else None

    for saves, step, said in (
        ("always", 5, "step 2, and its newest checkpoint is of step 5"),
        ("best", 2, ""),
        ("returns", 2, ""),
    ):
        space = {"x": danlu.Float(0, 1), "saves": danlu.Choice([saves])}
        result = danlu.tune(train, space, minimize="loss", trials=2, seed=1, watch=False)
        capsys.readouterr()
        state = {}
        assert result.restore(state) == state["epoch"] == step
        told = capsys.readouterr().err
        assert said in told
        assert bool(told) == bool(said)


@pytest.mark.parametrize("engine", ["inline", "pool"])
def test_a_disk_with_no_room_for_checkpoints_ends_the_study_and_is_over_when_there_is_room(
    tmp_path, engine, promised
):
    """Nobody's code has failed: the study ends at once, and the same call goes on with the trial that could not save."""
    path, full = tmp_path / "s.db", tmp_path / "full"

    def train(trial):
        import errno
        from unittest import mock

        from danlu.runtime import blobs

        def no_room(*given, **named):
            raise OSError(errno.ENOSPC, "No space left on device")

        for step in range(trial.restore() + 1, 4):
            with mock.patch.object(
                blobs.tempfile,
                "mkstemp",
                no_room if full.exists() and trial.number == 2 else blobs.tempfile.mkstemp,
            ):
                trial.save(step, {"step": step})
            trial.report(step, loss=trial["x"])

    how = {"minimize": "loss", "trials": 5, "seed": 1, "store": path, "engine": engine}
    full.touch()
    with pytest.raises(
        StoreError, match="cannot be written to .*No space left on device.* make the same call again"
    ):
        danlu.tune(train, {"x": Float(0, 1)}, **how)
    with danlu.open_study(store=path) as study:
        assert len(study.result.trials) == 3
        assert all(trial.status is not Status.FAILED for trial in study.result.trials)
    full.unlink()
    result = danlu.tune(train, {"x": Float(0, 1)}, **how)
    assert [trial.status for trial in result.trials] == [Status.DONE] * 5
    promised(31, 1, "disks without room for a checkpoint")
