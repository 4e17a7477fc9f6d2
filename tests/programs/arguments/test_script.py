"""Other people's programs: what their lines mean, what their parsers take, and everything refused that would be silently wrong."""

import json
import shlex
import subprocess
import sys
import textwrap

import click
import pytest

import danlu
from danlu import Choice, Float
from danlu.cli.script import scripted
from danlu.errors import ObjectiveError
from danlu.programs.arguments.flags import Reading, flags_of
from danlu.programs.command import Command
from danlu.programs.program import Program

ASKING = {"flags": None, "metrics": ("loss {x}",), "module": False, "terminal": False, "fixed": (), "space": None,
          "engine": None, "minimize": (), "maximize": ()}  # fmt: skip
ARGS = """
import argparse, enum
class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"
def truth(text):
    return {"yes": True, "true": True, "no": False, "false": False}[text.lower()]
parser = argparse.ArgumentParser()
ADD
args = parser.parse_args()
open("trained", "w").write("x")
"""
SITUATIONS = [  # what is added to the parser, what is asked, fixed arguments; arguments of a point, or words of the refusal
    ('--lr", type=float, default=20', "lr=1:40", "", {"lr": 2.5}, ["--lr=2.5"]),
    ('--lr", type=int, default=20', "lr=1:40", "", {"lr": 3}, ["--lr=3"]),
    ('--lr", type=int, default=20', "lr=1:40.5", "", "takes whole numbers"),
    ('--lr", default=0.1', "lr", "", "no type in the program"),
    ('--lr", default="0.1"', "lr=0.1|0.2", "", {"lr": "0.2"}, ["--lr=0.2"]),
    ('--gamma", type=float, default=0.1', "gamma=-1e-5:1", "", {"gamma": -1e-5}, ["--gamma=-0.00001"]),
    ('-g", type=float, default=0.1', "g=-1e-5:1", "", {"g": -1e-5}, ["-g-0.00001"]),
    ('-lr", type=float, default=0.1', "lr", "", {"lr": 0.5}, ["-lr=0.5"]),
    ('--lr", "-l", type=float, default=0.1', "l", "", {"lr": 0.5}, ["--lr=0.5"]),
    ('--wd", "--weight-decay", type=float, default=1e-4', "weight-decay", "", {"weight_decay": 0.5}, ["--weight-decay=0.5"]),
    ('--pretrain", type=bool, default=False', "pretrain", "", {"pretrain": False}, ["--pretrain="]),
    ('--pretrain", type=bool, default=True', "pretrain", "", {"pretrain": True}, ["--pretrain=True"]),
    ('--pretrain", type=truth, default=True', "pretrain", "", {"pretrain": False}, ["--pretrain=False"]),
    ('--pretrain", default=True', "pretrain", "", "no type in the program"),
    ('--pretrain", type=int, default=True', "pretrain", "", {"pretrain": False}, ["--pretrain=0"]),
    ('--pretrain", type=lambda text: {"ja": 1, "nein": 0}[text], default=True', "pretrain", "", "no text for True or for False"),
    ('--pretrain", type=int, default=True', "pretrain=0|1", "", {"pretrain": 0}, ["--pretrain=0"]),
    ('--pretrain", type=lambda text: {"on": True, "off": False}[text], default=True', "pretrain", "", {"pretrain": False}, ["--pretrain=off"]),
    ('--pretrain", type=lambda text: {"on": True, "off": False}[text], default=True', "pretrain=on|off", "", {"pretrain": "on"}, ["--pretrain=on"]),
    ('--pretrain", type=lambda text: {"yes": True, "no": False}[text], default=True', "pretrain", "", {"pretrain": True}, ["--pretrain=yes"]),
    ('--pretrain", type=lambda text: {"y": True, "n": False}[text], default=False', "pretrain", "", {"pretrain": False}, ["--pretrain=n"]),
    ('--pretrain", type=lambda text: {"T": True, "F": False}[text], default=False', "pretrain", "", {"pretrain": True}, ["--pretrain=T"]),
    ('--pretrain", type=lambda text: {"ja": True, "nein": False}[text], default=True', "pretrain", "", "Say which it takes"),
    ('--pretrain", type=lambda text: {"ja": True, "nein": False}[text], default=True', "pretrain=ja|nein", "", {"pretrain": "nein"}, ["--pretrain=nein"]),
    ('--pretrain", type=lambda text: {"ja": True, "nein": False}[text], default=True', "pretrain=ja|no", "", "KeyError: 'no'"),
    ('--pretrain", choices=["on", "off"], default=True', "pretrain", "", {"pretrain": "off"}, ["--pretrain=off"]),
    ('--norm", action="store_true', "norm", "", {"norm": True}, ["--norm"]),
    ('--norm", action="store_true', "norm", "", {"norm": False}, []),
    ('--no-bias", action="store_false", dest="bias', "no-bias", "", {"bias": False}, ["--no-bias"]),
    ('--no-bias", action="store_false", dest="bias', "bias", "", {"bias": True}, []),
    ('--no-bias", action="store_false', "no-bias", "", {"no_bias": False}, ["--no-bias"]),
    ('--bias", action=argparse.BooleanOptionalAction, default=True', "bias", "", {"bias": False}, ["--no-bias"]),
    ('--adam", action="store_const", const="adam", default="sgd", dest="opt', "adam", "", {"opt": "adam"}, ["--adam"]),
    ('-v", action="count', "v=0:3", "", "counts"),
    ('--w", action="append", type=int', "w=0:3", "", "collects values"),
    ('--w", nargs="+", type=int', "w=0:3", "", "takes several values"),
    ('--w", action="count', "w", "", "takes no value, so it has no range. Give it as often as you want it: -- --w"),
    ('--w", nargs=2, type=float', "w", "", "Name each of them, --tune first=16:64,second=16:64"),
    ('--w", nargs=2, type=int', "w=1:3", "--w {w} {w}", {"w": 2}, ["--w", "2", "2"]),
    ('--w", nargs="?", type=int, default=4', "w", "", {"w": 2}, ["--w=2"]),
    ('--act", choices=["relu", "tanh"], default="relu', "act", "", {"act": "tanh"}, ["--act=tanh"]),
    ('--act", choices=["relu", "tanh"], default="relu', "act=relu|gelu", "", "invalid choice: 'gelu'"),
    ('--size", type=int, choices=[1, 2, 4], default=2', "size", "", {"size": 4}, ["--size=4"]),
    ('--size", type=int, choices=[1, 2, 4], default=2', "size=1:4", "", "takes one of 1|2|4 and has no range"),
    ('--size", type=int, choices=[1, 2, 4], default=2', "size=1|4", "", {"size": 4}, ["--size=4"]),
    ('--size", type=int, choices=[1, 2, 4], default=2', "size=1|5", "", "invalid choice: 5"),
    ('--color", type=Color, choices=list(Color), default=Color.RED', "color", "", {"color": "blue"}, ["--color=blue"]),
    ('--lr", type=float, required=True', "lr=0.1:1", "", {"lr": 0.5}, ["--lr=0.5"]),
    ('data"); parser.add_argument("--lr", type=float, default=.1', "lr", "", "arguments are required: data"),
    ('data"); parser.add_argument("--lr", type=float, default=.1', "lr", "folder", {"lr": 0.5}, ["folder", "--lr=0.5"]),
    ('width", type=int); parser.add_argument("--lr", type=float, default=.1', "width=8:64", "{width} --lr 0.1", {"width": 9}, ["9", "--lr", "0.1"]),
    ('--lr", type=float, default=.1', "lr", "--lr 0.3", "searched and fixed"),
    ('--lr", type=float, default=.1', "lr", "--lr=0.3", "searched and fixed"),
    ('-g", type=float, default=.1', "g", "-g 0.3", "searched and fixed"),
    ('--learning-rate", type=float, default=.1', "learning-rate", "--learn 0.3", "searched and fixed"),
    ('--learning-rate", type=float, default=.1', "learn", "", "Did you mean --learning-rate?"),
    ('--learning-rate", type=float, default=.1', "learning_rate", "", {"learning_rate": 0.5}, ["--learning-rate=0.5"]),
    ('--lr", type=float, default=.1', "lr", "--epoch 3", "unrecognized arguments: --epoch"),
    ('--lr", type=float, default=.1', "lr,lr", "", "each flag once"),
    ('--lr", type=float, default=.1', "lr=a:b", "", "needs LOW:HIGH"),
    ('--lr", type=float, default=.1', "lr=1:2:lin", "", "needs LOW:HIGH"),
    ('--norm", action="store_true', "norm=0:1", "", "on or off and has no range"),
    ('--lr", type=lambda text: 10 ** float(text), default=.1', "lr=-3:-1", "", {"lr": -2.5}, ["--lr=-2.5"]),
    ('--depth", type=lambda text: int(float(text)), default=2', "depth=1:4", "", {"depth": 3}, ["--depth=3"]),
]  # fmt: skip


def asked(target, flags, fixed="", **more):
    return scripted(str(target), {**ASKING, "flags": flags, "fixed": tuple(shlex.split(fixed)), **more})


STRTOBOOL = """{"y": 1, "yes": 1, "t": 1, "true": 1, "on": 1, "1": 1, "n": 0, "no": 0, "f": 0, "false": 0, "off": 0, "0": 0}[text.lower()]"""
CONVERTERS = [  # the type of --amp, its default, what is asked, and either the two command lines that are given or why it is refused
    (f"lambda text: {STRTOBOOL}", "True", "amp", ["--amp=True", "--amp=False"]),
    (f"lambda text: {STRTOBOOL}", "1", "amp", ["--amp=True", "--amp=False"]),
    (f"lambda text: {STRTOBOOL}", "'yes'", "amp", ["--amp=True", "--amp=False"]),
    (f"lambda text: bool({STRTOBOOL})", "None", "amp", ["--amp=True", "--amp=False"]),
    (f"lambda text: {STRTOBOOL}", "0", "amp=on|off", ["--amp=on", "--amp=off"]),
    (f"lambda text: {STRTOBOOL}", "0", "amp=on|yes", "gives the program 1 for 'on' and for 'yes', so they are no two values"),
    (f"lambda text: {STRTOBOOL}", "0", "amp=0:3", "--amp is on or off and has no range"),
    ('lambda text: text.lower() in ("true", "1")', "False", "amp", ["--amp=True", "--amp=False"]),
    ('lambda text: text.lower() in ("true", "1")', "'false'", "amp", ["--amp=True", "--amp=False"]),
    ('lambda text: text.lower() in ("true", "1")', "False", "amp=yes|no", "gives the program False for 'yes' and for 'no'"),
    ('lambda text: text.lower() in ("true", "1")', "False", "amp=1|0", ["--amp=1", "--amp=0"]),
    ('lambda text: str(text) == "yes"', "False", "amp", ["--amp=yes", "--amp=False"]),
    ("lambda text: not text.startswith('n')", "True", "amp", ["--amp=True", "--amp=no"]),
    ("bool", "True", "amp", ["--amp=True", "--amp="]),
    ("__import__('ast').literal_eval", "True", "amp", ["--amp=True", "--amp=False"]),
    ("__import__('json').loads", "True", "amp", ["--amp=true", "--amp=false"]),
    ("lambda text: 10 ** float(text)", "0.001", "lr", "Give the range in what its type takes: --tune lr=LOW:HIGH"),
    ("lambda text: min(float(text), 1)", "0.5", "amp=2:3", "gives the program 1 for 2.0 and for 3.0"),
    ("int", "'4'", "amp=1:8", ["--amp=1", "--amp=8"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "default", "tune", "expected"), CONVERTERS, ids=lambda each: str(each)[-30:]
)
def test_what_a_type_makes_of_its_text_is_known_before_the_first_trial(
    tmp_path, kind, default, tune, expected
):
    path = tmp_path / "train.py"
    name = tune.partition("=")[0]
    path.write_text(ARGS.replace("ADD", f'parser.add_argument("--{name}", type={kind}, default={default})'))
    if isinstance(expected, str):
        with pytest.raises(click.UsageError) as refused:
            asked(path, tune)
        assert expected in str(refused.value)
        return
    objective, space, _ = asked(path, tune)
    parameter = space[name]
    values = sorted(parameter.values, key=lambda each: str(each) in {"False", "no", "off", "0"}) if isinstance(parameter, Choice) else (
        [parameter.low, parameter.high]
    )  # fmt: skip
    assert [objective.arguments({name: value})[0] for value in values] == expected


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda each: f"{each[0][:30]}|{each[1]}|{each[2]}")
def test_a_flag_is_taken_right_or_refused(situation, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    added, flags, fixed, *expected = situation
    add = f'parser.add_argument("{added}'
    add += ")" if added.count('"') % 2 else '")'
    (tmp_path / "train.py").write_text(ARGS.replace("ADD", add))
    if isinstance(expected[0], str):
        with pytest.raises((click.UsageError, ObjectiveError)) as raised:
            asked("train.py", flags, fixed)
        assert expected[0] in str(raised.value)
    else:
        objective, space, _ = asked("train.py", flags, fixed)
        assert space.keys() == expected[0].keys()
        assert objective.arguments(expected[0]) == expected[1]
    assert not (tmp_path / "trained").exists(), "it was run past its parser"


def test_booleans_that_are_asked_for_are_written_and_those_that_turn_a_value_are_refused(tmp_path):
    def program(kind):
        added = f'parser.add_argument("--warm", type={kind}, default=True)'
        (tmp_path / "train.py").write_text(ARGS.replace("ADD", added))
        return tmp_path / "train.py"

    exact = 'lambda text: {"yes": True, "no": False}[text]'
    objective, space, _ = asked(program(exact), "warm", booleans="yes/no")
    assert space["warm"] == Choice([False, True], prior=True)
    assert objective.arguments({"warm": False}) == ["--warm=no"]
    _, space, _ = asked(program(exact), "warm=yes|no")
    assert space["warm"] == Choice(["yes", "no"], prior="yes")
    with pytest.raises(click.UsageError, match="KeyError: 'True'|KeyError: 'False'"):
        asked(program(exact), "warm", booleans="True/False")
    with pytest.raises(click.UsageError, match="--warm=True gives the program False in place of True"):
        asked(program('lambda text: text == "yes"'), "warm", booleans="True/False")


@pytest.mark.parametrize(
    ("name", "text", "mode", "words"),
    [
        ("fit.sh", "echo loss $1 | cat\n", 0o644, "-- sh fit.sh --epochs 2 --lr {lr}"),
        ("fit.sh", "echo loss $1 | cat\n", 0o755, "-- sh fit.sh --epochs 2 --lr {lr}"),
        (
            "fit.sh",
            "#!/bin/bash -e\necho loss $1 | cat\n",
            0o644,
            "-- /bin/bash -e fit.sh --epochs 2 --lr {lr}",
        ),
        ("my fit.jl", "println(1) do\n", 0o644, "-- julia 'my fit.jl' --epochs 2 --lr {lr}"),
        ("fit", "print('loss 1')\n", 0o755, "-- python fit --epochs 2 --lr {lr}"),
        ("fit.sh", "#!/bin/sh\necho loss $1\n", 0o755, ""),
        ("fit", "print('loss 1')\n", 0o644, ""),
    ],
)
def test_a_script_that_is_not_python_s_belongs_after_the_dashes(
    tmp_path, monkeypatch, name, text, mode, words
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(text)
    (tmp_path / name).chmod(mode)
    if not words:
        assert asked(name, "lr=0.0:1.0", "--epochs 2")[1].keys() == {"lr"}
        return
    with pytest.raises(
        click.UsageError, match="no Python script, and nothing in it says what runs it"
    ) as raised:
        asked(name, "lr=0.0:1.0", "--epochs 2")
    assert words in str(raised.value)


def test_a_required_choice_has_none_that_is_first(tmp_path, capsys):
    added = 'parser.add_argument("--act", choices=["relu", "gelu"], required=True)'
    (tmp_path / "train.py").write_text(ARGS.replace("ADD", added))
    asked(tmp_path / "train.py", "act")
    assert "act: one of relu, gelu (its options are given)" in capsys.readouterr().err


def test_a_float_stays_one_in_a_range_of_whole_numbers(tmp_path):
    (tmp_path / "train.py").write_text(
        ARGS.replace("ADD", 'parser.add_argument("--lr", type=float, default=20)')
    )
    _, space, _ = asked(tmp_path / "train.py", "lr=1:40")
    assert space["lr"] == Float(1.0, 40.0, prior=20.0)


PROGRAMS = {
    "staged": """
import argparse
first = argparse.ArgumentParser(add_help=False)
first.add_argument("--config", default="")
def main():
    given, rest = first.parse_known_args()
    parser = argparse.ArgumentParser(parents=[first])
    parser.add_argument("--lr", type=float, default=0.1)
    parser.set_defaults(**({"lr": 0.5} if given.config else {}))
    args = parser.parse_args(rest)
    open("trained", "w").close()
main()
""",
    "known": """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
args, rest = parser.parse_known_args()
__import__("os").mkdir("trained")
""",
    "stages_that_do_not_come": """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
args, rest = parser.parse_known_args()
open("trained", "w").close()
if rest:
    parser.parse_args(rest)
""",
    "beside": """
from options import options
args = options()
open("trained", "w").close()
""",
    "clicked": """
import click
@click.command()
@click.option("--lr", type=float, default=0.1)
@click.option("--act", type=click.Choice(["relu", "tanh"]), default="relu")
@click.option("--bias/--no-bias", default=True)
def main(lr, act, bias):
    open("trained", "w").close()
if __name__ == "__main__":
    main()
""",
    "abseil": """
from absl import app, flags
FLAGS = flags.FLAGS
flags.DEFINE_float("lr", 0.1, "rate")
flags.DEFINE_integer("width", 8, "width", lower_bound=1)
flags.DEFINE_bool("bias", True, "bias")
flags.DEFINE_enum("act", "relu", ["relu", "tanh"], "activation")
flags.DEFINE_bool("amp", False, "precision")
flags.DEFINE_list("layers", ["8", "8"], "widths")
flags.DEFINE_spaceseplist("sizes", None, "sizes")
flags.DEFINE_multi_integer("milestones", [1], "milestones")
def main(argv):
    open("trained", "w").close()
if __name__ == "__main__":
    app.run(main)
""",
    "huggingface": """
from dataclasses import dataclass
from transformers import HfArgumentParser
@dataclass
class Model:
    lr: float = 0.1
    tied: bool = False
    untied: bool = True
(args,) = HfArgumentParser(Model).parse_args_into_dataclasses()
open("trained", "w").close()
""",
    "completed": """
import argparse
class Parser(argparse.ArgumentParser):
    def parse_known_args(self, args=None, namespace=None):
        self.add_argument("--lr", type=float, default=0.1)
        return super().parse_known_args(args, namespace)
Parser().parse_args()
open("trained", "w").close()
""",
    "commands": """
import argparse
parser = argparse.ArgumentParser()
commands = parser.add_subparsers()
train = commands.add_parser("train")
train.add_argument("--lr", type=float, default=0.1)
parser.parse_args()
open("trained", "w").close()
""",
}
OPTIONS = """
import argparse
def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    return parser.parse_args()
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "options.py").write_text(OPTIONS)
    for name, text in PROGRAMS.items():
        (tmp_path / f"{name}.py").write_text(text)
    yield tmp_path
    assert not (tmp_path / "trained").exists(), "it was run past its parser"


@pytest.mark.parametrize(
    ("name", "flags", "fixed", "expected"),
    [
        ("staged", "lr", "", ["--lr=0.1"]),
        ("staged", "lr", "--config c.yaml", ["--config", "c.yaml", "--lr=0.5"]),
        ("staged", "lr", "--config {dir}/c.yaml", ["--config", "{dir}/c.yaml", "--lr=0.5"]),
        ("known", "lr", "", ["--lr=0.1"]),
        ("stages_that_do_not_come", "lr", "", ["--lr=0.1"]),
        ("beside", "lr", "", ["--lr=0.1"]),
        ("clicked", "lr,act,bias", "", ["--lr=0.1", "--act=relu", "--bias"]),
        ("abseil", "lr,width,bias,act", "", ["--lr=0.1", "--width=8", "--bias=true", "--act=relu"]),
        ("abseil", "amp", "", ["--amp=false"]),
        ("huggingface", "lr,tied,untied", "", ["--lr=0.1", "--tied=False", "--untied=True"]),
        ("completed", "lr", "", ["--lr=0.1"]),
        ("commands", "lr", "train", ["train", "--lr=0.1"]),
    ],
)
def test_parsers_are_read_and_programs_not_run(programs, name, flags, fixed, expected):
    objective, space, _ = asked(f"{name}.py", flags, fixed)
    assert objective.arguments({each: parameter.prior for each, parameter in space.items()}) == expected


def test_parsers_of_other_libraries_refuse_too(programs):
    for name, flags, words in (
        ("clicked", "act=relu|gelu", "'gelu' is not one of"),
        ("abseil", "layers", "--layers takes several values"),
        ("abseil", "sizes=1:8", "--sizes takes several values"),
        ("abseil", "milestones", "--milestones collects values"),
        ("abseil", "width=0:8", "lower_bound|positive|>=|must be"),
        ("commands", "lr", "It has commands: name one among the fixed arguments, -- train"),
    ):
        with pytest.raises(click.UsageError) as raised:
            asked(f"{name}.py", flags)
        assert any(word in str(raised.value) for word in words.split("|")), str(raised.value)


def test_a_module_is_read_as_python_runs_it(programs):
    (programs / "pack").mkdir()
    (programs / "pack" / "__init__.py").write_text("")
    (programs / "pack" / "opt.py").write_text(OPTIONS)
    (programs / "pack" / "train.py").write_text(
        "from .opt import options\nargs = options()\nprint('loss', args.lr)\n"
    )
    objective, space, _ = asked("pack.train", "lr", module=True)
    result = danlu.tune(objective, space, minimize="loss", trials=2, seed=1)
    assert result.trials[0].value == 0.1
    assert "-m pack.train --lr=0.1" in objective.command({"lr": 0.1}, {})
    with pytest.raises(ObjectiveError, match="there is no module pack.eval"):
        asked("pack.eval", "lr", module=True)


PLAIN = """
import sys
open("begun", "a").write("x")
lr = float(next(text for text in sys.argv if text.startswith("--lr=")).partition("=")[2])
print("loss", lr)
"""


def test_a_program_without_a_parser_is_not_run_to_find_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.py").write_text(PLAIN)
    with pytest.raises(
        ObjectiveError, match="imports no parser of flags that danlu reads. Give every flag its range"
    ):
        asked("plain.py", "lr")
    objective, space, _ = asked("plain.py", "lr=0.1:1.0:log")
    assert not (tmp_path / "begun").exists()
    assert "what --tune names is passed as it is, --NAME=VALUE" in capsys.readouterr().err
    assert danlu.tune(objective, space, minimize="loss", trials=1).best.value == objective_value(space)
    key = asked("plain.py", "lr=0.1:1.0:log", "lr={lr}")[0]
    assert key.arguments({"lr": 0.5}) == ["lr=0.5"]


def objective_value(space):
    return danlu.Space(space).decode(danlu.Space(space).center())["lr"]


def test_a_parser_that_is_imported_but_not_used_does_not_train(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "late.py").write_text("import argparse\nopen('trained', 'w').write('x')\n")
    with pytest.raises(ObjectiveError, match="opens trained for writing before it reads its arguments"):
        flags_of("late.py")
    assert not (tmp_path / "trained").exists()
    (tmp_path / "never.py").write_text("import argparse\n")
    with pytest.raises(ObjectiveError, match="ran to its end without reading arguments"):
        flags_of("never.py")
    (tmp_path / "bad.py").write_text("import argparse\nraise OSError('no data')\n")
    with pytest.raises(
        ObjectiveError, match="ended with OSError: no data. Run it by hand until it takes --help"
    ):
        asked("bad.py", "lr=0.1:1")


def test_discovery_ends_when_a_program_does_not_come_to_its_parser(tmp_path, monkeypatch):
    monkeypatch.setattr("danlu.programs.arguments.flags.PATIENCE", 0.5)
    (tmp_path / "slow.py").write_text("import argparse, threading\nthreading.Event().wait()\n")
    with pytest.raises(ObjectiveError, match="did not come to read its flags in 0.5 seconds"):
        flags_of(str(tmp_path / "slow.py"))


def test_whatever_a_program_prints_before_it_parses_is_no_answer(tmp_path):
    (tmp_path / "loud.py").write_text(
        "import argparse\nprint('{\"flags\": []}')\nparser = argparse.ArgumentParser()\n"
        "parser.add_argument('--lr', type=float, default=.1)\nparser.parse_args()\n"
    )
    with Reading(Program(str(tmp_path / "loud.py"))) as reading:
        assert [flag.flag for flag in reading.flags] == ["--lr"]
        assert reading.values(["--lr=0.5"]) == {"lr": 0.5}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"metrics": ("x: {x}",)}, "nobody can know whether more of 'x' is better"),
        ({"minimize": ("acc",)}, "no --metric is named 'acc'"),
        ({"space": "space.toml"}, "--space space.toml would be ignored"),
        ({"engine": "vectorized"}, "got --engine vectorized"),
        ({"engine": "inline"}, "got --engine inline"),
    ],
)
def test_what_would_be_ignored_is_refused(programs, more, words):
    with pytest.raises(click.UsageError) as raised:
        asked("known.py", "lr", **more)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("metric", "goals"),
    [
        ("acc_loss={x}", (("acc_loss",), ())),
        ("episodic_return={x}", ((), ("episodic_return",))),
        ("mape: {x}", (("mape",), ())),
    ],
)
def test_directions_are_said(programs, capsys, metric, goals):
    assert asked("known.py", "lr", metrics=(metric,))[2] == goals
    assert "is better (--minimize or --maximize says otherwise)" in capsys.readouterr().err


def test_two_lines_of_one_name_are_refused():
    with pytest.raises(
        ObjectiveError, match="two metrics are named 'loss', those of 'loss={x}' and 'loss: {x}'"
    ):
        Command(__file__, {}, ["loss={x}", "loss: {x}"])


def test_a_terminal_is_there_for_programs_that_ask_for_its_size(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wide.py").write_text("import os\nprint('loss', os.get_terminal_size().columns)\n")
    objective = Command("wide.py", {}, ["loss {x}"])
    refused = danlu.tune(objective, {"x": Float(0, 1)}, minimize="loss", trials=1)
    assert "run it with --terminal" in refused.trials[0].reason
    taken = Command("wide.py", {}, ["loss {x}"], terminal=True)
    assert danlu.tune(taken, {"x": Float(0, 1)}, minimize="loss", trials=1).best.value == 80


def test_the_terminal_is_there_before_the_parser_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bar.py").write_text(
        "import argparse, os\n_, width = os.popen('stty size').read().split()\nparser = argparse.ArgumentParser()\n"
        "parser.add_argument('--lr', type=float, default=.1)\nprint('loss', parser.parse_args().lr * int(width))\n"
    )
    with pytest.raises(
        ObjectiveError, match="ended with ValueError.*asks for a terminal's size: give it one by --terminal"
    ):
        asked("bar.py", "lr=0.1:1")
    objective, space, _ = asked("bar.py", "lr", terminal=True)
    assert danlu.tune(objective, space, minimize="loss", trials=1).best.value == 8


def test_trials_know_their_folder_and_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "save.py").write_text(
        "import os, sys\nfolder, number, lr = sys.argv[1:]\nassert folder == os.environ['DANLU_DIR']\n"
        "assert number == os.environ['DANLU_TRIAL']\nopen(f'{folder}/model.pt', 'w').write(lr)\nprint('loss', lr)\n"
    )
    objective, space, _ = asked("save.py", "lr=0.1:1.0", "{dir} {trial} {lr}")
    result = danlu.tune(objective, space, minimize="loss", trials=3, store="s.db", seed=1)
    assert (result.dir() / "model.pt").read_text() == str(result.best.params["lr"])
    assert any("first matched line" in sentence for sentence in result.why())


FOREIGN = textwrap.dedent(
    """
    import argparse, sys, time

    def main():
        parser = argparse.ArgumentParser(description="somebody else's script")
        parser.add_argument("--lr", "--learning-rate", type=float, default=0.1)
        parser.add_argument("--hidden_size", type=int, default=32)
        parser.add_argument("--act", choices=["relu", "tanh"], default="relu")
        parser.add_argument("--norm", action="store_true")
        parser.add_argument("--bias", action=argparse.BooleanOptionalAction, default=True)
        parser.add_argument("--epochs", type=int, default=4)
        parser.add_argument("--fail", action="store_true")
        parser.add_argument("--hang", action="store_true")
        args = parser.parse_args()
        if args.fail:
            raise ValueError("no data")
        for epoch in range(args.epochs):
            loss = (args.lr - 0.3) ** 2 + abs(args.hidden_size - 40) / 100 + (args.act == "relu") + 0.1 / (epoch + 1)
            loss += 0.5 * args.bias + 0.5 * (not args.norm)
            print(f"Epoch {epoch + 1}/{args.epochs} | train loss 9.9 | val loss: {loss:.4f} | acc {100 - loss:.1f}%")
            if args.hang and args.lr > 0.9:
                time.sleep(30)

    if __name__ == "__main__":
        main()
    """
)


def run(*command, cwd, code=0):
    ran = subprocess.run(
        [sys.executable, "-m", "danlu.cli", "run", *map(str, command)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=200,
    )
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran


@pytest.fixture
def script(tmp_path):
    (tmp_path / "train.py").write_text(FOREIGN)
    return tmp_path


def test_an_untouched_script_is_tuned_by_its_flags_and_resumes(script):
    command = ("train.py", "--tune", "lr=0.01:0.8:log,hidden-size,act,norm,bias", "--metric", "Epoch {step}/{n}".replace("/{n}", "") + "/4 | train loss 9.9 | val loss: {x}",
               "-n", 12, "-j", 2, "--store", "s.db", "--seed", 1, "--json", "--", "--epochs", "4")  # fmt: skip
    first, again = run(*command, cwd=script), run(*command, cwd=script)
    assert json.loads(first.stdout)["trials"] == json.loads(again.stdout)["trials"]
    rows = json.loads(first.stdout)["trials"]
    assert rows[0]["lr"] == 0.1
    assert rows[0]["hidden_size"] == 32
    assert {row["status"] for row in rows} <= {"done", "stopped"}
    for row in rows:
        if row["status"] == "done":
            loss = (
                (row["lr"] - 0.3) ** 2 + abs(row["hidden_size"] - 40) / 100 + (row["act"] == "relu") + 0.025
            )
            loss += 0.5 * row["bias"] + 0.5 * (not row["norm"])
            (value,) = [value for name, value in row.items() if name.endswith("val_loss")]
            assert value == pytest.approx(loss, abs=1e-3)
    assert "hidden_size: 8 to 128 on a logarithmic scale; 32 first" in first.stderr


def test_the_winner_can_be_run_again_from_its_command_line(script):
    told = run(
        "train.py", "--tune", "lr=0.1:0.5,hidden-size=8:64,norm", "--metric", "val loss: {x}", "-n", 4, "--constraint", "lr * hidden_size <= 16",
        "--json", "--", "--epochs", 2, cwd=script,
    )  # fmt: skip
    answer = json.loads(told.stdout)
    assert all(row["lr"] * row["hidden_size"] <= 16 for row in answer["trials"])
    again = subprocess.run(answer["command"], shell=True, capture_output=True, text=True, cwd=script)
    best = min(row["val_loss"] for row in answer["trials"])
    assert f"val loss: {best:.4f}" in again.stdout
    shown = run("train.py", "--tune", "lr", "--metric", "val loss: {x}", "-n", 1, cwd=script)
    assert "run it again: " in shown.stdout
    assert "first matched line 'Epoch 1/4 | train loss 9.9 | val loss:" in shown.stderr


@pytest.mark.parametrize(
    ("metrics", "main"),
    [
        (["step {step} train loss: {train_loss} test loss: {x}"], "test_loss"),
        (["loss {loss}", "val acc {x}"], "val_acc"),
        (["train {train_loss} val {val_loss}"], "val_loss"),
        (["train loss: {x} val loss: {val_loss}"], "train_loss"),
        (["train {train_loss}"], "train_loss"),
        (["a {loss} b {acc}"], "loss"),
    ],
)
def test_what_is_x_is_the_goal_and_training_is_not_where_there_is_more(script, metrics, main):
    objective = Command(str(script / "train.py"), {}, metrics)
    assert objective.main == main


SAVES = """
import argparse, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--save")
args = parser.parse_args()
pathlib.Path(args.save).write_text(str(args.lr))
print(f"loss: {args.lr}")
"""


def test_a_folder_that_goes_with_the_command_is_said_and_the_winner_makes_its_own(tmp_path):
    (tmp_path / "save.py").write_text(SAVES)
    asked = ("save.py", "--tune", "lr", "--metric", "loss: {x}", "-n", 2)
    fixed = ("--", "--save", "{dir}/m.txt")
    told = run(*asked, *fixed, cwd=tmp_path)
    assert "{dir} is temporary" in told.stderr
    assert "--store FILE keeps the folders of the best trials." in told.stderr
    (command,) = [
        line.partition("run it again: ")[2] for line in told.stdout.splitlines() if "run it again" in line
    ]
    subprocess.run(command, shell=True, check=True, cwd=tmp_path, capture_output=True)
    assert float((tmp_path / "save-best" / "m.txt").read_text()) > 0
    kept = run(*asked, "--store", "s.db", *fixed, cwd=tmp_path)
    assert "temporary" not in kept.stderr
    assert "goes when" not in kept.stderr
    assert next((tmp_path / "s.db.blobs/trials/save").glob("*/m.txt"))


def test_metrics_are_named_maximized_when_they_sound_like_it_and_percent_is_no_number(script):
    ran = run(
        "train.py", "--tune", "lr", "--metric", "acc {x}%", "-n", 3, "--json", "--", "--epochs", 2, cwd=script
    )
    rows = json.loads(ran.stdout)["trials"]
    assert all(row["steps"] == 2 for row in rows)
    assert all(row["acc"] > 90 for row in rows)


def test_a_script_is_ended_when_its_trial_is_stopped(script):
    objective_of = {"lr": next(flag for flag in flags_of(str(script / "train.py")) if flag.name == "lr")}
    from danlu.programs.command import Command

    objective = Command(str(script / "train.py"), objective_of, ["val loss: {x}"], fixed=["--hang"])
    result = danlu.tune(
        objective, {"lr": Choice([0.3, 0.95])}, minimize="val_loss", trials=2, sampler="grid", scheduler=danlu.schedulers.ASHA(low=1, high=4, factor=2),
    )  # fmt: skip
    slow = next(trial for trial in result.trials if trial.params["lr"] == 0.95)
    assert slow.status.name == "STOPPED"
    assert slow.seconds < 20


def test_a_script_that_fails_says_why_and_bad_flags_get_a_sentence(script):
    from danlu.programs.command import Command

    result = danlu.tune(
        Command(str(script / "train.py"), {}, ["val loss: {x}"], fixed=["--fail"]),
        {"x": Float(0, 1)},
        minimize="val_loss",
        trials=1,
    )
    assert result.trials[0].reason.startswith("train.py ended with code 1: ValueError: no data")
    silent = danlu.tune(
        Command(str(script / "train.py"), {}, ["perplexity {x}"]),
        {"x": Float(0, 1)},
        minimize="perplexity",
        trials=1,
    )
    assert silent.trials[0].reason.startswith("no line of train.py matched 'perplexity {x}'")
    told = run(
        "train.py",
        "--tune",
        "lr",
        "--metric",
        "perplexity {x}",
        "--minimize",
        "perplexity",
        "-n",
        "1",
        cwd=script,
        code=1,
    )
    assert "no line of train.py matched 'perplexity {x}'" in told.stderr + told.stdout
    assert 'File "' not in told.stderr + told.stdout
    wrong = run("train.py", "--tune", "lrr", "--metric", "val loss: {x}", cwd=script, code=2)
    assert "Did you mean --lr?" in wrong.stderr
    fixed = run("train.py", "--tune", "epochs", "--metric", "val loss: {x}", cwd=script, code=2)
    assert "not a hyperparameter by its name. Give its range" in fixed.stderr
    missing = run("train.py", "--metric", "val loss: {x}", cwd=script, code=2)
    assert "a script needs --tune FLAGS" in missing.stderr
    (script / "plain.py").write_text("print('hello')\n")
    with pytest.raises(ObjectiveError, match="imports no parser of flags"):
        flags_of(str(script / "plain.py"))


@pytest.mark.parametrize("asked", ["amp", "amp=True|False", "amp=on|off", "amp=0|1", "amp=no|yes"])
@pytest.mark.parametrize("library", ["click", "argparse", "typer"])
def test_a_switch_of_any_name_is_searched_when_it_is_asked_for(tmp_path, library, asked):
    """Whether its name is a hyperparameter's matters only where danlu chooses what to search."""
    programs = {
        "click": """
            import click
            @click.command()
            @click.option("--lr", type=float, default=0.1)
            @click.option("--amp/--no-amp", default=False)
            def main(lr, amp): print(f"accuracy: {90 + lr + amp}")
            main()
        """,
        "argparse": """
            import argparse
            p = argparse.ArgumentParser()
            p.add_argument("--lr", type=float, default=0.1)
            p.add_argument("--amp", action="store_true")
            a = p.parse_args()
            print(f"accuracy: {90 + a.lr + a.amp}")
        """,
        "typer": """
            import typer
            def main(lr: float = 0.1, amp: bool = False): print(f"accuracy: {90 + lr + amp}")
            typer.run(main)
        """,
    }
    pytest.importorskip(library)
    (tmp_path / "own.py").write_text(textwrap.dedent(programs[library]))
    command = ["run", "own.py", "--tune", asked, "--metric", "accuracy: {x}", "-n", "2", "--json"]
    ran = subprocess.run(
        [sys.executable, "-m", "danlu", *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert [row["amp"] for row in json.loads(ran.stdout)["trials"]] == [False, True]
    ran = subprocess.run(
        [sys.executable, "-m", "danlu", "run", "own.py", "--tune", "amp=1|2", "--metric", "accuracy: {x}", "-n", "2"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "is on or off, got '1|2'" in ran.stderr
