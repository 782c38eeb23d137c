"""A booking that is made in the place of another one is an ordinary create with a link."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.lifecycle import CancelReason
from bookings.models import ArchivedBooking, Booking, IdempotencyRecord
from bookings.services.bookings.cancel import cancel_booking
from tests.support.api import BOOKINGS, refused, shown
from tests.support.archive import archive_all, long_ago
from tests.support.bookings import STAFF, a_saved_row

pytestmark = pytest.mark.django_db


def cancelled(api):
    """A booking that its customer has cancelled, as the API shows it."""
    return shown(api.cancel(shown(api.create())))


def test_a_cancelled_booking_can_be_booked_again_and_stays_as_it_is(api):
    old = cancelled(api)
    assert (old["availableActions"], old["replaces"]) == (["book_again"], None)

    answer = api.create(flightId=2, noOfSeats=1, replaces=old["id"])

    new = shown(answer)
    assert (answer.status_code, new["status"], new["flightId"], new["replaces"]) == (201, "initiated", 2, old["id"])
    assert shown(api.get(f"{BOOKINGS}/{new['id']}")) == new
    listed = shown(api.get(BOOKINGS))["results"]
    assert [(booking["id"], booking["replaces"]) for booking in listed] == [(new["id"], old["id"]), (old["id"], None)]
    assert shown(api.get(f"{BOOKINGS}/{old['id']}")) == old


@pytest.mark.parametrize("status", ["pending", "initiated", "booked"])
def test_nothing_is_decided_on_how_the_other_one_stands(api, status):
    old = a_saved_row(status, user_id=1001)

    assert shown(api.create(replaces=old.pk))["replaces"] == old.pk
    assert shown(api.create(replaces=old.pk))["replaces"] == old.pk  # nor on how often
    old.refresh_from_db()
    assert old.status == status


def test_another_users_booking_is_unknown_and_nothing_is_written(api, flights):
    foreign = a_saved_row(user_id=7)

    answers = [api.create(replaces=number, key=f"k{number}") for number in (foreign.pk, foreign.pk + 100, 2**53 - 1)]

    assert [refused(answer) for answer in answers] == [(404, "booking_not_found")] * 3
    bodies = [{**answer.json()["error"], "requestId": ""} for answer in answers]
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[0]["fields"] == {"replaces": "There is no such booking of this user."}
    assert (Booking.objects.count(), IdempotencyRecord.objects.count(), flights.arrived) == (1, 0, [])


@pytest.mark.parametrize("value", [0, -1, 2**53, "1", 1.5, None, True, [1], "K7QX4M2R"])
def test_what_is_no_id_is_refused_by_its_field(api, value):
    answer = api.create(replaces=value)

    assert refused(answer) == (400, "invalid_request")
    assert list(answer.json()["error"]["fields"]) == ["replaces"]


def test_the_link_is_part_of_what_a_key_stands_for(api):
    old, older = cancelled(api), cancelled(api)

    first = api.create(replaces=old["id"], key="k")

    assert (first.status_code, api.create(replaces=old["id"], key="k").content) == (201, first.content)
    for other in ({}, {"replaces": older["id"]}):
        assert refused(api.create(**other, key="k")) == (422, "idempotency_key_reused")


def test_one_of_the_archive_can_be_replaced_and_keeps_what_it_replaced(api, flights, payments, settings):
    settings.KEEP_MONTHS = 12
    first = cancelled(api)
    second = shown(api.create(replaces=first["id"]))
    cancel_booking(booking_id=second["id"], actor=STAFF, reason=CancelReason.DUPLICATE)
    foreign = shown(api.cancel(shown(api.create(userId=7))))
    long_ago(flights, payments)
    assert (archive_all(), ArchivedBooking.objects.count(), Booking.objects.count()) == (3, 3, 0)

    third = shown(api.create(replaces=second["id"]))

    assert third["replaces"] == second["id"]
    assert shown(api.get(f"{BOOKINGS}/{second['id']}"))["replaces"] == first["id"]
    assert refused(api.create(replaces=foreign["id"])) == (404, "booking_not_found")


def test_it_costs_one_statement_more_and_one_without_it_none(api):
    old = cancelled(api)

    def cost(**fields):
        with CaptureQueriesContext(connection) as captured:
            assert api.create(**fields).status_code == 201
        return len(captured)

    assert cost(replaces=old["id"]) == cost() + 1
