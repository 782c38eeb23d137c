"""What the database refuses of a gate."""

import uuid

import pytest
from django.db import IntegrityError

from bookings.db.clock import database_time
from bookings.models import FlightGate

pytestmark = pytest.mark.django_db


def in_flight(**columns):
    whole = {
        "inflight_kind": "take",
        "inflight_key": uuid.uuid4(),
        "inflight_seats": 2,
        "inflight_since": database_time(),
    }
    return FlightGate(flight_id=1, **{**whole, **columns})


@pytest.mark.parametrize(
    "columns",
    [{"inflight_key": None}, {"inflight_since": None}, {"inflight_seats": 0}, {"inflight_kind": ""}],
    ids=lambda columns: next(iter(columns)),
)
def test_half_a_call_in_flight(columns):
    with pytest.raises(IntegrityError, match="flight_gate_in_flight_is_whole"):
        in_flight(**columns).save()


def test_an_outcome_of_no_call():
    with pytest.raises(IntegrityError, match="flight_gate_in_flight_is_whole"):
        FlightGate(flight_id=1, outcome="applied").save()


@pytest.mark.parametrize("columns", [{"lease": uuid.uuid4()}, {"leased_until": "2030-01-01T00:00:00Z"}], ids=list)
def test_a_lease_without_an_end_or_an_end_without_a_lease(columns):
    with pytest.raises(IntegrityError, match="flight_gate_lease_has_an_end"):
        FlightGate(flight_id=1, **columns).save()


def test_a_gate_that_is_whole():
    in_flight(outcome="applied").save()

    assert FlightGate.objects.get().is_unresolved is False
