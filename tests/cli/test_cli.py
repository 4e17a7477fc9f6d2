"""The command line as a person uses it, in real processes."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest
from objectives import SPACE, resumable
from places import TESTS
from sqlite_file import raw_file

import danlu
from danlu.cli.main import COMMANDS
from danlu.cli.spacefile import parse
from danlu.errors import SpaceError
from danlu.journal.history import History

TOML = """
constraints = ["n < 3"]
x = {type = "float", low = 0.0, high = 1.0}
n = {type = "int", low = 1, high = 3}
epochs = 12
[opt]
type = "switch"
[opt.options.sgd]
momentum = {type = "float", low = 0.0, high = 0.99}
[opt.options.adam]
"""


def run(*arguments, code=0, cwd=None):
    ran = subprocess.run(
        [sys.executable, "-m", "danlu.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
    )
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stdout if code == 0 else ran.stderr


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "s.db"
    danlu.tune(resumable, SPACE, minimize="loss", trials=4, store=path, name="digits", seed=1)
    return path


def test_constraints_come_from_the_command_line_beside_the_spaces_own(tmp_path):
    (tmp_path / "space.toml").write_text(TOML)
    (tmp_path / "mine.py").write_text(
        "import danlu\nspace = {'a': danlu.Int(1, 8), 'b': danlu.Int(1, 8)}\ndef train(trial):\n    return trial['a']\n"
        "def other(trial):\n    return trial['x']\n"
    )
    ruled = run(
        "run",
        "mine.py:train",
        "--constraint",
        "a * b <= 9",
        "--constraint",
        "a < b",
        "-n",
        6,
        "--json",
        cwd=tmp_path,
    )
    assert all(row["a"] * row["b"] <= 9 and row["a"] < row["b"] for row in json.loads(ruled)["trials"])
    both = run(
        "run",
        "mine.py:other",
        "--space",
        "space.toml",
        "--constraint",
        "x <= 0.5",
        "-n",
        6,
        "--json",
        cwd=tmp_path,
    )
    assert all(row["x"] <= 0.5 and row["n"] < 3 for row in json.loads(both)["trials"])
    wrong = run("run", "mine.py:train", "--constraint", "a * c <= 9", cwd=tmp_path, code=2)
    assert "there is no parameter 'c'. There are: a, b." in wrong
    (tmp_path / "drawn.py").write_text(
        "import danlu\ndef f(trial):\n    return trial.suggest('x', danlu.Float(0, 1))\n"
    )
    none = run("run", "drawn.py:f", "--constraint", "x <= 0.5", cwd=tmp_path, code=2)
    assert "--constraint needs a space" in none
    stray = run("run", "mine.py:train", "-n", 1, "--", "--epochs", 3, cwd=tmp_path, code=2)
    assert "what stands after -- is for scripts" in stray


def test_run_tunes_resumes_and_says_what_to_do_next(tmp_path):
    (tmp_path / "space.toml").write_text(TOML)
    (tmp_path / "mine.py").write_text("def train(trial):\n    trial.report(1, loss=trial['x'])\n")
    command = (
        "run",
        "mine.py:train",
        "--space",
        "space.toml",
        "--minimize",
        "loss",
        "--store",
        "r.db",
        "-j",
        2,
    )
    said = run(*command, "-n", 4, cwd=tmp_path)
    assert "4 done" in said
    assert "the budget of 4 trials is spent" in said
    assert re.search(r"best: trial \d with loss=", said)
    assert "danlu show r.db train" in said
    assert "6 done" in run(*command, "-n", 6, cwd=tmp_path)
    rows = json.loads(run("show", "r.db", "--json", cwd=tmp_path))
    assert len(rows) == 6
    assert all(row["n"] < 3 and row["epochs"] == 12 for row in rows)


def test_run_finds_the_space_beside_the_function_and_answers_in_json(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from danlu import Int\nspace = {'n': Int(1, 3)}\ndef train(trial):\n    return trial['n']\n"
    )
    said = json.loads(run("run", "mine.py:train", "--sampler", "grid", "--json", cwd=tmp_path))
    assert said["stopped"] == "every combination of the grid has been tried"
    assert [trial["n"] for trial in said["trials"]] == [1, 2, 3]


def test_show_lists_studies_trials_and_reasons(store):
    assert "digits" not in run("show", store)  # one study: straight to its trials
    assert run("show", store).count("done") == 4
    assert json.loads(run("show", store, "digits", "--trial", 2, "--json"))["number"] == 2
    assert any("opened" in line for line in json.loads(run("show", store, "--why", "--json")))
    assert "trial 0 done loss=" in run("watch", store, "--once")
    events = [
        json.loads(line)["row"]["event"]["type"]
        for line in run("watch", store, "--once", "--json").splitlines()
    ]
    assert events[0] == "created"
    assert events.count("ended") == 4


def test_export_and_import_move_a_study(store, tmp_path):
    run("export", store, "-o", tmp_path / "s.jsonl")
    assert "digits" in run("import", tmp_path / "s.jsonl", tmp_path / "t.db")
    assert run("show", tmp_path / "t.db") == run("show", store)
    lines, again = (
        (tmp_path / "s.jsonl").read_text().splitlines(),
        run("export", tmp_path / "t.db").splitlines(),
    )
    assert again[: len(lines) - 1] == lines[:-1]  # all but the end mark, then where it came from
    assert "imported from s.jsonl on 20" in again[-2]
    assert len(again) == len(lines) + 1
    torn = tmp_path / "torn.jsonl"
    torn.write_text((tmp_path / "s.jsonl").read_text()[:-9])
    assert "damaged: its checksum does not match" in run("import", torn, tmp_path / "u.db", code=2)
    assert "damaged: its checksum does not match" in run("import", torn, tmp_path / "u.db", "--sound", code=1)


def test_doctor_reads_the_whole_store(store, tmp_path):
    findings = {f["check"]: f for f in json.loads(run("doctor", store, "--json"))}
    assert findings["study digits"]["fine"]
    assert "events, 4 trials" in findings["study digits"]["found"]
    damaged = tmp_path / "damaged.db"
    with raw_file(store) as raw, raw_file(damaged) as copy:
        raw.backup(copy)
        copy.execute("UPDATE event SET crc = 0 WHERE seq = 5")
    ran = subprocess.run(
        [sys.executable, "-m", "danlu.cli", "doctor", damaged], capture_output=True, text=True
    )
    assert ran.returncode == 1
    assert "BAD  study digits" in ran.stdout
    assert "4 events before it are sound" in ran.stdout
    exported = subprocess.run(
        [sys.executable, "-m", "danlu.cli", "export", damaged], capture_output=True, text=True
    )
    assert exported.returncode == 1
    assert (
        exported.stdout.count("\n") == 6
    )  # the header, the valid prefix, and an end mark that says what is missing
    assert "does not match" in exported.stdout.splitlines()[-1]
    assert "4 events were written" in exported.stderr


MISTAKES = {
    "there is no store nowhere.db": ("show", "nowhere.db"),
    "there is no file": ("run", "nowhere.py:f"),
    "name a function as module:function": ("run", "train"),
    "Did you mean 'random'": ("run", f"{TESTS}/objectives.py:resumable", "--sampler", "randm"),
    "trials > 0": ("run", f"{TESTS}/objectives.py:resumable", "-n", "0"),
    "Did you mean 'run'?": ("rum",),
    "does not exist": ("import", "nowhere.jsonl", "x.db"),
}


@pytest.mark.parametrize("sentence", MISTAKES)
def test_mistakes_get_a_sentence_and_no_traceback(sentence, tmp_path):
    said = run(*MISTAKES[sentence], code=2, cwd=tmp_path)
    assert sentence in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('lr = {type = "float", low = 0.1, hihg = 1.0}', "space.toml, line 1: lr has no setting 'hihg'. Did you mean 'high'"),
        ('\n\na = {type = "flaot", low = 1, high = 2}', "line 3: a needs a type, got 'flaot'. Did you mean 'float'"),
        ("a = {low = 1, high = 2}", "a needs a type"),
        ('\na = {type = "int", low = 3, high = 2}', "line 2: a: Int needs low < high, got low=3"),
        ('a = {type = "int", low = 3}', "a needs low and high"),
        ('a = {type = "choice"}', "a needs values"),
        ("a = ", "space.toml: Invalid value (at end of document)"),
    ],
)  # fmt: skip
def test_typos_in_a_space_file_name_the_line_and_the_nearest_word(text, sentence):
    with pytest.raises(SpaceError, match=re.escape(sentence)):
        parse(text)


def test_a_space_file_says_what_python_says():
    space = parse(TOML)
    assert space.names == ("x", "n", "opt", "opt.sgd.momentum")
    assert not space.constraints.hold({"n": 3})
    assert space.decode(space.center())["epochs"] == 12


def test_every_command_has_help():
    said = run("--help")
    for command in COMMANDS:
        assert command in said
        assert "Usage: " in run(command, "--help")


def test_imports_are_lazy():
    program = "import sys, danlu; from danlu import Choice, Float, Int, Switch; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"numpy", "scipy", "torch", "click", "rich", "sqlite3"} & set(modules)
    program = "import sys; from danlu.cli.main import danlu\ntry: danlu(['--help'])\nexcept SystemExit: print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"numpy", "scipy", "torch", "rich", "sqlite3", "msgspec"} & set(modules)


def terminal(*arguments, encoding="utf-8"):
    """Run in a real pseudo-terminal; its process and the descriptor to read from."""
    pid, screen = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", PYTHONIOENCODING=encoding)
        os.execv(sys.executable, [sys.executable, *map(str, arguments)])
    return pid, screen


def read_until(screen, wanted, seconds=60):
    said = b""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not select.select([screen], [], [], 0.2)[0]:
            continue
        try:
            part = os.read(screen, 65536)
        except OSError:
            break
        if not part:
            break
        said += part
        if wanted and wanted in said:
            return said
    return said


def test_control_c_in_a_terminal_drains_and_restores_it(tmp_path, promised):
    pid, screen = terminal(
        "-m", "danlu.cli", "run", f"{TESTS}/objectives.py:slow", "--minimize", "loss", "-j", 2, "-n", 3,
        "--store", tmp_path / "s.db", "--space", f"{TESTS}/objectives.py:SPACE",
    )  # fmt: skip
    shown = read_until(screen, b"step 3")
    assert b"0/3" in shown, shown
    assert "▁".encode() in shown or "█".encode() in shown  # curves as sparklines
    os.write(screen, b"\x03")
    rest = read_until(screen, None)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130, rest
    plain = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]|\s+", b" ", rest)
    words = b" ".join(plain.split())
    assert b"press Ctrl-C again to stop at once" in words
    assert b"interrupted by Ctrl-C" in words
    assert rest.rindex(b"\x1b[?25h") > rest.rfind(b"\x1b[?25l")  # the cursor is back
    history = History()
    history.fold(danlu.stores.SqliteStore(tmp_path / "s.db").journal("slow").read(0))
    assert [row.status for row in history.rows] == [danlu.Status.WAITING] * 2
    promised(23, 1, "Ctrl-C in a real pseudo-terminal, restored")


@pytest.mark.parametrize(("encoding", "head"), [("utf-8", "丹 w".encode()), ("latin-1", b"danlu w")])
def test_watch_follows_a_running_study(tmp_path, encoding, head):
    store = tmp_path / "s.db"
    with danlu.open_study(SPACE, minimize="loss", store=store, name="w", seed=1) as study:
        pid, screen = terminal("-m", "danlu.cli", "watch", store, "--every", "0.05", encoding=encoding)
        trial = study.ask()
        trial.report(1, loss=0.5)
        shown = read_until(screen, b"1 running")
        assert b"1 running" in shown
        assert head in shown
        study.tell(trial, 0.25)
        assert b"value" not in read_until(screen, b"loss=0.25")
        os.kill(pid, signal.SIGINT)
        read_until(screen, None, 5)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 130


@pytest.mark.parametrize(
    ("encoding", "name"), [("latin-1", "größe"), ("cp1251", "gr\\u00f6\\u00dfe"), ("utf-8", "größe")]
)
def test_what_an_encoding_lacks_is_spelled_out(tmp_path, encoding, name):
    """Names are of any language, terminals are not."""
    store = tmp_path / "s.db"
    with danlu.open_study({"größe": danlu.Float(0, 1)}, minimize="\U0001f525", store=store) as study:
        study.tell(study.ask(), 0.25)
    ran = subprocess.run(
        [sys.executable, "-m", "danlu.cli", "show", store],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    said = ran.stdout.decode(encoding)
    assert name in said
    assert ("\U0001f525" if encoding == "utf-8" else "\\ud83d\\udd25") in said


MINE = """
import danlu
space = {"x": danlu.Float(0.1, 1)}
def both(trial):
    return {"size": 1.0, "val acc": trial["x"]}
def plain(trial):
    return trial["x"]
def writes(trial):
    (trial.dir / "model.txt").write_text("x")
    return trial["x"]
"""
SENTENCES = [  # what is asked, what is said of it
    (("both",), "name another goal, --maximize 'val acc'."),
    (("plain", "--trials", "0"), "got --trials 0."),
    (("plain", "--no-improvement", "0"), "got --no-improvement 0."),
    (("plain", "--scheduler", "hyperband"), "Say it to the study, --fidelity epoch:1:81, or to the scheduler, high=81."),
    (("plain", "--engine", "inline", "--trial-time", "9s"), "use --engine pool."),
    (("plain", "--engine", "vectorized"), "Use --engine pool."),
    (("plain", "--gpus", "-1"), "gpus to be a whole number >= 0, got -1"),
    (("plain", "--name", ""), "a study needs a name that is a non-empty string, got ''"),
    (("plain", "--store", "."), "is a folder. Name a file in it"),
    (("plain", "--store", ""), "a store in a file needs its name"),
    (("plain", "--store", "mine.py"), "is no store of danlu: it is a file of another kind"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "said"), SENTENCES, ids=lambda each: " ".join(each) if isinstance(each, tuple) else ""
)
def test_sentences_are_in_the_words_of_the_command_line(tmp_path, asked, said):
    (tmp_path / "mine.py").write_text(MINE)
    function, *options = asked
    last = run("run", f"mine.py:{function}", "-n", "2", *options, code=2, cwd=tmp_path).splitlines()[-1]
    assert said in last
    assert not re.search(r"\b(minimize|maximize|trials|engine|fidelity)=", last)


def test_an_existing_study_is_refused_in_the_words_of_the_command_line(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    asked = ("run", "mine.py:plain", "-n", "1", "--store", "s.db")
    run(*asked, cwd=tmp_path)
    (tmp_path / "mine.py").write_text(MINE.replace("Float(0.1, 1)", "Float(0.1, 2)"))
    assert "change the space on purpose with --extend." in run(*asked, code=2, cwd=tmp_path)
    assert "made with --keep all." in run(*asked, "--extend", "--longer", "0", code=2, cwd=tmp_path)


def test_every_command_says_what_is_wrong_with_a_store(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    for command in ("show", "watch", "check", "diagnose", "gc", "replay", "export"):
        assert "is a folder. Name a file in it" in run(command, tmp_path, code=2)
        assert "file of another kind" in run(command, tmp_path / "mine.py", code=2)


def test_files_that_go_with_the_command_are_said(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    said = subprocess.run(
        [sys.executable, "-m", "danlu.cli", "run", "mine.py:writes", "-n", "1"],
        capture_output=True, text=True, timeout=60, cwd=tmp_path, check=True,
    )  # fmt: skip
    assert "what trial 0 wrote into its folder goes when this command ends. --store FILE keeps" in said.stderr
    kept = run("run", "mine.py:writes", "-n", "2", "--store", "s.db", "--keep", "all", cwd=tmp_path)
    assert "goes when this command ends" not in kept
    assert len(list((tmp_path / "s.db.blobs/trials/writes").iterdir())) == 2


def test_a_function_of_a_file_is_searched_by_its_signature_as_in_python(tmp_path):
    (tmp_path / "own.py").write_text("def f(lr=0.1, hidden=16, seed=3): return lr * hidden\n")
    ran = subprocess.run(
        [sys.executable, "-m", "danlu", "run", "own.py:f", "--minimize", "value", "-n", "3", "--store", "s.db"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "lr: 0.00333333 to 3 on a logarithmic scale; 0.1 first (a learning rate)" in ran.stderr
    with danlu.open_study(store=tmp_path / "s.db", name="f") as study:
        assert set(study.space.names) == {"lr", "hidden"}
        assert study.result.trials[0].params == {"lr": 0.1, "hidden": 16}
    again = danlu.tune(str(tmp_path / "own.py") + ":f", minimize="value", trials=2, watch=False)
    assert again.trials[0].value == pytest.approx(1.6)


def test_an_export_replaces_no_store(store, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(store)
    before = run("show", store)
    for target in (store, link):
        assert "is a store, which an export would replace" in run("export", store, "-o", target, code=1)
    assert run("show", store) == before
