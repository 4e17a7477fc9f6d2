"""Studies from strangers: what their journals name is not run, and what they name writes nothing outside."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import danlu
from danlu import Choice, Float
from danlu.cli.main import danlu as command
from danlu.contracts.protocols import Terms
from danlu.errors import DanluError, ObjectiveError, SettingError
from danlu.journal import events as ev
from danlu.journal.events import StoredConfig
from danlu.problem.goal import Goal
from danlu.space.space import Space
from danlu.study.trust import proposed

MINE = "import subprocess\nfrom os import system\ndef train(trial): return 0.5\n"


@pytest.fixture
def there(tmp_path, monkeypatch):
    """A working directory three folders down, a home of its own, and a canary that nothing may touch."""
    deep = tmp_path / "a/b/c"
    deep.mkdir(parents=True)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(deep)
    (deep / "mine.py").write_text(MINE)
    return deep


def tree(folder, but):
    """What lies in a folder, the working directory aside."""
    return {path for path in Path(folder).rglob("*") if but not in path.parents and path != but}


# What a journal proposes.


@pytest.mark.parametrize(
    ("stored", "trust"),
    [
        ("os:system", []), ("os:system", ["mine.py"]), ("os:system", ["posixpath", "o", "os.path"]), ("posix:system", ["os"]),
        ("subprocess:run(args)", []), ("subprocess:getoutput(cmd)", ["sub"]), ("mine.py:system", ["mine.py"]),
        ("mine.py:system(command)", ["mine.py:system"]), ("mine.py:subprocess.run(args)", ["mine.py"]), ("mine.py:train", ["mine.py:other"]),
        ("mine.py:train", ["mine"]), ("mine:system", ["mine"]), ("../c/other.py:train", ["mine.py"]), ("json.tool:main", ["json:dumps"]),
        ("builtins:eval(source)", ["mine.py"]), ("danlu:tune", ["mine.py"]), ("code:interact", ["mine.py"]), ("", ["mine.py"]),
    ],
)  # fmt: skip
def test_what_is_not_trusted_is_not_run(there, monkeypatch, stored, trust):
    """Nor imported, where its name alone says that it is not; functions that a trusted file only imports are not its own."""
    monkeypatch.syspath_prepend(there)
    before = set(sys.modules)
    with pytest.raises(ObjectiveError):
        proposed(stored, "study", trust)
    assert not {"code", "json.tool"} & (set(sys.modules) - before)
    sys.modules.pop("mine", None)


def test_what_is_trusted_is_found_by_file_package_module_and_function(there, monkeypatch):
    monkeypatch.syspath_prepend(there)
    (there / "pack").mkdir()
    (there / "pack/__init__.py").write_text("")
    (there / "pack/inner.py").write_text(
        "def train(lr=0.1): return lr\nclass Run:\n    def __call__(self, trial): return 0\nrun = Run()\n"
    )
    for stored, trust in {
        "mine.py:train": ["mine.py"], "../c/mine.py:train": ["mine.py:train"], "mine.py:train(x)": [str(there / "mine.py")],
        "pack.inner:train(lr)": ["pack"], "pack.inner:train": ["nothing", "pack.inner"], "pack.inner:run": ["pack.inner:run"],
    }.items():  # fmt: skip
        assert proposed(stored, "study", trust) == stored
    with pytest.raises(SettingError, match="'gone.py' is none that is here"):
        proposed("mine.py:train", "study", ["gone.py"])
    with pytest.raises(ObjectiveError, match="no file .*lost.py. The study was begun with lost.py:f"):
        proposed("lost.py:f", "study", ["mine.py", "lost.py:f"])
    for module in ("pack", "pack.inner"):
        sys.modules.pop(module, None)


def test_a_worker_says_what_the_journal_proposes(there):
    danlu.tune("mine.py:train", {"x": Float(0, 1)}, minimize="loss", trials=2, store="s.db", watch=False)
    for words, remedy in ((["danlu.cli"], "--trust mine.py"),):
        ran = subprocess.run(
            [sys.executable, "-m", *words, "worker", "s.db", "--study", "study"], cwd=there, capture_output=True, text=True, check=False
        )  # fmt: skip
        assert ran.returncode == 2
        assert "says that 'mine.py:train' is to be run" in ran.stderr
        assert remedy in ran.stderr
    with pytest.raises(ObjectiveError, match=r"allow it: trust='mine.py'"):
        danlu.work("s.db", "study")
    for words in (["export", "s.db", "-o", "out.jsonl"], ["import", "out.jsonl", "copy.db"]):
        assert CliRunner().invoke(command, words).exit_code == 0
    with pytest.raises(
        ObjectiveError, match=r"of 'study', imported from out.jsonl on 20\d\d-\d\d-\d\d, says"
    ):
        danlu.work("copy.db", "study")
    copied = danlu.open_study(store="copy.db", name="study").result
    assert copied.why()[-1].startswith("imported from out.jsonl on")
    assert copied.table() == danlu.open_study(store="s.db", name="study").result.table()
    assert len(danlu.work("s.db", "study", trust="mine.py", engine="inline").trials) == 2


# Whole hostile studies.

CANARY = "touch {outside}/canary"
UP = "../../../../escaped"


def hostile():
    """By name: the study's own name and what differs from a harmless one. ``{outside}`` is a folder that must stay empty."""
    objectives = {
        "os:system": "os:system", "shell": "subprocess:getoutput(x)", "eval": "builtins:eval(x)", "own pickle": "pickle:loads(x)",
        "file outside": "{outside}/evil.py:train", "file up": "../evil.py:train", "url": "http://127.0.0.1/evil.py:train",
        "words": "; touch {outside}/canary ;", "nothing": ":", "null": "mine.py:train\0", "long": "m" * 10_000 + ":f",
    }  # fmt: skip
    for name, objective in objectives.items():
        yield f"objective {name}", {"objective": objective}
    names = {
        "up": UP, "absolute": "{outside}/escaped", "dots": "..", "dot": ".", "slash": "/", "shell": "$(touch {outside}/canary)",
        "backtick": "`touch {outside}/canary`", "newline": "a\nb", "escape": "\x1b]0;owned\x07\x1b[2J", "dash": "--help", "tilde": "~/escaped",
        "long": "x" * 300, "windows": "..\\..\\escaped", "html": "<script>alert(1)</script>", "space": " ", "unicode": "\u202eetad",
    }  # fmt: skip
    for label, name in names.items():
        yield f"name {label}", {"name": name}
    yield "sampler os:system", {"sampler": {"danlu.sampler": "os:system", "command": CANARY}}
    yield "sampler module", {"sampler": {"danlu.sampler": "../../evil", "path": "{outside}/x"}}
    yield "sampler text", {"sampler": {"shown": "__import__('os').system('" + CANARY + "')"}}
    yield (
        "scheduler nested",
        {"scheduler": {"danlu.scheduler": "both", "first": {"danlu.sampler": "random"}, "second": {}}},
    )
    yield "digest up", {"digest": f"{UP}/passwd"}
    yield "digest absolute", {"digest": "{outside}/x"}
    yield "digest long", {"digest": "/" * 64}
    yield "metric name", {"metric": f"{UP}\x1b[31m<img src=x onerror=alert(1)>"}
    yield "metric file", {"metric": "{outside}/metric"}
    yield "choice", {"choices": [CANARY, f"$({CANARY})", "__import__('os').system('" + CANARY + "')"]}
    yield "parameter", {"parameter": "--x; " + CANARY}
    yield (
        "facts",
        {"facts": {"folder": "{outside}/x", "__class__": {"__reduce__": "os.system"}, "$bytes": "AAAA"}},
    )
    yield "reason", {"reason": "\x1b[2J\x1b]52;c;AAAA\x07 =cmd|' /C calc'!A0"}


HOSTILE = dict(hostile())


def build(store, given, outside):
    """A study with three finished trials, as ``given`` says."""

    def filled(value):
        if isinstance(value, str):
            return value.replace("{outside}", str(outside))
        if isinstance(value, dict):
            return {name: filled(held) for name, held in value.items()}
        return [filled(each) for each in value] if isinstance(value, list) else value

    given = filled(given)
    name, metric, parameter = (
        given.get("name", "study"),
        given.get("metric", "loss"),
        given.get("parameter", "x"),
    )
    space = Space({parameter: Choice(given.get("choices", ["a", "b", "c"]))})
    journal = store.create(name, ev.Created(space.spec, Goal.of(minimize=metric), 0, 0.0))
    stored_config = StoredConfig(
        given.get("objective", "mine.py:train"), given.get("sampler", {"danlu.sampler": "random"}), given.get("scheduler", {})
    )  # fmt: skip
    events = [ev.Opened("w", "s", "s", 1.0, stored_config)]
    for number in range(3):
        params = ev.pack_params({parameter: space.slots[0].parameter.values[number]})
        unit = bytes(8)
        events += [
            ev.Asked(number, params, unit, "w", 1.0),
            ev.Saved(number, 1, 1, given.get("digest", "0" * 64), 9, 1.0),
            ev.Reported(number, 1, 1, {metric: float(number)}, 0.1, 1.0),
            ev.Noted(number, given.get("facts", {"fact": 1}), 1.0, 1),
            ev.Ended(
                number, 1, ev.Status.DONE, {metric: float(number)}, 0.1, 1.0, reason=given.get("reason", "")
            ),
        ]
    journal.append([(None, event) for event in events], Terms())
    return name


@pytest.mark.parametrize("label", HOSTILE)
def test_a_hostile_study_runs_nothing_and_writes_nothing_outside(there, tmp_path, label, promised):
    """Shown, exported, imported, reported, compared, swept and joined: with and without trust in a file of one's own."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (there.parent / "evil.py").write_text(
        f"import os\nos.system('touch {outside}/canary')\ndef train(trial): return 0.0\n"
    )
    before = tree(tmp_path, there)
    name = build(danlu.stores.SqliteStore("s.db"), HOSTILE[label], outside)
    for words in (
        ["show", "s.db"], ["show", "s.db", name], ["show", "s.db", name, "--json"], ["show", "s.db", name, "--trial", "1"],
        ["export", "s.db", name, "-o", "out.jsonl"], ["import", "out.jsonl", "copy.db"], ["show", "copy.db"],
        ["compare", "s.db", "s.db"], ["export", "s.db", name, "--tensorboard", "board"], ["diagnose", "s.db", name], ["check", "s.db"], ["gc", "s.db"], ["repair", "s.db", "fixed.db"],
        ["worker", "s.db", "--study", name], ["worker", "s.db", "--study", name, "--trust", "mine.py"],
    ):  # fmt: skip
        ran = CliRunner().invoke(command, words)
        assert ran.exception is None or isinstance(ran.exception, SystemExit | DanluError), (
            words,
            ran.exception,
        )
        assert not set("\x1b\x07\0") & set(ran.output), (words, ran.output)
    with contextlib.suppress(DanluError):
        looked_at(danlu.open_study(store="s.db", name=name).result)
    assert not (outside / "canary").exists()
    home = tmp_path / "home/.danlu"
    assert {
        path for path in tree(tmp_path, there) - before if home not in path.parents and path != home
    } == set()
    promised(27, 1, "hostile studies, each shown, exported, imported, reported, compared, swept and joined")


def looked_at(result):
    """What one does with a result; a study whose algorithms cannot be made does not come here."""
    result.report("report.html")
    assert "<script>alert" not in Path("report.html").read_text("utf-8")
    json.dumps(result.table(), default=str)
    for trial in result.trials:
        with pytest.raises(DanluError):
            result.restore({}, trial=trial.number)


@pytest.mark.parametrize("mutant", ["whatever is written is trusted", "who imports a function owns it"])
def test_a_worker_that_trusts_too_much_is_noticed(there, monkeypatch, mutant):
    from danlu.study import trust

    if mutant == "whatever is written is trusted":
        monkeypatch.setattr(trust, "_covers", lambda entry, name: True)
        stored, trusted = "os:getcwd", ["mine.py"]
    else:
        monkeypatch.setattr(trust, "_home", lambda found: "mine.py")
        stored, trusted = "mine.py:system", ["mine.py"]
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test_what_is_not_trusted_is_not_run(there, monkeypatch, stored, trusted)
    sys.modules.pop("mine", None)
