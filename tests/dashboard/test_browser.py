"""The page in a real Chromium: live while a study runs, filtered, brushed, acted upon, disconnected; nothing but our own files runs."""

import json
import re
import shlex
import subprocess
import sys
import time

import numpy as np
import pytest
from browsing import Served, launched, pages
from PIL import Image
from sqlite_file import raw_file
from test_campaign import conduct

import danlu
from danlu import Choice, Float, Int, Switch
from danlu.journal import events as ev
from danlu.stores import SqliteStore

SPACE = {
    "lr": Float(1e-4, 1, log=True), "n": Int(1, 9),
    "opt": Switch(sgd={"momentum": Float(0, 0.99)}, adam={}),
}  # fmt: skip


def train(t):
    print("training", t.number)
    for step in range(1, 9):
        t.report(step, val_loss=abs(np.log10(t["lr"]) + 2) / 4 + 1 / step + t["n"] / 50, train_loss=1 / step)
        if t.number == 1 and step == 1:  # before the scheduler stops anything
            raise ValueError("too fast")


def goals(t):
    return {"loss": t["x"], "size": (1 - t["x"]) ** 2 + t["y"]}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("browser") / "study.db"
    danlu.tune(
        train,
        SPACE,
        minimize="val_loss",
        trials=60,
        seed=1,
        store=str(path),
        name="nets",
        workers=2,
        sampler="quasirandom",
        scheduler=danlu.schedulers.Median(warm_up=2),
    )
    danlu.tune(
        goals,
        {"x": Float(0, 1), "y": Float(0, 1)},
        minimize=["loss", "size"],
        trials=40,
        seed=1,
        store=str(path),
        name="two <b>goals</b>",
    )
    danlu.tune(
        lambda trial: {"lr": -trial["lr"]},
        {"lr": Float(1, 2), "status": Float(3, 4), "trial": Int(50, 90)},
        minimize="lr",
        trials=3,
        seed=1,
        store=str(path),
        name="namesakes",
    )
    return path


@pytest.fixture(scope="module")
def served(store, tmp_path_factory):
    with Served(store, tmp_path_factory.mktemp("home"), "--actor", "ann") as opened:
        yield opened


@pytest.fixture(scope="module")
def chrome():
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def browser(served, chrome):
    with pages(chrome) as opened:
        first = opened()
        first.page.goto(served.url)
        first.page.wait_for_selector(".studies tbody tr")
        yield opened


@pytest.fixture
def look(browser, served):
    """Opens an address; at the end nothing may have gone wrong, and nothing may have been asked of anybody else."""
    opened = []

    def at(**query):
        from urllib.parse import urlencode

        looked = browser()
        opened.append(looked)
        looked.page.goto(f"{served.base}/?{urlencode(query)}")
        return looked.page

    yield at
    for looked in opened:
        assert looked.problems == []
        assert all(url.startswith((served.base, "data:", "blob:")) for url in looked.requests)
        looked.page.close()


def painted(page, selector):
    """How many colors a canvas shows: one or two when nothing was drawn."""
    return page.eval_on_selector(
        selector,
        """canvas => { const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        const seen = new Set(); for (let i = 0; i < data.length; i += 4) if (data[i + 3]) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]); return seen.size; }""",
    )  # fmt: skip


def truth(store, name):
    from danlu.cli.show import load

    return load(str(store), name)


def numbers_shown(page):
    """The trials of the table's rows, those that have been fetched."""
    return [
        int(cell)
        for cell in page.locator("#panel-table tr.row:has(td:nth-child(2)) td:first-child").all_inner_texts()
    ]


def wait_until(what, seconds=30):
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_the_list_names_every_study_as_text(look, store):
    page = look()
    page.wait_for_selector(".studies tbody tr >> nth=1")
    assert [each.inner_text() for each in page.query_selector_all(".studies tbody a")] == [
        "nets",
        "two <b>goals</b>",
        "namesakes",
    ]
    page.wait_for_selector("text=40 done")
    page.click("text=nets")
    page.wait_for_selector("#panel-history canvas")
    assert "study=nets" in page.url
    page.go_back()
    page.wait_for_selector(".studies")


def test_every_panel_is_drawn_of_what_the_journal_says(look, store):
    page = look(study="nets", pick="0,2")
    page.wait_for_selector("#panel-importance .bar")
    page.wait_for_selector("#panel-effects canvas")
    page.wait_for_selector("#panel-surface canvas")  # the last to be calculated
    assert page.locator(".orders button").all_inner_texts() == [
        "Enqueue a point",
        "Note",
    ]  # it is over: nothing to pause
    result = truth(store, "nets")
    assert float(page.inner_text("#best")) == pytest.approx(result.best.value, rel=1e-4)
    panels = ["curves", "parallel", "surface", "effects", "slices", "timeline", "history", "ranks", "edf"]
    for name in panels:
        assert painted(page, f"#panel-{name} canvas") > 8, name
    shapes = page.evaluate("""async () => { const { drawing } = await import("danlu/saving");
        return [...document.querySelectorAll("section.panel:has(canvas)")].map((panel) => {
          const read = new DOMParser().parseFromString(drawing(panel, panel.id), "image/svg+xml");
          return [panel.id, read.querySelectorAll("parsererror").length ? -1 : read.querySelectorAll("path, rect, text").length]; }); }""")
    assert {f"panel-{name}" for name in [*panels, "compare"]} <= {name for name, _ in shapes}
    assert all(count > 15 for _, count in shapes), shapes
    with page.expect_download() as saved:
        page.click("#panel-surface >> text=SVG")
    assert saved.value.suggested_filename == "Response-surface.svg"
    assert "<image" in saved.value.path().read_text("utf-8")
    assert page.locator("#panel-slices canvas").count() == 4
    shares = result.analysis.importance().parameters
    names = [
        each.inner_text()
        for each in page.query_selector_all("#panel-importance .bar:not(.pair) span:first-child")
    ]
    assert names == [share.name for share in shares]
    assert page.locator("#panel-front").count() == 0
    states = {
        each.get_attribute("data-state"): int(each.inner_text().split()[0])
        for each in page.query_selector_all(".states span")
    }
    counts = {}
    for trial in result.trials:
        counts[trial.status.name.lower()] = counts.get(trial.status.name.lower(), 0) + 1
    assert states == counts


def test_a_view_has_a_name_and_comes_back_whole(look):
    page = look(study="nets", cx="seconds", **{"f.opt": "adam"})
    page.wait_for_selector(".chip")
    page.locator(".views summary").press("Enter")
    page.fill(".views input", "quick <b>ones</b>")
    page.press(".views input", "Enter")
    page.wait_for_selector(".views .link")
    page.click(".chip")
    page.wait_for_selector("text=60 of 60")
    page.select_option("#panel-curves .choose:has-text('x') >> nth=-1 >> select", "step")
    wait_until(lambda: "cx=" not in page.url)
    page.click(".views .link >> text=quick <b>ones</b>")
    wait_until(lambda: "cx=seconds" in page.url and "f.opt=adam" in page.url)
    page.wait_for_selector(".chip")
    page.click(".views [aria-label='remove quick <b>ones</b>']")
    page.wait_for_selector(".views .link", state="detached")


def test_curves_over_time_are_kept_in_the_address(look):
    page = look(study="nets")
    page.wait_for_selector("#panel-curves canvas")
    before = page.eval_on_selector("#panel-curves canvas", "canvas => canvas.toDataURL()")
    page.select_option("#panel-curves .choose:has-text('x') >> nth=-1 >> select", "seconds")
    wait_until(lambda: "cx=seconds" in page.url)
    wait_until(
        lambda: page.eval_on_selector("#panel-curves canvas", "canvas => canvas.toDataURL()") != before
    )
    page.reload()
    page.wait_for_selector("#panel-curves canvas[aria-label$='seconds of run time']")
    assert painted(page, "#panel-curves canvas") > 8


def test_several_goals_have_a_front(look, store):
    page = look(study="two <b>goals</b>")
    page.wait_for_selector("#panel-front canvas")
    assert painted(page, "#panel-front canvas") > 5
    assert (
        page.get_attribute("#panel-front canvas", "aria-label")
        == f"Pareto front: {len(truth(store, 'two <b>goals</b>').front)}"
    )


def test_a_filter_drives_every_panel_and_lives_in_the_address(look, store):
    page = look(study="nets")
    page.wait_for_selector("#panel-curves canvas")
    page.select_option(".filter select", "lr")
    page.fill("#term", "0.001..0.1")
    page.press("#term", "Enter")
    page.wait_for_selector(".chip")
    expected = [t.number for t in truth(store, "nets").trials if 0.001 <= t.params["lr"] <= 0.1]
    page.wait_for_selector(f"text={len(expected)} of 60")
    assert "f.lr=0.001..0.1" in page.url
    page.wait_for_selector(f'#panel-parallel canvas[aria-label*="{len(expected)} trials"]')
    page.wait_for_selector(f"#panel-table header small:text-is('{len(expected)}')")
    wait_until(lambda: numbers_shown(page)[:4] == expected[:4])
    page.reload()  # the address is all there is to it
    page.wait_for_selector(f"text={len(expected)} of 60")
    page.select_option(".filter select", "opt")
    page.fill("#term", "adam")
    page.click("text=Add")
    both = [
        t.number for t in truth(store, "nets").trials if t.number in expected and t.params["opt"] == "adam"
    ]
    page.wait_for_selector(f"text={len(both)} of 60")
    page.go_back()
    page.wait_for_selector(f"text={len(expected)} of 60")
    page.click(".chip")
    page.wait_for_selector("text=60 of 60")


def test_a_filter_that_makes_no_sense_is_a_sentence(browser, served):
    looked = browser()
    page = looked.page
    page.goto(f"{served.base}/?study=nets")
    page.wait_for_selector("#panel-curves canvas")
    page.select_option(".filter select", "lr")
    page.fill("#term", "fast")
    page.press("#term", "Enter")
    page.wait_for_selector(".said.damage")
    assert "a range of lr reads low..high" in page.inner_text(".said")
    assert page.locator(".chip").count() == 0  # what is refused never becomes a term
    assert page.input_value("#term") == "fast"
    page.fill("#term", "0.001..0.1|0.5")
    page.press("#term", "Enter")
    page.wait_for_selector(".chip")
    page.wait_for_selector(".said", state="detached")
    assert all("400" in problem for problem in looked.problems)  # the browser's own word for the refusal
    page.close()


def test_dragging_along_an_axis_brushes_all_panels(look, store):
    page = look(study="nets")
    page.wait_for_selector("#panel-importance .bar")  # the axes are ranked by then, and stay so
    canvas = page.wait_for_selector("#panel-parallel canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    named = page.locator("#panel-parallel .axes button").all_inner_texts()
    assert named[-1] == "val_loss"
    gap = (box["width"] - 116) / (len(named) - 1)
    x = box["x"] + 46 + gap * named.index("lr")
    top, bottom = box["y"] + 26, box["y"] + box["height"] - 34
    page.mouse.move(x, bottom - 0.25 * (bottom - top))
    page.mouse.down()
    page.mouse.move(x, bottom - 0.75 * (bottom - top), steps=6)
    page.mouse.up()
    chip = page.wait_for_selector(".chip").inner_text()
    low, high = map(float, re.match(r"lr: (\S+)\.\.(\S+) ", chip).groups())
    assert low == pytest.approx(1e-3, rel=0.1)  # a quarter and three quarters of four decades
    assert high == pytest.approx(1e-1, rel=0.1)
    expected = sum(low <= t.params["lr"] <= high for t in truth(store, "nets").trials)
    page.wait_for_selector(f"text={expected} of 60")
    assert page.locator("#panel-parallel .axes button").all_inner_texts() == named
    page.mouse.click(x, (top + bottom) / 2)  # a click on the axis clears it
    page.wait_for_selector("text=60 of 60")


def test_axes_are_arranged_by_drag_and_by_keyboard_and_a_trial_is_lit_everywhere(look, store):
    page = look(study="nets")
    page.wait_for_selector("#panel-importance .bar")
    canvas = page.wait_for_selector("#panel-parallel canvas")
    names = page.locator("#panel-parallel .axes button")
    before = names.all_inner_texts()
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    gap = (box["width"] - 116) / (len(before) - 1)

    def across(at):
        return box["x"] + 46 + gap * at

    page.mouse.move(across(len(before) - 1), box["y"] + 8)  # the metric's axis by its name to the front
    page.mouse.down()
    page.mouse.move(box["x"] + 4, box["y"] + 30, steps=5)
    page.mouse.up()
    after = [before[-1], *before[:-1]]
    wait_until(lambda: names.all_inner_texts() == after)
    page.mouse.click(across(after.index("lr")), box["y"] + 8)
    wait_until(lambda: "flip=lr" in page.url)
    top, bottom = box["y"] + 26, box["y"] + box["height"] - 34
    page.mouse.move(across(after.index("lr")), top)  # large is at the bottom now
    page.mouse.down()
    page.mouse.move(across(after.index("lr")), (top + bottom) / 2, steps=5)
    page.mouse.up()
    chip = page.wait_for_selector(".chip").inner_text()
    assert float(re.match(r"lr: \.\.(\S+) ", chip)[1]) == pytest.approx(1e-2, rel=0.1)
    page.click(".chip")
    page.locator("#panel-parallel .menu summary").press("Enter")
    page.locator(f"#panel-parallel .menu [aria-label='to the right: {after[0]}']").press("Enter")
    moved = [after[1], after[0], *after[2:]]
    wait_until(lambda: names.all_inner_texts() == moved)
    page.locator("#panel-parallel .menu input").first.press("Space")
    wait_until(lambda: names.all_inner_texts() == moved[1:])
    page.reload()
    page.wait_for_selector("#panel-parallel canvas")
    wait_until(lambda: names.all_inner_texts() == moved[1:])
    row = page.locator("#panel-table tr.row:has(td:nth-child(2))").first
    row.hover()
    page.wait_for_selector("#panel-parallel svg.lit polyline", state="attached")
    assert page.locator("#panel-history svg.lit circle").count() == 1
    assert "lit" in row.get_attribute("class")
    page.mouse.move(2, 2)
    page.wait_for_selector("svg.lit", state="detached")


def test_a_trial_has_a_page_of_its_own(look, store):
    page = look(study="nets")
    page.wait_for_selector("#panel-table tr.row td:nth-child(2)")
    failed = next(t for t in truth(store, "nets").trials if t.status.name == "FAILED")
    page.goto(re.sub(r"$", f"&trial={failed.number}", page.url))
    page.wait_for_selector("main.trial .events")
    text = page.inner_text("main.trial")
    assert "too fast" in text
    assert f"training {failed.number}" in page.inner_text("pre")
    assert page.locator(".lines canvas").count() == 2
    page.keyboard.press("Escape")
    page.wait_for_selector("#panel-table")
    wait_until(lambda: "trial=" not in page.url)


PROGRAM = """
import danlu
space = {"x": danlu.Float(0, 1)}
def train(trial):
    return trial["x"] * FACTOR
"""


def test_trials_that_were_set_aside_and_those_of_another_program_are_told_apart(tmp_path, chrome):
    path = tmp_path / "s.db"
    for factor, trials in ((1, 3), (2, 6)):
        (tmp_path / "mine.py").write_text(PROGRAM.replace("FACTOR", str(factor)))
        command = [
            sys.executable,
            "-m",
            "danlu.cli",
            "run",
            "mine.py:train",
            "-n",
            str(trials),
            "--store",
            str(path),
        ]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    with danlu.open_study(store=path, name="train") as study:
        study.control.set_aside([1, 4], "its data was <b>broken</b>")
        table = study.result.table()
    assert [row["aside"] is not None for row in table] == [False, True, False, False, True, False]
    assert len({row["code"] for row in table}) == 2
    with Served(path, tmp_path / "home") as served, pages(chrome) as opened:
        looked = opened()
        looked.page.goto(served.url)
        looked.page.goto(f"{served.base}/?study=train")
        looked.page.wait_for_selector("#panel-table tr.row td .tag")
        assert "4 / 6 trials · 2 set aside" in looked.page.inner_text(".head")
        rows = looked.page.eval_on_selector_all(
            "#panel-table tr.row", "rows => rows.map(row => row.innerText)"
        )
        classes = looked.page.eval_on_selector_all(
            "#panel-table tr.row", "rows => rows.map(row => row.className)"
        )
        assert ["set aside" in row for row in rows] == [False, True, False, False, True, False]
        assert ["aside" in each.split() for each in classes] == [False, True, False, False, True, False]
        assert ["another program" in row for row in rows] == [True, True, True, False, False, False]
        for row, text in zip(table, rows, strict=True):
            assert row["code"] in text
        dim = "row => getComputedStyle(row.querySelector('td')).color"
        assert (
            len(set(looked.page.eval_on_selector_all("#panel-table tr.row", f"rows => rows.map({dim})"))) == 2
        )
        looked.page.goto(f"{served.base}/?study=train&trial=1")
        looked.page.wait_for_selector("p.notice")
        assert "set aside: its data was <b>broken</b>" in looked.page.inner_text("main")
        assert looked.problems == []


def test_columns_of_one_name_are_told_apart(look, store):
    page = look(study="namesakes")
    page.wait_for_selector("#panel-table tr.row td:nth-child(2)")
    heads = page.locator("#panel-table th").all_inner_texts()
    named = ["lr (metric)", "lr", "status (parameter)", "trial (parameter)"]
    assert [head.split(" \u25b4")[0] for head in heads[2:-3]] == named
    best = min(truth(store, "namesakes").trials, key=lambda trial: trial.metrics["lr"])
    page.click("#panel-table th button:text-is('lr (metric)')")
    page.wait_for_selector("#panel-table th[aria-sort=ascending]:has-text('lr (metric)')")
    page.wait_for_selector(f"#panel-table tr.row[aria-rowindex='1'] td:first-child:text-is('{best.number}')")
    cells = page.locator("#panel-table tr.row[aria-rowindex='1'] td").all_inner_texts()
    told = [float(cell.replace("\u2212", "-")) for cell in cells[2:6]]
    wanted = [best.metrics["lr"], *(best.params[name] for name in ("lr", "status", "trial"))]
    assert told == pytest.approx(wanted, rel=1e-2)
    page.click("#panel-table th button:text-is('status (parameter)')")
    low = min(truth(store, "namesakes").trials, key=lambda trial: trial.params["status"])
    page.wait_for_selector(f"#panel-table tr.row[aria-rowindex='1'] td:first-child:text-is('{low.number}')")


def test_the_keyboard_alone_is_enough(look):
    page = look(study="nets")
    page.wait_for_selector("#panel-table tr.row td:nth-child(2)")
    page.keyboard.press("/")
    page.wait_for_selector("#term:focus")
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    page.wait_for_selector(".table:focus")
    for row in range(2, 5):
        page.keyboard.press("ArrowDown")
        page.wait_for_selector(f"tr.row.cursor[aria-rowindex='{row}']")
    page.keyboard.press("Enter")
    page.wait_for_selector("main.trial")
    assert "trial=3" in page.url
    page.keyboard.press("Escape")
    page.wait_for_selector("#panel-table")
    page.keyboard.press("?")
    page.wait_for_selector(".keys:has-text('Esc back')")
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, input, select, canvas[role=img], a')].filter(e => !(e.textContent || e.getAttribute('aria-label') || e.labels?.length)).length"
    )
    assert nameless == 0


def test_light_dark_and_chinese(look, tmp_path):
    page = look(study="nets")
    page.wait_for_selector("#panel-importance .bar")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("nav >> text=dark")
    page.wait_for_selector("html[data-theme=dark]")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = [sum(map(int, re.findall(r"\d+", color)[:3])) for color in (light, dark)]
    assert brightness[0] > 600
    assert brightness[1] < 200
    page.click("nav >> text=中文")
    page.wait_for_selector("text=平行坐标")
    assert page.get_attribute("html", "lang") == "zh"
    page.reload()
    page.wait_for_selector("text=平行坐标")  # both are remembered
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.screenshot(path=str(tmp_path / "dark.png"))
    assert np.asarray(Image.open(tmp_path / "dark.png").convert("L")).mean() < 90
    page.click("nav >> text=English")
    page.click("nav >> text=light")
    page.wait_for_selector("html[data-theme=light]")
    page.wait_for_selector("#panel-importance .bar")
    page.wait_for_selector("tr.row td:nth-child(2)")
    contrast = page.evaluate("""() => {
        const lum = (c) => { const [r, g, b] = c.match(/\\d+/g).map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
        const paper = lum(getComputedStyle(document.querySelector('.panel')).backgroundColor);
        return [...document.querySelectorAll('.panel h2, .nothing, .notice, small, button, td, .status, .legend span')].map((e) => lum(getComputedStyle(e).color)).map((l) => (Math.max(l, paper) + 0.05) / (Math.min(l, paper) + 0.05));
    }""")  # fmt: skip
    assert min(contrast) > 4.5  # WCAG AA for text


RUNNING = """
import sys, time, danlu
def run(trial):
    for step in range(1, 6):
        time.sleep(0.02)
        trial.report(step, loss=trial["x"] + 1 / step)
danlu.tune(run, {"x": danlu.Float(0, 1), "y": danlu.Float(0, 1)}, minimize="loss", trials=int(sys.argv[2]), store=sys.argv[1], name="live", sampler="random", scheduler="diverged")
"""


def running(path, trials):
    return subprocess.Popen(
        [sys.executable, "-c", RUNNING, str(path), str(trials)], stdout=subprocess.DEVNULL
    )


def trials_shown(page):
    return int(re.match(r"(\d+)", page.inner_text("main .head span:nth-of-type(3)"))[1])


def test_a_running_study_is_live_heeds_the_page_and_outlives_the_server(tmp_path, chrome):
    path = tmp_path / "live.db"
    SqliteStore(path).close()
    with Served(path, tmp_path, "--actor", "ann") as first, pages(chrome) as opened:
        looked = opened()
        page = looked.page
        page.goto(first.url)
        page.wait_for_selector("text=There is no study in this store yet")
        study = running(path, 4000)
        try:
            page.click(".studies a:text-is('live')")
            page.wait_for_selector("#panel-curves canvas")
            seen = []
            for _ in range(3):  # it grows before our eyes
                before = trials_shown(page)
                wait_until(lambda before=before: trials_shown(page) > before)
                seen.append(trials_shown(page))
            assert seen == sorted(set(seen))
            page.wait_for_selector("#panel-history canvas")
            assert page.title() == "live · danlu"
            # pause, with a reason
            page.click("text=Pause")
            page.fill(".sure input", "have a look")
            page.click(".sure .go")
            page.wait_for_selector("text=paused by ann: have a look")
            wait_until(lambda: not any(t.status.name == "RUNNING" for t in truth(path, "live").trials))
            count = len(truth(path, "live").trials)
            time.sleep(1.5)
            assert len(truth(path, "live").trials) == count
            # a point of our own
            page.click("text=Enqueue a point")
            page.fill(".point textarea", json.dumps({"x": 0.125}))
            page.click(".point .go")
            page.wait_for_selector("text=1 queued")
            # the server is gone, and comes back
            port = first.port
            first.close()
            page.wait_for_selector("text=The server is away")
            with Served(path, tmp_path, "--actor", "bob", port=port) as second:
                page.wait_for_selector("text=The server is away", state="detached", timeout=30_000)
                page.click("text=Resume")
                page.click(".sure .go")
                page.wait_for_selector(".halted", state="detached")
                wait_until(lambda: len(truth(path, "live").trials) > count + 3)
                wait_until(lambda: trials_shown(page) > count)
                assert truth(path, "live").trials[count].params["x"] == 0.125
                # clone and edit from a trial's page, and a note
                page.goto(re.sub("study=live", "study=live&trial=0", page.url))
                page.click("text=Clone and edit")
                point = json.loads(page.input_value(".point textarea"))
                assert point == truth(path, "live").trials[0].params
                page.fill(".point textarea", json.dumps(point | {"y": 0.5}))
                page.click(".point .go")
                page.click("button:text-is('Note')")
                page.fill(".sure input", "<img src=x onerror=alert(1)>")
                page.click(".sure .go")
                page.wait_for_selector("text=bob: <img src=x")
                page.keyboard.press("Escape")
                page.wait_for_selector("#panel-table")
                page.click("text=Stop")
                page.click(".sure .go")
                study.wait(timeout=30)
                page.wait_for_selector("text=stopped by bob")
                result = truth(path, "live")
                assert any(t.params == point | {"y": 0.5} and t.source == "enqueued" for t in result.trials)
                told = [entry.event for entry in SqliteStore(path).journal("live").read(0)]
                assert [(e.order, e.actor) for e in told if isinstance(e, ev.Steered)] == [
                    ("pause", "ann"),
                    ("resume", "bob"),
                    ("stop", "bob"),
                ]
                assert page.evaluate("document.querySelectorAll('img').length") == 0
                page.close()
        finally:
            study.kill()
            study.wait()
        gone = [
            p
            for p in looked.problems
            if "ERR_CONNECTION_REFUSED" not in p
            and "ERR_INCOMPLETE" not in p
            and "ERR_CONNECTION_RESET" not in p
            and "ERR_EMPTY" not in p
        ]
        assert gone == [], first.close() + second.close()


def test_the_command_that_an_empty_store_suggests_works(tmp_path):
    """As ``static/studies.js`` has it, in a folder with a train.py that has a function train."""
    from danlu.dashboard.page import static

    hint = re.search(r"<code>(danlu [^<]*)</code>", (static() / "studies.js").read_text("utf-8"))[1]
    words = shlex.split(hint.replace("${quoted(found.place)}", shlex.quote(str(tmp_path / "s.db"))))[1:]
    (tmp_path / "train.py").write_text(PROGRAM.replace("FACTOR", "1"))
    done = subprocess.run(
        [sys.executable, "-m", "danlu.cli", *words, "-n", "2"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert len(truth(tmp_path / "s.db", "train").trials) == 2


def test_the_policy_stops_what_is_not_ours(browser, served):
    """The same page with a script smuggled into it: the browser refuses to run it, and says so."""
    looked = browser()
    page = looked.page
    page.goto(f"{served.base}/?study=nets")
    page.wait_for_selector("#panel-curves canvas")
    page.evaluate("""() => { const s = document.createElement('script'); s.textContent = 'window.smuggled = 1'; document.body.append(s);
        const d = document.createElement('div'); d.innerHTML = '<img src=x onerror="window.smuggled = 2">'; document.body.append(d);
        fetch('https://evil.example/').catch(() => {}); }""")  # fmt: skip
    page.wait_for_timeout(300)
    assert page.evaluate("window.smuggled") is None
    assert sum("Content Security Policy" in problem for problem in looked.problems) >= 3
    page.close()


def test_another_site_in_the_same_browser_gets_nothing(browser, served, store):
    """A page of another origin asks with the browser's cookies: it can read nothing and write nothing."""
    import http.server
    import threading

    class Evil(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>evil</title>")

        def log_message(self, *args):
            return

    evil = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=evil.serve_forever, daemon=True).start()
    before = sum(1 for _ in SqliteStore(store).journal("nets").read(0))
    looked = browser()
    page = looked.page
    page.goto(f"http://localhost:{evil.server_port}/")  # another site: localhost is not 127.0.0.1
    order = json.dumps({"study": "nets", "order": "stop", "op": "evil"})
    got = page.evaluate(
        """async ([base, order]) => { const tried = [];
        for (const [url, how] of [['/api/studies', {}], ['/api/steer', {method: 'POST', body: order}], ['/api/steer', {method: 'POST', body: order, headers: {'content-type': 'application/json'}}]])
            for (const mode of ['cors', 'no-cors']) try { const r = await fetch(base + url, {credentials: 'include', mode, ...how}); tried.push(await r.text()); } catch (e) { tried.push('refused'); }
        return tried; }""",
        [served.base, order],
    )  # fmt: skip
    assert all("nets" not in text for text in got)
    frame = page.evaluate(
        """(base) => new Promise((r) => { const f = document.createElement('iframe'); f.src = base; f.onload = () => { try { r(f.contentDocument ? 'same' : 'none'); } catch { r('closed'); } }; document.body.append(f); })""",
        served.base,
    )
    assert frame != "same"
    assert sum(1 for _ in SqliteStore(store).journal("nets").read(0)) == before
    page.close()
    evil.shutdown()
    evil.server_close()


def test_a_report_is_the_same_page_without_a_server(tmp_path, store, chrome):
    result = truth(store, "nets")
    path = result.report(tmp_path / "deep" / "study.html")
    with pages(chrome, offline=True) as opened:
        looked = opened()
        page = looked.page
        page.goto(path.as_uri())
        page.wait_for_selector("#panel-importance .bar")
        assert float(page.inner_text("#best")) == pytest.approx(result.best.value, rel=1e-4)
        for name in ("curves", "parallel", "surface", "slices", "history"):
            assert painted(page, f"#panel-{name} canvas") > 8, name
        assert (
            page.locator("#panel-importance select, #panel-surface select").count() == 0
        )  # what it cannot calculate it does not offer
        assert page.locator(".orders").count() == 0
        # what it holds it sorts and filters itself, as the server would
        values = [t.value for t in result.trials if t.status.name != "FAILED"]
        for down in (False, True):
            page.click("#panel-table th button:has-text('val_loss')")
            page.wait_for_selector(f"#panel-table th[aria-sort={'descending' if down else 'ascending'}]")
            order = sorted(values, reverse=down)
            first = [
                float(cell)
                for cell in page.locator("#panel-table tr.row td:nth-child(3)").all_inner_texts()[:5]
            ]
            assert first == pytest.approx(order[:5], rel=1e-4)
        page.select_option(".filter select", "opt")
        page.fill("#term", "adam")
        page.press("#term", "Enter")
        expected = [t.number for t in result.trials if t.params["opt"] == "adam"]
        page.wait_for_selector(f"text={len(expected)} of 60")
        page.wait_for_selector(f'#panel-parallel canvas[aria-label*="{len(expected)} trials"]')
        page.click("text=Clear all")
        page.click("#panel-table th button:has-text('val_loss')")
        page.wait_for_selector("#panel-table th[aria-sort=ascending]")
        page.wait_for_selector(
            f"#panel-table tr.row[aria-rowindex='1'] td:first-child:has-text('{result.best.number}')"
        )
        page.click("tr.row td:nth-child(2) >> nth=0")
        page.wait_for_selector("main.trial .events")
        assert f"trial {result.best.number}" in page.inner_text("h1").lower()
        page.go_back()  # the browser's own way back stays in the file
        page.wait_for_selector("#panel-table")
        failed = next(t for t in result.trials if t.status.name == "FAILED")
        page.goto(f"{path.as_uri()}#trial={failed.number}")  # one that has no page of its own here
        page.wait_for_selector("text=the report holds its row and its curves alone")
        assert "too fast" in page.inner_text("main.trial .events")
        assert looked.problems == []
        assert {url.partition("#")[0] for url in looked.requests if not url.startswith("data:")} == {
            path.as_uri()
        }


def test_a_report_may_show_a_learning_rate_finder(tmp_path, store, chrome):
    from danlu.deep import LRFinderResult

    rates = np.geomspace(1e-4, 1, 12)
    losses = np.stack([(np.log10(rates) + 2) ** 2 + 0.1, (np.log10(rates) + 2) ** 2 + 0.2])
    losses[:, -1] = np.inf
    found = LRFinderResult("adamw", rates, losses, 0.01, 0.005, 0.02, 60, "sweep", 1.0)
    path = truth(store, "nets").report(tmp_path / "study.html", finder=found)
    with pages(chrome, offline=True) as opened:
        looked = opened()
        looked.page.goto(path.as_uri())
        looked.page.wait_for_selector("#panel-finder canvas")
        assert painted(looked.page, "#panel-finder canvas") > 5
        assert "advised rate: 0.01" in looked.page.inner_text("#panel-finder")
        assert looked.problems == []


def test_a_damaged_store_is_shown_with_a_word(tmp_path, chrome):
    path = tmp_path / "bad.db"
    danlu.tune(
        train,
        SPACE,
        minimize="val_loss",
        trials=20,
        store=str(path),
        name="hurt",
        scheduler="diverged",
        seed=1,
    )
    with raw_file(path) as connection:
        connection.execute("UPDATE event SET body = zeroblob(30) WHERE seq = 80")
    with Served(path, tmp_path) as opened, pages(chrome) as browsers:
        looked = browsers()
        looked.page.goto(opened.url)
        looked.page.wait_for_selector("text=The journal is damaged")
        looked.page.wait_for_selector("#panel-history canvas")
        assert looked.problems == []


def test_a_choice_of_odd_values_and_a_parameter_drawn_while_running(tmp_path, chrome):
    path = tmp_path / "odd.db"

    def run(t):
        extra = t.suggest("extra", Int(1, 3))
        t.report(1, loss=float(extra), odd=float("inf"))
        return {"loss": extra + (t["a<b"] == "x")}

    danlu.tune(
        run,
        {"a<b": Choice(["x", "</script>", None])},
        minimize="loss",
        trials=12,
        store=str(path),
        name="odd",
        seed=1,
    )
    with Served(path, tmp_path) as opened, pages(chrome) as browsers:
        looked = browsers()
        looked.page.goto(opened.url)
        looked.page.wait_for_selector("#panel-slices canvas >> nth=1")
        looked.page.click("tr.row:has-text('done') >> nth=1")
        looked.page.wait_for_selector("main.trial")
        looked.page.wait_for_selector("text=NaN/∞")
        assert looked.problems == []


def test_a_campaign_is_shown_with_its_stages_and_verdicts_and_folds_with_their_configuration(
    chrome, tmp_path
):
    path = tmp_path / "s.db"
    conduct(SqliteStore(path))
    danlu.tune(
        lambda t: t["x"] + t.context["fold"], {"x": Float(0, 1)}, contexts={"fold": range(3)}, trials=9, seed=1, store=path,
        name="folds", scheduler="none",
    )  # fmt: skip
    with Served(path, tmp_path) as served, pages(chrome) as look:
        looked = look()
        page = looked.page
        page.goto(served.url)
        page.wait_for_selector("table.studies tr.stage + tr.stage")
        names = [row.inner_text().split("\t")[0] for row in page.query_selector_all("table.studies tbody tr")]
        assert names == ["both", "both/search", "both/confirm", "folds"]
        assert (
            page.query_selector_all("table.studies tr.stage td:first-child a")[1].inner_text()
            == "both/confirm"
        )
        page.click("text=both >> nth=0")
        page.wait_for_selector("#panel-stages li")
        assert [each.inner_text() for each in page.query_selector_all("#panel-stages li a")] == [
            "both/search",
            "both/confirm",
        ]
        judged = page.inner_text("#panel-judgments")
        assert "winner:" in judged
        assert "test: looked at" in judged
        assert len(page.query_selector_all("#panel-judgments table tbody tr")) == 3
        page.screenshot(path=str(tmp_path / "campaign.png"), full_page=True)
        page.click("#panel-stages a >> nth=1")
        page.wait_for_selector("#panel-table tbody tr.row")
        assert "Part of both" in page.inner_text("main")
        page.goto(f"{served.base}/?study=folds")
        page.wait_for_selector("#panel-table tbody tr.row:nth-child(6)")
        heads = [each.inner_text() for each in page.query_selector_all("#panel-table th")]
        assert "configuration" in heads[2]
        assert heads[3] == "fold"
        cells = [row.query_selector_all("td") for row in page.query_selector_all("#panel-table tbody tr.row")]
        assert [(row[2].inner_text(), row[3].inner_text()) for row in cells[:4]] == [
            ("0", "0"),
            ("0", "1"),
            ("0", "2"),
            ("3", "0"),
        ]
        page.screenshot(path=str(tmp_path / "folds.png"), full_page=True)
        assert looked.problems == []
