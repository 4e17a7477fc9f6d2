"""Figures: every kind is drawn from the same arrays that the page draws, and nothing else."""

import json

import matplotlib as mpl
import numpy as np
import pytest

import danlu
from danlu import Choice, Float, Int
from danlu.cli.insight import FIGURES
from danlu.cli.main import main
from danlu.errors import SettingError
from danlu.plots.plot import GRIDS, KINDS, arrays

mpl.use("agg")

SPACE = {"lr": Float(1e-4, 1, log=True), "n": Int(1, 9), "opt": Choice(["sgd", "adam"])}


def train(t):
    for step in range(1, 9):
        t.report(step, loss=t["lr"] + 1 / step + t["n"] / 50, acc=step / 8 * (1 - t["lr"]))


@pytest.fixture(autouse=True)
def closed():
    yield
    from matplotlib import pyplot as plt

    plt.close("all")


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("plots") / "study.db")
    goals = {"one": {"minimize": "loss"}, "two": {"minimize": "loss", "maximize": "acc"}}
    for name, goal in goals.items():
        danlu.tune(
            train,
            SPACE,
            trials=30,
            seed=1,
            store=path,
            name=name,
            sampler="random",
            scheduler="median" if name == "one" else "diverged",
            **goal,
        )
    return path


def result_of(path, name):
    from danlu.cli.show import load

    return load(path, name)


@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_is_drawn(studies, kind, tmp_path):
    result = result_of(studies, "two" if kind == "front" else "one")
    axes = np.atleast_1d(result.plot(kind))
    assert len(axes) == (3 if kind in GRIDS else 2 if kind == "surface" else 1)
    drawn = axes[0]
    marks = len(drawn.lines) + len(drawn.collections) + len(drawn.patches) + len(drawn.images)
    assert marks > 0
    drawn.figure.savefig(tmp_path / "figure.png")
    picture = mpl.image.imread(tmp_path / "figure.png")
    assert len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)) > 5


def test_a_history_shows_exactly_the_trials_and_the_best(studies):
    result = result_of(studies, "one")
    axes = result.plot("history")
    points = np.concatenate([np.asarray(each.get_offsets()) for each in axes.collections])
    points = points[np.argsort(points[:, 0])]
    assert points[:, 0].tolist() == list(range(30))
    assert points[:, 1].tolist() == [trial.value for trial in result.trials]
    assert axes.lines[-1].get_ydata()[-1] == result.best.value


def test_curves_mark_those_that_were_ended_early(studies):
    result = result_of(studies, "one")
    early = [t for t in result.trials if t.status.name == "STOPPED"]
    axes = result.plot("curves")
    marked = [line for line in axes.lines if line.get_marker() == "v" and len(line.get_xdata()) == 1]
    assert early
    assert sorted(line.get_ydata()[0] for line in marked) == sorted(
        t.curve.metrics["loss"][-1] for t in early
    )
    other = result.plot("curves", metric="acc")
    assert other.get_ylabel() == "acc"


def test_importance_and_effects_are_those_of_the_analyses(studies):
    result = result_of(studies, "one")
    axes = result.plot("importance", method="fanova")
    shares = result.analysis.importance(method="fanova").parameters
    assert [bar.get_width() for bar in axes.patches] == [share.share for share in shares[::-1]]
    panels = result.plot("effects")
    for panel, effect in zip(panels, arrays(result.history, "effects").effects, strict=False):
        assert panel.get_xlabel() == effect.axis.name
        if effect.axis.kind != "choice":
            assert panel.lines[0].get_ydata().tolist() == effect.mean.tolist()


def test_wrong_figures_are_sentences(studies):
    result = result_of(studies, "one")
    with pytest.raises(SettingError, match="no figure 'pie'"):
        result.plot("pie")
    with pytest.raises(SettingError, match="two metrics"):
        result.plot("front")
    with pytest.raises(SettingError, match="does not take that"):
        result.plot("timeline", metric="loss")
    with pytest.raises(SettingError, match="the goal has loss"):
        result.plot("history", metric="acc")


def test_a_study_and_a_trial_show_themselves_in_a_notebook(studies):
    result = result_of(studies, "one")
    page = result._repr_html_()
    assert page.count("<img") == 2
    assert f"trial {result.best.number}" in page
    trial = result.best._repr_html_()
    assert "<svg" in trial
    assert "polyline" in trial
    nasty = danlu.tune(lambda t: 1.0, {"<b>x": Choice(["<script>", "b"])}, trials=2, name="<i>")
    assert "<script>" not in nasty._repr_html_() + nasty.best._repr_html_()
    assert "<i>" not in nasty._repr_html_()


def test_a_study_without_results_shows_itself():
    with danlu.open_study({"x": Float(0, 1)}, minimize="loss", name="new") as study:
        study.ask()
        assert "1 running" in study.result._repr_html_()


# The command line.


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        main([str(each) for each in arguments])
    out = capsys.readouterr()
    return left.value.code or 0, out.out, out.err


def test_plot_writes_a_picture_or_its_arrays(studies, capsys, tmp_path):
    assert set(FIGURES) == set(KINDS)
    code, out, _ = run(
        capsys, "plot", studies, "contour", "one", "--x", "lr", "--y", "n", "-o", tmp_path / "a.svg"
    )
    assert code == 0
    assert "a.svg" in out
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")
    for kind in KINDS:
        code, out, _ = run(capsys, "plot", studies, kind, "two" if kind == "front" else "one", "--json")
        assert code == 0
        assert json.loads(out)
    code, _, err = run(capsys, "plot", studies, "history")
    assert code == 2
    assert "name one of the studies" in err


def test_diagnose_is_a_page(studies, capsys):
    code, out, _ = run(capsys, "diagnose", studies, "one")
    assert code == 0
    assert "best loss" in out
    assert "what mattered: lr" in out
    code, out, _ = run(capsys, "diagnose", studies, "one", "--json")
    page = json.loads(out)
    assert page["best"] == result_of(studies, "one").best.number
    assert {"importance", "findings", "troubles", "robustness", "savings"} <= set(page)
    code, out, _ = run(capsys, "diagnose", studies, "one", "--trial", "3")
    assert out.startswith("trial 3: ")
    code, _, err = run(capsys, "diagnose", studies, "one", "--trial", "99")
    assert code == 2
    assert "no trial 99" in err


def test_compare_groups_studies_by_store_or_by_name(capsys, tmp_path):
    space = {"x": Float(0, 1), "y": Float(0, 1)}
    for sampler in ("random", "gp"):
        for seed in range(5):
            for store, name in ((f"{sampler}.db", f"run{seed}"), ("all.db", f"{sampler}-{seed}")):
                danlu.tune(
                    lambda t: t["x"] ** 2 + t["y"] ** 2,
                    space,
                    trials=12,
                    sampler=sampler,
                    seed=seed,
                    store=str(tmp_path / store),
                    name=name,
                )
    code, out, _ = run(
        capsys, "compare", tmp_path / "random.db", tmp_path / "gp.db", "-o", tmp_path / "c.png"
    )
    assert code == 0
    assert out.index("gp, 5 studies") < out.index("random, 5 studies")
    assert "Wilcoxon" in out
    assert (tmp_path / "c.png").stat().st_size > 5000
    code, both, _ = run(capsys, "compare", tmp_path / "random.db", tmp_path / "gp.db", "--json")
    code, one, _ = run(capsys, "compare", tmp_path / "all.db", "--json")
    both, one = json.loads(both), json.loads(one)
    assert [group["best"] for group in one["groups"]] == [group["best"] for group in both["groups"]]
    code, _, err = run(capsys, "compare", tmp_path / "gp.db")
    assert code == 2
    assert "two groups" in err
