"""What the doctor asks of other systems, and what it says when they do not answer."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bookings.diagnostics import background, peer
from bookings.gateways.diagnostic_probes import Unreachable, date_of_peer
from bookings.gateways.redis_probe import redis_version
from devtools.processes import HOST, free_port
from devtools.redis import PrivateRedis
from tests.support.fakes import FakeFlights

FLIGHT = "/api/v1/flights/1"


def clock_of_peer(settings, wire):
    """What is said about the clock of a Flight Service that answers."""
    settings.FLIGHT_SERVICE_URL = wire.url
    (found,) = [each for each in peer.check_peer(FakeFlights(), None) if each.name == "Flight Service clock"]
    return found


def test_a_date_is_read_whatever_else_is_answered(wire):
    wire.add("GET", FLIGHT, status=404, headers={"Date": "Wed, 25 Nov 2026 18:00:00 GMT"})

    assert date_of_peer(wire.url + FLIGHT) == datetime(2026, 11, 25, 18, tzinfo=UTC)


@pytest.mark.parametrize("stamp", ["", "yesterday"])
def test_an_answer_without_a_date_has_none(stamp, wire):
    wire.add("GET", FLIGHT, headers={"Date": stamp})

    assert date_of_peer(wire.url + FLIGHT) is None


def test_nobody_there_is_said_without_the_address():
    with pytest.raises(Unreachable, match=r"^connection refused$"):
        date_of_peer(f"http://{HOST}:{free_port()}/secret")


@pytest.mark.parametrize(("seconds", "verdict"), [(0, "OK"), (-30, "WARN"), (30, "WARN")])
def test_a_peer_whose_clock_is_off_is_named(settings, wire, seconds, verdict):
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    wire.add("GET", FLIGHT, headers={"Date": format_datetime(moment, usegmt=True)})

    found = clock_of_peer(settings, wire)

    assert found.verdict == verdict
    assert ("tell its operators" in found.hint) == (verdict == "WARN")


def test_a_peer_without_a_date_is_no_fault(settings, wire):
    wire.add("GET", FLIGHT, headers={})

    assert clock_of_peer(settings, wire).message == "its answers have no Date"


def test_a_peer_that_goes_away_in_between_is_named(settings):
    settings.FLIGHT_SERVICE_URL = f"http://{HOST}:{free_port()}"

    *_, found = peer.check_peer(FakeFlights(), None)

    assert (found.verdict, found.hint) == ("WARN", "Run this again: it has answered a moment ago.")


def test_a_redis_tells_its_version(settings):
    with PrivateRedis() as redis:
        settings.REDIS_URL = redis.url

        found = background.check_redis()

    assert found.verdict == "OK"
    assert found.message.startswith("answers, version ")


@pytest.mark.parametrize("url", ["redis://:pa55word@127.0.0.1:1/0", "redis://:pa55word@127.0.0.1:port/0"])
def test_a_redis_that_does_not_answer_shows_no_password(url):
    with pytest.raises(Unreachable) as refused:
        redis_version(url)

    assert "pa55word" not in str(refused.value)
