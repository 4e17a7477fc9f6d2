"""What tests of programs share."""

from slurm import cluster

__all__ = ["cluster"]
