"""What a sampler has to be, where a person looks for it."""

from ..contracts.protocols import BaseSampler, Problem, Sampler, View

__all__ = ["BaseSampler", "Problem", "Sampler", "View"]
