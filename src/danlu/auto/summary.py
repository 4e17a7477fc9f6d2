"""How a model was found, as a page of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from .reading.columns import TypedColumn
from .reading.target import TargetColumn


class Explained(Protocol):
    """What is told of a model: its target, columns and calibration, and how it was found."""

    @property
    def target(self) -> TargetColumn:
        """What is predicted."""

    @property
    def columns(self) -> tuple[TypedColumn, ...]:
        """What each column was taken for."""

    @property
    def temperature(self) -> float:
        """By which probabilities are calibrated."""

    @property
    def story(self) -> Mapping[str, Any]:
        """How it was found."""


def summary(model: Explained) -> str:
    """The columns with reasons, the candidates, the ensemble, the test: what a terminal shows."""
    story, lines = model.story, [repr(model)]
    lines += [f"  {note}." for note in (story.get("parts", ""), *story.get("notes", ())) if note]
    lines += ["", *_columns(model)]
    lines += [f"leak: {sentence}." for sentence in story.get("leaks", ())]
    lines += ["", f"candidates by {story['metric']}, as means over {story['folds']} folds:"]
    lines += [f"  {_candidate(each)}" for each in story["candidates"][:8]]
    lines += ["", *judged(model)]
    return "\n".join(lines)


def judged(model: Explained) -> list[str]:
    """What was decided and how it does: a sentence each."""
    story, found, tested = model.story, model.story["ensemble"], model.story["test"]
    lines = [f"{found['verdict']}: {found['reason']}."]
    lines += [f"  {each['weight']:.0%} {each['model']} (trial {each['trial']}, {story['metric']} {each['loss']:.4g})".replace("%", " %") for each in found["members"]]  # fmt: skip
    if model.temperature != 1.0:
        lines.append(f"probabilities are calibrated: they were too {'sure' if model.temperature > 1 else 'timid'} on rows that models had not seen (temperature {model.temperature:.2f}).")  # fmt: skip
    if tested:
        lines.append(f"test: {story['metric']} {tested['value']:.4g} on {tested['rows']} rows never seen (90 % interval {tested['low']:.4g} to {tested['high']:.4g})"
                     + (f"; the default {tested['default']:.4g}" if "default" in tested else "") + ".")  # fmt: skip
        if story.get("looks", 1) > 1:
            lines.append(
                f"the test part was looked at {story['looks']} times, as the search was extended: the later looks flatter."
            )
    else:
        lines.append(
            "no test part was set aside: how well it does on new rows is known from rows that its models had not seen alone."
        )
    return lines


def _columns(model: Explained) -> list[str]:
    width = max([6, *(min(28, len(column.name)) for column in model.columns)])
    rows = [("column", "taken for", "because"), *((c.name, c.kind, c.reason) for c in model.columns[:60])]
    lines = [f"{name[:28]:{width}}  {kind:9}  {reason}" for name, kind, reason in rows]
    if len(model.columns) > 60:
        lines.append(f"... and {len(model.columns) - 60} more")
    lines.append(
        f"{model.target.name[:28]:{width}}  {'target':9}  {model.target.task}: {model.target.reason}"
    )
    return lines


def _candidate(each: dict[str, Any]) -> str:
    value = "failed" if each["value"] is None else f"{each['value']:.4g} +- {each['spread'] or 0.0:.2g}"
    left = (
        ""
        if each["whole"]
        else f", given up after {each['folds']} folds"
        if each["folds"]
        else f": {each['why'][:80]}"
    )
    return f"trial {each['trial']}: {each['model']} {value}{left}"
