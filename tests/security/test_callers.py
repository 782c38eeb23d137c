"""Who a caller is, and what that makes of its requests."""

import pytest

from bookings import wiring
from bookings.actor import Scope
from bookings.gateways.user_service.signing_keys import AnyOf, KeySet, SharedSecrets
from bookings.models import Booking, BookingEvent
from tests.support.api import BOOKINGS, refused, shown
from tests.support.callers import CallerApi, a_service_key, a_token

SECRET = "a secret that the user service and this one share"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("token_auth", "flights")]


@pytest.fixture
def customer():
    return CallerApi(a_token(1001))


@pytest.fixture
def service(db):
    return CallerApi(a_service_key(name="gate agent"))


def test_the_token_says_whose_booking_it_is(customer):
    answer = customer.post(BOOKINGS, {"flightId": 1, "noOfSeats": 2})

    assert answer.status_code == 201
    assert shown(answer)["userId"] == 1001


def test_a_body_may_name_the_user_of_the_token(customer):
    assert customer.create(userId=1001).status_code == 201


def test_a_body_that_names_another_user_is_refused(customer):
    answer = customer.create(userId=1002)

    assert refused(answer) == (400, "user_mismatch")
    assert Booking.objects.count() == 0


def test_leaving_the_user_out_is_the_same_request_to_a_key(customer):
    first = customer.create(userId=1001, key="k")
    second = customer.post(BOOKINGS, {"flightId": 1, "noOfSeats": 2}, key="k")

    assert second.content == first.content
    assert second.headers["Idempotent-Replayed"] == "true"


def test_a_service_must_name_the_user(service):
    answer = service.post(BOOKINGS, {"flightId": 1, "noOfSeats": 2})

    assert refused(answer) == (400, "invalid_request")
    assert list(answer.json()["error"]["fields"]) == ["userId"]


def test_what_a_service_does_is_on_record_under_its_name(service):
    booking = shown(service.create(userId=7))
    service.cancel(booking, reason="called the gate")

    timeline = shown(service.get(f"{BOOKINGS}/{booking['id']}/events"))["results"]
    assert booking["userId"] == 7
    assert [(line["what"], line["who"]) for line in timeline] == [
        ("created", {"kind": "service", "name": "gate agent"}),
        ("held", {"kind": "system", "name": "flight service"}),
        ("cancelled", {"kind": "service", "name": "gate agent"}),
    ]


def test_a_customer_is_not_told_the_names_and_notes_of_those_who_work_here(customer, service):
    booking = shown(customer.create())
    row = Booking.objects.get()
    BookingEvent.objects.create(
        booking=row,
        what="cancel_requested",
        actor_kind="staff",
        actor_name="anna",
        note="sounds like fraud",
        created_at=row.created_at,
    )
    customer.cancel(booking, reason="my plans changed")
    address = f"{BOOKINGS}/{booking['id']}/events"

    own, all_of_it = (shown(caller.get(address))["results"] for caller in (customer, service))

    assert [(line["who"]["name"], line["note"]) for line in own] == [
        ("1001", None),
        ("flight service", None),
        ("", None),
        ("1001", "my plans changed"),
    ]
    assert ("anna", "sounds like fraud") in [(line["who"]["name"], line["note"]) for line in all_of_it]


def test_one_key_of_two_callers_is_two_keys(customer, service):
    other = CallerApi(a_token(1002))
    first = customer.create(key="k")

    answers = [other.create(userId=1002, key="k"), service.create(key="k")]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert Booking.objects.count() == 3
    assert all("Idempotent-Replayed" not in answer.headers for answer in [first, *answers])


def test_a_list_shows_a_customer_its_own_and_a_service_all(customer, service):
    customer.create()
    CallerApi(a_token(1002)).create(userId=1002)

    def users(caller, **query):
        return [row["userId"] for row in shown(caller.get(BOOKINGS, query))["results"]]

    assert users(customer) == [1001]
    assert users(customer, userId=1002) == []
    assert users(service) == [1002, 1001]


def test_a_scope_that_is_missing_is_named(db):
    reader = CallerApi(a_service_key(Scope.BOOKINGS_READ))

    answer = reader.create()

    assert refused(answer) == (403, "forbidden")
    assert answer.json()["error"]["explanation"] == "This needs the scope bookings:write."
    assert (
        answer.headers["WWW-Authenticate"]
        == 'Bearer realm="bookings", error="insufficient_scope", scope="bookings:write"'
    )


def test_without_a_token_the_answer_says_how_to_send_one(db):
    answer = CallerApi(None).create()

    assert refused(answer) == (401, "token_missing")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="bookings"'


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Basic YWRtaW46YWRtaW4=", "token_missing"),
        ("Bearer", "token_missing"),
        ("Token abc", "token_missing"),
        ("Bearer  ", "token_invalid"),
        ("fbs_1_2", "token_missing"),
    ],
)
def test_no_other_way_to_authenticate_is_known(db, header, code):
    answer = CallerApi(None).create(headers={"Authorization": header})

    assert refused(answer) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="bookings"')


def test_a_key_set_that_cannot_be_had_does_not_keep_out_who_needs_none_of_it(monkeypatch):
    def nobody_answers():
        raise OSError

    sources = AnyOf([SharedSecrets([SECRET]), KeySet(nobody_answers)])
    monkeypatch.setattr(wiring, "signing_keys", lambda: sources)
    with_key_id = {"kid": "of the shared secret"}

    by_secret = CallerApi(a_token(secret=SECRET, headers=with_key_id)).get(BOOKINGS)
    forged = CallerApi(a_token(secret="x" * 32, headers=with_key_id)).get(BOOKINGS)

    assert by_secret.status_code == 200
    assert refused(forged) == (401, "token_invalid")
