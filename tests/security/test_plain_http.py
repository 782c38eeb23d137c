"""What is sent without TLS where TLS is asked for: reads are sent on, and nothing else is taken for done."""

import pytest
from django.test import Client

from bookings.models import Booking
from tests.support.api import BOOKINGS, PAYMENTS, refused

pytestmark = pytest.mark.django_db

ORDER = {"flightId": 1, "userId": 1001, "noOfSeats": 2}


@pytest.fixture(autouse=True)
def production(settings):
    """What the settings say where DEBUG is false and one proxy stands in front."""
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.PROXY_HOPS = 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [BOOKINGS, f"{BOOKINGS}/", PAYMENTS, f"{BOOKINGS}/1/cancel", "/api/v1/nothing", "/api"]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "post", "PROPFIND"])
def test_a_write_to_the_api_is_refused_in_the_envelope_and_not_sent_on(api, path, method):
    answer = api.client.generic(method, path, b"{}", content_type="application/json")

    assert refused(answer) == (403, "https_required")
    assert "https://" in answer.json()["error"]["explanation"]
    assert answer.json()["error"]["requestId"] == answer.headers["X-Request-ID"]
    assert "Location" not in answer.headers


def test_nothing_is_done(api, flights):
    answer = api.create(ORDER, key="k")

    assert refused(answer) == (403, "https_required")
    assert Booking.objects.count() == 0
    assert flights.arrived == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_read_is_sent_on(api, method):
    answer = api.client.generic(method, f"{BOOKINGS}?limit=1")

    assert answer.status_code == 301
    assert answer.headers["Location"] == f"https://testserver{BOOKINGS}?limit=1"


ENCRYPTED = {
    "as one proxy writes it": (1, "https"),
    "in capitals": (1, "HTTPS"),
    "in both": (1, "Https"),
    "with blanks": (1, " https "),
    "behind what a client wrote": (1, "http, https"),
    "behind what a client wrote, in capitals": (1, "http,HTTPS"),
    "where nobody has counted the proxies": (0, "HTTPS"),
    "two proxies, both write": (2, "https, http"),
    "two proxies, one writes": (2, "https"),
    "two proxies behind what a client wrote": (2, "http, https, http"),
}
PLAIN = {
    "as one proxy writes it": (1, "http"),
    "what a client wrote before it": (1, "https, http"),
    "what a client wrote before it, without a blank": (1, "HTTPS,HTTP"),
    "what a client wrote twice before it": (1, "https, https, http"),
    "two proxies behind what a client wrote": (2, "https, http, http"),
    "two proxies, both write": (2, "http, https"),
    "nothing": (1, ""),
    "no last word": (1, "https,"),
    "another word": (1, "wss"),
    "a longer word": (1, "https:"),
}


@pytest.mark.parametrize(("hops", "sent"), ENCRYPTED.values(), ids=ENCRYPTED)
def test_tls_is_believed_where_our_own_proxy_says_so(api, settings, hops, sent):
    settings.PROXY_HOPS = hops

    assert api.create(ORDER, headers={"X-Forwarded-Proto": sent}).status_code == 201


@pytest.mark.parametrize(("hops", "sent"), PLAIN.values(), ids=PLAIN)
def test_tls_is_not_believed_where_somebody_else_says_so(api, settings, hops, sent):
    settings.PROXY_HOPS = hops

    assert refused(api.create(ORDER, headers={"X-Forwarded-Proto": sent})) == (403, "https_required")


@pytest.mark.parametrize(
    "name", ["X-Forwarded-Ssl", "X-Forwarded-Scheme", "Forwarded", "X-Forwarded-Protocol", "Front-End-Https"]
)
def test_no_other_header_says_so(api, name):
    answer = api.create(ORDER, headers={name: "proto=https" if name == "Forwarded" else "https"})

    assert refused(answer) == (403, "https_required")


def test_without_a_proxy_of_ours_nobody_is_believed(api, settings):
    settings.PROXY_HOPS, settings.SECURE_PROXY_SSL_HEADER = 0, None

    assert refused(api.create(ORDER, headers={"X-Forwarded-Proto": "https"})) == (403, "https_required")


def test_an_installation_that_does_without_tls_takes_writes(api, settings):
    settings.SECURE_SSL_REDIRECT = False

    assert api.create(ORDER).status_code == 201


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
@pytest.mark.parametrize("host", ["10.1.2.3:8000", "[fd00::1]:8000", "evil.example.org", "a b", ""])
def test_probes_are_answered_without_tls_whatever_the_host_is(api, path, host):
    answer = api.get(path, Host=host)

    assert answer.status_code in (200, 503)  # a silent worker makes it unready
    assert answer.headers["Content-Type"].split(";")[0] in ("application/json", "text/plain")
    assert b"not found" not in answer.content.lower()


@pytest.mark.parametrize("path", ["/health/live", "/metrics"])
def test_probes_are_answered_without_a_host(db, path):
    client = Client()
    request = {"PATH_INFO": path, "SERVER_PROTOCOL": "HTTP/1.0"}

    assert client.request(**request, HTTP_HOST="").status_code == 200


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
def test_probes_are_only_read_under_any_host(api, path):
    answer = api.client.post(path, headers={"Host": "evil.example.org"})

    assert answer.status_code == 405


FOREIGN = ["evil.example.org", "10.1.2.3", "testserver.evil.example.org", "testserver@evil.example.org", ""]


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        *("/", "/admin/", "/admin/login/", BOOKINGS, "/api/v1/info", "/api/v1/openapi.json", "/api/v1/docs"),
        *(
            "/api/v1/nothing",
            "/nothing",
            "/health/",
            "/health/live/",
            "/health/nothing",
            "/metrics/",
            "/metrics/x",
        ),
        *("/static/bookings/office.css", "/static/nothing.css"),
    ],
)
@pytest.mark.parametrize("host", FOREIGN)
def test_nothing_else_is_answered_for_a_host_that_is_not_ours(api, path, host):
    answer = api.get(path, **{"Host": host, "X-Forwarded-Proto": "https"})

    assert answer.status_code == 400


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("proto", ["http", "https"])
def test_the_api_says_so_in_the_envelope_with_and_without_tls(api, host, proto):
    answer = api.get(BOOKINGS, **{"Host": host, "X-Forwarded-Proto": proto})

    assert refused(answer) == (400, "invalid_request")
    assert "Location" not in answer.headers


@pytest.mark.slow
@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/admin", "/admin/login", "/admin/bookings/booking"])
def test_a_write_to_a_page_without_its_slash_is_not_sent_on(admin_client, settings, path, method, debug):
    settings.DEBUG = debug

    answer = admin_client.generic(method, path, b"x=1", headers={"X-Forwarded-Proto": "https"})

    assert answer.status_code == 404
    assert "Location" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_page_is_found_without_its_slash(admin_client, method):
    answer = admin_client.generic(method, "/admin", headers={"X-Forwarded-Proto": "https"})

    assert (answer.status_code, answer.headers["Location"]) == (301, "/admin/")
