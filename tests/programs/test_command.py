"""Any command: how values reach it, what it finds around it, how it is taken up again, and why it failed."""

import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import threading

import pytest
from two_sessions import two_sessions

import danlu
from danlu import Float, Int
from danlu.engines.provenance import provenance_of
from danlu.errors import ObjectiveError, SettingError
from danlu.programs import Command, Edit, Program, Style, program_of
from danlu.programs.arguments.flags import Flag
from danlu.programs.arguments.line import ProgramLine
from danlu.programs.arguments.template import filled
from danlu.programs.outcome import failure

PYTHON = shlex.quote(sys.executable)


# The command line.


@pytest.mark.parametrize(
    ("look", "booleans", "words"),
    [
        ("--lr=1", "True/False", ["--lr=0.1", "--bias=True", "--amp=False", "--act=relu"]),
        ("--lr 1", "--x/--no-x", ["--lr", "0.1", "--bias", "--no-amp", "--act", "relu"]),
        ("-lr=1", "--x", ["-lr=0.1", "-bias", "-act=relu"]),
        ("-lr 1", "1/0", ["-lr", "0.1", "-bias", "1", "-amp", "0", "-act", "relu"]),
        ("lr=1", "true/false", ["lr=0.1", "bias=true", "amp=false", "act=relu"]),
        ("LR=1", "yes/no", []),
        ("json", "True/False", ['{"lr": 0.1, "bias": true, "amp": false, "act": "relu", "wd": null}']),
    ],
)
def test_a_style_writes_values_as_programs_read_them(look, booleans, words):
    params = {"lr": 0.1, "bias": True, "amp": False, "act": "relu", "wd": None}
    style = Style(look, booleans)
    assert style.all_words(params) == words
    expected = {"LR": "0.1", "BIAS": "yes", "AMP": "no", "ACT": "relu"} if look == "LR=1" else {}
    assert style.variables(params) == expected


def test_a_style_that_makes_no_sense_is_refused():
    with pytest.raises(SettingError, match="a style's look is one of --lr=1, .*, got '--lr:1'"):
        Style("--lr:1")
    with pytest.raises(SettingError, match="a switch is no flag among LR=1"):
        Style("LR=1", "--x")


def test_none_leaves_out_the_word_and_the_flag_before_it():
    values = {"lr": "0.1", "wd": None, "tag": None}
    assert filled(["run", "--lr", "{lr}", "--wd", "{wd}", "x{tag}", "--last"], values) == [
        "run",
        "--lr",
        "0.1",
        "--last",
    ]
    assert filled(["run", "--out=x", "{wd}", "-5", "{wd}"], values) == ["run", "--out=x", "-5"]
    assert filled(["{unknown}", "a{b"], values) == ["{unknown}", "a{b"]
    assert Flag("--wd", "wd", 0.1, type="float").arguments(None) == []


@pytest.mark.parametrize(
    ("command", "target", "module", "rest"),
    [
        ("python train.py --lr {lr}", "train.py", False, "--lr {lr}"),
        ("python3 -u -X dev train.py a", "train.py", False, "a"),
        ("python -m pkg.train --x", "pkg.train", True, "--x"),
        ("torchrun --nproc-per-node=2 train.py --x", "train.py", False, "--x"),
        ("torchrun --nproc-per-node=2 -m pkg.train --x", "pkg.train", True, "--x"),
        ("python -m torch.distributed.run --nproc-per-node 2 train.py --x", "train.py", False, "--x"),
        ("accelerate launch --cpu train.py --x", "train.py", False, "--x"),
        ("accelerate launch -m pkg.train --x", "pkg.train", True, "--x"),
        ("srun -n 1 --mem=2G python -u train.py --x", "train.py", False, "--x"),
        ("env A=1 B=2 python train.py", "train.py", False, ""),
        ("A=1 python train.py", "train.py", False, ""),
        ("mpirun -np 2 python -m pkg.train", "pkg.train", True, ""),
        ("python -c 'print(1)' train.py", "python", False, "-c 'print(1)' train.py"),
        ("bash -c 'python train.py {lr}'", "bash", False, "-c 'python train.py {lr}'"),
        ("sh run.sh {lr}", "sh", False, "run.sh {lr}"),
        ("git log -m pkg", "git", False, "log -m pkg"),
    ],
)
def test_the_program_is_found_behind_whatever_starts_it(command, target, module, rest):
    program, fixed = program_of(shlex.split(command))
    assert (program.target, program.module, list(fixed)) == (target, module, shlex.split(rest))
    words = shlex.split(command)
    assert [*program.command, *fixed] == (["env", *words] if "=" in words[0] else words)


def test_a_command_that_is_not_there_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words, said in (
        (["no-such-program", "x"], "there is no program no-such-program on the path"),
        (["python", "none.py"], "there is no script none.py"),
        (["./none", "x"], "there is no script ./none"),
        (["python", "-m", "none.train"], "there is no module none.train in"),
    ):
        program, fixed = program_of(words)
        with pytest.raises(ObjectiveError, match=said):
            Command(program, {}, ["loss {x}"], fixed=fixed)
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    with pytest.raises(ObjectiveError, match="pack is a package without __main__.py"):
        Program("pack", module=True).source()
    assert Program("json.tool", module=True).source().name == "tool.py"


def test_each_parameter_goes_to_its_first_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.json").write_text('{"lr": 1, "out": ""}')
    program, fixed = program_of(["sh", "--config=c.json", "--a={a}", "-t", "{trial}"])
    line = ProgramLine(
        program, {"flagged": Flag("--flagged", "flagged")}, fixed, style=Style("lr=1"), resume=("--from", "{checkpoint}/last"),
        edits=[Edit("c.json", "lr", "lr"), Edit("c.json", "out", text="{dir}/{a}")],
    )  # fmt: skip
    own = {"dir": str(tmp_path / "t"), "trial": "3", "checkpoint": "ck"}
    params = {"lr": 0.5, "a": 2, "flagged": 7, "rest": True}
    expected = ["sh", f"--config={tmp_path}/t/c.json", "--a=2", "-t", "3", "--flagged=7", "rest=True"]
    assert line.words(params, own) == expected
    assert line.words(params, own, resumes=True) == [*expected, "--from", "ck/last"]
    (tmp_path / "t").mkdir()
    line.write(params, own)
    assert json.loads((tmp_path / "t" / "c.json").read_text()) == {"lr": 0.5, "out": f"{tmp_path}/t/2"}
    assert json.loads((tmp_path / "t" / "config.json").read_text()) == params
    assert (tmp_path / "c.json").read_text() == '{"lr": 1, "out": ""}'
    assert line.unknown(params) == []


def test_an_edited_file_that_nothing_names_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.json").write_text('{"lr": 1}')
    program, fixed = program_of(["sh", "x"])
    with pytest.raises(ObjectiveError, match="no word of the command names c.json"):
        ProgramLine(program, {}, fixed, edits=[Edit("c.json", "lr", "lr")])
    with pytest.raises(ObjectiveError, match="edited files need names of their own"):
        ProgramLine(program, {}, fixed, edits=[Edit("c.json", "lr", "lr"), Edit("d/c.json", "wd", "wd")])


# What a program finds around it.

AROUND = """
import json, os, sys
names = ("DANLU_DIR", "DANLU_TRIAL", "DANLU_SEED", "DANLU_CHECKPOINT", "DANLU_CONTEXT")
open(os.path.join(os.environ["DANLU_DIR"], "seen.json"), "w").write(json.dumps([sys.argv[1:], {name: os.environ[name] for name in names}]))
assert os.path.isdir(os.environ["DANLU_CHECKPOINT"])
print("hello\\nloss", sys.argv[1])
"""


def test_each_trial_has_a_folder_with_its_config_and_its_log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "around.py").write_text(AROUND)
    program, fixed = program_of(
        [sys.executable, "around.py", "{x}", "{trial}", "{seed}", "{checkpoint}", "{fold}", "{json}"]
    )
    result = danlu.tune(
        Command(program, {}, ["loss {loss}"], fixed=fixed), {"x": Float(0, 1), "y": Int(1, 4)}, minimize="loss", trials=2, store="s.db", keep="all",
        contexts={"fold": [5, 6]},
    )  # fmt: skip
    for trial in result.trials:
        folder = result.dir(trial.number)
        assert json.loads((folder / "config.json").read_text()) == trial.params
        assert (folder / "log.txt").read_text() == f"hello\nloss {trial.params['x']}\n"
        words, found = json.loads((folder / "seen.json").read_text())
        checkpoint, fold = str(folder / "checkpoint"), trial.context["fold"]
        assert words[:2] == [str(trial.params["x"]), str(trial.number)]
        assert words[3:5] == [checkpoint, str(fold)]
        assert json.loads(words[5]) == trial.params
        assert found == {
            "DANLU_DIR": str(folder), "DANLU_TRIAL": str(trial.number), "DANLU_SEED": words[2], "DANLU_CHECKPOINT": checkpoint,
            "DANLU_CONTEXT": json.dumps({"fold": fold}),
        }  # fmt: skip
        assert not (folder / "checkpoint").exists(), "nothing was put there"
    assert len({(result.dir(trial.number) / "seen.json").read_text() for trial in result.trials}) == 2


def test_threads_are_dealt_out_unless_somebody_has_set_them(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    program, fixed = program_of(["sh", "-c", 'echo "loss $OMP_NUM_THREADS"'])
    command = Command(program, {}, ["loss {x}"], fixed=fixed)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    result = danlu.tune(command, {"x": Float(0, 1)}, minimize="loss", trials=2, workers=2)
    assert [trial.value for trial in result.trials] == [4, 4]
    assert len([said for said in result.why() if "each program gets 4 of" in said]) == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    result = danlu.tune(command, {"x": Float(0, 1)}, minimize="loss", trials=2, workers=2)
    assert [trial.value for trial in result.trials] == [3, 3]
    assert not [said for said in result.why() if "each program gets" in said]


# Checkpoints.

TRAIN = """
import json, os, signal, sys
lr, epochs = float(sys.argv[1]), int(sys.argv[2])
given = sys.argv[sys.argv.index("--resume") + 1] if "--resume" in sys.argv else ""
start = json.load(open(given))["epoch"] if given else 0
folder = os.environ["DANLU_CHECKPOINT"]
print("begins after", start, flush=True)
for epoch in range(start + 1, epochs + 1):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # what is saved is printed as well
    with open(os.path.join(folder, "part"), "w") as file:
        json.dump({"epoch": epoch}, file)
    os.replace(os.path.join(folder, "part"), os.path.join(folder, "last.json"))
    print(f"epoch {epoch} loss {lr + 1 / epoch!r}", flush=True)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    OTHER
"""


def _training(
    folder,
    other="pass",
    epochs=9,
    resume=("--resume", "{checkpoint}/last.json"),
    metric="epoch {step} loss {x}",
):
    (folder / "train.py").write_text(TRAIN.replace("OTHER", other))
    program, fixed = program_of([sys.executable, "train.py", "{lr}", str(epochs)])
    return Command(program, {}, [metric], fixed=fixed, resume=resume)


@pytest.mark.parametrize("metric", ["epoch {step} loss {x}", "loss {x}", "loss"])
def test_a_paused_program_goes_on_from_its_checkpoint_and_no_step_is_lost(tmp_path, monkeypatch, metric):
    """It runs ahead of its reports: what it printed before it heard of the pause counts when it is taken up."""
    monkeypatch.chdir(tmp_path)
    scheduler = danlu.schedulers.SuccessiveHalving(low=1, high=9, factor=3)
    result = danlu.tune(
        _training(tmp_path, metric=metric), {"lr": Float(0, 1)}, minimize="loss", trials=9, scheduler=scheduler, store="s.db", keep="all", seed=1,
        engine="inline",
    )  # fmt: skip
    done = [trial for trial in result.trials if trial.status is danlu.Status.DONE]
    assert len(done) == 1
    assert done[0].attempt > 1
    for trial in result.trials:
        assert trial.status in {danlu.Status.DONE, danlu.Status.PAUSED}
        assert trial.curve.steps == tuple(range(1, 1 + len(trial.curve.steps)))
        for step, value in zip(trial.curve.steps, trial.curve.metrics["loss"], strict=True):
            assert value == pytest.approx(trial.params["lr"] + 1 / step)
        log = (result.dir(trial.number) / "log.txt").read_text().splitlines()
        begun = [int(line.split()[-1]) for line in log if line.startswith("begins")]
        assert begun == sorted(begun)
        assert sum(line.startswith("epoch 1 ") for line in log) == 1, "nothing was trained twice"
    assert metric == "loss {x}" or not any("are counted on" in line for line in result.why())


WRITES = """
import json, os, sys
lr, folder = float(sys.argv[1]), os.environ["DANLU_DIR"]
last = os.path.join(os.environ["DANLU_CHECKPOINT"], "last")
start = int(open(last).read()) if os.path.exists(last) else 0
with open(os.path.join(folder, "log.csv"), "a", buffering=1) as log:
    if not start:
        print("epoch,loss", file=log)
    for epoch in range(start + 1, 10):
        print(f"{epoch},{lr + 1 / epoch!r}", file=log)
        open(last, "w").write(str(epoch))
        if epoch == 3 and not start:
            os.kill(os.getpid(), 9)
"""


def test_rows_of_earlier_attempts_are_the_trial_s_own(tmp_path, monkeypatch):
    """A program that appends to its file dies after the third row, and goes on from its checkpoint."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(WRITES)
    program, fixed = program_of([sys.executable, "train.py", "{lr}"])
    result = danlu.tune(
        Command(program, {}, ["csv:log.csv:loss"], fixed=fixed), {"lr": Float(0, 1)}, minimize="loss", trials=1, store="s.db", keep="all",
    )  # fmt: skip
    (done,) = [trial for trial in result.trials if trial.status is danlu.Status.DONE]
    assert done.attempt == 2
    assert done.curve.steps == tuple(range(1, 10))
    assert done.curve.metrics["loss"] == pytest.approx(
        [done.params["lr"] + 1 / step for step in range(1, 10)]
    )
    assert not [said for said in result.why() if "a program that was taken up" in said]


def test_a_program_that_dies_finds_what_it_has_saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    once = "if epoch == 4 and not given: os.kill(os.getpid(), signal.SIGKILL)"
    command = _training(tmp_path, once)
    result = danlu.tune(command, {"lr": Float(0, 1)}, minimize="loss", trials=1, store="s.db")
    (trial,) = result.trials
    assert trial.status is danlu.Status.DONE
    assert trial.attempt == 2
    assert trial.curve.steps == tuple(range(1, 10))
    assert "begins after 4" in (result.dir() / "log.txt").read_text()


def test_a_checkpoint_without_the_file_that_resume_names_begins_anew(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    once = "if epoch == 2 and not os.path.exists('died'): open('died', 'w').close(); os.kill(os.getpid(), signal.SIGKILL)"
    command = _training(tmp_path, once, epochs=3, resume=("--resume", "{checkpoint}/best.json"))
    result = danlu.tune(command, {"lr": Float(0, 1)}, minimize="loss", trials=1, store="s.db")
    assert result.trials[0].curve.steps == (1, 2, 3)
    assert [
        said for said in result.why() if "begins anew: there is a checkpoint, and no best.json in it" in said
    ]


def test_of_checkpoints_whose_names_count_the_newest_is_taken(tmp_path, monkeypatch):
    """As those of Hugging Face's Trainer, which are folders; what stands beside them is none."""
    monkeypatch.chdir(tmp_path)
    once = "if epoch == 4 and not given: os.kill(os.getpid(), signal.SIGKILL)"
    command = _training(tmp_path, once, resume=("--resume={checkpoint}/checkpoint-*/last.json",))
    source = (tmp_path / "train.py").read_text()
    source = source.replace(
        'sys.argv[sys.argv.index("--resume") + 1] if "--resume" in sys.argv',
        "sys.argv[3][9:] if len(sys.argv) > 3",
    )
    source = source.replace(
        "    signal.pthread_sigmask(signal.SIG_BLOCK",
        '    folder = os.path.join(os.environ["DANLU_CHECKPOINT"], f"checkpoint-{(7, 9, 10, 11, 1, 2, 3, 4, 5)[epoch - 1]}")\n    os.makedirs(folder)\n    signal.pthread_sigmask(signal.SIG_BLOCK',
    )
    (tmp_path / "train.py").write_text(source)
    result = danlu.tune(command, {"lr": Float(0, 1)}, minimize="loss", trials=1, store="s.db", keep="all")
    assert result.trials[0].attempt == 2
    assert result.trials[0].curve.steps == tuple(range(1, 10))
    assert "begins after 4" in (result.dir(0) / "log.txt").read_text()


@pytest.mark.parametrize("saves", [False, True])
def test_steps_from_0_count_and_nothing_was_taken_up(tmp_path, monkeypatch, saves):
    monkeypatch.chdir(tmp_path)
    save = 'open(os.path.join(os.environ["DANLU_CHECKPOINT"], "c"), "a").write("x")' if saves else "pass"
    (tmp_path / "train.py").write_text(
        f"import os, sys\nfor step in range(0, 61, 20):\n    {save}\n    print(f'step {{step}} loss {{1 / (step + 1)}}', flush=True)\n"
    )
    program, fixed = program_of([sys.executable, "train.py", "{lr}"])
    result = danlu.tune(
        Command(program, {}, ["step {step} loss {x}"], fixed=fixed), {"lr": Float(0, 1)}, minimize="loss", trials=2, store="s.db", watch=False,
    )  # fmt: skip
    assert [trial.curve.steps for trial in result.trials] == [(0, 20, 40, 60)] * 2
    assert not [said for said in result.why() if "taken up" in said]


@pytest.mark.parametrize(
    ("printed", "first"), [("epoch - start", 1), ("epoch - start - 1", 0), ("10 * (epoch - start)", 10)]
)
def test_steps_that_begin_anew_after_a_checkpoint_are_said(tmp_path, monkeypatch, printed, first):
    monkeypatch.chdir(tmp_path)
    once = "if epoch == 4 and not given: os.kill(os.getpid(), signal.SIGKILL)"
    command = _training(tmp_path, once)
    source = (tmp_path / "train.py").read_text()
    (tmp_path / "train.py").write_text(source.replace("epoch {epoch} ", f"epoch {{{printed}}} "))
    result = danlu.tune(command, {"lr": Float(0, 1)}, minimize="loss", trials=1, store="s.db", watch=False)
    assert result.trials[0].attempt == 2
    (said,) = [each for each in result.why() if "a program that was taken up" in each]
    last = 4 if first == 1 else 3 if first == 0 else 40
    assert f"begins its steps at {first} again, and what it prints up to step {last} is left out" in said
    assert "have it print a step that counts on; or leave --resume out" in said


def test_steps_that_are_trained_again_are_no_new_beginning(tmp_path, monkeypatch):
    """A checkpoint two epochs old is no fault of the program's."""
    monkeypatch.chdir(tmp_path)
    once = "if epoch == 4 and not given: os.kill(os.getpid(), signal.SIGKILL)"
    command = _training(tmp_path, once)
    source = (tmp_path / "train.py").read_text()
    (tmp_path / "train.py").write_text(source.replace('{"epoch": epoch}', '{"epoch": max(1, epoch - 2)}'))
    result = danlu.tune(command, {"lr": Float(0, 1)}, minimize="loss", trials=1, store="s.db", watch=False)
    assert result.trials[0].curve.steps == tuple(range(1, 10))
    (said,) = [each for each in result.why() if "a program that was taken up" in each]
    assert "trains steps again that it had printed before" in said


def test_finished_trials_are_trained_longer_from_their_checkpoints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"minimize": "loss", "trials": 2, "store": "s.db", "keep": "all", "seed": 1}
    danlu.tune(_training(tmp_path, epochs=2), {"lr": Float(0, 1)}, **settings)
    result = danlu.tune(_training(tmp_path, epochs=4), {"lr": Float(0, 1)}, longer="best", **settings)
    assert sorted(trial.curve.steps[-1] for trial in result.trials) == [2, 4]
    assert (result.dir() / "log.txt").read_text().count("begins after 2") == 1


def test_kill_minus_nine_of_danlu_costs_no_work(tmp_path):
    (tmp_path / "train.py").write_text(TRAIN.replace("OTHER", "__import__('time').sleep(0.05)"))
    words = [sys.executable, "-m", "danlu", "run", "--tune", "lr=0.0:1.0", "--metric", "epoch {step} loss {x}", "--resume", "--resume {checkpoint}/last.json",
             "-n", "1", "--store", "s.db", "--name", "s", "--", sys.executable, "train.py", "{lr}", "30"]  # fmt: skip
    first = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log = tmp_path / "s.db.blobs/trials/s/000000/log.txt"
    seen = threading.Event()

    def follow():
        while not (log.exists() and "epoch 5 " in log.read_text()):
            seen.wait(0.02)
        first.send_signal(signal.SIGKILL)

    killer = threading.Thread(target=follow)
    killer.start()
    first.wait(timeout=100)
    killer.join()
    again = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert again.returncode == 0, again.stderr
    text = log.read_text()
    assert text.count("begins after") == 2
    with danlu.open_study(store=tmp_path / "s.db", name="s") as study:
        (trial,) = study.result.trials
        assert trial.curve.steps[:5] == (1, 2, 3, 4, 5)
        assert trial.curve.steps[-1] == 30
        assert trial.attempt == 2


def test_two_sessions_share_one_study_of_a_command(tmp_path):
    two_sessions("s.db", tmp_path)
    with danlu.open_study(store=tmp_path / "s.db", name="sh") as study:
        trials = study.result.trials
    assert len(trials) == 8
    assert all(trial.status is danlu.Status.DONE and trial.value == trial.params["x"] for trial in trials)


def test_a_config_file_is_part_of_the_program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.json").write_text('{"lr": 1, "epochs": 2}')
    (tmp_path / "run.sh").write_text("echo loss 1")
    program, fixed = program_of(["sh", "run.sh", "c.json"])
    command = Command(program, {}, ["loss {x}"], fixed=fixed, edits=[Edit("c.json", "lr", "lr")])
    first = provenance_of(command)
    assert {"c.json", "run.sh"} <= first.parts.keys()
    (tmp_path / "c.json").write_text('{"lr": 1, "epochs": 3}')
    assert provenance_of(command).code != first.code


# Failures.


@pytest.mark.parametrize(
    ("code", "printed", "said"),
    [
        (1, ["ValueError: no data"], "ended with code 1: ValueError: no data"),
        (-11, ["begun"], "was killed by SIGSEGV: begun"),
        (-9, ["begun"], "was killed by SIGKILL: begun"),
        (139, ["begun"], "ended with code 139: it reached memory that is not its own (SIGSEGV): begun"),
        (127, ["sh: 1: pyton: not found"], "the shell found no command by a name in it: sh: 1: pyton: not found"),
        (1, ['    raise RuntimeError("CUDA error: x")', "RuntimeError: CUDA error: device-side assert triggered"],
         "CUDA failed: RuntimeError: CUDA error: device-side assert triggered"),
        (1, ["torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."], "its GPU ran out of memory: torch.OutOfMemoryError"),
        (1, ["jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8 bytes."], "its GPU ran out of memory"),
        (1, ["numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7.45 GiB for an array with shape (1000000000,)"], "it ran out of memory"),
        (134, ["terminate called after throwing an instance of 'std::bad_alloc'"], "it ran out of memory: terminate called"),
        (1, ["slurmstepd: error: Detected 1 oom_kill event in StepId=1.0."], "it ran out of memory: slurmstepd"),
        (1, ["slurmstepd: error: *** STEP 1.0 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***"], "Slurm's time limit ended it"),
        (1, ["RuntimeError: NCCL error in: ProcessGroupNCCL.cpp:1970, unhandled system error"], "its processes lost each other (NCCL)"),
        (1, ["Loss is nan, stopping training"], "it diverged: Loss is nan, stopping training"),
        (1, ["RuntimeError: Function 'MulBackward0' returned nan values in its 0th output."], "it diverged"),
        (1, ["RuntimeError: No CUDA GPUs are available"], "it found no GPU that it can use"),
        (1, ["OSError: [Errno 28] No space left on device: 'x.pt'"], "the disk is full"),
        (1, ["Traceback (most recent call last):", "KeyError: 'lr'", "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ",
             "train.py FAILED", "====="], "ended with code 1: KeyError: 'lr'"),
        (1, ["Traceback (most recent call last):", '    name = input("dataset? ")', "EOFError: EOF when reading a line"],
         "it asked for input, of which a trial has none (pass what it asks for as a flag or in a file): EOFError"),
        (1, ["EOFError: Ran out of input"], "ended with code 1: EOFError: Ran out of input"),
        (1, ["loss is finite", "the loss: 0.3", "diverging paths", "bye"], "ended with code 1: bye"),
    ],
)  # fmt: skip
def test_the_cause_of_a_failure_is_named(code, printed, said):
    assert said in failure("train.py", code, printed)


@pytest.mark.parametrize(("given", "said"), [("pipe", 1), ("file", 1), ("empty", 0), ("null", 0)])
def test_what_is_piped_into_danlu_is_said_to_reach_no_program(tmp_path, given, said):
    words = [sys.executable, "-m", "danlu", "run", "--tune", "x=0.0:1.0", "--metric", "loss {x}", "-n", "2", "--",
             "sh", "-c", "read line || echo loss {x}"]  # fmt: skip
    (tmp_path / "file").write_text("hello\n")
    (tmp_path / "empty").write_text("")
    if given == "pipe":
        done = subprocess.run(
            words, cwd=tmp_path, capture_output=True, text=True, timeout=100, input="hello\n"
        )
    else:
        path = os.devnull if given == "null" else tmp_path / given
        with pathlib.Path(path).open() as file:
            done = subprocess.run(
                words, cwd=tmp_path, capture_output=True, text=True, timeout=100, stdin=file
            )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("what is piped into danlu is not handed on") == said


def test_failures_that_differ_in_numbers_are_one_kind_and_end_in_one_full_stop(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("import os\nraise ValueError(f'no row {os.getpid()} here.')\n")
    program, fixed = program_of([sys.executable, "train.py", "{x}"])
    settings = {"minimize": "loss", "trials": 3, "seed": 1, "watch": False}
    command = Command(program, {}, ["loss {x}"], fixed=fixed)
    result = danlu.tune(
        command, {"x": Float(0, 1)}, trial_limits=danlu.TrialLimits(same_failures=0), **settings
    )
    assert (
        "3 of 3 failed, 3 of them so: train.py ended with code 1: ValueError: no row"
        in result.analysis.fruitless
    )
    with pytest.raises(ObjectiveError, match=r"no row \d+ here\. Mend it and make the same call again"):
        danlu.tune(command, {"x": Float(0, 1)}, **settings)


def test_a_store_s_path_is_shown_as_a_shell_takes_it(tmp_path):
    words = [sys.executable, "-m", "danlu", "run", "--tune", "x=0.0:1.0", "--metric", "loss {x}", "-n", "1", "--store", "my store.db",
             "--name", "a b", "--", "sh", "-c", "echo loss {x}"]  # fmt: skip
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert "see every trial: danlu show 'my store.db' 'a b'" in done.stdout


def test_a_program_that_the_system_killed_for_memory_says_so():
    assert failure("a", -9, ["x"], starved=True).endswith("the system ran out of memory and killed it")
    assert "memory" not in failure("a", 1, ["x"], starved=True)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory.", danlu.Cause.MEMORY),
        ("Loss is nan, stopping training", danlu.Cause.DIVERGED),
        ("ValueError: no data", danlu.Cause.RAISED),
    ],
)
def test_causes_go_into_the_journal(tmp_path, line, cause):
    program, fixed = program_of(["sh", "-c", f"echo '{line}'; exit 3"])
    result = danlu.tune(
        Command(program, {}, ["loss {x}"], fixed=fixed), {"x": Float(0, 1)}, minimize="loss", trials=1
    )
    assert result.trials[0].cause is cause
    assert line in result.trials[0].reason


def test_limits_hold_for_all_that_a_command_starts():
    program, fixed = program_of(["sh", "-c", "sh -c 'sleep 60' & wait"])
    result = danlu.tune(
        Command(program, {}, ["loss {x}"], fixed=fixed),
        {"x": Float(0, 1)},
        minimize="loss",
        trials=1,
        trial_limits=danlu.TrialLimits(time=0.5),
    )
    assert result.trials[0].cause is danlu.Cause.TIMEOUT


# The command line of danlu.


def refused(*words):
    ran = subprocess.run(
        [sys.executable, "-m", "danlu", "run", *words], capture_output=True, text=True, timeout=100
    )
    assert ran.returncode != 0
    return ran.stderr


def test_what_makes_no_sense_gets_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text("lr: 0.1\n")
    metric = ("--metric", "loss {x}")
    assert "name what to tune: FILE.py:FUNCTION" in refused(*metric)
    assert "sh imports no parser of flags that danlu reads" in refused(
        "--tune", "x", *metric, "--", "sh", "-c", "echo"
    )
    assert "c.yaml has no rate. It has: lr." in refused(
        "--edit", "c.yaml:rate", *metric, "--", "sh", "c.yaml"
    )
    assert "an edit needs FILE:KEY" in refused("--edit", "c.yaml", *metric, "--", "sh", "c.yaml")
    assert "lr is named by --tune and by --edit" in refused(
        "--tune", "lr=0:1", "--edit", "c.yaml:lr", *metric, "--", "sh", "c.yaml", "{lr}"
    )
    limited = ("--tune", "lr=0:1", *metric, "--", "sh", "{lr}")
    assert "--limit is on 'acc', which no --metric reads. Add --metric acc." in refused(
        "--limit", "acc >= 0.5", *limited
    )
    assert "which no --metric reads. Did you mean 'loss'?" in refused("--limit", "los <= 0.5", *limited)
    assert "{dir} stands for something of every trial" in refused(
        "--tune", "dir=0:1", *metric, "--", "sh", "{dir}"
    )
    assert "Invalid value for '--style'" in refused("--style", "lr:1", *metric, "--", "sh")


def test_a_hole_that_stands_for_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = subprocess.run(
        [sys.executable, "-m", "danlu", "run", "--tune", "rate=0.0:1.0", "--metric", "loss {x}", "-n", "1", "--", "sh", "-c", "echo loss {rate} {rte}"],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "{rte} is passed as it stands: nothing is named so. Did you mean {rate}?" in ran.stderr


def test_an_empty_option_leaves_the_flag_out(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "danlu", "run", "--tune", "wd=|0.5", "--metric", "words {x}", "--minimize", "words", "--sampler", "grid", "-n", "2", "--json",
         "--", "sh", "-c", "echo words $#", "sh", "--wd", "{wd}"],
        capture_output=True, text=True, timeout=100, cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert {row["wd"]: row["words"] for row in json.loads(ran.stdout)["trials"]} == {None: 0, 0.5: 2}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("1,0.5\n2,0.4\n3,DIVERGED\n", "row 3 has 'DIVERGED'"),
        ("1,0.5\n2,0.4,9\n", "row 2 has 3 fields"),
        ("1,0.5\n2,0.4\n1,0.9\n", "has to rise"),
    ],
)
def test_what_cannot_be_read_is_refused_at_the_end_as_it_is_before(tmp_path, rows, says):
    """A program that writes its whole file at its end, with two good values or one in it, is not done with those."""
    (tmp_path / "train.py").write_text(
        f"import os\nwith open(os.path.join(os.environ['DANLU_DIR'], 'log.csv'), 'w') as log:\n    log.write({'epoch,loss' + chr(10) + rows!r})\n"
    )
    command = Command(str(tmp_path / "train.py"), {}, ["csv:{dir}/log.csv:loss"])
    with pytest.raises(danlu.errors.ObjectiveError, match=says):
        danlu.tune(command, {"x": Float(0, 1)}, minimize="loss", trials=4, seed=1, engine="inline")


@pytest.mark.parametrize("way", [["--style", "--lr 1"], []])
def test_small_negative_numbers_are_no_flags(tmp_path, monkeypatch, way):
    """argparse takes -1e-5 after a blank for a flag, and -0.00001 for a number."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--wd', type=float)\nprint('loss', parser.parse_args().wd)\n"
    )
    line = ["--", sys.executable, "train.py", *([] if way else ["--wd", "{wd}"])]
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "danlu",
            "run",
            "--tune",
            "wd=-1e-05|-1e-12",
            *way,
            "--metric",
            "loss",
            "-n",
            "2",
            "--json",
            *line,
        ],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert {trial["loss"] for trial in json.loads(run.stdout)["trials"]} == {-1e-5, -1e-12}
