"""Real faults of real processes: stopped and woken workers, a disk that loses its power, a network that loses words."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest
from sqlite_file import raw_file, sound

import danlu
from danlu.journal import events as ev
from danlu.journal.events import Status
from danlu.journal.history import History

# Zombies.

STOPPED = textwrap.dedent(
    """
    import os, sys, time
    import danlu

    def train(trial):
        memory = {"trained": []}
        for step in range(trial.restore(memory) + 1, 7):
            memory["trained"].append(step)
            if not os.path.exists(sys.argv[4]):  # slowly, until the test has done what it wants to do
                time.sleep(0.04)
            trial.save(step, memory)
            trial.report(step, loss=trial["x"] + 1 / step, trained=len(memory["trained"]))

    danlu.tune(
        train, {"x": danlu.Float(0, 1)}, minimize="loss", trials=int(sys.argv[2]), seed=1, sampler="quasirandom",
        scheduler="diverged", trial_limits=danlu.TrialLimits(retries=10**6), store=danlu.stores.SqliteStore(sys.argv[1], lease_seconds=0.4), name="z",
        engine=sys.argv[3],
    )
    """
)


def sleepers(store, trials, stops, dice, engine):
    """Two workers, one of which is stopped past its lease and woken, ``stops`` times and until a trial was taken over."""
    calm = Path(f"{store}.calm")
    command = [
        sys.executable,
        "-c",
        STOPPED.replace("sys.argv[4]", repr(str(calm))),
        str(store),
        str(trials),
        engine,
    ]
    said = Path(f"{store}.said")
    with said.open("w") as errors:
        workers = [subprocess.Popen(command, start_new_session=True, stderr=errors) for _ in range(2)]
    until = time.monotonic() + 60
    while not (store.exists() and danlu.stores.SqliteStore(store).studies()) and time.monotonic() < until:
        time.sleep(0.02)
    stopped, taken = 0, False
    while stopped < stops or not taken:
        assert [worker.poll() for worker in workers] == [None, None], said.read_text()
        time.sleep(dice.uniform(0.1, 0.4))
        victim = dice.choice(workers)
        os.killpg(victim.pid, signal.SIGSTOP)
        time.sleep(1.5)  # the other one looks for abandoned trials once a second
        os.killpg(victim.pid, signal.SIGCONT)
        stopped += 1
        taken = taken or any(isinstance(event, ev.Resumed) for event in of(store, "z")[1])
    calm.touch()
    assert [worker.wait(timeout=180) for worker in workers] == [0, 0]
    return stopped


def of(store, name):
    journal = danlu.stores.SqliteStore(store).journal(name)
    history, entries = History(), list(journal.read(0))
    history.fold(entries)
    return history, [entry.event for entry in entries]


def wrong_writes(events):
    """Events of an attempt after the next one was granted, and of trials that are over."""
    attempts, over, wrong = {}, set(), []
    for event in events:
        number = getattr(event, "trial", -1)
        if isinstance(event, ev.Asked | ev.Resumed):
            attempts[number] = getattr(event, "attempt", 1)
        elif number >= 0 and (event.attempt != attempts[number] or number in over):
            wrong.append(event)
        if isinstance(event, ev.Ended):
            over.add(number)
    return wrong


def check_sleepers(store, trials):
    history, events = of(store, "z")
    assert wrong_writes(events) == []
    assert len(history) == history.spent.finished == trials
    assert all(row.status is Status.DONE and row.metrics["trained"] == 6.0 for row in history.rows)
    return sum(isinstance(event, ev.Resumed) for event in events)


@pytest.mark.parametrize("engine", ["inline", "pool"])
def test_zombies_write_nothing_wrong_and_go_on_with_new_work(tmp_path, promised, engine):
    stops = sleepers(tmp_path / "s.db", 150, 4, random.Random(1), engine)
    taken = check_sleepers(tmp_path / "s.db", 150)
    promised(5, stops, f"workers stopped past their lease and woken ({taken} trials taken over)")


@pytest.mark.fault
def test_sixty_zombies_write_nothing_wrong(tmp_path, promised):
    stops = taken = 0
    for part in range(6):
        store = tmp_path / f"{part}.db"
        stops += sleepers(store, 250, 10, random.Random(part), "pool" if part % 2 else "inline")
        taken += check_sleepers(store, 250)
    promised(5, stops, f"workers stopped past their lease and woken ({taken} trials taken over)")


# Power.

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
/* Logs what is written to and synced on descriptors of files under DANLU_DISK:
   kind, descriptor's path length, path, offset, size, data. Kinds: W write, T truncate, S sync, U unlink. */
static int out = -1;
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fsync)(int), (*real_fdatasync)(int), (*real_ftruncate)(int, off_t);
__attribute__((constructor)) static void start(void) {
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64"); real_write = dlsym(RTLD_NEXT, "write");
  real_fsync = dlsym(RTLD_NEXT, "fsync"); real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
  out = open(getenv("DANLU_DISK_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0644);
}
static void tell(char kind, int fd, const void *data, uint64_t size, uint64_t at) {
  char link[64] = "/proc/self/fd/", path[512], digits[16]; int n = 0, m = fd;
  do digits[n++] = '0' + m % 10; while (m /= 10);
  char *end = link + strlen(link); while (n) *end++ = digits[--n]; *end = 0;
  ssize_t length = readlink(link, path, sizeof path);
  const char *disk = getenv("DANLU_DISK");
  if (length < 0 || strncmp(path, disk, strlen(disk))) return;
  uint64_t held = kind == 'W' ? size : 0, name = length, head[4] = {(uint64_t)kind, name, at, held};
  char *frame = malloc(sizeof head + name + held);
  memcpy(frame, head, sizeof head); memcpy(frame + sizeof head, path, name);
  if (held) memcpy(frame + sizeof head + name, data, held);
  real_write(out, frame, sizeof head + name + held); free(frame);
}
ssize_t pwrite64(int fd, const void *d, size_t n, off_t at) { ssize_t r = real_pwrite(fd, d, n, at); if (r > 0) tell('W', fd, d, r, at); return r; }
ssize_t pwrite(int fd, const void *d, size_t n, off_t at) { return pwrite64(fd, d, n, at); }
ssize_t write(int fd, const void *d, size_t n) {
  off_t at = lseek(fd, 0, SEEK_CUR); ssize_t r = real_write(fd, d, n); if (r > 0 && at >= 0) tell('W', fd, d, r, at); return r; }
int unlink(const char *path) {
  int (*real)(const char *) = dlsym(RTLD_NEXT, "unlink"); int fd = open(path, O_RDONLY), r = real(path);
  if (fd >= 0) { if (!r) tell('U', fd, 0, 0, 0); close(fd); } return r; }
int ftruncate64(int fd, off_t n) { int r = real_ftruncate(fd, n); if (!r) tell('T', fd, 0, 0, n); return r; }
int ftruncate(int fd, off_t n) { return ftruncate64(fd, n); }
int fsync(int fd) { int r = real_fsync(fd); if (!r) tell('S', fd, 0, 0, 0); return r; }
int fdatasync(int fd) { int r = real_fdatasync(fd); if (!r) tell('S', fd, 0, 0, 0); return r; }
"""

TELLING = textwrap.dedent(
    """
    import os, sys
    import danlu
    log = os.open(os.environ["DANLU_DISK_LOG"], os.O_WRONLY | os.O_APPEND)
    store = danlu.stores.SqliteStore(sys.argv[1])
    import danlu.stores.sqlite_file as module
    module.CHECKPOINT_EVERY = 40
    with danlu.open_study({"x": danlu.Float(0, 1)}, minimize="loss", store=store, name="p", seed=1, sampler="random") as study:
        for _ in range(60):
            trial = study.ask()
            trial.report(1, loss=trial["x"])
            study.tell(trial, loss=trial["x"])
            mark = trial.number.to_bytes(8, "little")
            os.write(log, b"A" + bytes(7) + bytes(8) + mark + bytes(8))
    """
)


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """What a study of sixty trials wrote, synced and acknowledged, in order."""
    folder = tmp_path_factory.mktemp("disk")
    (folder / "shim.c").write_text(SHIM)
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-o", folder / "shim.so", folder / "shim.c", "-ldl"], check=True
    )
    (folder / "files").mkdir()
    log = folder / "log"
    environment = os.environ | {
        "DANLU_DISK": str(folder / "files"), "DANLU_DISK_LOG": str(log),
    }  # fmt: skip
    with tempfile.TemporaryDirectory(
        prefix="danlu-shim-"
    ) as plain:  # the loader takes no path with a blank in it
        shutil.copy(folder / "shim.so", plain)
        environment["LD_PRELOAD"] = f"{plain}/shim.so"
        subprocess.run([sys.executable, "-c", TELLING, folder / "files/s.db"], check=True, env=environment)
    return frames(log.read_bytes())


def frames(raw):
    found, at = [], 0
    while at < len(raw):
        kind, name, offset, size = (
            int.from_bytes(raw[at + 8 * i : at + 8 * i + 8], "little") for i in range(4)
        )
        at += 32
        path = raw[at : at + name].decode()
        found.append(
            (chr(kind), Path(path.removesuffix(" (deleted)")).name, offset, raw[at + name : at + name + size])
        )
        at += name + size
    return found


def power_lost(log, until, dice, folder):
    """The files as a disk may show them after the power failed: all that was synced, some of what was not."""
    files, pending, acknowledged, gone = {}, {}, [], set()
    for kind, name, offset, data in log[:until]:
        if kind == "A":
            acknowledged.append(offset)
        elif kind == "U":
            gone.add(
                name
            )  # durable with the next sync of anything, as file systems with a journal keep the order
        elif kind == "S":
            for lost in gone:
                files.pop(lost, None)
                pending.pop(lost, None)
            gone.clear()
            for change in pending.pop(name, []):
                apply(files, name, *change)
        else:
            pending.setdefault(name, []).append((kind, offset, data))
    for name, changes in pending.items():
        for kind, offset, data in changes:
            if dice.random() < 0.5:
                continue
            if kind == "W" and dice.random() < 0.3:  # torn at a sector
                data = data[: 512 * dice.randrange(1 + len(data) // 512)]
            apply(files, name, kind, offset, data)
    folder.mkdir()
    for name, content in files.items():
        if not name.endswith("-shm") and (name not in gone or dice.random() < 0.5):
            (folder / name).write_bytes(content)
    return acknowledged


def apply(files, name, kind, offset, data):
    held = files.setdefault(name, bytearray())
    if kind == "T":
        del held[offset:]
        held.extend(bytes(offset - len(held)))
    else:
        held.extend(bytes(max(0, offset - len(held))))
        held[offset : offset + len(data)] = data


def lose_power(disk, times, dice, tmp_path):
    first = next(i for i, frame in enumerate(disk) if frame[0] == "A")
    for turn in range(times):
        folder = tmp_path / "after"
        shutil.rmtree(folder, ignore_errors=True)
        acknowledged = power_lost(disk, dice.randrange(first, len(disk)), dice, folder)
        history, _ = of(folder / "s.db", "p")
        for number in acknowledged:
            row = history.rows.of(number)
            assert row.status is Status.DONE, (turn, number)
            assert row.metrics == {"loss": row.params()["x"]}
        assert sound(folder / "s.db")


def test_what_was_told_survives_the_loss_of_power(disk, tmp_path, promised):
    assert {"W", "S", "A"} <= {frame[0] for frame in disk}
    lose_power(disk, 150, random.Random(1), tmp_path)
    promised(2, 150, "losses of power at random writes, unsynced writes dropped, torn or kept at random")


@pytest.mark.fault
def test_two_thousand_losses_of_power(disk, tmp_path, promised):
    lose_power(disk, 2000, random.Random(2), tmp_path)
    promised(2, 2000, "losses of power at random writes, unsynced writes dropped, torn or kept at random")


def test_the_power_test_notices_a_store_that_does_not_sync(disk, tmp_path):
    """The same disk without its syncs loses what was told: the test above can fail."""
    never = [frame for frame in disk if frame[0] != "S"]
    with pytest.raises((AssertionError, danlu.DanluError)):
        lose_power(never, 40, random.Random(1), tmp_path)


# A reader in the way.


@pytest.mark.parametrize("trials", [500, pytest.param(2500, marks=pytest.mark.fault)])
def test_a_long_read_neither_blocks_nor_breaks_a_writer(trials, tmp_path, promised):
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    with danlu.open_study({"x": danlu.Float(0, 1)}, minimize="loss", store=store, sampler="random") as study:
        study.tell(study.ask(), 0.0)
        with raw_file(tmp_path / "s.db", isolation_level=None) as reader:
            reader.execute("BEGIN")
            (before,) = reader.execute("SELECT count(*) FROM event").fetchone()
            for _ in range(trials):
                study.tell(study.ask(), 0.5)
            assert reader.execute("SELECT count(*) FROM event").fetchone() == (before,)
            reader.execute("COMMIT")
            assert reader.execute("SELECT count(*) FROM event").fetchone()[0] >= before + 2 * trials
    promised(12, 2 * trials, "writes while another connection held one reading open")
