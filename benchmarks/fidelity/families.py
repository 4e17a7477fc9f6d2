"""Whether the default loses the winner: families of learning curves, each tuned with and without early stopping.

    python benchmarks/fidelity/families.py [--seeds 20] [--trials 30] [--jobs 2] [--only NAME ...]

Every family is a way in which trainings behave: some tell early how they will end, others rise late, cross, fall after a
restart, or stand still for most of their life. A study of 30 trials with danlu's defaults is put beside the same study
with ``scheduler="none"`` (same seed, same space, every training in full). Loss: how much worse the default's best is, as
a share of the full trainings' best, never below 0; a share of 2 % of studies may differ by chance of the search alone,
which the column ``apart`` measures: two studies in full that differ in their seeds only. Saved: epochs not trained, as a
share of 30 full trainings. Writes ``results/families.json``.
"""

import argparse
import json
import math
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

import danlu
from danlu import Float

HERE = Path(__file__).resolve().parent
RATE = Float(1e-4, 1.0, log=True)
SPACE = {"lr": RATE, "wd": Float(1e-6, 1e-1, log=True), "width": Float(0, 1)}


def bowl(params):
    """How far the rate (in decades from its best, 1e-2), the decay and the width are from theirs."""
    rate = math.log10(params["lr"]) + 2.0
    decay = (math.log10(params["wd"]) + 3.5) / 2.5
    return rate, decay, params["width"] - 0.6


def quality(params):
    """What a configuration comes to in the end, 1 at best."""
    rate, decay, width = bowl(params)
    return math.exp(-0.35 * rate**2 - 0.15 * decay**2 - 0.25 * width**2)


def noise(params, epochs, size):
    """Noise that belongs to the configuration, so that a training can be repeated."""
    words = np.frombuffer(np.array([params[name] for name in sorted(params)]).tobytes(), np.uint32)
    return size * np.random.default_rng(words).standard_normal(epochs)


def power(p, t):
    """A loss that falls as a power of the epochs (language models)."""
    return 2.0 - 1.6 * quality(p) + 2.0 * t**-0.6


def saturating(p, t):
    """An accuracy that saturates; better configurations are faster too."""
    q = quality(p)
    return 0.1 + 0.85 * q * (1 - np.exp(-t * (0.03 + 0.15 * q)))


def noisy(p, t):
    """The same with the noise of a small validation set."""
    return saturating(p, t) + noise(p, len(t), 0.015)


def overfitting(p, t):
    """A validation loss that falls and then rises; its best epoch counts."""
    q = quality(p)
    return 1.5 - 1.2 * q * (1 - np.exp(-t / 6)) + 0.006 * np.maximum(0, t - 12 - 20 * p["width"])


def perplexity(p, t):
    """Hundreds at first, tens at the end."""
    return np.exp(3.0 + 1.2 * (1 - quality(p)) + 3.5 * np.exp(-t / (8 + 10 * (1 - quality(p)))))


def explained(p, t):
    """A coefficient of determination: far below zero at first, 0.9 at best."""
    q = quality(p)
    return 0.95 * q - 8.0 * np.exp(-t * (0.1 + 0.4 * q))


def late(p, t):
    """Nothing happens before an epoch that the rate decides, then accuracy rises fast."""
    begins = 0.25 / p["lr"] ** 0.8
    grown = 1 - np.exp(-np.maximum(0, t - begins) / 8)
    return 0.14 + 0.7 * grown * (1 - 0.1 * (bowl(p)[2]) ** 2)


def plateau(p, t):
    """A loss that stays where chance is (a Transformer), then drops; slower ones drop lower."""
    rate = bowl(p)[0]
    drops = 8 + 14 * abs(rate) + 12 * p["width"]
    low = 0.35 + 0.3 * (1 - quality(p)) - 0.15 * p["width"]
    return low + (2.3 - low) / (1 + np.exp((t - drops) / 2.0))


def warmup(p, t):
    """Long warm-ups learn late and end best."""
    long = 2 + 28 * p["width"]
    q = quality({**p, "width": 0.6})
    best = 0.6 + 0.9 * (1 - q) - 0.3 * p["width"]
    return best + (2.0 - best) * np.exp(-np.maximum(0, t - long) / 7) + 0.1 * (t < long)


def grokking(p, t):
    """Accuracy near chance until weight decay has worked long enough, then everything; without it half is learned early."""
    rate, decay, _ = bowl(p)
    begins = 12 + 30 * abs(decay - 0.6) + 6 * abs(rate)
    early = 0.45 * math.exp(-0.5 * (decay + 0.8) ** 2) * (1 - np.exp(-t / 5))
    return np.maximum(early, 0.02 + 0.97 / (1 + np.exp(-(t - begins) / 1.5)) * math.exp(-0.1 * rate**2))


def annealed(p, t):
    """One cycle of the rate: high rates are worst until it falls, and best at the end."""
    rate = bowl(p)[0]
    heat = np.cos(np.pi * t / (2 * t[-1])) ** 2
    end = 0.3 + 0.12 * (rate - 0.7) ** 2 + 0.1 * bowl(p)[2] ** 2
    fall = 1.4 * np.exp(-t * 10.0 ** min(rate, 0.7) / 12)
    return end + fall + 0.9 * heat * 1 / (1 + math.exp(-2.5 * rate))


def decayed(p, t):
    """The rate falls tenfold after half and after three quarters of the training."""
    rate = bowl(p)[0]
    hot = 1.0 / (1.0 + math.exp(-2.0 * rate))
    size = len(t)
    heat = np.where(t <= size // 2, 1.0, np.where(t <= 3 * size // 4, 0.25, 0.05))
    end = 0.4 + 0.15 * (rate - 0.5) ** 2 + 0.1 * bowl(p)[1] ** 2
    return end + 0.8 * hot * heat + 1.5 * np.exp(-t * 10.0 ** min(rate, 0.5) / 15)


def restarts(p, t):
    """Warm restarts: the loss jumps up at the start of each of four cycles; the ends of the cycles count."""
    size = len(t) // 4
    phase = ((t - 1) % size) / size
    rate = bowl(p)[0]
    hot = 0.7 / (1.0 + math.exp(-2.0 * rate))
    return (
        0.5 + 0.2 * (rate - 0.4) ** 2 + 0.1 * bowl(p)[2] ** 2 + hot * (1 - phase) ** 2 + 1.2 * np.exp(-t / 9)
    )


def descent(p, t):
    """Double descent over epochs: wide networks get worse before they become best."""
    width = p["width"]
    peak = 18 + 8 * (1 - width)
    hump = 0.9 * width * np.exp(-(((t - peak) / 7) ** 2))
    first = 1.2 * np.exp(-t / 4)
    second = 0.45 * width / (1 + np.exp(-(t - 36) / 3))
    return 1.0 + 0.5 * (1 - quality({**p, "width": 0.6})) + first + hump - second


def still(p, t):
    """A score that is zero for many reports (F1 of a rare class) and moves when the loss has fallen far enough."""
    q = quality(p)
    grown = 1 - np.exp(-np.maximum(0, t - 8 - 30 * (1 - q)) / 10)
    return np.round(0.8 * grown, 3)


def crossing(p, t):
    """Small rates are slow and end best; large ones are fast and end early."""
    rate = bowl(p)[0]
    speed = 0.06 * 10.0 ** (0.6 * min(rate, 1.0))
    end = 0.25 + 0.16 * (rate + 0.6) ** 2 + 0.1 * bowl(p)[1] ** 2 * 0.3
    return end + 2.0 * np.exp(-t * speed)


def returns(p, t):
    """Returns of reinforcement learning: tens of reports of much noise around a slow rise."""
    q = quality(p)
    mean = 200 * q / (1 + np.exp(-(t - 15 - 20 * (1 - q)) / 6))
    return mean + noise(p, len(t), 6.0)


def rare(p, t):
    """One configuration in eight starts flat and ends best; all others show at once what they are."""
    q = quality(p)
    if p["width"] > 0.875:
        return 0.1 + 0.85 * (0.8 + 0.2 * q) / (1 + np.exp(-(t - 30) / 3))
    return 0.1 + 0.65 * q * (1 - np.exp(-t * (0.03 + 0.15 * q)))


def spiking(p, t):
    """High rates have spikes from which they recover."""
    rate = bowl(p)[0]
    base = 0.4 + 0.6 * (1 - quality(p)) + 1.5 * np.exp(-t / 7)
    spikes = np.abs(noise(p, len(t), 1.0)) > 2.0
    return base + 3.0 * spikes * max(0.0, rate + 0.5)


def stuck(p, t):
    """Half of the space never learns: accuracy stays at chance; the rest saturates."""
    if math.log10(p["lr"]) > -1.5:
        return np.full(len(t), 0.1)
    return saturating({**p, "lr": p["lr"] * 3}, t)


def seldom(p, t):
    """Eight reports a training."""
    return power(p, t)


def coarse(p, t):
    """An accuracy on forty examples: few values, many ties."""
    return np.round(saturating(p, t) * 40) / 40


FAMILIES = {
    "power": (power, False, True, 60), "saturating": (saturating, True, True, 60), "noisy": (noisy, True, True, 60),
    "overfitting": (overfitting, False, True, 60), "perplexity": (perplexity, False, True, 60),
    "explained": (explained, True, True, 60), "seldom": (seldom, False, True, 8), "coarse": (coarse, True, True, 60),
    "stuck": (stuck, True, True, 60), "spiking": (spiking, False, True, 60), "late": (late, True, False, 60),
    "plateau": (plateau, False, False, 60), "warmup": (warmup, False, False, 60), "grokking": (grokking, True, False, 60),
    "annealed": (annealed, False, False, 60), "decayed": (decayed, False, False, 60), "restarts": (restarts, False, False, 60),
    "descent": (descent, False, False, 60), "still": (still, True, False, 60), "crossing": (crossing, False, False, 60),
    "returns": (returns, True, False, 60), "rare": (rare, True, False, 60),
}  # fmt: skip
"""By name: the curve, whether more is better, whether early epochs tell something, reports a training."""


def study(job):
    """One study; its best value, the epochs it trained, and what it says of itself."""
    name, seed, trials, scheduler, saves = job
    curve, rises, _, epochs = FAMILIES[name]

    def train(trial):
        values = curve(dict(trial.params), np.arange(1.0, epochs + 1)).tolist()
        state = {"epoch": 0}
        for epoch in range(trial.restore(state) + 1 if saves else 1, epochs + 1):
            if saves:
                state["epoch"] = epoch
                trial.save(epoch, state)
            trial.report(epoch, metric=values[epoch - 1])
            trained[0] += 1

    trained = [0]
    began = time.process_time()
    result = danlu.tune(
        train, SPACE, trials=trials, seed=seed, scheduler=scheduler, watch=False,
        **{"maximize" if rises else "minimize": "metric"},
    )  # fmt: skip
    cpu = time.process_time() - began
    return (
        name,
        seed,
        "none" if scheduler == "none" else "default",
        saves,
        result.best.value,
        trained[0] / (trials * epochs),
        cpu,
        result.why(),
    )


def main():
    parse = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parse.add_argument("--seeds", type=int, default=20)
    parse.add_argument("--trials", type=int, default=30)
    parse.add_argument("--jobs", type=int, default=2)
    parse.add_argument("--only", nargs="*")
    parse.add_argument("--saves", action="store_true", help="the trainings save checkpoints")
    parse.add_argument("--scheduler", help="another than the default")
    parse.add_argument("--out", default=str(HERE / "results/families.json"))
    given = parse.parse_args()
    names = given.only or list(FAMILIES)
    seeds = range(given.seeds)
    jobs = [
        (n, s, given.trials, how, given.saves)
        for n in names
        for s in seeds
        for how in ("none", given.scheduler)
    ]
    with ProcessPoolExecutor(given.jobs) as pool:
        told = {row[:3]: row[4:] for row in pool.map(study, jobs, chunksize=1)}
    rows = [summary(name, list(seeds), told) for name in names]
    print(table(rows))
    Path(given.out).write_text(
        json.dumps({"trials": given.trials, "saves": given.saves, "families": rows}, indent=1) + "\n"
    )


def loss(name, ours, full):
    """How much worse than the full trainings' best, as a share of it."""
    behind = full - ours if FAMILIES[name][1] else ours - full
    return max(0.0, behind / abs(full))


def summary(name, seeds, told):
    full = [told[name, seed, "none"] for seed in seeds]
    ours = [told[name, seed, "default"] for seed in seeds]
    losses = [loss(name, one[0], other[0]) for one, other in zip(ours, full, strict=True)]
    apart = [loss(name, full[seed][0], full[(seed + 1) % len(full)][0]) for seed in seeds]
    return {
        "family": name, "tells": FAMILIES[name][2], "studies": len(losses), "within": sum(each <= 0.02 for each in losses),
        "worst": round(max(losses), 4), "apart": sum(each > 0.02 for each in apart),
        "losses": [round(each, 4) for each in losses],
        "saved": round(1 - float(np.mean([each[1] for each in ours])), 3),
        "saved full": round(1 - float(np.mean([each[1] for each in full])), 3),
        "cpu": round(float(np.median([each[2] for each in ours])), 2),
        "cpu full": round(float(np.median([each[2] for each in full])), 2),
    }  # fmt: skip


def table(rows):
    lines = ["family        tells  within 2 %   worst   apart   saved   cpu (full)"]
    lines += [
        f"{row['family']:13} {'yes' if row['tells'] else 'no':5} {row['within']:4} of {row['studies']:3} "
        f"{row['worst']:9.1%} {row['apart']:5} {row['saved']:8.0%} {row['cpu']:6.1f} ({row['cpu full']:.1f})"
        for row in rows
    ]
    whole = sum(row["studies"] for row in rows)
    telling = [row["saved"] for row in rows if row["tells"]] or [math.nan]
    lines.append(
        f"all: {sum(row['within'] for row in rows)} of {whole} within 2 %, worst {max(row['worst'] for row in rows):.1%}; "
        f"saved where early epochs tell: {np.mean(telling):.0%} (least {min(telling):.0%})"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
