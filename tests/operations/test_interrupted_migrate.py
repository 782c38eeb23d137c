"""A `migrate` that is killed can be run again, whatever it was doing; and two of them do not meet."""

import contextlib
import itertools
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
import weakref

import MySQLdb
import pytest

from bookings.db.limits import COMMAND
from devtools.mariadb import PrivateMariaDB
from devtools.private_server import DATABASE
from devtools.processes import HOST, REPOSITORY
from tests.support.forks import Forks
from tests.support.servers import environment

pytestmark = pytest.mark.slow

SIGKILLED = -signal.SIGKILL
# Statements that write, on MariaDB: a first migrate has about 310, with ours that keep the journal.
EVERYDAY, STEP = (150,), 30
# So many of them are done before the next kill. What is one transaction has more than four, so every eighth time more.
EACH_TIME, MOST_KILLS = (*[5] * 7, 40), 150
# A later one alters `django_q_schedule`, which this migration has made.
AN_EARLIER_RELEASE = ("django_q", "0010")
# On SQLite each migration is a transaction, and the journal has one row of each.
EVERYDAY_ON_SQLITE = (4, 8, 60, 130)

# What migrations, and the signals after them, write beside the tables.
ROWS = (
    "SELECT app, name FROM django_migrations",
    "SELECT app_label, model FROM django_content_type",
    "SELECT codename, app_label, model FROM auth_permission JOIN django_content_type c ON c.id = content_type_id",
    "SELECT g.name, p.codename, app_label FROM auth_group_permissions gp JOIN auth_group g ON g.id = gp.group_id "
    "JOIN auth_permission p ON p.id = gp.permission_id JOIN django_content_type c ON c.id = p.content_type_id",
    "SELECT name, func, cron, kwargs, repeats FROM django_q_schedule",
)


class Migrates(Forks):
    """A process that has Django loaded and forks one `migrate` after another: see dying_migrate."""

    def run(self, url, *, die_before=0, whose="ours"):
        """Run one, and give its exit code, or minus the signal it died of."""
        return self.live(url=url, before=die_before, whose=whose)


@pytest.fixture(scope="module")
def migrates():
    env = environment(DJANGO_SETTINGS_MODULE="bookingsite.settings", DATABASE_URL="sqlite://:memory:")
    with Migrates("tests.operations.dying_migrate", env=env) as process:
        yield process


@pytest.fixture(scope="module")
def server():
    with PrivateMariaDB() as running:
        yield running


@pytest.fixture
def database(server):
    """The address of an empty database."""
    ask(server, f"DROP DATABASE {DATABASE}", f"CREATE DATABASE {DATABASE}")
    return server.url


@pytest.fixture(scope="module")
def undisturbed(server, migrates):
    """What a migrate leaves that nothing disturbs."""
    ask(server, f"DROP DATABASE {DATABASE}", f"CREATE DATABASE {DATABASE}")
    assert migrates.run(server.url) == 0
    return everything(server)


def ask(server, *statements):
    """Run statements as root, and give the rows of the last."""
    with contextlib.closing(MySQLdb.connect(host=HOST, port=server.port, user="root", autocommit=True)) as session:
        cursor = session.cursor()
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


def everything(server):
    """Every table as it would be made, and what is in those that migrations write to; without ids."""
    use = f"USE {DATABASE}"
    tables = [name for (name,) in ask(server, use, "SHOW TABLES")]
    made = {name: ask(server, use, f"SHOW CREATE TABLE `{name}`")[0][1] for name in tables}
    shape = {name: re.sub(r" AUTO_INCREMENT=\d+", "", text) for name, text in made.items()}
    return shape, [sorted(ask(server, use, question)) for question in ROWS]


@pytest.mark.mariadb
@pytest.mark.parametrize("point", EVERYDAY)
def test_a_first_migrate_that_was_killed_is_continued(migrates, server, database, undisturbed, point):
    killed = migrates.run(database, die_before=point)
    again = migrates.run(database)

    assert (killed, again) == (SIGKILLED, 0)
    assert everything(server) == undisturbed


@pytest.mark.long
@pytest.mark.mariadb
@pytest.mark.timeout(300)
def test_a_first_migrate_is_continued_wherever_it_was_killed(migrates, server, undisturbed):
    wrong, killed = [], SIGKILLED
    for point in itertools.count(random.randint(1, STEP), STEP):
        ask(server, f"DROP DATABASE {DATABASE}", f"CREATE DATABASE {DATABASE}")
        killed, again = migrates.run(server.url, die_before=point), migrates.run(server.url)
        if again != 0 or everything(server) != undisturbed:
            wrong.append(point)
        if killed != SIGKILLED:
            break

    assert wrong == []
    assert (killed, point > 300) == (0, True)


@pytest.mark.long
@pytest.mark.mariadb
@pytest.mark.timeout(300)
def test_one_that_is_killed_again_whenever_it_continues_is_continued(migrates, server, database, undisturbed):
    ends = []
    for statements in itertools.islice(itertools.cycle(EACH_TIME), MOST_KILLS):
        ends.append(migrates.run(database, die_before=statements, whose="continued"))
        if ends[-1] != SIGKILLED:
            break

    assert ends == [*[SIGKILLED] * (len(ends) - 1), 0]
    assert len(ends) > 30
    assert everything(server) == undisturbed


@pytest.mark.long
@pytest.mark.mariadb
@pytest.mark.parametrize("point", [20, 100])
def test_djangos_own_migrate_cannot_be_continued(migrates, database, point):
    # What the tests above would not find if there were nothing to find.
    assert migrates.run(database, die_before=point, whose="djangos") == SIGKILLED
    assert migrates.run(database, whose="djangos") == 1


@pytest.mark.long
@pytest.mark.mariadb
@pytest.mark.parametrize("seconds", [1.2, 1.9, 2.6])
def test_a_command_that_was_killed_by_the_clock_is_continued(server, database, undisturbed, seconds):
    first = command(database)  # it needs 3 s on an idle machine, 1 s of them to load
    time.sleep(seconds)
    first.kill()
    first.wait()

    again = command(database)

    assert again.wait(60) == 0, again.stdout.read()
    assert everything(server) == undisturbed


@pytest.mark.long
@pytest.mark.mariadb
def test_a_server_that_dies_under_a_migrate_is_found_as_it_was_left(undisturbed):
    with PrivateMariaDB() as own:
        running = command(own.url)
        while not table_is_there(own, "booking_event"):
            time.sleep(0.02)
        own.kill()
        assert running.wait(60) != 0
        own.start()

        again = command(own.url)

        assert again.wait(60) == 0, again.stdout.read()
        assert everything(own) == undisturbed


@pytest.mark.long
@pytest.mark.mariadb
def test_a_later_migrate_that_was_killed_is_continued_and_leaves_the_data_alone(server, database, undisturbed):
    assert command(database, *AN_EARLIER_RELEASE).wait(60) == 0
    a_row = "INSERT INTO django_q_schedule (func, schedule_type, repeats, name) VALUES ('a.task', 'O', -1, 'precious')"
    ask(server, f"USE {DATABASE}", a_row)
    later = command(database)
    while not column_is_there(server, "django_q_schedule", "cluster"):
        time.sleep(0.005)
    later.kill()
    later.wait()

    again = command(database)

    assert again.wait(60) == 0, again.stdout.read()
    mine = "django_q_schedule WHERE name = 'precious'"
    assert ask(server, f"USE {DATABASE}", f"SELECT func, schedule_type, repeats FROM {mine}") == [("a.task", "O", -1)]
    ask(server, f"USE {DATABASE}", f"DELETE FROM {mine}")
    assert everything(server) == undisturbed


@pytest.mark.long
@pytest.mark.mariadb
def test_what_is_continued_is_told_in_one_line(migrates, server, database):
    migrates.run(database, die_before=150)

    again = command(database)

    assert again.wait(60) == 0
    lines = [line for line in again.stdout.read().splitlines() if "interrupted" in line]
    assert len(lines) == 1
    assert re.fullmatch(r"\w+\.\d{4}_\w+ was interrupted halfway; it is continued\.", lines[0])


@pytest.mark.long
@pytest.mark.mariadb
def test_a_table_that_is_in_the_way_is_never_taken_for_ours(migrates, server, database):
    ask(server, f"USE {DATABASE}", "CREATE TABLE heartbeat (precious INT)", "INSERT INTO heartbeat VALUES (1)")

    ends = [migrates.run(database) for _ in range(3)]

    assert ends == [1, 1, 1]
    assert ask(server, f"USE {DATABASE}", "SELECT precious FROM heartbeat") == [(1,)]


@pytest.mark.mariadb
def test_two_that_start_at_once_do_not_meet(server, database, undisturbed):
    both = [command(database), command(database)]

    assert [each.wait(120) for each in both] == [0, 0]
    assert sum("waiting for its end" in each.stdout.read() for each in both) <= 1
    assert everything(server) == undisturbed


@pytest.mark.long
@pytest.mark.mariadb
def test_one_waits_for_another_and_says_so(server, database):
    # The session of a migrate that was killed lives on until its last statement has ended.
    (lock,) = ask(server, f"SELECT CONCAT('migrate ', CONV(LEFT(SHA2('{DATABASE}', 256), 14), 16, 10))")[0]
    with contextlib.closing(MySQLdb.connect(host=HOST, port=server.port, user="root")) as other:
        other.cursor().execute("SELECT GET_LOCK(%s, 0)", [lock])
        waiting = command(database)
        said = waiting.stdout.readline()
        tables = ask(server, f"USE {DATABASE}", "SHOW TABLES")

    assert said == "Another migrate is running on this database; waiting for its end.\n"
    assert tables == []
    assert waiting.wait(60) == 0


@pytest.mark.long
@pytest.mark.mariadb
def test_a_table_that_is_read_for_long_does_not_make_all_others_wait(server, database):
    assert command(database, *AN_EARLIER_RELEASE).wait(60) == 0
    with contextlib.closing(MySQLdb.connect(host=HOST, port=server.port, user="root", db=DATABASE)) as reader:
        reader.cursor().execute("SELECT * FROM django_q_schedule")
        began = time.monotonic()
        late = command(database)
        assert late.wait(120) == 1
        assert time.monotonic() - began < COMMAND.metadata + 30
        assert "Lock wait timeout exceeded" in late.stdout.read()

    assert command(database).wait(60) == 0


@pytest.mark.long
def test_a_migrate_on_sqlite_is_continued(migrates, tmp_path):
    whole = sqlite_tables(migrates, tmp_path / "whole.sqlite3")
    wrong = {}
    for point in EVERYDAY_ON_SQLITE:
        file = tmp_path / f"{point}.sqlite3"
        ends = migrates.run(f"sqlite:///{file}", die_before=point), migrates.run(f"sqlite:///{file}")
        if ends != (SIGKILLED, 0) or sqlite_tables(migrates, file) != whole:
            wrong[point] = ends

    assert wrong == {}


def sqlite_tables(migrates, file):
    """Every table and index of a file that has been migrated."""
    assert migrates.run(f"sqlite:///{file}") == 0
    with contextlib.closing(sqlite3.connect(file)) as session:
        return sorted(session.execute("SELECT name, sql FROM sqlite_master").fetchall())


def command(url, *words):
    """Start `manage.py migrate`."""
    started = subprocess.Popen(
        [sys.executable, "manage.py", "migrate", "--noinput", *words],
        cwd=REPOSITORY,
        env=environment(DATABASE_URL=url, PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    weakref.finalize(started, started.stdout.close)
    return started


def table_is_there(server, name):
    return name in [each for (each,) in ask(server, f"USE {DATABASE}", "SHOW TABLES")]


def column_is_there(server, table, name):
    return name in [row[0] for row in ask(server, f"USE {DATABASE}", f"SHOW COLUMNS FROM {table}")]
