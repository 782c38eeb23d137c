"""The mass expiry in small, and one that must fail."""

from datetime import timedelta

import pytest

from bookings.models import Booking
from tests.campaigns.guests import SETTINGS, production_web
from tests.campaigns.mass_expiry import DAY, Wave, roll
from tests.campaigns.stack import start_stack
from tests.support.servers import empty_the_database

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]

FLIGHTS = 10
# Of a machine that does other things as well.
LIMIT_SECONDS = 60.0
BEFORE_SECONDS = 2.0


@pytest.fixture
def stack():
    with start_stack(
        *("--flights", str(FLIGHTS)), webs=production_web, **{**SETTINGS, "EXPIRY_INTERVAL_SECONDS": "5"}
    ) as running:
        yield running
    empty_the_database()


def wave(bookings, *, over, worker_is_away):
    return Wave("in small", bookings, FLIGHTS, over, worker_is_away=worker_is_away, limit_seconds=LIMIT_SECONDS)


def test_what_comes_due_at_once_expires_while_clients_go_on(stack):
    result = roll(wave(4_000, over=timedelta(0), worker_is_away=False), stack, before=BEFORE_SECONDS)

    assert result.faults() == []
    assert result.figures["PATCHes"] <= 3 * FLIGHTS


def test_a_worker_that_was_away_for_a_day_catches_up(stack):
    result = roll(wave(20_000, over=DAY, worker_is_away=True), stack, before=BEFORE_SECONDS)

    assert result.faults() == []
    assert result.figures["together, MB"] > 0


def test_a_booking_that_ends_otherwise_is_found_out(stack, monkeypatch):
    def pay_the_first():
        Booking.objects.filter(pk=1).update(status="booked", active_payment_id=1)

    monkeypatch.setattr("tests.campaigns.mass_expiry.PATIENCE_SECONDS", 5.0)
    monkeypatch.setattr("tests.campaigns.mass_expiry.take_seats", lambda _stack: pay_the_first())

    result = roll(wave(50, over=timedelta(0), worker_is_away=False), stack, before=BEFORE_SECONDS)

    assert "49 expired, not 50" in result.faults()
    assert "not recovered" in result.faults()
