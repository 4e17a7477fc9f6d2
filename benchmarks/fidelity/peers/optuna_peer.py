"""Optuna's TPE with its Hyperband and successive halving pruners, and without one."""

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Optimizer:
    def __init__(self, space, seed, steps, pruner, sampler="TPESampler"):
        made = {
            "hyperband": lambda: optuna.pruners.HyperbandPruner(
                min_resource=1, max_resource=steps, reduction_factor=3
            ),
            "halving": lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
            "median": optuna.pruners.MedianPruner,
            "none": optuna.pruners.NopPruner,
        }
        self.space, self.steps = space, steps
        self.study = optuna.create_study(
            sampler=getattr(optuna.samplers, sampler)(seed=seed),
            pruner=made[pruner](),
            study_name=f"study{seed}",
        )
        self.losses = {}

    def next(self):
        trial, config = self.study.ask(), {}
        for p in self.space:
            name = p["name"]
            if p["kind"] == "cat":
                config[name] = trial.suggest_categorical(name, p["choices"])
            elif p["kind"] == "int":
                config[name] = trial.suggest_int(name, p["low"], p["high"], log=p["log"])
            else:
                config[name] = trial.suggest_float(name, p["low"], p["high"], log=p["log"])
        return trial, config, 0, self.steps

    def report(self, trial, step, loss):
        trial.report(loss, step)
        self.losses[trial.number] = min(loss, self.losses.get(trial.number, loss))
        if step < self.steps and trial.should_prune():
            self.study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            return False
        return True

    def done(self, trial):
        self.study.tell(trial, self.losses[trial.number])
