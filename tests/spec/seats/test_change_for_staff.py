"""Staff give a booking other seats: the same exchange as a client's, from a page that has a version and a key."""

import functools

import pytest

from bookings.answers.results import AlreadyDone, Refused, SeatChangePending, SeatsChanged
from bookings.errors import BookingChanged, IdempotencyKeyReused
from bookings.models import Booking, BookingEvent, IdempotencyRecord
from bookings.services.seats.change_for_staff import change_seats_for_staff
from tests.support.bookings import STAFF, an_initiated_booking
from tests.support.exchanges import exchanged, rows, take_there
from tests.support.fakes import Fault

pytestmark = pytest.mark.django_db


@pytest.fixture
def booking(flights, settings):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    flights.number_seats()
    return an_initiated_booking(flights, numbers=("2A", "2B"))


@pytest.fixture
def change(flights, booking):
    """Change the seats of the booking as it was when its page was opened."""
    return functools.partial(
        change_seats_for_staff,
        booking_id=booking.pk,
        actor=STAFF,
        note="",
        flights=flights,
        seen_version=booking.version,
    )


def lines(booking):
    events = BookingEvent.objects.filter(booking=booking, actor_kind="staff").order_by("pk")
    return list(events.values_list("what", "actor_name", "note"))


def test_seats_are_exchanged_once_and_the_timeline_says_who_and_why(flights, booking, change):
    wanted = {"numbers": ["4D", "2A"], "note": "wants the aisle", "action_key": "k"}

    first, second = change(**wanted), change(**wanted)

    assert (type(first), type(second)) == (SeatsChanged, AlreadyDone)
    assert (exchanged(flights), rows()) == ([(("4D",), 1, ("2B",))], ["2A", "4D"])
    name = STAFF.name
    assert lines(booking) == [("noted", name, "wants the aisle"), ("seats_changed", name, "2A,2B → 2A,4D")]
    with pytest.raises(IdempotencyKeyReused):
        change(numbers=["4C", "2A"], action_key="k")


def test_a_page_that_is_out_of_date_changes_nothing(booking, change):
    change(numbers=["2A", "4D"], action_key="k")

    with pytest.raises(BookingChanged):
        change(numbers=["2A", "4C"], note="typed", action_key="l")

    assert rows() == ["2A", "4D"]
    assert [what for what, *_ in lines(booking)] == ["seats_changed"]
    assert IdempotencyRecord.objects.filter(endpoint="office seats").count() == 1


def test_what_the_flight_service_refuses_or_does_not_answer_is_said(flights, booking, change):
    take_there(flights, "4D")
    refused = change(numbers=["2A", "4D"], note="wants the aisle", action_key="k")
    booking = Booking.objects.get()
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    pending = change(numbers=["2A", "4C"], action_key="l", seen_version=booking.version)

    assert isinstance(refused, Refused)
    assert refused.problem.seats == {"4D": "taken"}
    assert isinstance(pending, SeatChangePending)
    assert [what for what, *_ in lines(booking)] == ["noted"]
