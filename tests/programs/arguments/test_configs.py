"""Config files edited as copies: one value changes, and nothing else does."""

import json
import subprocess
import sys
import tomllib

import pytest
import yaml

import danlu
from danlu.errors import ObjectiveError
from danlu.programs.arguments.configs import Edit, edit_of, value_at, write_edited
from danlu.programs.arguments.flags import Flag
from danlu.programs.arguments.hints import inferred
from danlu.space.parameters import Choice, Float, Int

pytest.importorskip("ruamel.yaml")
pytest.importorskip("tomlkit")

YAML = """# of the paper
defaults: &base
    lr: 1e-3          # peak
    betas: [0.9, 0.999]
optim:
    <<: *base
    name: "adam"   # or sgd
    wd: 0
    warmup: !!int 5
    shared: &w 0.1
    also: *w
    empty:

layers:
  - {width: 32, act: 'relu'}  # first
  - width: 64
amp: yes
a.b: 3
note: |
  two
  lines
"""


def edited(tmp_path, name, text, key, value, **more):
    source = tmp_path / name
    source.write_text(text, "utf-8")
    (tmp_path / "copy").mkdir(exist_ok=True)
    write_edited(source, tmp_path / "copy" / name, [Edit(str(source), key, "p")], {"p": value}, more)
    assert source.read_text("utf-8") == text
    return (tmp_path / "copy" / name).read_text("utf-8")


def changed(before, after):
    """The only line that differs, as it is after."""
    old, new = before.splitlines(), after.splitlines()
    assert len(old) == len(new)
    (line,) = [two for one, two in zip(old, new, strict=True) if one != two]
    return line


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("defaults.lr", 1e-5, "    lr: 1.0e-05          # peak"),
        ("defaults.lr", 2.5e-5, "    lr: 2.5e-05          # peak"),
        ("defaults.betas.1", 0.5, "    betas: [0.9, 0.5]"),
        ("defaults.betas", (0.8, 0.9), "    betas: [0.8, 0.9]"),
        ("optim.name", "sgd", '    name: "sgd"   # or sgd'),
        ("optim.wd", 0.25, "    wd: 0.25"),
        ("optim.warmup", 7, "    warmup: !!int 7"),
        ("optim.shared", 0.3, "    shared: &w 0.3"),
        ("optim.empty", 4, "    empty: 4"),
        ("layers.0.width", 8, "  - {width: 8, act: 'relu'}  # first"),
        ("layers.0.act", "no", '  - {width: 32, act: "no"}  # first'),
        ("layers.1.width", None, "  - width: null"),
        ("amp", False, "amp: false"),
        ("a.b", "x y: z", 'a.b: "x y: z"'),
    ],
)
def test_one_line_of_yaml_changes_and_every_reader_agrees(tmp_path, key, value, line):
    text = edited(tmp_path, "c.yaml", YAML, key, value)
    assert changed(YAML, text) == line
    held, parts = yaml.safe_load(text), ["a.b"] if key == "a.b" else key.split(".")
    for part in parts:
        held = held[int(part) if isinstance(held, list) else part]
    assert held == (list(value) if isinstance(value, tuple) else value)
    assert type(held) is (list if isinstance(value, tuple) else type(value))


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("optim.also", "is an alias of another value"),
        ("optim.lr", "comes into the file by a merge"),
        ("optim", "holds several values"),
        ("layers.1", "holds several values"),
        ("note", "is a text of several lines"),
        ("optim.nam", "has no optim.nam. Did you mean optim.name?"),
        ("rate", "has no rate. It has: defaults, optim"),
        ("layers.2.width", "layers has: 0, 1"),
        ("optim.wd.x", "optim.wd is a value there"),
    ],
)
def test_what_cannot_be_edited_is_refused(tmp_path, key, words):
    with pytest.raises(ObjectiveError) as raised:
        edited(tmp_path, "c.yaml", YAML, key, 1)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("name", "text", "key", "said"),
    [
        ("c.yaml", "optim:\n  lr: 0.05\n  wd: 1\n  lr: 0.07\n", "optim.lr", "optim.lr stands twice in"),
        ("c.yaml", "optim:\n  lr: 1\nx: 2\noptim:\n  lr: 3\n", "optim.lr", "optim stands twice in"),
        ("c.yaml", 'layers:\n  - {"w": 1, w: 2}\n', "layers.0.w", "layers.0.w stands twice in"),
        ("c.yaml", "a.b: 1\na.b: 2\n", "a.b", "a.b stands twice in"),
        ("c.json", '{"optim": {"lr": 1, "lr": 2}}', "optim.lr", "optim.lr stands twice in"),
        ("c.json", '{"optim": {"lr": 1}, "optim": {"wd": 2}}', "optim.wd", "optim stands twice in"),
        ("c.toml", "[optim]\nlr = 1\nlr = 2\n", "optim.lr", "cannot be read: "),
        ("c.toml", "[optim]\nlr = 1\n[optim]\nwd = 2\n", "optim.lr", "cannot be read: "),
    ],
)
def test_a_key_that_stands_twice_is_refused_before_a_trial(tmp_path, name, text, key, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(ObjectiveError, match=said):
        value_at(str(tmp_path / name), key)
    with pytest.raises(ObjectiveError, match=said):
        edited(tmp_path, name, text, key, 5)


def test_a_key_that_stands_twice_beside_the_edited_one_is_left_alone(tmp_path):
    text = "seed: 1\nseed: 2\noptim: {lr: 3}\n"
    assert edited(tmp_path, "c.yaml", text, "optim.lr", 4) == text.replace("3", "4")
    merged = "one: &one {lr: 1}\ntwo: {<<: *one, lr: 2}\n"
    assert edited(tmp_path, "c.yaml", merged, "two.lr", 4) == merged.replace("2", "4")


def test_values_are_read_as_most_readers_of_yaml_take_them(tmp_path):
    (tmp_path / "c.yaml").write_text(YAML)
    values = {
        key: value_at(str(tmp_path / "c.yaml"), key)
        for key in ("defaults.lr", "optim.lr", "optim.wd", "amp", "optim.name", "optim.empty")
    }
    assert values == {
        "defaults.lr": 1e-3,
        "optim.lr": 1e-3,
        "optim.wd": 0,
        "amp": True,
        "optim.name": "adam",
        "optim.empty": None,
    }


TOML = """# top
title = "a"  # name

[optim]  # Adam
lr = 1e-3  # peak
betas = [0.9, 0.999]
wd = 0.0

[[layers]]
width = 8
"""


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("optim.lr", 0.5, "lr = 0.5  # peak"),
        ("title", "b", 'title = "b"  # name'),
        ("layers.0.width", 16, "width = 16"),
        ("optim.betas", (0.5, 0.6), "betas = [0.5, 0.6]"),
    ],
)
def test_one_line_of_toml_changes(tmp_path, key, value, line):
    text = edited(tmp_path, "c.toml", TOML, key, value)
    assert changed(TOML, text) == line
    tomllib.loads(text)


def test_none_takes_a_key_out_of_toml_and_is_null_in_json(tmp_path):
    assert "wd" not in tomllib.loads(edited(tmp_path, "c.toml", TOML, "optim.wd", None))["optim"]
    assert json.loads(edited(tmp_path, "c.json", '{"a": 1}', "a", None)) == {"a": None}


def test_json_keeps_its_order_and_its_indentation(tmp_path):
    text = '{\n    "b": {"c": [1, 2]},\n    "a": "ü"\n}\n'
    whole = json.dumps(json.loads(text), indent=4, ensure_ascii=False) + "\n"
    assert edited(tmp_path, "c.json", whole, "b.c.1", 5) == whole.replace("2", "5")
    assert edited(tmp_path, "d.json", '{"b":1}', "b", 2) == '{"b": 2}'


def test_texts_with_holes_are_filled(tmp_path):
    source = tmp_path / "c.yaml"
    source.write_text("run: x\nlr: 0\nsame: 0\n")
    edits = [
        Edit(str(source), "run", text="t-{trial}"),
        Edit(str(source), "lr", "lr"),
        Edit(str(source), "same", text="{lr}"),
    ]
    write_edited(source, tmp_path / "copy.yaml", edits, {"lr": 0.5}, {"trial": "3", "lr": "0.5"})
    assert (tmp_path / "copy.yaml").read_text() == "run: t-3\nlr: 0.5\nsame: 0.5\n"
    write_edited(source, tmp_path / "copy.yaml", edits[1:2], {}, {})
    assert (tmp_path / "copy.yaml").read_text() == source.read_text(), (
        "a parameter that is not active leaves the file's own value"
    )


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("c.ini", "a=1", "of config files danlu knows .yaml, .yml, .toml and .json"),
        ("c.yaml", "a: [1", "cannot be read"),
        ("c.yaml", "", "is empty"),
        ("c.toml", "a = ", "cannot be read"),
        ("c.json", "{", "cannot be read"),
    ],
)
def test_files_that_cannot_be_read_are_refused(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(ObjectiveError, match=words):
        value_at(str(tmp_path / name), "a")
    with pytest.raises(ObjectiveError, match="there is no config file"):
        value_at(str(tmp_path / f"no-{name}.json"), "a")


def test_edits_are_read_from_the_command_line():
    assert edit_of("d/c.yaml:a.b") == (Edit("d/c.yaml", "a.b", "a.b"), "")
    assert edit_of("c.yaml:a=x|y") == (Edit("c.yaml", "a", "a"), "x|y")
    assert edit_of("c.yaml:out={dir}/x=1") == (Edit("c.yaml", "out", text="{dir}/x=1"), "")
    for bad in ("c.yaml", "lr=0:1", ":a"):
        with pytest.raises(ObjectiveError, match="an edit needs FILE:KEY"):
            edit_of(bad)


# What a program says of its options.


@pytest.mark.parametrize(
    ("default", "said", "parameter"),
    [
        (0.1, "learning rate in [0.01, 1]", Float(0.01, 1.0, log=True, prior=0.1)),
        (0.1, "dropout between 0 and 0.5", Float(0.0, 0.5, prior=0.1)),
        (4, "number of blocks, from 1 to 12", Int(1, 12, prior=4)),
        (2, "blocks in (1, 8]", Int(2, 8, prior=2)),
        ("adam", "optimizer: one of adam, sgd or lion", Choice(["adam", "sgd", "lion"], prior="adam")),
        ("relu", "activation (relu|gelu|tanh)", Choice(["relu", "gelu", "tanh"], prior="relu")),
        ("cos", "schedule {cos,step}", Choice(["cos", "step"], prior="cos")),
    ],
)
def test_help_says_the_range(default, said, parameter):
    name = {"a": "opt", "r": "act", "c": "schedule"}.get(str(default)[0], "lr" if "rate" in said else "x")
    found = inferred(Flag(f"--{name}", name, default, type=type(default).__name__, help=said))
    assert found.parameter == parameter
    assert "its help says" in found.why


@pytest.mark.parametrize(
    ("name", "default", "said"),
    [
        ("lr", 5.0, "in [0, 1]"),
        ("act", "silu", "one of relu, gelu"),
        ("data", "cifar", "see the paper, section 3, page 4"),
        ("seed", 3, "between 0 and 100"),
        ("device", "cpu", "one of cpu, cuda"),
    ],
)
def test_help_that_does_not_fit_says_nothing(name, default, said):
    found = inferred(Flag(f"--{name}", name, default, type=type(default).__name__, help=said))
    assert "its help says" not in found.why


def test_ranges_stay_within_what_the_type_takes():
    flag = Flag("--lr", "lr", 0.1, type="float", low=0.01, high=1.0)
    assert inferred(flag).parameter == Float(0.01, 1.0, log=True, prior=0.1)
    assert "as far as its type takes it" in inferred(flag).why


def test_options_reach_the_program_as_the_file_would_have_them(tmp_path):
    """By PyYAML, which takes yes and no for switches; a number in quotes is a text."""
    (tmp_path / "train.py").write_text(
        "import json, sys, yaml\nheld = yaml.safe_load(open(sys.argv[2]))\nprint(json.dumps(held), file=open('held.txt', 'a'))\nprint('loss', 0.5 if held['augment'] else 0.2)\n"
    )
    (tmp_path / "a.yaml").write_text('augment: yes\nclip: null\nlayers: [64, 64]\nn: "3"\n')
    edits = [
        f"--edit=a.yaml:{text}"
        for text in ("augment=yes|no", "clip=null|0.5", "layers=[64,64]|[32]", "n=3|4")
    ]
    run = subprocess.run(
        [sys.executable, "-m", "danlu", "run", *edits, "--metric", "loss", "-n", "4", "--store", "s.db", "--name", "s", "--",
         sys.executable, "train.py", "--config", "a.yaml"], cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    with danlu.open_study(store=tmp_path / "s.db", name="s") as study:
        trials = study.result.trials
    held = [json.loads(line) for line in (tmp_path / "held.txt").read_text().splitlines()]
    assert held == [trial.params for trial in trials]
    assert held[0] == {"augment": True, "clip": None, "layers": [64, 64], "n": "3"}
    assert {trial.params["augment"]: trial.metrics["loss"] for trial in trials}.items() <= {
        True: 0.5,
        False: 0.2,
    }.items()


@pytest.mark.parametrize("word", ["010", "08", "1:30", "-007", "[8, 010]"])
def test_a_number_that_readers_of_yaml_take_for_different_ones_is_refused(tmp_path, word):
    (tmp_path / "c.yaml").write_text(f"a: {word}\nb: 10\nc: '010'\nd: 0.10\ne: 0\n")
    with pytest.raises(ObjectiveError, match=r"a of .*c.yaml has to be one number: .* in YAML 1.1"):
        value_at(str(tmp_path / "c.yaml"), "a")
    assert [value_at(str(tmp_path / "c.yaml"), key) for key in "bcde"] == [10, "010", 0.1, 0]
