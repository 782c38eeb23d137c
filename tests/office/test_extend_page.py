"""The page on which staff give a customer longer to pay."""

import re
from datetime import timedelta

import pytest

from bookings.db.clock import database_time
from bookings.lifecycle import CancelReason
from bookings.models import Booking, BookingEvent
from bookings.services.bookings.cancel import cancel_booking
from tests.support.bookings import STAFF, a_payment_row, a_saved_row, an_initiated_booking, let_time_pass
from tests.support.people import a_person, desk_of, fields_of, text_of

pytestmark = pytest.mark.django_db


def page_of(booking, name="extend"):
    return f"/admin/bookings/booking/{booking.pk}/{name}/"


@pytest.fixture
def desk():
    return desk_of(a_person(group="Support"))


def test_three_clicks_give_a_customer_longer_to_pay(desk, flights):
    booking = an_initiated_booking(flights)
    assert f'href="{page_of(booking)}"' in desk.get(page_of(booking, "change")).content.decode()
    page = desk.get(page_of(booking))
    assert "The customer can pay for so much longer" in text_of(page)
    assert re.findall(r'value="(\d+)"[^>]*checked', page.content.decode()) == ["15"]

    form = {**fields_of(page), "minutes": "60", "note": "Bank is slow."}
    answers = [desk.post(page_of(booking), form, follow=True) for _ in range(2)]

    now = Booking.objects.get()
    assert now.expires_at == booking.expires_at + timedelta(minutes=60)
    for answer in answers:  # a double click says the same
        assert f"{booking.reference} can be paid until {now.expires_at:%H:%M}." in text_of(answer)
    (event,) = BookingEvent.objects.all()
    assert (event.actor_name, event.request_id) == ("anna", "desk-1")
    assert "Payment window extended" in text_of(answers[0])
    assert "Bank is slow." in text_of(answers[0])


@pytest.mark.slow
def test_a_form_with_mistakes_changes_nothing_and_keeps_what_was_typed(desk, flights):
    booking = an_initiated_booking(flights)
    form = fields_of(desk.get(page_of(booking)))

    for wrong in ({"minutes": "61", "note": "kept text"}, {"minutes": "60", "note": " "}, {"seen_version": "x"}):
        answer = desk.post(page_of(booking), {**form, "minutes": "60", "note": "kept text", **wrong})
        assert answer.status_code == 400
        assert ("kept text" in answer.content.decode()) is (wrong.get("note") != " ")

    assert Booking.objects.get().version == booking.version


@pytest.mark.slow
def test_a_booking_that_has_changed_is_shown_as_it_is_now_and_nothing_is_done(desk, flights):
    booking = an_initiated_booking(flights)
    form = {**fields_of(desk.get(page_of(booking))), "minutes": "60", "note": "kept text"}
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.DUPLICATE)

    stale = desk.post(page_of(booking), form)

    assert stale.status_code == 400  # nothing of the form can be had any more
    assert "It is cancelled already" in text_of(stale)
    other = an_initiated_booking(flights)
    form = {**fields_of(desk.get(page_of(other))), "minutes": "60", "note": "kept text"}
    desk.post(page_of(other), {**form, "action_key": "00000000-0000-4000-8000-000000000001", "minutes": "5"})
    conflict = desk.post(page_of(other), form)
    assert conflict.status_code == 409
    assert "Nothing was changed" in text_of(conflict)
    assert "Payment window extended" in text_of(conflict)
    assert "kept text" in conflict.content.decode()
    assert Booking.objects.get(pk=other.pk).expires_at == other.expires_at + timedelta(minutes=5)


@pytest.mark.slow
def test_a_page_that_was_open_past_the_deadline_extends_nothing(desk, flights):
    booking = an_initiated_booking(flights)
    form = {**fields_of(desk.get(page_of(booking))), "minutes": "60", "note": "late"}
    let_time_pass(minutes=16)

    answer = desk.post(page_of(booking), form)

    assert (answer.status_code, Booking.objects.get().version) == (400, booking.version)
    assert "The payment window has closed" in text_of(answer)


@pytest.mark.slow
def test_it_says_why_a_booking_cannot_wait_longer(desk):
    now = database_time()
    day_old = {"created_at": now - timedelta(hours=23), "expires_at": now + timedelta(hours=1)}
    said = {
        "It is cancelled already": a_saved_row("cancelled", hold="refused"),
        "It is paid": a_saved_row("booked"),
        "Its seats are not confirmed yet": a_saved_row("pending"),
        "A payment is running": a_payment_row(a_saved_row(active_payment_id=1), pk=1).booking,
        "The payment window has closed": a_saved_row(created_at=now - timedelta(minutes=16)),
        "for 24 hours already": a_saved_row(**day_old),
    }

    for why, booking in said.items():
        page = desk.get(page_of(booking))
        assert why in text_of(page)
        assert "<form" not in page.content.decode().partition("<main")[2]
        assert page_of(booking) not in desk.get(page_of(booking, "change")).content.decode()
    assert desk.get("/admin/bookings/booking/99999/extend/").status_code == 404


def test_who_may_not_is_told_on_the_page_of_the_booking(flights):
    booking = an_initiated_booking(flights)
    desk = desk_of(a_person("paul", group="Auditor"))

    page = desk.get(page_of(booking, "change"))

    assert "Your rights do not cover it: can give customers longer to pay." in text_of(page)
    assert page_of(booking) not in page.content.decode()
    assert desk.get(page_of(booking)).status_code == 403
