"""Optuna's samplers, define by run, with their defaults."""

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Optimizer:
    def __init__(self, space, seed, trials, sampler, goals=1):
        self.space = space
        self.study = optuna.create_study(
            sampler=getattr(optuna.samplers, sampler)(seed=seed), directions=["minimize"] * goals
        )

    def ask(self):
        trial, config = self.study.ask(), {}
        for p in self.space:
            name = p["name"]
            if "parent" in p and config.get(p["parent"]) not in p["when"]:
                continue
            if p["kind"] == "cat":
                config[name] = trial.suggest_categorical(name, p["choices"])
            elif p["kind"] == "int":
                config[name] = trial.suggest_int(name, p["low"], p["high"], log=p["log"])
            else:
                config[name] = trial.suggest_float(name, p["low"], p["high"], log=p["log"])
        return trial, config

    def tell(self, trial, loss):
        if loss is None:
            self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            self.study.tell(trial, loss)
