"""What the database refuses of exchanges of seats, and of bookings whose seats are exchanged."""

import pytest
from django.db import IntegrityError, transaction

from bookings.db.clock import database_time
from bookings.models import Booking, SeatExchange
from tests.support.bookings import a_call_row, a_saved_row, an_exchange_row

pytestmark = pytest.mark.django_db


def refusal(change):
    """The name of the constraint by which the database refuses a change, as far as it tells."""
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        change()
    return str(refused.value)


def test_an_exchange_that_contradicts_itself_is_refused():
    booking = a_saved_row("initiated", no_of_seats=2, seat_numbers="2A,2B")
    exchange = an_exchange_row(booking)
    rows = SeatExchange.objects.filter(pk=exchange.pk)

    for columns, constraint in (
        ({"state": "lost", "open_booking_id": None, "next_at": None}, "seat_exchange_state_known"),
        ({"open_booking_id": None}, "seat_exchange_open_names_its_booking"),
        ({"open_booking_id": booking.pk + 1}, "seat_exchange_open_names_its_booking"),
        ({"state": "done", "next_at": None}, "seat_exchange_open_names_its_booking"),
        ({"next_at": None}, "seat_exchange_asking_has_a_time"),
        ({"state": "stuck"}, "seat_exchange_asking_has_a_time"),
        ({"take_numbers": "2C"}, "seat_exchange_takes_as_many_as_it_gives"),
        ({"give_numbers": "2A"}, "seat_exchange_takes_as_many_as_it_gives"),
    ):
        assert constraint in refusal(lambda columns=columns: rows.update(**columns)), columns
    rows.update(give_numbers="")  # seats that were counted
    rows.update(state="done", open_booking_id=None, next_at=None)


def test_no_two_exchanges_share_a_key_and_a_booking_has_one_that_is_open():
    booking = a_saved_row("initiated", no_of_seats=2)
    first = an_exchange_row(booking)

    assert "open_booking_id" in refusal(lambda: an_exchange_row(booking))
    SeatExchange.objects.update(state="refused", open_booking_id=None, next_at=None)
    assert "key" in refusal(lambda: an_exchange_row(booking, call_key=first.call_key))
    an_exchange_row(booking)


def test_seats_that_are_exchanged_are_in_no_release():
    owed = a_saved_row("cancelled", hold="giving_back", no_of_seats=2, next_at=database_time(), wanted_seats="2A,2B")
    rows = Booking.objects.filter(pk=owed.pk)
    call = a_call_row()

    for columns in (
        {"give_back": call, "next_at": None},
        {"wanted_seats": "2A"},
        {"hold": "refused", "next_at": None},
    ):
        said = refusal(lambda columns=columns: rows.update(**columns))
        assert "booking_seats_go_back_once_it_is_known_which" in said
