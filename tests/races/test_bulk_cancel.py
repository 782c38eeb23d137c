"""
Many bookings cancelled together, by two workers at once, while customers pay: each booking ends once.

ROUNDS=100 runs each race a hundred times.
"""

import uuid
from functools import partial

import pytest
from django.db.models import Count

from bookings.db.clock import database_time
from bookings.gateways.payments.instant import InstantPayments
from bookings.lifecycle import CancelReason
from bookings.models import Booking, BookingEvent, BulkCancel, BulkCancelRow
from bookings.ports import Applied, SeatChange
from bookings.queries.bookings.bulk_cancel import plan_bulk_cancel
from bookings.services.bookings import bulk_cancel as service
from bookings.services.bookings.cancel import cancel_booking
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import forget_everything, rounds, without_constraints, without_row_locks
from tests.races.places import BULK_CANCEL_CHOSEN, BULK_CANCEL_DECIDED, BULK_CANCEL_WRITTEN
from tests.support.bookings import an_initiated_booking, customer, many_rows, one_pass, pay, status_of
from tests.support.bulk import FLIGHT_1, carry_out, start
from tests.support.invariants import assert_in_step, violations

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

BOOKINGS, SEATS_EACH = 100, 2


@pytest.fixture(autouse=True)
def one_person_cancels_any_number(settings):
    settings.BULK_APPROVAL_BOOKINGS = 0


def a_full_flight(flights):
    """Unpaid bookings of flight 1, their seats taken by one call."""
    change = SeatChange(uuid.uuid4(), 1, seats=BOOKINGS * SEATS_EACH, reserves=True)
    assert flights.change_seats(change, seconds=5) == Applied()
    many_rows(BOOKINGS, no_of_seats=SEATS_EACH)


def rows_by_state():
    return dict(BulkCancelRow.objects.values_list("state").annotate(rows=Count("pk")))


def cancelled_more_than_once():
    events = BookingEvent.objects.filter(what="cancelled").values("booking").annotate(times=Count("pk"))
    return events.exclude(times=1).count()


def decide_first_row(bulk):
    """Decide the first row of a bulk, whatever has become of it."""
    row = bulk.rows.order_by("booking_id").first()
    return service._decide_row(row.pk, row.booking_id, bulk=bulk)


def test_two_workers_cancel_each_booking_of_a_bulk_once(flights, sim):
    for _ in rounds(1):
        a_full_flight(flights)
        bulk = start()
        calls = sim.ledger()["calls"]["patch"]

        decided = all_at_once([carry_out] * 2)

        bulk.refresh_from_db()
        assert (sum(decided), bulk.finished_at is None) == (BOOKINGS, False)
        one_pass(flights, InstantPayments())
        assert (rows_by_state(), cancelled_more_than_once()) == ({"cancelled": BOOKINGS}, 0)
        assert BookingEvent.objects.filter(request_id="req-1").count() == BOOKINGS
        assert sim.ledger()["calls"]["patch"] - calls == 1
        assert_in_step(sim)
        forget_everything()


def test_a_row_that_one_worker_is_deciding_is_left_alone_by_the_other(flights, monkeypatch):
    an_initiated_booking(flights)
    bulk = start()
    decided = Halt(monkeypatch, BULK_CANCEL_DECIDED)

    outcomes = overtaken(partial(decide_first_row, bulk), partial(decide_first_row, bulk), at=decided)

    assert (outcomes, cancelled_more_than_once(), rows_by_state()) == ((1, 0), 0, {"cancelled": 1})


def test_twin_without_row_locks_two_workers_cancel_a_booking_twice(flights, monkeypatch):
    an_initiated_booking(flights)
    bulk = start()
    without_row_locks(monkeypatch)
    decided = Halt(monkeypatch, BULK_CANCEL_DECIDED)

    outcomes = overtaken(partial(decide_first_row, bulk), partial(decide_first_row, bulk), at=decided)

    assert (outcomes, cancelled_more_than_once()) == ((1, 1), 1)


def test_a_customer_who_pays_while_the_worker_cancels_is_refunded_or_refused(flights, sim, either_gateway):
    for _ in rounds(5):
        booking = an_initiated_booking(flights)
        start()

        answer, _ = all_at_once([partial(pay, booking, either_gateway), carry_out])

        one_pass(flights, either_gateway)
        booking.refresh_from_db()
        assert status_of(answer) in (201, 402, 409)
        assert (booking.status, cancelled_more_than_once()) == ("cancelled", 0)
        assert BulkCancel.objects.filter(finished_at=None).count() == 0
        assert_in_step(sim, None if either_gateway.settles_here else either_gateway)


def test_who_pays_while_the_worker_decides_waits_and_is_refused(flights, sim, monkeypatch):
    booking = an_initiated_booking(flights)
    start()
    decided = Halt(monkeypatch, BULK_CANCEL_DECIDED)

    _, answer = overtaken(carry_out, partial(pay, booking, InstantPayments()), at=decided)

    assert status_of(answer) == 409
    one_pass(flights, InstantPayments())
    assert_in_step(sim)


def test_twin_without_row_locks_a_customers_money_is_kept_for_a_cancelled_booking(flights, monkeypatch):
    booking = an_initiated_booking(flights)
    start()
    without_row_locks(monkeypatch)
    decided = Halt(monkeypatch, BULK_CANCEL_DECIDED)

    _, answer = overtaken(carry_out, partial(pay, booking, InstantPayments()), at=decided)

    assert status_of(answer) == 201
    (found,) = violations()
    assert found.startswith("Q6: paid, but not booked")


def test_a_customer_and_the_worker_cancel_once(flights, sim):
    for _ in rounds(5):
        booking = an_initiated_booking(flights)
        start()
        by_customer = partial(
            cancel_booking, booking_id=booking.pk, actor=customer(), reason=CancelReason.CUSTOMER_REQUEST
        )

        all_at_once([by_customer, carry_out])

        one_pass(flights, InstantPayments())
        assert cancelled_more_than_once() == 0
        assert BulkCancel.objects.filter(finished_at=None).count() == 0
        assert_in_step(sim)


def double_click():
    """Two requests of one form that was sent twice."""
    return partial(start, action_key=uuid.uuid4(), seen=plan_bulk_cancel(FLIGHT_1).seen)


def test_a_form_that_is_sent_three_times_at_once_starts_one_bulk():
    for number in rounds(5):
        many_rows(3)

        bulks = all_at_once([double_click()] * 3)

        assert len({bulk.pk for bulk in bulks}) == 1
        assert BulkCancel.objects.count() == number + 1


def test_twin_without_the_unique_key_a_double_click_starts_two_bulks(monkeypatch):
    many_rows(3)
    with without_constraints(BulkCancel, "bulk_cancel_action_key_unique"):
        written = Halt(monkeypatch, BULK_CANCEL_CHOSEN)
        sent = double_click()

        first, second = overtaken(sent, sent, at=written)

        assert first.pk != second.pk


def test_a_bulk_is_not_finished_while_another_worker_decides_its_last_row(flights, monkeypatch):
    bulk = a_bulk_whose_last_row_is_being_decided(flights, monkeypatch)

    bulk.refresh_from_db()
    assert bulk.finished_at is None
    carry_out()
    bulk.refresh_from_db()
    assert bulk.finished_at is not None


def test_twin_that_does_not_look_for_waiting_rows_finishes_too_early(flights, monkeypatch):
    bulk = a_bulk_whose_last_row_is_being_decided(flights, monkeypatch, finish=finish_without_a_look)

    bulk.refresh_from_db()
    assert bulk.finished_at is not None


def a_bulk_whose_last_row_is_being_decided(flights, monkeypatch, finish=service._finish):
    """One worker has decided the last row but for its COMMIT; another one comes to the end meanwhile."""
    an_initiated_booking(flights)
    bulk = start()
    written = Halt(monkeypatch, BULK_CANCEL_WRITTEN)

    overtaken(partial(decide_first_row, bulk), partial(finish, bulk.pk), at=written)

    return bulk


def finish_without_a_look(bulk_id):
    BulkCancel.objects.filter(pk=bulk_id).update(finished_at=database_time())


def test_a_booking_can_be_paid_while_a_bulk_is_asked_for(flights):
    booking = an_initiated_booking(flights)
    many_rows(BOOKINGS)

    _, answer = all_at_once([start, partial(pay, booking, InstantPayments())])

    assert status_of(answer) == 201
    assert Booking.objects.get(pk=booking.pk).status == "booked"
