"""Public conformance suites: what every sampler, scheduler, store and engine has to keep.

Each suite is a tuple of plain functions; give them to your test runner::

    @pytest.mark.parametrize("check", danlu.testing.SAMPLER_CHECKS, ids=lambda check: check.__name__)
    def test_my_sampler(check):
        check(MySampler)

A check takes a function without arguments that makes a fresh subject, and raises AssertionError with
a sentence when a promise is broken; those of wrappers take a function that puts one around another. ``spaces``, ``points`` and ``histories`` are Hypothesis strategies.
"""

from __future__ import annotations

from .engines import ENGINE_CHECKS as ENGINE_CHECKS
from .samplers import SAMPLER_CHECKS as SAMPLER_CHECKS
from .schedulers import SCHEDULER_CHECKS as SCHEDULER_CHECKS
from .stores import STORE_CHECKS as STORE_CHECKS
from .stores import store_machine as store_machine
from .strategies import histories as histories
from .strategies import points as points
from .strategies import spaces as spaces
from .wrappers import SAMPLER_WRAPPER_CHECKS as SAMPLER_WRAPPER_CHECKS
from .wrappers import SCHEDULER_WRAPPER_CHECKS as SCHEDULER_WRAPPER_CHECKS

__all__ = [
    "ENGINE_CHECKS",
    "SAMPLER_CHECKS",
    "SAMPLER_WRAPPER_CHECKS",
    "SCHEDULER_CHECKS",
    "SCHEDULER_WRAPPER_CHECKS",
    "STORE_CHECKS",
    "histories",
    "points",
    "spaces",
    "store_machine",
]
