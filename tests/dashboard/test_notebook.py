"""A study as a notebook shows it: its page in a frame, served by the kernel itself, and its report as one document."""

import http.client
import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from browsing import launched, pages

import danlu
from danlu import Float, Int
from danlu.errors import SettingError, StoreError


def train(trial):
    for step in range(1, 4):
        trial.report(step, loss=trial["lr"] / step)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    path = tmp_path_factory.mktemp("notebook") / "study.db"
    space = {"lr": Float(1e-4, 1, log=True), "n": Int(1, 9)}
    return danlu.tune(train, space, minimize="loss", trials=9, seed=1, store=str(path), name="nets </script>")


@pytest.fixture
def shown(result):
    page = result.study.show(height=900)
    yield page
    page.close()


def asked(shown, path, host="127.0.0.1", **headers):
    port = int(re.search(r":(\d+)/", shown.address)[1])
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    method = headers.pop("method", "GET")
    line.request(method, path, headers={"host": f"{host}:{port}", **headers})
    answer = line.getresponse()
    found = (
        answer.status,
        {name.lower(): value for name, value in answer.getheaders()},
        answer.read().decode(),
    )
    line.close()
    return found


def path_of(shown):
    return "/" + shown.address.partition("/?")[2].join(["?", ""])


def test_one_browser_is_let_in_once_from_this_machine_and_nothing_is_taken(shown):
    first = path_of(shown)
    status, headers, _ = asked(shown, first)
    assert (status, headers["location"]) == (303, "/?study=nets+%3C%2Fscript%3E")
    cookie = headers["set-cookie"].partition(";")[0]
    assert asked(shown, first)[0] == 401  # the token was used
    status, headers, _ = asked(shown, first, cookie=cookie)  # a cell that is shown again, in the same browser
    assert (status, headers["location"]) == (303, "/?study=nets+%3C%2Fscript%3E")
    assert "set-cookie" not in headers
    assert asked(shown, "/api/studies")[0] == 401
    status, headers, text = asked(shown, "/api/studies", cookie=cookie)
    assert (status, "nets </script>" in text) == (200, True)
    policy = headers["content-security-policy"]
    assert policy.endswith("frame-ancestors http://127.0.0.1:* http://localhost:*")
    assert asked(shown, "/", host="elsewhere", cookie=cookie)[0] == 421
    order = {"method": "POST", "cookie": cookie, "content-type": "application/json"}
    origin = "http://" + re.search(r"//(.*?)/", shown.address)[1]
    status, _, text = asked(shown, "/api/steer", origin=origin, **order)
    assert (status, "only shows" in text) == (400, True)


def test_studies_of_one_store_share_a_server_that_begins_again_after_its_end(result, shown):
    again = result.study.show()
    assert again.address == shown.address
    again.close()
    with pytest.raises(ConnectionRefusedError):
        asked(shown, "/")
    new = result.study.show()
    assert asked(new, path_of(new))[0] == 303
    new.close()
    with pytest.raises(SettingError, match="200 to 4000 pixels high, got height=20"):
        result.study.show(height=20)


def test_a_result_that_was_pickled_shows_what_it_knows(result):
    import pickle

    left = pickle.loads(pickle.dumps(result))
    with pytest.raises(StoreError, match="pickled result"):
        left.study.show()
    assert "report of" in repr(left.study.show(live=False))
    with pytest.raises(AttributeError, match=r"result\.study\.show\(\)"):
        _ = result.show


def test_a_notebook_page_shows_the_frame_and_the_document_and_elsewhere_the_address(result, shown, tmp_path):
    """Notebooks put the output into their own page, opened under one name of this machine or another."""
    still = result.study.show(live=False)._repr_html_()

    def run():
        """The cells are run: the page's token is new."""
        cells = shown._repr_html_() + still
        (tmp_path / "index.html").write_text(f"<!doctype html><title>notebook</title>{cells}", "utf-8")

    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *said: None})
    notebook = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(tmp_path)))
    serving = threading.Thread(target=notebook.serve_forever)
    serving.start()
    try:
        with launched() as chrome, pages(chrome) as opened:
            for host in ("127.0.0.1", "localhost"):
                run()
                page = opened().page
                page.goto(f"http://{host}:{notebook.server_port}/index.html")
                frames = page.locator("iframe")
                assert frames.count() == 2
                live, document = (page.frame_locator("iframe").nth(at) for at in range(2))
                live.locator("#panel-table tr.row:has(td:nth-child(2))").nth(8).wait_for(state="attached")
                assert live.locator("h1").inner_text() == "nets </script>"
                assert live.locator(".orders").count() == 0
                document.locator("#panel-table tr.row:has(td:nth-child(2))").nth(8).wait_for(state="attached")
                page.close()
            page = opened().page
            page.goto((tmp_path / "index.html").as_uri())  # no loopback name: the address is said
            assert page.locator("iframe").count() == 1
            assert page.locator("a").get_attribute("href").startswith("http://127.0.0.1:")
            assert "ssh -L" in page.inner_text("body")
    finally:
        notebook.shutdown()
        serving.join()
        notebook.server_close()
