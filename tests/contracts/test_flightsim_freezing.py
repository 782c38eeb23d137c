"""The original stands still at five PATCHes at once; so does the stand-in with `--unkeyed`."""

from functools import partial

import pytest
import requests

from tests.support.processes import start_flightsim
from tests.support.threads import together

pytestmark = pytest.mark.slow


def patch(sim):
    url = f"{sim.url}/api/v1/flights/1/seats"
    return requests.patch(url, json={"seats": 1, "dec": 1}, timeout=30).status_code


def test_four_patches_at_once_are_carried_out():
    with start_flightsim("--unkeyed", "--freeze-seconds", "60", "--latency-ms", "200") as sim:
        assert together(4, partial(patch, sim)) == [200] * 4
        assert sim.ledger()["calls"]["freezes"] == 0


def test_at_five_all_stand_still_and_none_is_carried_out_and_then_it_goes_on():
    # The latency is far more than five threads need to have all sent.
    with start_flightsim("--unkeyed", "--freeze-seconds", "1", "--latency-ms", "1000") as sim:
        answers = together(5, partial(patch, sim))

        sim.faults()
        assert (answers, patch(sim)) == ([500] * 5, 200)
        ledger = sim.ledger()
        assert (ledger["calls"]["freezes"], ledger["flights"][0]["taken"]) == (1, 1)


def test_the_keyed_one_never_freezes():
    with start_flightsim("--latency-ms", "100") as sim:
        together(6, partial(patch, sim))

        assert sim.ledger()["calls"]["freezes"] == 0
