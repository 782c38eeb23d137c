"""Two migrates at once on PostgreSQL, and one that is killed, as test_interrupted_migrate.py has it of MariaDB."""

import signal
import subprocess
import sys
import time

import pytest
from django.db import connection

from devtools.processes import REPOSITORY
from tests.support.servers import environment
from tests.support.sessions import ask_operator
from tests.support.waiting import await_that

pytestmark = [pytest.mark.slow, pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

EMPTY = "migrated_here"


@pytest.fixture
def database():
    """An empty database, and its address."""
    ask_operator(f"CREATE DATABASE {EMPTY}")
    at = connection.settings_dict
    yield f"postgresql://{at['USER']}@{at['HOST']}:{at['PORT']}/{EMPTY}"
    ask_operator(f"DROP DATABASE {EMPTY} WITH (FORCE)")


def a_migrate(address):
    words = (sys.executable, "manage.py", "migrate")
    return subprocess.Popen(
        words, cwd=REPOSITORY, env=environment(DATABASE_URL=address), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def sessions_of_migrates():
    ((sessions,),) = ask_operator(f"SELECT COUNT(*) FROM pg_stat_activity WHERE datname = '{EMPTY}'")
    return sessions


def test_two_that_start_at_once_do_not_meet(database):
    both = [a_migrate(database) for _ in range(2)]

    said = [each.communicate(timeout=110)[0].decode() for each in both]

    assert [each.returncode for each in both] == [0, 0]
    assert sum("Another migrate is running" in each for each in said) == 1
    assert sum("No migrations to apply" in each for each in said) == 1


def test_one_that_is_killed_is_continued(database):
    killed = a_migrate(database)
    await_that(lambda: sessions_of_migrates() == 1)
    time.sleep(1.0)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()

    after = a_migrate(database)
    said = after.communicate(timeout=110)[0].decode()

    assert after.returncode == 0, said
    again = a_migrate(database)
    assert "No migrations to apply" in again.communicate(timeout=110)[0].decode()
