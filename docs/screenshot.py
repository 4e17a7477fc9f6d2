"""Takes docs/pictures/page.png: a study of a real network on digits, looked at in Chromium. `python docs/screenshot.py`."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from danlu import deep

PICTURE = Path(__file__).parent / "pictures/page.png"


def main() -> None:
    """Tune, serve, look."""
    with tempfile.TemporaryDirectory() as folder:
        store = f"{folder}/digits.db"
        deep.tune(
            "image",
            deep.datasets.digits(),
            trials=40,
            epochs=12,
            seed=1,
            store=store,
            study="digits",
            top=1,
            seeds=1,
            engine="vectorized",
        )
        command = [sys.executable, "-m", "danlu.cli", "dashboard", store, "--port", "0"]
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
            sync_playwright() as play,
        ):
            assert server.stdout is not None
            found = re.search(r"http\S+", server.stdout.readline())
            assert found is not None
            browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1500, "height": 1180})
            page.goto(f"{found[0]}&study=digits")
            page.wait_for_selector("#panel-importance .bar")
            page.wait_for_selector("#panel-effects canvas")
            page.wait_for_timeout(1000)
            page.screenshot(path=str(PICTURE))
            browser.close()
            server.terminate()


if __name__ == "__main__":
    main()
