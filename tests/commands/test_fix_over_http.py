"""`reconcile_seats --fix` against a real stand-in Flight Service, whose seats somebody has changed by hand."""

import json
import uuid

import pytest
import requests
from django.core.management import CommandError, call_command

from bookings import wiring
from bookings.gateways.payments.instant import InstantPayments
from tests.support.bookings import an_initiated_booking, let_time_pass, one_pass
from tests.support.gateways import a_tireless_gateway
from tests.support.invariants import assert_in_step
from tests.support.processes import start_flightsim

pytestmark = pytest.mark.django_db(transaction=True)


def by_hand(sim, flight_id, seats, *, reserves):
    address = f"{sim.url}/api/v1/flights/{flight_id}/seats"
    key = {"Idempotency-Key": str(uuid.uuid4())}
    answer = requests.patch(address, json={"seats": seats, "dec": int(reserves)}, headers=key, timeout=10)
    assert answer.status_code == 200


def run(capsys, *options):
    try:
        call_command("reconcile_seats", "--json", *options)
    except CommandError as error:
        return error.returncode, json.loads(capsys.readouterr().out)
    return 0, json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_what_was_changed_by_hand_is_put_right_though_an_answer_gets_lost(capsys, monkeypatch):
    with start_flightsim("--capacity", "20") as sim:
        flights = a_tireless_gateway(sim.url)
        monkeypatch.setattr(wiring, "flight_service", lambda: flights)
        for flight_id in (1, 2):
            an_initiated_booking(flights, flight_id=flight_id, seats=4)
        by_hand(sim, 1, 3, reserves=True)
        by_hand(sim, 2, 1, reserves=False)
        sim.faults(drop_reply_rate=1.0, faults_on="patch", times=1)

        first = run(capsys, "--fix")
        meanwhile = run(capsys, "--fix")
        let_time_pass(seconds=20)
        one_pass(flights, InstantPayments())
        last = run(capsys, "--fix")

        assert (first[0], first[1]["fixes"]) == (
            1,
            [
                {"flight": 1, "seats": 3, "direction": "give back", "state": "open"},
                {"flight": 2, "seats": 1, "direction": "take", "state": "done"},
            ],
        )
        assert (meanwhile[0], meanwhile[1]["flights_skipped"]) == (1, 1)
        assert (last[0], last[1]["flights_compared"], last[1]["drift"]) == (0, 2, [])
        assert_in_step(sim)
