"""How often a caller may ask, whose request it is to the limits, and how many unpaid bookings a user may have."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.test import RequestFactory

from bookings import tasks
from bookings.actor import Scope
from bookings.models import Booking, IdempotencyRecord, RateWindow
from bookingsite.web.middleware import client_address
from tests.support.api import BOOKINGS, Api, refused, shown
from tests.support.callers import CallerApi, a_service_key, a_token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("token_auth", "flights")]


@pytest.fixture
def customer():
    return CallerApi(a_token(1001))


@pytest.fixture(autouse=True)
def limits(settings):
    settings.CREATES_PER_MINUTE = 2
    settings.READS_PER_MINUTE = 3
    settings.PAYMENTS_PER_MINUTE = 1
    settings.CANCELS_PER_MINUTE = 1
    settings.SERVICE_REQUESTS_PER_MINUTE = 2
    return settings


def rate_of(answer):
    """What an answer says about the limit, and whether the window's end makes sense."""
    headers = answer.headers
    sane = 1 <= int(headers["RateLimit-Reset"]) <= 60
    return headers["RateLimit-Limit"], headers["RateLimit-Remaining"], headers["RateLimit-Policy"], sane


def statuses(*answers):
    return [answer.status_code for answer in answers]


# --- the headers and the refusal ----------------------------------------------------------------------


def test_every_answer_says_what_is_left(customer):
    success, mistake, refusal = customer.create(), customer.create(noOfSeats=0), customer.create()

    assert statuses(success, mistake, refusal) == [201, 400, 429]
    assert rate_of(success) == ("2", "1", "2;w=60", True)
    assert rate_of(mistake) == ("2", "0", "2;w=60", True)
    assert rate_of(refusal) == ("2", "0", "2;w=60", True)
    assert refusal.headers["Retry-After"] == refusal.headers["RateLimit-Reset"]
    assert "Retry-After" not in success.headers


def test_what_is_not_there_counts_and_says_so(customer):
    answer = customer.get(f"{BOOKINGS}/1")

    assert refused(answer) == (404, "booking_not_found")
    assert rate_of(answer) == ("3", "2", "3;w=60", True)


def test_a_refusal_says_why_and_that_a_repeat_may_pass(customer):
    customer.create()
    customer.create()

    answer = customer.create()

    content = answer.json()
    assert content["error"].pop("requestId") == answer.headers["X-Request-ID"]
    assert content == {
        "success": False,
        "message": "Failed to create booking",
        "data": {},
        "error": {
            "statusCode": 429,
            "code": "too_many_requests",
            "explanation": f"Too many requests. Repeat this one in {answer.headers['Retry-After']} s.",
            "retryable": True,
            "fields": {},
        },
    }
    assert Booking.objects.count() == 2


def test_without_a_limit_nothing_is_counted_and_nothing_said(customer, limits):
    limits.CREATES_PER_MINUTE = 0

    answers = [customer.create() for _ in range(4)]

    assert statuses(*answers) == [201] * 4
    assert all("RateLimit-Limit" not in answer.headers for answer in answers)
    assert RateWindow.objects.count() == 0


def test_who_is_not_known_is_not_counted():
    answer = CallerApi("nonsense").create()

    assert answer.status_code == 401
    assert "RateLimit-Limit" not in answer.headers
    assert RateWindow.objects.count() == 0


def test_a_request_passes_again_when_the_window_is_over(customer):
    customer.create()
    customer.create()
    RateWindow.objects.update(started_at=F("started_at") - timedelta(seconds=60))

    answer = customer.create()

    assert answer.status_code == 201
    assert rate_of(answer) == ("2", "1", "2;w=60", True)


# --- whose count --------------------------------------------------------------------------------------


def test_each_endpoint_has_a_count_of_its_own(customer):
    booking = shown(customer.create())
    customer.create()

    full = customer.create()
    paid, cancelled = customer.pay(booking), customer.cancel(booking)
    address = f"{BOOKINGS}/{booking['id']}"
    reads = [customer.get(BOOKINGS), customer.get(address), customer.get(f"{address}/events")]

    assert statuses(full, paid, cancelled, *reads) == [429, 201, 409, 200, 200, 200]
    assert [rate_of(answer)[:2] for answer in (paid, cancelled)] == [("1", "0")] * 2
    assert [rate_of(answer)[:2] for answer in reads] == [("3", "2")] * 3
    assert statuses(customer.pay(booking), customer.cancel(booking)) == [429, 429]


def test_each_customer_has_a_count_of_its_own(customer):
    customer.create()
    customer.create()

    assert statuses(customer.create(), CallerApi(a_token(1002)).create(userId=1002)) == [429, 201]


def test_another_token_of_a_customer_is_the_same_customer(customer):
    customer.create()
    customer.create()

    assert CallerApi(a_token(1001, jti="another")).create().status_code == 429


def test_a_service_counts_by_its_own_limit_and_not_by_that_of_customers(limits):
    usual, fast = CallerApi(a_service_key(name="usual")), CallerApi(a_service_key(name="fast", rate=4))

    assert statuses(*[usual.get(BOOKINGS) for _ in range(3)]) == [200, 200, 429]
    assert statuses(*[fast.get(BOOKINGS) for _ in range(5)]) == [200, 200, 200, 200, 429]


def test_a_slow_service_is_slow_where_services_have_no_limit(limits):
    limits.SERVICE_REQUESTS_PER_MINUTE = 0
    slow, usual = CallerApi(a_service_key(name="slow", rate=1)), CallerApi(a_service_key(name="usual"))

    assert statuses(slow.get(BOOKINGS), slow.get(BOOKINGS)) == [200, 429]
    assert statuses(*[usual.get(BOOKINGS) for _ in range(4)]) == [200] * 4


def test_a_service_that_may_not_is_refused_before_it_is_counted():
    answer = CallerApi(a_service_key(Scope.BOOKINGS_READ)).create()

    assert answer.status_code == 403
    assert RateWindow.objects.count() == 0


# --- idempotency keys ---------------------------------------------------------------------------------


def test_a_refused_request_leaves_its_key_unused(customer):
    customer.create()
    customer.create()
    refusal = customer.create(key="k")
    stored = IdempotencyRecord.objects.count()
    RateWindow.objects.all().delete()

    repeat = customer.create(key="k")

    assert (refusal.status_code, stored, repeat.status_code) == (429, 0, 201)
    assert "Idempotent-Replayed" not in repeat.headers


def test_a_replay_is_a_request_too(customer):
    first, replay, third = (customer.create(key="k") for _ in range(3))

    assert statuses(first, replay, third) == [201, 201, 429]
    assert replay.headers["Idempotent-Replayed"] == "true"
    assert rate_of(replay) == ("2", "0", "2;w=60", True)


# --- addresses, where every caller is trusted ---------------------------------------------------------


@pytest.fixture
def open_api(limits):
    limits.API_AUTH = "open"
    limits.PROXY_HOPS = 1
    return Api()


def test_where_nobody_says_who_it_is_its_address_counts(open_api):
    def create_from(address, user_id=1001):
        return open_api.create(userId=user_id, headers={"X-Forwarded-For": address})

    here = [create_from("192.0.2.1", user_id) for user_id in (1, 2, 3)]
    there = create_from("192.0.2.2")

    assert statuses(*here, there) == [201, 201, 429, 201]
    assert set(RateWindow.objects.values_list("name", flat=True)) == {
        "address:192.0.2.1 create",
        "address:192.0.2.2 create",
    }


def test_a_header_that_no_proxy_of_ours_wrote_makes_nobody_another(open_api, limits):
    limits.PROXY_HOPS = 0

    answers = [open_api.create(headers={"X-Forwarded-For": f"192.0.2.{number}"}) for number in (1, 2, 3)]

    assert statuses(*answers) == [201, 201, 429]


# the hops, the header (None: not sent) and the address that counts; the connection comes from 198.51.100.7
ADDRESSES = {
    "no proxy": (0, None, "198.51.100.7"),
    "no proxy, so the header is anybody's": (0, "192.0.2.1", "198.51.100.7"),
    "one proxy": (1, "192.0.2.1", "192.0.2.1"),
    "one proxy, and what stood there before": (1, "203.0.113.9, 192.0.2.1", "192.0.2.1"),
    "two proxies": (2, "203.0.113.9, 192.0.2.1, 10.0.0.1", "192.0.2.1"),
    "two proxies and nothing before them": (2, "192.0.2.1, 10.0.0.1", "192.0.2.1"),
    "fewer entries than proxies": (2, "192.0.2.1", "198.51.100.7"),
    "two proxies and no header": (2, None, "198.51.100.7"),
    "no spaces": (1, "203.0.113.9,192.0.2.1", "192.0.2.1"),
    "words": (1, "somebody", "unknown"),
    "an empty entry": (1, "203.0.113.9, ", "unknown"),
    "an address and a port": (1, "192.0.2.1:1234", "192.0.2.1"),
    "IPv6 and a port": (1, "[2001:db8:1:2::1]:1234", "2001:db8:1:2::"),
    "IPv6 in brackets": (1, "[2001:db8:1:2::1]", "2001:db8:1:2::"),
    "a bracket": (1, "[", "unknown"),
    "line breaks": (1, "192.0.2.1\r\nX: y", "unknown"),
    "an address with zeros in front": (1, "192.000.002.001", "unknown"),
    "garbage that is not the last": (1, "';--, 192.0.2.1", "192.0.2.1"),
    "IPv6": (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
    "the same network of 64 bits": (1, "2001:DB8:1:2::ffff", "2001:db8:1:2::"),
    "another network": (1, "2001:db8:1:3::1", "2001:db8:1:3::"),
    "IPv6 of a link": (1, "fe80::1%eth0", "fe80::"),
    "IPv4 in IPv6": (1, "::ffff:192.0.2.1", "192.0.2.1"),
    "IPv4 in IPv6, in hexadecimal": (1, "::FFFF:C000:0201", "192.0.2.1"),
}


def address_of(settings, hops, header, connection="198.51.100.7"):
    settings.PROXY_HOPS = hops
    sent = {} if header is None else {"X-Forwarded-For": header}
    return client_address(RequestFactory(REMOTE_ADDR=connection).get("/", headers=sent))


@pytest.mark.parametrize(("hops", "header", "expected"), ADDRESSES.values(), ids=ADDRESSES)
def test_the_address_a_request_comes_from(settings, hops, header, expected):
    assert address_of(settings, hops, header) == expected


def test_one_proxy_that_sends_no_header_is_the_client(settings):
    assert address_of(settings, 1, None) == "198.51.100.7"


def test_a_connection_that_is_no_address_of_the_internet_is_nobody_in_particular(settings):
    assert address_of(settings, 0, None, connection="") == "unknown"


# --- counts that are over -----------------------------------------------------------------------------


def test_only_windows_older_than_an_hour_are_reaped(customer):
    customer.create()
    customer.get(BOOKINGS)
    creates = RateWindow.objects.filter(name="user:1001 create")
    reads = RateWindow.objects.filter(name="user:1001 list")
    creates.update(started_at=F("started_at") - timedelta(minutes=61))
    reads.update(started_at=F("started_at") - timedelta(minutes=59))

    reaped = tasks.reap()

    assert reaped == 1
    assert list(RateWindow.objects.values_list("name", flat=True)) == ["user:1001 list"]
