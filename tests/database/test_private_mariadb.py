"""The private MariaDB that the suite runs on: what the other tests rely on."""

import contextlib
import os
import tempfile
from pathlib import Path

import MySQLdb
import pytest

from devtools import mariadb
from devtools.mariadb import PrivateMariaDB
from devtools.private_server import ServerUnavailable

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server():
    with PrivateMariaDB() as running:
        yield running


def ask(server, *statements):
    """Run statements in one session and give the rows of the last."""
    with contextlib.closing(
        MySQLdb.connect(host="127.0.0.1", port=server.port, user="root", db="bookings", connect_timeout=2)
    ) as session:
        cursor = session.cursor()
        for statement in statements:
            cursor.execute(statement)
        session.commit()
        return list(cursor.fetchall())


@pytest.mark.mariadb
def test_its_address_names_a_database_that_is_there(server):
    database = ask(server, "SELECT DATABASE()")

    assert server.url == f"mysql://root@127.0.0.1:{server.port}/bookings"
    assert database == [("bookings",)]


@pytest.mark.mariadb
def test_it_keeps_what_is_committed_as_safely_as_production_does(server):
    settings = ask(
        server,
        "SELECT @@innodb_flush_log_at_trx_commit, @@sync_binlog, @@innodb_doublewrite, @@max_connections, "
        "@@character_set_server",
    )

    assert settings == [(1, 1, 1, 400, "utf8mb4")]


@pytest.mark.mariadb
def test_what_was_committed_outlives_a_kill_and_what_was_not_does_not(server):
    ask(server, "CREATE TABLE kept (id INT PRIMARY KEY)", "INSERT INTO kept VALUES (1)")
    address = server.url
    open_session = MySQLdb.connect(host="127.0.0.1", port=server.port, user="root", db="bookings")
    open_session.cursor().execute("INSERT INTO kept VALUES (2)")

    server.kill()
    server.start()

    assert ask(server, "SELECT id FROM kept") == [(1,)]
    assert server.url == address


@pytest.mark.mariadb
def test_a_restart_ends_every_session_and_keeps_the_address(server):
    address = server.url
    session = MySQLdb.connect(host="127.0.0.1", port=server.port, user="root", db="bookings")

    server.restart()

    with pytest.raises(MySQLdb.OperationalError):
        session.cursor().execute("SELECT 1")
    assert ask(server, "SELECT 1") == [(1,)]
    assert server.url == address


@pytest.mark.mariadb
def test_nothing_is_left_when_it_is_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with PrivateMariaDB() as running:
        pid = running.pid
        folders = len(os.listdir(tmp_path))

    assert folders == 1
    assert os.listdir(tmp_path) == []
    assert not Path(f"/proc/{pid}").exists()


@pytest.fixture
def file_of_another(tmp_path, monkeypatch):
    """A temporary file of another server, in the folder that all programs of the machine share."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    file = tmp_path / "#sql-temptable-1.MAI"
    file.touch()
    return file


@pytest.mark.mariadb
def test_a_server_leaves_the_temporary_files_of_others_alone(file_of_another):
    with PrivateMariaDB() as running:
        ((own,),) = ask(running, "SELECT @@tmpdir")

    assert file_of_another.exists()
    assert Path(own) != file_of_another.parent


@pytest.mark.mariadb
def test_a_server_that_shared_their_folder_would_delete_them(file_of_another):
    with PrivateMariaDB(f"--tmpdir={file_of_another.parent}"):
        pass

    assert not file_of_another.exists()


def test_a_machine_without_mariadb_is_told_which_packages_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(mariadb, "SERVER_FOLDERS", ())

    with pytest.raises(ServerUnavailable) as refusal, PrivateMariaDB():
        pass

    assert str(refusal.value) == (
        "mariadb-install-db not found: install a MariaDB server "
        "(Debian, Ubuntu: apt-get install mariadb-server-core mariadb-client-core)"
    )
