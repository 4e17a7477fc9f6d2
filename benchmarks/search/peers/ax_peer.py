"""Ax's client with its defaults; conditional parameters are always there."""

import logging

from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

logging.disable(logging.CRITICAL)


def parameter(p):
    name = p["name"].replace(".", "__")
    if p["kind"] == "cat":
        return ChoiceParameterConfig(name=name, values=p["choices"], parameter_type="str", is_ordered=False)
    return RangeParameterConfig(
        name=name,
        bounds=(p["low"], p["high"]),
        parameter_type=p["kind"],
        scaling="log" if p["log"] else None,
    )


class Optimizer:
    def __init__(self, space, seed, trials):
        self.client = Client(random_seed=seed)
        self.client.configure_experiment(parameters=[parameter(p) for p in space])
        self.client.configure_optimization(objective="-loss")

    def ask(self):
        ((index, config),) = self.client.get_next_trials(max_trials=1).items()
        return index, {name.replace("__", "."): value for name, value in config.items()}

    def tell(self, index, loss):
        if loss is None:
            self.client.mark_trial_failed(trial_index=index)
        else:
            self.client.complete_trial(trial_index=index, raw_data={"loss": (loss, None)})
