"""The service runs as a user of the database who may read and write rows, and change no table."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys

import MySQLdb
import pytest
import requests

from devtools.mariadb import PrivateMariaDB
from devtools.private_server import DATABASE
from devtools.processes import HOST, REPOSITORY
from tests.support.processes import start_flightsim
from tests.support.servers import environment, start_web, start_worker
from tests.support.waiting import await_that

pytestmark = [pytest.mark.mariadb, pytest.mark.long]

SCRIPT = REPOSITORY / "deploy" / "mariadb-users.sh"
OPERATIONS = (REPOSITORY / "docs" / "operations.md").read_text()
PASSWORD, OWNERS_PASSWORD = "service1234", "owner5678"

FORBIDDEN = {
    "make a table": "CREATE TABLE more (id INT)",
    "drop a table": "DROP TABLE heartbeat",
    "empty a table": "TRUNCATE TABLE booking",
    "change a table": "ALTER TABLE booking ADD COLUMN more INT",
    "index a table": "CREATE INDEX more ON booking (user_id)",
    "rename a table": "RENAME TABLE heartbeat TO more",
    "make a trigger": "CREATE TRIGGER more BEFORE INSERT ON booking FOR EACH ROW SET NEW.user_id = 1",
    "make a user": "CREATE USER more@localhost",
    "hand rights on": "GRANT SELECT ON bookings.* TO bookings_migrate@'%'",
    "see passwords": "SELECT * FROM mysql.global_priv",
    "read files of the machine": "SELECT LOAD_FILE('/etc/passwd') FROM mysql.user",
    "change the server": "SET GLOBAL sync_binlog = 0",
}


def run_script(server, password=PASSWORD):
    """Do with the script what the entry point of the image does."""
    client = shutil.which("mariadb") or shutil.which("mysql")
    address = f"{client} --no-defaults --host={HOST} --port={server.port} --user=root"
    return subprocess.run(
        ["bash", "-c", f'docker_process_sql() {{ {address} "$@"; }}; . {SCRIPT}'],
        env={"PATH": os.environ["PATH"], "SERVICE_PASSWORD": password},
        capture_output=True,
        text=True,
        timeout=60,
    )


def ask(server, sql, *, user="root", password="", db=None):
    """Run one statement, and give its rows."""
    with contextlib.closing(
        MySQLdb.connect(
            host=HOST,
            port=server.port,
            user=user,
            password=password,
            autocommit=True,
            **({"db": db} if db else {}),
        )
    ) as session:
        cursor = session.cursor()
        cursor.execute(sql)
        return list(cursor.fetchall())


def grants(server, user):
    """What a user may do, without the password's hash."""
    return {re.sub(r" IDENTIFIED BY .*", "", row) for (row,) in ask(server, f"SHOW GRANTS FOR {user}@'%'")}


@pytest.fixture(scope="module")
def server():
    """A server with both users, whose tables the owner has made."""
    with PrivateMariaDB() as running:
        # As MARIADB_USER and MARIADB_PASSWORD have the image do it.
        ask(running, f"CREATE USER bookings_migrate@'%' IDENTIFIED BY '{OWNERS_PASSWORD}'")
        ask(running, "GRANT ALL ON bookings.* TO bookings_migrate@'%'")
        done = run_script(running)
        assert (done.returncode, done.stderr) == (0, "")
        owner = f"mysql://bookings_migrate:{OWNERS_PASSWORD}@{HOST}:{running.port}/{DATABASE}"
        assert manage("migrate", "--noinput", env=environment(DATABASE_URL=owner)).returncode == 0
        yield running


def manage(*words, env):
    """Run a command of `manage.py` to its end."""
    return run("manage.py", *words, env=env)


def make_demo(*words, env):
    """Make demo log-ins and bookings."""
    return run("-m", "devtools.demo", *words, env=env)


def run(*words, env):
    return subprocess.run(
        [sys.executable, *words], cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def sim():
    with start_flightsim() as running:
        yield running


@pytest.fixture(scope="module")
def env(server, sim):
    """The environment of every process of the service: the user of few rights, and none of others."""
    url = f"mysql://bookings:{PASSWORD}@{HOST}:{server.port}/{DATABASE}"
    return environment(DATABASE_URL=url, FLIGHT_SERVICE_URL=sim.url, PAYMENT_WINDOW_SECONDS="3")


@pytest.fixture(scope="module")
def web(env):
    with start_web(env=env) as running:
        yield running


def create(web, user, key):
    order = {"flightId": 1, "userId": user, "noOfSeats": 1}
    reply = web.ask("POST", "/api/v1/bookings", order, {"x-idempotency-key": key})
    assert reply.status in (200, 201), reply.body
    return reply.json()["data"]


def are_ended(server, *bookings):
    """Tell whether these are cancelled, and their seats went back: by one call, if they ended before one pass."""
    ids = ", ".join(str(each["id"]) for each in bookings)
    ends = ask(
        server,
        "SELECT DISTINCT booking.status, seat_call.state FROM booking LEFT JOIN seat_call "
        f"ON seat_call.id = booking.give_back_id WHERE booking.id IN ({ids})",
        db=DATABASE,
    )
    return ends == [("cancelled", "done")]


def test_bookings_are_made_paid_cancelled_and_expire(server, env, web):
    paid, cancelled, expired = (create(web, user, f"rights-{user}") for user in (1, 2, 3))

    pay = {"bookingId": paid["id"], "userId": 1, "totalCost": paid["totalCost"]}
    payment = web.ask("POST", "/api/v1/bookings/payments", pay, {"x-idempotency-key": "p1"})
    cancel = web.ask("POST", f"/api/v1/bookings/{cancelled['id']}/cancel", {"userId": 2})
    with start_worker(env=env) as worker:
        await_that(lambda: are_ended(server, cancelled, expired), worker.printed)

    assert (payment.status, cancel.status) == (201, 200), (payment, cancel)
    assert ask(server, f"SELECT status FROM bookings.booking WHERE id = {paid['id']}") == [("booked",)]


def test_the_commands_of_an_operator_work(env):
    failed = {
        words: done.stdout + done.stderr
        for words in [
            ("run_pass",),
            ("expire_bookings",),
            ("reconcile_seats",),
            ("api_keys", "list"),
            ("migrate", "--check"),
            ("migrate", "--noinput"),
            ("clearsessions",),
        ]
        if (done := manage(*words, env=env)).returncode != 0
    }

    assert failed == {}


def test_the_demo_is_loaded(env):
    done = make_demo("--bookings", "50", env=env)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_doctor_sees_all_that_it_looks_at(env):
    done = manage("doctor", "--json", env=env)

    findings = json.loads(done.stdout)["findings"]
    about = [each for each in findings if each["name"].startswith(("database", "migrations", "clock"))]
    assert len(about) >= 4
    assert {each["verdict"] for each in about} == {"OK"}, about


def test_whether_migrations_are_applied_is_seen_without_the_right_to_apply_them(env):
    assert manage("migrate", "--check", env=env).returncode == 0


def test_a_migration_that_is_not_applied_is_seen_too(server, env):
    taken_out = "FROM django_migrations WHERE app = 'bookings' ORDER BY id DESC LIMIT 1"
    ((number, name, applied),) = ask(server, f"SELECT id, name, applied {taken_out}", db=DATABASE)
    ask(server, f"DELETE {taken_out}", db=DATABASE)
    try:
        assert manage("migrate", "--check", env=env).returncode == 1
    finally:
        ask(server, f"INSERT INTO django_migrations VALUES ({number}, 'bookings', '{name}', '{applied}')", db=DATABASE)


def test_staff_log_in_and_see_every_list(env, web):
    assert make_demo(env=env).returncode == 0
    site = f"http://{HOST}:{web.port}/admin/"
    browser = requests.Session()
    browser.get(f"{site}login/", timeout=30)
    form = {"username": "admin", "password": "admin", "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    start = browser.post(f"{site}login/?next=/admin/", data=form, timeout=30)
    lists = sorted(set(re.findall(r'href="(/admin/\w+/\w+/)"', start.text)))

    seen = {path: browser.get(f"http://{HOST}:{web.port}{path}", timeout=30).status_code for path in lists}

    assert len(seen) > 5
    assert set(seen.values()) == {200}, seen


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN)
def test_the_service_may_not(server, statement):
    with pytest.raises(MySQLdb.Error) as refusal:
        ask(server, statement, user="bookings", password=PASSWORD, db=DATABASE)

    # Command, table, column, database or privilege: denied.
    assert refusal.value.args[0] in (1044, 1142, 1143, 1227, 1410)


def test_the_owner_may(server):
    # So it is the user, and nothing else, that forbids it above.
    for statement in ("CREATE TABLE more (id INT)", "ALTER TABLE more ADD COLUMN more INT", "DROP TABLE more"):
        ask(server, statement, user="bookings_migrate", password=OWNERS_PASSWORD, db=DATABASE)


def test_a_migrate_as_the_service_is_refused_and_leaves_nothing(server, env):
    ask(server, "DELETE FROM django_migrations WHERE app = 'sessions'", db=DATABASE)
    done = manage("migrate", "--noinput", env=env)
    ask(
        server,
        "INSERT INTO django_migrations (app, name, applied) VALUES ('sessions', '0001_initial', NOW())",
        db=DATABASE,
    )

    assert done.returncode == 1
    assert "command denied" in done.stderr


def test_the_papers_and_the_script_give_the_same_rights(server):
    (granted,) = re.findall(r"^GRANT (.*) ON bookings\.\* TO bookings@'%';$", OPERATIONS, re.MULTILINE)

    assert f"GRANT {granted} ON bookings.* TO bookings@'%';" in SCRIPT.read_text()
    assert grants(server, "bookings") == {
        "GRANT USAGE ON *.* TO `bookings`@`%`",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON `bookings`.* TO `bookings`@`%`",
    }


@pytest.mark.parametrize("password", ["", "with a blank", "quote'"])
def test_a_password_that_would_break_an_address_is_refused(server, password):
    done = run_script(server, password)

    assert done.returncode == 1
    assert "MARIADB_PASSWORD must be letters and digits" in done.stderr
