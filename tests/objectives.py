"""Objectives and worker programs that tests run in other processes."""

import os
import signal
import sys
import time

import danlu
from danlu import Float, Int

SPACE = {"x": Float(0, 1), "n": Int(1, 3)}


def resumable(trial):
    """Five steps, each saved before it is reported; the memory shows which steps were ever trained."""
    memory = {"trained": []}
    start = trial.restore(memory)
    for step in range(start + 1, 6):
        memory["trained"].append(step)
        trial.save(step, memory)
        trial.report(step, loss=(trial["x"] - 0.3) ** 2 + 1 / step, trained=len(memory["trained"]))


def from_scratch(trial):
    for step in range(1, 4):
        trial.report(step, loss=trial["x"] / step)
    trial.log(note="done")
    return {"loss": trial["x"]}


def slow(trial):
    """Half a minute of short steps, resumable."""
    start = trial.restore()
    for step in range(start + 1, 600):
        trial.save(step)
        trial.report(step, loss=1 / step)
        time.sleep(float(os.environ.get("DANLU_TEST_STEP", "0.05")))


def slow_steps(trial):
    """Twenty steps of fifty milliseconds; the memory shows that none is trained twice over a checkpoint."""
    memory = {"trained": []}
    start = trial.restore(memory)
    for step in range(start + 1, 21):
        memory["trained"].append(step)
        time.sleep(0.05)
        trial.save(step, memory)
        trial.report(step, loss=(trial["x"] - 0.3) ** 2 + 1 / step, trained=len(memory["trained"]))


def causes(trial):
    """One way to end for each trial number."""
    number = trial.number
    if number == 0:
        return 1.0
    if number == 1:
        raise ValueError("raised on purpose")
    if number == 2:
        os.abort()
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 4:
        return bytearray(4 << 30) and 1.0
    if number == 5:
        time.sleep(600)
    if number == 6:
        return float("nan")
    if number == 7:
        return float("inf")
    if number == 8:
        return "a string"
    if number == 9:
        trial.report(1, value=1.0)
        trial.report(2, value=float("nan"))
        return 0.0
    if number == 10:
        sys.exit(3)
    if number == 11:
        os._exit(7)
    if number == 12 and trial.attempt == 1:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    print("printed by trial", number)
    print("warned by trial", number, file=sys.stderr)
    return 2.0


def acknowledge(store):
    """Ask and tell forever, saying on stdout what has been acknowledged."""
    with danlu.open_study(
        SPACE, minimize="loss", store=store, name="kill", seed=1, sampler="random"
    ) as study:
        while True:
            trial = study.ask()
            trial.report(1, loss=trial["x"])
            print("reported", trial.number, flush=True)
            study.tell(trial, loss=trial["x"])
            print("told", trial.number, repr(trial["x"]), flush=True)


def race(store, trials):
    """Take trials until the budget is spent, saying which."""
    from danlu.errors import BudgetError

    with danlu.open_study(
        SPACE, minimize="loss", store=store, name="race", trials=trials, seed=1, sampler="random"
    ) as study:
        while True:
            try:
                trial = study.ask()
            except BudgetError:
                return
            study.tell(trial, loss=trial["x"])
            print(trial.number, flush=True)


if __name__ == "__main__":
    command, store, *rest = sys.argv[1:]
    if command == "race":
        race(store, int(rest[0]))
    elif command == "acknowledge":
        acknowledge(store)
    else:
        danlu.tune(
            f"{__file__}:{command}", SPACE, minimize="loss", trials=int(rest[0]), workers=int(rest[1]),
            store=store, seed=1, sampler="quasirandom", watch=False,
        )  # fmt: skip
        print("finished", flush=True)
