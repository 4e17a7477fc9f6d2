"""Small programs that read the same three parameters in twenty styles; each runs TRAIN with ``lr``, ``units`` and ``bias``.

``TRAIN`` is a line of Python that a test replaces by what trains and logs. Nothing in a program knows of danlu.
"""

from __future__ import annotations

import shlex
import sys
from typing import NamedTuple

PYTHON = shlex.quote(sys.executable)
ALL = "lr=0.1:0.9,units=8:64,bias=true|false"
"""Ranges for programs whose parser nobody reads."""


class Parsing(NamedTuple):
    """A style of reading parameters.

    Attributes:
        files: of the program, by name.
        tune: what ``danlu run`` is told to search.
        command: what stands after ``--``.
        options: more of ``danlu run``.
        needs: modules without which it cannot run.
        names: of lr, units and bias in the study.
    """

    files: dict[str, str]
    tune: str
    command: str
    options: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    names: tuple[str, str, str] = ("lr", "units", "bias")


def one(text: str, tune: str, command: str = "{python} train.py", **more) -> Parsing:
    return Parsing({"train.py": text}, tune, command.replace("{python}", PYTHON), **more)


READ = "lr=0.1:0.9,units=8:64,bias"
STYLES: dict[str, Parsing] = {
    "argparse": one(
        """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=0.5)
p.add_argument("--units", type=int, default=32)
p.add_argument("--bias", action="store_true")
a = p.parse_args()
lr, units, bias = a.lr, a.units, a.bias
TRAIN
""",
        READ,
    ),
    "argparse in two stages": one(
        """
import argparse, json
first = argparse.ArgumentParser(add_help=False)
first.add_argument("--config", default="")
def main():
    given, rest = first.parse_known_args()
    p = argparse.ArgumentParser(parents=[first])
    p.add_argument("--lr", type=float, default=0.1)
    p.add_argument("--units", type=int, default=16)
    p.add_argument("--bias", action=argparse.BooleanOptionalAction, default=True)
    if given.config:
        p.set_defaults(**json.load(open(given.config)))
    a = p.parse_args(rest)
    lr, units, bias = a.lr, a.units, a.bias
    TRAIN
main()
""",
        READ,
        "{python} train.py --config defaults.json",
    )._replace(),
    "argparse with commands": one(
        """
import argparse
shared = argparse.ArgumentParser(add_help=False)
shared.add_argument("--lr", "--learning-rate", type=float, default=0.5, help="in [0.1, 0.9]")
p = argparse.ArgumentParser()
commands = p.add_subparsers(dest="command", required=True)
train = commands.add_parser("train", parents=[shared])
train.add_argument("--units", type=int, default=32)
train.add_argument("--no-bias", action="store_false", dest="bias")
commands.add_parser("eval")
a = p.parse_args()
lr, units, bias = a.lr, a.units, a.bias
TRAIN
""",
        "lr,units=8:64,bias",
        "{python} train.py train",
    ),
    "argparse that leaves the rest": one(
        """
import argparse
p = argparse.ArgumentParser()
p.add_argument("-l", "--lr", type=float, default=0.5)
p.add_argument("--units", type=int, choices=[8, 16, 32, 64], default=32)
p.add_argument("--bias", type=lambda text: text.lower() in ("1", "true", "yes"), default=True)
a, rest = p.parse_known_args()
lr, units, bias = a.lr, a.units, a.bias
TRAIN
""",
        "lr=0.1:0.9,units,bias",
    ),
    "argparse of a dataclass": one(
        """
from dataclasses import dataclass, field
from transformers import HfArgumentParser
@dataclass
class Options:
    lr: float = field(default=0.5, metadata={"help": "rate"})
    units: int = 32
    bias: bool = False
a, = HfArgumentParser(Options).parse_args_into_dataclasses()
lr, units, bias = a.lr, a.units, a.bias
TRAIN
""",
        READ,
        needs=("transformers",),
    ),
    "click": one(
        """
import click
@click.group()
def cli(): pass
@cli.command()
@click.option("--lr", type=click.FloatRange(0.1, 0.9), default=0.5)
@click.option("--units", default=32)
@click.option("--bias/--no-bias", default=True)
def train(lr, units, bias):
    TRAIN
if __name__ == "__main__":
    cli()
""",
        "lr,units=8:64,bias",
        "{python} train.py train",
    ),
    "typer": one(
        """
import typer
def main(lr: float = 0.5, units: int = 32, bias: bool = True):
    TRAIN
typer.run(main)
""",
        READ,
        needs=("typer",),
    ),
    "tyro": one(
        """
from dataclasses import dataclass, field
import tyro
@dataclass
class Optim:
    lr: float = 0.5
@dataclass
class Args:
    optim: Optim = field(default_factory=Optim)
    units: int = 32
    bias: bool = True
a = tyro.cli(Args)
lr, units, bias = a.optim.lr, a.units, a.bias
TRAIN
""",
        "optim.lr=0.1:0.9,units=8:64,bias",
        needs=("tyro",),
        names=("optim.lr", "units", "bias"),
    ),
    "fire": one(
        """
import fire
class Trainer:
    def __init__(self, units=32):
        self.units = units
    def train(self, lr=0.5, bias=True):
        units = self.units
        TRAIN
if __name__ == "__main__":
    fire.Fire(Trainer)
""",
        READ,
        "{python} train.py train",
        needs=("fire",),
    ),
    "absl": one(
        """
from absl import app, flags
FLAGS = flags.FLAGS
flags.DEFINE_float("lr", 0.5, "rate", lower_bound=0.1, upper_bound=0.9)
flags.DEFINE_integer("units", 32, "width")
flags.DEFINE_bool("bias", True, "whether there is one")
def main(argv):
    lr, units, bias = FLAGS.lr, FLAGS.units, FLAGS.bias
    TRAIN
app.run(main)
""",
        "lr,units=8:64,bias",
        needs=("absl",),
    ),
    "simple-parsing": one(
        """
from dataclasses import dataclass
import simple_parsing
@dataclass
class Options:
    lr: float = 0.5  # rate
    units: int = 32
    bias: bool = True
a = simple_parsing.parse(Options)
lr, units, bias = a.lr, a.units, a.bias
TRAIN
""",
        READ,
        needs=("simple_parsing",),
    ),
    "jsonargparse": one(
        """
from jsonargparse import auto_cli
def main(lr: float = 0.5, units: int = 32, bias: bool = True):
    TRAIN
if __name__ == "__main__":
    auto_cli(main)
""",
        READ,
        needs=("jsonargparse",),
    ),
    "classes of jsonargparse, as LightningCLI has them": Parsing(
        {
            "train.py": """
from jsonargparse import ActionParser, ArgumentParser
class Model:
    def __init__(self, lr: float = 0.1, units: int = 16, bias: bool = True):
        self.lr, self.units, self.bias = lr, units, bias
fit = ArgumentParser()
fit.add_argument("--config", action="config")
fit.add_class_arguments(Model, "model")
p = ArgumentParser()
commands = p.add_subcommands()
commands.add_subcommand("fit", fit)
a = p.instantiate_classes(p.parse_args())
lr, units, bias = a.fit.model.lr, a.fit.model.units, a.fit.model.bias
TRAIN
""",
            "fit.yaml": "model:\n  lr: 0.5\n  units: 32\n",
        },
        "model.lr=0.1:0.9,model.units=8:64,model.bias",
        f"{PYTHON} train.py fit --config fit.yaml",
        needs=("jsonargparse",),
        names=("model.lr", "model.units", "model.bias"),
    ),
    "Hydra": Parsing(
        {
            "train.py": """
import hydra
@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    lr, units, bias = cfg.optim.lr, cfg.units, cfg.bias
    TRAIN
if __name__ == "__main__":
    main()
""",
            "conf/config.yaml": "defaults:\n  - optim: adam\n  - _self_\nunits: 32\nbias: true\n",
            "conf/optim/adam.yaml": "lr: 0.5\n",
            "conf/optim/sgd.yaml": "lr: 0.1\n",
        },
        "optim.lr=0.1:0.9,units=8:64,bias,optim",
        f"{PYTHON} train.py",
        needs=("hydra",),
        names=("optim.lr", "units", "bias"),
    ),
    "OmegaConf's command line": one(
        """
from omegaconf import OmegaConf
conf = OmegaConf.merge(OmegaConf.create({"optim": {"lr": 0.1}, "units": 8, "bias": True}), OmegaConf.from_cli())
lr, units, bias = conf.optim.lr, conf.units, conf.bias
TRAIN
""",
        "optim.lr=0.1:0.9,units=8:64,bias=true|false",
        options=("--style", "lr=1", "--booleans", "true/false"),
        needs=("omegaconf",),
        names=("optim.lr", "units", "bias"),
    ),
    "globals, as nanoGPT has them": Parsing(
        {
            "train.py": """
lr = 0.1
units = 8
bias = False
exec(open("configurator.py").read())
TRAIN
""",
            "configurator.py": """
import sys
from ast import literal_eval
for argument in sys.argv[1:]:
    key, text = argument[2:].split("=")
    try:
        value = literal_eval(text)
    except (SyntaxError, ValueError):
        value = text
    assert type(value) == type(globals()[key]), key
    globals()[key] = value
""",
        },
        "lr=0.1:0.9,units=8:64,bias=true|false",
        f"{PYTHON} train.py",
        ("--booleans", "True/False"),
    ),
    "environment": one(
        """
import os
lr, units, bias = float(os.environ["LR"]), int(os.environ["UNITS"]), os.environ["BIAS"] == "1"
TRAIN
""",
        ALL,
        options=("--style", "LR=1", "--booleans", "1/0"),
    ),
    "YAML": Parsing(
        {
            "train.py": """
import sys, yaml
config = yaml.safe_load(open(sys.argv[1]))
lr, units, bias = config["optim"]["lr"], config["units"], config["bias"]
assert isinstance(lr, float) and config["name"] == "base"
TRAIN
""",
            "base.yaml": "# of the paper\nname: base\noptim:  # Adam\n  lr: 1e-1  # peak\nunits: 32\nbias: yes\n",
        },
        "",
        f"{PYTHON} train.py base.yaml",
        (
            "--edit",
            "base.yaml:optim.lr=0.1:0.9",
            "--edit",
            "base.yaml:units=8:64",
            "--edit",
            "base.yaml:bias=true|false",
        ),
        ("yaml", "ruamel.yaml"),
        ("optim.lr", "units", "bias"),
    ),
    "TOML": Parsing(
        {
            "train.py": """
import argparse, tomllib
p = argparse.ArgumentParser()
p.add_argument("--config")
config = tomllib.load(open(p.parse_args().config, "rb"))
lr, units, bias = config["optim"]["lr"], config["units"], config["bias"]
TRAIN
""",
            "base.toml": 'units = 32  # width\nbias = true\n\n[optim]\nlr = 0.5\nname = "adam"\n',
        },
        "",
        f"{PYTHON} train.py --config=base.toml",
        ("--edit", "base.toml:optim.lr", "--edit", "base.toml:units=8:64", "--edit", "base.toml:bias"),
        ("tomlkit",),
        ("optim.lr", "units", "bias"),
    ),
    "JSON": Parsing(
        {
            "train.py": """
import json, sys
config = json.load(open(sys.argv[2]))
lr, units, bias = config["optim"][0]["lr"], config["units"], config["bias"]
TRAIN
""",
            "base.json": '{\n    "units": 32,\n    "optim": [{"lr": 0.5}],\n    "bias": true\n}\n',
        },
        "",
        f"{PYTHON} train.py -c {{config}}",
        ("--edit", "base.json:optim.0.lr=0.1:0.9", "--edit", "base.json:units", "--edit", "base.json:bias"),
        names=("optim.0.lr", "units", "bias"),
    ),
    "a shell script": Parsing(
        {
            "run.sh": f'#!/bin/sh\nset -e\necho "$3 is the switch"\nexec {PYTHON} -u train.py "$1" "$2" "$3"\n',
            "train.py": """
import sys
lr, units, bias = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "true"
TRAIN
""",
        },
        ALL,
        "sh run.sh {lr} {units} {bias}",
        ("--booleans", "true/false"),
    ),
    "one argument of JSON": one(
        """
import json, sys
given = json.loads(sys.argv[1])
lr, units, bias = given["lr"], given["units"], given["bias"]
TRAIN
""",
        ALL,
        options=("--style", "json"),
    ),
}
STYLES["argparse in two stages"].files["defaults.json"] = '{"lr": 0.5, "units": 32}'
