"""Why a program failed: what its exit code and the last lines that it printed say, in one sentence.

Signatures are of the messages that PyTorch, JAX, TensorFlow, NCCL, Slurm and the C++ and Python runtimes print. A line of the text
that names a cause counts before the code, and the first such line before those that follow from it.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from typing import NamedTuple

KEPT = 200
"""Lines of the end of what a program prints in which causes are looked for."""

SHOWN = 20
"""Lines of the end that are kept with the failure."""


class Sign(NamedTuple):
    """What a line says of a failure.

    Attributes:
        what: happened, as a sentence's subject and verb.
        line: that says so.
    """

    what: str
    line: str


DIVERGED = "it diverged"
_GPU_MEMORY = "its GPU ran out of memory"
_MEMORY = "it ran out of memory"
_SIGNATURES: tuple[tuple[str, str], ...] = (
    ((r"CUDA out of memory|HIP out of memory|CUDA error: out of memory|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|"
     r"CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED|MPS backend out of memory|torch\.(?:cuda\.)?OutOfMemoryError|"
     r"RESOURCE_EXHAUSTED: .*[Oo]ut of memory|ResourceExhaustedError|OOM when allocating tensor"), _GPU_MEMORY),
    ((r"^MemoryError\b|std::bad_alloc|[Cc]annot allocate memory|can't allocate memory|Unable to allocate .* for an array|"
     r"java\.lang\.OutOfMemoryError|cannot allocate vector of size|oom[-_]kill event|Out of memory: Killed process|"
     r"OutOfMemoryError\(\)"), _MEMORY),
    ((r"device-side assert triggered|illegal memory access|misaligned address|CUDA error:|CUDA kernel errors|CUBLAS_STATUS_|cuDNN error|"
     r"CUDNN_STATUS_|HIP error:"), "CUDA failed"),
    ((r"No CUDA GPUs are available|Found no NVIDIA driver|no CUDA-capable device|CUDA driver version is insufficient|"
     r"Torch not compiled with CUDA|no kernel image is available"), "it found no GPU that it can use"),
    (r"NCCL error|ncclUnhandledCudaError|ncclSystemError|ncclInternalError|ProcessGroupNCCL.*[Tt]imeout|Watchdog caught collective operation timeout",
     "its processes lost each other (NCCL)"),
    (r"EADDRINUSE|[Aa]ddress already in use", "its port is taken"),
    ((r"(?i)\bloss (?:is|was|became|=|:)\s*(?:nan|inf|infinite|not finite)\b|\bnan (?:loss|detected|encountered)|"
     r"\b(?:loss|gradients?|grads?|input|output|weights?|values?)\b.{0,40}\b(?:contains?|has|have|are|is) (?:nan|infs?\b|infinit|non-finite)|"
     r"returned nan values|FloatingPointError|non-finite (?:loss|grad)|\b(?:loss|gradient norm) is not finite|"
     r"\b(?:loss|model|training|it) (?:has )?diverged\b"), DIVERGED),
    (r"^EOFError: EOF when reading a line", "it asked for input, of which a trial has none (pass what it asks for as a flag or in a file)"),
    (r"No space left on device|Disk quota exceeded", "the disk is full"),
    (r"DUE TO TIME LIMIT", "Slurm's time limit ended it"),
    (r"DUE TO PREEMPTION", "Slurm preempted it"),
)  # fmt: skip
_KNOWN = [(re.compile(pattern), what) for pattern, what in _SIGNATURES]
_ERROR = re.compile(
    r"^(?:\[?rank\d+\]?:?\s*)?(?:[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning|Failure)|E\w* \d+|[Ee]rror|ERROR|FATAL|fatal)\b:?.*\S"
)
_LATER = re.compile(
    r"ChildFailedError|CalledProcessError|SubprocessError|srun: error|Command exited with non-zero|^\s*return |Error: -?\d+$"
)
"""What those say that start a program whose failure is another's."""

_CODES = {
    126: "the shell found it and may not run it",
    127: "the shell found no command by a name in it",
    130: "it was interrupted (SIGINT)",
    134: "it aborted (SIGABRT)",
    136: "arithmetic ended it (SIGFPE)",
    137: "something killed it (SIGKILL)",
    139: "it reached memory that is not its own (SIGSEGV)",
    143: "it was asked to leave (SIGTERM)",
}


def cause_of(printed: Sequence[str]) -> Sign | None:
    """The first line that names a cause which danlu knows, among the last that were printed.

    Example:
        >>> cause_of(["step 3", "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB."]).what
        'its GPU ran out of memory'
    """
    said = [line for line in printed if line[:1].strip()]
    for line in (*said, *printed):  # what is indented may be a line of code in a traceback
        for pattern, what in _KNOWN:
            if pattern.search(line.strip()):
                return Sign(what, line.strip())
    return None


def failure(name: str, code: int, printed: Sequence[str], *, starved: bool = False) -> str:
    """One sentence of why a program failed.

    Args:
        name: of the program.
        code: its exit code, negative for the signal that killed it.
        printed: the last lines that it printed.
        starved: whether the system has killed a process for want of memory meanwhile.

    Example:
        >>> failure("train.py", 1, ["Traceback (most recent call last):", "ValueError: no data"])
        'train.py ended with code 1: ValueError: no data'
    """
    ended = f"was killed by {_signal(-code)}" if code < 0 else f"ended with code {code}"
    if starved and code in {-signal.SIGKILL, 128 + signal.SIGKILL}:
        return f"{name} {ended}: the system ran out of memory and killed it"
    found = cause_of(printed)
    if found is not None:
        return f"{name} {ended}: {found.what}: {found.line[:300]}"
    return f"{name} {ended}: {_reason(code, printed)}"


def _signal(number: int) -> str:
    return signal.Signals(number).name if number in {*signal.Signals} else f"signal {number}"


def _reason(code: int, printed: Sequence[str]) -> str:
    """The line that says why: the last error that is none of who started the program, else the last line."""
    kept = [line.strip() for line in printed if line.strip()]
    errors = [line for line in kept if _ERROR.match(line) and not _LATER.search(line)]
    last = kept[-1][:300] if kept else "it said nothing"
    reason = errors[-1][:300] if errors and errors[-1] != last else last
    if code in _CODES:
        reason = f"{_CODES[code]}: {reason}"
    if any(sign in line for line in kept for sign in ("Inappropriate ioctl", "not a tty", "stty:")):
        reason += " (it asks for a terminal: run it with --terminal, or Command(terminal=True))"
    return reason
