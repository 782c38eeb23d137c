"""GET /bookings/{id}/events: who did what, when and why, oldest first."""

import pytest

from bookings.actor import Cause
from bookings.db.clock import database_time
from bookings.lifecycle import CancelReason
from bookings.models import Booking
from bookings.models.bookings.booking_event import EventKind
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.shared.transitions import note_event
from tests.support.api import refused, shown
from tests.support.bookings import STAFF, a_pending_booking, let_time_pass, one_pass
from tests.support.fakes import ChargeFault

pytestmark = pytest.mark.django_db


def timeline(api, booking):
    return shown(api.get(f"/api/v1/bookings/{booking['id']}/events"))["results"]


def brief(lines):
    return [(line["what"], line["who"]["kind"], line["from"], line["to"], line["why"]) for line in lines]


@pytest.mark.slow
def test_the_life_of_a_booking_that_is_paid_and_refunded(api, flights, payments):
    booking = shown(api.create())
    payments.fail_next(ChargeFault.DECLINE)
    api.pay(booking)
    api.pay(booking)
    cancel_booking(booking_id=booking["id"], actor=STAFF, reason=CancelReason.FLIGHT_CANCELLED, note="fog in Delhi")
    one_pass(flights, payments)

    lines = timeline(api, booking)

    assert brief(lines) == [
        ("created", "customer", None, "pending", None),
        ("held", "system", "pending", "initiated", None),
        ("payment_failed", "customer", None, None, None),
        ("booked", "customer", "initiated", "booked", None),
        ("cancelled", "staff", "booked", "cancelled", "flight_cancelled"),
        ("refunded", "system", None, None, None),
    ]
    assert [line["note"] for line in lines] == [
        None,
        None,
        "insufficient_funds",
        None,
        "fog in Delhi",
        None,
    ]
    assert lines[4]["who"] == {"kind": "staff", "name": "anna"}


def test_a_booking_that_expires(api, flights, payments):
    booking = shown(api.create())
    let_time_pass(minutes=15)
    one_pass(flights, payments)

    assert brief(timeline(api, booking)) == [
        ("created", "customer", None, "pending", None),
        ("held", "system", "pending", "initiated", None),
        ("cancelled", "system", "initiated", "cancelled", "expired"),
    ]


def test_a_booking_that_waits_for_its_seats(api, flights):
    booking = a_pending_booking(flights)

    assert brief(timeline(api, vars(booking))) == [("created", "customer", None, "pending", None)]


def test_each_line_names_the_request_that_caused_it(api):
    booking = shown(api.create(headers={"X-Request-ID": "make-it"}))
    api.pay(booking, headers={"X-Request-ID": "pay-it"})

    assert [line["requestId"] for line in timeline(api, booking)] == ["make-it", "make-it", "pay-it"]


def test_the_times_are_those_of_the_booking(api):
    booking = shown(api.create())

    lines = timeline(api, booking)

    assert [line["when"] for line in lines] == [booking["createdAt"], booking["updatedAt"]]


def test_a_booking_does_not_show_the_events_of_another(api):
    booking = shown(api.create())
    other = shown(api.create(userId=2))
    api.cancel(other)

    assert [line["what"] for line in timeline(api, booking)] == ["created", "held"]


def test_an_unknown_booking_has_no_timeline(api):
    assert refused(api.get("/api/v1/bookings/987654321/events")) == (404, "booking_not_found")


def test_a_change_that_is_refused_leaves_no_line(api):
    booking = shown(api.create())
    api.pay(booking, totalCost=1)
    api.cancel(booking, userId=99)

    assert Booking.objects.get().events.count() == 0


def test_what_staff_write_down_for_one_another_is_shown_to_nobody(api):
    booking = shown(api.create())
    note_event(Booking.objects.get(), EventKind.NOTED, Cause(STAFF, note="rude on the phone"), now=database_time())

    assert [line["what"] for line in timeline(api, booking)] == ["created", "held"]
