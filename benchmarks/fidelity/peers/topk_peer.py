"""Random configurations for one step each, until half of the budget is spent; then the best of them in full."""

import math
import random


class Optimizer:
    def __init__(self, space, seed, steps, full):
        self.space, self.steps = space, steps
        self.random = random.Random(seed)
        self.left = full * steps // 2
        self.first, self.waiting = {}, None

    def next(self):
        if self.left > 0:
            self.left -= 1
            number = len(self.first)
            self.first[number] = (math.inf, self.draw())
            return (number, 1), self.first[number][1], 0, 1
        if self.waiting is None:
            self.waiting = sorted(self.first, key=lambda number: self.first[number][0])
        number = self.waiting.pop(0)
        return (number, self.steps), self.first[number][1], 1, self.steps

    def draw(self):
        config = {}
        for p in self.space:
            if p["kind"] == "cat":
                config[p["name"]] = self.random.choice(p["choices"])
                continue
            low, high = (math.log(p["low"]), math.log(p["high"])) if p["log"] else (p["low"], p["high"])
            value = self.random.uniform(low, high)
            value = math.exp(value) if p["log"] else value
            config[p["name"]] = round(value) if p["kind"] == "int" else min(max(value, p["low"]), p["high"])
        return config

    def report(self, handle, step, loss):
        if handle[1] == 1:
            self.first[handle[0]] = (loss, self.first[handle[0]][1])
        return True

    def done(self, handle):
        pass
