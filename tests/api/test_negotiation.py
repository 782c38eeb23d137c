"""What a client may say that it takes, and how it may send a body: whatever it says, a refusal is JSON."""

import codecs
import gzip
import json

import pytest

from bookings.models import Booking
from tests.support.api import BOOKINGS, refused

pytestmark = pytest.mark.django_db

ORDER = {"flightId": 1, "userId": 1001, "noOfSeats": 2}
BODY = json.dumps(ORDER).encode()

TAKES_JSON = [
    *("", " ", ",", ", ,", "*/*", "*", "*/*;q=0.1", "*/*; q=0.001", "*/*;q=1.000", "application/*"),
    *("application/json", "Application/JSON", "application/json;q=0.5", "application/json; charset=utf-8"),
    *("application/json;charset=utf-8;q=0.9", "application/json;version=1", "text/html, application/json;q=0.1"),
    *("text/html;q=1, */*;q=0.1", "text/html;q=0, */*", "application/xml;q=0,application/*;q=0.2"),
    # Java of old, and browsers.
    "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    *("application/json;q=0, application/json", "application/json;q=nothing", "application/json;q="),
]
TAKES_NONE = [
    *("text/html", "application/xml", "image/*", "application/json;q=0", "application/json; Q=0.000"),
    *("*/*;q=0", "application/json;q=0, */*", "*/*, application/json;q=0.0", "application/*;q=0, */*"),
    *("application/vnd.api+json", "application/problem+json", "json", "text/json", "text/*, image/*"),
]


@pytest.mark.slow
@pytest.mark.parametrize("accept", TAKES_JSON)
def test_a_client_that_takes_json_gets_it(api, accept):
    answer = api.create(headers={"Accept": accept})

    assert answer.status_code == 201
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("accept", TAKES_NONE)
def test_a_client_that_takes_none_is_told_so_in_json_and_books_nothing(api, accept):
    answer = api.create(headers={"Accept": accept})

    told = answer.json().get("error", answer.json())  # or as a problem, which was asked for
    assert (answer.status_code, told["code"]) == (406, "not_acceptable")
    assert "application/json" in told.get("explanation", told.get("detail"))
    assert Booking.objects.count() == 0


@pytest.mark.parametrize("path", ["/api/v1/docs"])
def test_a_client_that_does_not_take_the_page_is_told_what_it_is(api, path):
    answer = api.get(path, Accept="application/json")

    assert refused(answer) == (406, "not_acceptable")
    assert "text/html" in answer.json()["error"]["explanation"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/vnd.api+json", "", "x"]
)
def test_a_body_of_another_type_is_415_and_told_what_to_send(api, kind):
    answer = api.post(BOOKINGS, BODY, headers={"Content-Type": kind})

    assert refused(answer) == (415, "unsupported_media_type")
    assert "Content-Type: application/json" in answer.json()["error"]["explanation"]
    assert Booking.objects.count() == 0


@pytest.mark.parametrize("accept", ["", "text/html", "*/*"])
@pytest.mark.parametrize("path", ["/api/v1/docs"])
def test_the_page_to_try_it_is_html(api, path, accept):
    answer = api.get(path, Accept=accept)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("accept", ["", "text/html", "application/json;q=0"])
def test_an_address_that_is_none_is_told_in_json_whatever_is_taken(api, accept):
    assert refused(api.get("/api/v1/nothing", Accept=accept)) == (404, "not_found")


@pytest.mark.parametrize(
    "coding", ["gzip", "GZIP", "x-gzip", "br", "deflate", "zstd", "gzip, br", "identity, gzip", "x"]
)
def test_a_body_that_is_compressed_is_415_and_told_what_to_send(api, coding):
    answer = api.post(BOOKINGS, gzip.compress(BODY), headers={"Content-Encoding": coding})

    assert refused(answer) == (415, "unsupported_media_type")
    assert answer.json()["error"]["explanation"] == "Send the body as it is, without Content-Encoding."
    assert answer.headers["Accept-Encoding"] == "identity"
    assert Booking.objects.count() == 0


def test_a_body_that_calls_itself_compressed_and_is_not_is_415_too(api):
    assert refused(api.post(BOOKINGS, BODY, headers={"Content-Encoding": "gzip"}))[0] == 415


@pytest.mark.parametrize("coding", ["identity", "Identity", "", "identity, identity"])
def test_a_body_that_is_not_compressed_may_say_so(api, coding):
    assert api.post(BOOKINGS, BODY, headers={"Content-Encoding": coding}).status_code == 201


@pytest.mark.parametrize(
    "charset",
    ["utf-16", "UTF-16LE", "utf-32", "latin1", "iso-8859-1", "windows-1252", '"utf-16"', "utf-7", '""', ""],
)
def test_a_body_in_another_charset_is_415(api, charset):
    answer = api.post(BOOKINGS, BODY, headers={"Content-Type": f"application/json; charset={charset}"})

    assert refused(answer) == (415, "unsupported_media_type")
    assert answer.json()["error"]["explanation"] == "JSON is sent as UTF-8; leave the charset away."


@pytest.mark.parametrize(
    "kind",
    [
        *(
            "application/json; charset=utf-8",
            "application/json;charset=UTF-8",
            'application/json; charset="utf-8"',
        ),
        *("application/json; charset=utf8", "application/json; charset=us-ascii", "Application/JSON"),
        *("application/json;", "application/json; version=1", "application/json; Charset = utf-8"),
    ],
)
def test_a_body_in_utf_8_is_read_however_that_is_spelled(api, kind):
    assert api.post(BOOKINGS, BODY, headers={"Content-Type": kind}).status_code == 201


def test_a_second_charset_is_not_overlooked(api):
    answer = api.post(BOOKINGS, BODY, headers={"Content-Type": "application/json; charset=utf-8; charset=utf-16"})

    assert refused(answer) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (codecs.BOM_UTF8 + BODY, "it begins with a byte order mark"),
        (codecs.BOM_UTF16_LE + json.dumps(ORDER).encode("utf-16-le"), "it is not UTF-8"),
        (json.dumps({**ORDER, "é": 1}, ensure_ascii=False).encode("latin-1"), "it is not UTF-8"),
    ],
)
def test_a_body_that_is_not_plain_utf_8_is_told_why(api, body, why):
    answer = api.post(BOOKINGS, body)

    assert refused(answer) == (400, "invalid_request")
    assert answer.json()["error"]["explanation"] == f"The body is not valid JSON: {why}."
