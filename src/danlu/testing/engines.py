"""What every engine has to keep."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from typing import Any

from ..contracts.messages import GO, Message, Outcome, Reply, Report, Task, Verdict
from ..contracts.protocols import Engine
from ..journal.events import Action, Cause

Make = Callable[[], Engine]
Check = Callable[[Make], None]


def runs_every_task_once(make: Make) -> None:
    """Each started trial ends in exactly one outcome, with what the objective returned."""
    outcomes = _run(make, _double, range(7))
    assert {number: outcome.returned for number, outcome in outcomes.items()} == {
        number: {"loss": 2.0 * number} for number in range(7)
    }


def passes_reports_and_verdicts(make: Make) -> None:
    """Reports arrive in order and a verdict ends the trial there."""
    steps: list[int] = []

    def answer(message: Message) -> Reply:
        if isinstance(message, Report):
            steps.append(message.step)
            return Verdict(Action.STOP, "enough") if message.step == 3 else GO
        return GO

    outcomes = _run(make, _long, [0], answer)
    assert steps == [1, 2, 3], f"steps {steps}"
    assert outcomes[0].verdict is Action.STOP, f"{outcomes[0]}"


def tells_an_exception_from_a_result(make: Make) -> None:
    """An objective that raises gives a cause and a sentence, and the next trial runs."""
    outcomes = _run(make, _odd_fails, range(4))
    causes = {number: outcome.cause for number, outcome in outcomes.items()}
    assert causes == {0: None, 1: Cause.RAISED, 2: None, 3: Cause.RAISED}
    assert "odd number 3" in outcomes[3].reason, outcomes[3].reason


def refuses_nonsense(make: Make) -> None:
    """A return value that is not a metric is said to be one."""
    outcomes = _run(make, _nonsense, range(3))
    assert {outcome.cause for outcome in outcomes.values()} == {Cause.INVALID}


def serves_one_study_after_another(make: Make) -> None:
    """Opened again while nothing runs, it runs the other objective, and answers go to the other study."""
    engine = make()
    first = _run(lambda: engine, _double, range(3), keeps=True)
    second = _run(lambda: engine, _odd_fails, range(3), keeps=True)
    third = _run(lambda: engine, _double, range(3))
    assert [first[number].returned for number in range(3)] == [{"loss": 2.0 * number} for number in range(3)]
    assert [second[number].cause for number in range(3)] == [None, Cause.RAISED, None]
    assert [third[number].returned for number in range(3)] == [first[number].returned for number in range(3)]


ENGINE_CHECKS: tuple[Check, ...] = (
    runs_every_task_once,
    passes_reports_and_verdicts,
    tells_an_exception_from_a_result,
    refuses_nonsense,
    serves_one_study_after_another,
)
"""All checks of engines."""


def _run(
    make: Make,
    objective: Any,
    numbers: Any,
    inner: Callable[[Message], Reply] = lambda _: GO,
    *,
    keeps: bool = False,
) -> dict[int, Outcome]:
    """Run trials through an engine as a study would; every outcome by trial."""
    outcomes: dict[int, Outcome] = {}
    waiting = list(numbers)
    total = len(waiting)

    def answer(message: Message) -> Reply:
        if isinstance(message, Outcome):
            assert message.trial not in outcomes, f"trial {message.trial} ended twice"
            outcomes[message.trial] = message
        return inner(message)

    engine = make()
    engine.open(objective, answer)
    deadline = time.monotonic() + 120
    try:
        with tempfile.TemporaryDirectory() as folder:
            started = 0
            while len(outcomes) < total:
                while waiting and started - len(outcomes) < engine.slots:
                    number = waiting.pop(0)
                    engine.start(Task(number, 1, {"n": number}, ("n",), 1, folder))
                    started += 1
                engine.poll(0.2)
                assert time.monotonic() < deadline, f"{total - len(outcomes)} trials never ended"
    except BaseException:
        engine.close()
        raise
    if not keeps:
        engine.close()
    return outcomes


def _double(trial: Any) -> dict[str, float]:
    return {"loss": 2.0 * trial["n"]}


def _long(trial: Any) -> None:
    for step in range(1, 100):
        trial.report(step, loss=1.0 / step)


def _odd_fails(trial: Any) -> float:
    if trial["n"] % 2:
        raise ValueError(f"odd number {trial['n']}")
    return 0.0


def _nonsense(trial: Any) -> Any:
    return ("a string", 1 + 2j, [1.0])[trial["n"]]
