"""The page's own modules, each by itself, in the browser that they are written for: ranges, numbers, states, text, colors, selections."""

import base64
import json
import math
import random
import shlex
from itertools import pairwise

import numpy as np
import pytest
from browsing import launched

import danlu
from danlu import Choice, Float, Int
from danlu.analysis.selection import select
from danlu.analysis.trial_table import tick_labels
from danlu.base.plain import packed
from danlu.dashboard import views
from danlu.dashboard.errors import errors
from danlu.dashboard.page import modules, static


@pytest.fixture(scope="module")
def module():
    """Calls a function of a module with JSON: ``module("range", "span", values, {...})``; modules are those of the package."""
    held = {
        name: f"data:text/javascript;base64,{base64.b64encode(path.read_bytes()).decode()}"
        for name, path in modules().items()
    }
    style = (static() / "style.css").read_text("utf-8")
    with launched() as chrome:
        page = chrome.new_page()
        page.set_content(
            f'<html><head><style>{style}</style><script type="importmap">{json.dumps({"imports": held})}</script></head><body></body></html>'
        )
        script = """async ([name, code, given]) => { const m = await import(`danlu/${name}`); return JSON.stringify(eval(code)(m, ...given), (_, v) => v === Infinity ? "∞" : v); }"""

        def call(name, what, *given):
            code = what if "=>" in what else f"(m, ...given) => m.{what}(...given)"
            return json.loads(page.evaluate(script, [name, code, list(given)]))

        call.page = page
        yield call


# Ranges: the good end is always shown, what lies far out at the other end is marked and counted.


def usual(kind, count=120):
    draw = random.Random(3)
    return [
        getattr(draw, kind)(*{"gauss": (5, 1), "uniform": (0, 1), "expovariate": (1,)}[kind])
        for _ in range(count)
    ]


@pytest.mark.parametrize("kind", ["gauss", "uniform", "expovariate"])
@pytest.mark.parametrize("maximize", [True, False, None])
def test_of_ordinary_values_nothing_is_cut(module, kind, maximize):
    values = usual(kind)
    shown = module("range", "span", values, {"maximize": maximize, "log": False})
    assert (shown["above"], shown["below"], shown["nowhere"]) == (0, 0, 0)
    assert shown["low"] < min(values)
    assert shown["high"] > max(values)


@pytest.mark.parametrize("share", [1, 3, 20, 40, 60, 90])
@pytest.mark.parametrize("far", [40.0, 1e6, 1e300])
@pytest.mark.parametrize("maximize", [True, False])
def test_any_share_of_outliers_is_left_at_the_rim_and_counted(module, share, far, maximize):
    values = usual("uniform")
    count = max(1, share * 120 // 100)
    values[:count] = [far * (1 + at / 1000) for at in range(count)]
    sign = -1 if maximize else 1
    shown = module("range", "span", [sign * value for value in values], {"maximize": maximize, "log": False})
    bad, good = ("below", "above") if maximize else ("above", "below")
    assert shown[bad] == count
    assert shown[good] == 0
    assert shown["high"] - shown["low"] < 3


@pytest.mark.parametrize("maximize", [True, False])
def test_the_best_are_shown_however_far_they_are_from_the_rest(module, maximize):
    """The study of the issue: 0.90 to 0.92, one broken trial, and the best two far away at the good side."""
    sign = 1 if maximize else -1
    values = [sign * (0.9 + value / 50) for value in usual("uniform")]
    values[7], values[60], values[61] = 0.0 if maximize else 40.0, sign * 0.99, sign * 0.99
    shown = module("range", "span", values, {"maximize": maximize, "log": None})
    assert (
        shown["low"] < max(values) < shown["high"] if maximize else shown["low"] < min(values) < shown["high"]
    )
    assert shown["below" if maximize else "above"] == 1
    assert shown["high"] - shown["low"] < 0.2
    whole = module("range", "span", values, {"maximize": maximize, "whole": True})
    assert (whole["above"], whole["below"]) == (0, 0)
    assert whole["low"] < min(values) < max(values) < whole["high"]


def test_where_neither_side_is_good_both_are_cut_and_where_one_is_only_the_other(module):
    values = [*usual("gauss"), 1e9, -1e9, -1e300]
    assert [module("range", "span", values, {"maximize": None})[side] for side in ("above", "below")] == [
        1,
        2,
    ]
    up = module("range", "span", values, {"maximize": True})
    assert (up["above"], up["high"] > 1e9) == (0, True)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [3.0],
        [2.0, 2.0],
        [1e308, -1e308, 0.0],
        [5e-324, 1e-300],
        [0.0, 0.0, 1.0],
        [1.0] * 80 + [0.5, 0.7, 0.9, 1e9],
    ],
)
@pytest.mark.parametrize("log", [True, False, None])
def test_a_range_is_finite_and_rises_whatever_the_values(module, values, log):
    shown = module("range", "span", values, {"maximize": False, "log": log})
    assert -math.inf < shown["low"] < shown["high"] < math.inf
    assert not shown["log"] or shown["low"] > 0
    assert shown["nowhere"] == (sum(value <= 0 for value in values) if shown["log"] else 0)
    if shown["log"]:
        assert shown["nowhere"] + sum(shown["low"] <= value for value in values if value > 0) == len(values)


def test_wild_values_are_no_reason_for_a_logarithm_and_many_sizes_are(module):
    values = [0.3 + value for value in usual("uniform")]
    assert not module("range", "span", [*values, *[1e300] * 9], {"log": None})["log"]
    assert module("range", "span", [10 ** (-9 + 10 * value) for value in values], {"log": None})["log"]
    assert module("range", "span", values, {"log": True})["log"]
    assert not module("range", "span", [-1.0, -2.0], {"log": True})["log"]  # nothing there has a logarithm


def test_what_is_outside_is_at_the_rim_it_lies_beyond(module):
    shown = {"low": 1, "high": 10, "log": True}
    assert [module("range", "inside", shown, value) for value in (-3, 0, 0.5, 4, 11)] == [
        [1, -1],
        [1, -1],
        [1, -1],
        [4, 0],
        [10, 1],
    ]


# Numbers.


@pytest.mark.parametrize(
    ("low", "high", "how"),
    [(1, 3, {"whole": True}), (0, 60, {"whole": True}), (1e-9, 10, {"log": True}), (1e-12, 1, {"log": True}), (8, 32, {"log": True}), (0.5, 40, {"log": True}),
     (-1.9635e9, -1.9599e9, {}), (1e9, 5e9, {}), (1e-9, 2e-9, {}), (0.92, 0.9201, {}), (0, 1e300, {}), (-3, 7, {}), (1e9, 1e9 + 0.5, {}), (1e-300, 1e300, {"log": True}), (-1e308, 1e308, {}), (0, 0.1, {})],
)  # fmt: skip
def test_ticks_are_few_exact_and_none_is_doubled(module, low, high, how):
    marks = module("format", "ticks", low, high, how)
    texts = module("format", "labels", marks)
    assert 2 <= len(marks) <= 12
    assert marks == sorted(set(marks))
    assert all(low - 1e-9 * abs(low) <= mark <= high + 1e-9 * abs(high) for mark in marks)
    assert len(set(texts)) == len(texts)
    gap = min(b / 2 - a / 2 for a, b in pairwise(marks))
    for mark, text in zip(marks, texts, strict=True):
        assert abs(float(text) - mark) <= 2e-3 * gap
        assert len(text) <= 16
    if how.get("whole"):
        assert all(text.lstrip("-").isdigit() for text in texts)


@pytest.mark.parametrize(
    "marks",
    [
        [1, 2, 3],
        [0.001, 0.1, 1],
        [-1.9634e9, -1.963e9, -1.96e9],
        [1e-12, 1e-9, 1e-6],
        [0, 0.25, 0.5],
        [1e-9, 1.5e-9, 2e-9],
        [16, 100, 1000, 4096],
    ],
)
def test_axes_made_by_the_server_are_labeled_as_those_of_the_page(module, marks):
    assert [float(text) for text in module("format", "labels", marks)] == [
        float(text) for text in tick_labels(marks)
    ]


def test_values_that_differ_are_written_differently(module):
    tell = "(m, values) => { const text = m.among(values); return values.map(text); }"
    for values in (
        [-1.96e9, -1.9634e9, -1.96341e9],
        [0.1, 0.10000001],
        [1.0, 1 + 2**-52],
        [1e300, 1.0000001e300],
        [3, 3.5],
    ):
        assert len(set(module("format", tell, values))) == len(values)
    assert module("format", tell, [0.25, 0.5]) == ["0.25", "0.5"]
    assert [
        module("format", "show", value) for value in (0.1 + 0.2, 1e-5, 1e300, 123456789, 1 / 3, True, None, 0)
    ] == ["0.3", "1e-5", "1e300", "123456789", "0.333333", "True", "None", "0"]


def test_durations_never_carry_sixty_seconds(module):
    told = [
        module("numbers", "duration", seconds) for seconds in (7.1e-5, 0.5, 9.96, 59.6, 119.7, 3599.8, 7199)
    ]
    assert told == ["0.071 ms", "500 ms", "10 s", "1 min 0 s", "2 min 0 s", "1 h 0 min", "2 h 0 min"]


# Text.


def test_names_are_shortened_in_their_middle_and_numbers_never(module):
    cut = """(m, name, width) => { const c = document.createElement("canvas").getContext("2d"); c.font = "11px sans-serif";
        const text = m.named(c, name, width); return [text, c.measureText(text).width]; }"""
    long = "optimizer_group_of_the_backbone_network_learning_rate_alpha"
    text, width = module("text", cut, long, 90)
    assert width <= 90
    assert (text[0], "…" in text, long.endswith(text.split("…")[1])) == ("o", True, True)
    assert module("text", cut, "0.000123456", 5)[0] == "0.000123456"
    assert len(module("text", "shortened", long, 20)) == 20


def test_labels_that_would_meet_are_left_out(module):
    labels = [{"at": 10 * at, "size": 24} for at in range(60)]
    kept = module("text", "apart", labels)
    assert [kept[0]["at"], kept[-1]["at"]] == [0, 590]
    assert all(b["at"] - a["at"] >= 24 for a, b in pairwise(kept))
    assert len(kept) > 15


# Files.


def test_what_is_drawn_for_a_file_looks_as_on_the_canvas(module):
    """The same drawing on a canvas, and through SVG: shown by the browser, the two hardly differ."""
    code = """async (m) => {
      const { frame, mark, ring, beyond } = await import("danlu/canvas");
      const small = document.createElement("canvas");
      [small.width, small.height] = [2, 2];
      const dots = small.getContext("2d"); dots.fillStyle = "#00f"; dots.fillRect(0, 0, 1, 1);
      const colors = { line: "#d9dee4", dim: "#59636e", text: "rgb(1 2 3)", paper: "#fff" };
      const draw = (c, width, height) => {
        const box = frame(c, width, height, colors, { x: { low: 0, high: 9, whole: true }, y: { low: 1e-3, high: 10, log: true }, xLabel: "a < b & c", yLabel: "损失 \u0007", missing: "no value" });
        c.imageSmoothingEnabled = false;
        c.drawImage(small, box.left + 40, box.top, 60, 30);
        ["done", "failed", "stopped", "paused", "running"].forEach((status, at) => { c.fillStyle = `rgb(${50 * at} 90 120)`; mark(c, box.xAt(at), box.yAt(0.1), status, 8); });
        c.fillStyle = "rgb(200 0 0 / 0.5)"; c.globalAlpha = 0.5; c.fillRect(box.left + 200, box.bottom, 60, -50); c.globalAlpha = 1;
        ring(c, box.xAt(8), box.yAt(1), colors); beyond(c, box.xAt(7), box, 1);
        c.setLineDash([4, 3]); c.strokeStyle = "tomato"; c.lineWidth = 3; c.strokeRect(box.left + 120, box.top + 60, 50, 40); c.setLineDash([]);
      };
      const pixels = (c) => c.getImageData(0, 0, 400, 300).data;
      const on = () => { const canvas = document.createElement("canvas"); [canvas.width, canvas.height] = [400, 300]; const c = canvas.getContext("2d"); c.fillStyle = "#fff"; c.fillRect(0, 0, 400, 300); return c; };
      const one = on(); draw(one, 400, 300);
      const text = m.svg("t", [{ draw, x: 0, y: 0, width: 400, height: 300 }], { width: 400, height: 300, paper: "#fff", text: "#fff", margin: 0, heading: 0 });
      const read = new DOMParser().parseFromString(text, "image/svg+xml");
      const picture = new Image(); picture.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
      await picture.decode();
      const two = on(); two.drawImage(picture, 0, 0);
      const [a, b] = [pixels(one), pixels(two)];
      let off = 0, inked = 0;
      for (let i = 0; i < a.length; i += 4) { const away = Math.abs(a[i] - b[i]) + Math.abs(a[i + 1] - b[i + 1]) + Math.abs(a[i + 2] - b[i + 2]); off += away > 200; inked += a[i] + a[i + 1] + a[i + 2] < 700; }
      let refused = ""; try { new m.SvgContext().arc(0, 0, 1, 0, 2); } catch (error) { refused = error.message; }
      return { error: read.querySelectorAll("parsererror").length, texts: [...read.querySelectorAll("text")].map((each) => each.textContent), off: off / inked, inked, refused };
    }"""
    found = json.loads(
        module.page.evaluate(f"async () => JSON.stringify(await ({code})(await import('danlu/svg')))")
    )
    assert found["error"] == 0
    assert "a < b & c" in found["texts"]
    assert "损失 " in found["texts"]
    assert found["inked"] > 4000
    assert found["off"] < 0.12  # letters, by a part of a pixel
    assert "no circle" in found["refused"]


# Axes.


def test_axes_are_moved_turned_over_and_left_out_by_name(module):
    names = ["a", "b", "c", "d"]

    def shown(place):
        return module("axes", "(m, names, place) => m.arranged(names, place).shown", names, place)

    def change(place, what, *given):
        after = place | (module("axes", what, *given) or {})
        return {name: text for name, text in after.items() if text}

    assert shown({}) == names
    place = change({}, "moved", names, {}, "d", 0)
    assert shown(place) == ["d", "a", "b", "c"]
    place = change(place, "moved", names, place, "d", 2)
    assert shown(place) == ["a", "b", "d", "c"]
    place = change(place, "leftOut", place, "b")
    assert shown(place) == ["a", "d", "c"]
    place = change(place, "moved", names, place, "c", 0)  # past one that is left out
    assert shown(place) == ["c", "a", "d"]
    assert module("axes", "(m, n, p) => m.arranged(n, p).shown", [*names, "new"], place) == [
        "c",
        "a",
        "d",
        "new",
    ]
    back = {name: text for name, text in place.items() if name != "off"}
    assert sorted(shown(back)) == names
    flipped = change(place, "turnedOver", place, "a")
    assert module("axes", "(m, n, p) => [...m.arranged(n, p).flipped]", names, flipped) == ["a"]
    assert module("axes", "turnedOver", flipped, "a") == {}
    for name in ("a", "c", "d"):
        place = change(place, "leftOut", place, name)
    assert sorted(shown(place)) == names  # nobody is left with no picture at all


# States.

BASE = {"head": {"trials": 9}, "whole": True, "selected": 9, "measured": 9, "failed": 0, "live": 0}
STATES = [
    ("reading", None, {}), ("reading", {**BASE, "head": {"trials": 0}, "whole": False}, {}), ("noTrials", {**BASE, "head": {"trials": 0}}, {}),
    ("filtered", {**BASE, "selected": 0, "measured": 0}, {"values": 1}), ("allFailed", {**BASE, "measured": 0, "failed": 9}, {"values": 4, "work": None}),
    ("awaited", {**BASE, "measured": 0, "live": 2, "failed": 7}, {"values": 1}), ("valueless", {**BASE, "measured": 0, "failed": 3}, {"values": 1}),
    ("tooFew", {**BASE, "measured": 3}, {"values": 4, "work": None}), ("calculating", BASE, {"values": 4, "work": None}),
    ("calculating", BASE, {"values": 4, "work": {"ready": False, "stage": 2, "doing": "model", "few": -1, "there": False}}),
    ("tooFew", BASE, {"values": 4, "work": {"ready": True, "few": 2}}), ("ready", BASE, {"values": 4, "work": {"there": True}}), ("ready", {**BASE, "measured": 0, "failed": 9}, {}),
]  # fmt: skip


def test_each_state_of_a_panel_has_one_name_and_one_wording_in_both_languages(module):
    sentences = {}
    for tongue in ("en", "zh"):
        module("words", "(m, to) => m.setLanguage(to) ?? null", tongue)
        for name, view, needs in STATES:
            state = module("states", "stateOf", view, needs)
            assert state["name"] == name
            if name != "ready":
                sentences.setdefault((tongue, name), set()).add(module("states", "said", state))
    module("words", "(m, to) => m.setLanguage(to) ?? null", "en")
    told = [next(iter(each)) for each in sentences.values()]
    assert len(set(told)) == len(sentences)  # no two states share a sentence, nor two languages
    assert all("{" not in text and "undefined" not in text for each in sentences.values() for text in each)
    assert sentences["en", "tooFew"] == {
        "4 trials with a result are needed, there are 3.",
        "4 trials with a result are needed, there are 2.",
    }
    assert "Calculating from 9 trials: the model (2 / 5)" in sentences["en", "calculating"]


# Colors: every mark has 3:1 to the paper, in both themes (WCAG 2.2, 1.4.11).


def brightness(color):
    import re

    if color.startswith("#"):
        parts = [int(color[at : at + 2], 16) for at in (1, 3, 5)]
    else:
        parts = [int(part) for part in re.findall(r"\d+", color)[:3]]
    linear = [v / 255 / 12.92 if v / 255 <= 0.03928 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    dark, light = sorted((brightness(a), brightness(b)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_mark_can_be_seen_in_both_themes(module, theme):
    read = """(m, theme) => { document.documentElement.dataset.theme = theme; const t = m.theme();
        return [t.paper, [t.best, t.text, t.dim, ...t.cycle, ...Object.values(t.status), ...Array.from({ length: 21 }, (_, i) => t.merit(i / 20))]]; }"""
    paper, colors = module("colors", read, theme)
    assert len(colors) == 36
    assert min(contrast(color, paper) for color in colors) >= 3
    best, worst = (contrast(colors[at], paper) for at in (-1, -21))
    assert best > 2 * worst  # the best stand out most


# Selections: a report answers as the server does.


def test_a_report_selects_and_sorts_as_the_server(module):
    space = {
        "lr": Float(1e-4, 1, log=True),
        "n": Int(1, 9),
        "w": Int(1, 64, log=True),
        "opt": Choice(["sgd", "adam"]),
        "flag": Choice([True, False]),
        "x": Float(-1, 1),
    }

    def train(t):
        if t.number % 7 == 3:
            raise ValueError("no")
        return t["lr"] + t["n"]

    limits = danlu.TrialLimits(same_failures=0)
    history = danlu.tune(
        train,
        space,
        minimize="loss",
        trials=60,
        seed=2,
        sampler="random",
        scheduler="none",
        trial_limits=limits,
    ).history
    view = json.loads(packed(views.view("s", history, {}, places=1000)))
    view["errors"] = errors(history, np.arange(60), first=60)
    table = json.loads(packed(views.table(history, {}, count=1000)))
    pick = "(m, sheet, rows, filter) => m.select(sheet, new Map(rows.map((row) => [row.trial, row])), filter)"
    some = history.trials[5].params
    for terms in (
        {"lr": f"..{some['lr']}"},
        {"lr": f"{some['lr']}.."},
        {"w": f"..{some['w']}", "x": f"..{some['x']}"},
        {"w": f"{some['w']}"},
        {"lr": "1e-3..0.1"}, {"lr": "..0.01", "opt": "adam"}, {"n": "3|4"}, {"n": "..2|8.."}, {"flag": "true"}, {"flag": "False"}, {"w": "4..16"}, {"w": "64"}, {"x": "-0.5..0.5"},
        {"loss": "..4"}, {"status": "failed"}, {"status": "failed|done", "trial": "10..30"}, {"trial": "3|10"}, {"x": f"{history.trials[5].params['x']}"},
    ):  # fmt: skip
        assert (
            module("select", pick, view["sheet"], table["rows"], terms) == select(history, terms).tolist()
        ), terms
        reduced = module(
            "select", "(m, view, chosen) => m.reduced(view, chosen)", view, select(history, terms).tolist()
        )
        asked = json.loads(packed(views.view("s", history, terms, places=1000)))
        for part in ("selected", "measured", "failed", "live", "progress", "ranks", "edf"):
            assert reduced[part] == asked[part], (terms, part)
        assert [each["count"] for each in reduced["errors"]] == [each["count"] for each in asked["errors"]]
        assert reduced["sheet"]["numbers"] == asked["sheet"]["numbers"]
    for key in ("trial", "status", "loss", "lr", "opt", "n", "reason"):
        for down in (False, True):
            told = module(
                "select",
                "(m, rows, sheet, key, down) => m.sorted(rows, sheet, key, down).map((row) => row.trial)",
                table["rows"],
                view["sheet"],
                key,
                down,
            )
            assert told == [
                row["trial"]
                for row in views.table(history, {}, sort=key, descending=down, count=1000)["rows"]
            ], (key, down)


def test_terms_that_make_no_sense_are_refused_in_a_report_as_by_the_server(module):
    history = danlu.tune(
        lambda t: t["x"], {"x": Float(0, 1), "o": Choice(["a", "b"])}, trials=5, seed=1
    ).history
    view = json.loads(packed(views.view("s", history, {}, places=1000)))
    refuse = "(m, sheet, filter) => { try { m.select(sheet, new Map(), filter); return ''; } catch (error) { return error.message; } }"
    for terms in ({"x": "fast"}, {"x": "3..1"}, {"o": "c"}, {"status": "odd"}, {"y": "1"}):
        with pytest.raises(danlu.errors.SettingError):
            select(history, terms)
        assert module("select", refuse, view["sheet"], terms), terms


def test_what_a_spreadsheet_would_run_is_text_and_commas_are_quoted(module):
    text = module(
        "saving", "csv", ["a", "b,c"], [[1, 'say "x"'], [None, "=1+1"], [-2.5, "-3"], [True, [1, 2]]]
    )
    assert text == 'a,"b,c"\r\n1,"say ""x"""\r\n,\'=1+1\r\n-2.5,-3\r\nTrue,"[1,2]"\r\n'


# The list of studies.


def test_studies_are_grouped_by_what_their_names_share_and_sorted_with_the_unknown_last(module):
    def one(name, value=None, **more):
        best = None if value is None else {"value": value}
        return {"name": name, "parent": "", "campaign": "", "trials": 1, "best": best, "front": None, **more}

    studies = [
        one("gp-1", 3.0),
        one("lone-7", 2.0),
        one("gp-2"),
        one("c", campaign="staged"),
        one("c/search", 1.0, parent="c"),
    ]
    names = "(m, all) => m.grouped(all).map(({ name, studies }) => [name, studies.map((each) => each.name)])"
    assert module("studies", names, studies) == [["", ["lone-7", "c", "c/search"]], ["gp", ["gp-1", "gp-2"]]]
    order = "(m, all, sort) => m.ordered(all, sort).map((each) => each.name)"
    assert module("studies", order, studies, {"key": "best", "down": False})[:3] == [
        "c/search",
        "lone-7",
        "gp-1",
    ]
    assert module("studies", order, studies, {"key": "best", "down": True})[:3] == [
        "gp-1",
        "lone-7",
        "c/search",
    ]


# The story of a campaign.


def test_paired_seeds_and_isolation_are_what_the_journal_says(module):
    evidence = {
        "there": [0.5, 0.7],
        "rival": [0.4, "Infinity"],
        "differences": [0.1, "-Infinity"],
        "chance": 0.25,
    }
    found = module("campaign", "pairs", evidence)
    assert found["rows"][0] == [0.5, 0.4, 0.1]
    assert found["rows"][1][:2] == [0.7, "∞"]
    assert (found["chance"], round(found["means"][0], 9)) == (0.25, 0.6)
    assert module("campaign", "pairs", {"params": {}}) is None
    assert module("campaign", "lengths", [["a", 1.0, 3], ["b", 3.0, 1], ["c", 2.0, 9], ["d", "nan", 1]]) == [
        0.04,
        1,
        0.52,
        None,
    ]
    assert module("campaign", "lengths", [["a", 2.0, 3]]) == [1]


# Commands and languages.


@pytest.mark.parametrize("place", ["s.db", "my runs/s.db", 'it\'s/a "b" $HOME.db', "丹/炉.db"])
def test_a_place_is_one_word_of_the_command_that_is_shown(module, place):
    assert shlex.split(f"danlu show {module('text', 'quoted', place)}") == ["danlu", "show", place]


def test_a_part_that_is_not_there_yet_is_not_there_in_chinese_either(module):
    """The server has its sentences before the part that one of them is about."""
    some = {
        "stage": 2,
        "importance": {"bars": [1], "notice": "a"},
        "zh": {"importance": "甲", "effects": "乙", "findings": ["丙"]},
    }
    assert module("states", "spoken", some, "en") == some
    found = module("states", "spoken", some, "zh")
    assert found["importance"] == {"bars": [1], "notice": "甲"}
    assert "effects" not in found
    assert "findings" not in found
    assert module("states", "spoken", None, "zh") is None
