"""A joblib backend that hands the fits of a search to a danlu study.

``BaseSearchCV.fit`` gives joblib one call for each candidate and split. This backend collects all of them, has a study run what its journal does not hold
already, and gives the outcomes back in order. Everything else that scikit-learn does stays its own: validation, routing, scorers, callbacks, tables, refitting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from joblib._parallel_backends import ParallelBackendBase

Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
"""A function and its arguments, as ``joblib.delayed`` keeps them."""


class Pending:
    """A batch of calls whose results are asked for later.

    Attributes:
        calls: in order.
        results: of each, once they were run.
    """

    def __init__(self, calls: list[Call]) -> None:
        self.calls = calls
        self.results: list[Any] | None = None


class StudyBackend(ParallelBackendBase):  # type: ignore[misc]
    """Collects what one ``Parallel`` is given and runs it as a whole.

    Args:
        run: takes all calls and how many jobs there may be; returns their results in order.
    """

    supports_retrieve_callback = False
    supports_sharedmem = True

    def __init__(self, run: Callable[[list[Call], int], list[Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._run = run
        self._waiting: list[Pending] = []
        self._jobs = 1

    def configure(self, n_jobs: int | None = 1, parallel: Any = None, **kwargs: Any) -> int:
        """Have everything handed over at once."""
        del kwargs
        self.parallel = parallel
        parallel.pre_dispatch = "all"
        return self.effective_n_jobs(n_jobs)

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Two at least, as joblib would run a single job's calls by itself."""
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        self._jobs = 1 if n_jobs is None else n_jobs
        return 2

    def submit(self, func: Any, callback: Callable[[Any], None] | None = None) -> Pending:
        """Keep a batch for later; nothing is to be waited for before the results are asked for."""
        pending = Pending(list(func.items))
        self._waiting.append(pending)
        if callback is not None:
            callback(pending)
        return pending

    apply_async = submit

    def retrieve_result(self, out: Pending, timeout: float | None = None) -> list[Any]:
        """The results of a batch; the first one that is asked for has all of them run."""
        del timeout
        if out.results is None:
            waiting, self._waiting = self._waiting, []
            results = iter(self._run([call for each in waiting for call in each.calls], self._jobs))
            for each in waiting:
                each.results = [next(results) for _ in each.calls]
        assert out.results is not None
        return out.results

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Forget what waits."""
        del ensure_ready
        self._waiting = []
