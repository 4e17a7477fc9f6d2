"""A dashboard as a user starts it, and a real headless Chromium to look at it with."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

from playwright.sync_api import sync_playwright

CHROMIUM = os.environ.get("DANLU_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"


class Served:
    """``danlu dashboard`` in a process of its own; ``url`` holds its one-time token, ``said`` what it had said to stderr when it ended."""

    said = ""

    def __init__(self, store, home, *options, port=0):
        command = [sys.executable, "-m", "danlu.cli", "dashboard", str(store), "--port", str(port), *options]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "HOME": str(home)},
        )
        line = self.process.stdout.readline()
        assert "the page is at" in line, self.process.communicate(timeout=10)
        self.url = re.search(r"http\S+", line)[0]
        self.base, _, self.token = self.url.partition("/?token=")
        self.port = int(self.base.rpartition(":")[2])
        until = time.monotonic() + 20
        while time.monotonic() < until:  # the line comes before the first request is taken
            import socket

            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("the page does not listen")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        """End it as Ctrl-C does; what it said to stderr."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        if not self.process.stderr.closed:
            self.said = self.process.communicate(timeout=20)[1]
        return self.said


class Looked:
    """A page of the browser, and everything that went wrong in it."""

    def __init__(self, page):
        self.page = page
        self.problems = []
        self.requests = []
        page.on(
            "console",
            lambda message: message.type in {"error", "warning"} and self.problems.append(message.text),
        )
        page.on("pageerror", lambda error: self.problems.append(f"{error} {error.stack}"))
        page.on("request", lambda request: self.requests.append(request.url))


@contextmanager
def launched():
    """A headless Chromium."""
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def pages(browser, **context):
    """A function that opens pages of one profile, with cookies and storage of its own."""
    held = browser.new_context(viewport={"width": 1400, "height": 950}, locale="en-GB", **context)
    held.set_default_timeout(20_000)
    try:
        yield lambda: Looked(held.new_page())
    finally:
        held.close()
