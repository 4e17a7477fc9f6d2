"""danlu, told that trials can be resumed and how long they are, with its defaults or a named scheduler."""

import danlu
from danlu import Fidelity


class Optimizer:
    def __init__(self, space, seed, steps, sampler=None, scheduler=None, settings=None):
        tree = {}
        for p in space:
            if p["kind"] == "cat":
                tree[p["name"]] = danlu.Choice(p["choices"])
            else:
                kind = danlu.Int if p["kind"] == "int" else danlu.Float
                tree[p["name"]] = kind(p["low"], p["high"], log=p["log"])
        if settings is not None:
            scheduler = getattr(danlu, scheduler)(**settings)
        self.study = danlu.open_study(
            tree, minimize="loss", sampler=sampler, scheduler=scheduler, seed=seed,
            fidelity=Fidelity("epoch", 1, steps),
        )  # fmt: skip
        self.steps, self.lost = steps, set()

    def next(self):
        trial = self.study.ask()
        reached = int(self.study.session.replica.history.columns.lengths[trial.number])
        trial.save(reached)
        return trial, dict(trial.params), reached, self.steps

    def report(self, trial, step, loss):
        try:
            trial.report(step, loss=loss)
        except (danlu.TrialStopped, danlu.TrialPaused):
            self.lost.add(trial.number)
            return False
        return True

    def done(self, trial):
        if trial.number not in self.lost:
            self.study.tell(trial)
