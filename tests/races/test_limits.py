"""
Many requests at once against a limit: exactly as many pass as may, by threads and by processes.

ROUNDS=20 runs each race twenty times.
"""

import json
import threading
import time
import uuid
from collections import Counter
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection

import pytest
from django.db.models import QuerySet
from redis import Redis

from bookings.db.clock import database_time
from bookings.gateways import bounded_redis
from bookings.gateways.rate_limits import redis
from bookings.gateways.rate_limits.database import DatabaseRateLimiter
from bookings.models import Booking, RateWindow
from bookings.services.upkeep.reap import BATCHES
from devtools.redis import PrivateRedis
from tests.races.crowd import PATIENCE_SECONDS, Halt, all_at_once, overtaken
from tests.races.guards import forget_everything, rounds, without_conditions, without_row_locks
from tests.races.places import DELETION_CHOSEN
from tests.support.callers import a_token
from tests.support.servers import database_url, environment, start_web

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

CROWD = 64
LIMIT = 10
NAME = "user:1001 create"

# How often a client repeats what it is told to repeat, and how long it waits: less than it is told, and enough.
TRIES, PAUSE_SECONDS = 40, 0.2

ISSUER = "https://users.example.org"
SECRET = "forty characters that sign users' tokens"


@pytest.fixture(scope="module")
def redis_server():
    with PrivateRedis() as server:
        yield server


def forget_counts(redis_server):
    RateWindow.objects.all().delete()
    with Redis.from_url(redis_server.url) as client:
        client.flushall()


class Refuses:
    """Takes no request: whoever is sent here is seen."""

    def spend(self, name, *, limit, seconds):
        raise AssertionError("Redis did not answer")


@pytest.fixture(params=["database", "redis"])
def limiter(request, redis_server, monkeypatch):
    if request.param == "database":
        return DatabaseRateLimiter()
    # How long it waits for Redis is not looked at here, and 64 threads of one process are slow.
    monkeypatch.setattr(bounded_redis, "CONNECT_SECONDS", PATIENCE_SECONDS)
    for name in ("ANSWER_SECONDS", "WHOLE_SECONDS"):
        monkeypatch.setattr(redis, name, PATIENCE_SECONDS)
    return redis.RedisRateLimiter(redis_server.url, otherwise=Refuses())


def spend(limiter):
    return limiter.spend(NAME, limit=LIMIT, seconds=60)


def passed(outcomes):
    return Counter(outcome.passed for outcome in outcomes)


def a_window(*, used, minutes_ago):
    RateWindow.objects.create(name=NAME, started_at=database_time() - timedelta(minutes=minutes_ago), used=used)


def test_sixty_four_at_a_limit_of_ten(limiter, redis_server):
    for _ in rounds(1):
        forget_counts(redis_server)

        outcomes = all_at_once([partial(spend, limiter)] * CROWD)

        assert passed(outcomes) == {True: 10, False: 54}
        assert {outcome.remaining for outcome in outcomes if not outcome.passed} == {0}


def test_sixty_four_when_a_full_window_has_just_ended(limiter, redis_server):
    for _ in rounds(1):
        forget_counts(redis_server)
        all_at_once([partial(spend, limiter)] * LIMIT)
        RateWindow.objects.update(started_at=database_time() - timedelta(seconds=60))
        with Redis.from_url(redis_server.url) as client:
            client.pexpire(f"bookings:limit:{NAME}", 0)

        outcomes = all_at_once([partial(spend, limiter)] * CROWD)

        assert passed(outcomes) == {True: 10, False: 54}


def test_what_is_given_back_at_once_is_never_below_zero(limiter, redis_server):
    forget_counts(redis_server)
    all_at_once([partial(spend, limiter)] * LIMIT)

    all_at_once([partial(limiter.give_back, NAME)] * CROWD)

    assert passed(spend(limiter) for _ in range(CROWD)) == {True: 10, False: 54}


@pytest.fixture
def all_have_read(monkeypatch):
    """Let nobody of the crowd go on before all of it have read the same window."""
    barrier = threading.Barrier(CROWD, timeout=PATIENCE_SECONDS)
    read, this_thread = QuerySet.first, threading.local()

    def first(rows):
        row = read(rows)
        if rows.model is RateWindow and not hasattr(this_thread, "has_read"):
            this_thread.has_read = True
            barrier.wait()
        return row

    monkeypatch.setattr(QuerySet, "first", first)


# What all of them have read: nothing, a window with room, one that is over; and what then decides.
READ_BY_ALL = {
    "no window": (None, None),
    "a window with room": ({"used": 0, "minutes_ago": 0}, "used__lt"),
    "a window that is over": ({"used": 10, "minutes_ago": 2}, "started_at"),
}


@pytest.mark.parametrize(("window", "_condition"), READ_BY_ALL.values(), ids=READ_BY_ALL)
def test_sixty_four_that_have_all_read(all_have_read, window, _condition):
    if window:
        a_window(**window)

    outcomes = all_at_once([partial(spend, DatabaseRateLimiter())] * CROWD)

    assert passed(outcomes) == {True: 10, False: 54}
    assert RateWindow.objects.get().used == 10


@pytest.mark.parametrize(("window", "condition"), list(READ_BY_ALL.values())[1:], ids=list(READ_BY_ALL)[1:])
def test_twin_that_writes_what_it_has_not_looked_at_again(monkeypatch, all_have_read, window, condition):
    a_window(**window)
    without_conditions(monkeypatch, condition)

    outcomes = all_at_once([partial(spend, DatabaseRateLimiter())] * CROWD)

    assert passed(outcomes) == {True: 64}


def reap_windows():
    return sum(BATCHES["rate_window"]())


def reap_while_the_owner_comes_back(monkeypatch):
    """Stop the reaper in front of its DELETE; give whether it deleted, and what the table then says."""
    a_window(used=10, minutes_ago=61)
    halt = Halt(monkeypatch, DELETION_CHOSEN)
    reaped, owner = overtaken(reap_windows, partial(spend, DatabaseRateLimiter()), at=halt)
    assert owner.passed
    return reaped, list(RateWindow.objects.values_list("used", flat=True))


def test_a_window_that_begins_anew_while_it_is_reaped_keeps_its_count(monkeypatch):
    # The owner waits for the reaper, and finds its window gone.
    assert reap_while_the_owner_comes_back(monkeypatch) == (1, [1])


def test_twin_that_reaps_without_a_lock_forgets_a_request(monkeypatch):
    without_row_locks(monkeypatch)

    assert reap_while_the_owner_comes_back(monkeypatch) == (1, [])


# --- over HTTP ----------------------------------------------------------------------------------------


# One user buys more than a user may, to meet another limit.
NO_CAPS = {"MAX_UNPAID_BOOKINGS_PER_USER": "0", "MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT": "0"}


def web_environment(sim, **limits):
    return environment(
        DATABASE_URL=database_url(),
        FLIGHT_SERVICE_URL=sim.url,
        API_AUTH="token",
        JWT_SECRET=SECRET,
        JWT_ISSUER=ISSUER,
        **{"REDIS_URL": "", "CREATES_PER_MINUTE": "0", **NO_CAPS, **limits},
    )


def buy(web, user_id):
    """
    Buy one seat; give status, headers and the code of the error, if there is one.

    503 is repeated with the same key, as a client does: where many want one row, some are sent away for a while.
    """
    key = uuid.uuid4().hex
    for _ in range(TRIES):
        answer = _ask_for_a_seat(web, user_id, key)
        if answer[0] != HTTPStatus.SERVICE_UNAVAILABLE:
            break
        time.sleep(PAUSE_SECONDS)
    return answer


def _ask_for_a_seat(web, user_id, key):
    headers = {
        "Authorization": f"Bearer {a_token(user_id, secret=SECRET, iss=ISSUER)}",
        "Content-Type": "application/json",
        "Prefer": "respond-async",
        "Idempotency-Key": key,
    }
    peer = HTTPConnection("127.0.0.1", web.port, timeout=PATIENCE_SECONDS)
    try:
        peer.request("POST", "/api/v1/bookings", b'{"flightId": 1, "noOfSeats": 1}', headers)
        answer = peer.getresponse()
        # A busy Flight Service makes a 202 of a 201; the limits do not tell them apart.
        status = 201 if answer.status == 202 else answer.status
        return status, answer.headers, json.loads(answer.read())["error"].get("code")
    finally:
        peer.close()


@pytest.mark.parametrize("counts", ["database", "redis"])
def test_sixty_four_requests_of_a_user_to_two_web_processes(sim, redis_server, counts):
    address = redis_server.url if counts == "redis" else ""
    with start_web(env=web_environment(sim, REDIS_URL=address, CREATES_PER_MINUTE=str(LIMIT))) as web:
        all_at_once([partial(buy, web, 1000)] * CROWD)  # opens their connections
        for _ in rounds(1):
            forget_everything()
            forget_counts(redis_server)

            answers = all_at_once([partial(buy, web, 1001)] * CROWD)

            assert RateWindow.objects.count() == (0 if counts == "redis" else 1)
            assert Counter(status for status, _headers, _code in answers) == {201: 10, 429: 54}
            assert Booking.objects.count() == 10
            assert {headers["RateLimit-Limit"] for _, headers, _ in answers} == {"10"}
            assert {headers["RateLimit-Policy"] for _, headers, _ in answers} == {"10;w=60"}
            refused = [(headers, code) for status, headers, code in answers if status == 429]
            assert {(h["RateLimit-Remaining"], code) for h, code in refused} == {("0", "too_many_requests")}
            assert all(h["Retry-After"] == h["RateLimit-Reset"] for h, _ in refused)
            assert {int(h["Retry-After"]) for h, _ in refused} <= set(range(1, 61))
