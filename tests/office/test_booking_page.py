"""The page of a booking: what became of seats and money, everything that happened, and what can be done now."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.db.clock import database_time
from bookings.lifecycle import CancelReason, Hold
from bookings.models import Booking, BookingEvent, Dispute
from bookings.models.payments import PaymentState
from bookings.models.seats.seat_call import SeatCallState
from bookings.services.bookings.cancel import cancel_booking
from tests.support.api import BOOKINGS
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_call_row,
    a_dispute_row,
    a_payment_row,
    a_saved_row,
    an_initiated_booking,
    one_pass,
)
from tests.support.people import a_person, desk_of, fields_of, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return desk_of(a_person(group="Support"))


def page_of(booking):
    return f"/admin/bookings/booking/{booking.pk}/change/"


def note_address(booking):
    return f"/admin/bookings/booking/{booking.pk}/note/"


@pytest.mark.slow
def test_seats_that_are_back_are_not_being_given_back_any_more(desk, flights, payments):
    booking = a_booked_booking(flights, payments)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)
    assert "Being given back" in text_of(desk.get(page_of(booking)))
    one_pass(flights, payments)

    text = text_of(desk.get(page_of(booking)))

    assert "Seats are back" in text
    assert "Being given back" not in text


@pytest.mark.slow
def test_it_tells_what_happened_in_the_order_of_time(desk, flights, payments):
    booking = a_booked_booking(flights, payments)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD, note="card was stolen")
    one_pass(flights, payments)

    text = text_of(desk.get(page_of(booking)))

    happened = [
        "Booking made by customer 1001",
        "Seats confirmed by Flight Service",
        "Payment started 4,000 XXX by payment gateway",
        "Money charged 4,000 XXX by payment gateway",
        "Paid and booked by",
        "Cancelled: fraud by staff anna",
        "card was stolen",
        "Seats sent back by Flight Service",
        "Seats are back by Flight Service",
        "Money refunded by system worker",
    ]
    timeline = text[text.index("Timeline") :]
    places = [timeline.find(line) for line in happened]
    assert places == sorted(places)
    assert -1 not in places


def give_back(**columns):
    return {"hold": Hold.GIVING_BACK, "give_back": a_call_row(**columns)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "columns", "sentence"),
    [
        ("initiated", dict, "Seats: 2 seats are held on flight 1."),
        ("pending", lambda: {"claims": 1}, "Seats: outcome unknown. The Flight Service was asked once"),
        ("pending", lambda: {"claims": 3}, "Seats: outcome unknown. The Flight Service was asked 3 times"),
        ("pending", lambda: {"hold": Hold.STUCK}, "Seats: it is not known whether they were taken."),
        ("cancelled", lambda: {"hold": Hold.DROPPED}, "Seats: none were taken."),
        ("cancelled", lambda: {"hold": Hold.GIVING_BACK}, "Seats: release pending, next try "),
        ("cancelled", give_back, "Seats: release pending, next try "),
        ("cancelled", lambda: give_back(state=SeatCallState.DEAD), "Seats: the release failed."),
        (
            "cancelled",
            lambda: give_back(state=SeatCallState.DONE, done_at=database_time()),
            "Seats: 2 seats went back at ",
        ),
    ],
    ids=["held", "asked once", "asking", "stuck", "dropped", "not sent", "open", "dead", "done"],
)
def test_it_says_in_a_sentence_what_became_of_the_seats(desk, status, columns, sentence):
    booking = a_saved_row(status, **columns())

    text = text_of(desk.get(page_of(booking)))

    assert sentence in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (None, "Money: nothing was paid."),
        (PaymentState.PROCESSING, "Money: a payment of 4,000 XXX has been under way since "),
        (PaymentState.SUCCEEDED, "Money: 4,000 XXX paid on "),
        (PaymentState.FAILED, "Money: the payment was not made, and cannot be any more; nothing was charged."),
        (PaymentState.REFUND_DUE, "Money: a refund of 4,000 XXX is due, next try "),
        (PaymentState.REFUNDED, "Money: 4,000 XXX refunded on "),
        (PaymentState.DEAD, "Money: the gateway never said whether the payment was charged. This needs a decision."),
    ],
)
def test_it_says_in_a_sentence_what_became_of_the_money(desk, state, sentence):
    booking = a_saved_row("initiated")
    if state is not None:
        a_payment_row(booking, state)

    text = text_of(desk.get(page_of(booking)))

    assert sentence in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "sentence", "state"),
    [
        (
            {"step": "payer"},
            "It waits for the payer, who may be at the page of their bank, until ",
            "Waits for the payer",
        ),
        ({"step": "bank"}, "The payer's bank decides.", "The bank decides"),
        ({"step": "closing"}, "It is being closed at the gateway, so that it cannot be paid any more", "Being closed"),
        (
            {"state": PaymentState.FAILED, "decline_code": "insufficient_funds"},
            "Money: the payment was declined (insufficient_funds); nothing was charged.",
            "Declined",
        ),
        ({"state": PaymentState.FAILED}, "cannot be any more", "Not paid"),
    ],
    ids=["payer", "bank", "closing", "declined", "failed"],
)
def test_it_says_whom_a_payment_waits_for_or_why_it_failed(desk, columns, sentence, state):
    payment = a_payment_row(a_saved_row("initiated"), **columns)

    shown = [
        text_of(desk.get(address))
        for address in (page_of(payment.booking), f"/admin/bookings/payment/{payment.pk}/change/")
    ]

    assert sentence in shown[0]
    assert [state in text for text in shown] == [True, True]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, ["must be answered at the gateway by ", "The money is gone already: a refund would pay it twice."]),
        ({"answer_by": None, "refundable": True}, ["The payer's bank decides.", "A refund ends it."]),
    ],
)
def test_a_dispute_is_said_wherever_money_may_go_back(columns, said):
    dispute = a_dispute_row(**columns)
    payment, booking = dispute.payment, dispute.payment.booking
    Booking.objects.filter(pk=booking.pk).update(active_payment_id=payment.pk)
    desk = desk_of(a_person(group="Supervisor"))
    pages = [
        page_of(booking),
        f"/admin/bookings/booking/{booking.pk}/cancel/",
        f"/admin/bookings/payment/{payment.pk}/refund/",
    ]

    shown = [desk.get(address) for address in pages]

    for page in shown:
        assert "Money: the payer has disputed 4,000 XXX since " in text_of(page)
        assert [each in text_of(page) for each in said] == [True, True]
        assert f"/admin/bookings/dispute/{dispute.pk}/change/" in page.content.decode()
    Dispute.objects.update(closed_at=database_time())
    assert ["disputed" in text_of(desk.get(address)) for address in pages] == [False] * 3


@pytest.mark.slow
def test_it_shows_prices_with_the_digits_of_their_currency(desk, flights, payments):
    flights.set_flight(1, price=611000, currency="INR")
    booking = a_booked_booking(flights, payments)

    text = text_of(desk.get(page_of(booking)))

    assert " 6,110.00 INR = 12,220.00 INR " in text
    assert "Money: 12,220.00 INR paid on " in text


def test_it_says_until_when_a_hold_can_be_paid(desk):
    now = database_time()
    booking = a_saved_row("initiated", created_at=now, expires_at=now + timedelta(minutes=6, seconds=50))

    text = text_of(desk.get(page_of(booking)))

    assert f"To be paid by {booking.expires_at:%H:%M}; 6 min left." in text


@pytest.mark.slow
def test_a_booking_that_is_over_says_why_it_cannot_be_cancelled(desk):
    booking = a_saved_row("cancelled")

    page = desk.get(page_of(booking))

    assert "It is cancelled already, and stays so." in text_of(page)
    assert f"/admin/bookings/booking/{booking.pk}/cancel/" not in page.content.decode()


@pytest.mark.slow
def test_whoever_may_only_look_is_told_which_right_is_missing(flights):
    booking = an_initiated_booking(flights)

    page = desk_of(a_person(group="Auditor")).get(page_of(booking))

    assert "Your rights do not cover it: can cancel bookings." in text_of(page)
    assert f"/admin/bookings/booking/{booking.pk}/cancel/" not in page.content.decode()
    assert "Keep the note" not in text_of(page)


@pytest.mark.slow
@pytest.mark.parametrize(("status", "hold", "looks_again"), [("pending", "asking", True), ("initiated", "held", False)])
def test_it_looks_again_by_itself_while_something_is_under_way(desk, status, hold, looks_again):
    booking = a_saved_row(status, hold=hold)

    page = desk.get(page_of(booking))

    assert ('data-refresh="3"' in page.content.decode()) is looks_again


@pytest.mark.slow
@pytest.mark.parametrize("address", ["0", "99999999", "99999999999999999999999", "x", "-1", "²"])
def test_a_booking_that_is_not_there_is_not_found(desk, address):
    assert desk.get(f"/admin/bookings/booking/{address}/change/").status_code == 404


@pytest.mark.slow
def test_it_costs_as_many_statements_with_a_long_story_as_with_a_short_one(desk, flights):
    short, long = an_initiated_booking(flights), a_saved_row("cancelled", **give_back())
    BookingEvent.objects.bulk_create(
        BookingEvent(booking=long, what="noted", actor_kind="staff", actor_name="anna", created_at=database_time())
        for _ in range(30)
    )
    for _ in range(3):
        a_payment_row(long, PaymentState.FAILED)
    desk.get(page_of(short))
    counts = []

    for booking in (short, long):
        with CaptureQueriesContext(connection) as captured:
            desk.get(page_of(booking))
        counts.append(len(captured))

    assert counts[0] == counts[1]


def test_it_names_what_it_replaces_and_what_replaces_it(desk):
    first = a_saved_row("cancelled", hold="refused")
    second, third = a_saved_row("booked", replaces_id=first.pk), a_saved_row(replaces_id=first.pk)
    gone = a_saved_row("cancelled", hold="refused", replaces_id=first.pk + 1_000)

    page = desk.get(page_of(first))
    newest_first = rf"Replaced by {third.reference} \S Awaiting payment {second.reference} \S Booked"
    assert re.search(newest_first, text_of(page))
    assert "Replaces" not in text_of(page)
    newer = desk.get(page_of(second))
    assert f"Replaces {first.reference}" in text_of(newer)
    assert f'href="{page_of(first)}"' in newer.content.decode()
    assert "Replaced by" not in text_of(newer)
    # Not in the tables, nor in the archive.
    assert f"Replaces {first.pk + 1_000}" in text_of(desk.get(page_of(gone)))


@pytest.mark.slow
def test_a_note_is_kept_with_its_author_and_request(desk, flights):
    booking = an_initiated_booking(flights)
    form = fields_of(desk.get(page_of(booking)))

    answer = desk.post(note_address(booking), {**form, "note": "Calls again at noon."}, follow=True)

    (event,) = BookingEvent.objects.filter(booking=booking)
    assert (event.what, event.actor_kind, event.actor_name) == ("noted", "staff", "anna")
    assert (event.note, event.request_id) == ("Calls again at noon.", "desk-1")
    assert "Calls again at noon." in text_of(answer)


@pytest.mark.slow
def test_a_note_that_is_sent_twice_is_kept_once(desk, flights):
    booking = an_initiated_booking(flights)
    form = fields_of(desk.get(page_of(booking)))

    for _ in range(2):
        desk.post(note_address(booking), {**form, "note": "Calls again at noon."})

    assert BookingEvent.objects.filter(booking=booking).count() == 1


@pytest.mark.slow
def test_a_note_without_words_is_refused_and_nothing_is_kept(desk, flights):
    booking = an_initiated_booking(flights)
    form = fields_of(desk.get(page_of(booking)))

    answer = desk.post(note_address(booking), {**form, "note": "  "})

    assert answer.status_code == 400
    assert "This field is required." in text_of(answer)
    assert BookingEvent.objects.filter(booking=booking).count() == 0


def test_the_address_of_notes_leads_to_the_form_after_a_log_in_in_between(desk, flights):
    booking = an_initiated_booking(flights)

    answer = desk.get(note_address(booking))

    assert (answer.status_code, answer.url) == (302, f"/admin/bookings/booking/{booking.pk}/change/")


@pytest.mark.slow
def test_a_note_from_a_broken_form_says_so_and_keeps_what_was_typed(desk, flights):
    booking = an_initiated_booking(flights)

    answer = desk.post(note_address(booking), {"note": "Calls again at noon."})

    assert answer.status_code == 400
    assert "This form is broken: open the page again." in text_of(answer)
    assert "Calls again at noon.</textarea>" in answer.content.decode()


@pytest.mark.slow
def test_a_note_is_shown_to_nobody_outside_the_back_office(desk, api, flights):
    booking = an_initiated_booking(flights)
    form = fields_of(desk.get(page_of(booking)))
    desk.post(note_address(booking), {**form, "note": "difficult customer"})

    answer = api.get(f"{BOOKINGS}/{booking.pk}/events")

    assert [line["what"] for line in answer.json()["data"]["results"]] == ["created", "held"]
    assert "difficult" not in answer.content.decode()


@pytest.mark.slow
def test_what_people_wrote_is_text_and_never_markup(desk, flights):
    booking = an_initiated_booking(flights)
    form = fields_of(desk.get(page_of(booking)))

    answer = desk.post(note_address(booking), {**form, "note": "<script>alert(1)</script>"}, follow=True)

    assert "<script>alert" not in answer.content.decode()
    assert "&lt;script&gt;alert(1)" in answer.content.decode()
