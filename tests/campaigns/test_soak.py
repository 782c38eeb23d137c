"""What the soak says of what it measured, and a short one."""

import pytest

from tests.campaigns.guests import SETTINGS, production_web
from tests.campaigns.soak import FLIGHTS, grown, soak
from tests.campaigns.stack import start_stack
from tests.support.servers import empty_the_database


@pytest.mark.parametrize(
    ("half_way", "end", "found"),
    [
        ({"web": 80.0, "worker": 70.0}, {"web": 83.0, "worker": 70.0}, []),
        ({"web": 80.0, "worker": 70.0}, {"web": 85.0, "worker": 70.0}, ["the web has grown from 80.0 to 85.0 MB"]),
        ({"web": 80.0, "worker": 70.0}, {"web": 80.0, "worker": 99.0}, ["the worker has grown from 70.0 to 99.0 MB"]),
        ({"web": 91.0, "worker": 70.0}, {"web": 91.0, "worker": 70.0}, ["a web process has 91.0 MB"]),
    ],
    ids=["flat", "web", "worker", "large"],
)
def test_a_process_that_grows_or_is_too_large_is_named(half_way, end, found):
    assert grown(half_way=half_way, end=end) == found


@pytest.mark.server
@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_the_processes_of_a_short_load_are_measured_and_no_request_fails():
    with start_stack(*("--flights", str(FLIGHTS)), webs=production_web, **SETTINGS) as stack:
        stack.await_a_pass()
        result = soak(stack, seconds=10.0)
    empty_the_database()

    assert result.errors == []
    assert result.figures["requests"] > 50
    assert 20 < result.figures["web end, MB"] < 200
    assert 20 < result.figures["worker end, MB"] < 200
