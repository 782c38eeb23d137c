"""GET /bookings/{id or reference}: what a customer reads out names a booking as well as its id does."""

import pytest

from tests.support.api import BOOKINGS, refused, shown
from tests.support.bookings import a_saved_row
from tests.support.callers import CallerApi, a_token

pytestmark = pytest.mark.django_db

SPELLINGS = pytest.mark.parametrize(
    "spell", [str, str.lower, lambda text: f"{text[:4]}-{text[4:]}", lambda text: f"%20{text[:3]}%20{text[3:]}%20"]
)


@SPELLINGS
@pytest.mark.parametrize("path", ["", "/events"])
def test_a_reference_reads_what_the_id_reads(api, spell, path):
    a_saved_row(), (booking := a_saved_row()), a_saved_row()

    by_id = api.get(f"{BOOKINGS}/{booking.pk}{path}")
    by_reference = api.get(f"{BOOKINGS}/{spell(booking.reference)}{path}")

    assert (by_reference.status_code, shown(by_reference)) == (200, shown(by_id))
    assert by_reference.headers.get("ETag") == by_id.headers.get("ETag")


@pytest.mark.parametrize(
    "text", ["BCDFGHJK", "BCDFGHJ", "BCDFGHJKM", "PAYMENTS", "nothing", "%00BCDFGHJ", "ßßßß", "%EF%BC%91", "B" * 3000]
)
@pytest.mark.parametrize("path", ["", "/events"])
def test_what_names_no_booking_is_not_found(api, text, path):
    a_saved_row()

    assert refused(api.get(f"{BOOKINGS}/{text}{path}")) == (404, "booking_not_found")


@pytest.mark.parametrize("path", ["", "/events"])
def test_another_customers_reference_is_answered_as_one_that_is_not_there(token_auth, path):
    booking = a_saved_row(user_id=1001)
    owner, other = CallerApi(a_token(1001)), CallerApi(a_token(1002))

    answers = [other.get(f"{BOOKINGS}/{name}{path}") for name in (booking.reference, "BCDFGHJK", booking.pk)]
    for answer in answers:
        content = answer.json()
        del content["error"]["requestId"]
        assert (answer.status_code, content) == (404, answers[0].json() | {"error": content["error"]})
    assert owner.get(f"{BOOKINGS}/{booking.reference}{path}").status_code == 200


def test_a_tag_guards_a_read_by_reference_too(api):
    booking, other = a_saved_row(version=3), a_saved_row(version=3)
    path = f"{BOOKINGS}/{booking.reference}"

    assert api.get(path, **{"If-Match": f'"{booking.pk}.3"'}).status_code == 200
    assert refused(api.get(path, **{"If-Match": f'"{booking.pk}.2"'})) == (412, "booking_changed")
    assert refused(api.get(path, **{"If-Match": f'"{other.pk}.3"'})) == (412, "booking_changed")
    assert refused(api.get(path, **{"If-Match": "nonsense"})) == (400, "invalid_request")


@pytest.mark.parametrize("method", ["cancel", "pay"])
def test_what_changes_a_booking_names_its_id(api, method):
    booking = a_saved_row()
    named = {"id": booking.reference, "userId": 1001, "totalCost": 4000}

    answer = api.cancel(named) if method == "cancel" else api.pay(named)

    assert refused(answer) in [(404, "booking_not_found"), (400, "invalid_request")]
