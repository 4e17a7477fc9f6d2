"""danlu itself, through the door its users take."""

import danlu
from danlu.base.names import SAMPLERS, find


def parameter(given):
    if given["kind"] == "cat":
        return danlu.Choice(given["choices"])
    kind = danlu.Int if given["kind"] == "int" else danlu.Float
    return kind(given["low"], given["high"], log=given["log"])


def nested(space, parent=None, when=None):
    """The parameters right below ``parent`` under exactly these options."""
    found = {}
    for given in space:
        if given.get("parent") != parent or (parent and tuple(given["when"]) != when):
            continue
        name = given["name"]
        groups = dict.fromkeys(tuple(child["when"]) for child in space if child.get("parent") == name)
        if not groups:
            found[name] = parameter(given)
            continue
        options = {option: {} for option in given["choices"]}
        for group in groups:
            options[group if len(group) > 1 else group[0]] = nested(space, name, group)
        found[name] = danlu.Switch(options)
    return found


class Optimizer:
    def __init__(self, space, seed, trials, sampler=None, goals=1, **settings):
        made = find(SAMPLERS, "sampler", sampler)(**settings) if sampler else None
        more = {} if made is None else {"sampler": made}
        self.goals = ["loss"] if goals == 1 else [f"loss{number}" for number in range(goals)]
        self.study = danlu.open_study(nested(space), minimize=self.goals, trials=trials, seed=seed, **more)
        plain = {given["name"] for given in space}
        self.names = {full: shortened(full, plain) for full in self.study.space.names}

    def ask(self):
        trial = self.study.ask()
        return trial, {self.names[full]: value for full, value in trial.params.items()}

    def tell(self, trial, loss):
        if loss is None:
            self.study.tell(trial, failed="raised")
        else:
            losses = loss if isinstance(loss, list) else [loss]
            self.study.tell(trial, dict(zip(self.goals, losses, strict=True)))


def shortened(full, names):
    """The name the task knows: the longest that ends the full one."""
    return max((name for name in names if full == name or full.endswith("." + name)), key=len)
