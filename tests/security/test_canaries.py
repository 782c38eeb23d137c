"""What clients send is in no log: a canary goes into every input of the running service, and none comes out."""

import io
import json
import logging
import re
import secrets
from collections import Counter

import pytest
import structlog
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django_q.models import Failure, Schedule

from bookings.models import Booking, BookingEvent
from bookings.services.upkeep.start_schedules import PASSES_SCHEDULE
from bookings.wake import PASSES_TASK
from bookingsite.logs import RENDERERS
from tests.fuzz.service import lines_of
from tests.support.api import BOOKINGS, PAYMENTS
from tests.support.callers import a_service_key
from tests.support.canaries import Canaries, caught, database_that_quotes, errors_that_quote, send
from tests.support.canary_inputs import a_customer_token, admin_inputs, api_inputs, headers_of_json
from tests.support.processes import start_flightsim
from tests.support.servers import environment, start_web, start_worker
from tests.support.waiting import await_that

pytestmark = [pytest.mark.slow, pytest.mark.mysql, pytest.mark.django_db(transaction=True)]

# Nobody else has this number: a log that shows it shows whose request it was.
USER = 918273645546372
ANSWERED = {"event", "level", "logger", "timestamp", "request_id", "trace_id", "method", "route", "status", "ms"}


@pytest.fixture
def put():
    return Canaries()


@pytest.fixture
def database(put):
    """The address of the test's database, for a user with a password."""
    at, password = connection.settings_dict, put("database password")
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE USER guarded IDENTIFIED BY '{password}'")
        cursor.execute("GRANT ALL ON *.* TO guarded")
    yield f"mysql://guarded:{password}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
    with connection.cursor() as cursor:
        cursor.execute("DROP USER guarded")


@pytest.fixture
def service(put, database):
    """A Flight Service, a web server and a worker as in production; what all of them print is kept."""
    # A test of this kind empties all tables at its end, the schedule that a migration has made included.
    Schedule.objects.create(
        name=PASSES_SCHEDULE, func=PASSES_TASK, schedule_type=Schedule.CRON, cron="* * * * * */1", repeats=-1
    )
    with start_flightsim() as sim:
        env = environment(
            DEBUG="false",
            SECRET_KEY=put.secret("SECRET_KEY", 64),
            JWT_SECRET=put.secret("JWT_SECRET", 48),
            JWT_ISSUER="https://users.example.org",
            ALLOWED_HOSTS="127.0.0.1",
            CURRENCY="EUR",
            SECURE_SSL_REDIRECT="false",
            API_AUTH="token",
            LOG_FORMAT="json",
            LOG_LEVEL="DEBUG",  # all that INFO prints, and more
            DATABASE_URL=database,
            FLIGHT_SERVICE_URL=sim.url,
            EXPIRY_INTERVAL_SECONDS="1",
            # Static files are collected for production alone.
            PYTHONWARNINGS="ignore:No directory at:UserWarning",
        )
        with start_web(env=env) as web, start_worker(env=env) as worker:
            yield web, worker


class Client:
    """Sends to the web server and keeps what each answer was called."""

    def __init__(self, web, put):
        self.web, self.put = web, put
        self.heard = []

    def send(self, method, path, body=None, headers=None):
        status, answer_headers, content = send(self.web.port, method, path, body, headers)
        if "X-Request-ID" in answer_headers and not path.startswith(("/health", "/static", "/metrics")):
            self.heard.append((answer_headers["X-Request-ID"], status))
        return status, answer_headers, content

    def post(self, path, content, token):
        status, _, answer = self.send("POST", path, json.dumps(content).encode(), headers_of_json(token, self.put))
        return status, json.loads(answer).get("data")


def use_it_as_a_customer(client, token):
    """Hold, pay and cancel, with a canary in whatever is free text; give what is cancelled."""
    kept = {
        "clientReference": client.put("client reference"),
        "metadata": {client.put("name in metadata"): client.put("value in metadata")},
    }
    _, paid = client.post(BOOKINGS, {"flightId": 1, "noOfSeats": 1, **kept}, token)
    _, ended = client.post(BOOKINGS, {"flightId": 2, "noOfSeats": 1, "userId": USER}, token)
    client.post(PAYMENTS, {"bookingId": paid["id"], "totalCost": paid["totalCost"]}, token)
    client.post(f"{BOOKINGS}/{ended['id']}/cancel", {"reason": client.put("note") + " \U0001f41f"}, token)
    assert set(Booking.objects.values_list("status", flat=True)) == {"booked", "cancelled"}


def break_the_web(client, token):
    """Let the database refuse rows with messages that quote them; give the statuses of the answers."""
    _, booking = client.post(BOOKINGS, {"flightId": 3, "noOfSeats": 1}, token)
    # Duplicate entry, data too long, lock wait timeout, no such table.
    errors = {1062: "23000", 1406: "22001", 1205: "HY000", 1146: "42S02"}
    statuses = []
    for number, state in errors.items():
        canary = client.put(f"error {number}")
        how = {"number": number, "state": state, "text": "NEW.note", "condition": "NEW.note <> ''"}
        with database_that_quotes("quotes", "booking_event", **how):
            status, _ = client.post(f"{BOOKINGS}/{booking['id']}/cancel", {"reason": canary}, token)
        statuses.append(status)
    return statuses


def break_the_worker(client, worker, token):
    """Let a pass fail with a message that quotes a row, and wait until one succeeds again."""
    _, booking = client.post(BOOKINGS, {"flightId": 4, "noOfSeats": 1}, token)
    canary = client.put("error of the worker")
    how = {"number": 1062, "state": "23000", "text": f"'{canary}'", "condition": "TRUE"}
    with database_that_quotes("quotes", "seat_call", **how):
        client.post(f"{BOOKINGS}/{booking['id']}/cancel", {}, token)
        await_that(Failure.objects.exists, worker.printed)
    await_that(lambda: "seats.given_back" in worker.printed(last=0).rpartition("batch.item_failed")[2], worker.printed)


def log_in(client):
    """Log in to the back office as somebody whose name and password are canaries; give the cookies."""
    name, password = client.put("name of staff"), client.put("password of staff")
    # As the running service does it, whatever is quick enough for tests.
    hashed = PBKDF2PasswordHasher().encode(password, "salt")
    User.objects.create(username=name, password=hashed, is_staff=True, is_superuser=True)
    # What Django takes for a token: 32 letters and digits, the same in the cookie and in the form.
    token = client.put.secret("token of a form", 32)
    form = f"csrfmiddlewaretoken={token}&username={name}&password={password}".encode()
    headers = {"Cookie": f"__Host-csrf={token}", "Content-Type": "application/x-www-form-urlencoded"}
    status, answered, _ = client.send("POST", "/admin/login/?next=/admin/", form, headers)
    assert status == 302
    session = re.search(r"__Host-session=(\w+)", "; ".join(answered.get_all("Set-Cookie")))[1]
    client.put.add("session", session)
    return f"__Host-csrf={token}; __Host-session={session}", token


def test_no_canary_comes_out_of_the_running_service(service, put):
    web, worker = service
    client, secret = Client(web, put), put.value_of("JWT_SECRET")
    token = a_customer_token(put, USER, secret)
    key = a_service_key(name="gate agent")
    put.add("service key", key.split("_", 2)[2])

    use_it_as_a_customer(client, token)
    for each in api_inputs(put, token=token, key=key):
        client.send(*each)
    cookies, form_token = log_in(client)
    for each in admin_inputs(put, cookies=cookies, form_token=form_token):
        client.send(*each)
    broken = break_the_web(client, token)
    break_the_worker(client, worker, token)
    numbers = [client.send("GET", path)[2].decode() for path in ("/metrics", "/health/ready")]

    of_the_web, of_the_worker = web.printed(last=0), worker.printed(last=0)
    found = {name: put.seen_in(text) for name, text in zip(("metrics", "ready"), numbers, strict=True)}
    assert found == {"metrics": [], "ready": []}
    assert put.seen_in(of_the_web) == []
    assert str(USER) not in of_the_web + of_the_worker
    # It was not silence that kept them.
    assert broken == [500, 500, 503, 500]
    assert "batch.item_failed" in of_the_worker
    assert [line for line in lines_of(of_the_web + of_the_worker) if "not json" in line] == []
    assert_each_request_has_one_line(of_the_web, client.heard)
    assert_each_event_has_one_line(of_the_web)
    assert put.seen_in(of_the_worker) == []


def assert_each_request_has_one_line(printed, heard):
    lines = [line for line in lines_of(printed) if line["event"] == "request.answered"]
    assert Counter((line["request_id"], line["status"]) for line in lines) == Counter(heard)
    assert {frozenset(line) - {"caller", "booking"} for line in lines} == {frozenset(ANSWERED)}
    assert [line for line in lines_of(printed) if not line.get("request_id")] == []
    # Django's own line on a 5xx comes for an exception alone.
    assert [line for line in lines_of(printed) if line["logger"] == "django.request" and "exception" not in line] == []
    assert [line for line in lines_of(printed) if "%s" in line["event"]] == []


def assert_each_event_has_one_line(printed):
    lines = lines_of(printed)
    held = Counter(line["booking"] for line in lines if line["event"] == "booking.held")
    moved = Counter((line["booking"], line["to"]) for line in lines if line["event"] == "booking.moved")
    expired = [line["bookings"].split() for line in lines if line["event"] == "bookings.expired"]
    moved.update((reference, "cancelled") for named in expired for reference in named)
    events = BookingEvent.objects.exclude(from_status=F("to_status"))
    assert held == Counter(Booking.objects.values_list("reference", flat=True))
    assert moved == Counter(events.values_list("booking__reference", "to_status"))


@pytest.fixture(params=RENDERERS.values(), ids=RENDERERS)
def printed(request, settings):
    """What is logged here, in the form that the service's own configuration gives it."""
    formatter = settings.LOGGING["formatters"]["line"]["()"](request.param)
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(formatter)
    listened = [logging.getLogger(), logging.getLogger("django-q")]
    for logger in listened:
        logger.addHandler(handler)
    yield output
    for logger in listened:
        logger.removeHandler(handler)


def test_no_exception_shows_what_it_quotes(put, printed):
    canary = put("an exception")
    errors = [caught(error, canary) for error in errors_that_quote(canary)]
    for error in errors:
        structlog.get_logger("bookings.api").error("api.unexpected_exception", exc_info=error)
        logging.getLogger("django.request").error("Internal Server Error: %s", f"/{canary}", exc_info=error)
        logging.getLogger("some.library").error("it failed", exc_info=error)

    assert put.seen_in(printed.getvalue()) == []
    assert printed.getvalue().count("builtins.LookupError") == 3 * len(errors)
    assert "IntegrityError 1062" in printed.getvalue()


def test_no_line_of_a_framework_shows_what_was_asked_for(put, printed):
    path, extra = f"/{put('path')}", {"status_code": 500, "request": f"<WSGIRequest: GET '/{put('request')}'>"}
    of_django = ("django.security.csrf", "django.security.SuspiciousSession", "django.template")
    for name in (*of_django, "opentelemetry.trace.span"):
        logging.getLogger(name).error("%s: %s", "Internal Server Error", path, extra=extra)

    assert put.seen_in(printed.getvalue()) == []
    assert len(re.findall(r"Internal Server Error: (…|\\u2026)", printed.getvalue())) == 4


def test_no_field_that_is_not_listed_is_shown(put, printed):
    fields = {name: put(name) for name in ("token", "body", "path", "address", "user", "key", "note", "headers")}
    structlog.get_logger("bookings.api").error("something.happened", booking="K7QX4M", **fields)

    assert put.seen_in(printed.getvalue()) == []
    assert "K7QX4M" in printed.getvalue()


def test_a_task_that_failed_is_reported_without_what_its_exception_quotes(put, printed):
    # django-q2 writes message and traceback into its line, as text.
    failure = f"{put('an exception of a task')} : Traceback (most recent call last): {put('a traceback')}"
    logging.getLogger("django-q").error(f"Failed 'bookings.tasks.run_pass' (one-two) - {failure}")  # noqa: G004

    assert put.seen_in(printed.getvalue()) == []
    assert "bookings.tasks.run_pass" in printed.getvalue()


def test_a_canary_that_is_printed_is_found(put):
    value = put("somewhere")
    encoded = put.encoded("in base64", "anna:" + secrets.token_hex(4))

    assert put.seen_in(f"x {value.upper()} y") == ["somewhere"]
    assert put.seen_in(f"x {encoded}") == ["in base64 (encoded)"]
    assert put.seen_in("nothing") == []
