"""The page on a huge study, and beside a running one, in a real Chromium.

    python benchmarks/page.py [--trials 50000] [--points 100]

Writes ``results/page.json``: seconds from opening the page to its first paint and to its panels, when the server has read the
journal and while it still reads; seconds from a filter to the panels that show it; seconds of the server's answers; and trials a
second of a running study with and without the page open.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

import danlu
from danlu.contracts.protocols import Terms
from danlu.journal import events as ev
from danlu.space.space import pack_unit

HERE = Path(__file__).parent
SPACE = danlu.Space({
    "lr": danlu.Float(1e-5, 1, log=True), "width": danlu.Int(8, 1024, log=True), "dropout": danlu.Float(0, 0.8),
    "depth": danlu.Int(1, 12), "act": danlu.Choice(["relu", "gelu", "tanh"]), "decay": danlu.Float(1e-6, 1e-1, log=True),
    "opt": danlu.Switch(sgd={"momentum": danlu.Float(0, 0.99)}, adam={"beta2": danlu.Float(0.9, 0.999)}),
})  # fmt: skip
CHROMIUM = os.environ.get("DANLU_CHROMIUM", "/usr/bin/chromium")


def huge(path, trials, points):
    """A study of so many trials, written as a driver would have written it."""
    from danlu.problem.goal import Goal

    rng = np.random.default_rng(0)
    journal = danlu.stores.SqliteStore(path).create(
        "huge", ev.Created(SPACE.spec, Goal.of(minimize="loss"), 1, 1e9)
    )
    at, pending = 1e9, []
    for number in range(trials):
        unit, values = SPACE.snap(rng.random(len(SPACE)).tolist())
        level = abs(np.log10(values["lr"]) + 2) / 4 + values["dropout"] ** 2 + 8 / values["width"]
        pending.append(ev.Asked(number, ev.pack_params(values), pack_unit(unit), f"w{number % 8}", at))
        noise = rng.normal(0, 0.02, points)
        for step in range(1, points + 1):
            at += 0.01
            metrics = {
                "loss": float(level + 2.0 / step + noise[step - 1]),
                "train_loss": float(level + 1.5 / step),
            }
            stop = step == points and number % 4 > 0
            pending.append(
                ev.Reported(
                    number,
                    1,
                    step,
                    metrics,
                    0.01 * step,
                    at,
                    ev.Action.STOP if stop else ev.Action.GO,
                    "behind" if stop else "",
                )
            )
        if number % 4 == 0:
            pending.append(ev.Ended(number, 1, ev.Status.DONE, metrics, 0.01 * points, at))
        if len(pending) > 20_000 or number == trials - 1:
            journal.append([(None, event) for event in pending], Terms())
            pending = []


class Served:
    """A dashboard of a store, in a process of its own as a user starts it."""

    def __init__(self, path, home):
        command = [sys.executable, "-m", "danlu.cli", "dashboard", str(path), "--port", "0"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "HOME": str(home)}
        )
        self.url = re.search(r"http\S+", self.process.stdout.readline())[0]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.terminate()
        self.process.wait()


def opened(context, url):
    """A page, with the seconds to its first paint and to its first panels."""
    page = context.new_page()
    began = time.perf_counter()
    page.goto(url)
    page.wait_for_selector("#panel-parallel canvas")
    panels = time.perf_counter() - began
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000")
    return page, {"first_paint": round(paint, 3), "panels": round(panels, 3)}


def filtered(page, times=12):
    """Seconds from a filter to the panels that show it: median and worst."""
    taken = []
    for turn in range(times):
        term = f"{10 ** (-4 + 0.1 * turn):.3g}..0.5"
        page.select_option(".filter select", "lr")
        page.fill("#term", term)
        taken.append(page.evaluate("""async () => {
            const before = document.querySelector('#selected').textContent;
            const began = performance.now();
            document.querySelector('.filter button[type=submit]').click();
            while (document.querySelector('#selected').textContent === before) await new Promise((r) => requestAnimationFrame(r));
            await new Promise((r) => requestAnimationFrame(r));
            return (performance.now() - began) / 1000;
        }"""))  # fmt: skip
        page.wait_for_timeout(300)
    return {"median": round(statistics.median(taken), 3), "worst": round(max(taken), 3)}


RUNNING = """
import sys, time, danlu
def run(trial):
    for step in range(1, 11):
        time.sleep(0.001)
        trial.report(step, loss=trial["x"] + 1 / step)
count = int(sys.argv[2])
began = time.perf_counter()
danlu.tune(run, {"x": danlu.Float(0, 1), "y": danlu.Float(0, 1)}, minimize="loss", trials=count, store=sys.argv[1], sampler="random", scheduler="diverged")
print(count / (time.perf_counter() - began))
"""


def rate(path, trials=600):
    """Trials a second of a study that reports to this file."""
    done = subprocess.run(
        [sys.executable, "-c", RUNNING, str(path), str(trials)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def beside(browser, home, folder, rounds=5):
    """Rates of a running study without and with the page open, in turns."""
    alone, watched = [], []
    for turn in range(rounds):
        alone.append(rate(folder / f"alone{turn}.db"))
        path = folder / f"watched{turn}.db"
        danlu.stores.SqliteStore(path).close()
        with Served(path, home) as served:
            page = browser.new_page()
            page.goto(served.url)
            page.evaluate("setInterval(() => document.querySelector('a[href*=study]')?.click(), 200)")
            watched.append(rate(path))
            assert page.locator("#panel-history").count() == 1  # it was watched
            page.close()
    return {
        "alone": round(statistics.median(alone), 1),
        "watched": round(statistics.median(watched), 1),
        "share": round(statistics.median(watched) / statistics.median(alone), 3),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=50_000)
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--store", help="Keep the huge study in this file, or take it from there.")
    given = parser.parse_args()
    found = {"trials": given.trials, "points": given.points}
    with tempfile.TemporaryDirectory() as made, sync_playwright() as play:
        folder, home = Path(made), Path(made) / "home"
        home.mkdir()
        path = Path(given.store) if given.store else folder / "huge.db"
        if not path.exists():
            huge(path, given.trials, given.points)
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with Served(path, home) as served:
            context = browser.new_context(viewport={"width": 1500, "height": 1000})
            page, found["while_reading"] = opened(context, served.url)
            began = time.perf_counter()
            page.wait_for_selector("p.notice[role=status]", state="detached", timeout=300_000)
            found["read_seconds"] = round(time.perf_counter() - began, 1)
            found["events"] = int(page.get_attribute("main", "data-seq"))
            base = served.url.partition("?")[0]
            fresh = context.new_page()
            again = []
            for _ in range(5):
                fresh.close()
                fresh = context.new_page()
                began = time.perf_counter()
                fresh.goto(f"{base}?study=huge")
                fresh.wait_for_selector("#panel-parallel canvas")
                again.append(
                    (
                        fresh.evaluate(
                            "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"
                        ),
                        time.perf_counter() - began,
                    )
                )
            found["first_paint"], found["panels"] = (
                round(statistics.median(column), 3) for column in zip(*again, strict=True)
            )
            fresh.wait_for_selector("#panel-importance .bar", timeout=60_000)
            found["filter"] = filtered(fresh)
            answers = {}
            for what, query in (
                ("view", "f.lr=0.001.."),
                ("table", "sort=loss&down=1"),
                ("insight", "f.lr=0.002.."),
            ):
                answers[what] = fresh.evaluate(
                    "async (url) => { const began = performance.now(); await (await fetch(url)).text(); return (performance.now() - began) / 1000; }",
                    f"/api/{what}?study=huge&{query}",
                )
            found["answers"] = {what: round(seconds, 3) for what, seconds in answers.items()}
            found["server_mib"] = round(
                int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{served.process.pid}/status").read_text())[1])
                / 1024
            )
        found["running_study"] = beside(browser, home, folder)
        browser.close()
    print(json.dumps(found, indent=1))
    (HERE / "results" / "page.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
