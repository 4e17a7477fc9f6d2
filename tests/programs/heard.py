"""A trial of a test's own, which keeps what the curve of a program says to it."""


class Trial:
    """What a curve reports."""

    def __init__(self):
        self.reports, self.remarks, self.facts = [], {}, {}

    def report(self, step, **values):
        self.reports.append((step, values))

    def remark(self, about, sentence):
        self.remarks.setdefault(about, sentence)

    def fact(self, name, value):
        self.facts[name] = value
