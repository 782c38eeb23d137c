"""A short campaign of webhooks, and that it finds out what it must."""

import pytest

from bookings.services.announcements import announce
from tests.campaigns.telling.flows import many, most_hang, start_flow
from tests.campaigns.telling.kills import POINTS, start_kills
from tests.support.servers import empty_the_database

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]


def test_receivers_that_hang_keep_nothing_from_the_others():
    with start_flow() as flow:
        results = [
            many(flow, events=100, hanging=1, limit_seconds=60),
            *most_hang(flow, events=20, endpoints=8, hanging=6, limit_seconds=60),
        ]
    empty_the_database()

    assert [result.faults() for result in results] == [[], [], []]
    assert [result.figures["delivered"] for result in results] == [200, 40, 120]


def test_a_process_that_dies_at_any_point_loses_no_news():
    with start_kills() as kills:
        for point in POINTS:
            result = kills.at(point, rounds=1)

            assert result.faults() == []
            assert result.figures["kills"] == 1


def test_twin_that_writes_nothing_down_for_receivers_is_found_out(monkeypatch):
    with start_kills() as kills:
        monkeypatch.setattr(announce, "FAN_OUTS", ())
        kills.let_something_happen()
        kills.recover()

        assert any(found.startswith("never came") for found in kills.differences())
