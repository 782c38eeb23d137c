"""A row that somebody keeps takes two threads of a process, and leaves the others to everybody else."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from functools import partial

import pytest
from django.db import OperationalError, transaction
from django_q.models import OrmQ

from bookings.answers.results import Cancelled
from bookings.db import patience
from bookings.db.waiting_line import PLACES, WaitingLines
from bookings.errors import TemporarilyUnavailable
from bookings.gateways.rate_limits.database import DatabaseRateLimiter
from bookings.lifecycle import CancelReason
from bookings.models import Booking, IdempotencyRecord, RateWindow, UserHold
from bookings.services.bookings.cancel import cancel_booking_for_client
from bookings.services.bookings.create import create_booking
from bookings.services.bookings.orders import SeatOrder
from bookings.services.payments.pay import PaymentOrder, pay_booking
from bookings.wake import PLACE, wake_worker
from tests.races.crowd import PATIENCE_SECONDS, on_own_connection
from tests.support.bookings import a_key, an_initiated_booking, customer
from tests.support.fakes import FakePayments

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

# As many as a small web process has, and more requests than threads.
THREADS, REQUESTS = 8, 40

# A request waits for the database for so long; well before that another booking must have been answered.
SOON_SECONDS = 4.0


def in_a_request(act):
    """Do it as a web process does: within the time of a request, on this thread's own connection."""

    def work():
        with patience.at_most(patience.REQUEST_SECONDS):
            return act()

    return on_own_connection(work)


@contextmanager
def kept(lock):
    """Let a stuck transaction keep a row for the length of the block."""
    held, may_go = threading.Event(), threading.Event()

    def keep():
        with transaction.atomic():
            lock()
            held.set()
            may_go.wait(PATIENCE_SECONDS)

    with ThreadPoolExecutor(1) as pool:
        keeper = pool.submit(on_own_connection, keep)
        try:
            assert held.wait(PATIENCE_SECONDS), keeper.exception()
            yield
        finally:
            may_go.set()


def cancel(booking, keyed=None):
    return cancel_booking_for_client(
        booking_id=booking.pk, actor=customer(), reason=CancelReason.CUSTOMER_REQUEST, note="", keyed=keyed, payments={}
    )


def seconds_of_another(stuck, another):
    """Come for a row forty times, with eight threads, and then with something else: how long does that take?"""
    with ThreadPoolExecutor(THREADS) as pool:
        crowd = [pool.submit(in_a_request, stuck) for _ in range(REQUESTS)]
        began = time.monotonic()
        pool.submit(in_a_request, another).result()
        seconds = time.monotonic() - began
        pool.shutdown(cancel_futures=True)
    return seconds, [each.exception() for each in crowd if not each.cancelled()]


def test_forty_requests_for_a_booking_that_is_kept_leave_threads_for_another(flights, sim):
    locked, free = an_initiated_booking(flights), an_initiated_booking(flights)

    with kept(lambda: Booking.objects.select_for_update().get(pk=locked.pk)):
        seconds, refused = seconds_of_another(partial(cancel, locked), partial(cancel, free))

    assert seconds < SOON_SECONDS
    assert {type(error) for error in refused} <= {TemporarilyUnavailable, OperationalError}
    assert sum(isinstance(error, TemporarilyUnavailable) for error in refused) >= REQUESTS - THREADS
    assert {error.retry_after for error in refused if isinstance(error, TemporarilyUnavailable)} == {2}
    assert Booking.objects.get(pk=locked.pk).status == "initiated"


@pytest.mark.long
def test_without_places_they_would_take_all_threads(flights, sim, monkeypatch):
    """The twin."""
    monkeypatch.setattr(WaitingLines, "place_for", lambda self, row: nullcontext())
    locked, free = an_initiated_booking(flights), an_initiated_booking(flights)

    with kept(lambda: Booking.objects.select_for_update().get(pk=locked.pk)):
        seconds, _refused = seconds_of_another(partial(cancel, locked), partial(cancel, free))

    assert seconds > SOON_SECONDS


@pytest.mark.long
def test_where_the_place_of_the_wake_up_is_kept_cancellations_take_two_threads_and_all_stand(flights, sim):
    bookings = [an_initiated_booking(flights) for _ in range(REQUESTS)]
    wake_worker()

    with kept(lambda: OrmQ.objects.select_for_update().get(pk=PLACE)):
        seconds, outcomes = seconds_of_cancellations(bookings)

    assert seconds < SOON_SECONDS
    assert outcomes == {None}
    assert not Booking.objects.exclude(status="cancelled").exists()


@pytest.mark.long
def test_without_places_each_of_them_would_wait_for_the_wake_up(flights, sim, monkeypatch):
    """The twin."""
    monkeypatch.setattr(WaitingLines, "place_for", lambda self, row: nullcontext())
    bookings = [an_initiated_booking(flights) for _ in range(REQUESTS)]
    wake_worker()

    with kept(lambda: OrmQ.objects.select_for_update().get(pk=PLACE)):
        seconds, _outcomes = seconds_of_cancellations(bookings)

    assert seconds > SOON_SECONDS


def seconds_of_cancellations(bookings):
    """Cancel them all with eight threads; how long until most are answered, and how did all of them end?"""
    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        crowd = [pool.submit(in_a_request, partial(cancel, booking)) for booking in bookings]
        answered = as_completed(crowd)
        for _ in range(len(crowd) - PLACES):
            next(answered)
        seconds = time.monotonic() - began
    return seconds, {each.exception() for each in crowd}


@pytest.mark.long
def test_one_key_that_is_sent_again_and_again_leaves_threads_for_another(flights, sim):
    locked, free = an_initiated_booking(flights), an_initiated_booking(flights)
    keyed = a_key()

    def write_the_key():
        IdempotencyRecord.objects.create(
            principal=keyed.principal,
            endpoint=keyed.endpoint,
            key_hash=keyed.key_hash,
            fingerprint=keyed.fingerprint,
            created_at="2026-01-01T00:00:00Z",
        )

    with kept(write_the_key):
        seconds, _refused = seconds_of_another(partial(cancel, locked, keyed), partial(cancel, free))

    assert seconds < SOON_SECONDS


@pytest.mark.long
def test_payments_of_a_booking_that_is_kept_leave_threads_for_another(flights, sim):
    locked, free = an_initiated_booking(flights), an_initiated_booking(flights)

    def pay(booking):
        order = PaymentOrder(booking.pk, booking.total_cost)
        return pay_booking(order=order, actor=customer(), keyed=a_key(), payments=FakePayments(), gateways={})

    with kept(lambda: Booking.objects.select_for_update().get(pk=locked.pk)):
        seconds, _refused = seconds_of_another(partial(pay, locked), partial(pay, free))

    assert seconds < SOON_SECONDS


@pytest.mark.long
def test_creates_of_a_user_that_is_kept_leave_threads_for_another(flights, sim, settings):
    settings.MAX_UNPAID_BOOKINGS_PER_USER = 5
    UserHold.objects.create(user_id=1001)

    def create(user_id):
        order = SeatOrder(1, user_id, 1)
        return create_booking(order=order, actor=customer(), keyed=None, respond_async=False, flights=flights)

    with kept(lambda: UserHold.objects.select_for_update().get(pk=1001)):
        seconds, _refused = seconds_of_another(partial(create, 1001), partial(create, 1002))

    assert seconds < SOON_SECONDS + 1.0  # it asks the Flight Service besides
    assert Booking.objects.filter(user_id=1002).count() == 1


@pytest.mark.long
def test_a_limit_whose_row_is_kept_leaves_threads_for_another():
    limiter = DatabaseRateLimiter()
    spend = partial(limiter.spend, limit=1000, seconds=60)
    spend("greedy")

    with kept(lambda: RateWindow.objects.select_for_update().get(name="greedy")):
        seconds, _refused = seconds_of_another(partial(spend, "greedy"), partial(spend, "modest"))

    assert seconds < SOON_SECONDS


def test_a_crowd_at_a_booking_that_is_only_busy_is_served_to_the_last(flights, sim):
    booking = an_initiated_booking(flights)

    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(lambda _: in_a_request(partial(cancel, booking)), range(REQUESTS)))

    assert {type(result) for result in results} == {Cancelled}


def test_a_place_is_free_again_whatever_happened_to_the_one_that_had_it():
    lines = WaitingLines()
    for error in (
        None,
        OperationalError(1205, "lock wait"),
        OperationalError(1213, "deadlock"),
        ValueError("other"),
    ):
        for _ in range(3 * PLACES):
            try:
                with lines.place_for("row"):
                    if error:
                        raise error
            except (OperationalError, ValueError):
                pass

    with lines.place_for("row"), lines.place_for("row"), lines.place_for("another"):
        pass


def test_who_comes_to_a_line_that_is_known_to_be_stuck_is_told_at_once():
    lines = WaitingLines(clock=lambda: 1000.0)
    with pytest.raises(OperationalError), lines.place_for("row"):
        raise OperationalError(1205, "lock wait")

    with lines.place_for("row"), lines.place_for("row"):
        with pytest.raises(TemporarilyUnavailable), lines.place_for("row"):
            raise AssertionError("it was let in")
        with lines.place_for("another row"):
            pass
