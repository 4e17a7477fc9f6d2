"""The worked example: every step printed and drawn, and the lowest point found."""

import importlib.util
import re

import numpy as np
import pytest
from places import ROOT

PATH = ROOT / "examples/bayesian_steps.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("bayesian_steps", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_starts_in_the_middle_and_finds_the_lowest_point(example, capsys):
    points, losses = example.search()
    printed = capsys.readouterr().out.splitlines()
    assert points[0].tolist() == [0.5, 0.5]
    assert len(np.unique(points, axis=0)) == len(points) == 16
    assert losses.min() - example.loss_at(example.GRID).min() < 1e-3
    steps = [line for line in printed if re.match(r" +\d+ ", line)]
    assert len(steps) == 16
    assert all(f"{loss:.4f}" in line for line, loss in zip(steps, losses, strict=True))


def test_every_step_tries_where_the_expected_improvement_is_largest(example):
    points, losses = example.search(steps=4)
    *_, gain = example.step(points[:4], losses[:4])
    gain[(example.GRID[:, None] == points[:4]).all(2).any(1)] = 0
    np.testing.assert_array_equal(points[4], example.GRID[int(np.argmax(gain))])


def test_steps_are_drawn(example, tmp_path):
    from matplotlib import image

    example.search(steps=2, folder=tmp_path)
    for number in (1, 2):
        drawn = image.imread(tmp_path / f"step_{number:02}.png")
        assert len(np.unique(drawn.reshape(-1, drawn.shape[2]), axis=0)) > 100
