"""Campaigns: programs of several studies that go on exactly where they were."""

import json
import math
import os
import random
import signal
import subprocess
import sys
import textwrap

import pytest
import torch
from click.testing import CliRunner
from places import FOLDERS
from test_crash import CrashingStore, Killed, deaths, essence

import danlu
import danlu.cli.main
from danlu import Float, Int, campaign, deep
from danlu.campaign.confirm import FRESH, SEARCH, Confirm, own_seed
from danlu.errors import CampaignLeft, DanluError, SettingError, SpaceMismatch, StudyExists, StudyMissing
from danlu.problem.budget import Budget
from danlu.problem.goal import Goal

SPACE = danlu.Space({"x": Float(-1, 1), "width": Int(1, 8)})
DEFAULT = {"x": 0.5, "width": 2}


def train(trial):
    """Resumable, and as uncertain as a training is: its seed matters."""
    seed = trial.context.get("seed", trial.seed)
    state = {"params": dict(trial), "seed": seed, "loss": 0.0}
    start = trial.restore(state)
    for step in range(start + 1, 4):
        state["loss"] = (trial["x"] - 0.25) ** 2 + 0.05 * random.Random(f"{seed}").random() + 0.1 / step
        trial.save(step, state)
        trial.report(step, loss=state["loss"])


def plan(trials=4, top=2, seeds=2, default=DEFAULT, looks=True, **how):
    search = campaign.Open(
        SEARCH, "the beginning", SPACE, Goal.of(minimize="loss"), Budget(trials=trials), "random"
    )
    return Confirm(search=search, top=top, seeds=seeds, default=default, looks=looks, **how)


def look(results):
    look.count += 1
    return {"best": results[FRESH].best.value}


look.count = 0


def conduct(store, chosen=None, name="both", objective=train, seed=3, engine=None, **how):
    return campaign.conduct(
        chosen or plan(), {SEARCH: objective, FRESH: objective}, store=store, name=name, engine=engine or danlu.engines.Inline(),
        seed=seed, looks={"test": look}, **how,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def no_looks_yet():
    look.count = 0


def told(done):
    judged = [(each.subject, each.verdict, each.evidence) for each in done.own.definition.campaign.judgments]
    return {stage: essence(result) for stage, result in done.results.items()}, judged, done.reason


def test_a_campaign_searches_confirms_adopts_and_looks_once(tmp_path):
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    done = conduct(store)
    assert store.studies() == ["both", "both/search", "both/confirm"]
    assert len(done.results[SEARCH].trials) == 4
    assert len(done.results[FRESH].trials) == 6, "two of the search and the default, two seeds each"
    assert [(each.subject, each.verdict.split()[0]) for each in done.own.definition.campaign.judgments][
        1
    ] == ("test", "looked")
    winner = done.judged("winner")
    assert "over 2 fresh seeds" in winner.reason
    fresh = [each["fresh"] for each in winner.evidence["candidates"]]
    assert sum(fresh[0]) == min(map(sum, fresh))
    again = conduct(store)
    assert told(again) == told(done)
    assert look.count == 1
    assert "stage confirm is the study 'both/confirm'" in " ".join(
        text for _, text in again.own.decisions.log
    )


def test_candidates_are_known_by_what_they_are_when_the_search_is_extended(tmp_path):
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    first = conduct(store, plan(trials=4, top=1, seeds=1))
    more = conduct(store, plan(trials=20, top=2, seeds=3))
    assert essence(more.results[SEARCH])[:4] == essence(first.results[SEARCH])
    check(more, store)
    assert look.count == 2, "another winner, or more seeds: another look, and both are kept"
    assert (
        len(
            {
                each.evidence["key"]
                for each in more.own.definition.campaign.judgments
                if each.subject == "test"
            }
        )
        == 2
    )


def check(done, store):
    """Every run of every candidate has the network of its own parameters and seed, and candidates have the search's numbers."""
    search, fresh = done.results[SEARCH], done.results[FRESH]
    candidates = plan(top=1, seeds=1).candidates(done.results)
    for each in candidates:
        assert each.trial == -1 or search.trials[each.trial].params == each.params
        for run, score in zip(each.runs, each.fresh, strict=True):
            state = {}
            fresh.restore(state, trial=run)
            assert state["params"] == each.params
            assert state["seed"] == own_seed(fresh.history, run)
            assert score == pytest.approx(min(fresh.trials[run].curve.metrics["loss"]))
    return candidates


@pytest.mark.parametrize("rounds", [8, pytest.param(60, marks=pytest.mark.fault)])
def test_no_extension_hands_a_trial_what_is_anothers(rounds, tmp_path, promised):
    extensions = 0
    for seed in range(rounds):
        dice = random.Random(seed)
        store, trials, top, seeds = danlu.stores.SqliteStore(tmp_path / f"{seed}.db"), 1, 1, 1
        for _ in range(5):
            trials, top, seeds = (
                trials + dice.randrange(5),
                top + dice.randrange(2),
                seeds + dice.randrange(2),
            )
            done = conduct(store, plan(trials, top, seeds, dice.choice([DEFAULT, None])), seed=seed)
            candidates = check(done, store)
            whole = [each for each in candidates if len(each.fresh) == seeds]
            assert len(whole) >= min(top, trials)
            extensions += 1
        store.close()
    promised(
        30,
        extensions,
        "campaigns extended at random: every candidate with its own parameters, seeds and network",
    )


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.fault)])
def test_a_crash_at_every_append_of_a_campaign_changes_nothing(every, tmp_path, promised):
    died, _ = deaths(lambda store: conduct(store, plan(trials=3, top=1, seeds=2)), told, tmp_path, every)
    promised(30, died, "deaths before and after appends of a campaign: the same as without")


@pytest.mark.parametrize("every", [17, pytest.param(1, marks=pytest.mark.fault)])
def test_a_crash_at_any_append_of_a_tuned_network_changes_nothing(every, tmp_path, promised):
    data = deep.datasets.breast_cancer()

    def run(store):
        try:
            tuned = deep.tune(
                "tabular", data, trials=2, epochs=2, top=1, seeds=1, store=store, scheduler="none", seed=1
            )
            weights = [
                each.sum().item() for each in tuned.model.state_dict().values() if each.is_floating_point()
            ]
            return essence(tuned.result), tuned.candidates, tuned.tests, weights
        finally:
            store.close()

    whole = CrashingStore(tmp_path / "whole.db", at=0, written=False)
    expected = repr(run(whole))
    died = 0
    for at in range(1, whole.count + 1, every):
        path = tmp_path / f"{at}.db"
        store = CrashingStore(path, at, written=bool(at % 2))
        try:
            run(store)
        except Killed:
            assert store.dead
        else:  # the clock says after which epochs a checkpoint is saved, so one run appends less than another
            assert store.count < at
            continue
        assert repr(run(CrashingStore(path, 0, written=False))) == expected, at
        died += 1
    promised(30, died, "deaths at appends of deep.tune: the same winner, scores and network as without")


def test_a_tuned_network_is_loaded_again_without_training(tmp_path):
    folder = tmp_path / "s.db"
    data = deep.datasets.breast_cancer()
    tuned = deep.tune(
        "tabular", data, trials=3, epochs=3, top=1, seeds=2, store=folder, study="cancer", seed=1
    )
    with pytest.raises(SettingError, match="data=..."):
        danlu.load(folder, "cancer")
    again = danlu.load(folder, "cancer", data=data)
    assert (again.candidates, again.tests, again.metric) == (tuned.candidates, tuned.tests, tuned.metric)
    with torch.no_grad():
        assert torch.equal(again.model.cpu()(data.test.x.cpu()), tuned.model.cpu()(data.test.x.cpu()))
    assert deep.test(again.model, data) in tuned.tests["tuned"]
    assert danlu.load(folder, "cancer/search").best.params == tuned.result.best.params


def test_data_of_a_path_is_found_again_and_a_change_is_said(tmp_path, capsys):
    file = tmp_path / "table.csv"
    rows = [f"{i % 7},{i % 5},{(i % 7) * 2 + (i % 5)}" for i in range(120)]
    file.write_text("a,b,target\n" + "\n".join(rows) + "\n")
    deep.tune("tabular", file, trials=2, epochs=2, top=1, seeds=1, store=tmp_path / "s.db", study="table")
    capsys.readouterr()
    assert danlu.load(tmp_path / "s.db", "table").best.trial >= 0
    assert "has changed" not in capsys.readouterr().err
    file.write_text("a,b,target\n" + "\n".join(rows[::-1]) + "\n")
    danlu.load(tmp_path / "s.db", "table")
    assert "the data of 'table' has changed since it was tuned" in capsys.readouterr().err


def test_what_is_not_there_or_not_done_is_said(tmp_path):
    store = tmp_path / "s.db"
    with pytest.raises(StudyMissing, match="no store"):
        danlu.load(store, "none")
    danlu.tune(lambda t: t["x"], {"x": Float(0, 1)}, trials=1, store=store, name="plain")
    with pytest.raises(StudyMissing, match="which has plain"):
        danlu.load(store, "none")
    with pytest.raises(DanluError, match="is a study"):
        danlu.load(store, "plain", data=3)
    with pytest.raises(StudyExists, match="a study of its own"):
        conduct(danlu.stores.SqliteStore(store), name="plain")
    done = conduct(danlu.stores.SqliteStore(store))
    assert told(danlu.load(store, "both"))[0] == told(done)[0]
    with pytest.raises(StudyExists, match=r"is a campaign, whose studies are both/search, both/confirm"):
        danlu.tune(lambda t: t["x"], {"x": Float(0, 1)}, trials=1, store=store, name="both")
    with pytest.raises(StudyExists, match="of the kind 'confirm'"):
        conduct(danlu.stores.SqliteStore(store), plan(name="other"))
    with pytest.raises(SettingError, match="has seed 3, not 4"):
        conduct(danlu.stores.SqliteStore(store), seed=4)
    danlu.tune(lambda t: t["x"], {"x": Float(0, 1)}, trials=1, store=store, name="mine/search")
    with pytest.raises(DanluError, match="mine"):
        conduct(danlu.stores.SqliteStore(store), name="mine")


@pytest.mark.parametrize(("top", "seeds"), [(0, 1), (1, 0), (True, 1), (1, 1.5)])
def test_settings_out_of_range_are_refused(top, seeds):
    with pytest.raises(SettingError, match="a whole number >= 1"):
        plan(top=top, seeds=seeds)


def test_a_candidate_that_fails_on_a_fresh_seed_comes_last():
    def fragile(trial):
        train(trial)
        if "seed" in trial.context and trial["x"] == 0.5:
            raise RuntimeError("not on this seed")

    done = conduct(danlu.stores.MemoryStore(), objective=fragile)
    candidates = plan().candidates(done.results)
    assert math.isnan(candidates[-1].mean)
    assert candidates[-1].params == DEFAULT
    assert not math.isnan(candidates[0].mean)


def test_when_no_candidate_can_be_trained_that_is_said():
    def fails(trial):
        train(trial)
        if "seed" in trial.context:
            raise RuntimeError("never on a fresh seed")

    with pytest.raises(DanluError, match="never on a fresh seed"):
        conduct(danlu.stores.MemoryStore(), objective=fails)


def pids(trial):
    trial.log(pid=os.getpid())
    train(trial)


def test_one_pool_serves_all_stages(tmp_path):
    done = conduct(
        danlu.stores.SqliteStore(tmp_path / "s.db"), objective=pids, engine=danlu.engines.Pool(workers=2)
    )
    used = {stage: {trial.facts["pid"] for trial in result.trials} for stage, result in done.results.items()}
    assert len(used[SEARCH]) <= 2
    assert used[FRESH] <= used[SEARCH], "workers stay warm"


def test_choices_of_things_by_name_reach_every_stage():
    space = danlu.Space({"square": danlu.Choice({"yes": abs, "no": float})})

    def calls(trial):
        return trial["square"](-2.0 - 0.001 * (trial.context.get("seed", 0) % 7))

    search = campaign.Open(
        SEARCH, "the beginning", space, Goal.of(minimize="value"), Budget(trials=2), "grid"
    )
    done = conduct(danlu.stores.MemoryStore(), Confirm(search=search, top=2, seeds=2), objective=calls)
    assert done.results[FRESH].best.params == {"square": "no"}
    assert len(done.results[FRESH].trials) == 4


def test_a_space_is_widened_on_purpose():
    wide = danlu.Space({"x": Float(-2, 2), "width": Int(1, 8)})

    class Twice:
        kind = "twice"
        settings = {}  # noqa: RUF012 - as its protocol has it

        def next(self, own, known):
            first = campaign.Open("one", "first", SPACE, Goal.of(minimize="loss"), Budget(trials=3), "random")
            if "one" not in known:
                return first
            if not own.definition.campaign.judgments:
                return campaign.Judge("range", "wider", "the best lies at a bound", {"x": 2})
            if len(known["one"].trials) < 6:
                then = campaign.Open(
                    "one",
                    "the best lies at a bound",
                    wide,
                    Goal.of(minimize="loss"),
                    Budget(trials=6),
                    "random",
                )
                return campaign.Widen(then)
            return campaign.Done("twice")

    store = danlu.stores.MemoryStore()
    done = campaign.conduct(
        Twice(), {"one": train}, store=store, name="twice", engine=danlu.engines.Inline(), seed=1
    )
    assert len(done.results["one"].trials) == 6
    assert done.results["one"].history.space.slots[0].parameter.high == 2
    assert [why for _, why in done.own.decisions.log if "the best lies at a bound" in why]
    with pytest.raises(SpaceMismatch):
        campaign.conduct(
            Twice(), {"one": train}, store=store, name="twice", engine=danlu.engines.Inline(), seed=1
        )


LEAVES = """
import os, signal, sys
sys.path[:0] = {tests!r}
import danlu
from danlu import campaign
from test_campaign import conduct, plan, train
from danlu.errors import CampaignLeft

def told(trial):
    stage = "confirm" if "seed" in trial.context else "search"
    if stage == {stage!r} and trial.number == 1:
        os.kill(os.getpid(), signal.{signal})
    train(trial)

try:
    done = conduct(danlu.stores.SqliteStore({store!r}), objective=told)
except CampaignLeft as error:
    print("left:", error)
"""


@pytest.mark.parametrize("stage", ["search", "confirm"])
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 0), ("SIGTERM", 143)])
def test_a_signal_in_any_stage_leaves_it_to_be_gone_on_with(stage, name, code, tmp_path):
    store = str(tmp_path / "s.db")
    program = LEAVES.format(tests=FOLDERS, stage=stage, signal=name, store=store)
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == code, ran.stderr
    assert "Traceback" not in ran.stderr
    if name == "SIGINT":
        assert f"was left in its stage '{stage}'" in ran.stdout
    done, whole = conduct(danlu.stores.SqliteStore(store)), conduct(danlu.stores.MemoryStore())
    assert told(done)[1:] == told(whole)[1:]


def test_the_command_line_shows_the_tree_of_studies(tmp_path):
    store = tmp_path / "s.db"
    conduct(danlu.stores.SqliteStore(store))
    danlu.tune(lambda t: t["x"], {"x": Float(0, 1)}, trials=2, store=store, name="alone")
    shown = CliRunner().invoke(danlu.cli.main.danlu, ["show", str(store)]).output
    lines = [line for line in shown.splitlines() if "both" in line or "alone" in line]
    assert [line.strip().split()[0] for line in lines] == ["both", "both/search", "both/confirm", "alone"]
    assert lines[1].startswith("  ")
    one = CliRunner().invoke(danlu.cli.main.danlu, ["show", str(store), "both"]).output
    assert "was adopted" in one or "the default was kept" in one
    assert "looked at" in one
    raw = CliRunner().invoke(danlu.cli.main.danlu, ["show", str(store), "both", "--json"]).output
    assert json.loads(raw)["stages"] == {"search": "both/search", "confirm": "both/confirm"}


def test_a_campaign_is_deleted_with_its_studies_and_can_be_made_anew(tmp_path):
    store = tmp_path / "s.db"
    whole = told(conduct(danlu.stores.SqliteStore(store)))
    danlu.tune(lambda t: t["x"], {"x": Float(0, 1)}, trials=2, store=store, name="alone")
    asked = CliRunner().invoke(danlu.cli.main.danlu, ["delete", str(store), "--study", "both"], input="n\n")
    assert "the campaign both with both/search, both/confirm (10 done)" in asked.output
    assert danlu.stores.SqliteStore(store).studies() == ["both", "both/search", "both/confirm", "alone"]
    done = CliRunner().invoke(danlu.cli.main.danlu, ["delete", str(store), "--study", "both", "--yes"])
    assert done.exit_code == 0, done.output
    assert danlu.stores.SqliteStore(store).studies() == ["alone"]
    assert told(conduct(danlu.stores.SqliteStore(store))) == whole


def test_a_campaign_is_exported_backed_up_and_checked_like_a_study(tmp_path):
    store = tmp_path / "s.db"
    conduct(danlu.stores.SqliteStore(store))
    for words in (
        ["check", str(store)],
        ["backup", str(store), str(tmp_path / "copy.db")],
        ["gc", str(store)],
    ):
        ran = CliRunner().invoke(danlu.cli.main.danlu, words)
        assert ran.exit_code == 0, ran.output
    assert told(danlu.load(tmp_path / "copy.db", "both")) == told(danlu.load(store, "both"))
    file = tmp_path / "both.jsonl"
    assert (
        CliRunner().invoke(danlu.cli.main.danlu, ["export", str(store), "both", "-o", str(file)]).exit_code
        == 0
    )
    assert (
        CliRunner().invoke(danlu.cli.main.danlu, ["import", str(file), str(tmp_path / "new.db")]).exit_code
        == 0
    )
    own = danlu.load(tmp_path / "new.db", "both").own
    assert [each.verdict for each in own.definition.campaign.judgments] == [
        each.verdict for each in danlu.load(store, "both").own.definition.campaign.judgments
    ]


def test_a_campaign_is_steered_by_its_studies(tmp_path):
    store = tmp_path / "s.db"
    conduct(danlu.stores.SqliteStore(store))
    told = CliRunner().invoke(danlu.cli.main.danlu, ["steer", str(store), "stop", "both"])
    assert told.exit_code != 0
    assert "Steer one of its studies: both/search, both/confirm" in told.output
    done = CliRunner().invoke(danlu.cli.main.danlu, ["steer", str(store), "stop", "both/search"])
    assert done.exit_code == 0, done.output


def test_a_stage_that_is_left_says_what_it_has_found():
    error = CampaignLeft("left", 3)
    assert error.result == 3
    assert signal.SIGTERM


OTHER = """
import sys, time
sys.path[:0] = {tests!r}
import danlu
from test_campaign import conduct, plan, train

def slow(trial):
    time.sleep(0.7 if trial.context else 0.0)
    train(trial)

conduct(danlu.stores.SqliteStore({store!r}), plan(trials=4, top=3, seeds=1), objective=slow)
"""


def test_two_drivers_of_a_campaign_name_one_winner(tmp_path):
    """A stage is over when its trials are, whoever runs them: nobody is judged by a part of its fresh seeds."""
    store = str(tmp_path / "s.db")
    program = OTHER.format(tests=FOLDERS, store=store)
    other = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    watching, confirming = danlu.stores.SqliteStore(store), "both/confirm"
    while confirming not in watching.studies() or not list(watching.journal(confirming).read(2)):
        assert other.poll() is None, other.communicate()[1]
    done = conduct(danlu.stores.SqliteStore(store), plan(trials=4, top=3, seeds=1))
    assert not done.results[FRESH].history.rows.live[danlu.Status.RUNNING]
    assert told(done) == told(conduct(danlu.stores.MemoryStore(), plan(trials=4, top=3, seeds=1)))
    err = other.communicate(timeout=60)[1]
    assert not other.returncode, err
