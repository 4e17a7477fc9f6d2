"""A program of R's: its lines are heard while it runs, so that it is stopped early, and it is gone then."""

import re
import shutil
import subprocess
import sys

import pytest
from slurm import until

FIT = """
words <- commandArgs(trailingOnly = TRUE)
rate <- as.numeric(words[1])
for (epoch in 1:40) {
  cat("epoch", epoch, "loss", format(abs(log(rate / 0.1)) + 1 / epoch), "\\n")
  Sys.sleep(0.1)
}
"""


@pytest.mark.skipif(
    not shutil.which("Rscript"),
    reason="no Rscript here: `make foreign` installs Debian's and runs this test, as root",
)
def test_a_script_of_r_is_tuned_and_stopped_early(tmp_path):
    (tmp_path / "fit.R").write_text(FIT)
    line = [sys.executable, "-m", "danlu", "run", "--tune", "rate=0.001:1:log", "--metric", "epoch {step} loss {x}", "-n", "6", "--scheduler",
            "asha", "--fidelity", "epoch:1:40", "--seed", "1", "--store", "s.db", "--name", "fit", "--", "Rscript", "fit.R", "{rate}"]  # fmt: skip
    ran = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    ended = re.findall(r"trial \d+ stopped loss=\S+ at step (\d+)", said)
    assert ended, said
    assert all(int(step) < 40 for step in ended), said
    left = ["pgrep", "-f", f"fit.R.*{tmp_path}|{tmp_path}.*fit.R"]
    until(lambda: not subprocess.run(left, capture_output=True, check=False).stdout, "the end of all R")
