"""Syne Tune's ASHA (random search) and BOHB (asynchronous, stopping), with their defaults."""

import datetime as dt

from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import choice, lograndint, loguniform, randint, uniform
from syne_tune.optimizer import baselines


def domain(p):
    if p["kind"] == "cat":
        return choice(p["choices"])
    if p["kind"] == "int":
        return (lograndint if p["log"] else randint)(p["low"], p["high"])
    return (loguniform if p["log"] else uniform)(p["low"], p["high"])


class Optimizer:
    def __init__(self, space, seed, steps, name):
        tree = {p["name"]: domain(p) for p in space}
        self.names = [p["name"] for p in space]
        self.scheduler = getattr(baselines, name)(
            tree, metric="loss", time_attr="epoch", max_t=steps, random_seed=seed
        )
        self.steps, self.count = steps, 0
        self.reached, self.trials, self.last = {}, {}, {}

    def next(self):
        found = self.scheduler.suggest()
        if found.spawn_new_trial_id:
            number, config = self.count, {name: found.config[name] for name in self.names}
            self.trials[number] = Trial(number, config, dt.datetime.now(tz=dt.UTC))
            self.count += 1
            self.scheduler.on_trial_add(self.trials[number])
        else:
            number = found.checkpoint_trial_id
        return number, self.trials[number].config, self.reached.get(number, 0), self.steps

    def report(self, number, step, loss):
        self.reached[number] = step
        self.last[number] = {"loss": loss, "epoch": step}
        if step == self.steps:
            return True
        return self.scheduler.on_trial_result(self.trials[number], self.last[number]) == "CONTINUE"

    def done(self, number):
        self.scheduler.on_trial_complete(self.trials[number], self.last[number])
