"""The page's server: what it answers, whom it refuses, and that it never stands in a study's way."""

import asyncio
import base64
import hashlib
import http.client
import json
import math
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from browsing import Served
from hypothesis import given
from hypothesis import strategies as st
from sqlite_file import raw_file

import danlu
from danlu import Choice, Float, Int
from danlu.analysis.progress import progress
from danlu.base.plain import packed, plain
from danlu.dashboard import views
from danlu.dashboard.app import Page
from danlu.dashboard.feed import PART, Feed, Feeds
from danlu.dashboard.guard import Guard, key_at
from danlu.dashboard.insights import KEPT, Insights
from danlu.dashboard.page import checked, front, import_map, modules, static, vendored, whole
from danlu.journal import events as ev
from danlu.journal.history import History
from danlu.stores import SqliteStore

SPACE = {"lr": Float(1e-4, 1, log=True), "n": Int(1, 9), "opt": Choice(["sgd", "adam"])}


def train(t):
    print("hello from", t.number)
    for step in range(1, 9):
        if t.number == 3:
            t.save(step, {"step": step})
        t.report(step, loss=t["lr"] + 1 / step + t["n"] / 50)
        if t.number == 1 and step == 1:  # before the scheduler stops anything
            raise ValueError("on purpose")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "study.db"
    danlu.tune(
        train,
        SPACE,
        minimize="loss",
        trials=40,
        seed=1,
        store=str(path),
        name="nets",
        workers=2,
        scheduler=danlu.schedulers.Median(warm_up=2),
        sampler="random",
    )
    return path


@pytest.fixture(scope="module")
def served(store, tmp_path_factory):
    with Served(store, tmp_path_factory.mktemp("home")) as opened:
        yield opened


class Asked:
    """A client without a browser's manners: any method, any header."""

    def __init__(self, served):
        self.port, self.cookie = served.port, ""
        self.host = f"127.0.0.1:{served.port}"

    def __call__(self, path, method="GET", body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.putrequest(method, path, skip_host=True)
        given = {
            "Host": self.host,
            **({"Cookie": self.cookie} if self.cookie else {}),
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        for name, value in given.items():
            if value is not None:
                connection.putheader(name, value)
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None:
            connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data)
        answer = connection.getresponse()
        found = answer.status, dict(answer.getheaders()), answer.read()
        connection.close()
        return found

    def json(self, path, **query):
        status, _, body = self(f"{path}?{urlencode(query)}")
        assert status == 200, body
        return json.loads(body)

    def steer(self, **order):
        headers = {"Origin": f"http://{self.host}", "Content-Type": "application/json"}
        status, _, body = self("/api/steer", "POST", {"op": "x", **order}, **headers)
        return status, json.loads(body)


@pytest.fixture(scope="module")
def ask(served):
    asked = Asked(served)
    status, headers, _ = asked(served.url.removeprefix(served.base))
    assert status == 303
    asked.cookie = headers["set-cookie"].partition(";")[0]
    until = time.monotonic() + 20
    while not asked.json("/api/studies")["studies"][0]["whole"]:
        assert time.monotonic() < until
        time.sleep(0.05)
    return asked


def strange(served):
    return Asked(served)


# Who may ask.


def test_without_the_cookie_nothing_can_be_had(served, ask):
    stranger = strange(served)
    paths = [
        "/",
        "/api/studies",
        "/api/view?study=nets",
        "/api/stream?study=nets",
        "/static/main.js",
        "/api/checkpoint?study=nets&digest=x",
        "/nowhere",
    ]
    for path in paths:
        assert stranger(path)[0] == 401, path
    stranger.cookie = ask.cookie[:-4] + "0000"
    assert stranger("/")[0] == 401
    name, _, value = ask.cookie.partition("=")
    until, _, mark = value.partition(".")
    for forged in (
        f"{name}={int(until) + 1}.{mark}",
        f"{name}=1.{mark}",
        f"{name}=",
        f"{name}=²³.{mark}",
        f"{name}={'9' * 6000}.{mark}",
        "other=1",
        f"{name}={until}",
    ):
        stranger.cookie = forged
        assert stranger("/", Cookie=forged.encode("utf-8").decode("latin-1"))[0] == 401, forged


def test_a_token_lets_one_browser_in_once(store, tmp_path):
    with Served(store, tmp_path) as opened:
        one, other = Asked(opened), Asked(opened)
        path = opened.url.removeprefix(opened.base)
        assert other("/?token=wrong")[0] == 401
        status, headers, _ = one(f"{path}&study=nets&f.lr={quote('0.1..')}")
        assert status == 303
        assert (
            headers["location"] == "/?study=nets&f.lr=0.1.."
        )  # the token is gone from the address, nothing else is
        cookie = headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert opened.token not in cookie
        assert other(path)[0] == 401
        line = opened.process.stdout.readline()
        assert "for another browser" in line
        second = re.search(r"token=(\S+)", line)[1]
        assert second != opened.token
        assert other(f"/?token={second}")[0] == 303


def test_a_browser_stays_known_when_the_server_starts_again(store, tmp_path):
    with Served(store, tmp_path) as first:
        one = Asked(first)
        cookie = one(first.url.removeprefix(first.base))[1]["set-cookie"].partition(";")[0]
        port = first.port
    with Served(store, tmp_path, port=port) as again:
        one = Asked(again)
        one.cookie = cookie
        assert one("/")[0] == 200
    assert (tmp_path / ".danlu/page.key").stat().st_mode & 0o777 == 0o600
    with Served(
        store, tmp_path / "elsewhere", port=port
    ) as other:  # another secret, so another set of browsers
        one = Asked(other)
        one.cookie = cookie
        assert one("/")[0] == 401


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1:{port}.evil.example",
        "",
        None,
        "localhost.:{port}",
    ],
)
def test_a_name_that_is_not_ours_is_refused(served, ask, host):
    name = host.format(port=served.port) if host is not None else None
    status, _, body = ask("/api/studies", Host=name)
    assert status in {400, 421}
    assert b"nets" not in body


def test_our_own_names_are_taken(served, ask):
    for name in ("127.0.0.1", "localhost"):
        assert ask("/", Host=f"{name}:{served.port}")[0] == 200


def test_only_the_page_itself_may_write(served, ask, store):
    before = sum(1 for _ in SqliteStore(store).journal("nets").read(0))
    order = {"study": "nets", "order": "pause", "op": "evil"}
    own = {"Origin": f"http://{ask.host}", "Content-Type": "application/json"}
    for changed in (
        {"Origin": None}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": f"http://127.0.0.1:{served.port + 1}"},
        {"Origin": f"http://localhost:{served.port}"}, {"Content-Type": "text/plain"}, {"Content-Type": None},
        {"Content-Type": "application/x-www-form-urlencoded"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Cookie": None},
    ):  # fmt: skip
        status = ask("/api/steer", "POST", order, **{**own, **changed})[0]
        assert status in {401, 403}, changed
    for method in ("PUT", "DELETE", "PATCH", "GET"):
        assert ask("/api/steer", method, order, **own)[0] in {403, 404, 405}
    assert sum(1 for _ in SqliteStore(store).journal("nets").read(0)) == before


def test_every_answer_seals_the_browser_in(ask):
    for path in ("/", "/api/studies", "/static/main.js", "/api/view?study=no", "/nowhere"):
        headers = ask(path)[1]
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self' 'sha256-")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"].startswith("no-store")
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers
    held = base64.b64encode(hashlib.sha256(import_map().encode()).digest()).decode()
    assert f"'sha256-{held}'" in ask("/")[1]["content-security-policy"]
    assert re.findall(r"<script(?![^>]*(importmap|src=))", front()) == []


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/..\\app.py",
        "/../../etc/passwd",
        "/static/vendor/../../guard.py",
    ],
)
def test_no_path_leads_out_of_the_front_end(ask, path):
    status, _, body = ask(path)
    assert status in {404, 400}
    assert b"import" not in body
    assert b"root:" not in body


def test_checkpoints_are_had_by_the_hash_that_the_journal_knows(ask, store):
    kept = ask.json("/api/trial", study="nets", trial=3)["trial"]["checkpoints"]
    if not kept:  # only the best trial keeps its own
        history = History()
        history.fold(SqliteStore(store).journal("nets").read(0))
        assert not history.rows.checkpoints.digests
    blobs = Path(f"{store}.blobs")
    (blobs / "secret").write_bytes(b"mine")
    for digest in (
        "secret",
        "../study.db",
        "..%2fstudy.db",
        "/etc/passwd",
        "",
        "0" * 64,
        "logs/nets/000003.log",
    ):
        status, _, body = ask(f"/api/checkpoint?study=nets&digest={quote(digest)}")
        assert status == 503, digest
        assert b"no such checkpoint" in body


def test_a_checkpoint_of_the_best_can_be_downloaded(tmp_path):
    path = tmp_path / "c.db"

    def run(t):
        t.save(1, {"x": t["x"]})
        t.report(1, loss=t["x"])

    result = danlu.tune(
        run, {"x": Float(0, 1)}, minimize="loss", trials=3, store=str(path), scheduler="diverged"
    )
    digest = result.best.checkpoints[0].digest
    with Served(path, tmp_path) as opened:
        one = Asked(opened)
        one.cookie = one(opened.url.removeprefix(opened.base))[1]["set-cookie"].partition(";")[0]
        wait_whole(one)
        status, headers, body = one(f"/api/checkpoint?study=study&digest={digest}")
        assert status == 200
        assert hashlib.sha256(body).hexdigest() == digest
        assert headers["content-type"] == "application/octet-stream"
        assert headers["content-disposition"].startswith("attachment")


def wait_whole(asked):
    until = time.monotonic() + 20
    while not all(each["whole"] for each in asked.json("/api/studies")["studies"]):
        assert time.monotonic() < until
        time.sleep(0.05)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_words_break_the_server(served, ask, name, text):
    """Names and terms are data: parameters of SQL, never parts of a path or of code."""
    for query in (
        {"study": name},
        {"study": "nets", f"f.{name}": text},
        {"study": "nets", "metric": name, "x": text},
        {"study": "nets", "trial": text},
        {"study": "nets", "sort": text},
    ):
        path = {"trial": "/api/trial", "sort": "/api/table"}.get(list(query)[-1], "/api/view")
        status, _, body = ask(f"{path}?{urlencode(query)}")
        assert status in {200, 400, 404}, body
        json.loads(body)


def test_orders_that_make_no_sense_are_sentences(ask):
    for order, says in (
        ({"study": "nets", "order": "explode"}, "not 'explode'"),
        ({"study": "no", "order": "pause"}, "no study 'no'"),
        ({"study": "nets", "order": "prune", "trial": 999}, "no trial 999"),
        ({"study": "nets", "order": "prune", "trial": 0}, "already"),
        ({"study": "nets", "order": "enqueue", "point": {"lr": 9}}, "lr needs"),
        ({"study": "nets", "order": "enqueue", "point": {"__class__": 1}}, "__class__"),
        ({"study": "nets", "order": "pause", "surprise": 1}, "surprise"),
        ({"study": "nets"}, "order"),
    ):
        status, body = ask.steer(**order)
        assert status in {400, 404}, order
        assert says in body["error"]
    headers = {"Origin": f"http://{ask.host}", "Content-Type": "application/json"}
    assert ask("/api/steer", "POST", b"not json", **headers)[0] == 400
    assert ask("/api/steer", "POST", b"[" * 40_000, **headers)[0] == 400
    assert ask("/api/steer", "POST", b'"' + b"x" * 100_000 + b'"', **headers)[0] == 400


def test_a_page_that_only_shows_takes_no_orders(store, tmp_path):
    with Served(store, tmp_path, "--read-only") as opened:
        one = Asked(opened)
        one.cookie = one(opened.url.removeprefix(opened.base))[1]["set-cookie"].partition(";")[0]
        assert one.json("/api/studies")["actions"] is False
        status, body = one.steer(study="nets", order="pause")
        assert status == 400
        assert "only shows" in body["error"]


def test_it_listens_on_loopback_and_elsewhere_only_by_name(served, store):
    lines = Path("/proc/net/tcp").read_text().splitlines() + Path("/proc/net/tcp6").read_text().splitlines()
    listening = [
        line.split()[1]
        for line in lines[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{served.port:04X}")
    ]
    assert listening == [f"0100007F:{served.port:04X}"]
    refused = subprocess.run(
        [sys.executable, "-m", "danlu.cli", "dashboard", str(store), "--host", "0.0.0.0"],
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 2
    assert "--allow-host" in refused.stderr


def test_a_taken_port_is_a_sentence(served, store):
    refused = subprocess.run(
        [sys.executable, "-m", "danlu.cli", "dashboard", str(store), "--port", str(served.port)],
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 2
    assert "cannot listen" in refused.stderr
    assert "Name another --port" in refused.stderr


def test_the_secret_file_survives_a_death_while_it_was_written(tmp_path):
    path = tmp_path / "page.key"
    path.write_bytes(b"half")
    assert len(key_at(path)) == 32
    assert key_at(path) == key_at(path)


def test_two_servers_on_one_host_do_not_share_cookies():
    one, other = (Guard(None, hosts=["h"], key=b"k" * 32, name=f"danlu-{port}") for port in (1, 2))
    assert one._sign(5) != other._sign(5)


# What it answers.


def test_a_view_is_what_the_analyses_say(ask, store):
    history = History()
    history.fold(SqliteStore(store).journal("nets").read(0))
    seen = ask.json("/api/view", study="nets")
    assert seen["progress"] == plain(progress(history))
    assert seen["head"]["best"]["number"] == history.incumbents.best
    assert seen["selected"] == 40
    assert sum(seen["head"]["states"].values()) == 40
    some = ask.json("/api/view", **{"study": "nets", "f.opt": "sgd", "f.loss": "..0.6"})
    assert some["selected"] == sum(
        t.params["opt"] == "sgd" and t.metrics.get("loss", 9) <= 0.6 and t.status.name != "FAILED"
        for t in history.trials
    )
    assert set(some["sheet"]["statuses"]) <= {3, 4}
    status, _, body = ask("/api/view?study=nets&f.lr=high")
    assert status == 400
    assert "low..high" in json.loads(body)["error"]


def test_insight_and_its_memory(ask):
    found = ask.json("/api/insight", study="nets")
    assert {share["name"] for share in found["importance"]["parameters"]} == set(SPACE)
    assert found == ask.json("/api/insight", study="nets")
    chosen = ask.json("/api/insight", study="nets", x="opt", y="n")
    assert (chosen["surface"]["x"]["name"], chosen["surface"]["y"]["name"]) == ("opt", "n")
    assert ask.json("/api/insight", **{"study": "nets", "f.trial": "0..1"})["few"] <= 2


def begun(parts):
    """A calculation of so many parts that a test lets go on, and how often it was begun."""
    gate, count = threading.Semaphore(0), []

    def calculate():
        count.append(1)
        for part in range(parts):
            assert gate.acquire(timeout=20)
            yield ("" if part == parts - 1 else f"part {part + 1}"), {f"found {part}": part}

    return gate, count, calculate


def test_an_answer_comes_part_by_part_and_is_calculated_once_for_all_who_ask():
    insights, (gate, count, calculate) = Insights(), begun(3)
    first = insights.ask("q", 7, calculate, have=0)
    assert (first["ready"], first["stage"], first["doing"]) == (
        False,
        0,
        "queued",
    )  # not there yet, and said so
    gate.release()
    told = insights.ask("q", 7, calculate, have=0)
    assert (told["ready"], told["stage"], told["doing"], told["found 0"]) == (False, 1, "part 1", 0)
    gate.release(2)
    whole_ = insights.ask(
        "q", 9, calculate
    )  # the study has grown meanwhile: what is being calculated is waited for
    assert (whole_["ready"], whole_["seq"], whole_["found 2"], len(count)) == (True, 7, 2, 1)
    assert insights.ask("q", 7, calculate) == whole_
    assert len(count) == 1
    gate.release(3)
    assert insights.ask("q", 9, calculate)["seq"] == 9
    assert len(count) == 2


def test_two_tabs_with_different_filters_do_not_make_each_other_recompute():
    insights = Insights()
    made = {name: begun(1) for name in "ab"}
    for name in "abab":
        gate, _, calculate = made[name]
        gate.release()
        assert insights.ask(name, 1, calculate)["ready"]
    assert [len(count) for _, count, _ in made.values()] == [1, 1]
    for at in range(KEPT):
        gate, _, calculate = begun(1)
        gate.release()
        insights.ask(at, 1, calculate)
    made["a"][0].release()
    insights.ask("a", 1, made["a"][2])
    assert len(made["a"][1]) == 2  # memory is bounded


def test_a_calculation_that_nobody_waits_for_is_given_up_between_two_parts():
    insights, (gate, count, calculate) = Insights(), begun(3)
    assert not insights.ask("q", 1, calculate, have=0)["ready"]
    insights._held["q"].wanted -= 100.0  # as if its tab had been closed long ago
    thread = insights._thread
    gate.release()
    thread.join(20)
    gate.release(3)
    assert insights.ask("q", 1, calculate)["ready"]
    assert len(count) == 2  # begun anew, for whoever asks


def test_what_goes_wrong_in_a_calculation_is_told_and_ends_no_other(capsys):
    insights = Insights()

    def wrong(error):
        yield "more", {"half": 1}
        raise error

    with pytest.raises(danlu.errors.SettingError, match="no such thing"):
        insights.ask("a", 1, lambda: wrong(danlu.errors.SettingError("no such thing")))
    with pytest.raises(ZeroDivisionError):
        insights.ask("b", 1, lambda: wrong(ZeroDivisionError("defect")))
    assert "ZeroDivisionError" in capsys.readouterr().err
    gate, _, calculate = begun(1)
    gate.release()
    assert insights.ask("c", 1, calculate)["ready"]


def test_a_half_read_journal_is_no_study_with_few_trials(ask, store):
    feeds = Feeds(SqliteStore(store))
    page = Page(feeds, place="here", actor="ann")
    feed = Feed(SqliteStore(store), "nets")
    feeds._feeds["nets"], feeds._thread = feed, threading.current_thread()  # nobody reads it on

    class Asking:
        def __init__(self, **query):
            self.query_params = {"study": "nets", **query}

    feed.wanted = 0.0
    told = json.loads(asyncio.run(page.insight(Asking(have="0"))).body)
    assert (told["ready"], told["doing"]) == (False, "reading")
    assert "few" not in told
    while feed.read():
        pass
    assert json.loads(asyncio.run(page.insight(Asking())).body)["few"] == -1


def test_errors_are_told_in_groups_the_commonest_first():
    def fails(t):
        if t.number % 3 == 1:
            raise MemoryError("no memory left")
        raise ValueError(f"no file part-{t.number}.bin")

    limits = danlu.TrialLimits(same_failures=0)
    history = danlu.tune(fails, {"x": Float(0, 1)}, minimize="loss", trials=12, trial_limits=limits).history
    told = views.view("s", history, {})
    assert [(each["count"], each["trials"]) for each in told["errors"]] == [
        (8, [0, 2, 3, 5, 6, 8, 9, 11]),
        (4, [1, 4, 7, 10]),
    ]
    assert told["errors"][0]["text"].startswith("ValueError: no file part-0.bin")
    assert (told["measured"], told["failed"], told["live"]) == (0, 12, 0)
    few = views.view("s", history, {"trial": "0..1"})
    assert [each["count"] for each in few["errors"]] == [1, 1]
    assert views.insight(history, {})["findings"][0].kind == "failing"  # said although there is no model
    assert [row["reason"] for row in views.table(history, {}, sort="reason")["rows"]] == sorted(
        trial.reason for trial in history.trials
    )


def test_of_several_goals_the_head_names_the_front_and_every_panel_the_chosen_one():
    def goals(t):
        return {"loss": t["x"], "size": (1 - t["x"]) ** 2 + t["y"], "cost": t["y"]}

    result = danlu.tune(
        goals,
        {"x": Float(0, 1), "y": Float(0, 1)},
        minimize=["loss", "size"],
        maximize="cost",
        trials=30,
        seed=1,
    )
    history = result.history
    front = [trial.metrics for trial in result.front]
    head = views.head("s", history)["front"]
    assert head["count"] == len(front) > 2
    assert head["ends"] == [
        (min(each[name] for each in front), max(each[name] for each in front))
        for name in [m.name for m in history.goal.metrics]
    ]
    assert 0 < head["volume"] < 1
    for name in ("loss", "size", "cost"):
        seen = views.view("s", history, {}, name)
        assert (seen["metric"], seen["progress"].metric) == (name, name)
        told = views.insight(history, {}, name)
        assert (told["importance"].metric, told["effects"].metric, told["surface"].metric) == (
            name,
            name,
            name,
        )
    assert (
        views.head("one", danlu.tune(lambda t: t["x"], {"x": Float(0, 1)}, trials=3).history)["front"] is None
    )


def test_the_volume_is_that_of_a_count_of_points():
    """Against counting: the share of many points in the widened box that some trial of the front dominates."""
    losses = np.array([[0.0, 1.0, 0.5], [0.4, 0.3, 0.2], [1.0, 0.0, 0.7], [0.8, 0.6, 0.0]])
    low, high = losses.min(0), losses.max(0)
    points = low + np.random.default_rng(0).random((200_000, 3)) * 1.1 * (high - low)
    share = (losses[None] <= points[:, None]).all(2).any(1).mean()
    assert views._volume(losses) == pytest.approx(share, abs=0.005)


def test_the_table_is_sorted_and_cut(ask):
    whole_ = ask.json("/api/table", study="nets", sort="lr")
    rates = [row["params"]["lr"] for row in whole_["rows"]]
    assert rates == sorted(rates)
    part = ask.json("/api/table", study="nets", sort="lr", first=10, count=5)
    assert part["rows"] == whole_["rows"][10:15]
    down = ask.json("/api/table", study="nets", sort="loss", down=1)["rows"]
    known = [row["metrics"]["loss"] for row in down if row["status"] in {"done", "stopped"}]
    assert known == sorted(known, reverse=True)
    assert len(ask.json("/api/table", study="nets", count=10**9)["rows"]) == 40
    assert ask("/api/table?study=nets&sort=nothing")[0] == 400
    assert ask("/api/table?study=nets&first=x")[0] == 400


def test_a_trial_tells_why(ask):
    failed = ask.json("/api/trial", study="nets", trial=1)
    assert failed["trial"]["status"] == "failed"
    assert any("on purpose" in event["why"] for event in failed["events"])
    assert failed["events"][0]["what"] == "asked"
    assert failed["events"][0]["then"]
    assert "hello from 1" in ask.json("/api/log", study="nets", trial=1)["text"]
    assert ask("/api/trial?study=nets&trial=99")[0] == 404
    assert ask.json("/api/log", study="nets", trial=99) == {"text": "", "there": False}


def test_a_stream_says_when_a_study_has_grown(store, tmp_path):
    path = tmp_path / "s.db"
    danlu.tune(train, SPACE, minimize="loss", trials=2, store=str(path), name="s", scheduler="diverged")
    with Served(path, tmp_path) as opened:
        one = Asked(opened)
        cookie = one(opened.url.removeprefix(opened.base))[1]["set-cookie"].partition(";")[0]
        words = f"GET /api/stream?study=s HTTP/1.1\r\nHost: {one.host}\r\nCookie: {cookie}\r\n\r\n"
        with (
            socket.create_connection(("127.0.0.1", opened.port), timeout=20) as connection,
            connection.makefile("rb") as stream,
        ):
            connection.sendall(words.encode())
            seen = []
            danlu.tune(
                train, SPACE, minimize="loss", trials=4, store=str(path), name="s", scheduler="diverged"
            )
            last = max(entry.seq for entry in SqliteStore(path).journal("s").read(0))
            while not seen or seen[-1]["seq"] < last:
                line = stream.readline().decode()
                if line.startswith("data: "):
                    seen.append(json.loads(line[6:]))
            assert [each["seq"] for each in seen] == sorted(each["seq"] for each in seen)
            began = time.monotonic()
            assert (
                opened.close() == ""
            )  # streams do not keep the server from leaving, and nothing was said to stderr
            assert time.monotonic() - began < 10


def test_an_order_is_an_event_with_its_actor(tmp_path):
    path = tmp_path / "s.db"
    danlu.tune(train, SPACE, minimize="loss", trials=2, store=str(path), name="s", scheduler="diverged")
    with Served(path, tmp_path, "--actor", "ann") as opened:
        one = Asked(opened)
        one.cookie = one(opened.url.removeprefix(opened.base))[1]["set-cookie"].partition(";")[0]
        assert one.steer(study="s", order="pause", reason="lunch")[0] == 200
        assert one.steer(study="s", order="pause", reason="lunch")[0] == 200  # the same order, said twice
        assert one.json("/api/view", study="s")["head"]["halted"] == "paused by ann: lunch"
        assert one.steer(study="s", order="enqueue", op="2", point={"lr": 0.5, "opt": "adam"})[0] == 200
        assert one.steer(study="s", order="note", op="3", trial=0, text="odd")[0] == 200
        told = [entry.event for entry in SqliteStore(path).journal("s").read(0)]
        assert sum(isinstance(event, ev.Steered) for event in told) == 1
        assert next(event for event in told if isinstance(event, ev.Enqueued)).points == (
            {"lr": 0.5, "opt": "adam"},
        )
        assert one.json("/api/trial", study="s", trial=0)["trial"]["notes"] == ["ann: odd"]


# Numbers that JSON does not have (promise 19).


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=20))
def test_every_float_survives_the_way_to_the_page(values):
    for sent in (values, np.array(values, float), tuple(values), {"v": values}):
        back = json.loads(packed(sent))
        read = [float(value) for value in (back["v"] if isinstance(back, dict) else back)]
        assert all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(values, read, strict=True))


def test_a_study_of_odd_numbers_is_shown(tmp_path, promised):
    odd = [math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, 0.0]

    def run(t):
        for step, value in enumerate(odd, 1):
            t.report(step, loss=1.0, other=value)

    result = danlu.tune(run, {"x": Float(0, 1)}, minimize="loss", trials=2, scheduler="patience", name="odd")
    page = json.loads(packed(views.detail(result.history, 0)))
    read = [float(value) for value in page["trial"]["curve"]["metrics"]["other"]]
    assert repr(read) == repr(odd)
    assert json.loads(packed(views.view("odd", result.history, {}, "other")))
    promised(19, len(odd), "numbers on their way to the page")


# Feeds.


def test_a_feed_reads_in_parts_and_ends_at_the_whole(tmp_path):
    path = tmp_path / "s.db"
    journal = SqliteStore(path).create(
        "s", ev.Created(danlu.Space({}).spec, danlu.Goal.of(minimize="loss"), 1, 1.0)
    )
    from danlu.contracts.protocols import Terms

    journal.append([(None, ev.Noted(-1, {"n": i}, 1.0)) for i in range(PART + 10)], Terms())
    feed = Feed(SqliteStore(path), "s")
    assert (feed.read(), feed.whole) == (PART, False)
    assert (feed.read(), feed.whole) == (11, True)
    assert feed.read() == 0


def test_any_number_of_readers_fold_every_event_once(store):
    feed = Feed(SqliteStore(store), "nets")
    threads = [threading.Thread(target=lambda: [feed.read() for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    calm = History()
    calm.fold(SqliteStore(store).journal("nets").read(0))
    assert repr(list(feed.history.trials)) == repr(list(calm.trials))


def test_models_look_at_a_study_while_it_grows():
    """What looks takes no lock: curves read by one thread while another folds are whole at any moment."""
    from danlu.journal.snapshot import snapshot
    from danlu.journal.trial import Curve

    history = History()
    goal = danlu.Goal.of(minimize="loss")
    space = danlu.Space({"x": Float(0, 1)})
    asked = [
        ev.Asked(n, ev.pack_params({"x": 0.5}), danlu.space.space.pack_unit([0.5]), "w", 1.0)
        for n in range(4)
    ]
    told = [
        ev.Reported(n, 1, step, {"loss": 1.0, f"m{step % 7}": 2.0}, 1.0, 1.0)
        for step in range(1, 4000)
        for n in range(4)
    ]
    history.fold(
        ev.Entry(seq, event) for seq, event in enumerate([ev.Created(space.spec, goal, 1, 1.0), *asked], 1)
    )
    seen = snapshot(history)
    stop = threading.Event()
    wrong = []

    def look():
        while not stop.is_set():
            curve: Curve = seen.reports.curve(1)
            if any(len(column) != len(curve.steps) for column in curve.metrics.values()) or list(
                curve.steps
            ) != list(range(1, len(curve.steps) + 1)):
                wrong.append(curve)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread = threading.Thread(target=look)
    thread.start()
    history.fold(ev.Entry(seq, event) for seq, event in enumerate(told, 6))
    stop.set()
    thread.join()
    sys.setswitchinterval(before)
    assert not wrong
    assert len(seen.columns.lengths) == 4
    assert seen.columns.lengths.max() == 0  # the glance's own columns stay as they were


def test_a_damaged_journal_is_shown_up_to_the_damage(store, tmp_path):
    path = tmp_path / "bad.db"
    danlu.tune(train, SPACE, minimize="loss", trials=10, store=str(path), name="s", scheduler="diverged")
    whole_ = sum(1 for _ in SqliteStore(path).journal("s").read(0))
    with raw_file(path) as connection:
        connection.execute("UPDATE event SET body = zeroblob(30) WHERE seq = ?", (whole_ // 2,))
    feed = Feed(SqliteStore(path), "s")
    feed.read()
    assert feed.history.seq == whole_ // 2 - 1
    assert "danlu repair" in feed.damage or "damage" in feed.damage
    assert len(feed.history) > 2
    with Served(path, tmp_path) as opened:
        one = Asked(opened)
        one.cookie = one(opened.url.removeprefix(opened.base))[1]["set-cookie"].partition(";")[0]
        wait_whole(one)
        seen = one.json("/api/view", study="s")
        assert seen["damage"]
        assert seen["head"]["trials"] == len(feed.history)


def test_events_of_a_newer_danlu_are_said_to_be_so(tmp_path, monkeypatch):
    path = tmp_path / "s.db"
    danlu.tune(lambda t: 1.0, SPACE, minimize="loss", trials=3, store=str(path), name="s")
    from danlu.stores.seal import checksum, seal_of

    body = b"\x81\xa4type\xa6future"
    with raw_file(path) as connection:
        (head,) = connection.execute("SELECT head FROM study").fetchone()
        (first,) = connection.execute("SELECT body FROM event WHERE seq = 1").fetchone()
        crc = checksum(head + 1, None, body, seal_of(1, first))
        connection.execute("INSERT INTO event VALUES (1, ?, NULL, ?, ?)", (head + 1, body, crc))
    feed = Feed(SqliteStore(path), "s")
    feed.read()
    assert "future" in feed.damage
    assert feed.history.seq == head


def test_a_study_that_cannot_be_followed_says_so_and_holds_up_no_other(tmp_path, monkeypatch, capsys):
    path = tmp_path / "s.db"
    for name in ("bad", "good"):
        danlu.tune(lambda t: 1.0, SPACE, minimize="loss", trials=3, store=str(path), name=name)
    feeds = Feeds(SqliteStore(path), every=0.01)
    monkeypatch.setattr(
        Feed, "_read", lambda self, read=Feed._read: read(self) if self.name == "good" else 1 / 0
    )
    bad, good = feeds.of("bad"), feeds.of("good")
    until = time.monotonic() + 20
    while not (good.whole and bad.damage):
        assert time.monotonic() < until
        time.sleep(0.01)
    feeds.close()
    assert "cannot follow this study: ZeroDivisionError" in bad.damage
    assert len(good.history) == 3
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_nobody_is_followed_whom_nobody_looks_at(store, monkeypatch):
    feeds = Feeds(SqliteStore(store), every=0.01)
    feed = feeds.of("nets")
    until = time.monotonic() + 20
    while not feed.whole:
        assert time.monotonic() < until
        time.sleep(0.01)
    reads = []
    monkeypatch.setattr(feed, "read", lambda: reads.append(1))
    feed.wanted -= 100
    time.sleep(0.2)
    count = len(reads)
    time.sleep(0.2)
    assert len(reads) == count
    feeds.close()


def test_a_page_never_blocks_a_writer(tmp_path, promised):
    """Promise 12: a reader that takes its time holds up nobody, and keeps the log from growing without end no longer than a part."""
    path = tmp_path / "s.db"
    store = SqliteStore(path)
    journal = store.create("s", ev.Created(danlu.Space({}).spec, danlu.Goal.of(minimize="loss"), 1, 1.0))
    from danlu.contracts.protocols import Terms

    stop = threading.Event()
    feed = Feed(SqliteStore(path), "s")

    def follow():
        while not stop.is_set():
            feed.read()

    thread = threading.Thread(target=follow)
    thread.start()
    slowest = 0.0
    for i in range(3000):
        began = time.monotonic()
        journal.append([(None, ev.Noted(-1, {"n": i}, 1.0))], Terms())
        slowest = max(slowest, time.monotonic() - began)
    stop.set()
    thread.join()
    while feed.read():
        pass
    assert feed.history.seq == 3001
    assert slowest < 5.0  # far below the 60 seconds that SQLite would wait for a lock
    store.file.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert Path(f"{path}-wal").stat().st_size == 0  # no reader holds an old snapshot
    promised(12, 3000, "appends while the page reads")


def test_an_empty_store_and_none_at_all(tmp_path):
    SqliteStore(tmp_path / "empty.db").close()
    with Served(tmp_path / "empty.db", tmp_path) as opened:
        one = Asked(opened)
        one.cookie = one(opened.url.removeprefix(opened.base))[1]["set-cookie"].partition(";")[0]
        assert one.json("/api/studies")["studies"] == []
        danlu.tune(lambda t: 1.0, {"x": Float(0, 1)}, trials=1, store=str(tmp_path / "empty.db"), name="born")
        assert [each["name"] for each in one.json("/api/studies")["studies"]] == ["born"]
    for path, says in ((tmp_path / "none.db", "no store"), (static() / "main.js", "is no store of danlu")):
        refused = subprocess.run(
            [sys.executable, "-m", "danlu.cli", "dashboard", str(path)], capture_output=True, text=True
        )
        assert refused.returncode == 2
        assert says in refused.stderr


# The front end's files.


def test_vendored_files_are_what_they_are_said_to_be():
    files = {each.file for each in vendored()}
    there = {path.name for path in (static() / "vendor").iterdir()}
    assert there == files | {"vendor.json", "htm.LICENSE", "preact.LICENSE", "uplot.LICENSE"}
    for each in vendored():
        assert checked(each), each.file
        assert each.version in each.source
        assert each.license in {"MIT", "Apache-2.0"}


def test_modules_import_only_what_the_map_names():
    known = set(modules())
    for name, path in modules().items():
        for wanted in re.findall(r'(?:from|^import)\s*"([\w/]+)"', path.read_text("utf-8"), re.MULTILINE):
            assert wanted in known, f"{name} imports {wanted}"


def test_both_languages_have_every_word():
    text = (static() / "words.js").read_text("utf-8")
    english, chinese = (
        set(re.findall(r"(\w+):", re.sub(r'"[^"]*"', '""', block))) for block in text.split("zh: {")
    )
    chinese -= {"dataset"}
    assert english - {"en", "const"} >= chinese - {"const"}
    words = set()
    for path in static().glob("*.js"):
        words |= set(re.findall(r'\bt\("(\w+)"\)', path.read_text("utf-8")))
    assert words <= english
    assert words <= chinese


def test_the_front_end_travels_with_the_package():
    for path in modules().values():
        assert path.is_file()
    assert "</script" not in import_map()


def test_a_report_holds_no_way_out_of_its_script(tmp_path):
    page = whole(packed({"name": "</script><script>alert(1)</script><!--"}), "<b>")
    assert page.count("<script") == 3
    assert "<title>&lt;b></title>" in page


LARGE = {
    "seed": danlu.Int(0, 2**60),
    "id": danlu.Choice([2**60 + 1, "1152921504606846978", "no"]),
    "x": Float(0, 1),
}


def test_whole_numbers_that_javascript_would_round_go_there_and_back_as_text(tmp_path):
    path = tmp_path / "s.db"
    point = {"seed": 833786140151711745, "id": 2**60 + 1, "x": 0.5}
    danlu.tune(lambda trial: trial["x"], LARGE, trials=1, store=path, name="s", enqueue=[point])
    with Served(path, tmp_path) as opened:
        asked = Asked(opened)
        asked.cookie = asked(opened.url.removeprefix(opened.base))[1]["set-cookie"].partition(";")[0]
        shown = asked.json("/api/trial", study="s", trial=0)["trial"]["params"]
        assert shown == {"seed": "833786140151711745", "id": str(2**60 + 1), "x": 0.5}
        assert asked.steer(study="s", order="enqueue", op="1", point=shown)[0] == 200
        text = {"seed": "1152921504606846975", "id": "1152921504606846978", "x": 0.25}
        assert asked.steer(study="s", order="enqueue", op="2", point=text)[0] == 200
    result = danlu.tune(lambda trial: trial["x"], LARGE, trials=3, store=path, name="s")
    assert result.trials[1].params == point
    assert result.trials[2].params == {"seed": 1152921504606846975, "id": "1152921504606846978", "x": 0.25}


def test_what_nobody_has_foreseen_is_a_sentence_and_leaves_a_traceback(store, monkeypatch):
    def broken(*args, **words):
        raise RuntimeError("dictionary changed size during iteration")

    monkeypatch.setattr(views, "table", broken)
    app = Page(Feeds(SqliteStore(store)), place="here", actor="me").app()
    sent = []

    async def asked():
        scope = {
            "type": "http", "method": "GET", "path": "/api/table", "raw_path": b"/api/table", "query_string": b"study=nets",
            "headers": [], "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 1), "client": ("127.0.0.1", 2), "root_path": "",
        }  # fmt: skip

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            sent.append(message)

        await app(scope, receive, send)

    with pytest.raises(RuntimeError, match="changed size"):  # which the server prints
        asyncio.run(asked())
    assert sent[0]["status"] == 500
    said = json.loads(sent[1]["body"])["error"]
    assert said.startswith("danlu cannot answer /api/table: RuntimeError: dictionary changed size")
    assert "report" in said
