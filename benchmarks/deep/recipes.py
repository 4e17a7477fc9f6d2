"""The recipes beside their own defaults and well-known baselines, on held-out data.

    python benchmarks/deep/recipes.py [image text recommend friedman breast_cancer] [--seeds 3]

Each search has 30 trials and two workers; the winner and the default are trained on three fresh seeds and judged once on
the test part. Baselines choose their own setting on the validation part. Appends to ``results/recipes.jsonl``.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from sklearn import ensemble, feature_extraction, linear_model, metrics

from danlu import deep
from danlu.deep.datasets import documented
from danlu.deep.train.evaluation import ranking

HERE = Path(__file__).resolve().parent
TRIALS = 30


def bag_of_words(seed):
    """TF-IDF of words and word pairs, logistic regression, C on the validation part."""
    texts, labels = documented()
    rows = deep.from_arrays(np.arange(len(texts)), np.asarray(labels), kind="classes", seed=seed)
    words = feature_extraction.text.TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    parts = {name: [texts[at] for at in part.x.tolist()] for name, part in rows.parts().items()}
    x = {
        "train": words.fit_transform(parts["train"]),
        "valid": words.transform(parts["valid"]),
        "test": words.transform(parts["test"]),
    }
    fits = [
        linear_model.LogisticRegression(C=c, max_iter=2000).fit(x["train"], rows.train.y.numpy())
        for c in (0.3, 1, 3, 10, 30, 100)
    ]
    best = min(fits, key=lambda fit: metrics.log_loss(rows.valid.y.numpy(), fit.predict_proba(x["valid"])))
    return {
        "test_loss": metrics.log_loss(rows.test.y.numpy(), best.predict_proba(x["test"])),
        "test_accuracy": best.score(x["test"], rows.test.y.numpy()),
    }


def popularity(data):
    counts = torch.bincount(data.train.x[:, 1], minlength=data.sizes[1]).double()
    return ranking(counts.expand(data.sizes[0], -1), data, data.test)


def als(data, factors, penalty, weight=20.0, rounds=15, seed=0):
    """Implicit alternating least squares (Hu, Koren and Volinsky, 2008): confidence 1 + weight for what was taken."""
    taken = data.seen.numpy().astype(float)
    numbers = np.random.default_rng(seed)
    users, items = (0.1 * numbers.normal(size=(size, factors)) for size in data.sizes)

    def solve(other, wanted):
        base = other.T @ other + penalty * np.eye(factors)
        return np.stack([
            np.linalg.solve(base + weight * other[row > 0].T @ other[row > 0], (1 + weight) * other[row > 0].sum(0))
            for row in wanted
        ])  # fmt: skip

    for _ in range(rounds):
        users = solve(items, taken)
        items = solve(users, taken.T)
    return torch.from_numpy(users @ items.T)


def best_als(data):
    tables = [als(data, factors, penalty) for factors in (4, 8, 16) for penalty in (1.0, 10.0, 100.0)]
    best = max(tables, key=lambda table: ranking(table, data, data.valid)["ndcg_at_10"])
    return ranking(best, data, data.test)


def boosting(data):
    """Gradient boosting, rate and depth on the validation part."""
    parts = {name: (part.x.numpy(), part.y.numpy()) for name, part in data.parts().items()}
    kind = (
        ensemble.GradientBoostingClassifier if data.kind == "classes" else ensemble.GradientBoostingRegressor
    )
    fits = [
        kind(learning_rate=rate, max_depth=depth, n_estimators=400, subsample=0.8, random_state=0).fit(*parts["train"])
        for rate in (0.03, 0.1) for depth in (2, 3, 5)
    ]  # fmt: skip
    if data.kind == "values":
        best = min(
            fits,
            key=lambda fit: metrics.mean_squared_error(parts["valid"][1], fit.predict(parts["valid"][0])),
        )
        return {"test_loss": metrics.mean_squared_error(parts["test"][1], best.predict(parts["test"][0]))}
    best = min(
        fits, key=lambda fit: metrics.log_loss(parts["valid"][1], fit.predict_proba(parts["valid"][0]))
    )
    return {
        "test_loss": metrics.log_loss(parts["test"][1], best.predict_proba(parts["test"][0])),
        "test_accuracy": best.score(*parts["test"]),
    }


TASKS = {
    "image": ("image", deep.datasets.digits, lambda data, seed: {}),
    "text": ("text", deep.datasets.docstrings, lambda data, seed: {"bag of words + logistic regression": bag_of_words(seed)}),
    "recommend": ("recommend", deep.datasets.ratings, lambda data, seed: {
        "popularity": {f"test_{k}": v for k, v in popularity(data).items()},
        "alternating least squares": {f"test_{k}": v for k, v in best_als(data).items()},
    }),
    "friedman": ("tabular", deep.datasets.friedman, lambda data, seed: {"gradient boosting": boosting(data)}),
    "breast_cancer": ("tabular", deep.datasets.breast_cancer, lambda data, seed: {"gradient boosting": boosting(data)}),
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", default=[*TASKS])
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    out = HERE / "results/recipes.jsonl"
    out.parent.mkdir(exist_ok=True)
    done = (
        {(row["task"], row["seed"]) for row in map(json.loads, out.read_text("utf-8").splitlines())}
        if out.exists()
        else set()
    )
    for seed in range(given.seeds):
        for name in given.tasks:
            if (name, seed) in done:
                continue
            recipe, make, baselines = TASKS[name]
            data, started = make(seed), time.monotonic()
            tuned = deep.tune(recipe, data, trials=TRIALS, workers=2, seed=seed, watch=False)
            seconds = time.monotonic() - started
            row = {"task": name, "seed": seed, "seconds": round(seconds, 1), "params": tuned.best.params}
            row |= {who: {key: tuned.test(key, who) for key in tuned.tests[who][0]} for who in tuned.tests}
            row["searched"], row["fresh"] = tuned.best.searched, tuned.best.mean
            row["baselines"] = baselines(data, seed)
            with out.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(row) + "\n")
            print(
                f"{name} {seed}: {seconds:.0f} s",
                {key: {k: round(v, 4) for k, v in row[key].items()} for key in ("tuned", "default")},
                row["baselines"],
                flush=True,
            )


if __name__ == "__main__":
    main()
