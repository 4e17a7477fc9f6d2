"""A Slurm cluster of one node, real and of the tests' own: its daemons are theirs, its files are in a folder that goes with it."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

NEEDED = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "scancel", "squeue")
GET_IT = "no Slurm here: `make foreign` installs Debian's and runs this test, as root"

CONFIG = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Cluster:
    """One node of eight cores that Slurm deals out.

    Attributes:
        environment: what commands are to be run with, so that they speak to it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": _path()}
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Bring it up, and wait until it takes jobs."""
        host, folder = socket.gethostname().split(".")[0], self.folder
        for name in ("state", "spool"):
            (folder / name).mkdir()
        (folder / "munge.key").write_bytes(os.urandom(128))
        (folder / "munge.key").chmod(0o400)
        controller, node = _free_ports(2)
        text = CONFIG.format(host=host, folder=folder, controller=controller, node=node)
        (folder / "slurm.conf").write_text(text)
        self._serve(
            "munged", "--foreground", "--force", f"--key-file={folder}/munge.key", f"--socket={folder}/munge.socket",
            f"--pid-file={folder}/munge.pid", f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed",
        )  # fmt: skip
        until((folder / "munge.socket").exists, "munged")
        self._serve("slurmctld", "-D")
        self._serve("slurmd", "-D")
        until(lambda: "idle" in self.run("sinfo", "--noheader", "--format=%T", check=False), "an idle node")

    def stop(self) -> None:
        """End its jobs and its daemons."""
        self.cancel()
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def run(self, *command: str, check: bool = True) -> str:
        """What a command prints."""
        ran = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=check, timeout=60
        )
        return ran.stdout

    def jobs(self) -> list[str]:
        """Its jobs that are neither over nor being ended, each with its state."""
        return self.run("squeue", "--noheader", "--format=%i %t").splitlines()

    def cancel(self) -> None:
        """End all jobs."""
        self.run("scancel", "--quiet", "--user=root", check=False)
        until(lambda: not self.jobs(), "the end of all jobs")

    def _serve(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.out").open("wb") as out:
            self._daemons.append(
                subprocess.Popen(
                    command, env=self.environment, stdout=out, stderr=out, start_new_session=True
                )
            )


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster, where Slurm is installed and this is root; without jobs of earlier tests."""
    if not is_there():
        pytest.skip(GET_IT)
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # short, as the path of a socket has to be
    made = Cluster(folder)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


def is_there() -> bool:
    """Whether a cluster can be made."""
    return os.getuid() == 0 and all(shutil.which(name, path=_path()) for name in NEEDED)


def until(holds: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait for something to hold.

    Raises:
        AssertionError: when it does not within so many seconds.
    """
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(subprocess.CalledProcessError):
            if holds():
                return
        assert time.monotonic() < end, f"waited {seconds:g} s for {what}"
        time.sleep(0.05)


def _path() -> str:
    return f"{os.environ['PATH']}{os.pathsep}/usr/sbin{os.pathsep}/sbin"


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
