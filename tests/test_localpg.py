"""The embedded server, and the backend that logs in as the restricted role."""

import os
import shutil
import signal
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import DatabaseError, connection, connections
from django.db.transaction import TransactionManagementError, atomic

from config.postgres import LocalPostgresError
from config.postgres.base import DatabaseOperations
from config.postgres.server import LocalPostgres
from config.postgres.urls import database_from_url

EMBEDDED = connection.settings_dict.get("LOCAL_SERVER") is not None
needs_embedded = pytest.mark.skipif(not EMBEDDED, reason="another server is in use")


@pytest.fixture
def folder():
    # Not tmp_path: that is closed to others, and as root the server runs as somebody else.
    path = Path(tempfile.mkdtemp(prefix="cosell-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def server(folder):
    server = LocalPostgres(folder / "postgres", durable=False)
    yield server
    server.stop()


@needs_embedded
def test_it_is_started_once_and_comes_back_after_each_kind_of_end(server):
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(lambda _: server.start(), range(4))) == [False, False, False, True]

    os.kill(postmaster(server), signal.SIGKILL)
    assert server.start()

    assert server.stop()
    assert not server.stop()
    # The machine went down, and its number is another program's now.
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n")
    assert server.start()


def postmaster(server: LocalPostgres) -> int:
    return int((server.data / "postmaster.pid").read_text().split()[0])


@needs_embedded
def test_it_is_not_open_to_the_network_nor_to_other_accounts(server):
    server.make_ready()

    with psycopg.connect(host=str(server.socket_dir), user="cosell_app", dbname="cosell") as app:
        assert app.execute("SHOW listen_addresses").fetchone() == ("",)
    assert {server.data.stat().st_mode & 0o777, server.socket_dir.stat().st_mode & 0o777} == {0o700}


def test_data_of_another_major_version_is_refused(folder):
    (folder / "postgres/data").mkdir(parents=True)
    (folder / "postgres/data/PG_VERSION").write_text("12\n")

    with pytest.raises(LocalPostgresError, match="was made by PostgreSQL 12"):
        LocalPostgres(folder / "postgres").start()


@needs_embedded
def test_a_throw_away_server_forgets_data_of_another_major_version(server):
    server.start()
    server.stop()
    (server.data / "PG_VERSION").write_text("12\n")

    assert server.start()


def test_a_folder_that_is_none_is_refused(folder):
    (folder / "postgres").touch()

    with pytest.raises(LocalPostgresError, match="can't be used"):
        LocalPostgres(folder / "postgres").start()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_that_may_not_be_read_is_refused(folder):
    (folder / "postgres/data").mkdir(parents=True)
    (folder / "postgres/data").chmod(0)

    with pytest.raises(LocalPostgresError, match="can't be used by"):
        LocalPostgres(folder / "postgres").start()

    (folder / "postgres/data").chmod(0o700)


def test_a_long_path_moves_the_socket():
    server = LocalPostgres(Path("/tmp") / ("x" * 100))

    assert server.socket_dir.parent == Path("/tmp")
    assert server.socket_dir != replace(server, wanted=Path("/tmp") / ("y" * 100)).socket_dir


# -- the backend -------------------------------------------------------------------------------------------


def current_user() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_only_the_block_and_only_its_thread_is_the_owner():
    app, owner = connection.settings_dict["USER"], connection.settings_dict["OWNER"]["USER"]
    others = []

    def other_thread():
        others.append(current_user())
        connections.close_all()

    assert current_user() == app
    with connection.as_owner():
        assert current_user() == owner
        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
    assert current_user() == app
    assert others == [app]


def test_a_transaction_does_not_change_its_role(db):
    with pytest.raises(TransactionManagementError), connection.as_owner():
        pass


def test_without_the_owners_address_there_is_no_owner(settings):
    wrapper = connection.copy()
    wrapper.settings_dict = {**wrapper.settings_dict, "OWNER": None}

    with pytest.raises(ImproperlyConfigured, match="DATABASE_OWNER_URL"), wrapper.as_owner():
        pass


@pytest.mark.django_db(transaction=True)
def test_the_application_may_neither_empty_nor_make_a_table():
    for sql in ("TRUNCATE core_user CASCADE", "CREATE TABLE mine (id int)", "SET ROLE cosell_owner"):
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute(sql)


NEVER_EMPTIED = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'append only'; END $$;
    CREATE TRIGGER never_emptied BEFORE TRUNCATE ON core_user EXECUTE FUNCTION refuse();
    ALTER TABLE core_user ENABLE ALWAYS TRIGGER never_emptied;
"""


@pytest.mark.django_db(transaction=True)
def test_a_flush_empties_also_append_only_tables_and_jobs(django_user_model, monkeypatch):
    with connection.as_owner(), connection.cursor() as cursor:
        cursor.execute(NEVER_EMPTIED)
    try:
        django_user_model.objects.create_user("ada@acme.example", "a long password")
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO procrastinate_jobs (task_name, queue_name) VALUES ('x', 'none')")
            cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")

        with monkeypatch.context() as as_in_production:  # between tests it is done by the row
            as_in_production.setattr(
                connections["default"], "ops", DatabaseOperations(connections["default"])
            )
            call_command("flush", interactive=False, verbosity=0)

        assert not django_user_model.objects.exists()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM procrastinate_jobs")
            assert cursor.fetchone() == (0,)
            # A worker that runs beside `demo --reset` would end at its next job without its row.
            cursor.execute("SELECT count(*) FROM procrastinate_workers")
            assert cursor.fetchone() == (1,)
        with connection.as_owner(), connection.cursor() as cursor, pytest.raises(DatabaseError), atomic():
            cursor.execute("TRUNCATE core_user CASCADE")
    finally:
        with connection.as_owner(), connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION refuse() CASCADE")
            cursor.execute("DELETE FROM procrastinate_workers")


# -- a server of your own ----------------------------------------------------------------------------------


def test_two_addresses_make_one_database():
    database = database_from_url(
        "postgresql://app:a%40b@db.internal:5433/cosell?sslmode=require",
        "postgresql://own:er@db.internal/cosell",
    )

    assert database["ENGINE"] == "config.postgres"
    assert (database["USER"], database["PASSWORD"], database["PORT"]) == ("app", "a@b", 5433)
    assert (database["OWNER"]["USER"], database["OWNER"]["PASSWORD"]) == ("own", "er")
    assert database["OPTIONS"]["sslmode"] == "require"


def test_the_owners_address_is_not_needed_to_serve():
    assert "OWNER" not in database_from_url("postgresql://app@db.internal/cosell")


@pytest.mark.parametrize("url", ["mysql://app@db.internal/cosell", "postgresql://app@db.internal", "cosell"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        database_from_url(url)


def test_two_databases_are_refused():
    with pytest.raises(ImproperlyConfigured, match="different databases"):
        database_from_url("postgresql://app@db.internal/one", "postgresql://own@db.internal/two")
