"""The PostgreSQL store on a real server, started here: conformance, races, lost connections, a server shot in mid-run."""

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
from places import FOLDERS
from postgresql import begun, fresh, pgserver, running
from two_sessions import two_sessions

import danlu
from danlu.errors import CorruptError, StoreError
from danlu.stores.postgres import PostgresStore
from danlu.study.opening import open_store
from danlu.testing import STORE_CHECKS, store_machine


@pytest.fixture
def server():
    return running()


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
    sys.path[:0] = sys.argv[2].split(":")
    from test_postgres import SPACE, train
    import danlu
    danlu.tune(train, SPACE, minimize="loss", trials=60, store=sys.argv[1], name="race", seed=1, sampler="random")
    """
)


def worker(url):
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, url, ":".join(FOLDERS)], stderr=subprocess.PIPE, text=True
    )


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
    monkeypatch.setattr("danlu.stores.postgres_journal.PART", 7)
    result = danlu.tune(
        lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=20, store=url, sampler="random", seed=1
    )
    seqs = [entry.seq for entry in result.study.entries()]
    assert len(seqs) > 40
    assert seqs == list(range(1, len(seqs) + 1))
    assert [entry.seq for entry in result.study.entries(after=seqs[-8])] == seqs[-7:]


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
    waits = mock.Mock(side_effect=AssertionError("it asks again"))
    with pytest.raises(StoreError, match=sentence) as caught, mock.patch("time.sleep", waits):
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
    monkeypatch.setattr("danlu.stores.postgres_server.time.monotonic", lambda: now[0])
    monkeypatch.setattr(
        "danlu.stores.postgres_server.time.sleep", lambda pause: now.__setitem__(0, now[0] + pause)
    )
    real, asked = psycopg.connect, []

    def connect(*given, **named):
        asked.append(now[0])
        if len(asked) < 12:
            raise psycopg.OperationalError("connection failed: FATAL:  the database system is starting up")
        return real(*given, **named)

    monkeypatch.setattr("danlu.stores.postgres_server.psycopg.connect", connect)
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
            study.session.replica.journal.renew(study.session.worker)
    store.close()


def test_checkpoints_stay_where_they_are_when_the_password_changes():
    """The folder at home is the database's, whoever asks and however; another database has another."""
    from danlu.stores.postgres_url import folder_of, parsed, without_own

    def blobs(url):
        return folder_of(parsed(without_own(url)[0]))

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
        return store.server.run(lambda c: c.execute("SELECT pg_backend_pid()").fetchone())

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


def test_two_sessions_of_danlu_run_share_a_command_s_study(url, tmp_path):
    two_sessions(url, tmp_path)
    with danlu.open_study(store=url, name="sh") as study:
        trials = study.result.trials
    assert len(trials) == 8
    assert all(trial.status is danlu.Status.DONE and trial.value == trial.params["x"] for trial in trials)


def test_a_row_of_another_study_is_damage(url):
    """It has the right checksum of its bytes and of its place; the study that it belongs to is another."""
    store = PostgresStore(url)
    for name in ("one", "two"):
        danlu.tune(lambda trial: trial["x"], {"x": danlu.Float(0, 1)}, trials=4, store=store, name=name)
    last = max(entry.seq for entry in store.journal("two").read(0))
    for seq in range(2, last):
        with psycopg.connect(url.partition("&blobs")[0].partition("?blobs")[0], autocommit=True) as raw:
            own, other = (
                raw.execute(
                    "SELECT op, body, crc FROM danlu_event e JOIN danlu_study s ON s.id = e.study WHERE name = %s AND seq = %s",
                    (name, seq),
                ).fetchone()
                for name in ("one", "two")
            )
            change = (
                "UPDATE danlu_event SET op = %s, body = %s, crc = %s WHERE seq = %s AND study = "
                "(SELECT id FROM danlu_study WHERE name = 'one')"
            )
            raw.execute(change, (*other, seq))
            with pytest.raises(CorruptError, match=f"damaged at event {seq}: "):
                list(store.journal("one").read(0))
            with pytest.raises(CorruptError):
                list(store.journal("one").read(seq - 1))
            raw.execute(change, (*own, seq))
    list(store.journal("one").read(0))
    store.close()


MUTANTS = {
    "the URL is shown as it was given": (
        "postgres.place_of",
        lambda params: str(dict(params)),
        "a refused port",
    ),
    "what libpq says of a URL is shown": (
        "postgres_url.re.sub",
        lambda pattern, instead, text: text,
        "a bad escape",
    ),
    "everything may pass by itself": (
        "postgres_server.PostgresServer._worth_waiting",
        lambda self, error, waited: True,
        "no socket",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_url_that_is_read_or_shown_wrongly_is_noticed(name, server, capfd, monkeypatch):
    where, mutant, kind = MUTANTS[name]
    monkeypatch.setattr(f"danlu.stores.{where}", mutant)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test_what_asking_again_cannot_help_is_said_at_once_and_without_secrets(
            kind, server, capfd, monkeypatch
        )


def test_databases_that_share_a_folder_of_checkpoints_sweep_nothing_of_each_other(server, tmp_path, capsys):
    from danlu.cli.main import main

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        return left.value.code or 0, "".join(capsys.readouterr())

    first, second = (fresh(server, tmp_path / "blobs") for _ in range(2))
    how = {"minimize": "loss", "trials": 3, "keep": "all", "seed": 1}
    for url, name in ((first, "one"), (second, "two")):
        danlu.tune(train, SPACE, store=url, name=name, **how)
    code, said = run("gc", first, "--older", "0")
    assert code == 2
    assert "Name each with --beside URL" in said
    assert repr(open_store(second)) in said
    assert run("check", second)[0] == 0
    code, said = run("gc", first, "--older", "0", "--beside", second)
    assert (code, "0 files of 0.0 MiB removed" in said) == (0, True)
    assert [run("check", url)[0] for url in (first, second)] == [0, 0]
    code, said = run("delete", first, "--study", "one", "--yes")
    assert "its checkpoints stay, as" in said
    code, said = run("gc", first, "--older", "0", "--beside", second)
    assert (code, said.startswith("0 files")) == (0, False)
    assert run("check", second)[0] == 0
