"""Every recipe of docs/programs.md, as it stands there: its files are written, its commands run, its study has a best trial."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import slurm
from places import ROOT

PAGE = (ROOT / "docs/programs.md").read_text("utf-8")
WORLDS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
TRIALS = re.compile(r"danlu run .*? -n (\d+) ")


NEEDS = {"R and Julia": "Rscript"}
LONG = {"LightningCLI", "Hugging Face's run scripts", "torchrun and accelerate"}
"""They import their worlds again and again: `make foreign` runs them with the others, `make test` without."""


def test_the_page_has_a_recipe_for_each_world():
    assert len(WORLDS) == 11
    assert set(WORLDS) > LONG
    assert all("danlu run" in text for text in WORLDS.values())


@pytest.mark.parametrize(
    "world", [pytest.param(each, marks=pytest.mark.fault if each in LONG else ()) for each in WORLDS]
)
def test_a_recipe_does_what_it_says(world, tmp_path, request):
    if world in NEEDS and not shutil.which(NEEDS[world]):
        pytest.skip(f"no {NEEDS[world]} here: `make foreign` installs Debian's and runs this test, as root")
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name, words in (("danlu", "-m danlu"), ("python", ""), ("torchrun", "-m torch.distributed.run")):
        script = bin_ / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        script.chmod(0o755)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if world == "Slurm" and slurm.is_there():
        environment |= request.getfixturevalue("cluster").environment
    else:  # as Slurm's: it runs what follows its own options
        (bin_ / "srun").write_text('#!/bin/sh\nwhile [ "${1#--}" != "$1" ]; do shift; done\nexec "$@"\n')
        (bin_ / "srun").chmod(0o755)
    here = tmp_path / "here"
    here.mkdir()
    environment["PATH"] = f"{bin_}{os.pathsep}{environment['PATH']}"
    commands = 0
    for name, text in re.findall(r"^```\w+ ?(\S*)\n(.*?)^```", WORLDS[world], re.DOTALL | re.MULTILINE):
        if name:
            (here / name).parent.mkdir(exist_ok=True)
            (here / name).write_text(text)
            continue
        commands += 1
        ran = subprocess.run(
            ["sh", "-e", "-c", text],
            cwd=here,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        said = ran.stdout + ran.stderr
        assert ran.returncode == 0, said
        assert f"{TRIALS.findall(text)[0]} done" in said or "stopped" in said, said
        assert "run it again: " in said, said
    assert commands
    assert not [path for path in Path(here).iterdir() if path.name.startswith("logs")]
