"""Objectives and programs that cannot work, each with words of its cause that have to be in the sentence that ends its study."""

import asyncio
import json
import math
import os
import signal
import subprocess
import sys
import threading

import numpy as np

import danlu

SPACE = {"x": danlu.Float(0, 1), "n": danlu.Int(1, 99)}


class Odd(BaseException):
    """A library's own."""


class Silent(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class Wordless(Exception):
    def __str__(self):
        return 3  # noqa: PLE0307


class Unpicklable(Exception):
    def __reduce__(self):
        raise TypeError("cannot be sent")


class Particular(Exception):
    def __init__(self, code, place):
        super().__init__(f"code {code} at {place}")


def throw(error):
    def objective(trial):
        raise error(trial) if callable(error) and not isinstance(error, type) else error

    return objective


def chained(trial):
    try:
        {}["learning_rate"]
    except KeyError as error:
        raise RuntimeError("training failed") from error


def hidden(trial):
    try:
        json.loads("{broken")
    except ValueError:
        raise RuntimeError("cannot read the settings")  # noqa: B904


def deep(trial):
    return deep(trial)


def shapes(trial):
    assert trial["n"] > 100


def late(trial):
    for step in range(1, 4):
        trial.report(step, value=trial["x"])
    raise OSError(f"no space left for /tmp/run-{trial.number}/model.pt")


def quiet(trial):
    sys.stdout = sys.stderr = None
    raise ValueError("said without a voice")


def backwards(trial):
    trial.report(3, value=1.0)
    trial.report(2, value=0.5)


def assigned(trial):
    trial["x"] = 0.1
    return 0.0


async def asynchronous(trial):
    await asyncio.sleep(0)
    raise ConnectionError("no feature store")


def generator(trial):
    yield {"value": 1.0}
    raise RuntimeError("loader ended")


def unheard(trial):
    """Its work is done in a thread whose error nobody sees, so that nothing comes of it."""
    found, seen = [], threading.excepthook
    threading.excepthook = lambda _: None
    thread = threading.Thread(target=lambda: found.append(1 / 0))
    thread.start()
    thread.join()
    threading.excepthook = seen
    return found[0] if found else None


def gone(trial):
    print("fatal: no license", flush=True)
    os._exit(3)


def without():
    return 0.0


def with_more(trial, data):
    return 0.0


def of_others(width, depth):
    return 0.0


CANNOT = {
    "name": (lambda t: missing_name, "missing_name"),  # noqa: F821
    "attribute": (lambda t: t.params.learning_rate, "learning_rate"),
    "parameter": (lambda t: t["learning_rate"], "learning_rate"),
    "assigned": (assigned, "cannot be changed, got trial"),
    "import": (lambda t: __import__("no_such_package"), "no_such_package"),
    "file": (lambda t: open("/no/such/data.csv"), "No such file"),  # noqa: SIM115, PTH123
    "index": (lambda t: [][t.number], "IndexError"),
    "type": (lambda t: "a" + 1, "TypeError"),
    "division": (lambda t: 1 / 0, "ZeroDivisionError"),
    "assert": (throw(AssertionError("shapes differ")), "shapes differ"),
    "bare assert": (shapes, 'assert trial["n"] > 100 (failing.py:'),
    "shape": (lambda t: np.zeros((3, 2)) @ np.zeros(3), "ValueError: matmul"),
    "singular": (lambda t: np.linalg.inv(np.zeros((2, 2))), "Singular matrix"),
    "data": (lambda t: np.loadtxt(["1,2", "3,x"], delimiter=","), "could not convert string 'x'"),
    "value": (throw(lambda t: ValueError(f"bad rate {t['x']}")), "bad rate"),
    "parameters named": (throw(lambda t: ValueError(f"{t.params}")), "ValueError"),
    "number": (throw(lambda t: RuntimeError(f"trial {t.number} is lost")), "is lost"),
    "address": (throw(lambda t: RuntimeError(f"{object()!r} is no tensor")), "no tensor"),
    "late": (late, "no space left"),
    "chain": (chained, "training failed, from KeyError: 'learning_rate'"),
    "context": (hidden, "JSONDecodeError"),
    "recursion": (deep, "RecursionError"),
    "exit 0": (lambda t: sys.exit(0), "SystemExit"),
    "exit text": (lambda t: sys.exit("usage: train.py"), "usage: train.py"),
    "cancelled": (throw(asyncio.CancelledError()), "CancelledError"),
    "generator exit": (throw(GeneratorExit()), "GeneratorExit"),
    "odd": (throw(Odd("stop it")), "stop it"),
    "stopped": (throw(danlu.TrialStopped("I would rather not")), "I would rather not"),
    "silent": (throw(Silent()), "Silent"),
    "wordless": (throw(Wordless()), "Wordless"),
    "unpicklable": (throw(lambda t: Unpicklable("thread lock")), "thread lock"),
    "particular": (throw(lambda t: Particular(7, "the loader")), "code 7 at the loader"),
    "group": (throw(ExceptionGroup("workers", [ValueError("bad shard"), OSError("gone")])), "bad shard"),
    "surrogate": (throw(ValueError("name \udcff.png")), "name"),
    "huge": (throw(ValueError("x " * 1_000_000 + "the cause is here")), "the cause is here"),
    "empty": (throw(ValueError()), "ValueError"),
    "stop iteration": (lambda t: next(iter(())), "StopIteration"),
    "unicode": (lambda t: b"\xff".decode(), "UnicodeDecodeError"),
    "overflow": (lambda t: math.exp(1e9), "OverflowError"),
    "lookup": (throw(lambda t: KeyError(t["n"])), "KeyError"),
    "not implemented": (throw(NotImplementedError("no backward")), "no backward"),
    "permission": (throw(PermissionError(13, "Permission denied", "data.csv")), "Permission denied"),
    "timeout of theirs": (throw(TimeoutError("no answer from the server")), "no answer"),
    "address in use": (throw(OSError(98, "Address already in use")), "already in use"),
    "connection": (throw(ConnectionRefusedError(111, "Connection refused")), "Connection refused"),
    "command": (lambda t: subprocess.run(["false"], check=True), "CalledProcessError"),
    "async": (asynchronous, "no feature store"),
    "generator": (generator, "loader ended"),
    "thread": (unheard, "gave nothing"),
    "no voice": (quiet, "without a voice"),
    "nothing": (lambda t: None, "value"),
    "text": (lambda t: "0.3", "'0.3'"),
    "complex": (lambda t: 1j, "1j"),
    "function": (lambda t: lambda: 0.3, "function"),
    "lock": (lambda t: threading.Lock(), "lock"),
    "vector": (lambda t: np.zeros(3), "array"),
    "other metric": (lambda t: {"losss": 1.0}, "value"),
    "other report": (lambda t: t.report(1, losss=1.0), "value"),
    "text reported": (lambda t: t.report(1, value="high"), "'high'"),
    "backwards": (backwards, "steps have to rise"),
    "no argument": (without, "without"),
    "more arguments": (with_more, "data"),
    "other arguments": (of_others, "width"),
    "exit": (gone, "with code 3; it printed last: fatal: no license"),
    "segfault": (lambda t: os.kill(os.getpid(), signal.SIGSEGV), "died|SIGSEGV, 3 times"),
    "abort": (lambda t: os.abort(), "died|SIGABRT, 3 times"),
}
"""Of each the objective, and what has to be said; where a cluster does not tell how a process died, what it can say before ``|``."""

DEADLY = {"exit", "segfault", "abort"}
"""What ends the process that it runs in."""

PROGRAM = """
import argparse, os, signal, sys
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=1)
parser.add_argument("--how", default="fine")
args = parser.parse_args()
if args.how == "package":
    import no_such_package
elif args.how == "data":
    open("/no/such/data.csv")
elif args.how == "name":
    print(missing_name)
elif args.how == "value":
    raise ValueError(f"bad rate {args.lr}")
elif args.how == "chain":
    try:
        {}["learning_rate"]
    except KeyError as error:
        raise RuntimeError("training failed") from error
elif args.how == "leaves":
    sys.exit("usage: train.py [--data DATA]")
elif args.how == "leaves well":
    sys.exit(0)
elif args.how == "code":
    sys.exit(4)
elif args.how == "exit":
    print("fatal: no license", flush=True)
    os._exit(3)
elif args.how == "assert":
    assert args.lr > 100
elif args.how == "late":
    for step in range(3):
        print("loss", args.lr, flush=True)
    raise OSError(28, "No space left on device")
elif args.how == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
elif args.how == "segfault":
    print("loading kernels", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)
elif args.how == "pattern":
    print("accuracy 0.5")
elif args.how == "words":
    print("loss high")
elif args.how == "silent":
    pass
elif args.how == "error stream":
    print("CUDA driver version is insufficient", file=sys.stderr)
    os._exit(1)
else:
    print("loss", args.lr)
"""
"""A program that reads its flags and then does what cannot work."""

PROGRAMS = {
    "package": "train.py ended with code 1: ModuleNotFoundError: No module named 'no_such_package'",
    "data": "No such file or directory: '/no/such/data.csv'",
    "name": "NameError: name 'missing_name' is not defined",
    "value": "ValueError: bad rate ",
    "chain": "RuntimeError: training failed",
    "leaves": "usage: train.py [--data DATA]",
    "leaves well": "no line of train.py matched 'loss {x}': it printed nothing",
    "code": "train.py ended with code 4: it said nothing",
    "exit": "train.py ended with code 3: fatal: no license",
    "assert": "train.py ended with code 1: AssertionError",
    "late": "No space left on device",
    "killed": "train.py was killed by SIGKILL",
    "segfault": "train.py was killed by SIGSEGV: loading kernels",
    "pattern": "no line of train.py matched 'loss {x}'",
    "words": "where {x} meets 'high'",
    "silent": "no line of train.py matched 'loss {x}': it printed nothing",
    "error stream": "CUDA driver version is insufficient",
}
"""What the program does, and what has to be said."""
