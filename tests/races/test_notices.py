"""The same notice many times at once, and looks at one dispute that overtake each other."""

from datetime import timedelta
from functools import partial

import pytest

from bookings import wiring
from bookings.db.clock import database_time
from bookings.models import BookingEvent, Dispute, GatewayNotice
from bookings.services.payments.disputes import record_dispute
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import rounds, without_constraints, without_row_locks
from tests.races.places import DISPUTE_FOUND
from tests.support.bookings import a_payment_row, a_saved_row
from tests.support.notices import Bell, ring
from tests.support.signed_notices import a_dispute, an_event

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

TIMES = 16


@pytest.fixture(autouse=True)
def bell(monkeypatch):
    """The only gateway that there is."""
    bell = Bell()
    monkeypatch.setattr(wiring, "payment_gateways", lambda: {"bell": bell})


def rung(body):
    answer = ring(body)
    return answer.status_code, answer.content.decode()


def test_a_notice_that_comes_sixteen_times_at_once_is_kept_once():
    for number in rounds(5):
        body = an_event(f"evt_{number}")

        heard = all_at_once([partial(rung, body)] * TIMES)

        assert sorted(heard) == [(200, "known")] * (TIMES - 1) + [(200, "stored")]
        assert GatewayNotice.objects.count() == number + 1


def test_twin_without_the_unique_event_it_is_kept_sixteen_times():
    with without_constraints(GatewayNotice, "gateway_notice_kept_once"):
        heard = all_at_once([partial(rung, an_event())] * TIMES)

        assert heard == [(200, "stored")] * TIMES
        assert GatewayNotice.objects.count() == TIMES


def a_payment():
    booking = a_saved_row("booked", active_payment_id=1)
    return a_payment_row(booking, "succeeded", gateway_id="pi_1")


def a_look(payment, *, later, **shown):
    began = database_time() + timedelta(milliseconds=later)
    return partial(record_dispute, payment.pk, seen=a_dispute("pi_1", **shown), looked_at=began)


def two_looks(monkeypatch):
    """The look that began first is about to write when the other one has its answer."""
    payment = a_payment()
    a_look(payment, later=-1000)()
    found = Halt(monkeypatch, DISPUTE_FOUND)
    review = a_look(payment, later=0, status="under_review")
    lost = a_look(payment, later=1, status="lost", is_open=False, outcome="lost")

    assert overtaken(review, lost, at=found) == (True, True)
    return Dispute.objects.get().standing


def test_of_two_looks_at_a_dispute_the_later_one_stays(monkeypatch):
    assert two_looks(monkeypatch) == "lost"


def test_twin_without_row_locks_the_earlier_one_stays(monkeypatch):
    without_row_locks(monkeypatch)

    assert two_looks(monkeypatch) == "under_review"


def test_a_dispute_that_is_seen_by_eight_workers_at_once_is_one():
    for _ in rounds(3):
        payment = a_payment()

        all_at_once([a_look(payment, later=number) for number in range(8)])

        assert Dispute.objects.filter(payment=payment).count() == 1
        assert BookingEvent.objects.filter(booking=payment.booking, what="disputed").count() == 1
        Dispute.objects.all().delete()
        payment.gateway_id = None
        payment.save()
