"""Hyperopt's TPE on a nested space, with its defaults."""

import math

import numpy as np
from hyperopt import JOB_STATE_DONE, STATUS_FAIL, STATUS_OK, Trials, hp, space_eval, tpe
from hyperopt.base import Domain, spec_from_misc
from hyperopt.pyll.base import scope


def leaf(p):
    name, low, high = p["name"], p["low"], p["high"]
    if p["kind"] == "int":
        if p["log"]:
            return scope.int(hp.qloguniform(name, math.log(low - 0.499), math.log(high + 0.499), 1))
        return scope.int(hp.quniform(name, low - 0.499, high + 0.499, 1))
    return hp.loguniform(name, math.log(low), math.log(high)) if p["log"] else hp.uniform(name, low, high)


class Optimizer:
    def __init__(self, space, seed, trials):
        self.space = space
        self.made = {}
        self.tree = self.nested(None, None)
        self.trials = Trials()
        self.domain = Domain(lambda config: 0.0, self.tree)
        self.rng = np.random.default_rng(seed)

    def nested(self, parent, value):
        below = [p for p in self.space if p.get("parent") == parent and (not parent or value in p["when"])]
        return {p["name"]: self.node(p) for p in below}

    def node(self, p):
        name = p["name"]
        if name not in self.made:
            if p["kind"] == "cat":
                options = [{"": choice, **self.nested(name, choice)} for choice in p["choices"]]
                self.made[name] = hp.choice(name, options)
            else:
                self.made[name] = leaf(p)
        return self.made[name]

    def ask(self):
        ids = self.trials.new_trial_ids(1)
        self.trials.refresh()
        (doc,) = tpe.suggest(ids, self.domain, self.trials, int(self.rng.integers(2**31 - 1)))
        self.trials.insert_trial_doc(doc)
        self.trials.refresh()
        config = {}
        unnest(space_eval(self.tree, spec_from_misc(doc["misc"])), config)
        for p in self.space:  # the half steps of quantized ranges
            if p["kind"] != "cat" and p["name"] in config:
                config[p["name"]] = min(p["high"], max(p["low"], config[p["name"]]))
        return doc["tid"], config

    def tell(self, tid, loss):
        doc = next(d for d in self.trials._dynamic_trials if d["tid"] == tid)
        doc["state"] = JOB_STATE_DONE
        doc["result"] = {"status": STATUS_FAIL} if loss is None else {"status": STATUS_OK, "loss": loss}
        self.trials.refresh()


def unnest(tree, config):
    for name, value in tree.items():
        if isinstance(value, dict):
            config[name] = value[""]
            unnest({key: inner for key, inner in value.items() if key}, config)
        else:
            config[name] = value
