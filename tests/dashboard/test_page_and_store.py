"""What the page shows, read off its canvases and tables, against what the store holds."""

import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from browsing import Served, launched, pages
from made_up import STUDIES, make
from test_modules import contrast

from danlu.cli.show import load

WATCH = """(() => {
  // Each canvas keeps what was drawn on it last: texts, round marks, and the colors of all that is filled or stroked.
  const own = CanvasRenderingContext2D.prototype;
  const kept = (context) => (context.canvas.drawn ??= { texts: [], arcs: [], paints: [] });
  const wrap = (name, note) => { const was = own[name]; own[name] = function (...given) { note(this, given); return was.apply(this, given); }; };
  wrap("scale", (c) => { c.canvas.drawn = { texts: [], arcs: [], paints: [] }; });
  wrap("fillText", (c, [text, x, y]) => kept(c).texts.push([text, x, y, c.textAlign, c.measureText(text).width]));
  wrap("arc", (c, [x, y]) => { kept(c).arcs.push([x, y]); c.canvas.round = true; });
  wrap("fill", (c) => kept(c).paints.push([c.fillStyle, c.globalAlpha, "area"]));
  wrap("fillRect", (c) => kept(c).paints.push([c.fillStyle, c.globalAlpha, "area"]));
  wrap("stroke", (c) => kept(c).paints.push([c.strokeStyle, c.globalAlpha, "line"]));
})()"""

QUICK = ["outlier below, maximized", "all failed"]


@pytest.fixture(scope="module")
def chrome():
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "made.db"
    make(path, QUICK)
    return path


@pytest.fixture(scope="module")
def opened(chrome, store, tmp_path_factory):
    with (
        Served(store, tmp_path_factory.mktemp("home")) as served,
        pages(chrome, reduced_motion="reduce") as look,
    ):
        looked = look()
        looked.page.add_init_script(WATCH)
        looked.page.goto(served.url)
        looked.base = served.base
        yield looked
        assert looked.problems == []


def settled(page):
    page.wait_for_selector("#panels", timeout=60_000)
    for state in ("reading", "calculating"):
        page.wait_for_selector(f"[data-state={state}]", state="detached", timeout=60_000)


def go(looked, **query):
    looked.page.goto(f"{looked.base}/?{urlencode(query)}")
    settled(looked.page)
    return looked.page


def drawn(page, selector):
    return page.eval_on_selector(selector, "canvas => canvas.drawn")


def upright(marks):
    """From the ticks at the left of a picture: what value a height stands for."""
    ticks = sorted(
        (y, float(text)) for text, _, y, align, _ in marks["texts"] if align == "right" and is_number(text)
    )
    assert len(ticks) >= 2, marks["texts"]
    (top, high), (bottom, low) = ticks[0], ticks[-1]
    assert all(
        abs(low + (high - low) * (bottom - y) / (bottom - top) - value) <= 0.01 * abs(high - low)
        for y, value in ticks
    )
    return lambda y: low + (high - low) * (bottom - y) / (bottom - top)


def is_number(text):
    return re.fullmatch(r"-?[\d.]+(e-?\d+)?", text) is not None


def test_each_mark_stands_where_its_trial_came_to_and_what_is_cut_is_counted(opened, store):
    name = "outlier below, maximized"
    page = go(opened, study=name)
    values = sorted(trial.value for trial in load(str(store), name).trials)
    assert (
        page.inner_text("#panel-history .hint")
        == page.inner_text("#panel-slices .hint").split(" · ")[1]
        == "▼ 1 below"
    )
    for selector in ("#panel-history canvas", "#panel-slices canvas >> nth=0"):
        marks = drawn(page, selector)
        value = upright(marks)
        shown = sorted(value(y) for _, y in marks["arcs"])
        assert shown == pytest.approx(
            values[1:], abs=2e-4
        )  # all but the one at the rim, the two best among them
    page.click("#panel-history .whole")
    page.wait_for_selector("#panel-history .hint", state="detached")
    assert "whole=1" in page.url
    marks = drawn(page, "#panel-history canvas")
    value = upright(marks)
    assert sorted(value(y) for _, y in marks["arcs"]) == pytest.approx(values, abs=5e-3)


def test_a_study_that_failed_shows_its_errors_first_and_where_they_were(opened, store):
    page = go(opened, study="all failed", **{"f.status": "failed"})
    first = page.locator("#panels > section").first
    assert first.get_attribute("id") == "panel-errors"
    assert first.locator("li b").all_inner_texts() == ["27 \u00d7", "13 \u00d7"]
    assert "the device has no memory left" in first.inner_text()
    text = page.inner_text("main")
    assert "Nothing stands out" not in text
    assert "4 trials with a result" not in text
    assert page.get_attribute("#panel-importance", "data-state") == "allFailed"
    for panel in ("parallel", "slices"):
        reds = [paint for paint in drawn(page, f"#panel-{panel} canvas")["paints"] if paint[0] == "#d55e00"]
        assert len(reds) >= 40, panel
    reasons = page.locator("#panel-table td.reason").all_inner_texts()
    assert reasons[0].startswith("FileNotFoundError: no such file: part-000.bin")
    page.click("#panel-errors button.link >> nth=1")
    page.wait_for_selector("main.trial")
    assert page.title() == "trial 2 · all failed · danlu"


def test_picked_trials_stand_side_by_side_with_their_differences(opened, store):
    name = "outlier below, maximized"
    page = go(opened, study=name)
    for trial in (0, 3):
        page.click(f"#panel-table tr.row[aria-rowindex='{trial + 1}'] .pick")
    page.wait_for_selector("#panel-compare .compared th:nth-child(3)")
    assert "pick=0%2C3" in page.url
    trials = load(str(store), name).trials
    for row in page.locator("#panel-compare tbody tr").all():
        label, *cells = row.locator("th, td").all_inner_texts()
        if label in trials[0].params:
            assert [float(cell) for cell in cells] == pytest.approx(
                [trials[t].params[label] for t in (0, 3)], rel=1e-4
            )
            assert row.get_attribute("class") == "differs"
    with page.expect_download() as kept:
        page.click("#panel-table button:text-is('JSON')")
    rows = json.loads(Path(kept.value.path()).read_text("utf-8"))
    assert [(row["trial"], row["acc"], row["lr"]) for row in rows] == [
        (t.number, t.value, t.params["lr"]) for t in trials
    ]
    page.click("#panel-table .menu summary")
    page.click("#panel-table .menu label:has-text('wd')")
    page.wait_for_selector("#panel-table th:has-text('wd')", state="detached")
    with page.expect_download() as kept:
        page.click("#panel-table button:text-is('CSV')")
    lines = Path(kept.value.path()).read_text("utf-8").splitlines()
    assert lines[0] == "trial,status,acc,lr,steps,seconds,reason"
    assert len(lines) == 121
    with page.expect_download() as kept:
        page.click("#panel-history button:text-is('PNG')")
    assert Path(kept.value.path()).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_that_is_drawn_can_be_seen(opened, theme):
    """WCAG 2.2, 1.4.11, of the colors as they were drawn: shades have edges, grids are decoration, the colors of a surface a scale."""
    page = go(opened, study="outlier below, maximized")
    page.evaluate(
        "theme => { document.documentElement.dataset.theme = theme; document.dispatchEvent(new Event('danlu-theme')); }",
        theme,
    )
    own = "name => getComputedStyle(document.documentElement).getPropertyValue(name).trim()"
    paper, grid = (page.evaluate(own, name) for name in ("--paper", "--line"))
    for panel in ("history", "parallel", "scatter", "timeline", "effects", "slices"):
        paints = {tuple(paint) for paint in drawn(page, f"#panel-{panel} canvas")["paints"]}
        seen = [color for color, alpha, _ in paints if alpha == 1 and color not in {paper, grid}]
        assert seen, panel
        assert min(contrast(color, paper) for color in seen) >= 3, panel
        assert all(kind == "area" for _, alpha, kind in paints if alpha < 1), panel


# All made-up studies, on both screens.


def cells_agree(page, result):
    """The rows of the table that are in sight, cell by cell."""
    titles = page.eval_on_selector_all("#panel-table th button", "each => each.map(e => e.title)")
    count = 0
    for row in page.locator("#panel-table tr.row").all()[:8]:
        cells = dict(zip(titles, row.locator("td").all_inner_texts(), strict=True))
        trial = result.trials[int(cells["trial"])]
        assert cells["status"].strip() == trial.status.name.lower()
        goals = {
            metric.name: trial.metrics[metric.name]
            for metric in result.history.goal.metrics
            if metric.name in trial.metrics
        }
        for name, value in {**trial.params, **goals}.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                assert cells[name] == str(value)
            else:
                assert float(cells[name]) == pytest.approx(value, rel=1e-5), name
            count += 1
    return count


def texts_apart(page):
    """No two texts of one canvas lie over each other."""
    for marks in page.eval_on_selector_all("canvas", "all => all.map(canvas => canvas.drawn)"):
        boxes = []
        for text, x, y, align, width in marks["texts"]:
            left = x - {"right": width, "center": width / 2}.get(align, 0)
            boxes.append((left, left + width, y, text))
        for i, (a, b, y, text) in enumerate(boxes):
            for c, d, other, beside in boxes[:i]:
                assert not (a < d - 1 and c < b - 1 and abs(y - other) < 8), (text, beside)


@pytest.mark.fault
@pytest.mark.parametrize("screen", [(1440, 900), (390, 844)])
def test_every_made_up_study_is_shown_as_the_store_has_it(chrome, tmp_path, screen):
    path = tmp_path / "made.db"
    make(path)
    with Served(path, tmp_path) as served, pages(chrome) as look:
        looked = look()
        looked.page.set_viewport_size({"width": screen[0], "height": screen[1]})
        looked.page.add_init_script(WATCH)
        looked.page.goto(served.url)
        looked.base = served.base
        for name in STUDIES:
            result = load(str(path), name)
            page = go(looked, study=name)
            page.wait_for_selector("#panel-table tr.row td:nth-child(2)")
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
            assert cells_agree(page, result) or name == "all failed"
            texts_apart(page)
            if len(result.history.goal.metrics) > 1:
                assert int(page.inner_text("#best")) == len(result.front)
            elif result.history.incumbents.best is not None:
                assert float(page.inner_text("#best")) == pytest.approx(result.best.value, rel=1e-5)
            if result.trials[0].metrics and len(result.trials) >= 4:
                shares = {
                    share.name: share.share
                    for share in result.analysis.importance(method="fanova").parameters
                }
                for bar in page.locator("#panel-importance .bar:not(.pair)").all()[:10]:
                    label = bar.locator("span >> nth=0").get_attribute("title")
                    told = float(bar.locator("span >> nth=-1").inner_text().split()[0])
                    if len(result.history.goal.metrics) == 1:
                        assert told == pytest.approx(100 * shares[label], abs=0.6), (name, label)
        assert looked.problems == []
