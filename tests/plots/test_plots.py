"""Figures: every kind is drawn from the same arrays that the page draws, and nothing else."""

import io
import json
import warnings

import matplotlib as mpl
import numpy as np
import pytest

import danlu
from danlu import Choice, Float, Int
from danlu.analysis.importance import Importance, Share
from danlu.cli.insight import FIGURES
from danlu.cli.main import main
from danlu.errors import SettingError
from danlu.plots import labels
from danlu.plots.limits import limits
from danlu.plots.parameters import draw_importance, draw_parallel, draw_slices
from danlu.plots.plot import GRIDS, KINDS, _sized, arrays, axes_of

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
    assert len(axes) == (3 if kind in (*GRIDS, "rank") else 2 if kind == "surface" else 1)
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


def test_a_front_shows_itself_and_names_no_best(studies):
    result = result_of(studies, "two")
    page = result._repr_html_()
    front = result.history.incumbents.front
    assert f"front: {len(front)} trial" in page
    assert "best: trial" not in page
    assert all(f"trial {number}<" in page for number in sorted(front)[:10])


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


# What a figure may not hide, print twice, or print as boxes.


def table_of(values, maximize=False, names=("x",)):
    from danlu.analysis.trial_table import TrialTable, axis

    n = len(values)
    axes = tuple(axis(name, Float(0, 1)) for name in names)
    units = np.random.default_rng(0).random((n, len(names)))
    numbers = np.arange(n)
    return TrialTable(
        numbers, np.full(n, int(danlu.Status.DONE)), axes, units, ("acc" if maximize else "loss",), (maximize,),
        np.asarray(values, float)[:, None], numbers[:0], n,
    )  # fmt: skip


def values_of(maximize, wild):
    """120 values of which two are much better than the rest, and some share is wild on the bad side."""
    rng = np.random.default_rng(1)
    values = 0.9 + 0.02 * rng.random(120)
    values[[60, 61]] = 0.99 if maximize else 0.5
    bad = rng.choice(60, wild, replace=False)
    return values, bad


@pytest.mark.parametrize("maximize", [True, False])
@pytest.mark.parametrize("wild", [1, 4, 30])
@pytest.mark.parametrize("how", [40.0, 1e300])
def test_the_good_are_never_cut_and_the_wild_are_counted(maximize, wild, how):
    values, bad = values_of(maximize, wild)
    values[bad] = -how if maximize else how
    found = limits(values, maximize=maximize)
    assert found.low <= values[60] <= found.high
    rest = np.delete(values, bad)
    assert rest.min() >= found.low
    assert rest.max() <= found.high
    assert found.cut == wild
    assert found.high - found.low < 1.0
    panel = axes_of((3, 2))
    draw_slices(table_of(values, maximize), panel)
    bottom, top = panel.get_ylim()
    assert bottom <= values[60] <= top
    assert [text.get_text() for text in panel.texts] == [
        f"{wild} trial{'s' * (wild > 1)} {'below' if maximize else 'above'}"
    ]
    rim = panel.collections[-1].get_offsets()
    assert len(rim) == wild
    assert set(np.asarray(rim)[:, 1]) == {bottom if maximize else top}
    if (how, wild) == (1e300, 4):  # that can be drawn too
        panel.figure.savefig(io.BytesIO())


def test_what_is_not_wild_is_all_there():
    for values in (
        np.linspace(0, 1, 50),
        np.array([1.0]),
        np.array([2.0, 2.0, 2.0]),
        np.geomspace(1e-9, 10, 60),
    ):
        found = limits(values)
        assert (found.cut, found.low <= values.min(), values.max() <= found.high) == (0, True, True)
    assert limits(np.geomspace(1e-9, 10, 60)).log
    assert np.isnan(limits(np.array([np.nan, np.inf])).low)


def overlapping(labels, figure):
    """Pairs of labels whose boxes lie over each other as drawn."""
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in labels if label.get_text() and label.get_visible()]
    return [
        (one, two)
        for at, one in enumerate(boxes)
        for two in boxes[at + 1 :]
        if one.shrunk(0.9, 0.9).overlaps(two.shrunk(0.9, 0.9))
    ]


@pytest.mark.parametrize("count", [3, 60])
def test_names_of_many_parameters_do_not_overprint(count):
    names = [f"layers.{at}.attention.projection.dropout.probability.of.the.block" for at in range(count)]
    shares = tuple(Share(name, 1 / count, 0.0, 1.0) for name in names)
    figure = axes_of(_sized("importance", (5.5, 3.2), count))
    draw_importance(Importance("loss", "fanova", 40, shares), figure)
    assert not overlapping(figure.get_yticklabels(), figure.figure)
    assert len(figure.patches) == min(count, 30)
    if count > 30:
        assert f"{count - 30} more parameters" in figure.get_title()
    wide = axes_of(_sized("parallel", (9, 3.6), count))
    draw_parallel(table_of(np.linspace(0, 1, 30), names=names), wide)
    labels = wide.get_xticklabels()
    assert all(len(label.get_text()) <= 28 for label in labels)
    if labels[0].get_rotation() == 90:
        assert not overlapping(labels, wide.figure)
    wide.figure.canvas.draw()
    texts = [text.get_window_extent() for text in wide.texts]
    step = wide.transData.transform((1, 0))[0] - wide.transData.transform((0, 0))[0]
    assert all(text.width <= step for text in texts)


def test_whole_numbers_have_whole_ticks():
    result = danlu.tune(lambda t: t["k"], {"k": Int(1, 3)}, minimize="loss", trials=3, sampler="grid")
    panel = np.atleast_1d(result.plot("slices"))[0]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["1", "2", "3"]
    history = result.plot("history")
    history.figure.canvas.draw()
    assert all(float(tick).is_integer() for tick in history.get_xticks())


def test_letters_that_no_font_has_are_spelled_out_and_said_once(monkeypatch):
    space = {"学习率": Float(0, 1), "宽度": Int(1, 9)}
    result = danlu.tune(lambda t: t["学习率"], space, minimize="损失", trials=12, sampler="random", seed=0)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        monkeypatch.setattr(labels, "_installed", dict)
        panel = result.plot("slices")[0]
        panel.figure.savefig(io.BytesIO())
    told = [str(each.message) for each in said]
    assert told
    assert all("no font here has" in each and "fonts-noto-cjk" in each for each in told), told
    assert panel.get_xlabel() == "\\u5b66\\u4e60\\u7387"


def test_letters_that_a_font_has_are_drawn_with_it(monkeypatch):
    """DejaVu stands for a Chinese font: the chain is asked for what the figure's own font lacks, and no other."""
    monkeypatch.setattr(labels, "CHAIN", ("Chinese",))
    monkeypatch.setattr(labels, "_installed", lambda: {"Chinese": "chinese.ttf"})
    monkeypatch.setattr(
        labels,
        "_letters",
        lambda path: frozenset(range(0x4E00, 0x9FFF)) if path == "chinese.ttf" else frozenset(range(0x250)),
    )
    assert labels.legible(["学习率", "lr", "né"]) == ["学习率", "lr", "né"]
    panel = axes_of((3, 2))
    panel.set_xlabel("学习率")
    panel.set_ylabel("lr")
    labels.use_fonts([panel])
    assert panel.xaxis.label.get_fontfamily()[-1] == "Chinese"
    assert "Chinese" not in panel.yaxis.label.get_fontfamily()
