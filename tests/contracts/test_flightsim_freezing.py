"""The original stands still at five PATCHes at once; so does the stand-in with `--unkeyed`."""

from functools import partial

import pytest
import requests

from tests.support.processes import start_flightsim
from tests.support.threads import together


def patch(sim):
    url = f"{sim.url}/api/v1/flights/1/seats"
    return requests.patch(url, json={"seats": 1, "dec": 1}, timeout=30).status_code


@pytest.mark.parametrize(
    ("at_once", "freezes", "statuses", "taken"),
    [(4, 0, [200] * 4, 4), (5, 1, [500] * 5, 0)],
    ids=["four", "five"],
)
def test_at_five_patches_at_once_all_stand_still_and_none_is_carried_out(at_once, freezes, statuses, taken):
    # The latency is far more than five threads need to have all sent.
    with start_flightsim("--unkeyed", "--freeze-seconds", "1", "--latency-ms", "1000") as sim:
        answers = together(at_once, partial(patch, sim))

        ledger = sim.ledger()
        assert answers == statuses
        assert ledger["calls"]["freezes"] == freezes
        assert ledger["flights"][0]["taken"] == taken


def test_a_flight_service_that_was_frozen_goes_on_afterwards():
    with start_flightsim("--unkeyed", "--freeze-seconds", "1", "--latency-ms", "500") as sim:
        together(5, partial(patch, sim))

        assert patch(sim) == 200


def test_the_keyed_one_never_freezes():
    with start_flightsim("--latency-ms", "500") as sim:
        together(6, partial(patch, sim))

        assert sim.ledger()["calls"]["freezes"] == 0
