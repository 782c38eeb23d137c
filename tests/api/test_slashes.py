"""Every address of the API answers with a slash at its end too, exactly as without."""

import pytest

from bookings.models import Booking
from tests.support.api import BOOKINGS, PAYMENTS, refused, shown

pytestmark = pytest.mark.django_db


def same(answer):
    """An answer but for what names its request."""
    left_out = ("X-Request-ID", "Date")
    return answer.status_code, answer.content, {k: v for k, v in answer.headers.items() if k not in left_out}


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [BOOKINGS, f"{BOOKINGS}/{{}}", f"{BOOKINGS}/{{}}/events", f"{BOOKINGS}/{{}}/payments", "/api/v1/info"]
)
@pytest.mark.parametrize("query", ["", "?limit=1"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_is_the_same_with_a_slash(api, path, query, method):
    booking = shown(api.create())
    api.create()
    path = path.format(booking["id"])

    bare, slashed = (api.client.generic(method, path + slash + query) for slash in ("", "/"))

    assert bare.status_code in (200, 400)
    assert same(slashed) == same(bare)


@pytest.mark.parametrize("path", ["/api/v1/openapi.json", "/api/v1/docs"])
def test_the_description_is_the_same_with_a_slash(api, path):
    slashed = api.get(f"{path}/")

    assert slashed.status_code == 200
    assert slashed.content == api.get(path).content


def test_booking_paying_and_cancelling_need_no_redirect(api):
    booking = shown(api.post(f"{BOOKINGS}/", {"flightId": 1, "userId": 1001, "noOfSeats": 1}))
    other = shown(api.create())
    price = {"bookingId": booking["id"], "userId": 1001, "totalCost": booking["totalCost"]}

    paid = api.post(f"{PAYMENTS}/", price, key="k")
    cancelled = api.post(f"{BOOKINGS}/{other['id']}/cancel/", {"userId": 1001})

    assert (paid.status_code, cancelled.status_code) == (201, 200)
    assert set(Booking.objects.values_list("status", flat=True)) == {"booked", "cancelled"}


def test_one_key_with_and_without_a_slash_is_one_booking(api):
    made = api.create(key="k")

    again = api.post(f"{BOOKINGS}/", {"flightId": 1, "userId": 1001, "noOfSeats": 2}, key="k")

    assert same(again)[:2] == same(made)[:2]
    assert Booking.objects.count() == 1


def test_the_pages_of_a_list_link_to_addresses_without_a_slash(api):
    for _ in range(2):
        api.create()

    page = shown(api.get(f"{BOOKINGS}/", {"limit": "1"}))

    assert page["next"].startswith(f"http://testserver{BOOKINGS}?")


@pytest.mark.slow
@pytest.mark.parametrize("path", [f"{BOOKINGS}/abc/", f"{BOOKINGS}/0/", f"{BOOKINGS}/987654321/"])
def test_an_unknown_booking_is_one_with_a_slash_too(api, path):
    assert refused(api.get(path)) == (404, "booking_not_found")


def test_a_method_that_is_not_there_is_405_with_a_slash_too(api):
    answer = api.client.generic("DELETE", f"{BOOKINGS}/")

    assert refused(answer) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST, HEAD, OPTIONS"


def test_the_description_names_each_address_once(api):
    paths = api.get("/api/v1/openapi.json").json()["paths"]

    assert [path for path in paths if path.endswith("/")] == []
