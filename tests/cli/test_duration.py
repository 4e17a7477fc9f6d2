"""A time that makes no sense is refused under the name of its own option."""

import pytest
from click.testing import CliRunner

from danlu.cli.main import danlu as main

ZERO = "it has to be above 0, got '0s'. Leave it out for no limit."
READS = "a time reads like 90s, 15m or 1h30m, got '9x'."


@pytest.mark.parametrize(
    ("words", "option", "said"),
    [
        ("run f.py:f --trial-time 0s", "--trial-time", ZERO),
        ("run f.py:f --time 0s", "--time", ZERO),
        ("run f.py:f --trial-time 9x", "--trial-time", READS),
        ("run f.py:f --trial-memory 0", "--trial-memory", "0 is not in the range x>=1."),
        ("tune tabular --data friedman --time 0s", "--time", ZERO),
        ("worker s.db --study s --wait 9x", "--wait", READS),
        ("worker s.db --study s --wait ²", "--wait", READS.replace("9x", "²")),
    ],
)
def test_a_time_is_refused_by_the_name_of_its_option(words, option, said):
    ran = CliRunner().invoke(main, words.split())
    assert ran.exit_code == 2
    assert ran.output.strip().endswith(f"Invalid value for '{option}': {said}")


@pytest.mark.parametrize(("given", "seconds"), [("0", 0.0), ("1.5", 1.5), ("2m", 120.0), ("0s", 0.0)])
def test_a_worker_waits_for_a_time_or_for_bare_seconds(given, seconds, monkeypatch):
    heard = {}

    def work(store, name, objective, **more):
        heard.update(more)
        raise SystemExit(7)

    monkeypatch.setattr("danlu.study.work.work", work)
    assert CliRunner().invoke(main, ["worker", "s.db", "--study", "s", "--wait", given]).exit_code == 7
    assert heard["wait"] == seconds


@pytest.mark.parametrize(("given", "seconds"), [([], None), (["--time", "1m30s"], 90.0)])
def test_a_budget_of_time_is_left_out_or_in_seconds(given, seconds, monkeypatch, tmp_path):
    heard = {}

    def tune(what, space, **more):
        heard.update(more)
        raise SystemExit(7)

    monkeypatch.setattr("danlu.study.tune.tune", tune)
    (tmp_path / "f.py").write_text("def f(trial):\n    return 1\n")
    assert CliRunner().invoke(main, ["run", f"{tmp_path}/f.py:f", *given]).exit_code == 7
    assert heard["time"] == seconds
    assert heard["trial_limits"].time is None
