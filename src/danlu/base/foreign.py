"""What other tuners call things: each foreign word with danlu's own, for the sentence that answers it.

People come from Optuna, Ray Tune, Keras Tuner, Hyperopt, W&B sweeps and scikit-learn's searches. A word of theirs that means
exactly one thing here is answered with that thing; none is ever ignored.
"""

from __future__ import annotations

import ast
import functools
import linecache
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from types import FrameType
from typing import Any, ParamSpec, TypeVar

from ..errors import ArgumentError, SpaceError

P = ParamSpec("P")
R = TypeVar("R")

ARGUMENTS: dict[str, str] = {
    **dict.fromkeys(
        ("n_trials", "num_samples", "max_evals", "n_iter", "max_trials", "num_trials", "n_calls", "trial_num", "count"),
        "trials=...",
    ),
    **dict.fromkeys(("max_trial_number", "n_iterations", "max_iter", "total_trials", "iterations"), "trials=..."),
    **dict.fromkeys(
        ("timeout", "time_budget_s", "time_budget", "max_experiment_duration", "timeout_hours"), 'time="2h"'
    ),
    **dict.fromkeys(("time_limit", "max_time", "max_duration", "time_limit_s"), 'time="2h"'),
    **dict.fromkeys(
        ("direction", "directions", "mode", "optimize_mode", "greater_is_better", "minimise", "maximise"),
        'minimize="loss" or maximize="accuracy"',
    ),
    **dict.fromkeys(
        ("metric", "metrics", "objective_name", "monitor", "scoring", "goal_metric", "metric_name", "eval_metric"),
        'minimize="loss" or maximize="accuracy"',
    ),
    **dict.fromkeys(
        ("config", "search_space", "param_space", "param_distributions", "param_grid", "hp_space", "parameters", "pbounds"),
        "space={...}",
    ),
    **dict.fromkeys(
        ("dimensions", "hyperparameters", "params", "distributions", "hparams", "domain", "bounds"), "space={...}"
    ),
    **dict.fromkeys(
        ("n_jobs", "max_concurrent_trials", "max_concurrent", "trial_concurrency", "num_workers", "parallelism"), "workers=..."
    ),
    **dict.fromkeys(("resources_per_trial", "resources", "num_gpus", "gpus_per_trial", "n_gpus"), "workers=... and gpus=..."),
    **dict.fromkeys(("study_name", "project_name", "experiment_name", "run_name", "project"), 'name="..."'),
    **dict.fromkeys(
        ("storage", "local_dir", "storage_path", "directory", "checkpoint_dir", "db", "trials_save_file"), 'store="study.db"'
    ),
    **dict.fromkeys(
        ("load_if_exists", "resume", "overwrite", "restore", "reload"),
        "nothing: the same call with the same store and name resumes, and another name begins anew",
    ),
    **dict.fromkeys(("pruner", "early_stopping", "stopper", "stop", "early_stopper"), 'scheduler="asha" (or another scheduler)'),
    **dict.fromkeys(
        ("algo", "algorithm", "search_alg", "tuner", "optimizer", "oracle", "suggest", "suggest_fn", "method", "strategy"),
        'sampler="tpe" (or another sampler)',
    ),
    **dict.fromkeys(("callback", "loggers", "hooks"), "callbacks=[...]"),
    **dict.fromkeys(("points_to_evaluate", "initial_points", "x0", "warm_start"), "enqueue=[{...}, ...]"),
    **dict.fromkeys(("random_state", "rstate", "random_seed"), "seed=..."),
    **dict.fromkeys(("func", "fn", "function", "trainable", "run_or_experiment", "model", "estimator"), "objective, the first argument"),
    **dict.fromkeys(
        ("executions_per_trial", "repeats", "n_repeats", "num_runs", "cv"),
        "a loop in the objective that returns the mean",
    ),
    **dict.fromkeys(
        ("show_progress_bar", "show_progressbar", "progress_reporter", "verbose", "verbosity", "progress_bar"),
        "watch=True or watch=False",
    ),
    **dict.fromkeys(("catch", "fail_fast", "raise_on_failed_trial", "catch_eval_exceptions", "error_score"),
                    "trial_limits=danlu.TrialLimits(same_failures=...), how many first trials that fail alike end the study; later ones are kept as failed"),
    "trial_memory": "trial_limits=danlu.TrialLimits(memory=8 << 30)",
    "same_failures": "trial_limits=danlu.TrialLimits(same_failures=...)",
    "steps": "budget=danlu.Budget(steps=...)",
    "cost": "budget=danlu.Budget(cost=...)",
    "at": 'goal=danlu.Goal.of(minimize="loss", at="last")',
    **dict.fromkeys(("gc_after_trial", "reuse_actors", "log_to_driver"), "nothing: danlu does so by itself"),
    **dict.fromkeys(("max_failures", "max_retries", "max_retries_per_trial", "max_consecutive_failed_trials", "retries"), "trial_limits=danlu.TrialLimits(retries=...)"),
    **dict.fromkeys(("epochs", "max_epochs", "max_t", "max_budget", "max_resource", "num_epochs"),
                    "fidelity=danlu.Fidelity(...), and epochs in the objective or in the space"),
    **dict.fromkeys(("trial_timeout", "timeout_per_trial", "max_trial_duration", "trial_time"), 'trial_limits=danlu.TrialLimits(time="10m")'),
    **dict.fromkeys(("constraints", "constraint", "constraints_func", "parameter_constraints"),
                    "space=danlu.Space({...}, constraints=[...])"),
    **dict.fromkeys(("loss_threshold", "goal_value", "stop_value"), "target=..."),
    **dict.fromkeys(("patience", "early_stop_fn", "n_iter_no_change", "no_improvement"), "budget=danlu.Budget(no_improvement=...)"),
}  # fmt: skip
"""Arguments of other tools' calls, with what says the same in danlu's."""

SETTINGS: dict[str, str] = {
    **dict.fromkeys(("min", "minval", "lower", "min_value", "start", "lb", "a"), "low=..."),
    **dict.fromkeys(("max", "maxval", "upper", "max_value", "stop", "end", "ub", "b"), "high=..."),
    **dict.fromkeys(
        ("distribution", "sampling", "scale", "prior_type", "transform", "base"), "log=True or log=False"
    ),
    **dict.fromkeys(("log_scale", "logscale", "loguniform", "is_log"), "log=True"),
    **dict.fromkeys(("q", "quantization", "increment", "multiple_of"), "step=..."),
    **dict.fromkeys(("default", "default_value", "init", "initial", "mean"), "prior=..."),
    **dict.fromkeys(
        ("choices", "categories", "options", "items", "value", "sequence"), "values=[...], the first argument"
    ),
    **dict.fromkeys(("name", "label"), "the name before it: space = {'name': ...}"),
    **dict.fromkeys(("is_ordered", "ordinal", "sort", "is_ordinal"), "ordered=True"),
    **dict.fromkeys(("conditions", "parent_name", "parent_values"), "danlu.Switch(option={...})"),
}
"""Arguments of other tools' parameters, with danlu's."""

ALGORITHMS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("n_startup_trials", "n_startup_jobs", "n_initial_points", "num_initial_points", "startup", "init_points"), ("initial", "least", "enough")),
    **dict.fromkeys(("n_ei_candidates", "num_samples", "n_EI_candidates"), ("candidates",)),
    **dict.fromkeys(("gamma", "top_n_percent", "quantile_fraction"), ("share",)),
    **dict.fromkeys(("sigma0", "sigma_init"), ("sigma",)),
    **dict.fromkeys(("popsize", "population_size", "pop_size"), ("population",)),
    **dict.fromkeys(("max_t", "max_resource", "max_epochs", "max_budget", "max_steps", "max_iter", "R", "max_resources", "resource_max"), ("high",)),
    **dict.fromkeys(("grace_period", "min_resource", "min_budget", "min_steps", "min_iter", "min_resources", "n_min_steps"), ("low", "warm_up", "grace", "least")),
    **dict.fromkeys(("reduction_factor", "eta", "discount_factor"), ("factor",)),
    **dict.fromkeys(("min_early_stopping_rate", "s_max", "n_brackets"), ("brackets", "low")),
    **dict.fromkeys(("n_warmup_steps", "warmup", "start_steps", "baseline_epochs"), ("warm_up", "grace")),
    **dict.fromkeys(("min_samples_required", "n_min_trials"), ("least", "enough")),
    **dict.fromkeys(("patience", "epochs_since_best", "n_iter_no_change"), ("reports", "patience")),
    **dict.fromkeys(("min_delta", "tol", "threshold"), ("delta",)),
    **dict.fromkeys(("perturbation_interval", "frequency"), ("interval",)),
    **dict.fromkeys(("resample_probability", "mutation_prob", "mutation_rate"), ("resample", "mutation")),
    **dict.fromkeys(("crossover_prob", "crossover_rate"), ("crossover",)),
    **dict.fromkeys(("acq_func", "acquisition_function", "acq"), ("acquisition",)),
    **dict.fromkeys(("timeout", "max_time", "seconds", "duration", "hours"), ("time",)),
    **dict.fromkeys(("n_trials", "max_trials", "max_evals", "num_trials", "n_iter"), ("trials",)),
    **dict.fromkeys(("max_retries", "max_failures"), ("retries",)),
    **dict.fromkeys(("memory_limit", "max_memory", "ram"), ("memory",)),
    **dict.fromkeys(("min", "start"), ("low",)),
    **dict.fromkeys(("max", "stop"), ("high",)),
}  # fmt: skip
"""Settings of other tools' samplers, schedulers and budgets, with what may say the same in danlu's."""

_SUGGEST = "trial.suggest({name!r}, danlu.{kind}), or declare {name!r} in the space and read trial[{name!r}]"
_DICT = (
    "params = dict(trial), which is yours to change; what was searched stays in the journal as it was drawn"
)

ATTRIBUTES: dict[str, str] = {
    **{
        f"suggest_{kind}": _SUGGEST.format(name="lr", kind=say)
        for kind, say in {
            "float": "Float(1e-5, 1e-1, log=True)",
            "uniform": "Float(0, 1)",
            "loguniform": "Float(1e-5, 1e-1, log=True)",
            "discrete_uniform": "Float(0, 1, step=0.1)",
            "int": "Int(1, 8)",
            "categorical": "Choice([...])",
        }.items()
    },
    "Float": _SUGGEST.format(name="lr", kind="Float(1e-5, 1e-1, log=True)"),
    "Int": _SUGGEST.format(name="depth", kind="Int(1, 8)"),
    "Choice": _SUGGEST.format(name="act", kind='Choice(["relu", "gelu"])'),
    "Boolean": _SUGGEST.format(name="bias", kind="Choice([True, False])"),
    "Fixed": "a plain value in the space: {'epochs': 10}",
    "should_prune": "nothing: trial.report(step, loss=...) ends a trial that is to be stopped, by itself",
    "should_stop": "nothing: trial.report(step, loss=...) ends a trial that is to be stopped, by itself",
    "set_user_attr": "trial.log(name=value)",
    "set_system_attr": "trial.log(name=value)",
    "user_attrs": "trial.log(name=value) to keep facts, result.best.facts to read them",
    "intermediate_value": "trial.report(step, loss=...)",
    "study": "nothing: an objective sees its own trial alone; callbacks see the study",
    "distributions": "the space that danlu.tune was given",
    **dict.fromkeys(("pop", "popitem", "update", "setdefault", "clear"), _DICT),
    "as_dict": "dict(trial)",
    "to_dict": "dict(trial)",
    "id": "trial.number",
    "trial_id": "trial.number",
    "_trial_id": "trial.number",
}
"""What other tools' trials and configurations can be asked, with what says the same of a live trial."""

READ_ONLY = _DICT

_KINDS = {
    "suggest_float": "Float",
    "suggest_uniform": "Float",
    "suggest_loguniform": "Float",
    "suggest_discrete_uniform": "Float",
    "suggest_int": "Int",
    "suggest_categorical": "Choice",
    "Float": "Float",
    "Int": "Int",
    "Choice": "Choice",
    "Boolean": "Choice",
}
"""Other tools' ways to draw a value, with the parameter that it is here."""


def attribute(word: str, frame: FrameType | None) -> str:
    """What says the same as ``trial.word`` of another tool, with the name and range of the call that a frame is making.

    Where its source cannot be read, the name and range are an example's.
    """
    kind = _KINDS.get(word)
    call = None if kind is None or frame is None else _call(word, frame)
    first = call and (call.args[:1] or [each.value for each in call.keywords if each.arg == "name"])
    if kind is None or call is None or not first:
        return ATTRIBUTES[word]
    own = kind + "(" + ", ".join(_arguments(word, call)) + ")"
    name = ast.unparse(first[0])
    return f"trial.suggest({name}, danlu.{own}), or declare {name} in the space and read trial[{name}]"


def _call(word: str, frame: FrameType) -> ast.Call | None:
    """The call of a method of this name on the line where a frame is, as it is written."""
    try:
        tree = ast.parse("".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals)))
    except SyntaxError:  # changed since it was imported
        return None
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=attr) as called) if attr == word:
                if called.lineno <= frame.f_lineno <= (called.end_lineno or 0):
                    return node
    return None


def _arguments(word: str, call: ast.Call) -> list[str]:
    """The arguments after the name as danlu's parameters have them."""
    renamed = {
        "min_value": "low",
        "max_value": "high",
        "q": "step",
        "choices": "",
        "values": "",
        "default": "prior",
    }
    found = [ast.unparse(each) for each in call.args[1:]]
    if word == "Boolean":
        return ["[True, False]"]
    if word == "suggest_discrete_uniform" and len(found) == 3:
        found[2] = f"step={found[2]}"
    for each in call.keywords:
        if each.arg == "sampling":
            found += ["log=True"] if "log" in ast.unparse(each.value) else []
        elif each.arg is not None and each.arg != "name":
            own = renamed.get(each.arg, each.arg)
            found.append(f"{own}={ast.unparse(each.value)}" if own else ast.unparse(each.value))
    return [*found, *(["log=True"] if word == "suggest_loguniform" else [])]


_DISTRIBUTIONS = (
    "optuna",
    "ray",
    "hyperopt",
    "scipy.stats",
    "skopt",
    "keras_tuner",
    "kerastuner",
    "ConfigSpace",
    "nevergrad",
)
_EQUIVALENTS = (
    ("loguniform", "Float(low, high, log=True)"),
    ("reciprocal", "Float(low, high, log=True)"),
    ("randint", "Int(low, high)"),
    ("int", "Int(low, high)"),
    ("categorical", "Choice([...])"),
    ("choice", "Choice([...])"),
    ("float", "Float(low, high)"),
    ("uniform", "Float(low, high)"),
    ("real", "Float(low, high)"),
    ("norm", "Float(low, high, prior=mean)"),
)


def distribution(name: str, what: Any) -> str | None:
    """The sentence that answers another tool's distribution in a space; None where it is none.

    Example:
        >>> distribution("lr", {"min": 0, "max": 1})[:60]
        "lr is given in the way of W&B's sweeps, {'min': 0, 'max': 1}"
    """
    if isinstance(what, Mapping):
        return _sweep(name, what)
    module = type(what).__module__
    maker = next(
        (each for each in _DISTRIBUTIONS if module == each or module.startswith((each + ".", f"{each}._"))),
        None,
    )
    if maker is None:
        return None
    text = f"{type(what).__name__} {getattr(getattr(what, 'dist', None), 'name', '')} {what!r}".lower()
    return f"{name} is a distribution of {maker.partition('.')[0]}, {str(what)[:80]!r}, which danlu does not read. Write {_own(what, text)}."


def _own(what: Any, text: str) -> str:
    options = getattr(what, "choices", getattr(what, "categories", None))
    if options is not None and not callable(options):
        return f"danlu.Choice({list(options)!r})"
    low, high = (
        getattr(what, "low", getattr(what, "lower", None)),
        getattr(what, "high", getattr(what, "upper", None)),
    )
    guess = next(
        (own for word, own in _EQUIVALENTS if word in text),
        "Float(low, high), Int(low, high) or Choice([...])",
    )
    if type(low) in (int, float) and type(high) in (int, float):
        last = (
            high - 1
            if type(what).__module__.startswith("ray") and type(high) is int and "int" in text
            else high
        )
        kind = "Int" if guess.startswith("Int") or type(what).__name__.startswith("Int") else "Float"
        log = ", log=True" if getattr(what, "log", False) is True or "log" in text.partition("(")[0] else ""
        return f"danlu.{kind}({low!r}, {last!r}{log})"
    return f"danlu.{guess}"


_WANDB = {"min", "max", "values", "value", "distribution", "q", "mu", "sigma", "probabilities", "parameters"}


def _sweep(name: str, what: Mapping[Any, Any]) -> str | None:
    """W&B, NNI, Ax and SigOpt describe a parameter by a dict."""
    if not what or any(hasattr(each, "decode") and hasattr(each, "encoder") for each in what.values()):
        return None
    if {"_type", "_value"} <= set(what):
        return f"{name} is given in the way of NNI, {dict(what)!r}. Write danlu.Float, danlu.Int or danlu.Choice for it."
    if not set(what) <= _WANDB:
        return None
    log = "log" in str(what.get("distribution", ""))
    if "min" in what and "max" in what:
        whole = type(what["min"]) is int and type(what["max"]) is int and not log
        own = f"danlu.{'Int' if whole else 'Float'}({what['min']!r}, {what['max']!r}{', log=True' if log else ''})"
    elif "values" in what:
        own = f"danlu.Choice({list(what['values'])!r})"
    else:
        own = (
            repr(what["value"]) if "value" in what else "danlu.Float, danlu.Int, danlu.Choice or danlu.Switch"
        )
    return (
        f"{name} is given in the way of W&B's sweeps, {dict(what)!r}, which danlu does not read. Write {own}."
    )


def unknown(
    call: str, name: str, known: Iterable[str], table: Mapping[str, str] = ARGUMENTS
) -> ArgumentError:
    """The answer to an argument that ``call`` does not have: danlu's own word for it, or the nearest.

    Example:
        >>> str(unknown("tune", "n_trials", ["trials"]))
        'tune has no argument n_trials. danlu says trials=...'
    """
    names = [each for each in known if not each.startswith("_")]
    if name in table:
        return ArgumentError(f"{call} has no argument {name}. danlu says {table[name]}")
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    remedy = f"Did you mean {near[0]}=...?" if near else f"There are: {', '.join(names)}."
    return ArgumentError(f"{call} has no argument {name}. {remedy}")


def own_words(function: Callable[P, R]) -> Callable[P, R]:
    """``function``, which answers arguments it does not have with danlu's own words instead of Python's."""
    code = function.__code__
    known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    @functools.wraps(function)
    def called(*given: P.args, **named: P.kwargs) -> R:
        for name in named:
            if name not in known:
                raise unknown(function.__name__, name, known)
        return function(*given, **named)

    return called


def refuse(name: str, what: Any) -> SpaceError | None:
    """An error for another tool's distribution, None for anything else."""
    sentence = distribution(name, what)
    return None if sentence is None else SpaceError(sentence)
