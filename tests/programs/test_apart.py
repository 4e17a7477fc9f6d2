"""Trials that print one metric in several units are not compared without a word."""

import json
import subprocess
import sys

import pytest

import danlu
from danlu.programs import Command, program_of
from danlu.programs.apart import units_apart

PRINTS = "import sys; way = sys.argv[1]; print('acc:', {'percent': '93.5%', 'fraction': '0.94', 'twice': '92% (best 92%)'}[way])"


def tuned(*ways):
    program, fixed = program_of([sys.executable, "-c", PRINTS, "{way}"])
    result = danlu.tune(
        Command(program, {}, ["acc: {x}"], fixed=fixed), {"way": danlu.Choice(list(ways))}, maximize="acc", trials=len(ways), sampler="grid",
        scheduler="none",
    )  # fmt: skip
    return result, {trial.params["way"]: trial.number for trial in result.trials}


def test_percent_beside_fractions_are_said_with_their_trials():
    result, number = tuned("percent", "fraction", "twice")
    (apart,) = units_apart(result.trials, ["acc"])
    assert apart.trials == {"%": [number["percent"]], "": [number["fraction"]]}
    assert f"without a unit in trial {number['fraction']}" in str(apart)
    assert f"in % in trial {number['percent']}" in str(apart)
    assert "which is best is not known" in str(apart)


@pytest.mark.parametrize("ways", [("percent", "twice"), ("fraction", "twice")])
def test_one_unit_is_no_doubt(ways):
    result, _ = tuned(*ways)
    assert units_apart(result.trials, ["acc", "loss"]) == []


def test_the_command_line_says_it_last_and_in_its_json(tmp_path):
    (tmp_path / "train.py").write_text(PRINTS)
    command = [sys.executable, "-m", "danlu", "run", "--tune", "way=percent|fraction", "--metric", "acc: {x}", "-n", "2", "--sampler", "grid",
               "--json", "--", sys.executable, "train.py", "{way}"]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, stdin=subprocess.DEVNULL)
    (doubt,) = json.loads(ran.stdout)["doubts"]
    assert doubt.startswith("acc is ")
    assert f"danlu: {doubt}" in ran.stderr
