"""A database that hangs costs a request some seconds, and liveness nothing; what was done is found again."""

import json
import os
import signal
import threading
import time
import uuid
from contextlib import contextmanager

import MySQLdb
import pytest

from devtools.mariadb import PrivateMariaDB
from devtools.mariadb_pair import WRITER, run
from devtools.private_server import DATABASE
from devtools.processes import HOST
from tests.support.http import exchange
from tests.support.processes import start_flightsim
from tests.support.servers import a_watched_web, environment, migrate

pytestmark = [pytest.mark.mariadb, pytest.mark.long]

# A request waits five seconds for the database, and one more statement may have begun; this machine adds its own.
LONGEST_SECONDS = 12.0
AT_ONCE_SECONDS = 2.0
READINESS_SECONDS = 4.0
RECOVERED_SECONDS = 15.0
LOOK_EVERY_SECONDS = 0.2

A_BOOKING = {"flightId": 1, "userId": 1001, "noOfSeats": 1}


class Service:
    """One web server on a MariaDB of its own."""

    def __init__(self, database, web):
        self.database, self.web = database, web

    def ask(self, method, path, body=None, key=""):
        """Send one request; give the answer, and how long it took."""
        began = time.monotonic()
        headers = {"Idempotency-Key": key} if key else {}
        reply = exchange(self.web.port, method, path, body, headers)
        return reply, time.monotonic() - began

    def create(self, key=""):
        return self.ask("POST", "/api/v1/bookings", A_BOOKING, key or uuid.uuid4().hex)

    def a_booking(self):
        """Make a booking, as soon as one can be made."""
        deadline = time.monotonic() + RECOVERED_SECONDS
        while True:
            reply, _seconds = self.create()
            if reply.status == 201:
                return json.loads(reply.body)["data"]
            assert time.monotonic() < deadline, reply
            time.sleep(LOOK_EVERY_SECONDS)

    def session(self):
        """A session of an operator, in a transaction of its own."""
        return MySQLdb.connect(host=HOST, port=self.database.port, user="root", db=DATABASE)


@pytest.fixture(scope="module")
def service():
    options = ("--server-id=1", "--log-bin=binlog", "--rpl-semi-sync-master-wait-no-slave=1")
    with PrivateMariaDB(*options) as database, start_flightsim("--capacity", "100000") as sim:
        run(database, f"CREATE USER {WRITER}@'{HOST}'", f"GRANT ALL ON {DATABASE}.* TO {WRITER}@'{HOST}'")
        env = environment(
            DATABASE_URL=f"mysql://{WRITER}@{HOST}:{database.port}/{DATABASE}",
            FLIGHT_SERVICE_URL=sim.url,
            # All of these bookings are one user's.
            MAX_UNPAID_BOOKINGS_PER_USER="0",
            MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT="0",
        )
        migrate(env)
        web = a_watched_web("--threads", "8", env=env)
        try:
            web.serve()
            yield Service(database, web)
        finally:
            web.kill()


@contextmanager
def stopped(service):
    """The whole server is stopped: no statement and no new connection gets an answer."""
    os.kill(service.database.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(service.database.pid, signal.SIGCONT)


@contextmanager
def locked_for_a_backup(service):
    """Every COMMIT waits for the end of a backup."""
    with service.session() as operator:
        operator.cursor().execute("FLUSH TABLES WITH READ LOCK")
        yield


@contextmanager
def commits_that_hang(service):
    """Every COMMIT is written down, and not answered, as with a full disk below the binary log."""
    run(
        service.database,
        "SET GLOBAL rpl_semi_sync_master_timeout=60000",
        "SET GLOBAL rpl_semi_sync_master_enabled=1",
    )
    try:
        yield
    finally:
        run(service.database, "SET GLOBAL rpl_semi_sync_master_enabled=0")


@contextmanager
def a_table_that_is_altered_behind_a_long_read(service):
    """Who wants the table waits for one who waits for a reader that does not end."""
    reader, operator = service.session(), service.session()
    reader.cursor().execute("SELECT COUNT(*) FROM booking")
    altering = threading.Thread(
        target=operator.cursor().execute, args=("ALTER TABLE booking COMMENT 'altered behind a long read'",)
    )
    altering.start()
    try:
        time.sleep(0.5)
        yield
    finally:
        reader.close()
        altering.join()
        operator.close()


HANGS = [stopped, locked_for_a_backup, commits_that_hang, a_table_that_is_altered_behind_a_long_read]


@pytest.mark.parametrize("hang", HANGS)
def test_requests_hear_503_in_time_and_the_process_lives(service, hang):
    service.a_booking()

    with hang(service):
        reply, seconds = service.create()
        alive, at_once = service.ask("GET", "/health/live")

    assert seconds < LONGEST_SECONDS
    assert (reply.status, json.loads(reply.body)["error"]["code"]) == (503, "temporarily_unavailable")
    assert int(reply.headers["retry-after"]) > 0
    assert (alive.status, at_once < AT_ONCE_SECONDS) == (200, True)
    assert service.a_booking()["status"] == "initiated"


@pytest.mark.parametrize("hang", HANGS)
def test_what_a_request_may_have_done_is_found_under_its_key(service, hang):
    key, before = uuid.uuid4().hex, run(service.database, "SELECT COUNT(*) FROM booking")

    with hang(service):
        cut_off, _seconds = service.create(key)
    deadline = time.monotonic() + 3 * RECOVERED_SECONDS  # its lease may have to end first
    while (reply := service.create(key)[0]).status != 201:
        assert time.monotonic() < deadline, reply
        time.sleep(LOOK_EVERY_SECONDS)

    assert cut_off.status == 503
    ((made,),), ((there,),) = run(service.database, "SELECT COUNT(*) FROM booking"), before
    assert made - there == 1
    assert service.create(key)[0].body == reply.body


def test_readiness_and_pages_say_so_in_time(service):
    service.a_booking()

    with stopped(service):
        ready, seconds = service.ask("GET", "/health/ready")
        page, for_a_page = service.ask("POST", "/admin/login/", {"username": "x"})

    assert (ready.status, json.loads(ready.body)["checks"]["database"]) == (503, "failed")
    assert seconds < READINESS_SECONDS
    # Without the token of its form it is refused before anything is looked up; whatever it is, it is soon.
    assert page.status in (403, 503)
    assert for_a_page < LONGEST_SECONDS


def test_once_it_is_known_to_hang_nobody_waits_for_it_but_one_in_a_second(service):
    service.a_booking()

    with stopped(service):
        service.create()
        times = [service.create() for _ in range(8)]

    quick = [seconds for _reply, seconds in times if seconds < AT_ONCE_SECONDS]
    assert {reply.status for reply, _seconds in times} == {503}
    assert len(quick) >= len(times) / 2
    service.a_booking()


def test_a_cancellation_of_a_booking_that_is_kept_is_told_so_in_time(service):
    kept, free = service.a_booking(), service.a_booking()

    with service.session() as operator:
        operator.cursor().execute(f"SELECT * FROM booking WHERE id={kept['id']:d} FOR UPDATE")
        reply, seconds = service.ask("POST", f"/api/v1/bookings/{kept['id']}/cancel", {"userId": 1001})
        other, soon = service.ask("POST", f"/api/v1/bookings/{free['id']}/cancel", {"userId": 1001})

    assert (reply.status, json.loads(reply.body)["error"]["code"]) == (503, "temporarily_unavailable")
    assert seconds < LONGEST_SECONDS
    assert (other.status, soon < AT_ONCE_SECONDS) == (200, True)
    assert service.ask("POST", f"/api/v1/bookings/{kept['id']}/cancel", {"userId": 1001})[0].status == 200
