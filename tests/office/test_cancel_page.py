"""Cancelling in the back office: it says first what it will do, and does it once, to what was seen."""

from datetime import timedelta

import pytest

from bookings.db.clock import database_time
from bookings.lifecycle import CancelReason
from bookings.models import Booking, BookingEvent
from bookings.services.bookings.cancel import cancel_booking
from tests.support.bookings import (
    a_booked_booking,
    a_payment_row,
    a_pending_booking,
    a_saved_row,
    an_initiated_booking,
    customer,
    one_pass,
    pay,
)
from tests.support.calls import a_stuck_reservation
from tests.support.fakes import ChargeFault, Fault
from tests.support.invariants import assert_in_step
from tests.support.people import a_person, desk_of, fields_of, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return desk_of(a_person(group="Support"))


def cancel_address(booking):
    return f"/admin/bookings/booking/{booking.pk}/cancel/"


def cancellations(booking):
    return list(BookingEvent.objects.filter(booking=booking, what="cancelled"))


def test_it_says_what_will_happen_to_an_unpaid_booking(desk, flights):
    booking = an_initiated_booking(flights)

    text = text_of(desk.get(cancel_address(booking)))

    assert "2 seats go back to flight 1, usually within seconds." in text
    assert "Nothing was paid, so nothing is refunded." in text
    assert "It cannot be undone." in text


@pytest.mark.slow
def test_it_says_what_will_be_refunded(desk, flights, payments):
    booking = a_booked_booking(flights, payments)

    text = text_of(desk.get(cancel_address(booking)))

    assert "4,000 XXX is refunded to the customer." in text


@pytest.mark.slow
def test_it_says_that_the_seats_are_not_known_yet(desk, flights):
    booking = a_pending_booking(flights)

    text = text_of(desk.get(cancel_address(booking)))

    assert "It is not known yet whether the Flight Service has given the seats." in text


@pytest.mark.slow
def test_it_says_that_the_seats_wait_for_a_decision(desk):
    text = text_of(desk.get(cancel_address(a_stuck_reservation())))

    assert "Staff must decide whether the Flight Service has given the seats." in text


def test_it_says_that_the_seats_were_not_asked_for_yet(desk):
    booking = a_saved_row("pending", claims=0)

    text = text_of(desk.get(cancel_address(booking)))

    assert "The Flight Service was not asked for the seats yet, and will not be." in text


@pytest.mark.slow
def test_it_warns_that_the_window_closes_in_a_moment_anyway(desk):
    now = database_time()
    booking = a_saved_row("initiated", created_at=now, expires_at=now + timedelta(seconds=20.9))

    text = text_of(desk.get(cancel_address(booking)))

    assert "The payment window closes in 20 s anyway." in text or "The payment window closes in 19 s anyway." in text


@pytest.mark.slow
def test_it_warns_that_the_customer_is_paying(desk, flights, payments):
    booking = an_initiated_booking(flights)
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    pay(booking, payments)

    text = text_of(desk.get(cancel_address(booking)))

    assert "A payment is running: the customer is paying right now." in text
    assert "The booking is cancelled as soon as its running payment has ended" in text


@pytest.mark.slow
def test_it_cancels_and_leaves_one_event_that_says_who_and_why(desk, flights, payments):
    booking = an_initiated_booking(flights)
    form = fields_of(desk.get(cancel_address(booking)))

    answer = desk.post(cancel_address(booking), {**form, "reason": "duplicate", "note": "by phone"}, follow=True)

    booking.refresh_from_db()
    assert (booking.status, booking.cancel_reason) == ("cancelled", "duplicate")
    (event,) = cancellations(booking)
    assert (event.actor_kind, event.actor_name, event.reason) == ("staff", "anna", "duplicate")
    assert (event.note, event.request_id) == ("by phone", "desk-1")
    assert f"{booking.reference} is cancelled." in text_of(answer)
    one_pass(flights, payments)
    assert_in_step(flights, payments)


@pytest.mark.slow
def test_a_paid_booking_is_cancelled_with_a_refund_on_record(desk, flights, payments):
    booking = a_booked_booking(flights, payments)
    form = fields_of(desk.get(cancel_address(booking)))

    answer = desk.post(cancel_address(booking), {**form, "reason": "customer_request", "note": ""}, follow=True)

    assert "Money: a refund of 4,000 XXX is due" in text_of(answer)
    one_pass(flights, payments)
    assert payments.net_charges(booking.reference) == 0
    assert_in_step(flights, payments)


@pytest.mark.slow
def test_the_flight_service_being_down_does_not_stop_it(desk, flights, payments):
    booking = an_initiated_booking(flights)
    form = fields_of(desk.get(cancel_address(booking)))
    flights.fail_next(*[Fault.REFUSE_CONNECTION] * 10)

    answer = desk.post(cancel_address(booking), {**form, "reason": "customer_request", "note": ""}, follow=True)
    one_pass(flights, payments)

    assert "Seats: release pending, next try " in text_of(answer)
    later = text_of(desk.get(f"/admin/bookings/booking/{booking.pk}/change/"))
    assert "Seats: release pending, next try " in later


@pytest.mark.slow
def test_while_a_payment_runs_its_end_decides(desk, flights, payments):
    booking = an_initiated_booking(flights)
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    pay(booking, payments)
    form = fields_of(desk.get(cancel_address(booking)))

    answer = desk.post(cancel_address(booking), {**form, "reason": "fraud", "note": "stolen card"}, follow=True)

    booking.refresh_from_db()
    assert (booking.status, booking.cancel_requested) == ("initiated", True)
    assert f"{booking.reference} will be cancelled as soon as its payment has ended." in text_of(answer)
    assert "It has been asked for; the running payment decides." in text_of(answer)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"reason": "", "note": "by phone"}, "This field is required."),
        ({"reason": "other", "note": " "}, "Say in a few words what the reason is."),
        ({"reason": "expired", "note": "by phone"}, "Select a valid choice."),
        ({"reason": "fraud", "note": "x" * 501}, "at most 500 characters"),
    ],
    ids=["no reason", "other without a note", "not a reason of people", "long note"],
)
def test_what_is_missing_is_said_and_what_was_typed_is_kept(desk, flights, said, message):
    booking = an_initiated_booking(flights)
    form = fields_of(desk.get(cancel_address(booking)))

    answer = desk.post(cancel_address(booking), {**form, **said})

    assert answer.status_code == 400
    assert message in text_of(answer)
    assert said["note"].strip() in text_of(answer)
    booking.refresh_from_db()
    assert booking.status == "initiated"


@pytest.mark.slow
def test_a_stale_page_changes_nothing_and_shows_what_changed_and_by_whom(desk, flights, payments):
    booking = an_initiated_booking(flights)
    form = fields_of(desk.get(cancel_address(booking)))
    pay(booking, payments)

    answer = desk.post(cancel_address(booking), {**form, "reason": "other", "note": "typed with care"})

    booking.refresh_from_db()
    assert (answer.status_code, booking.status) == (409, "booked")
    text = text_of(answer)
    assert "Nothing was changed: the booking has changed since this page was shown." in text
    assert "Paid and booked by customer 1001" in text
    assert "typed with care" in text
    assert "4,000 XXX is refunded to the customer." in text
    assert "Booking made" not in text


@pytest.mark.slow
def test_a_stale_page_of_a_booking_that_is_over_offers_to_keep_the_words_as_a_note(desk, flights):
    booking = an_initiated_booking(flights)
    form = fields_of(desk.get(cancel_address(booking)))
    cancel_booking(booking_id=booking.pk, actor=customer(), reason=CancelReason.CUSTOMER_REQUEST)

    answer = desk.post(cancel_address(booking), {**form, "reason": "other", "note": "typed with care"})

    assert answer.status_code == 409
    assert "Cancelled: customer request by customer 1001" in text_of(answer)
    assert "typed with care" in text_of(answer)
    assert "Keep it as a note" in text_of(answer)
    assert len(cancellations(booking)) == 1


@pytest.mark.slow
def test_after_a_stale_page_the_next_click_decides_on_what_is_shown_now(desk, flights, payments):
    booking = an_initiated_booking(flights)
    form = fields_of(desk.get(cancel_address(booking)))
    pay(booking, payments)
    stale = desk.post(cancel_address(booking), {**form, "reason": "fraud", "note": "stolen card"})

    desk.post(cancel_address(booking), {**fields_of(stale), "reason": "fraud", "note": "stolen card"})

    booking.refresh_from_db()
    assert booking.status == "cancelled"


@pytest.mark.slow
def test_the_same_page_sent_twice_has_one_effect_and_both_answers_say_so(desk, flights):
    booking = an_initiated_booking(flights)
    form = {**fields_of(desk.get(cancel_address(booking))), "reason": "duplicate", "note": ""}

    answers = [desk.post(cancel_address(booking), form, follow=True) for _ in range(2)]

    assert len(cancellations(booking)) == 1
    assert all(f"{booking.reference} is cancelled." in text_of(answer) for answer in answers)


def test_a_booking_that_is_cancelled_offers_nothing_to_cancel(desk):
    booking = a_saved_row("cancelled")

    answer = desk.get(cancel_address(booking))

    assert "It is cancelled already: there is nothing to do here." in text_of(answer)
    assert 'name="reason"' not in answer.content.decode()


@pytest.mark.slow
@pytest.mark.parametrize("unfit", [{"seen_version": "x"}, {"seen_at": "yesterday"}, {"action_key": ""}], ids=str)
def test_a_form_without_its_hidden_fields_changes_nothing(desk, flights, unfit):
    booking = an_initiated_booking(flights)
    form = fields_of(desk.get(cancel_address(booking)))

    answer = desk.post(cancel_address(booking), {**form, **unfit, "reason": "fraud", "note": ""})

    assert answer.status_code == 400
    assert "This form is broken: open the page again." in text_of(answer)
    assert Booking.objects.get().status == "initiated"


@pytest.mark.slow
def test_looking_at_the_page_changes_nothing(desk, flights, payments):
    booking = an_initiated_booking(flights)
    a_payment_row(a_saved_row("initiated"))
    before = Booking.objects.values().get(pk=booking.pk)

    desk.get(cancel_address(booking))

    assert Booking.objects.values().get(pk=booking.pk) == before
