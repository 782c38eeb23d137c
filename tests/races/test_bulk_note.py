"""One note on many bookings, sent twice at once: each has it once, and customers pay meanwhile."""

import uuid
from functools import partial

import pytest

from bookings.gateways.payments.instant import InstantPayments
from bookings.models import BookingEvent, IdempotencyRecord
from bookings.queries.bookings.bulk_cancel import plan_bulk_cancel
from bookings.services.bookings.note_many import note_bookings
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import forget_everything, rounds, without_constraints
from tests.races.places import KEY_BEGUN
from tests.support.bookings import an_initiated_booking, many_rows, pay, status_of
from tests.support.bulk import FLIGHT_1, SUPERVISOR

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

BOOKINGS = 100


def a_click():
    """One form that may be sent more than once."""
    return partial(
        note_bookings,
        selection=FLIGHT_1,
        seen=plan_bulk_cancel(FLIGHT_1).seen,
        actor=SUPERVISOR,
        note="Gate moved.",
        action_key=uuid.uuid4().hex,
    )


def notes():
    return BookingEvent.objects.filter(what="noted").count()


def test_a_form_that_is_sent_three_times_at_once_notes_once():
    for _ in rounds(3):
        many_rows(BOOKINGS)

        counts = all_at_once([a_click()] * 3)

        assert (sorted(counts), notes()) == ([0, 0, BOOKINGS], BOOKINGS)
        forget_everything()


def test_twin_without_the_unique_key_a_double_click_notes_twice(monkeypatch):
    many_rows(3)
    with without_constraints(IdempotencyRecord, "idempotency_record_key_unique"):
        sent = a_click()

        counts = overtaken(sent, sent, at=Halt(monkeypatch, KEY_BEGUN))

        assert (counts, notes()) == ((3, 3), 6)


def test_a_booking_can_be_paid_while_it_is_noted_with_many(flights):
    for _ in rounds(3):
        booking = an_initiated_booking(flights)
        many_rows(BOOKINGS)

        _, answer = all_at_once([a_click(), partial(pay, booking, InstantPayments())])

        assert (status_of(answer), notes()) == (201, BOOKINGS + 1)
        forget_everything()
