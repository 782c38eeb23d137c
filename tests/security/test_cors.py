"""Which pages of other origins may call the API in a browser, and what they are let see."""

import pytest
from django.db import OperationalError
from django.test import Client

from bookings import wiring
from bookings.models import Booking, RateWindow
from bookingsite.web.middleware import LARGEST_HEADERS
from tests.support.api import BOOKINGS, PAYMENTS, refused, shown
from tests.support.callers import CallerApi, a_token

pytestmark = pytest.mark.django_db

SHOP, OTHER = "https://shop.example.org", "https://evil.example.org"
ALLOW = "Access-Control-Allow-Origin"
CORS_HEADERS = (
    *(ALLOW, "Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Max-Age"),
    *("Access-Control-Expose-Headers", "Access-Control-Allow-Credentials"),
)
ORDER = {"flightId": 1, "userId": 1001, "noOfSeats": 1}


@pytest.fixture
def shop(settings):
    """Pages of the shop may call the API."""
    settings.CORS_ALLOWED_ORIGINS = [SHOP]


@pytest.fixture
def api(db, flights, token_auth):
    return CallerApi(a_token())


def preflight(path=BOOKINGS, *, origin=SHOP, method="POST", headers="authorization,content-type", **more):
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return Client().options(path, headers={**asked, **more})


def cors(answer):
    return {name: answer.headers[name] for name in CORS_HEADERS if name in answer.headers}


def words(text):
    return {word.strip().lower() for word in text.split(",")}


@pytest.mark.parametrize("path", [BOOKINGS, f"{BOOKINGS}/", PAYMENTS, f"{BOOKINGS}/1/cancel", "/api/v1/info"])
def test_a_preflight_is_answered_without_a_token(shop, api, path):
    answer = preflight(path)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers[ALLOW] == SHOP
    assert words(answer.headers["Access-Control-Allow-Methods"]) == {
        *("delete", "get", "head", "options", "post", "put")
    }
    assert words(answer.headers["Access-Control-Allow-Headers"]) == {
        *("authorization", "content-type", "idempotency-key", "x-idempotency-key", "prefer", "x-request-id"),
        *("if-match", "traceparent", "tracestate"),
    }
    assert answer.headers["Access-Control-Max-Age"] == "7200"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "origin" in words(answer.headers["Vary"])
    assert answer.headers["X-Request-ID"]


def test_a_preflight_is_counted_for_nobody_and_reads_no_table(shop, api, settings, django_assert_num_queries):
    settings.READS_PER_MINUTE = settings.CREATES_PER_MINUTE = 1

    with django_assert_num_queries(0):
        answers = [preflight() for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200] * 5
    assert RateWindow.objects.count() == 0


def test_a_page_may_read_an_answer_and_the_headers_that_clients_need(shop, api):
    answer = api.create(ORDER, key="k", headers={"Origin": SHOP})

    assert answer.status_code == 201
    assert answer.headers[ALLOW] == SHOP
    assert words(answer.headers["Access-Control-Expose-Headers"]) == {
        *("etag", "location", "retry-after", "idempotent-replayed", "preference-applied", "x-request-id"),
        *("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "ratelimit-policy", "www-authenticate"),
    }
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "origin" in words(answer.headers["Vary"])


@pytest.mark.parametrize(
    "origin",
    [
        *(OTHER, "http://shop.example.org", "https://shop.example.org:8443", "https://shop.example.org.evil.org"),
        *("https://evil-shop.example.org", "https://a.shop.example.org", "https://shop.example.org/", "https://"),
        *("https://SHOP.example.org", "https://a@shop.example.org", "https://[::1", "shop.example.org"),
        *("null", "", "*", "é"),
    ],
)
def test_a_page_of_another_origin_may_not(shop, api, origin):
    answer = api.get(BOOKINGS, Origin=origin)
    asked = preflight(origin=origin)

    assert cors(answer) == cors(asked) == {}
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_without_an_origin_in_the_settings_nothing_is_said_and_a_preflight_is_a_request_like_others(api):
    answer = api.create(ORDER, headers={"Origin": SHOP})
    asked = preflight()

    assert answer.status_code == 201
    assert cors(answer) == cors(asked) == {}
    assert refused(asked) == (401, "token_missing")
    assert "origin" not in words(answer.headers.get("Vary", ""))


def test_a_client_that_is_no_browser_sees_no_difference(shop, api):
    answer = api.create(ORDER)

    assert answer.status_code == 201
    assert cors(answer) == {}


@pytest.mark.parametrize(
    "path", ["/", "/admin/login/", "/health/live", "/metrics", "/static/bookings/office.css", "/apis"]
)
def test_nothing_but_the_api_is_open_to_other_origins(shop, api, path):
    assert cors(api.get(path, Origin=SHOP)) == {}
    assert cors(preflight(path, method="GET")) == {}


def test_options_without_a_preflight_needs_a_token_as_before(shop, api):
    assert refused(Client().options(BOOKINGS, headers={"Origin": SHOP})) == (401, "token_missing")


def failing(error):
    def fail(*_args, **_kwargs):
        raise error

    return fail


REFUSALS = {
    "no token": ("GET", BOOKINGS, {"Authorization": ""}, 401),
    "a token that is none": ("GET", BOOKINGS, {"Authorization": "Bearer x"}, 401),
    "not found": ("GET", f"{BOOKINGS}/987654", {}, 404),
    "no address": ("GET", "/api/v1/nothing", {}, 404),
    "no method": ("DELETE", BOOKINGS, {}, 405),
    "not acceptable": ("GET", BOOKINGS, {"Accept": "text/html"}, 406),
    "not JSON": ("POST", BOOKINGS, {"Content-Type": "text/plain"}, 415),
    "a header twice": ("POST", BOOKINGS, {"Idempotency-Key": "a,a"}, 400),
    "too long": ("GET", f"{BOOKINGS}?a={'1' * 5000}", {}, 414),
    "too large": ("GET", BOOKINGS, {"X-Large": "a" * LARGEST_HEADERS}, 431),
    "too much": ("POST", BOOKINGS, {"Content-Type": "application/json"}, 413),
}


@pytest.mark.parametrize(("method", "path", "headers", "status"), REFUSALS.values(), ids=REFUSALS)
def test_a_page_may_read_every_refusal(shop, api, method, path, headers, status):
    sent = {"Authorization": f"Bearer {api.token}", "Origin": SHOP, **headers}
    body = b" " * (64 * 1024 + 1) if status == 413 else b"{}"

    answer = api.client.generic(
        method, path, body, content_type=sent.pop("Content-Type", "application/json"), headers=sent
    )

    assert answer.status_code == status
    assert answer.headers[ALLOW] == SHOP
    assert "X-Request-ID" in answer.headers["Access-Control-Expose-Headers"]
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


def test_a_page_may_read_that_it_asks_too_often(shop, api, settings):
    settings.READS_PER_MINUTE = 1
    api.get(BOOKINGS)

    answer = api.get(BOOKINGS, Origin=SHOP)

    assert refused(answer) == (429, "too_many_requests")
    assert answer.headers[ALLOW] == SHOP
    assert {"retry-after", "ratelimit-reset"} <= words(answer.headers["Access-Control-Expose-Headers"])


@pytest.mark.parametrize("place", ["a view", "a layer before it"])
def test_a_page_may_read_that_something_went_wrong(shop, api, monkeypatch, place):
    if place == "a view":
        monkeypatch.setattr(wiring, "flight_service", failing(ZeroDivisionError()))
    else:
        monkeypatch.setattr(
            "django.middleware.security.SecurityMiddleware.process_request", failing(ZeroDivisionError())
        )

    answer = api.create(ORDER, headers={"Origin": SHOP})

    assert refused(answer) == (500, "internal_error")
    assert answer.headers[ALLOW] == SHOP


def test_a_page_may_read_that_the_database_is_away(shop, api, monkeypatch):
    monkeypatch.setattr("bookings.api.views.create_booking", failing(OperationalError(2006, "away")))

    answer = api.create(ORDER, headers={"Origin": SHOP})

    assert refused(answer) == (503, "temporarily_unavailable")
    assert answer.headers[ALLOW] == SHOP


def test_a_preflight_for_a_host_that_is_not_ours_is_refused(shop, api):
    assert refused(preflight(Host="evil.example.org")) == (400, "invalid_request")


def test_a_preflight_without_tls_is_refused_where_tls_is_asked_for(shop, api, settings):
    settings.SECURE_SSL_REDIRECT = True

    assert refused(preflight()) == (403, "https_required")


def test_a_cookie_of_staff_opens_nothing_to_a_page(shop, api, admin_client):
    answer = admin_client.get(BOOKINGS, headers={"Origin": SHOP})

    assert refused(answer) == (401, "token_missing")
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_repetition_is_seen_to_be_one(shop, api):
    api.create(ORDER, key="k", headers={"Origin": SHOP})

    again = api.create(ORDER, key="k", headers={"Origin": SHOP})

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers[ALLOW] == SHOP
    assert Booking.objects.count() == 1
    assert shown(again)["noOfSeats"] == 1
