"""A header that may stand once and comes twice is refused: a server hands it on as one, with a comma between."""

import re

import pytest

from bookings.api import headers
from bookings.models import Booking, IdempotencyRecord
from tests.support.api import BOOKINGS, PAYMENTS, Api, refused, shown
from tests.support.callers import CallerApi, a_token

pytestmark = pytest.mark.django_db

NAMES = ["Idempotency-Key", "x-idempotency-key"]
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def explained(answer):
    return answer.json()["error"]["explanation"]


@pytest.mark.parametrize("value", ["a,a", "a, a", "a,b", "a , b", ",a", "a,", ",", '"a","a"', '"a,b"', "a,b,c"])
@pytest.mark.parametrize("name", NAMES)
def test_a_key_that_came_twice_makes_no_booking(api, flights, name, value):
    answer = api.create(headers={name: value})

    assert refused(answer) == (400, "invalid_request")
    assert explained(answer) == f"{name} was sent twice, or has a comma in it. Send it once, and without a comma."
    assert Booking.objects.count() == 0
    assert flights.arrived == []


@pytest.mark.parametrize("name", NAMES)
def test_a_request_whose_key_came_twice_is_no_second_booking(api, name):
    made = api.create(headers={name: "a"})

    again = api.create(headers={name: "a,a"})

    assert (made.status_code, again.status_code) == (201, 400)
    assert Booking.objects.count() == 1
    assert IdempotencyRecord.objects.count() == 1


@pytest.mark.parametrize("name", NAMES)
def test_it_would_be_two_bookings_if_commas_were_let_pass(api, settings, monkeypatch, name):
    settings.API_MIDDLEWARE = [each for each in settings.API_MIDDLEWARE if "HeadersOnce" not in each]
    monkeypatch.setattr(headers, "_KEY", re.compile(r"[!-~]{1,255}"))

    statuses = [Api().create(headers={name: value}).status_code for value in ("a", "a,a")]

    assert statuses == [201, 201]
    assert Booking.objects.count() == 2


def test_a_comma_in_a_key_is_refused_by_whoever_reads_it_too(api, settings):
    settings.API_MIDDLEWARE = [each for each in settings.API_MIDDLEWARE if "HeadersOnce" not in each]

    assert refused(Api().create(headers={"Idempotency-Key": "a,a"})) == (400, "invalid_request")
    assert Booking.objects.count() == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_key_that_came_twice_pays_and_cancels_nothing(api, name):
    booking = shown(api.create())

    paid = api.pay(booking, key=None, headers={name: "a,b"})
    cancelled = api.cancel(booking, headers={name: "a,b"})

    assert [refused(answer) for answer in (paid, cancelled)] == [(400, "invalid_request")] * 2
    assert Booking.objects.get().status == "initiated"


@pytest.mark.parametrize("path", [BOOKINGS, f"{BOOKINGS}/1", "/api/v1/info", "/api/v1/nothing"])
def test_it_is_refused_wherever_it_is_sent(api, path):
    assert refused(api.get(path, **{"Idempotency-Key": "a,b"})) == (400, "invalid_request")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Basic"])
def test_two_credentials_are_refused(db, token_auth, flights, scheme):
    api = CallerApi(a_token())

    answer = api.get(BOOKINGS, Authorization=f"{scheme} {api.token},Bearer {api.token}")

    assert refused(answer) == (400, "invalid_request")
    assert explained(answer) == "Authorization was sent twice. Send it once."


@pytest.mark.parametrize("sent", ["Bearer a, Bearer b", ",Bearer b", "Digest u=1,Digest u=2", "Bearer a,  Basic YQ=="])
def test_two_credentials_are_refused_where_nobody_looks_at_them_too(api, sent):
    assert refused(api.get(BOOKINGS, Authorization=sent)) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ('Digest username="anna", realm="a, b", uri="/"', "token_missing"),
        ("Bearer a,b", "token_invalid"),
        ("Bearer a, b=c", "token_invalid"),
        ("Basic YQ==", "token_missing"),
    ],
)
def test_one_credential_with_a_comma_in_it_is_one(db, token_auth, sent, code):
    assert refused(CallerApi(None).get(BOOKINGS, Authorization=sent)) == (401, code)


@pytest.mark.parametrize(
    "sent",
    [
        "application/json,application/json",
        "application/json, text/plain",
        "text/plain,application/json",
        'application/json; charset="utf-8", application/json',
    ],
)
def test_two_types_of_a_body_are_refused(api, sent):
    answer = api.create(headers={"Content-Type": sent})

    assert refused(answer) == (400, "invalid_request")
    assert explained(answer) == "Content-Type was sent twice. Send it once."


def test_a_comma_in_quotes_is_a_part_of_a_type(api):
    assert api.create(headers={"Content-Type": 'application/json; profile="a,b"'}).status_code == 201


@pytest.mark.parametrize("sent", ["2, 2", "2,3", "two", "-1", "+2", "0x2", "2.0", "1" * 5000])
def test_a_length_that_is_no_number_is_refused(api, sent):
    answer = api.client.generic("POST", BOOKINGS, b"{}", content_type="application/json", CONTENT_LENGTH=sent)

    assert refused(answer) == (400, "invalid_request")
    assert explained(answer) == "Content-Length must be one whole number."


def test_two_origins_are_refused(api):
    assert refused(api.get(BOOKINGS, Origin="https://a.example,https://b.example")) == (400, "invalid_request")


@pytest.mark.parametrize("name", ["HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"])
def test_a_header_of_the_body_with_an_underscore_is_refused(api, name):
    answer = api.client.get(BOOKINGS, **{name: "1"})

    assert refused(answer) == (400, "invalid_request")


@pytest.mark.parametrize("path", [BOOKINGS, PAYMENTS])
def test_two_hosts_are_none_of_ours(api, path):
    answer = api.post(path, {}, headers={"Host": "testserver,testserver"})

    assert refused(answer) == (400, "invalid_request")


def test_what_is_a_list_may_come_twice(api):
    answer = api.create(
        headers={"Prefer": "wait=10,respond-async", "Accept": "text/html,application/json", "Cookie": "a=1;b=2"}
    )

    assert answer.status_code == 201


def test_two_ids_of_a_request_are_as_none(api):
    answer = api.create(headers={"X-Request-ID": "abc,abc"})

    assert answer.status_code == 201
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])


def test_two_places_in_a_trace_are_as_none(api):
    assert api.create(headers={"traceparent": f"{TRACE},{TRACE}"}).status_code == 201


def test_the_back_office_reads_no_key(client):
    assert client.get("/admin/login/", headers={"Idempotency-Key": "a,b"}).status_code == 200
