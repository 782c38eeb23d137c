"""manage.py cancel_booking: as support staff would."""

import getpass

import pytest
from django.core.management import CommandError, call_command

from bookings.models import Booking, Payment
from tests.support.bookings import a_booked_booking, an_initiated_booking, one_pass, pay
from tests.support.fakes import ChargeFault
from tests.support.invariants import assert_in_step

pytestmark = pytest.mark.django_db


@pytest.fixture
def cancel(flights, capsys):
    """Run the command and give what it printed."""

    def run_command(*arguments):
        call_command("cancel_booking", *arguments)
        return capsys.readouterr().out.strip()

    return run_command


def test_an_unpaid_booking_is_cancelled(cancel, flights, payments):
    booking = an_initiated_booking(flights)

    printed = cancel(booking.reference, "--reason", "duplicate")

    assert printed == f"{booking.reference} is cancelled (duplicate)."
    one_pass(flights, payments)
    assert flights.taken(1) == 0
    assert_in_step(flights)


@pytest.mark.slow
def test_a_paid_booking_is_cancelled_and_refunded(cancel, flights, payments):
    booking = a_booked_booking(flights, payments)

    cancel(booking.reference, "--reason", "flight_cancelled")

    assert Payment.objects.get().state == "refund_due"
    one_pass(flights, payments)
    assert_in_step(flights, payments)


def test_the_timeline_names_who_did_it_and_why(cancel, flights):
    booking = an_initiated_booking(flights)

    cancel(booking.reference, "--reason", "fraud", "--note", "reported by the bank")

    event = booking.events.get()
    assert (event.actor_kind, event.actor_name) == ("staff", f"{getpass.getuser()} (command line)")
    assert (event.reason, event.note) == ("fraud", "reported by the bank")


def test_a_note_that_is_too_long_is_refused_and_not_cut(cancel, flights):
    booking = an_initiated_booking(flights)

    with pytest.raises(CommandError, match=r"^--note has 501 characters; 500 fit\.$"):
        cancel(booking.reference, "--reason", "fraud", "--note", "n" * 501)

    assert Booking.objects.get().status == "initiated"


@pytest.mark.parametrize("gap", ["", " ", "-", "\u2013", "\u00a0"])
def test_a_reference_is_understood_as_it_is_read_out(cancel, flights, gap):
    booking = an_initiated_booking(flights)
    Booking.objects.filter(pk=booking.pk).update(reference="QD7T4XKZ")

    printed = cancel(f" qd7t{gap}4xkz ", "--reason", "other")

    assert printed == "QD7T4XKZ is cancelled (other)."


def test_a_booking_whose_payment_is_running_is_cancelled_afterwards(cancel, flights, payments):
    booking = an_initiated_booking(flights)
    payments.fail_next(ChargeFault.UNKNOWN)
    pay(booking, payments)

    printed = cancel(booking.reference, "--reason", "fraud")

    assert printed == f"{booking.reference} will be cancelled as soon as its payment has ended."
    assert Booking.objects.get().cancel_requested is True


def test_cancelling_twice_is_said_in_the_same_words(cancel, flights):
    booking = an_initiated_booking(flights)
    first = cancel(booking.reference, "--reason", "other")

    second = cancel(booking.reference, "--reason", "fraud")

    assert second == first
    assert booking.events.count() == 1


@pytest.mark.parametrize("reference", ["ZZZZZZ", "ZZZZZZZZ", "", "x", "K7QX4M' OR 1=1"])
def test_an_unknown_reference_is_refused(cancel, reference):
    with pytest.raises(CommandError, match="There is no such booking") as refused:
        cancel(reference, "--reason", "other")

    assert refused.value.returncode == 1


@pytest.mark.parametrize("arguments", [[], ["--reason", "expired"], ["--reason", "no_seats"], ["--reason", "x"]])
def test_a_reason_is_one_that_staff_may_give(cancel, flights, arguments):
    booking = an_initiated_booking(flights)

    with pytest.raises(CommandError, match="--reason"):
        cancel(booking.reference, *arguments)

    assert Booking.objects.get().status == "initiated"
