"""Programs of every style, untouched: their parameters reach them, and their metric is read with its step and its direction."""

import importlib.util
import json
import shlex
import textwrap

import click
import programs_logging as logging
import pytest
from programs_parsing import STYLES

import danlu
from danlu.cli.script import scripted

GOT = """
import json as dump, os as system
open(system.path.join(system.environ["DANLU_DIR"], "got.json"), "w").write(dump.dumps([lr, units, bias]))
"""
EPOCHS = 3
PAIRS = [
    pytest.param(
        name,
        log,
        id=f"{name} - {log}",
        marks=() if (at + also) % len(logging.STYLES) == 0 else pytest.mark.fault,
    )
    for at, name in enumerate(STYLES)
    for also, log in enumerate(logging.STYLES)
]
"""Every style of reading parameters with every one of logging; a tenth of them always, all of them by ``make fault``."""
ASKING = {
    "flags": None,
    "metrics": ("val_loss",),
    "module": False,
    "terminal": False,
    "space": None,
    "engine": None,
    "minimize": (),
    "maximize": (),
}
STRICT = [
    name
    for name, style in STYLES.items()
    if "units=8:64" in style.tune and not style.options and name not in {"fire", "Hydra"}
]
"""Styles whose parser takes whole numbers for units and nothing else; fire takes anything, and so does Hydra without a schema."""


def put(folder, style, train):
    """Write a style's files with what trains in the place of TRAIN."""
    for name, text in style.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = []
        for line in text.lstrip("\n").splitlines():
            if line.strip() == "TRAIN":
                lines += textwrap.indent(train.strip("\n"), line[: len(line) - 5]).splitlines()
            else:
                lines.append(line)
        path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """What ``danlu run`` makes of a style's program."""
    monkeypatch.chdir(tmp_path)

    def ask(name, train, **more):
        style = STYLES[name]
        for module in style.needs:
            if importlib.util.find_spec(module.partition(".")[0]) is None:
                pytest.skip(f"needs {module}")
        put(tmp_path, style, train)
        given = dict(zip(style.options[::2], style.options[1::2], strict=True))
        edits = [
            what
            for option, what in zip(style.options[::2], style.options[1::2], strict=True)
            if option == "--edit"
        ]
        options = {**ASKING, "flags": style.tune, "fixed": tuple(shlex.split(style.command)), "edits": edits, "style": given.get("--style"),
                   "booleans": given.get("--booleans"), **more}  # fmt: skip
        return scripted(None, options)

    return ask


def trained(log):
    """What a program runs that logs in a style."""
    return (
        f"{GOT}{logging.CURVE}{logging.STYLES[log].text}\nlog({EPOCHS}, curve, system.environ['DANLU_DIR'])"
    )


@pytest.mark.parametrize(("name", "log"), PAIRS)
def test_any_program_is_tuned_as_it_is(tmp_path, asked, name, log):
    """The values reach it, and its metric has the right name, steps, values and direction."""
    style, told = STYLES[name], logging.STYLES[log]
    objective, space, goals = asked(name, trained(log), metrics=(told.metric,))
    assert goals == ((told.name,), ())
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == {
        *style.files
    }
    originals = {file: (tmp_path / file).read_text() for file in style.files}
    result = danlu.tune(
        objective,
        space,
        minimize=told.name,
        trials=2,
        engine="pool",
        store="s.db",
        keep="all",
        seed=1,
        scheduler="none",
    )
    for trial in result.trials:
        assert trial.status is danlu.Status.DONE, trial.reason
        lr, units, bias = (trial.params[each] for each in style.names)
        got = json.loads((result.dir(trial.number) / "got.json").read_text())
        assert got == [pytest.approx(lr, rel=1e-12), units, bias]
        assert [type(each) for each in got] == [float, int, bool]
        expected = logging.expected(got[0], EPOCHS)
        once = log == "number in a file"
        assert list(trial.curve.steps) == ([1] if once else list(range(told.first, told.first + EPOCHS)))
        assert list(trial.curve.metrics[told.name]) == pytest.approx(
            expected[-1:] if once else expected, rel=1e-6
        )
    assert len({json.dumps(trial.params, sort_keys=True) for trial in result.trials}) == 2
    assert {file: (tmp_path / file).read_text() for file in style.files} == originals
    beside = {path.name for path in tmp_path.iterdir()} - {file.partition("/")[0] for file in style.files}
    assert {name for name in beside if not name.startswith("s.db")} <= {"__pycache__"}


@pytest.mark.parametrize("name", STRICT)
def test_a_parser_is_asked_before_anything_is_trained(tmp_path, asked, name):
    with pytest.raises(click.UsageError, match="(?s)many|refuses"):
        asked(
            name,
            "__import__('os').mkdir('trained')",
            flags=STYLES[name].tune.replace("units=8:64", "units=8|many"),
        )
    assert not (tmp_path / "trained").exists()


def test_a_parser_is_asked_about_the_edited_copy_too(tmp_path, asked):
    """One parameter goes into the config file and another to a flag; the parser reads both."""
    name = "classes of jsonargparse, as LightningCLI has them"
    objective, space, _ = asked(
        name,
        f"{GOT}print('val_loss', lr + units)",
        flags="model.units=8:64,model.bias",
        edits=["fit.yaml:model.lr=0.1:0.9"],
    )
    result = danlu.tune(
        objective, space, minimize="val_loss", trials=2, engine="pool", store="s.db", keep="all", seed=1
    )
    for trial in result.trials:
        got = json.loads((result.dir(trial.number) / "got.json").read_text())
        assert got == [trial.params["model.lr"], trial.params["model.units"], trial.params["model.bias"]]
    with pytest.raises(click.UsageError, match=r"danlu tried: fit --config \{dir\}/fit.yaml"):
        asked(name, "pass", flags="model.units=8:64", edits=["fit.yaml:model.lr=low|high"])
