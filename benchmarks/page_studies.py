"""A look at made-up studies that a page must not mislead about (``tests/made_up.py``).

    python benchmarks/page_studies.py made.db                 # writes them
    python benchmarks/page_studies.py made.db --pictures out  # and looks at each in Chromium

Pictures are whole pages at 1440 x 900 and 390 x 844, light and dark, in English, and one of each study in Chinese.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from browsing import Served, launched
from made_up import STUDIES, make

SCREENS = {"desk": (1440, 900), "phone": (390, 844)}


def pictures(path: Path, out: Path, only: str = "") -> list[str]:
    """Look at every study on every screen, in both themes and languages; what went wrong in the browser, in sentences."""
    out.mkdir(parents=True, exist_ok=True)
    wrong: list[str] = []
    with Served(path, out / "home") as served, launched() as chrome:
        key = chrome.new_context()
        key.new_page().goto(served.url)  # the token lets one browser in, which every other is then
        for screen, (width, height) in SCREENS.items():
            for theme, tongue in (("light", "en-US"), ("dark", "en-US"), ("light", "zh-CN")):
                held = chrome.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=theme,
                    locale=tongue,
                    storage_state=key.storage_state(),
                )
                page = held.new_page()
                page.on(
                    "console",
                    lambda said: wrong.append(said.text) if said.type in {"error", "warning"} else None,
                )
                page.on("pageerror", lambda error: wrong.append(f"{error} {error.stack}"))
                for name in [each for each in STUDIES if only in each]:
                    page.goto(f"{served.base}/?{urlencode({'study': name})}")
                    settled(page)
                    over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                    if over > 0:
                        wrong.append(f"{name}, {screen}: {over} px wider than the screen")
                    file = f"{re.sub('[^a-z0-9]+', '_', name)}-{screen}-{theme}-{tongue[:2]}.png"
                    page.screenshot(path=str(out / file), full_page=True)
                held.close()
    return wrong


def settled(page: Any) -> None:
    """Wait until a study's page has calculated everything."""
    page.wait_for_selector("#panels", timeout=60_000)
    for state in ("reading", "calculating"):
        page.wait_for_selector(f"[data-state={state}]", state="detached", timeout=60_000)
    page.wait_for_timeout(200)


if __name__ == "__main__":
    reader = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    reader.add_argument("store", type=Path)
    reader.add_argument("--pictures", type=Path)
    reader.add_argument("--only", default="", help="a part of a study's name")
    given = reader.parse_args()
    if not given.store.exists():
        make(given.store)
    if given.pictures:
        print("\n".join(pictures(given.store, given.pictures, given.only)) or "nothing went wrong")
