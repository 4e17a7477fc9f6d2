"""Two calls of ``danlu run`` at once, on one study of a small command."""

import subprocess
import sys


def two_sessions(store, folder):
    """Run both to their end in a folder: eight trials in all."""
    (folder / "run.sh").write_text('echo "loss $1"\n')
    words = [
        *(sys.executable, "-m", "danlu", "run", "--tune", "x=0.0:1.0", "--metric", "loss {x}", "-n", "8"),
        *("--store", store, "--", "sh", "run.sh", "{x}"),
    ]
    both = [
        subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    told = [each.communicate(timeout=120)[0] for each in both]
    assert [each.returncode for each in both] == [0, 0], told
