"""The headers that browsers protect users by: on every route, and on every kind of refusal."""

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from bookingsite.web.middleware import LARGEST_HEADERS, LONGEST_ADDRESS
from tests.support.api import BOOKINGS

pytestmark = pytest.mark.django_db

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
EXPECTED = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@pytest.fixture(autouse=True)
def production(settings):
    """What the settings say where DEBUG is false, as far as it shows in headers."""
    settings.SECURE_HSTS_SECONDS = 365 * 24 * 3600
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    settings.SECURE_HSTS_PRELOAD = True


@pytest.fixture
def staff(admin_client):
    return admin_client


def addresses(patterns, prefix=""):
    """An address for every route of the site, with 1 in the place of each argument."""
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            yield path


def asked(path):
    """Turn the pattern of a route into an address; its arguments need not name anything."""
    for argument in (
        "<path:object_id>",
        "<int:pk>",
        "<path:url>",
        "<int:content_type_id>",
        "<app_label>",
        "<id>",
        "<gateway>",
        "<path:path>",
    ):
        path = path.replace(argument, "1")
    path = path.replace("(?P<pk>[^/.]+)", "1").replace("(?P<url>.*)$", "").replace("(?P<path>.*)", "nothing")
    path = path.replace("(?P<app_label>auth|bookings|django_q)/", "auth/")
    return "/" + path.replace("^", "").replace("$", "").replace("\\", "").lstrip("/")


def protection(answer):
    return {name: answer.headers.get(name) for name in EXPECTED}


@pytest.mark.slow
def test_every_route_of_the_site_has_them_for_staff_and_for_strangers(staff, client, flights):
    missing = {}
    paths = [asked(path) for path in addresses(get_resolver().url_patterns)]

    for path in paths:
        for who in (staff, client):
            answer = who.get(path, secure=True)
            if protection(answer) != EXPECTED:
                missing[path] = protection(answer)

    assert len(paths) > 50
    assert missing == {}


REFUSALS = {
    "unknown address": ("GET", "/nothing", {}, 404),
    "unknown address of the API": ("GET", "/api/v1/nothing", {}, 404),
    "method not allowed": ("DELETE", BOOKINGS, {}, 405),
    "body that is no JSON": ("POST", BOOKINGS, {"data": "{", "content_type": "application/json"}, 400),
    "body of another kind": ("POST", BOOKINGS, {"data": "a=1", "content_type": "text/plain"}, 415),
    "body that is too large": (
        "POST",
        BOOKINGS,
        {"data": b" " * (64 * 1024 + 1), "content_type": "application/json"},
        413,
    ),
    "file that is too large": (
        "POST",
        "/admin/login/",
        {"data": b" " * (64 * 1024 + 1), "content_type": "multipart/form-data; boundary=a"},
        413,
    ),
    "answer of another kind": ("GET", BOOKINGS, {"headers": {"Accept": "text/csv"}}, 406),
    "host that is not ours": ("GET", "/", {"headers": {"Host": "evil.example.org"}}, 400),
    "host that is not ours, API": ("GET", BOOKINGS, {"headers": {"Host": "evil.example.org"}}, 400),
    "address that is too long": ("GET", "/" + "a" * LONGEST_ADDRESS, {}, 414),
    "query that is too long": ("GET", BOOKINGS + "?userId=" + "1" * LONGEST_ADDRESS, {}, 414),
    "headers that are too large": ("GET", "/", {"headers": {"X-Large": "a" * LARGEST_HEADERS}}, 431),
    "headers that are too large, API": ("GET", BOOKINGS, {"headers": {"X-Large": "a" * LARGEST_HEADERS}}, 431),
    "static file that is not there": ("GET", "/static/nothing.css", {}, 404),
    "health in another way": ("PUT", "/health/live", {}, 405),
    "metrics in another way": ("POST", "/metrics", {}, 405),
}


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path", "how", "status"), REFUSALS.values(), ids=REFUSALS)
def test_every_refusal_has_them(client, flights, method, path, how, status):
    client.handler.enforce_csrf_checks = True

    answer = client.generic(method, path, secure=True, **how)

    assert answer.status_code == status
    assert protection(answer) == EXPECTED


def test_a_form_without_its_token_is_refused_with_them(client):
    client.handler.enforce_csrf_checks = True

    answer = client.post("/admin/login/", {"username": "a", "password": "b"}, secure=True)

    assert answer.status_code == 403
    assert protection(answer) == EXPECTED


def test_an_exception_has_them_and_no_details(client, flights, monkeypatch):
    def fail(*_args, **_kwargs):
        raise ValueError("canary")

    client.raise_request_exception = False
    monkeypatch.setattr(flights, "get_flight", fail)
    body = '{"flightId": 1, "userId": 1, "noOfSeats": 1}'

    answer = client.post(BOOKINGS, body, content_type="application/json", secure=True)

    assert answer.status_code == 500
    assert protection(answer) == EXPECTED
    assert "canary" not in answer.content.decode()


@pytest.mark.parametrize("path", ["/", "/api/v1/info", BOOKINGS, "/admin/login/", "/admin/", "/api/v1/nothing"])
def test_nothing_that_may_be_personal_is_kept_by_anybody(client, path):
    assert "no-store" in client.get(path).headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/", "/api/v1/docs", "/admin/login/"])
def test_pages_have_nothing_that_the_policy_would_stop(client, path):
    page = client.get(path).content.decode()

    assert "<style" not in page
    assert " style=" not in page
    assert "<script>" not in page
    assert " onclick=" not in page


@pytest.mark.parametrize(("path", "code"), [(BOOKINGS, "address_too_long"), ("/", None)])
def test_an_address_that_is_too_long_is_refused_in_the_envelope_of_the_api(client, path, code):
    answer = client.get(path + "?a=" + "1" * LONGEST_ADDRESS)

    assert answer.status_code == 414
    if code:
        assert answer.json()["error"]["code"] == code
