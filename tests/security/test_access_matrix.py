"""Who may do what: one table, a test for each of its cells, and proof that no endpoint is missing from it."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.urls import get_resolver
from django.urls.resolvers import URLPattern

from bookings.actor import Scope
from bookings.api import access
from bookings.models import Booking, BookingEvent, Contact, IdempotencyRecord, Payment, WebhookEndpoint
from tests.support.api import Api, refused, shown
from tests.support.bookings import an_initiated_booking
from tests.support.callers import CallerApi, a_service_key, a_token

pytestmark = pytest.mark.django_db

V1 = "/api/v1"

# The booking is user 1001's. The first four prove nothing, or not to this service; staff have a session, and
# no token. A service's other scopes are all but the last one that the endpoint asks for.
CALLERS = (
    "nobody",
    "expired token",
    "token for another service",
    "staff with a session",
    "customer, own booking",
    "customer, foreign booking",
    "service with the other scopes",
    "service with the scopes",
)

OK, CREATED = (200, None), (201, None)
NO_TOKEN, TOO_OLD, NO_PROOF = (401, "token_missing"), (401, "token_expired"), (401, "token_invalid")
NO_SCOPE = (403, "forbidden")
NOT_FOUND = (404, "booking_not_found")
ANOTHER_USER = (400, "user_mismatch")

STRANGERS = (NO_TOKEN, TOO_OLD, NO_PROOF, NO_TOKEN)
PUBLIC = (OK,) * 8


@dataclass(frozen=True)
class Line:
    """An endpoint, the scopes it asks for, and what it answers to each of CALLERS."""

    method: str
    path: str
    scopes: tuple[Scope, ...]
    cells: tuple[Any, ...]
    in_schema: bool = True


READ, WRITE, PAY = Scope.BOOKINGS_READ, Scope.BOOKINGS_WRITE, Scope.PAYMENTS_WRITE
HOOKS, NO_ENDPOINT = Scope.WEBHOOKS_MANAGE, (404, "endpoint_not_found")
ONE = "/bookings/{id}"

TABLE = {
    "create": Line("POST", "/bookings", (WRITE,), (*STRANGERS, CREATED, ANOTHER_USER, NO_SCOPE, CREATED)),
    "list": Line("GET", "/bookings", (READ,), (*STRANGERS, OK, OK, NO_SCOPE, OK)),
    "retrieve": Line("GET", ONE, (READ,), (*STRANGERS, OK, NOT_FOUND, NO_SCOPE, OK)),
    "events": Line("GET", f"{ONE}/events", (READ,), (*STRANGERS, OK, NOT_FOUND, NO_SCOPE, OK)),
    "feed": Line("GET", "/events", (READ, HOOKS), (*STRANGERS, NO_SCOPE, NO_SCOPE, NO_SCOPE, OK)),
    "seat_map": Line("GET", "/flights/{id}/seats", (READ,), (*STRANGERS, OK, OK, NO_SCOPE, OK)),
    "money": Line("GET", f"{ONE}/payments", (READ,), (*STRANGERS, OK, NOT_FOUND, NO_SCOPE, OK)),
    "pay": Line("POST", "/bookings/payments", (PAY,), (*STRANGERS, CREATED, NOT_FOUND, NO_SCOPE, CREATED)),
    "change_seats": Line("POST", f"{ONE}/seats", (WRITE,), (*STRANGERS, OK, NOT_FOUND, NO_SCOPE, OK)),
    "cancel": Line("POST", f"{ONE}/cancel", (WRITE,), (*STRANGERS, OK, NOT_FOUND, NO_SCOPE, OK)),
    "contact_change": Line("PUT", f"{ONE}/contact", (WRITE,), (*STRANGERS, OK, NOT_FOUND, NO_SCOPE, OK)),
    "contact_erase": Line("DELETE", f"{ONE}/contact", (WRITE,), (*STRANGERS, OK, NOT_FOUND, NO_SCOPE, OK)),
    "contacts_erase": Line(
        "DELETE", "/users/{id}/contacts", (Scope.CONTACTS_ERASE,), (*STRANGERS, OK, ANOTHER_USER, NO_SCOPE, OK)
    ),
    **{
        name: Line(method, f"/webhook-endpoints{path}", (READ, HOOKS), (*STRANGERS, *(NO_SCOPE,) * 3, expected))
        for name, method, path, expected in (
            ("endpoint_make", "POST", "", CREATED),
            ("endpoint_list", "GET", "", OK),
            ("endpoint_read", "GET", "/{id}", NO_ENDPOINT),
            ("endpoint_change", "PATCH", "/{id}", NO_ENDPOINT),
            ("endpoint_retire", "DELETE", "/{id}", NO_ENDPOINT),
            ("endpoint_rotate", "POST", "/{id}/rotate-secret", NO_ENDPOINT),
            ("endpoint_ping", "POST", "/{id}/ping", NO_ENDPOINT),
            ("endpoint_replay", "POST", "/{id}/replay", NO_ENDPOINT),
            ("delivery_list", "GET", "/{id}/deliveries", NO_ENDPOINT),
            ("delivery_read", "GET", "/{id}/deliveries/{delivery}", NO_ENDPOINT),
            ("delivery_again", "POST", "/{id}/deliveries/{delivery}/redeliver", NO_ENDPOINT),
        )
    },
    "links": Line("GET", "", (), PUBLIC),
    "info": Line("GET", "/info", (), PUBLIC),
    "openapi": Line("GET", "/openapi.json", (), PUBLIC, in_schema=False),
    "docs": Line("GET", "/docs", (), PUBLIC, in_schema=False),
}
OF_BOOKINGS = ("create", "pay", "cancel", "change_seats")
CELLS = [
    pytest.param(endpoint, caller, expected, id=f"{endpoint} - {caller}")
    for endpoint, line in TABLE.items()
    for caller, expected in zip(CALLERS, line.cells, strict=True)
]
SCOPED = {endpoint: line for endpoint, line in TABLE.items() if line.scopes}


@pytest.fixture
def booking(db, flights, settings):
    settings.MAIL_SERVER, settings.MAIL_FROM = "folder:", "noreply@bookings.example.org"
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    flights.number_seats()
    return an_initiated_booking(flights, user_id=1001)


def superuser():
    """Without a password: hashing one would take longer than everything else here."""
    return get_user_model().objects.create(username="anna", is_staff=True, is_superuser=True)


def caller_named(name, scopes):
    """Make the client that a column of the table speaks of."""
    if name == "staff with a session":
        client = CallerApi(None)
        client.client.force_login(superuser())
        return client
    tokens = {
        "nobody": lambda: None,
        "expired token": lambda: a_token(1001, iat=1_700_000_000, exp=1_700_000_600),
        "token for another service": lambda: a_token(1001, aud="payroll"),
        "customer, own booking": lambda: a_token(1001),
        "customer, foreign booking": lambda: a_token(1002),
        "service with the other scopes": lambda: a_service_key(*(word for word in Scope if word not in scopes[-1:])),
        "service with the scopes": lambda: a_service_key(*(scopes or Scope)),
    }
    return CallerApi(tokens[name]())


def ask(caller, endpoint, booking, *, user_id=None):
    """Send the request that would work for whoever may: each POST with a key, as that must not be kept."""
    line = TABLE[endpoint]
    room = line.path.strip("/").partition("/")[0]
    of = {"users": booking.user_id, "flights": booking.flight_id}.get(room, booking.pk)
    path = V1 + line.path.replace("{id}", str(of)).replace("{delivery}", "1")
    if line.method == "GET":
        return caller.get(path)
    body = {
        "create": {"flightId": 1, "noOfSeats": 2, "userId": 1001},
        "pay": {"bookingId": booking.pk, "totalCost": booking.total_cost},
        "change_seats": {"seatNumbers": ["2A", "2B"]},
        "contact_change": {"contact": {"email": "ada@example.org"}, **({} if user_id is None else {"userId": user_id})},
        "endpoint_make": {"url": "https://hooks.example.org/"},
        "endpoint_replay": {"since": "2026-01-01T00:00:00Z"},
    }.get(endpoint, {})
    if endpoint not in OF_BOOKINGS:
        return caller.send(line.method, path, body)
    return caller.post(path, {**body, **({} if user_id is None else {"userId": user_id})}, key="k")


def everything_stored():
    models = (Booking, Payment, BookingEvent, Contact, IdempotencyRecord, WebhookEndpoint)
    return {model.__name__: list(model.objects.order_by("pk").values_list()) for model in models}


def outcome(answer):
    """What a cell of the table says about an answer."""
    return (answer.status_code, None) if answer.status_code < 400 else refused(answer)


@pytest.mark.slow
@pytest.mark.parametrize(("endpoint", "name", "expected"), CELLS)
def test_each_caller_gets_what_the_table_says(token_auth, booking, endpoint, name, expected):
    line = TABLE[endpoint]
    caller = caller_named(name, line.scopes)
    before = everything_stored()

    # A customer leaves the user to its token; a service must name one.
    answer = ask(caller, endpoint, booking, user_id=1001 if name.startswith("service") else None)

    assert outcome(answer) == expected
    assert (everything_stored() != before) == (line.method in ("POST", "PUT") and expected in (OK, CREATED))


@pytest.mark.parametrize(("name", "ids"), [("own", 1), ("foreign", 0)])
def test_a_list_of_a_customer_without_bookings_is_empty(token_auth, booking, name, ids):
    caller = caller_named(f"customer, {name} booking", (READ,))

    results = shown(ask(caller, "list", booking))["results"]

    assert [row["id"] for row in results] == [booking.pk] * ids


def test_the_session_of_staff_is_good_where_sessions_count(db):
    staff = caller_named("staff with a session", (READ,))

    assert staff.get("/admin/").status_code == 200


def routes():
    """Each (method, path) that /api/v1 answers, as Django resolves it."""
    for pattern in get_resolver("bookings.api.urls").url_patterns:
        for route in getattr(pattern, "url_patterns", [pattern]):
            prefix = "" if route is pattern else str(pattern.pattern)
            path = named(prefix + str(route.pattern)).replace("^", "").rstrip("$")
            for method in methods_of(route):
                yield method, f"/api/{path}"


def named(pattern: str) -> str:
    """Write what a client types in the place of a pattern's arguments as the schema does."""
    return re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda found: "{id}" if found[1] == "pk" else f"{{{found[1]}}}", pattern)


def methods_of(route: URLPattern):
    """The methods of a route; of a plain function, which is the one that answers 404, none."""
    view = getattr(route.callback, "cls", None)
    if view is None:
        assert "path" in str(route.pattern)
        return []
    known = getattr(route.callback, "actions", None) or view.http_method_names
    return [name.upper() for name in known if name not in ("head", "options") and _has(view, route, name)]


def _has(view, route, method):
    actions = getattr(route.callback, "actions", None)
    return hasattr(view, actions[method] if actions else method)


def test_the_table_has_exactly_the_routes_there_are():
    assert sorted((line.method, V1 + line.path) for line in TABLE.values()) == sorted(routes())


def test_the_schema_has_exactly_the_lines_that_should_be_in_it(db):
    paths = Api().get(f"{V1}/openapi.json").json()["paths"]

    described = {(method.upper(), path) for path, methods in paths.items() for method in methods}

    assert described == {(line.method, V1 + line.path) for line in TABLE.values() if line.in_schema}


def test_what_is_enforced_is_what_the_table_says():
    enforced = {endpoint: {rule.scope, rule.also} - {None} for endpoint, rule in access.ACCESS.items()}

    assert enforced == {endpoint: set(line.scopes) for endpoint, line in SCOPED.items()}


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", SCOPED)
@pytest.mark.parametrize("auth", ["token", "open"])
def test_an_endpoint_that_nobody_decided_about_answers_nobody(settings, monkeypatch, booking, endpoint, auth):
    rest = {name: rule for name, rule in access.ACCESS.items() if name != endpoint}
    monkeypatch.setattr(access, "ACCESS", rest)
    settings.API_AUTH = auth
    before = everything_stored()
    callers = [CallerApi(a_token(1001)), CallerApi(a_token(1002)), CallerApi(a_service_key())]

    answers = [ask(caller, endpoint, booking, user_id=1001) for caller in callers]

    assert [refused(answer) for answer in answers] == [(403, "forbidden")] * 3
    assert everything_stored() == before
