"""What a text says of a parameter's range, beside what the program says of its type."""

import click
import pytest

from danlu.cli.ranges import options_in_file, range_of
from danlu.programs.arguments.flags import Flag
from danlu.space.parameters import Choice, Float, Int

WHOLE = "x: whole numbers, as -1:1 has no point; write -1.0:1.0 for fractions.\n"
BY_DEFAULT = "x: whole numbers, as its default is 1 and -1:1 has no point; write -1.0:1.0 for fractions.\n"
FRACTIONS = "x: fractions, as its default is 0.5; write options, a|b|c, for whole numbers.\n"


@pytest.mark.parametrize(
    ("flag", "parameter", "said"),
    [
        ({"type": "float"}, Float(-1, 1), ""),
        ({"type": "float", "default": 1}, Float(-1, 1, prior=1), ""),
        ({"type": "int"}, Int(-1, 1), ""),
        ({"type": "int", "default": 1}, Int(-1, 1, prior=1), ""),
        ({"default": 0.5}, Float(-1, 1, prior=0.5), FRACTIONS),
        ({"type": "<lambda>", "default": 0.5}, Float(-1, 1, prior=0.5), FRACTIONS),
        ({"default": 1}, Int(-1, 1, prior=1), BY_DEFAULT),
        ({"type": "number", "default": 1}, Int(-1, 1, prior=1), BY_DEFAULT),
        ({"type": "number"}, Int(-1, 1), WHOLE),
        ({}, Int(-1, 1), WHOLE),
    ],
)
def test_bounds_without_a_point_follow_the_type_and_the_default_and_what_is_guessed_is_said(
    flag, parameter, said, capsys
):
    assert range_of(Flag("--x", "x", **flag), "-1:1") == parameter
    assert capsys.readouterr().err == said
    assert isinstance(range_of(Flag("--x", "x", **{**flag, "type": None}), "-1.0:1.0"), Float)
    assert "whole" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("held", "text", "parameter"),
    [
        (True, "yes|no", Choice([True, False], prior=True)),
        (False, "on|off", Choice([True, False], prior=False)),
        (False, "false|true|null", Choice([False, True, None], prior=False)),
        (None, "null|0.5", Choice([None, 0.5], prior=None)),
        (0.5, "None|0.5", Choice([None, 0.5], prior=0.5)),
        (None, "true|3", Choice([True, 3])),
        (1, "true|1", Choice([True, 1], prior=1)),
        ([64, 64], "[64,64]|[32]", Choice([[64, 64], [32]], prior=[64, 64])),
        (None, "[1, 2]|null", Choice([[1, 2], None], prior=None)),
        ("3", "3|4", Choice(["3", "4"], prior="3")),
        ("adam", "adam|none|no", Choice(["adam", "none", "no"], prior="adam")),
        ("adam", "adam|null", Choice(["adam", None], prior="adam")),
        (3, "4|a", Choice([4, "a"])),
    ],
)
def test_options_are_of_the_kind_that_a_file_holds(held, text, parameter):
    assert options_in_file("k of a.yaml", held, text) == parameter


@pytest.mark.parametrize(
    ("held", "text", "says"),
    [
        ([64], "[64]|32", r"k of a.yaml takes a list, got '32'. Write it as JSON has it, \[64,32\]."),
        (None, "[64|3", "takes a list, got '\\[64'"),
        (1, "2|2", "k of a.yaml: Choice needs distinct options, got 2 twice"),
    ],
)
def test_options_that_a_file_cannot_hold_are_refused(held, text, says):
    with pytest.raises(click.UsageError, match=says):
        options_in_file("k of a.yaml", held, text)
