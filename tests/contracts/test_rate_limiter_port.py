"""What the limits rely on, for every implementation of `RateLimiter`; and what Redis alone can do wrong."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db.models import F
from redis import Redis

from bookings.gateways.rate_limits.database import DatabaseRateLimiter
from bookings.gateways.rate_limits.redis import RedisRateLimiter
from bookings.models import RateWindow
from bookings.ports import Allowance, RateLimiter
from devtools.redis import PrivateRedis

pytestmark = pytest.mark.django_db

WINDOW = 60


@dataclass
class Counted:
    """A limiter, and a way to let a name's window grow older by so many seconds."""

    limiter: RateLimiter
    age: Callable[[str, int], None]

    def spend(self, name="user:1 create", *, limit=3) -> Allowance:
        return self.limiter.spend(name, limit=limit, seconds=WINDOW)

    def outcomes(self, times, *, name="user:1 create", limit=3):
        """Whether each of so many requests passed, and how many more it was told may."""
        seen = [self.spend(name, limit=limit) for _ in range(times)]
        return [(each.passed, each.remaining) for each in seen]


class Nobody:
    """Stands where a limiter must not be asked."""

    def spend(self, name, *, limit, seconds):
        raise AssertionError("Redis was there")

    def give_back(self, name):
        raise AssertionError("Redis was there")


@pytest.fixture(scope="module")
def running_redis():
    with PrivateRedis() as server:
        yield server


@pytest.fixture
def server(running_redis):
    """A Redis that knows nothing."""
    with Redis.from_url(running_redis.url) as client:
        client.flushall()
    return running_redis


@pytest.fixture
def client(server):
    with Redis.from_url(server.url) as client:
        yield client


@pytest.fixture
def in_database(db):
    def age(name, seconds):
        past = F("started_at") - timedelta(seconds=seconds)
        assert RateWindow.objects.filter(name=name).update(started_at=past) == 1

    return Counted(DatabaseRateLimiter(), age)


@pytest.fixture
def in_redis(db, server, client):
    def age(name, seconds):
        key = f"bookings:limit:{name}"
        assert client.pexpire(key, max(0, client.pttl(key) - seconds * 1000)) == 1

    return Counted(RedisRateLimiter(server.url, otherwise=Nobody()), age)


@pytest.fixture(params=["in_database", "in_redis"])
def counted(request) -> Counted:
    return request.getfixturevalue(request.param)


def test_the_first_request_passes_and_hears_the_limit(counted):
    allowance = counted.spend()

    assert (allowance.passed, allowance.limit, allowance.remaining) == (True, 3, 2)
    assert 1 <= allowance.resets_in <= WINDOW


def test_what_remains_counts_down_and_the_next_is_refused(counted):
    assert counted.outcomes(5) == [(True, 2), (True, 1), (True, 0), (False, 0), (False, 0)]


def test_a_limit_of_one_lets_one_pass(counted):
    assert counted.outcomes(2, limit=1) == [(True, 0), (False, 0)]


def test_who_is_refused_hears_when_the_window_ends(counted):
    counted.outcomes(3)
    counted.age("user:1 create", 20)

    allowance = counted.spend()

    assert (allowance.passed, allowance.limit, allowance.remaining) == (False, 3, 0)
    assert 1 <= allowance.resets_in <= WINDOW - 20


def test_one_name_does_not_count_for_another(counted):
    counted.outcomes(3, name="user:1 create")

    assert counted.outcomes(1, name="user:2 create") == [(True, 2)]
    assert counted.outcomes(1, name="user:1 pay") == [(True, 2)]


def test_what_is_refused_is_not_counted(counted):
    counted.outcomes(2, limit=2)

    refused = counted.outcomes(5, limit=2)

    assert refused == [(False, 0)] * 5
    assert counted.outcomes(2, limit=3) == [(True, 0), (False, 0)]


def test_a_limit_that_was_lowered_holds_at_once(counted):
    counted.outcomes(3, limit=5)

    assert counted.outcomes(1, limit=2) == [(False, 0)]


def test_a_window_that_is_over_starts_anew(counted):
    counted.outcomes(4)
    counted.age("user:1 create", WINDOW)

    allowance = counted.spend()

    assert (allowance.passed, allowance.remaining) == (True, 2)
    assert 1 <= allowance.resets_in <= WINDOW
    assert counted.outcomes(3) == [(True, 1), (True, 0), (False, 0)]


def test_a_window_that_is_not_full_ends_as_well(counted):
    counted.outcomes(1)
    counted.age("user:1 create", WINDOW)

    assert counted.outcomes(1) == [(True, 2)]


def test_requests_do_not_make_a_window_longer(counted):
    counted.outcomes(1)
    counted.age("user:1 create", 40)
    counted.outcomes(1)
    counted.age("user:1 create", 20)

    assert counted.outcomes(1) == [(True, 2)]


def test_what_is_given_back_may_be_spent_once_more(counted):
    counted.outcomes(3)

    counted.limiter.give_back("user:1 create")

    assert counted.outcomes(2) == [(True, 0), (False, 0)]


def test_nobody_can_save_up_by_giving_back(counted):
    counted.limiter.give_back("user:1 create")
    counted.outcomes(1)
    for _ in range(3):
        counted.limiter.give_back("user:1 create")

    assert counted.outcomes(4) == [(True, 2), (True, 1), (True, 0), (False, 0)]


def test_no_count_stays_in_redis_for_ever(in_redis, client):
    for step in (in_redis.spend, lambda: in_redis.limiter.give_back("user:1 create"), in_redis.spend) * 2:
        step()

        assert 0 < client.pttl("bookings:limit:user:1 create") <= WINDOW * 1000
    in_redis.limiter.give_back("user:2 create")
    assert client.keys() == [b"bookings:limit:user:1 create"]


@pytest.mark.parametrize("used", [1, 3])
def test_a_count_without_an_end_is_begun_anew(in_redis, client, used):
    client.set("bookings:limit:user:1 create", used)

    assert in_redis.outcomes(1) == [(True, 2)]
    assert 0 < client.pttl("bookings:limit:user:1 create") <= WINDOW * 1000


@pytest.fixture
def with_both(server):
    return Counted(RedisRateLimiter(server.url, otherwise=DatabaseRateLimiter()), lambda name, seconds: None)


def test_without_redis_the_database_counts_and_with_it_redis_again(with_both, server):
    before = with_both.outcomes(1)
    server.stop()
    try:
        without = with_both.outcomes(5)
        in_table = list(RateWindow.objects.values_list("name", "used"))
    finally:
        server.start()
    after = with_both.outcomes(4)

    assert before == [(True, 2)]
    assert without == [(True, 2), (True, 1), (True, 0), (False, 0), (False, 0)]
    assert in_table == [("user:1 create", 3)]
    assert after == [(True, 2), (True, 1), (True, 0), (False, 0)]
    assert RateWindow.objects.get().used == 3


def test_without_redis_the_database_takes_back(with_both, server):
    server.stop()
    try:
        with_both.outcomes(3)
        with_both.limiter.give_back("user:1 create")
        assert with_both.outcomes(2) == [(True, 0), (False, 0)]
    finally:
        server.start()


def test_a_redis_that_refuses_to_write_is_as_good_as_none(with_both, client):
    client.config_set("maxmemory", "1")
    try:
        outcomes = with_both.outcomes(4)
    finally:
        client.config_set("maxmemory", "0")

    assert outcomes == [(True, 2), (True, 1), (True, 0), (False, 0)]
    assert RateWindow.objects.get().used == 3


@pytest.mark.slow
def test_a_redis_that_does_not_answer_is_asked_once_for_each_request(db):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        counted = Counted(RedisRateLimiter(address, otherwise=DatabaseRateLimiter()), lambda name, seconds: None)

        outcomes = counted.outcomes(2, limit=1)

        silent.setblocking(False)
        assert outcomes == [(True, 0), (False, 0)]
        assert [silent.accept()[0].close() for _ in range(2)] == [None, None]
        with pytest.raises(BlockingIOError):
            silent.accept()
