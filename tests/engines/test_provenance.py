"""What was run is in the journal, and a study that is resumed with other code says so."""

import functools
import importlib
import os
import subprocess
import sys
import textwrap

import msgspec
import pytest

import danlu
from danlu.dashboard import views
from danlu.engines.named import Named
from danlu.engines.provenance import contents, provenance_of
from danlu.errors import Interrupted, ObjectiveChanged, SettingError
from danlu.journal import events as ev
from danlu.journal.history import History
from danlu.journal.provenance import SHOWN, Provenance, compare, masked
from danlu.programs.command import Command, Flag
from danlu.stores.jsonlines import event_of, line_of

SPACE = {"x": danlu.Float(0, 1)}

BASE = '''
import functools
import helpers
from helpers import shift
EPOCHS = 5
CONFIG = {"width": 8}
calls = 0
seen = []
UNUSED = 1

def inner(x):
    return x * EPOCHS

class Net:
    depth = 2
    def forward(self, x):
        return inner(x) + CONFIG["width"]

def train(trial):
    """Trains."""
    global calls
    calls += 1
    seen.append(calls)
    return Net().forward(trial["x"]) + helpers.scale(1) + shift(2)

def other():
    return 1
'''
HELPERS = """
FACTOR = 2
def scale(x):
    return x * FACTOR
def shift(x):
    return x + 1
def unused():
    return 0
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A program of two modules; writes them with some text replaced, and says what it is made of."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def load(base=BASE, helpers=HELPERS, take="train"):
        (tmp_path / "program.py").write_text(base)
        (tmp_path / "helpers.py").write_text(helpers)
        for name in ("program", "helpers"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        import linecache

        linecache.checkcache()
        return getattr(importlib.import_module("program"), take)

    yield load
    for name in ("program", "helpers"):
        sys.modules.pop(name, None)


def changed(program, *edits, where="base"):
    """The phrases in which a program and its edited copy differ."""
    text = BASE if where == "base" else HELPERS
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    before = provenance_of(program())
    after = provenance_of(program(**{where: text}))
    return compare(before, after)


CODE = {
    "the function": ((("Net().forward", "2 * Net().forward"),), "base", ("train changed",)),
    "a constant": ((("EPOCHS = 5", "EPOCHS = 9"),), "base", ("EPOCHS was 5, is 9",)),
    "a setting in a dict": ((("8}", "16}"),), "base", ("CONFIG was {'width': 8}, is {'width': 16}",)),
    "a function that a class calls": ((("x * EPOCHS", "x / EPOCHS"),), "base", ("inner changed",)),
    "a class": ((("depth = 2", "depth = 3"),), "base", ("Net changed",)),
    "a module's function": ((("x * FACTOR", "x ** FACTOR"),), "helpers", ("helpers.scale changed",)),
    "a module's constant": ((("FACTOR = 2", "FACTOR = 3"),), "helpers", ("helpers.FACTOR was 2, is 3",)),
    "a function imported by name": ((("x + 1", "x + 2"),), "helpers", ("helpers.shift changed",)),
}


@pytest.mark.parametrize("case", CODE)
def test_whatever_the_objective_refers_to_is_its_code(program, case):
    edits, where, phrases = CODE[case]
    change = changed(program, *edits, where=where)
    assert change.code == phrases
    assert change.near == ()


NEAR = {
    "a function that nothing calls": ((("return 1", "return 2"),), "base"),
    "a constant that nothing reads": ((("UNUSED = 1", "UNUSED = 2"),), "base"),
    "a module's function that nothing calls": ((("return 0", "return 1"),), "helpers"),
}


@pytest.mark.parametrize("case", NEAR)
def test_a_file_that_changed_elsewhere_is_said_more_quietly(program, case):
    edits, where = NEAR[case]
    change = changed(program, *edits, where=where)
    assert change.code == ()
    (phrase,) = change.near
    assert phrase.endswith("changed, but nothing in it that the objective refers to")


ALIKE = {
    "comments": ("EPOCHS = 5\n", "EPOCHS = 5  # many\n"),
    "docstrings": ('"""Trains."""', '"""Trains well."""'),
    "layout": ("x * EPOCHS", "(x\n            * EPOCHS)"),
    "quotes": ('{"width": 8}', "{'width': 8}"),
    "place in the file": ("def inner", "\n\n\n\ndef inner"),
}


@pytest.mark.parametrize("case", ALIKE)
def test_comments_and_layout_are_no_change(program, case):
    assert not changed(program, ALIKE[case])


def test_what_the_code_itself_counts_is_no_change(program):
    train = program()
    before = provenance_of(train)
    train({"x": 1.0})
    assert sys.modules["program"].seen == [1]
    assert not compare(before, provenance_of(train))


def test_settings_beside_what_changes_still_count():
    def made(width, lr):
        memory = {}
        CONFIG = {"decay": 1}  # noqa: N806 - as scripts have it

        def train(trial):
            state = {"steps": 0}
            state["steps"] += width
            memory["last"] = width
            trial.lr = lr
            return CONFIG["decay"]

        return train

    one = made(3, 0.1)
    assert set(provenance_of(one).parts) - {"CONFIG", "lr", "width"} == {
        "test_settings_beside_what_changes_still_count.made.train"
    }
    assert compare(provenance_of(one), provenance_of(made(4, 0.2))).code == (
        "lr was 0.1, is 0.2",
        "width was 3, is 4",
    )


def test_it_looks_through_what_wraps_an_objective(program):
    plain = provenance_of(program())
    train = program()
    assert provenance_of("program.py:train").parts.keys() >= {"train", "EPOCHS"}
    assert provenance_of("program:train").parts == plain.parts
    assert provenance_of(Named(train, ())).parts == plain.parts
    for lr, phrase in ((0.2, ("partial(lr) was 0.1, is 0.2",)), (0.1, ())):
        change = compare(
            provenance_of(functools.partial(train, lr=0.1)), provenance_of(functools.partial(train, lr=lr))
        )
        assert change.code == phrase

    class Task:
        def __init__(self, width):
            self.width, self.calls = width, 0

        def __call__(self, trial):
            self.calls += 1
            return trial["x"] * self.width

        run = __call__

    for make in (Task, lambda width: Task(width).run):
        one, two = make(8), make(16)
        one({"x": 1.0})
        assert [
            phrase.partition(" ")[2] for phrase in compare(provenance_of(one), provenance_of(two)).code
        ] == ["was 8, is 16"]
        assert not compare(provenance_of(one), provenance_of(make(8)))


def test_lambdas_and_closures_are_told_apart():
    def made(epochs):
        return lambda trial: trial["x"] * epochs

    assert compare(provenance_of(made(3)), provenance_of(made(4))).code == ("epochs was 3, is 4",)
    assert compare(provenance_of(lambda t: t["x"]), provenance_of(lambda t: t["x"] + 1)).code
    assert not compare(provenance_of(lambda t: t["x"]), provenance_of(lambda t: t["x"]))


def test_bytecode_of_another_python_says_nothing():
    old, new = (Provenance(parts={"<lambda>": text}) for text in ("3.11:aaaa", "3.12:bbbb"))
    assert not compare(old, new)
    assert compare(old, Provenance(parts={"<lambda>": "3.11:bbbb"})).code == ("<lambda> changed",)


def test_a_script_counts_with_the_files_it_imports(tmp_path):
    (tmp_path / "train.py").write_text("import near\nfrom far import away\nprint('loss:', near.x)\n")
    (tmp_path / "near.py").write_text("x = 1\n")
    flags = {"lr": Flag("--lr", "lr", 0.1)}

    def looked(*fixed):
        return provenance_of(Command(str(tmp_path / "train.py"), flags, ["loss: {x}"], fixed=fixed))

    before = looked("--epochs", "5")
    assert compare(before, looked("--epochs", "9")).code == ("fixed arguments was --epochs 5, is --epochs 9",)
    (tmp_path / "near.py").write_text("x = 2\n")
    (phrase,) = compare(before, looked("--epochs", "5")).code
    assert phrase.endswith("near.py changed")
    (tmp_path / "near.py").write_text("x = 1  # one\n")
    assert not compare(before, looked("--epochs", "5"))


def test_nothing_that_stands_in_the_way_keeps_a_study_from_running():
    class Odd:
        def __getattr__(self, name):
            raise RuntimeError(name)

        def __call__(self, trial):
            return trial["x"]

    assert provenance_of(Odd()).versions["danlu"] == danlu.__version__
    assert provenance_of(abs).objective == "builtins:abs"


def test_data_that_danlu_reads_counts(tmp_path):
    (tmp_path / "a.csv").write_text("1,2")
    before = contents(tmp_path), contents(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("1,3")
    after = contents(tmp_path), contents(tmp_path / "a.csv")
    assert before[0] != after[0]
    assert before[1] != after[1]
    (tmp_path / "a.csv").rename(tmp_path / "b.csv")
    assert contents(tmp_path) != after[0]

    class Reads:
        def __init__(self, digest):
            self.loaded = {"a.csv": digest}

        def __call__(self, trial):
            return trial["x"]

    change = compare(provenance_of(Reads("1")), provenance_of(Reads("2")))
    assert change.code == ("the data a.csv changed",)
    assert provenance_of(Reads("1")).code != provenance_of(Reads("2")).code


def test_a_long_difference_is_cut():
    old, new = ("\n".join(f"{word} {n}" for n in range(99)) for word in ("a", "b"))
    change = compare(
        Provenance(parts={"f": "1"}, sources={"f": old}), Provenance(parts={"f": "2"}, sources={"f": new})
    )
    assert len(change.diff) == SHOWN + 1
    assert change.diff[-1].endswith("lines more")


def test_secrets_are_masked():
    command = ["--wandb-token", "abc", "--password=x", "--lr", "0.1", "hf_abcdefghijkl", "-p", "s3://u:p@b/c"]
    assert masked(command) == (
        "--wandb-token", "***", "--password=***", "--lr", "0.1", "hf_***", "-p", "s3://u:***@b/c"
    )  # fmt: skip
    assert masked(["--token", "--lr", "0.1"]) == ("--token", "--lr", "0.1")
    assert masked(["env", "MY_API_KEY=1", "--tokenizer", "bert"])[:2] == ("env", "MY_API_KEY=***")


def test_git_tells_commit_and_dirt(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(
        "GIT_CEILING_DIRECTORIES", str(tmp_path.parent)
    )  # the folder of all tests may lie in a checkout
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)

    def git(*words):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *who, *words], check=True, capture_output=True, cwd=tmp_path)

    (tmp_path / "gitted.py").write_text("def train(trial):\n    return trial['x']\n")
    assert provenance_of("gitted.py:train").git == ""
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    clean = provenance_of("gitted.py:train").git
    assert len(clean) == 40
    (tmp_path / "gitted.py").write_text("def train(trial):\n    return 2 * trial['x']\n")
    assert provenance_of("gitted.py:train").git == f"{clean}+"


def one(trial):
    return trial["x"]


def two(trial):
    return 2 * trial["x"]


two.__name__ = two.__qualname__ = "one"  # the same function, edited


def test_a_resume_with_other_code_is_said_and_every_trial_knows_its_own(tmp_path, capfd):
    store = tmp_path / "s.db"
    first = danlu.tune(one, SPACE, trials=2, store=store, seed=1, minimize="value")
    assert "code" not in first.table()[0]
    assert (
        danlu.tune(one, SPACE, trials=3, store=store, minimize="value").trials[2].code == first.trials[0].code
    )
    assert capfd.readouterr().err == ""
    mixed = danlu.tune(two, SPACE, trials=5, store=store)
    said = capfd.readouterr().err
    assert "danlu: the objective's code changed since trials 0 to 2 of 'study' ran: " in said
    assert "-    return trial[" in said
    assert "+    return 2 * trial[" in said
    assert "From trial 3 on the study holds results of both." in said
    codes = [row["code"] for row in mixed.table()]
    assert len(set(codes[:3])) == len(set(codes[3:])) == 1
    assert codes[0] != codes[3]
    assert any(line.startswith("from trial 3 on other code is run: ") for line in mixed.why())
    page = views.table(mixed.history, {}, sort="code")
    assert [row["code"] for row in page["rows"]] == codes
    assert "code" not in views.table(first.history, {})["rows"][0]
    back = danlu.tune(one, SPACE, trials=6, store=store)
    assert "since trials 3 and 4 of" in capfd.readouterr().err
    assert [row["code"] for row in back.table()] == [*codes, codes[0]]


def test_other_code_can_be_refused_and_nothing_is_written_then(tmp_path):
    store = tmp_path / "s.db"
    before = danlu.tune(one, SPACE, trials=2, store=store, if_changed="refuse").history.seq
    with pytest.raises(ObjectiveChanged, match="changed since trials 0 and 1 of 'study' ran"):
        danlu.tune(two, SPACE, trials=4, store=store, if_changed="refuse")
    assert danlu.open_study(store=store).result.history.seq == before
    with pytest.raises(SettingError, match="if_changed needs one of continue, refuse, set aside"):
        danlu.tune(one, SPACE, trials=2, store=store, if_changed="maybe")


def test_trials_of_other_code_can_be_set_aside(tmp_path, capfd):
    store = tmp_path / "s.db"
    first = danlu.tune(one, SPACE, trials=3, store=store)
    result = danlu.tune(two, SPACE, trials=3, store=store, if_changed="set aside")
    assert "Trials 0 to 2 are set aside" in capfd.readouterr().err
    assert len(result.trials) == 6  # they are not on the budget
    assert result.best.number >= 3
    assert result.trials[0].aside.startswith("other code ran them: ")
    danlu.tune(two, SPACE, trials=4, store=store, if_changed="refuse")  # what is set aside is no other code
    assert capfd.readouterr().err == ""
    assert first.trials[0].params == result.trials[0].params


def test_a_trial_that_other_code_takes_up_says_both(tmp_path, capfd):
    def begun(trial):
        trial.save(1)
        trial.report(1, loss=trial["x"])
        raise Interrupted  # as the second Ctrl-C does

    def ended(trial):
        trial.report(trial.restore() + 1, loss=trial["x"])

    store = tmp_path / "s.db"
    with pytest.raises(KeyboardInterrupt):
        danlu.tune(begun, SPACE, minimize="loss", trials=1, store=store)
    result = danlu.tune(ended, SPACE, minimize="loss", trials=2, store=store)
    assert "code changed since trial 0 of" in capfd.readouterr().err
    was, _, now = result.trials[0].code.partition("+")
    assert now == result.trials[1].code != was


def test_a_worker_with_other_code_says_so(tmp_path, capfd, program):
    store = tmp_path / "s.db"
    program()
    danlu.tune("program:train", SPACE, trials=2, store=store)
    program(base=BASE.replace("EPOCHS = 5", "EPOCHS = 9"))
    with danlu.open_study(SPACE, trials=4, store=store) as study:
        study.session.announce()
    capfd.readouterr()
    result = danlu.work(store, "study", "program:train", engine="inline")
    assert "EPOCHS was 5, is 9" in capfd.readouterr().err
    assert len({trial.code for trial in result.trials}) == 2


def test_versions_are_said_in_a_line(tmp_path, capfd, monkeypatch):
    store = tmp_path / "s.db"
    danlu.tune(one, SPACE, trials=1, store=store)
    capfd.readouterr()
    import numpy as np

    monkeypatch.setattr(np, "__version__", "9.9")
    assert np.__version__ == "9.9"
    result = danlu.tune(one, SPACE, trials=2, store=store)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("danlu: since 'study' was last run, numpy was ")
    assert line.endswith(", is 9.9.")
    assert any("from trial 1 on other versions are used: numpy was" in each for each in result.why())


def test_the_journal_keeps_it_and_old_journals_stay_readable(tmp_path):
    danlu.tune(one, SPACE, trials=1, store=tmp_path / "s.db")
    danlu.tune(one, SPACE, trials=2, store=tmp_path / "s.db")
    entries = list(danlu.stores.SqliteStore(tmp_path / "s.db").journal("study").read(0))
    opened = [entry for entry in entries if isinstance(entry.event, ev.Opened)]
    kept = opened[0].event.provenance
    assert set(kept.parts) == set(kept.sources) == {"one"}
    assert "return trial" in kept.sources["one"]
    assert [name.endswith("test_provenance.py") for name in kept.files] == [True]
    assert opened[1].event.provenance.sources == {}
    assert opened[1].event.provenance.code == kept.code
    row = msgspec.json.decode(line_of(opened[0]))["row"]
    assert event_of(row["event"]) == opened[0].event
    history = History()
    history.fold([*entries, ev.Entry(entries[-1].seq + 1, ev.Opened("w", "s", "s", 1.0))])
    assert history.trials[0].code == kept.code


def test_the_command_line_says_it_and_refuses(tmp_path):
    file = tmp_path / "it.py"
    store = tmp_path / "s.db"
    text = textwrap.dedent(
        """
        import danlu
        space = {"x": danlu.Float(0, 1)}
        def train(trial):
            return trial["x"]
        """
    )

    def run(*more):
        command = [sys.executable, "-m", "danlu.cli", "run", f"{file}:train", "--store", str(store), *more]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    file.write_text(text)
    assert run("-n", "1", "--sampler", "random").returncode == 0
    file.write_text(text.replace('trial["x"]', '-trial["x"]'))
    refused = run("-n", "2", "--if-changed", "refuse")
    assert refused.returncode == 2
    assert "the objective's code changed since trial 0" in refused.stderr
    assert "+    return -trial" in refused.stderr
    assert "Traceback" not in refused.stderr
    went_on = run("-n", "2", "--sampler", "random")
    assert went_on.returncode == 0
    assert "From trial 1 on the study holds results of both." in went_on.stderr
    shown = subprocess.run(
        [sys.executable, "-m", "danlu.cli", "show", str(store)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "code" in shown.stdout.splitlines()[0]


def test_a_file_that_changed_within_a_second_is_not_run_from_old_bytecode(tmp_path, monkeypatch):
    """Python takes cached bytecode for a file of the same size and second."""
    from danlu.engines.objective import resolve_objective

    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "quick_change.py"
    for value in (2, 5):
        path.write_text(f"def train(trial): return {value}\n")
        os.utime(path, (1e9, 1e9))
        sys.modules.pop("danlu_file_quick_change", None)
        assert resolve_objective(f"{path}:train")(None) == value
    sys.modules.pop("danlu_file_quick_change", None)


@pytest.mark.parametrize("folder", ["site-packages", "dist-packages", "mine"])
def test_what_an_installer_has_put_anywhere_is_no_code_of_the_users(folder, tmp_path, monkeypatch):
    """An environment that sees the packages of another one, of the system or of a user: only their versions count."""
    where = tmp_path / "elsewhere" / folder
    where.mkdir(parents=True)
    (where / "lib_of_somebody.py").write_text("def helper(x):\n    return x + 1\n")
    uses = "import lib_of_somebody\n\ndef train(t):\n    return lib_of_somebody.helper(t['x'])\n"
    (tmp_path / "uses_it.py").write_text(uses)
    for each in (where, tmp_path):
        monkeypatch.syspath_prepend(str(each))
    for name in ("lib_of_somebody", "uses_it"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    parts = provenance_of(importlib.import_module("uses_it").train).parts
    assert ("lib_of_somebody.helper" in parts) is (folder == "mine"), parts
